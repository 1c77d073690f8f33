"""Touchpoints, offers, campaigns: control groups, arbitration, and the goals by which a campaign is measured. Pure."""

from opportune.campaigns.arbitration import choose_weighted, priority_of
from opportune.campaigns.combine import (
    adopt_pairs, clear_pairs, close_pair, combine_instances, combine_pairs, take_over_open,
)  # fmt: skip
from opportune.campaigns.control import bucket, seed_of, weighted_bucket
from opportune.campaigns.definitions import (
    Budget, CampaignCap, CampaignDefinition, CampaignPolicy, Capacity, Delivery, Goal, OfferChoice, OfferDefinition,
    QuietHours, Regret, Step, TouchpointDefinition, Trigger, Validity, WorkingHours,
)  # fmt: skip
from opportune.campaigns.goals import (
    INSTANCES_PER_CUSTOMER_MAX, WATCHED, due_instance, forget_campaigns, free_instance, open_instance, progress, reach, unlink,
)  # fmt: skip
from opportune.campaigns.memory import (
    CAMPAIGN_MEMORY, HEAD_INSTANCES, INSTANCE, MASK_BITS, MASK_WANTED, PAIR_HEADER_WORDS, WANTED_NOTHING,
    WHEEL_SLOTS, fetch_lists, heads_of, instances_of, may_hold, note_held,
)  # fmt: skip
from opportune.campaigns.open_decisions import (
    DEFERRED, LEASED, MOVING, NO_RECORD, OPEN_DAYS_MAX, OPEN_DECISION, OPEN_MEMORY, OPEN_PER_CUSTOMER_MAX, PUSHED, WAITING,
    WITHDRAWN, close_record, due_in_slot, due_of, find_number, find_open, first_open, next_in_order, open_heads_of,
    open_of, open_record, reserved_of, room_for_open, set_deadline,
)  # fmt: skip
from opportune.campaigns.pairs import (
    find_pair, open_pair, pair_contact, pair_decided, pair_reason, pair_refused, pair_resting, take_contacts,
)  # fmt: skip
from opportune.campaigns.plan import (
    CAMPAIGN, CAMPAIGNS, CAMPAIGN_CAP, GOAL_COUNT, GOAL_EVENT, GOAL_PLAN, GOAL_SUM, LIMIT_PLAN, OFFER_CHOICE,
    PRIORITY_VALUE_MAX, SHOWING, STEP, STEP_DEFERS, STEP_HOURS, STEP_LEASED, STEP_PUSHES, STEP_WAITS, TOUCHPOINT,
    WEIGHT_PPM_MAX, CampaignPlan, campaigns_of, fetch_plan, goals_of, limits_of, offers_of, point_campaigns,
    showings_of, steps_of, touches_of, touchpoints_of,
)  # fmt: skip
from opportune.campaigns.segments import SegmentDefinition

__all__ = [
    "CAMPAIGN", "CAMPAIGNS", "CAMPAIGN_CAP", "CAMPAIGN_MEMORY", "DEFERRED", "GOAL_COUNT", "GOAL_EVENT", "GOAL_PLAN",
    "GOAL_SUM", "HEAD_INSTANCES", "INSTANCE", "INSTANCES_PER_CUSTOMER_MAX", "LEASED", "LIMIT_PLAN", "MASK_BITS",
    "MASK_WANTED", "MOVING", "NO_RECORD", "OFFER_CHOICE", "OPEN_DAYS_MAX", "OPEN_DECISION", "OPEN_MEMORY",
    "OPEN_PER_CUSTOMER_MAX", "PAIR_HEADER_WORDS", "PRIORITY_VALUE_MAX", "PUSHED", "SHOWING", "STEP", "STEP_DEFERS",
    "STEP_HOURS", "STEP_LEASED", "STEP_PUSHES", "STEP_WAITS", "TOUCHPOINT", "WAITING", "WANTED_NOTHING", "WATCHED",
    "WEIGHT_PPM_MAX", "WHEEL_SLOTS", "WITHDRAWN", "Budget", "CampaignCap", "CampaignDefinition", "CampaignPlan",
    "CampaignPolicy", "Capacity", "Delivery", "Goal", "OfferChoice", "OfferDefinition", "QuietHours", "Regret",
    "SegmentDefinition", "Step", "TouchpointDefinition", "Trigger", "Validity", "WorkingHours", "adopt_pairs",
    "bucket", "campaigns_of", "choose_weighted", "clear_pairs", "close_pair", "close_record", "combine_instances",
    "combine_pairs", "due_in_slot", "due_instance", "due_of", "fetch_lists", "fetch_plan", "find_number", "find_open",
    "find_pair", "first_open", "forget_campaigns", "free_instance", "goals_of", "heads_of", "instances_of",
    "limits_of", "may_hold", "next_in_order", "note_held", "offers_of", "open_heads_of", "open_instance", "open_of",
    "open_pair", "open_record", "pair_contact", "pair_decided", "pair_reason", "pair_refused", "pair_resting",
    "point_campaigns", "priority_of", "progress", "reach", "reserved_of", "room_for_open", "seed_of", "set_deadline",
    "showings_of", "steps_of", "take_contacts", "take_over_open", "touches_of", "touchpoints_of", "unlink",
    "weighted_bucket",
]  # fmt: skip
