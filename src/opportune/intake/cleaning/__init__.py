"""Cleaning: small steps on the rows of a load, each counting what it changed; what they learn from the load is kept with it."""

from opportune.intake.cleaning.definitions import StepDefinition
from opportune.intake.cleaning.recipe import Cleaned, Recipe, StepCount
from opportune.intake.cleaning.step import Cells, Statistics, Verdict

__all__ = ["Cells", "Cleaned", "Recipe", "Statistics", "StepCount", "StepDefinition", "Verdict"]
