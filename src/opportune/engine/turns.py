"""A turn: one fact about one customer, or one deadline of hers, with all that follows. How much it may write, and whether there is room. Kernel function."""

from typing import Any

from opportune.campaigns import INSTANCES_PER_CUSTOMER_MAX
from opportune.engine.limits import LIMITS_PER_DECISION_MAX, LIMITS_PER_EVENT_MAX
from opportune.engine.outputs import MOVES_PER_EVENT_MAX
from opportune.engine.tables import decisions_of, derived_of, fates_of, goal_facts_of, limit_facts_of, moves_of
from opportune.facts import compiled_leaf
from opportune.profiles import PENDING_PER_CUSTOMER_MAX

DERIVED_PER_TURN_MAX = 32
"""Derived events that one event may lead to; a playbook in which it could be more is refused."""
DECISIONS_PER_TURN_MAX = 2 * (1 + DERIVED_PER_TURN_MAX)
GOALS_PER_TURN_MAX = 2 * (INSTANCES_PER_CUSTOMER_MAX + DECISIONS_PER_TURN_MAX)
"""Each instance may be reached, then regretted."""
LIMITS_PER_TURN_MAX = LIMITS_PER_EVENT_MAX + LIMITS_PER_DECISION_MAX * DECISIONS_PER_TURN_MAX
MOVES_PER_TURN_MAX = MOVES_PER_EVENT_MAX + DECISIONS_PER_TURN_MAX
PLACES_PER_TURN_MAX = max(DECISIONS_PER_TURN_MAX, PENDING_PER_CUSTOMER_MAX) + 1
"""Places of each pool that may be taken."""


MERGED_TURNS = 4
"""A merge ends what is over of two customers, withdraws what the survivor may not have, and goes on with the rest: so many turns' moves."""


@compiled_leaf
def room_for_merge(room: Any) -> bool:
    """Whether the room holds whatever the turn of a MERGED fact may write beyond an ordinary one."""
    used = room.used
    moves = used.moves + MERGED_TURNS * MOVES_PER_TURN_MAX
    limits = used.limits + MERGED_TURNS * LIMITS_PER_TURN_MAX
    return moves <= len(moves_of(room)) and limits <= len(limit_facts_of(room))


@compiled_leaf
def room_for_turn(plan: Any, state: Any, room: Any) -> bool:
    """Whether the room, and where detectors are at work the pools, hold whatever one turn may write."""
    used = room.used
    if len(fates_of(room)) and used.fates + plan.fates_per_turn > len(fates_of(room)):
        return False
    if plan.detection.detectors_rows:
        if state.campaigns.pairs_used + PLACES_PER_TURN_MAX >= state.campaigns.pairs_rows:
            return False
        if state.campaigns.instances_used + PLACES_PER_TURN_MAX >= state.campaigns.instances_rows:
            return False
        if state.open.used + PLACES_PER_TURN_MAX >= state.open.open_pool_rows:
            return False
        if state.detections.used + PLACES_PER_TURN_MAX >= state.detections.pending_rows:
            return False
    return (
        used.decisions + DECISIONS_PER_TURN_MAX <= len(decisions_of(room))
        and used.goals + GOALS_PER_TURN_MAX <= len(goal_facts_of(room))
        and used.limits + LIMITS_PER_TURN_MAX <= len(limit_facts_of(room))
        and used.moves + MOVES_PER_TURN_MAX <= len(moves_of(room))
        and used.derived + DERIVED_PER_TURN_MAX <= len(derived_of(room))
    )
