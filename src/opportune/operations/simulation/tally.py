"""What one side of a comparison adds up to: decisions, contacts, cost, load, answers; per campaign, touchpoint, hour and customer."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import (
    MS_PER_HOUR,
    NO_CAMPAIGN,
    PPM,
    Arm,
    Arrays,
    GoalKind,
    Outputs,
    Persons,
    Reason,
    contacts_made,
)

ARMS = len(Arm)
REASONS = max(Reason) + 1
LOAD_HOURS_MAX = 24 * 400
_CUSTOMER = (1 << 32) - 1


class Sizes(NamedTuple):
    """How many campaigns, touchpoints and customers there are, and the first hour (since 1970 UTC)."""

    campaigns: int
    touchpoints: int
    customers: int
    first_hour: int
    hours: int


class Tally:
    """Sums of the outputs of one side."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        campaigns = sizes.campaigns
        self.arrays: Arrays = {
            "decisions": np.zeros((campaigns, ARMS), np.int64),
            "contacts": np.zeros(campaigns, np.int64),
            "cost": np.zeros(campaigns, np.int64),
            "expected": np.zeros(campaigns, np.int64),
            "goals": np.zeros((campaigns, ARMS, max(GoalKind) + 1), np.int64),
            "withheld": np.zeros((campaigns + 1, REASONS), np.int64),
            "load": np.zeros((sizes.touchpoints, sizes.hours), np.int64),
            "per_customer": np.zeros(sizes.customers, np.int64),
        }
        self._pairs: list[NDArray[np.int64]] = []

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        return self.arrays[name]

    def add(self, outputs: Outputs, propensity_of: Any) -> None:
        """Count outputs. `propensity_of(numbers)` gives the propensities (millionths) of decisions by number."""
        a, decisions = self.arrays, outputs.decisions
        if len(decisions):
            np.add.at(a["decisions"], (decisions["campaign"], decisions["arm"]), 1)
        contacts = contacts_made(outputs)
        if len(contacts):
            campaign = contacts["campaign"]
            np.add.at(a["contacts"], campaign, 1)
            np.add.at(a["cost"], campaign, contacts["cost"])
            np.add.at(a["expected"], campaign, propensity_of(contacts["decision"]))
            np.add.at(a["per_customer"], contacts["customer"], 1)
            hour = np.clip(contacts["now_ms"] // MS_PER_HOUR - self.sizes.first_hour, 0, self.sizes.hours - 1)
            known = contacts["touchpoint"] < self.sizes.touchpoints
            np.add.at(a["load"], (contacts["touchpoint"][known], hour[known]), 1)
            self._pairs.append(campaign.astype(np.int64) << 32 | contacts["customer"])
        if len(outputs.goals):
            goals = outputs.goals
            np.add.at(a["goals"], (goals["campaign"], goals["arm"], goals["kind"]), 1)
        if len(outputs.withheld):
            rows = outputs.withheld
            campaign = np.where(rows["campaign"] == NO_CAMPAIGN, self.sizes.campaigns, rows["campaign"])
            np.add.at(a["withheld"], (campaign, rows["reason"]), rows["count"])

    def join(self, persons: Persons) -> None:
        """Contacts of numbers that are one person in the end are one customer's. Doing it again changes nothing."""
        each = self.arrays["per_customer"]
        for number, root in persons.roots.items():
            each[root] += each[number]
            each[number] = 0
        if persons.roots:
            who = (self.pairs & _CUSTOMER).tolist()
            roots = np.array([persons.root(number) for number in who], np.int64)
            self._pairs = [np.unique((self.pairs & ~_CUSTOMER) | roots)]

    @property
    def pairs(self) -> NDArray[np.int64]:
        """(campaign << 32 | customer) of everybody whom a campaign contacted, each once."""
        self._pairs = [np.unique(np.concatenate([np.empty(0, np.int64), *self._pairs]))]
        return self._pairs[0]

    @property
    def customers_by_campaign(self) -> NDArray[np.int64]:
        """How many customers each campaign contacted."""
        return np.bincount(self.pairs >> 32, minlength=self.sizes.campaigns)

    @property
    def expected_successes(self) -> NDArray[np.float64]:
        """The sum of the propensities of each campaign's contacts."""
        return self.arrays["expected"] / PPM

    def to_arrays(self) -> Arrays:
        """For a checkpoint."""
        return {**self.arrays, "pairs": self.pairs}

    def load_arrays(self, arrays: Arrays) -> None:
        """Go on from a checkpoint."""
        for name, array in arrays.items():
            if name != "pairs":
                self.arrays[name][...] = array
        self._pairs = [arrays["pairs"].copy()]
