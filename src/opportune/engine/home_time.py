"""The deployment's local time, in which buckets and daily limits are counted. Kernel function."""

from typing import Any

from opportune.engine.tables import zones_of
from opportune.facts import VALUE_MAX, compiled_leaf, zone_change


@compiled_leaf
def home_time(plan: Any, room: Any, at_ms: int) -> int:
    """Local ms of a moment in the deployment's zone; the offset is looked up again only where it changes."""
    if not room.home_from <= at_ms < room.home_until:
        zones = zones_of(plan)
        change = zone_change(zones, 0, at_ms)
        room.home_from = zones.at[change]
        room.home_until = zones.at[change + 1] if change + 1 < zones.first[1] else VALUE_MAX
        room.home_offset = zones.offset[change]
    return at_ms + room.home_offset
