"""Time moves on: goals lapse, the hour's withheld counts are told, daily limits start afresh, waits and leases end. Kernel functions."""

from typing import Any

from opportune.campaigns import (
    NO_RECORD,
    WHEEL_SLOTS,
    due_in_slot,
    due_instance,
    due_of,
    free_instance,
    instances_of,
    limits_of,
    unlink,
)
from opportune.engine.home_time import home_time
from opportune.engine.limits import LIMITS_PER_DECISION_MAX, new_day
from opportune.engine.open_decisions import end_deadline, go_on
from opportune.engine.outputs import MOVES_PER_DECISION_MAX, emit_goal, flush_withheld
from opportune.engine.tables import goal_facts_of, limit_facts_of, moves_of
from opportune.engine.turns import GOALS_PER_TURN_MAX, LIMITS_PER_TURN_MAX, MOVES_PER_TURN_MAX
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, NULL, GoalKind, compiled_leaf

LAPSED = int(GoalKind.LAPSED)


@compiled_leaf
def advance(plan: Any, state: Any, room: Any, now_ms: int) -> bool:
    """Bring engine time to `now_ms` (never back). False where there is no room for what falls due: call again with room."""
    clock = state.clock
    if now_ms <= clock.now_ms:
        return True
    first = clock.now_ms == 0
    minute, hour = now_ms // MS_PER_MINUTE, now_ms // MS_PER_HOUR
    if first:
        clock.wheel_minute = minute
        clock.open_minute = minute
        clock.withheld_hour = hour
    if minute > clock.wheel_minute and not _lapse_before(state, room, minute):
        return False
    if hour > clock.withheld_hour:
        if not flush_withheld(plan, state, room):
            return False
        clock.withheld_hour = hour
    day = home_time(plan, room, now_ms) // MS_PER_DAY
    limits_told = len(limits_of(plan.campaigns)) + LIMITS_PER_TURN_MAX
    if day > clock.limits_day and limits_told > len(limit_facts_of(room)) - room.used.limits:
        return False
    clock.now_ms = now_ms
    if day > clock.limits_day:
        if not first:
            new_day(plan, state, room)
        clock.limits_day = day
    return True


@compiled_leaf
def _lapse_before(state: Any, room: Any, minute: int) -> bool:
    clock = state.clock
    if minute - clock.wheel_minute > WHEEL_SLOTS:
        clock.wheel_minute = minute - WHEEL_SLOTS
    while clock.wheel_minute < minute:
        # What is left is for the goals that the fact itself may reach, which cannot wait.
        full = room.used.goals + GOALS_PER_TURN_MAX >= len(goal_facts_of(room))
        index = due_instance(state.campaigns, clock.wheel_minute, full)
        if index == 0:
            clock.wheel_minute += 1
            continue
        if full:
            return False
        emit_goal(state, room, index, LAPSED, instances_of(state.campaigns)[index].deadline, NULL)
        unlink(state.campaigns, int(instances_of(state.campaigns)[index].customer), index)
        free_instance(state.campaigns, index)
    return True


@compiled_leaf
def end_deadlines(plan: Any, state: Any, room: Any, row: int) -> bool:
    """End what is open and over: of one customer, the oldest decision first, or with row < 0 of all, minute by minute of the wheel.

    False where there is no room for what that leads to: call again with room (never for one customer, whose fact found room). All of
    it happens now, whenever it was due: the hour and the caps of now decide.
    """
    clock = state.clock
    last = min(
        clock.now_ms // MS_PER_MINUTE, clock.open_minute + WHEEL_SLOTS
    )  # no deadline is further than the wheel is long
    while state.open.many and (row >= 0 or clock.open_minute < last):
        if row >= 0:
            index = due_of(state.open, row, clock.now_ms)
            if index == NO_RECORD:
                return True
        else:
            index = due_in_slot(state.open, clock.open_minute + 1, clock.now_ms)
            if index == NO_RECORD:
                clock.open_minute += 1
                continue
            # What is left is for the fact itself, which cannot wait.
            moves = room.used.moves + MOVES_PER_DECISION_MAX + MOVES_PER_TURN_MAX
            limits = room.used.limits + 2 * LIMITS_PER_DECISION_MAX + LIMITS_PER_TURN_MAX
            if moves > len(moves_of(room)) or limits > len(limit_facts_of(room)):
                return False
        first, reason = end_deadline(plan, state, room, index)
        if first >= 0:
            go_on(plan, state, room, index, first, reason)
    if row < 0:
        clock.open_minute = clock.now_ms // MS_PER_MINUTE
    return True
