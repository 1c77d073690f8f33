"""Ask: let a made-up operator's world run against real decisions, hour by hour, and keep its truth aside."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import Outputs
from opportune.operations.deployment import Deployment, create_deployment, open_deployment
from opportune.operations.examples import examples_folder
from opportune.operations.ingest import Ingested, ingest, pieces
from opportune.operations.publish import publish, read_definitions
from opportune.operations.telecom_world import World, view_decisions

START_MS = int(datetime(2026, 10, 31, 16, tzinfo=UTC).timestamp()) * 1000
"""Midnight of 1 November 2026 where the operator is."""
SOURCE = "world"

OnHour = Callable[[int, int, int], None]
"""(hours done, hours in all, messages so far)."""


class TelecomResult(msgspec.Struct, frozen=True):
    """What the run took in and decided. `engine_seconds` leaves out the making of the world; `seconds` does not."""

    customers: int
    days: int
    seed: int
    events: int
    decisions: int
    goals: int
    seconds: float
    engine_seconds: float
    folder: str
    truth: str

    @property
    def events_per_second(self) -> float:
        """Messages taken in, decided and durable per second of engine time."""
        return self.events / max(self.engine_seconds, 1e-9)


def run_telecom(
    folder: Path,
    *,
    customers: int = 100_000,
    days: int = 30,
    seed: int = 7,
    definitions: Path | None = None,
    on_hour: OnHour | None = None,
) -> TelecomResult:
    """Run the world for `days` days in a new data folder. The truth goes to `<folder>-truth.json`, outside the data folder.

    Raises DeploymentError where the folder is in use, DefinitionsRefusedError for definitions with problems.
    """
    begun = time.monotonic()
    known = read_definitions(definitions or examples_folder("telecom") / "definitions")
    create_deployment(folder, seed=f"telecom {seed}")
    world = World(seed, customers, START_MS, days)
    with open_deployment(folder, customers_max=max(2 * customers, 1_000)) as deployment:
        publish(deployment, known, "demo")
        run = _Run(deployment, world)
        run.open()
        for hour in range(24 * days):
            run.hour(hour)
            if on_hour is not None:
                on_hour(hour + 1, 24 * days, run.events)
        deployment.flush()
        decisions, goals = run.decisions, run.goals
    truth = folder.with_name(folder.name + "-truth.json")
    world.write_truth(truth)
    return TelecomResult(
        customers, days, seed, run.events, decisions, goals,
        time.monotonic() - begun, run.engine_seconds, str(folder), str(truth),
    )  # fmt: skip


class _Run:
    """One world against one deployment."""

    def __init__(self, deployment: Deployment, world: World) -> None:
        self.deployment, self.world = deployment, world
        self.decoder = deployment.decoder(SOURCE, "import")
        self.events = self.decisions = self.goals = 0
        self.engine_seconds = 0.0
        self.place: NDArray[np.int64] = np.empty(0, np.int64)

    def open(self) -> None:
        """Make the customers known, and learn which number each one got."""
        number_of: dict[str, int] = {}
        for part in self.world.opening_parts():
            for made in self._take_in(part):
                number_of |= {text: customer for customer, _, text in made.intake.identifiers}
        self.place = np.full(max(number_of.values()) + 1, -1, np.int64)
        self.place[[number_of[user] for user in self.world.users]] = np.arange(self.world.customers)

    def hour(self, hour: int) -> None:
        """One hour: its events in, its decisions back to the world."""
        made = [one.outputs for one in self._take_in(self.world.hour(hour))]
        if made:
            self._react(Outputs.concatenate(made))

    def _take_in(self, data: bytes) -> list[Ingested]:
        begun = time.monotonic()
        now_ms = self.deployment.engine.now_ms  # all earlier pieces are folded: the world has seen their decisions
        made = [ingest(self.deployment, self.decoder, piece, now_ms) for piece in pieces(data)]
        self.deployment.settle()
        self.engine_seconds += time.monotonic() - begun
        for one in made:
            self.events += one.intake.received
            self.decisions += len(one.outputs.decisions)
            self.goals += len(one.outputs.goals)
        return made

    def _react(self, outputs: Outputs) -> None:
        d = outputs.decisions
        names = self.deployment.playbook.numbering.names
        self.world.react(view_decisions(
            self.place[d["customer"]], d["campaign"], d["touchpoint"], d["offer"], d["arm"], d["now_ms"], d["seq"],
            campaigns=names["campaign"], touchpoints=names["touchpoint"], offers=names["offer"],
        ))  # fmt: skip
