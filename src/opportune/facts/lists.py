"""Lists linked through the records of a pool: one per customer, and one per slot of a wheel. Kernel functions.

A pool is a structured array whose place 0 is never used and means "none". Its records have `next` (the customer's next, or the next
free one), `wheel_next` and `wheel_before`; a wheel is i4[slots, 2], head and tail of each slot.
"""

from typing import Any

from opportune.facts.compiled import compiled_leaf

NONE = 0
WHEEL_HEAD, WHEEL_TAIL = 0, 1


@compiled_leaf
def join_slot(pool: Any, wheel: Any, slot: int, index: int) -> None:
    """Put a record, which is on no slot, at the end of a slot's list."""
    last = int(wheel[slot, WHEEL_TAIL])
    pool[index].wheel_before = last
    pool[index].wheel_next = NONE
    if last == NONE:
        wheel[slot, WHEEL_HEAD] = index
    else:
        pool[last].wheel_next = index
    wheel[slot, WHEEL_TAIL] = index


@compiled_leaf
def leave_slot(pool: Any, wheel: Any, slot: int, index: int) -> None:
    """Take a record out of the slot's list that it is in."""
    before, after = int(pool[index].wheel_before), int(pool[index].wheel_next)
    if before == NONE:
        wheel[slot, WHEEL_HEAD] = after
    else:
        pool[before].wheel_next = after
    if after == NONE:
        wheel[slot, WHEEL_TAIL] = before
    else:
        pool[after].wheel_before = before


@compiled_leaf
def leave_customer(pool: Any, heads: Any, row: int, index: int) -> None:
    """Take a record out of the customer's list, in which it is; `heads` i4[customers] are the newest of each."""
    at = int(heads[row])
    if at == index:
        heads[row] = pool[index].next
        return
    while int(pool[at].next) != index:
        at = int(pool[at].next)
    pool[at].next = pool[index].next
