"""Touchpoints, offers, campaigns: control groups, arbitration, and the goals by which a campaign is measured. Pure."""

from opportune.campaigns.arbitration import choose_weighted, priority_of
from opportune.campaigns.control import bucket, seed_of, weighted_bucket
from opportune.campaigns.definitions import (
    Budget, CampaignCap, CampaignDefinition, CampaignPolicy, Capacity, Goal, OfferChoice, OfferDefinition,
    QuietHours, Regret, Step, TouchpointDefinition, Trigger, Validity,
)  # fmt: skip
from opportune.campaigns.goals import (
    INSTANCES_PER_CUSTOMER_MAX, WATCHED, due_instance, free_instance, open_instance, progress, reach, unlink,
)  # fmt: skip
from opportune.campaigns.memory import (
    CAMPAIGN_MEMORY, HEAD_INSTANCES, INSTANCE, MASK_BITS, MASK_WANTED, PAIR_HEADER_WORDS, WANTED_NOTHING,
    WHEEL_SLOTS, fetch_lists, heads_of, instances_of, may_hold, note_held,
)  # fmt: skip
from opportune.campaigns.pairs import (
    find_pair, open_pair, pair_contact, pair_decided, pair_reason, pair_refused, take_contacts,
)  # fmt: skip
from opportune.campaigns.plan import (
    CAMPAIGN, CAMPAIGNS, CAMPAIGN_CAP, GOAL_COUNT, GOAL_EVENT, GOAL_PLAN, GOAL_SUM, LIMIT_PLAN, OFFER_CHOICE,
    PRIORITY_VALUE_MAX, STEP, WEIGHT_PPM_MAX, CampaignPlan, campaigns_of, fetch_plan, goals_of, limits_of, offers_of,
    point_campaigns, steps_of, touchpoints_of,
)  # fmt: skip

__all__ = [
    "CAMPAIGN", "CAMPAIGNS", "CAMPAIGN_CAP", "CAMPAIGN_MEMORY", "GOAL_COUNT", "GOAL_EVENT", "GOAL_PLAN",
    "GOAL_SUM", "HEAD_INSTANCES", "INSTANCE", "INSTANCES_PER_CUSTOMER_MAX", "LIMIT_PLAN", "MASK_BITS",
    "MASK_WANTED", "OFFER_CHOICE", "PAIR_HEADER_WORDS", "PRIORITY_VALUE_MAX", "STEP", "WANTED_NOTHING", "WATCHED",
    "WEIGHT_PPM_MAX", "WHEEL_SLOTS", "Budget", "CampaignCap", "CampaignDefinition", "CampaignPlan",
    "CampaignPolicy", "Capacity", "Goal", "OfferChoice", "OfferDefinition", "QuietHours", "Regret", "Step",
    "TouchpointDefinition", "Trigger", "Validity", "bucket", "campaigns_of", "choose_weighted", "due_instance",
    "fetch_lists", "fetch_plan", "find_pair", "free_instance", "goals_of", "heads_of", "instances_of", "limits_of", "may_hold", "note_held",
    "offers_of", "open_instance", "open_pair", "pair_contact", "pair_decided", "pair_reason", "pair_refused",
    "point_campaigns", "priority_of", "progress", "reach", "seed_of", "steps_of", "take_contacts",
    "touchpoints_of", "unlink", "weighted_bucket",
]  # fmt: skip
