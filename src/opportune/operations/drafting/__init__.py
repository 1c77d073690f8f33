"""Drafts of playbooks: made, simulated, submitted, approved, launched; each step in a trail, each approval bound to what it was given for.

binding (what an approval holds for) -> needed (which steps are required) -> asks
"""

from opportune.operations.drafting.asks import Drafting, DraftRefusedError, DraftView, Obstacle, open_drafting
from opportune.operations.drafting.needed import StepNeeded

__all__ = ["DraftRefusedError", "DraftView", "Drafting", "Obstacle", "StepNeeded", "open_drafting"]
