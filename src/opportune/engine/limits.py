"""Budgets, stock and capacity: spent in event order, closed before they could be overspent. Kernel functions.

A limit closes while fewer units are left than its dearest single use needs, and each closing and opening is an output, so that one
customer can be replayed alone with them as inputs.
"""

from typing import Any

from opportune.campaigns import OPEN_PER_CUSTOMER_MAX, limits_of
from opportune.engine.tables import (
    LIMIT_CLOSED,
    LIMIT_LEFT,
    LIMITS_TOLD_MAX,
    limit_facts_of,
    limit_state_of,
    told_of,
)
from opportune.facts import compiled_leaf

LIMITS_PER_DECISION_MAX = 4
"""Limits that one decision uses: stock, capacity, contacts, money."""
LIMITS_PER_EVENT_MAX = LIMITS_PER_DECISION_MAX * (2 + 3 * OPEN_PER_CUSTOMER_MAX)
"""Limit facts that one event can cause: of two decisions, and of each open one that is released, pushed on and then touched."""


@compiled_leaf
def _emit(state: Any, room: Any, limit: int, closed: int) -> None:
    row = limit_facts_of(room)[room.used.limits]
    room.used.limits += 1
    row.seq = state.clock.next_seq
    row.now_ms = state.clock.now_ms
    row.limit = limit
    row.closed = closed
    row.marks = state.clock.marks


@compiled_leaf
def spend(plan: Any, state: Any, room: Any, limit: int, amount: int) -> None:
    """Take `amount` units; limit < 0: there is none."""
    if limit < 0 or state.clock.alone:
        return
    limit_state_of(state)[limit, LIMIT_LEFT] -= amount
    short = limit_state_of(state)[limit, LIMIT_LEFT] < limits_of(plan.campaigns)[limit].close_below
    if short and limit_state_of(state)[limit, LIMIT_CLOSED] == 0:
        limit_state_of(state)[limit, LIMIT_CLOSED] = 1
        _emit(state, room, limit, 1)


@compiled_leaf
def give_back(plan: Any, state: Any, room: Any, limit: int, amount: int, day: int) -> None:
    """Return `amount` units that were taken on a local day; what was taken of another day's limit is gone with that day."""
    if limit < 0 or state.clock.alone:
        return
    row = limits_of(plan.campaigns)[limit]
    if row.per_day and day != state.clock.limits_day:
        return
    limit_state_of(state)[limit, LIMIT_LEFT] = min(limit_state_of(state)[limit, LIMIT_LEFT] + amount, row.most)
    enough = limit_state_of(state)[limit, LIMIT_LEFT] >= row.close_below
    if enough and limit_state_of(state)[limit, LIMIT_CLOSED]:
        limit_state_of(state)[limit, LIMIT_CLOSED] = 0
        _emit(state, room, limit, 0)


@compiled_leaf
def new_day(plan: Any, state: Any, room: Any) -> None:
    """Daily limits start afresh at local midnight of the deployment."""
    if state.clock.alone:
        return
    for limit in range(len(limits_of(plan.campaigns))):
        row = limits_of(plan.campaigns)[limit]
        if row.per_day and row.active:
            limit_state_of(state)[limit, LIMIT_LEFT] = row.most
            if limit_state_of(state)[limit, LIMIT_CLOSED] and row.most >= row.close_below:
                limit_state_of(state)[limit, LIMIT_CLOSED] = 0
                _emit(state, room, limit, 0)


@compiled_leaf
def drive_limit(state: Any, limit: int, closed: int, after: int) -> None:
    """A LIMIT fact: in a single-customer replay limits are not counted but told; this one after so many marks of the next fact."""
    if limit >= len(limit_state_of(state)):
        return
    if after <= 0 or state.clock.told >= LIMITS_TOLD_MAX:
        limit_state_of(state)[limit, LIMIT_CLOSED] = closed
        return
    told_of(state)[state.clock.told, 0] = limit
    told_of(state)[state.clock.told, 1] = closed
    told_of(state)[state.clock.told, 2] = after
    state.clock.told += 1


@compiled_leaf
def mark(state: Any) -> None:
    """One more decision or move of this fact; the limits told for this place change now."""
    state.clock.marks += 1
    for i in range(state.clock.told):
        if told_of(state)[i, 2] == state.clock.marks:
            limit_state_of(state)[told_of(state)[i, 0], LIMIT_CLOSED] = told_of(state)[i, 1]


@compiled_leaf
def end_marks(state: Any) -> None:
    """The fact is done: what was told for later places in it changes now."""
    for i in range(state.clock.told):
        if told_of(state)[i, 2] > state.clock.marks:
            limit_state_of(state)[told_of(state)[i, 0], LIMIT_CLOSED] = told_of(state)[i, 1]
    state.clock.told = 0
