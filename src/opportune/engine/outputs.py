"""Writing outputs into their room: goal facts, moves, withheld counts, fates. Kernel functions."""

from typing import Any

from opportune.campaigns import OPEN_PER_CUSTOMER_MAX, instances_of, open_of
from opportune.engine.limits import mark
from opportune.engine.tables import (
    REASONS,
    fates_of,
    goal_facts_of,
    moves_of,
    touched_of,
    withheld_facts_of,
    withheld_of,
)
from opportune.facts import NO_CAMPAIGN, compiled_leaf

MOVES_PER_DECISION_MAX = 3
"""Moves that the end of one deadline can cause: released, pushed elsewhere, and by that presented."""
MOVES_PER_EVENT_MAX = (MOVES_PER_DECISION_MAX + 1) * OPEN_PER_CUSTOMER_MAX + 8


@compiled_leaf
def emit_move(
    state: Any, room: Any, index: int, kind: int, reason: int, touchpoint: int, until_ms: int, cost: int
) -> None:
    """One move of the open decision `index`. It comes before the limits that it changes."""
    at = room.used.moves
    room.used.moves += 1
    record = open_of(state.open)[index]
    row = moves_of(room)[at]
    row.seq = state.clock.next_seq
    row.now_ms = state.clock.now_ms
    row.decision = record.number
    row.decided_seq = record.decided_seq
    row.until_ms = until_ms
    row.cost = cost
    row.customer = record.customer
    row.campaign = record.campaign
    row.offer = record.offer
    row.touchpoint = touchpoint
    row.reason = reason
    row.kind = kind
    row.contact_class = record.contact_class
    mark(state)


@compiled_leaf
def emit_goal(state: Any, room: Any, index: int, kind: int, at_ms: int, value: int) -> None:
    """One goal fact about instance `index`."""
    at = room.used.goals
    room.used.goals += 1
    instance = instances_of(state.campaigns)[index]
    row = goal_facts_of(room)[at]
    row.seq = state.clock.next_seq
    row.at_ms = at_ms
    row.origin_seq = instance.origin_seq
    row.opened_ms = instance.opened
    row.value = value
    row.customer = instance.customer
    row.campaign = instance.campaign
    row.kind = kind
    row.arm = instance.arm


@compiled_leaf
def count_withheld(plan: Any, state: Any, campaign: int, reason: int) -> None:
    """Count one withheld candidate; campaign < 0: withheld before matching."""
    if state.clock.alone:
        return
    index = plan.campaign_count if campaign < 0 else campaign
    if withheld_of(state)[index, reason] == 0:
        touched_of(state)[state.clock.touched] = index * REASONS + reason
        state.clock.touched += 1
    withheld_of(state)[index, reason] += 1


@compiled_leaf
def flush_withheld(plan: Any, state: Any, room: Any) -> bool:
    """Emit the hour's withheld counts; False where the room is full (call again)."""
    clock = state.clock
    while clock.flushed < clock.touched:
        at = room.used.withheld
        if at >= len(withheld_facts_of(room)):
            return False
        cell = int(touched_of(state)[clock.flushed])
        campaign, reason = cell // REASONS, cell % REASONS
        row = withheld_facts_of(room)[at]
        row.seq = clock.next_seq
        row.hour = clock.withheld_hour
        row.count = withheld_of(state)[campaign, reason]
        row.campaign = NO_CAMPAIGN if campaign == plan.campaign_count else campaign
        row.reason = reason
        withheld_of(state)[campaign, reason] = 0
        room.used.withheld += 1
        clock.flushed += 1
    clock.flushed = 0
    clock.touched = 0
    return True


@compiled_leaf
def write_fate(
    state: Any, room: Any, campaign: int, reason: int, arg: int, priority: int, offer: int, touchpoint: int
) -> None:
    """One candidate's fate, where a trace is asked for."""
    at = room.used.fates
    room.used.fates += 1
    row = fates_of(room)[at]
    row.seq = state.clock.next_seq
    row.arg = arg
    row.priority = priority
    row.campaign = campaign
    row.reason = reason
    row.offer = offer
    row.touchpoint = touchpoint
