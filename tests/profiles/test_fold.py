"""Counters against brute force: every measure, rolling and for life, narrow and wide, late and NULL, at the ends of ranges."""

import random
from typing import Any, NamedTuple

import numpy as np
import pytest

from opportune.facts import NULL, Kind, ValueType, point, value_type
from opportune.profiles import (
    FOLDED_LATE,
    MEASURES,
    PROFILES,
    RECORDS,
    SLOT_COUNT,
    UNIT_DAY,
    UNIT_HOUR,
    UNIT_LIFE,
    HotCounter,
    HotTag,
    count_event,
    create_record,
    load,
    plan_records,
    point_records,
    read_column,
    roll_windows,
    set_tag,
    store,
)  # fmt: skip

HOURS_PER_DAY = 24
RANGES = [(-100, 100), (0, 60), (-30_000, 30_000), (-(2**30), 2**30), (-(2**52), 2**52)]


class Met(NamedTuple):
    """An event as brute force keeps it: when in buckets, when in ms, and its value."""

    hour: int
    at: int
    value: int


class Table:
    """Two customers' records with one counter and one tag; row 1 is counted, row 0 must stay as it was made."""

    def __init__(self, counter: HotCounter, tag: HotTag) -> None:
        self.counter = counter
        self.plan, self.layout = plan_records([tag], [counter], 10, 1)
        self.buffer = np.zeros(2 * self.layout.record_bytes, np.uint8)
        self.wide_buffer = np.zeros(3 * self.layout.wide_bytes, np.uint8)
        self._bundles = np.zeros(1, PROFILES).view(np.recarray), np.zeros(2, RECORDS).view(np.recarray)
        self.profiles, self.records, self.wide = self._bundles[0][0], self._bundles[1][0], self._bundles[1][1]
        point(self.profiles, self.plan._asdict())
        point_records(self.records, self.buffer)
        point_records(self.wide, self.wide_buffer)
        for row in (0, 1):
            create_record(self.profiles, self.records, row)
        self.base = self.layout.record_bytes
        self.untouched = self.buffer[: self.base].copy()

    def meet(self, now_hour: int, hour: int, at: int, value: int) -> int:
        """Roll to now and count one event."""
        day = now_hour // HOURS_PER_DAY
        roll_windows(self.profiles, self.records, self.wide, self.base, now_hour, day)
        ages = now_hour - hour, day - hour // HOURS_PER_DAY
        return int(count_event(self.profiles, self.records, self.wide, self.base, 0, value, at, *ages))

    def figure(self) -> int:
        """The counter's figure, as a column is read."""
        offset, width = self.layout.columns[self.counter.tag.number]
        assert np.array_equal(self.buffer[: self.base], self.untouched), "another customer's record was written"
        return int(read_column(self.buffer, 2, self.base, offset, width)[1])


def fold(measure: str, values: list[int], kind: ValueType) -> int:
    """One measure of values in order, each partial figure within the range."""
    if measure in ("count", "sum"):
        total = 0
        for value in values:
            step = 1 if measure == "count" else min(max(value, kind.low), kind.high)
            total = min(max(total + step, kind.low), kind.high)
        return total
    kept = [min(max(value, kind.low), kind.high) for value in values]
    if not kept:
        return NULL
    return {"min": min(kept), "max": max(kept), "first": kept[0], "last": kept[-1]}[measure]


def brute(measure: str, unit: int, buckets: int, met: list[Met], now_hour: int, kind: ValueType) -> int:
    """The figure over all events ever met, in order of arrival."""
    found = [one for one in met if one.value != NULL or measure == "count"]
    if unit == UNIT_LIFE:
        if measure in ("first", "last") and found:
            moments = [one.at for one in found]
            edge = min(moments) if measure == "first" else max(moments)
            found = [one for one in found if one.at == edge]
        return fold(measure, [one.value for one in found], kind)
    length = 1 if unit == UNIT_HOUR else HOURS_PER_DAY
    newest = now_hour // length
    places: dict[int, list[int]] = {}
    for one in found:
        if one.hour // length > newest - buckets:
            places.setdefault(one.hour // length, []).append(one.value)
    figures = [fold(measure, places[place], kind) for place in sorted(places)]
    if measure in ("count", "sum"):
        return min(max(sum(figures), kind.low), kind.high)
    return fold(measure, figures, kind)


def made(measure: str, unit: int, buckets: int, low: int, high: int) -> tuple[HotCounter, ValueType]:
    """A counter and the type of its figure."""
    kind = value_type(Kind.INT, 0, low, high)
    slot = SLOT_COUNT if measure == "count" else 0
    return HotCounter(HotTag("c", 3, kind), 0, MEASURES.index(measure), slot, unit=unit, buckets=buckets), kind


@pytest.mark.parametrize("measure", [one for one in MEASURES if one != "distinct"])  # tests/engine/test_distinct.py
@pytest.mark.parametrize("unit", [UNIT_LIFE, UNIT_HOUR, UNIT_DAY])
def test_counters_are_what_brute_force_says(measure: str, unit: int) -> None:
    for seed in range(25):
        r = random.Random(f"{measure} {unit} {seed}")
        low, high = r.choice(RANGES)
        buckets = 0 if unit == UNIT_LIFE else r.choice([1, 2, 7, 24])
        counter, kind = made(measure, unit, buckets, low, high)
        table, met, now = Table(counter, HotTag("t", 4, value_type(Kind.INT))), [], 500_000
        reach = 3 * max(buckets, 1) * (HOURS_PER_DAY if unit == UNIT_DAY else 1)
        for _ in range(60):
            now += r.choice([0, 0, 0, 1, 1, 5, reach])
            hour = now - r.choice([0, 0, 0, 1, r.randint(0, reach)])
            at = hour * 3_600_000 + r.randrange(0, 3_600_000, 900_000)
            value = r.choice([NULL, r.randint(low, high), r.randint(low // 4, high // 4), r.randint(-40, 40)])
            late = (
                unit != UNIT_LIFE
                and now // (1 if unit == UNIT_HOUR else 24) - hour // (1 if unit == UNIT_HOUR else 24) >= buckets
            )
            folded = table.meet(now, hour, at, value)
            assert (folded == FOLDED_LATE) == (late and (value != NULL or measure == "count"))
            met.append(Met(hour, at, value))
            assert table.figure() == brute(measure, unit, buckets, met, now, kind), (seed, now)


def test_an_expired_negative_value_cannot_break_the_range() -> None:
    counter, _ = made("sum", UNIT_HOUR, 3, -100, 100)
    table = Table(counter, HotTag("t", 4, value_type(Kind.INT)))
    for hour, value in ((10, -50), (11, 90), (12, 40)):
        table.meet(hour, hour, hour, value)
    assert table.figure() == 80
    table.meet(13, 13, 13, NULL)
    assert table.figure() == 100  # 130 does not fit the column's one byte


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_a_value_of_each_width_is_stored_and_loaded(width: int) -> None:
    counter, _ = made("count", UNIT_LIFE, 0, 0, 100)
    table = Table(counter, HotTag("t", 4, value_type(Kind.INT)))
    most = 2 ** (8 * width - 1) - 1
    for value in (NULL, 0, -1, most, -most):
        store(table.records, table.base, width, value)
        assert load(table.records, table.base, width) == value


def test_tags_are_set_and_cold_ones_are_left() -> None:
    counter, _ = made("count", UNIT_LIFE, 0, 0, 100)
    table = Table(counter, HotTag("t", 4, value_type(Kind.INT, 0, -5, 5)))
    offset, width = table.layout.columns[4]

    def column() -> Any:
        return read_column(table.buffer, 2, table.base, offset, width).tolist()

    assert column() == [NULL, NULL]
    set_tag(table.profiles, table.records, table.base, 4, -5)
    for cold in (3, 9, 10, 60_000):  # a counter's, a number without a column, numbers beyond the table
        set_tag(table.profiles, table.records, table.base, cold, 5)
    assert column() == [NULL, -5]
    assert table.figure() == 0


def test_a_record_too_large_is_refused() -> None:
    kind = value_type(Kind.INT)
    counters = [HotCounter(HotTag(f"c{i}", i, kind), 0, 1, 0, unit=UNIT_HOUR, buckets=1_024) for i in range(9)]
    with pytest.raises(ValueError, match="use fewer or coarser counters"):
        plan_records([], counters, 9, 1)
