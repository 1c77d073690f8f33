"""The tables of campaigns that the kernel reads: one row per campaign number, with ranges of steps, offers, caps and clauses."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import bundle, compiled_leaf, point, prefetch, table

GOAL_EVENT, GOAL_SUM, GOAL_COUNT = range(3)
PRIORITY_VALUE_MAX = 10**8
WEIGHT_PPM_MAX = 10**8

CAMPAIGN = np.dtype(
    [
        ("valid_from", "i8"),
        ("valid_to", "i8"),  # excluded
        ("seed", "u8"),
        ("again_after", "i8"),
        ("max_age", "i8"),
        ("refusal_cool", "i8"),
        ("lever_ppm", "i4"),
        ("propensity_ppm", "i4"),
        ("propensity_ref", "i4"),  # register of the propensity tag, or -1
        ("control_ppm", "i4"),
        ("category", "i4"),
        ("purpose", "i4"),
        ("where_first", "i4"),
        ("where_count", "i4"),
        ("audience_first", "i4"),
        ("audience_count", "i4"),
        ("step_first", "i4"),
        ("step_count", "i4"),
        ("offer_first", "i4"),
        ("offer_count", "i4"),
        ("cap_first", "i4"),
        ("cap_count", "i4"),
        ("goal", "i4"),  # index into goals, or -1
        ("limit_contacts", "i4"),  # limit number, or -1
        ("limit_money", "i4"),
        ("classes", "i4"),  # bit per ContactClass of its usable steps
    ]
)

STEP = np.dtype(
    [
        ("weight_ppm", "i8"),
        ("cost", "i8"),
        ("touchpoint", "i4"),
        ("channel", "i4"),
        ("contact_class", "i4"),
        ("quiet_from", "i4"),
        ("quiet_to", "i4"),
        ("capacity", "i4"),  # limit number, or -1
        ("place", "i4"),  # index of the campaign's step it belongs to
        ("bits", "i4"),  # STEP_*: what is special about it
    ]
)
STEP_PUSHES, STEP_WAITS, STEP_LEASED, STEP_HOURS, STEP_DEFERS = 1, 2, 4, 8, 16
"""Bits of STEP.bits: used when triggered it pushes; it waits for a touch; pushed through it, a decision is leased; its touchpoint
has working hours; the campaign defers what falls into quiet time."""

SHOWING = np.dtype(
    [
        ("wait", "i8"),
        ("lease", "i8"),  # of a push
        ("push_class", "i4"),  # contact class when pushed later than at the trigger; -1: it is not pushed to
        ("touch_class", "i4"),  # when the customer touches it; -1: it is not waited for here
        ("hours_from", "i4"),  # working hours in local minutes of the deployment; -1: always
        ("hours_to", "i4"),
        ("hours_days", "i4"),  # bit per weekday, Monday lowest
        ("_", "i4"),
    ]
)
"""The part of a step's row that matters only where decisions wait; the same index as STEP."""

TOUCHPOINT = np.dtype([("lease", "i8"), ("slots", "i4"), ("oldest", "i4"), ("touch_class", "i4"), ("_", "i4")])
"""What a touch of a touchpoint may get; touch_class -1: it cannot be touched."""

OFFER_CHOICE = np.dtype(
    [
        ("value", "i8"),
        ("cost", "i8"),
        ("offer", "i4"),
        ("weight", "i4"),
        ("clause_first", "i4"),
        ("clause_count", "i4"),
        ("stock", "i4"),  # limit number, or -1
        ("_", "i4"),
    ]
)

CAMPAIGN_CAP = np.dtype([("window", "i8"), ("most", "i8")])

GOAL_PLAN = np.dtype(
    [
        ("threshold", "i8"),
        ("window", "i8"),
        ("regret_window", "i8"),
        ("event", "i4"),
        ("where_first", "i4"),
        ("where_count", "i4"),
        ("measure", "i4"),
        ("slot", "i4"),
        ("strict", "i4"),
        ("value_slot", "i4"),  # -1: the goal has no value
        ("regret_event", "i4"),  # -1: no regret
        ("regret_first", "i4"),
        ("regret_count", "i4"),
    ]
)

LIMIT_PLAN = np.dtype([("most", "i8"), ("close_below", "i8"), ("per_day", "i4"), ("active", "i4")])
"""A budget, stock or capacity: `most` units; closed while fewer than `close_below` (the dearest single use) are left."""


class CampaignPlan(NamedTuple):
    """All campaigns for the kernel; `campaigns` is indexed by campaign number, a number without a live definition has no trigger."""

    campaigns: np.recarray
    steps: np.recarray
    offers: np.recarray
    caps: np.recarray
    goals: np.recarray
    limits: np.recarray
    touchpoints: NDArray[np.int32]  # [touchpoints, 2]: channel, contact class when pushed
    showings: np.recarray
    touches: np.recarray  # TOUCHPOINT by number
    pair_words: int


CAMPAIGN_TABLES = ("campaigns", "steps", "offers", "caps", "goals", "limits", "touchpoints", "showings", "touches")
CAMPAIGNS = bundle({name: 2 if name == "touchpoints" else 1 for name in CAMPAIGN_TABLES})
"""The bundle of a CampaignPlan; the functions below give its tables to the kernel."""
campaigns_of, steps_of, offers_of = table("campaigns", CAMPAIGN), table("steps", STEP), table("offers", OFFER_CHOICE)
campaign_caps_of, goals_of, limits_of = (
    table("caps", CAMPAIGN_CAP),
    table("goals", GOAL_PLAN),
    table("limits", LIMIT_PLAN),
)
touchpoints_of = table("touchpoints", "i4", 2)
showings_of, touches_of = table("showings", SHOWING), table("touches", TOUCHPOINT)
_campaign_words_of, CAMPAIGN_WORDS = table("campaigns", "i8"), CAMPAIGN.itemsize // 8


@compiled_leaf
def fetch_plan(plan: Any, campaign: int, goal: int) -> None:
    """Ask memory for a campaign's row, which takes two lines, and its goal's, before it may win."""
    prefetch(_campaign_words_of(plan), campaign * CAMPAIGN_WORDS)
    prefetch(_campaign_words_of(plan), campaign * CAMPAIGN_WORDS + CAMPAIGN_WORDS // 2)
    prefetch(goals_of(plan), goal)


def point_campaigns(into: Any, plan: CampaignPlan) -> None:
    """Fill a CAMPAIGNS bundle; the plan must be kept alive."""
    point(into, {name: getattr(plan, name) for name in CAMPAIGN_TABLES})
