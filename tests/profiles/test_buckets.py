"""Buckets beyond their narrow width: many customers, light and heavy, against brute force; places are given back and used again."""

import random

import numpy as np
import pytest

from opportune.facts import Kind, point, value_type
from opportune.profiles import (
    MEASURES,
    PROFILES,
    RECORDS,
    SLOT_COUNT,
    UNIT_DAY,
    UNIT_HOUR,
    WIDE_PLACE,
    HotCounter,
    HotTag,
    count_event,
    create_record,
    plan_records,
    point_records,
    read_column,
    roll_windows,
)

CUSTOMERS = 12
DAYS, HOURS = 5, 30
RANGE = 30_000


class Town:
    """Customers with four rolling counters: counts and sums, of days and of hours."""

    def __init__(self) -> None:
        kind = value_type(Kind.INT, 0, -RANGE, RANGE)
        self.counters = [
            HotCounter(
                HotTag(f"{measure}_{unit}", number, kind), number, MEASURES.index(measure),
                SLOT_COUNT if measure == "count" else 0, unit=unit, buckets=DAYS if unit == UNIT_DAY else HOURS,
            )
            for number, (measure, unit) in enumerate((m, u) for m in ("count", "sum") for u in (UNIT_DAY, UNIT_HOUR))
        ]  # fmt: skip
        self.plan, self.layout = plan_records([], self.counters, 4, 4)
        self.size = self.layout.record_bytes
        self.buffer = np.zeros(CUSTOMERS * self.size, np.uint8)
        self.places = np.zeros((CUSTOMERS + 1) * self.layout.wide_bytes, np.uint8)
        self._bundles = np.zeros(1, PROFILES).view(np.recarray), np.zeros(2, RECORDS).view(np.recarray)
        self.profiles, self.records, self.wide = self._bundles[0][0], self._bundles[1][0], self._bundles[1][1]
        point(self.profiles, self.plan._asdict())
        point_records(self.records, self.buffer)
        point_records(self.wide, self.places)
        for row in range(CUSTOMERS):
            create_record(self.profiles, self.records, row)

    def roll(self, row: int, hour: int) -> None:
        """Time has come to `hour` for a customer."""
        roll_windows(self.profiles, self.records, self.wide, row * self.size, hour, hour // 24)

    def meet(self, row: int, hour: int, at: int, number: int, value: int) -> None:
        """Roll to `hour` and count one event of the hour `at`."""
        self.roll(row, hour)
        base, ages = row * self.size, (hour - at, hour // 24 - at // 24)
        count_event(self.profiles, self.records, self.wide, base, number, value, at * 3_600_000, *ages)

    def figures(self, number: int) -> list[int]:
        """A counter's figure of every customer."""
        return read_column(self.buffer, CUSTOMERS, self.size, *self.layout.columns[number]).tolist()

    def wide_places(self) -> list[int]:
        """The place of every customer who has one."""
        found = read_column(self.buffer, CUSTOMERS, self.size, WIDE_PLACE, 4)
        return [int(place) for place in found if place]


def clamped(value: int) -> int:
    """A figure within the declared range."""
    return min(max(value, -RANGE), RANGE)


def brute(town: Town, met: list[tuple[int, int, int, int]], row: int, number: int, hour: int) -> int:
    """A counter's figure from all events ever met: (customer, counter, hour, value)."""
    counter = town.counters[number]
    length = 24 if counter.unit == UNIT_DAY else 1
    buckets: dict[int, int] = {}
    for who, what, at, value in met:
        if (who, what) == (row, number) and hour // length - at // length < counter.buckets:
            step = 1 if counter.measure == MEASURES.index("count") else value
            buckets[at // length] = clamped(buckets.get(at // length, 0) + step)
    return clamped(sum(buckets.values()))


@pytest.mark.parametrize("seed", range(6))
def test_narrow_and_wide_buckets_count_alike(seed: int) -> None:
    r = random.Random(seed)
    town, met, hour = Town(), [], 480_000
    most_places = 0
    for _ in range(40):
        hour += r.choice([0, 1, 3, 24, 90])
        for row in range(CUSTOMERS):
            heavy = row % 3 == seed % 3
            number = r.randrange(4)
            for _ in range(r.choice([140, 3]) if heavy and number < 2 else 1):
                value, at = r.randint(-300, 300) if heavy else r.randint(-9, 9), hour - r.choice([0, 0, 1, 25])
                town.meet(row, hour, at, number, value)
                met.append((row, number, at, value))
        places = town.wide_places()
        assert len(set(places)) == len(places), "two customers share a place"
        most_places = max(most_places, len(places))
        for row in range(CUSTOMERS):
            town.roll(row, hour)
        for number in range(4):
            expected = [brute(town, met, row, number, hour) for row in range(CUSTOMERS)]
            assert town.figures(number) == expected, (seed, hour, number)
    assert most_places > 1
    assert int(town.wide.used) <= CUSTOMERS


def test_a_place_is_given_back_when_all_fits_again_and_used_by_the_next() -> None:
    town, hour = Town(), 480_000
    for row in (1, 2):
        town.meet(row, hour, hour, 2, 500)
    assert town.wide_places() == [1, 2]
    town.roll(1, hour + 24 * DAYS)
    assert town.wide_places() == [2]
    assert town.figures(2)[1] == 0
    town.meet(3, hour, hour, 2, -500)
    assert town.wide_places() == [2, 1]
    assert (int(town.wide.used), int(town.wide.free)) == (2, 0)
    assert town.figures(2)[1:4] == [0, 500, -500]


def test_the_record_is_as_narrow_as_it_says() -> None:
    town = Town()
    widths = {town.counters[n].tag.name: town.layout.rings[n][1] for n in range(4)}
    assert set(widths.values()) == {1}
    assert town.layout.record_bytes < 12 + 4 * 2 + 2 * (DAYS + HOURS) + 8
    assert town.layout.wide_bytes >= 2 * 2 * (DAYS + HOURS)
