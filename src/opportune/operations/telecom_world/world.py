"""The telecom world: customers with hidden needs, hour by hour, who answer our decisions by a truth that is kept aside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import opportune.operations.telecom_world.names as names
from opportune.facts import MS_PER_HOUR
from opportune.operations.telecom_world.campaigns import CAMPAIGNS, TRUTHS
from opportune.operations.telecom_world.chance import Chance
from opportune.operations.telecom_world.consequences import Consequences
from opportune.operations.telecom_world.customers import create_customers, day_of
from opportune.operations.telecom_world.happenings import Agenda, ByKind, join, take
from opportune.operations.telecom_world.life import Life
from opportune.operations.telecom_world.lines import KINDS, hour_lines
from opportune.operations.telecom_world.opening import opening_parts
from opportune.operations.telecom_world.response import DecisionView, Responses
from opportune.operations.telecom_world.truth import TruthBook
from opportune.operations.telecom_world.usage import Usage

CUSTOMERS_MAX = 2_000_000
DAYS_MAX = 366


class World:
    """A world of `customers` people from `start_ms` (a full hour, ms UTC) on, for `days` days. Same seed, same world, bit for bit.

    Ask for the hours in order; after each hour, tell the world what was decided (`react`), or nothing.
    Raises ValueError for sizes out of bounds.
    """

    def __init__(self, seed: int, customers: int, start_ms: int, days: int) -> None:
        if not 1 <= customers <= CUSTOMERS_MAX:
            raise ValueError(f"customers: {customers:,} is not between 1 and {CUSTOMERS_MAX:,}")
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"days: {days} is not between 1 and {DAYS_MAX}")
        if start_ms % MS_PER_HOUR:
            raise ValueError(f"start_ms: {start_ms} is not a full hour")
        self.seed, self.customers, self.start_ms, self.hours = seed, customers, start_ms, 24 * days
        self._chance = Chance(seed)
        self._people = create_customers(self._chance, customers, start_ms)
        self._agenda = Agenda(start_ms, self.hours)
        self._book = TruthBook()
        self._usage = Usage(self._chance, self._people)
        self._life = Life(self._chance, self._people)
        self._responses = Responses(self._chance, self._people, self._agenda, self._book, start_ms)
        self._consequences = Consequences(self._chance, self._people, self._agenda)
        self._next_hour, self._day = 0, -1
        self._label = f"w{seed}"

    @property
    def users(self) -> list[str]:
        """The identifiers of the customers, in world order."""
        return self._people.users.tolist()

    def opening_parts(self) -> Iterator[bytes]:
        """The opening in parts of bounded size."""
        return opening_parts(self._chance, self._people, self.start_ms, self._label)

    def opening(self) -> bytes:
        """Canonical lines an hour before the beginning: traits of every customer, consents, do-not-disturb. Ask before hour 0."""
        return b"".join(self.opening_parts())

    def hour(self, h: int) -> bytes:
        """The canonical lines of hour h (0 = the first), sorted by time. Raises ValueError out of order or beyond the end."""
        if h != self._next_hour or h >= self.hours:
            raise ValueError(f"hour {h} was asked for; next comes hour {self._next_hour} of {self.hours}")
        self._next_hour += 1
        hour_ms = self.start_ms + h * MS_PER_HOUR
        day = day_of(hour_ms)
        if day != self._day:
            self._day = day
            for planned in self._life.plan_day(day):
                self._agenda.add(take(planned, planned.at >= hour_ms))
        due = self._responses.settle(join(self._agenda.due(h)), h)
        due = take(due, self._people.activity[due.customer] > 0.0)
        of = ByKind(join([*self._usage.hour(h, hour_ms), due]), KINDS)
        self._consequences.follow(of, h, hour_ms + MS_PER_HOUR)
        self._responses.meet_moments(of, h, hour_ms)
        return hour_lines(of, h, hour_ms, self._people.users, CAMPAIGNS, self._label)

    def react(self, decisions: DecisionView) -> None:
        """Let the decisions of the hour just asked for act. Raises ValueError before the first hour, or for a customer who is not of this world."""
        if not self._next_hour:
            raise ValueError("nothing can be decided before the first hour")
        who = decisions.customer
        if len(who) and (int(who.min()) < 0 or int(who.max()) >= self.customers):
            raise ValueError(f"decisions name customers outside 0 .. {self.customers - 1}")
        self._responses.react(decisions, self._next_hour - 1)

    def truth(self) -> dict[str, Any]:
        """What is true of this world so far: per campaign counts and true rates (of the past hours), and the constants behind them."""
        people = self._people
        return {
            "seed": self.seed,
            "customers": self.customers,
            "start_ms": self.start_ms,
            "hours": self._next_hour,
            "gone": int((people.activity == 0.0).sum()),
            "mean_annoyance": round(float(people.annoyance_at(self._next_hour, np.arange(people.n)).mean()), 6),
            "customer_types": {
                entry.name: {"baseline_factor": entry.baseline, "effect_factor": entry.effect} for entry in names.TYPES
            },
            "constants": {
                truth.name: {
                    "moment": truth.moment, "goal": truth.goal, "baseline": truth.baseline, "effect_at_the_moment": truth.effect,
                    "effect_at_any_other_time": truth.bulk, "regretted": truth.regretted, "goal_within_hours": truth.within_hours,
                }
                for truth in TRUTHS
            },
            "campaigns": self._book.report(),
        }  # fmt: skip

    def write_truth(self, path: Path) -> None:
        """Write `truth()` as JSON to a file of its own. Raises OSError."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self.truth()), indent=2) + b"\n")
