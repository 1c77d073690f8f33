"""When a push that only the hour withholds may leave: the end of quiet time, holidays and hours off. Kernel functions."""

from typing import Any

from opportune.campaigns import showings_of, steps_of
from opportune.engine.tables import regs_of, zones_of
from opportune.facts import MS_PER_MINUTE, Reason, compiled_leaf, zone_offset
from opportune.policy import CLASS_PUSH, closed_for, quiet_for

QUIET_HOURS = int(Reason.QUIET_HOURS)
HOLIDAY = int(Reason.HOLIDAY)
OUTSIDE_WORKING_HOURS = int(Reason.OUTSIDE_WORKING_HOURS)
SENDING_STOPPED = int(Reason.SENDING_STOPPED)
STOP_LOOK_MS = 10 * MS_PER_MINUTE
"""How often it is looked whether a stop is over: at whole ten minutes of the day, so that no history of looks matters."""


@compiled_leaf
def deferrable(reason: int) -> bool:
    """Whether time alone takes this reason away."""
    return reason in (QUIET_HOURS, HOLIDAY, OUTSIDE_WORKING_HOURS, SENDING_STOPPED)


@compiled_leaf
def next_look(now_ms: int) -> int:
    """When it is looked next whether a stop is over."""
    return (now_ms // STOP_LOOK_MS + 1) * STOP_LOOK_MS


@compiled_leaf
def deferred_until(plan: Any, state: Any, room: Any, i: int, now_ms: int, latest_ms: int) -> int:
    """The first whole minute after now, at latest `latest_ms`, at which the hour does not withhold a push by step row `i`; 0: none.

    While sending is stopped nobody knows the end of it: the next time to look.
    """
    if state.clock.stopped:
        at_ms = next_look(now_ms)
        return at_ms if at_ms <= latest_ms else 0
    zones, zone = zones_of(plan), regs_of(room)[plan.ref_zone]
    at_ms = (now_ms // MS_PER_MINUTE + 1) * MS_PER_MINUTE
    while at_ms <= latest_ms:
        minutes = _withheld_for(plan, i, at_ms + zone_offset(zones, zone, at_ms), at_ms + zone_offset(zones, 0, at_ms))
        if minutes == 0:
            return at_ms
        after = at_ms + minutes * MS_PER_MINUTE
        shifted = zone_offset(zones, zone, after) != zone_offset(zones, zone, at_ms)
        if shifted or zone_offset(zones, 0, after) != zone_offset(zones, 0, at_ms):
            after = at_ms + MS_PER_MINUTE  # a clock is put forward or back on the way: minute by minute
        at_ms = after
    return 0


@compiled_leaf
def _withheld_for(plan: Any, i: int, local_ms: int, home_ms: int) -> int:
    """For how many minutes, at least, the hour withholds; 0: it does not."""
    step, showing = steps_of(plan.campaigns)[i], showings_of(plan.campaigns)[i]
    if showing.push_class == CLASS_PUSH:
        minutes = quiet_for(plan.policy, int(step.quiet_from), int(step.quiet_to), local_ms)
        if minutes:
            return minutes
    return closed_for(int(showing.hours_from), int(showing.hours_to), int(showing.hours_days), home_ms)
