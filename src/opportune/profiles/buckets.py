"""Buckets too large for their narrow width: all of a customer's narrow buckets move to a wide place, and back when they fit again.

Most days hold few events, so a count's bucket is one byte and a sum's half of its figure's width. A customer for whom one bucket
grows beyond that is given a place in the pool `wide`, where every narrow ring has buckets as wide as its figure. Nothing is rounded.
Kernel functions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import compiled, compiled_leaf
from opportune.profiles.cells import fits, load, store
from opportune.profiles.columns import WIDE_PLACE, counters_of, i4_of, i8_of, narrow_of, wide_place_of


@compiled_leaf
def ring_place(plan: Any, records: Any, base: int, i: int) -> int:
    """Where counter `i` has its wide buckets in the pool; 0 where they are in the record."""
    counter = counters_of(plan)[i]
    place = int(i4_of(records)[(base + WIDE_PLACE) >> 2])
    if place == 0 or counter.wide_ring < 0:
        return 0
    return place * len(wide_place_of(plan)) * 8 + counter.wide_ring


@compiled_leaf
def widen(plan: Any, records: Any, wide: Any, base: int) -> None:
    """Give the customer a wide place. The pool has one for everybody, so there always is one."""
    size = len(wide_place_of(plan)) * 8
    place = wide.free
    if place:
        wide.free = i4_of(wide)[place * size >> 2]
    else:
        wide.used += 1
        place = wide.used
    for at in range(plan.narrow_rows):
        counter = counters_of(plan)[narrow_of(plan)[at]]
        for bucket in range(counter.buckets):
            value = load(records, base + counter.ring + bucket * counter.narrow, counter.narrow)
            store(wide, place * size + counter.wide_ring + bucket * counter.width, counter.width, value)
    i4_of(records)[(base + WIDE_PLACE) >> 2] = place


@compiled
def widen_rows(plan: Any, records: Any, wide: Any, record_bytes: int, rows: NDArray[np.int64]) -> None:
    """`widen` for these customers, none of whom has a wide place."""
    for i in range(len(rows)):
        widen(plan, records, wide, rows[i] * record_bytes)


@compiled_leaf
def leave_wide_place(plan: Any, records: Any, wide: Any, base: int) -> None:
    """Give the customer's wide place back, empty, if she has one."""
    place = int(i4_of(records)[(base + WIDE_PLACE) >> 2])
    if place == 0:
        return
    words = len(wide_place_of(plan))
    for word in range(words):
        i8_of(wide)[place * words + word] = 0
    i4_of(wide)[place * words * 2] = wide.free
    wide.free = place
    i4_of(records)[(base + WIDE_PLACE) >> 2] = 0


@compiled_leaf
def narrow_again(plan: Any, records: Any, wide: Any, base: int) -> None:
    """Take the buckets of a wide place back into the record if all of them fit, and give the place back."""
    place = int(i4_of(records)[(base + WIDE_PLACE) >> 2])
    begin = place * len(wide_place_of(plan)) * 8
    for at in range(plan.narrow_rows):
        counter = counters_of(plan)[narrow_of(plan)[at]]
        for bucket in range(counter.buckets):
            if not fits(load(wide, begin + counter.wide_ring + bucket * counter.width, counter.width), counter.narrow):
                return
    for at in range(plan.narrow_rows):
        counter = counters_of(plan)[narrow_of(plan)[at]]
        for bucket in range(counter.buckets):
            value = load(wide, begin + counter.wide_ring + bucket * counter.width, counter.width)
            store(records, base + counter.ring + bucket * counter.narrow, counter.narrow, value)
    leave_wide_place(plan, records, wide, base)
