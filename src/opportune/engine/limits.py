"""Budgets, stock and capacity: spent in event order, closed before they could be overspent. Kernel functions.

A limit closes while fewer units are left than its dearest single use needs, and each closing and opening is an output, so that one
customer can be replayed alone with them as inputs.
"""

from typing import Any

from opportune.campaigns import limits_of
from opportune.engine.tables import LIMIT_CLOSED, LIMIT_LEFT, limit_facts_of, limit_state_of
from opportune.facts import compiled_leaf

LIMITS_PER_EVENT_MAX = 8
"""Limit facts that one event can cause: two decisions of four limits each (stock, capacity, contacts, money)."""


@compiled_leaf
def _emit(state: Any, room: Any, limit: int, closed: int) -> None:
    row = limit_facts_of(room)[room.used.limits]
    room.used.limits += 1
    row.seq = state.clock.next_seq
    row.now_ms = state.clock.now_ms
    row.limit = limit
    row.closed = closed


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
def drive_limit(state: Any, limit: int, closed: int) -> None:
    """A LIMIT fact: in a single-customer replay limits are not counted but told."""
    if limit < len(limit_state_of(state)):
        limit_state_of(state)[limit, LIMIT_CLOSED] = closed
