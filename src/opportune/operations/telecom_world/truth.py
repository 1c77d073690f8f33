"""The truth of a world, counted while it happens: what each campaign found, added, spoiled and annoyed, by customer type."""

from typing import Any

import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.operations.telecom_world.campaigns import CAMPAIGNS
from opportune.operations.telecom_world.customers import Ints, Reals

COUNTED = (
    "moments", "organic_goals", "treated", "control", "universal_control", "incremental_goals", "prevented_goals",
    "right_moments", "considering", "refused", "regretted",
)  # fmt: skip
"""What is counted per campaign and customer type.

moments            times a customer was at the campaign's moment (once a day), contacted or not
organic_goals      goals that those moments lead to without us
treated, control, universal_control   decisions by arm
right_moments      treated decisions at the campaign's moment
incremental_goals  goals that would not have happened without the contact
prevented_goals    organic goals that the contact spoiled (the over-contacted)
regretted          goals undone later
"""


class TruthBook:
    """Counts and sums per campaign and customer type."""

    def __init__(self) -> None:
        shape = (len(CAMPAIGNS), len(names.TYPES))
        self.counts = {name: np.zeros(shape, np.int64) for name in COUNTED}
        self.sums = {
            name: np.zeros(shape)
            for name in ("baseline_at_moments", "baseline_treated", "effect_treated", "effect_right")
        }

    def count(self, name: str, campaign: Ints, kind: Ints) -> None:
        """One more for each (campaign, customer type)."""
        np.add.at(self.counts[name], (campaign, kind), 1)

    def add(self, name: str, campaign: Ints, kind: Ints, amount: Reals) -> None:
        """`amount` more for each (campaign, customer type)."""
        np.add.at(self.sums[name], (campaign, kind), amount)

    def report(self) -> dict[str, Any]:
        """Per campaign: counts, true rates, and the same by customer type where it was treated."""
        found = {}
        for number, name in enumerate(CAMPAIGNS):
            counts = {counted: int(table[number].sum()) for counted, table in self.counts.items()}
            sums = {summed: float(table[number].sum()) for summed, table in self.sums.items()}
            found[name] = counts | _rates(counts, sums) | {"by_type": self._by_type(number)}
        return found

    def _by_type(self, campaign: int) -> dict[str, Any]:
        rows = {}
        for kind, entry in enumerate(names.TYPES):
            counts = {name: int(table[campaign, kind]) for name, table in self.counts.items()}
            sums = {name: float(table[campaign, kind]) for name, table in self.sums.items()}
            if counts["moments"] or counts["treated"]:
                rows[entry.name] = counts | _rates(counts, sums)
        return rows


def _rates(counts: dict[str, int], sums: dict[str, float]) -> dict[str, float | None]:
    """True probabilities averaged over those who met them; None where nobody did."""
    return {
        "baseline_rate": _share(sums["baseline_at_moments"], counts["moments"]),
        "baseline_rate_of_treated": _share(sums["baseline_treated"], counts["treated"]),
        "effect_of_treated": _share(sums["effect_treated"], counts["treated"]),
        "effect_at_right_moment": _share(sums["effect_right"], counts["right_moments"]),
    }


def _share(total: float, of: int) -> float | None:
    return round(total / of, 9) if of else None
