"""Ask: let a made-up operator's world run against real decisions, hour by hour, and keep its truth aside."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from opportune.facts import Outputs
from opportune.operations.deployment import Deployment, create_deployment, journal_of, open_deployment
from opportune.operations.examples import examples_folder
from opportune.operations.ingest import ingest, pieces
from opportune.operations.publish import publish, read_definitions
from opportune.operations.telecom_world import DecisionView, World, view_decisions

START_MS = int(datetime(2026, 10, 31, 16, tzinfo=UTC).timestamp()) * 1000
"""Midnight of 1 November 2026 where the operator is."""
SOURCE = "world"
"""The source of the world's messages. They bring their own time: its clock is "import"."""

OnHour = Callable[[int, int, int], None]
"""(hours done, hours in all, messages so far)."""


class Carrier(Protocol):
    """The way between the world and a deployment. `messages` and `decisions` count, `seconds` are those that `take_in` took,
    `request_ms` the milliseconds of each request with messages, where there are requests."""

    messages: int
    decisions: int
    seconds: float
    request_ms: list[float]

    def take_in(self, data: bytes) -> None:
        """Hand in canonical NDJSON, in order; all of it is decided on when this returns."""
        ...

    def decided(self) -> DecisionView:
        """What was decided since this was asked last, in the order of the decisions' numbers."""
        ...


Reach = Callable[[Path, World], AbstractContextManager[Carrier]]
"""(data folder, world): opens the way to the deployment, and closes the deployment in the end."""


class TelecomResult(msgspec.Struct, frozen=True):
    """What the run took in and decided. `intake_seconds` leaves out the making of the world and its reactions; `seconds` does not."""

    customers: int
    days: int
    seed: int
    events: int
    decisions: int
    goals: int
    seconds: float
    intake_seconds: float
    folder: str
    truth: str
    requests: int = 0
    request_p99_ms: float = 0.0
    """Of the requests with messages, where they went over HTTP."""

    @property
    def events_per_second(self) -> float:
        """Messages taken in, decided and durable per second of intake."""
        return self.events / max(self.intake_seconds, 1e-9)


def run_telecom(
    folder: Path,
    *,
    customers: int = 100_000,
    days: int = 30,
    seed: int = 7,
    definitions: Path | None = None,
    on_hour: OnHour | None = None,
    reach: Reach | None = None,
) -> TelecomResult:
    """Run the world for `days` days in a new data folder. The truth goes to `<folder>-truth.json`, outside the data folder.

    Without `reach` the world hands its messages to the deployment in this process; whatever the way, the same seed gives the same
    decisions. Raises DeploymentError where the folder is in use, DefinitionsRefusedError for definitions with problems.
    """
    begun = time.monotonic()
    known = read_definitions(definitions or examples_folder("telecom") / "definitions")
    create_deployment(folder, seed=f"telecom {seed}")
    world = World(seed, customers, START_MS, days)
    with open_deployment(folder, customers_max=customers_max_of(world)) as deployment:
        publish(deployment, known, "demo")
    with (reach or _directly)(folder, world) as carrier:
        for part in world.opening_parts():
            carrier.take_in(part)
        for hour in range(24 * days):
            carrier.take_in(world.hour(hour))
            world.react(carrier.decided())
            if on_hour is not None:
                on_hour(hour + 1, 24 * days, carrier.messages)
    truth = folder.with_name(folder.name + "-truth.json")
    world.write_truth(truth)
    goals = sum(len(group.arrays.get("goals", ())) for group in journal_of(folder).read())
    return TelecomResult(
        customers, days, seed, carrier.messages, carrier.decisions, goals,
        time.monotonic() - begun, carrier.seconds, str(folder), str(truth),
        len(carrier.request_ms), float(np.quantile(carrier.request_ms or [0.0], 0.99)),
    )  # fmt: skip


def customers_max_of(world: World) -> int:
    """How many customers to keep room for."""
    return max(2 * world.customers, 1_000)


@contextmanager
def _directly(folder: Path, world: World) -> Iterator[Carrier]:
    """The way within this process."""
    with open_deployment(folder, customers_max=customers_max_of(world)) as deployment:
        carrier = _Hand(deployment, world)
        yield carrier
        begun = time.monotonic()
        deployment.flush()
        carrier.seconds += time.monotonic() - begun


class _Hand:
    """Hands messages to an open deployment."""

    def __init__(self, deployment: Deployment, world: World) -> None:
        self.messages = self.decisions = 0
        self.seconds = 0.0
        self.request_ms: list[float] = []
        self._deployment = deployment
        self._decoder = deployment.decoder(SOURCE, "import")
        self._place_of = {user: place for place, user in enumerate(world.users)}
        self._places = np.full(customers_max_of(world), -1, np.int64)
        self._made: list[Outputs] = []

    def take_in(self, data: bytes) -> None:
        begun = time.monotonic()
        now_ms = self._deployment.engine.now_ms  # all earlier pieces are folded: the world has seen their decisions
        made = [ingest(self._deployment, self._decoder, piece, now_ms) for piece in pieces(data)]
        self._deployment.settle()
        self.seconds += time.monotonic() - begun
        for one in made:
            self.messages += one.intake.received
            self.decisions += len(one.outputs.decisions)
            self._made.append(one.outputs)
            for customer, _, text in one.intake.identifiers:
                self._places[customer] = self._place_of[text]

    def decided(self) -> DecisionView:
        d = Outputs.concatenate(self._made).decisions
        self._made = []
        names = self._deployment.playbook.numbering.names
        return view_decisions(
            self._places[d["customer"]], d["campaign"], d["touchpoint"], d["offer"], d["arm"], d["now_ms"], d["seq"],
            campaigns=names["campaign"], touchpoints=names["touchpoint"], offers=names["offer"],
        )  # fmt: skip
