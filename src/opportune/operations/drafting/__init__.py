"""Drafts of playbooks: made, simulated, submitted, approved, launched; each step in a trail, each approval bound to what it was given for.

binding (what an approval holds for) -> needed (which steps are required) -> asks; campaign_life, calendar, audience_moves beside
"""

from opportune.operations.drafting.audience_moves import AudienceMove, audience_moves
from opportune.operations.drafting.asks import Drafting, DraftRefusedError, DraftView, Obstacle, open_drafting
from opportune.operations.drafting.calendar import Calendar, CalendarConflict, CalendarEntry, calendar
from opportune.operations.drafting.campaign_life import (
    CampaignState, InFlight, LifeChange, Verb, change_life, local_day, now_ms, state_of,
)  # fmt: skip
from opportune.operations.drafting.needed import StepNeeded

__all__ = [
    "AudienceMove", "Calendar", "CalendarConflict", "CalendarEntry", "CampaignState", "DraftRefusedError", "DraftView", "Drafting", "InFlight", "LifeChange", "Obstacle", "StepNeeded", "Verb", "audience_moves", "calendar", "change_life",
    "local_day", "now_ms", "open_drafting", "state_of",
]  # fmt: skip
