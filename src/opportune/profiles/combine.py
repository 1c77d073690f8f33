"""Two customers' counters become one's: what the record would hold had all events been hers. Kernel functions over bundles.

Both records are first rolled to the same bucket. `base` is where the record begins that stays, `other` the one that is absorbed.
"""

from typing import Any

from opportune.facts import NULL, compiled_leaf
from opportune.profiles.buckets import ring_place, widen
from opportune.profiles.cells import fits, load, store
from opportune.profiles.columns import (
    CELL_BYTES,
    COUNT,
    DAY_CLOCK,
    DISTINCT,
    FIRST,
    HOUR_CLOCK,
    SUM,
    UNIT_DAY,
    UNIT_LIFE,
    WIDE_PLACE,
    counters_of,
    i4_of,
    i8_of,
    template_of,
    wide_place_of,
)
from opportune.profiles.fold import clamped_sum, combine, figure_of, remember_value, roll_windows


@compiled_leaf
def combine_counters(plan: Any, records: Any, wide: Any, base: int, other: int, hour: int, day: int) -> None:
    """Add the counters of the record at `other` to those of the record at `base`, as of this hour and day."""
    for at in (base, other):
        hour = max(hour, i4_of(records)[(at + HOUR_CLOCK) >> 2])
        day = max(day, i4_of(records)[(at + DAY_CLOCK) >> 2])
    roll_windows(plan, records, wide, base, hour, day)
    roll_windows(plan, records, wide, other, hour, day)
    for i in range(len(counters_of(plan))):
        counter = counters_of(plan)[i]
        if counter.measure == DISTINCT:
            for cell in range(counter.cells):
                at = (other + counter.ring + cell * CELL_BYTES) >> 3
                if i8_of(records)[at] != NULL:
                    remember_value(records, base, counter, i8_of(records)[at], i8_of(records)[at + 1])
        elif counter.unit == UNIT_LIFE:
            _combine_life(records, base, other, counter)
        else:
            newest = int(i4_of(records)[(base + (DAY_CLOCK if counter.unit == UNIT_DAY else HOUR_CLOCK)) >> 2])
            _combine_window(plan, records, wide, base, other, i, newest)


@compiled_leaf
def _both(measure: int, ours: int, theirs: int) -> int:
    """The figure of two that are both there: of first and last, whose order is not known, the greater."""
    if measure in (COUNT, SUM):
        return ours + theirs
    return max(ours, theirs) if measure >= FIRST else combine(measure, ours, theirs)


@compiled_leaf
def _combine_life(records: Any, base: int, other: int, counter: Any) -> None:
    width, measure = int(counter.width), int(counter.measure)
    ours, theirs = load(records, base + counter.offset, width), load(records, other + counter.offset, width)
    if theirs == NULL:
        return
    if measure >= FIRST:
        mine, yours = (base + counter.stamp) >> 3, (other + counter.stamp) >> 3
        stamp, theirs_at = i8_of(records)[mine], i8_of(records)[yours]
        if ours != NULL and stamp != theirs_at:
            if (measure == FIRST) == (stamp < theirs_at):
                return
            ours = NULL
        i8_of(records)[mine] = theirs_at
    value = theirs if ours == NULL else _both(measure, ours, theirs)
    store(records, base + counter.offset, width, min(max(value, counter.low), counter.high))


@compiled_leaf
def _combine_window(plan: Any, records: Any, wide: Any, base: int, other: int, i: int, newest: int) -> None:
    """Bucket by bucket; a sum that does not fit a narrow bucket moves the record's buckets to a wide place."""
    counter = counters_of(plan)[i]
    width, n, measure = int(counter.width), int(counter.buckets), int(counter.measure)
    empty = 0 if measure in (COUNT, SUM) else NULL
    from_cells, from_ring, from_width = records, other + counter.ring, int(counter.narrow)
    place = ring_place(plan, records, other, i)
    if place:
        from_cells, from_ring, from_width = wide, place, width
    cells, ring, bucket_width = records, base + counter.ring, int(counter.narrow)
    place = ring_place(plan, records, base, i)
    if place:
        cells, ring, bucket_width = wide, place, width
    met = False
    for bucket in range(n):
        theirs = load(from_cells, from_ring + bucket * from_width, from_width)
        if theirs == empty:
            continue
        met = True
        ours = load(cells, ring + bucket * bucket_width, bucket_width)
        value = theirs if ours == empty else _both(measure, ours, theirs)
        value = min(max(value, counter.low), counter.high)
        if bucket_width < width and not fits(value, bucket_width):
            widen(plan, records, wide, base)
            cells, ring, bucket_width = wide, ring_place(plan, records, base, i), width
        store(cells, ring + bucket * bucket_width, bucket_width, value)
    if met:
        if empty == 0:
            figure = clamped_sum(cells, ring, bucket_width, n, counter.low, counter.high)
        else:
            figure = figure_of(cells, ring, bucket_width, n, measure, newest)
        store(records, base + counter.offset, width, figure)


@compiled_leaf
def copy_record(plan: Any, records: Any, wide: Any, row: int, other: Any, other_wide: Any, other_row: int) -> None:
    """Copy a customer's record out of another state, laid out alike; the record at `row` is a new customer's."""
    words = len(template_of(plan))
    for word in range(words):
        i8_of(records)[row * words + word] = i8_of(other)[other_row * words + word]
    at = (row * words * 8 + WIDE_PLACE) >> 2
    theirs = int(i4_of(records)[at])
    if theirs == 0:
        return
    i4_of(records)[at] = 0
    widen(plan, records, wide, row * words * 8)
    size, ours = len(wide_place_of(plan)), int(i4_of(records)[at])
    for word in range(size):
        i8_of(wide)[ours * size + word] = i8_of(other_wide)[theirs * size + word]
