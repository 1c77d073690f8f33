"""Folding facts into a customer's record: tags set, counters counted, windows rolled. Kernel functions over bundles.

`records` is the bundle of all customers' records, `wide` that of the places of wide buckets, `base` where the customer's record begins.
"""

from typing import Any

from opportune.facts import NULL, compiled, compiled_leaf
from opportune.profiles.buckets import leave_wide_place, narrow_again, ring_place, widen
from opportune.profiles.cells import fits, load, store
from opportune.profiles.columns import (
    CELL_BYTES,
    COUNT,
    DAY_CLOCK,
    DISTINCT,
    FIRST,
    HOUR_CLOCK,
    LAST,
    MAX,
    MIN,
    SUM,
    UNIT_DAY,
    UNIT_LIFE,
    WIDE_PLACE,
    columns_of,
    counters_of,
    daily_of,
    hourly_of,
    i4_of,
    i8_of,
    tag_columns_of,
    template_of,
)

FOLDED, FOLDED_LATE, FOLDED_OVERFLOW = 0, 1, 2


@compiled_leaf
def create_record(plan: Any, records: Any, row: int) -> None:
    """Make the record of a new customer."""
    words = len(template_of(plan))
    for word in range(words):
        i8_of(records)[row * words + word] = template_of(plan)[word]


@compiled_leaf
def forget_record(plan: Any, records: Any, wide: Any, row: int) -> None:
    """Make the customer's record that of somebody of whom nothing was ever heard."""
    leave_wide_place(plan, records, wide, row * len(template_of(plan)) * 8)
    create_record(plan, records, row)


@compiled_leaf
def set_tag(plan: Any, records: Any, base: int, tag: int, value: int) -> None:
    """Set a declared or score tag; a tag without a column (cold) is left to the journal."""
    if tag < len(tag_columns_of(plan)):
        index = tag_columns_of(plan)[tag]
        if index >= 0:
            store(records, base + columns_of(plan)[index].offset, columns_of(plan)[index].width, value)


@compiled_leaf
def roll_windows(plan: Any, records: Any, wide: Any, base: int, hour: int, day: int) -> None:
    """Bring the customer's rolling counters to the bucket of now: expired buckets leave their figures."""
    rolled = False
    if plan.hourly_rows:
        clock = (base + HOUR_CLOCK) >> 2
        if hour > i4_of(records)[clock]:
            for at in range(plan.hourly_rows):
                _roll(plan, records, wide, base, int(hourly_of(plan)[at]), int(i4_of(records)[clock]), hour)
            i4_of(records)[clock] = hour
            rolled = True
    if plan.daily_rows:
        clock = (base + DAY_CLOCK) >> 2
        if day > i4_of(records)[clock]:
            for at in range(plan.daily_rows):
                _roll(plan, records, wide, base, int(daily_of(plan)[at]), int(i4_of(records)[clock]), day)
            i4_of(records)[clock] = day
            rolled = True
    if rolled and i4_of(records)[(base + WIDE_PLACE) >> 2]:
        narrow_again(plan, records, wide, base)


@compiled_leaf
def _roll(plan: Any, records: Any, wide: Any, base: int, i: int, old: int, new: int) -> None:
    counter = counters_of(plan)[i]
    if counter.measure == DISTINCT:
        _forget(records, base, counter, new - int(counter.buckets))
        return
    width, n = int(counter.width), int(counter.buckets)
    cells, ring, bucket_width = records, base + counter.ring, int(counter.narrow)
    place = ring_place(plan, records, base, i)
    if place:
        cells, ring, bucket_width = wide, place, width
    additive = counter.measure in (COUNT, SUM)
    empty = 0 if additive else NULL
    figure = load(records, base + counter.offset, width)
    figure_then = figure
    steps = min(new - old, n)
    gone = False
    for bucket in range(new - steps + 1, new + 1):
        at = ring + bucket % n * bucket_width
        value = load(cells, at, bucket_width)
        if value != empty:
            store(cells, at, bucket_width, empty)
            gone = True
            if additive:
                figure -= value
    if gone:
        if not additive:
            figure = figure_of(cells, ring, bucket_width, n, counter.measure, new)
        elif not counter.low < figure_then < counter.high:
            figure = clamped_sum(cells, ring, bucket_width, n, counter.low, counter.high)
        else:  # with negative values in the buckets, what is left may be more than there was
            figure = min(max(figure, counter.low), counter.high)
        store(records, base + counter.offset, width, figure)


@compiled_leaf
def _forget(records: Any, base: int, counter: Any, last: int) -> None:
    """A distinct counter forgets the values whose newest bucket is `last` or older."""
    figure = load(records, base + counter.offset, int(counter.width))
    for cell in range(counter.cells):
        at = (base + counter.ring + cell * CELL_BYTES) >> 3
        if i8_of(records)[at] != NULL and i8_of(records)[at + 1] <= last:
            i8_of(records)[at] = NULL
            figure -= 1
    store(records, base + counter.offset, int(counter.width), figure)


@compiled_leaf
def remember_value(records: Any, base: int, counter: Any, value: int, bucket: int) -> int:
    """A distinct counter meets a value: FOLDED, or FOLDED_OVERFLOW where it is new and no place is left for it."""
    free = -1
    for cell in range(counter.cells):
        at = (base + counter.ring + cell * CELL_BYTES) >> 3
        if i8_of(records)[at] == value:
            i8_of(records)[at + 1] = max(i8_of(records)[at + 1], bucket)
            return FOLDED
        if free < 0 and i8_of(records)[at] == NULL:
            free = at
    if free < 0:
        return FOLDED_OVERFLOW
    i8_of(records)[free] = value
    i8_of(records)[free + 1] = bucket
    figure = load(records, base + counter.offset, int(counter.width))
    store(records, base + counter.offset, int(counter.width), figure + 1)
    return FOLDED


@compiled_leaf
def clamped_sum(cells: Any, ring: int, width: int, n: int, low: int, high: int) -> int:
    """The sum over the buckets, kept within the range: a figure that stood at its end cannot be updated by differences."""
    total = 0
    for bucket in range(n):
        total += load(cells, ring + bucket * width, width)
    return min(max(total, low), high)


@compiled_leaf
def figure_of(cells: Any, ring: int, width: int, n: int, measure: int, newest: int) -> int:
    """min, max, first or last over the buckets, oldest to newest."""
    figure = NULL
    for bucket in range(newest - n + 1, newest + 1):
        value = load(cells, ring + bucket % n * width, width)
        if value == NULL:
            continue
        if (
            figure == NULL
            or measure == LAST
            or (measure == MIN and value < figure)
            or (measure == MAX and value > figure)
        ):
            figure = value
    return figure


@compiled_leaf
def combine(measure: int, figure: int, value: int) -> int:
    """The figure (NULL: nothing yet) with one more value, in order of arrival."""
    if measure == COUNT:
        return figure + 1
    if measure == SUM:
        return figure + value
    if figure == NULL or measure == LAST or (measure == MIN and value < figure) or (measure == MAX and value > figure):
        return value
    return figure


@compiled_leaf
def count_event(
    plan: Any, records: Any, wide: Any, base: int, i: int, value: int, at_ms: int, age_hours: int, age_days: int
) -> int:
    """Count one event into counter `i`; the ages are in buckets before now's. Returns FOLDED, FOLDED_LATE or FOLDED_OVERFLOW.

    Within a bucket `first` and `last` go by arrival, between buckets by when it happened. A figure beyond its declared range stays at the range's end.
    """
    counter = counters_of(plan)[i]
    width, measure = int(counter.width), int(counter.measure)
    if value == NULL and measure != COUNT:
        return FOLDED
    if measure == SUM:
        value = min(max(value, counter.low), counter.high)
    figure_at = base + counter.offset
    figure = load(records, figure_at, width)
    if counter.unit == UNIT_LIFE:
        if measure == DISTINCT:
            return remember_value(records, base, counter, value, 0)
        if measure >= FIRST:
            stamp_at = (base + counter.stamp) >> 3
            stamp = i8_of(records)[stamp_at]
            if stamp != NULL and ((measure == FIRST and at_ms >= stamp) or (measure == LAST and at_ms < stamp)):
                return FOLDED
            i8_of(records)[stamp_at] = at_ms
            figure = NULL
        return _put(records, figure_at, width, combine(measure, figure, value), counter.low, counter.high)
    age = age_days if counter.unit == UNIT_DAY else age_hours
    n = int(counter.buckets)
    if age >= n:
        return FOLDED_LATE
    newest = int(i4_of(records)[(base + (DAY_CLOCK if counter.unit == UNIT_DAY else HOUR_CLOCK)) >> 2])
    if measure == DISTINCT:
        return remember_value(records, base, counter, value, newest - age)
    cells, ring, bucket_width = records, base + counter.ring, int(counter.narrow)
    place = ring_place(plan, records, base, i)
    if place:
        cells, ring, bucket_width = wide, place, width
    bucket = (newest - age) % n
    old = load(cells, ring + bucket * bucket_width, bucket_width)
    value_now = combine(measure, old, value)
    if bucket_width < width and not fits(min(max(value_now, counter.low), counter.high), bucket_width):
        widen(plan, records, wide, base)
        cells, ring, bucket_width = wide, ring_place(plan, records, base, i), width
    at = ring + bucket * bucket_width
    result = _put(cells, at, bucket_width, value_now, counter.low, counter.high)
    if measure in (COUNT, SUM):
        if counter.low < figure < counter.high:
            figure += load(cells, at, bucket_width) - old
        else:
            figure = clamped_sum(cells, ring, bucket_width, n, counter.low, counter.high)
    elif age == 0 and measure != FIRST:
        figure = combine(measure, figure, value)
    else:
        figure = figure_of(cells, ring, bucket_width, n, measure, newest)
    return max(result, _put(records, figure_at, width, figure, counter.low, counter.high))


@compiled_leaf
def _put(cells: Any, at: int, width: int, value: int, low: int, high: int) -> int:
    if value > high:
        store(cells, at, width, high)
        return FOLDED_OVERFLOW
    if value < low:
        store(cells, at, width, low)
        return FOLDED_OVERFLOW
    store(cells, at, width, value)
    return FOLDED


@compiled
def roll_rows(plan: Any, records: Any, wide: Any, rows: int, record_bytes: int, hour: int, day: int) -> None:
    """`roll_windows` for the first `rows` customers."""
    for row in range(rows):
        roll_windows(plan, records, wide, row * record_bytes, hour, day)
