"""The layout of a customer's record: hot tags and counters as typed columns in one row of bytes.

A record begins with the two bucket clocks of the rolling counters and the place of wide buckets, then columns in falling width, so
that each is aligned. Buckets of counts and sums are narrower than their figure; `buckets` says where they go when one does not fit.
"""

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import NULL, ValueType, bundle, point, table
from opportune.profiles.definitions import Measure

HOUR_CLOCK, DAY_CLOCK, WIDE_PLACE, RECORD_HEADER_BYTES = 0, 4, 8, 12
WIDE_HEADER_BYTES = 8
"""The beginning of a place of wide buckets: the next free place, while it is free."""
BUCKETS_MAX = 1_024
RECORD_BYTES_MAX = 65_536
RECORD_BYTES_ALONE_MAX = 16_777_216
"""A record with a column for every tag of the catalogue, in an engine of one customer's own."""
MEASURES: tuple[Measure, ...] = ("count", "sum", "min", "max", "first", "last", "distinct")
COUNT, SUM, MIN, MAX, FIRST, LAST, DISTINCT = range(7)
DISTINCT_DEFAULT, DISTINCT_MAX = 20, 100
CELL_BYTES = 16
"""A value that a distinct counter remembers, and its newest bucket."""
SLOT_COUNT, SLOT_AT = -1, -2
UNIT_LIFE, UNIT_HOUR, UNIT_DAY = 0, 1, 2

COLUMN = np.dtype([("offset", "i4"), ("width", "i4")])
COUNTER = np.dtype(
    [
        ("low", "i8"),
        ("high", "i8"),
        ("offset", "i4"),  # of the figure itself
        ("width", "i4"),  # of the figure
        ("measure", "i4"),
        ("slot", "i4"),  # event slot, SLOT_AT or SLOT_COUNT
        ("clause_first", "i4"),
        ("clause_count", "i4"),
        ("unit", "i4"),
        ("ring", "i4"),  # offset of the first bucket
        ("narrow", "i4"),  # width of each bucket in the record
        (
            "wide_ring",
            "i4",
        ),  # offset of the first bucket in a place of wide ones, as wide as the figure; -1: buckets are never narrower
        ("buckets", "i4"),
        ("stamp", "i4"),  # offset of the moment of a lifetime first or last
        ("cells", "i4"),  # how many values a distinct counter remembers, from `ring` on
    ]
)


class HotTag(msgspec.Struct, frozen=True):
    """A tag that live definitions use and that has a column: its number and type."""

    name: str
    number: int
    type: ValueType


class HotCounter(msgspec.Struct, frozen=True):
    """A counter tag in use. `slot` is the event's value slot; the clause range is its compiled `where`."""

    tag: HotTag
    event: int
    measure: int
    slot: int
    clause_first: int = 0
    clause_count: int = 0
    unit: int = UNIT_LIFE
    buckets: int = 0
    fingerprint: str = ""

    @property
    def cells(self) -> int:
        """How many values a distinct counter remembers."""
        return self.tag.type.high if self.measure == DISTINCT else 0


class ProfilePlan(NamedTuple):
    """The record layout for the kernel.

    columns          recarray COLUMN, one per hot tag (counters' figures included)
    tag_columns      i4[tags]: column of a tag number, -1 where the tag is cold or derived
    counters         recarray COUNTER, sorted by event
    event_counters   i4[events+1]: counters of event e are counters[event_counters[e]:event_counters[e+1]]
    hourly, daily    i4[]: the rolling counters by bucket unit
    narrow           i4[]: the rolling counters whose buckets are narrower than their figure
    template         i8[]: the record of a new customer
    wide_place       i8[]: a place of wide buckets, empty; no words where no counter needs one
    """

    columns: np.recarray
    tag_columns: NDArray[np.int32]
    counters: np.recarray
    event_counters: NDArray[np.int32]
    hourly: NDArray[np.int32]
    daily: NDArray[np.int32]
    narrow: NDArray[np.int32]
    template: NDArray[np.int64]
    wide_place: NDArray[np.int64]


PROFILES = bundle(dict.fromkeys(ProfilePlan._fields, 1))
"""The bundle of a ProfilePlan; the functions below give its tables to the kernel."""
columns_of, counters_of = table("columns", COLUMN), table("counters", COUNTER)
tag_columns_of, event_counters_of = table("tag_columns", "i4"), table("event_counters", "i4")
hourly_of, daily_of, narrow_of = table("hourly", "i4"), table("daily", "i4"), table("narrow", "i4")
template_of, wide_place_of = table("template", "i8"), table("wide_place", "i8")

RECORDS = bundle({"i1": 1, "i2": 1, "i4": 1, "i8": 1}, [("used", "i8"), ("free", "i8")])
"""The bundle of all customers' records, or of the places of wide buckets: one buffer seen as integers of each width.

Only of places: `used` counts those ever used (place 0 never is), `free` is the first of the list of those given back.
"""
i1_of, i2_of, i4_of, i8_of = table("i1", "i1"), table("i2", "i2"), table("i4", "i4"), table("i8", "i8")


class Layout(msgspec.Struct, frozen=True):
    """Where each tag's bytes are: what a snapshot or a change of playbook needs to move records.

    `columns` maps a tag number to (offset, width); `rings` a counter's tag number to (offset, width, buckets, stamp, fingerprint);
    `wide_rings` that of a counter with narrow buckets to (offset, bytes) in a place of wide ones.
    """

    record_bytes: int
    wide_bytes: int
    columns: dict[int, tuple[int, int]]
    rings: dict[int, tuple[int, int, int, int, str]]
    wide_rings: dict[int, tuple[int, int]]


def plan_records(
    tags: list[HotTag], counters: list[HotCounter], tag_count: int, event_count: int, bytes_max: int = RECORD_BYTES_MAX
) -> tuple[ProfilePlan, Layout]:
    """Lay out the record of the given hot tags and counters. Raises ValueError where a record would be larger than `bytes_max`."""
    counters = sorted(counters, key=lambda c: (c.event, c.tag.number))
    items: list[tuple[int, int, str, int]] = []  # width, items, what, index
    items += [(tag.type.width, 1, "tag", i) for i, tag in enumerate(tags)]
    for i, counter in enumerate(counters):
        width = counter.tag.type.width
        items.append((width, 1, "figure", i))
        if counter.cells:
            items.append((8, counter.cells * CELL_BYTES // 8, "ring", i))
        elif counter.unit != UNIT_LIFE:
            items.append((bucket_width(counter), counter.buckets, "ring", i))
        elif counter.measure in (FIRST, LAST):
            items.append((8, 1, "stamp", i))
    offsets: dict[tuple[str, int], int] = {}
    end = RECORD_HEADER_BYTES
    for width, many, what, i in sorted(items, key=lambda item: -item[0]):
        end += -end % width
        offsets[what, i] = end
        end += width * many
    size = (end + 7) // 8 * 8
    wide_rings, wide_bytes = _wide_rings(counters)
    most = max(size, wide_bytes)
    if most > bytes_max:
        raise ValueError(
            f"a customer's record would take {most:,} bytes, more than {bytes_max:,}; use fewer or coarser counters"
        )
    columns = np.zeros(len(tags) + len(counters), COLUMN).view(np.recarray)
    tag_columns = np.full(tag_count, -1, np.int32)
    layout = Layout(size, wide_bytes, {}, {}, wide_rings)
    for i, tag in enumerate(tags):
        columns[i] = (offsets["tag", i], tag.type.width)
        tag_columns[tag.number] = i
        layout.columns[tag.number] = (offsets["tag", i], tag.type.width)
    rows = np.zeros(len(counters), COUNTER).view(np.recarray)
    for i, c in enumerate(counters):
        at, width = offsets["figure", i], c.tag.type.width
        ring, stamp = offsets.get(("ring", i), -1), offsets.get(("stamp", i), -1)
        columns[len(tags) + i] = (at, width)
        layout.columns[c.tag.number] = (at, width)
        layout.rings[c.tag.number] = (ring, bucket_width(c), c.cells or c.buckets, stamp, c.fingerprint)
        rows[i] = (
            c.tag.type.low, c.tag.type.high, at, width, c.measure, c.slot, c.clause_first, c.clause_count,
            c.unit, ring, bucket_width(c), wide_rings.get(c.tag.number, (-1, 0))[0], c.buckets, stamp, c.cells,
        )  # fmt: skip
    event_counters = np.searchsorted([c.event for c in counters], np.arange(event_count + 1)).astype(np.int32)
    units = np.array([c.unit for c in counters], np.int32)
    plan = ProfilePlan(
        columns, tag_columns, rows, event_counters,
        np.flatnonzero(units == UNIT_HOUR).astype(np.int32), np.flatnonzero(units == UNIT_DAY).astype(np.int32),
        np.flatnonzero(rows.wide_ring >= 0).astype(np.int32), _template(size, columns, rows), np.zeros(wide_bytes // 8, np.int64),
    )  # fmt: skip
    return plan, layout


def bucket_width(counter: HotCounter) -> int:
    """Bytes of a counter's buckets in the record: a count's is one byte, a sum's half as wide as the figure; or of a remembered value."""
    width = counter.tag.type.width
    if counter.cells:
        return CELL_BYTES
    if counter.unit == UNIT_LIFE or counter.measure not in (COUNT, SUM) or width == 1:
        return width
    return 1 if counter.measure == COUNT else width // 2


def _wide_rings(counters: list[HotCounter]) -> tuple[dict[int, tuple[int, int]], int]:
    """(offset and bytes of each ring, bytes of a place) where buckets go that do not fit their narrow width."""
    rings: dict[int, tuple[int, int]] = {}
    end = WIDE_HEADER_BYTES
    for counter in sorted(counters, key=lambda c: -c.tag.type.width):
        if bucket_width(counter) < counter.tag.type.width:
            size = counter.tag.type.width * counter.buckets
            rings[counter.tag.number] = (end, size)
            end += size
    return rings, (end + 7) // 8 * 8 if rings else 0


def _template(size: int, columns: np.recarray, counters: np.recarray) -> NDArray[np.int64]:
    record = np.zeros(size, np.uint8)

    def put(offset: int, width: int, value: int) -> None:
        narrow = -(2 ** (8 * width - 1)) if value == NULL else value
        record[offset : offset + width] = np.frombuffer(narrow.to_bytes(width, "little", signed=True), np.uint8)

    put(HOUR_CLOCK, 4, -(2**31) + 1)
    put(DAY_CLOCK, 4, -(2**31) + 1)
    for column in columns:
        put(int(column.offset), int(column.width), NULL)
    for counter in counters:
        empty = 0 if counter.measure in (COUNT, SUM, DISTINCT) else NULL
        width = int(counter.width)
        put(int(counter.offset), width, empty)
        for cell in range(int(counter.cells)):
            put(int(counter.ring) + cell * CELL_BYTES, 8, NULL)
        for bucket in range(int(counter.buckets) if counter.ring >= 0 and not counter.cells else 0):
            put(int(counter.ring) + bucket * int(counter.narrow), int(counter.narrow), empty)
        if counter.stamp >= 0:
            put(int(counter.stamp), 8, NULL)
    return record.view(np.int64)


def point_records(into: Any, buffer: NDArray[np.uint8]) -> None:
    """Point a RECORDS bundle at a byte buffer (rows x record bytes)."""
    point(into, {f"i{width}": buffer.view(f"i{width}") for width in (1, 2, 4, 8)})


def read_column(buffer: NDArray[np.uint8], rows: int, record_bytes: int, offset: int, width: int) -> NDArray[np.int64]:
    """One column of the first `rows` customers as encoded int64 values, NULL where NULL."""
    table = buffer[: rows * record_bytes].reshape(rows, record_bytes)
    narrow = np.ascontiguousarray(table[:, offset : offset + width]).view(f"i{width}").reshape(rows)
    wide = narrow.astype(np.int64)
    wide[narrow == np.iinfo(narrow.dtype).min] = NULL
    return wide
