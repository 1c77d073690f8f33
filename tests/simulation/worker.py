"""A life of the simulated process: open the folder, take in what was not acknowledged, until the end or until it is killed.

What it was told to say goes to a file by plain writes, which a kill cannot take back.
"""

import os
import random
import signal
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import msgspec

import opportune.operations
import opportune.store
from opportune.intake import Decoder, SourceDefinition
from opportune.journal import FaultPoint, OnFault
from opportune.operations import (
    Deployment,
    Imported,
    Ingested,
    SourceRun,
    import_ndjson,
    import_sources,
    ingest,
    open_deployment,
    publish,
    run_sources,
)
from tests.simulation.playbooks import definitions_of
from tests.simulation.workload import IMPORTED, START_MS, Piece, stream

CUSTOMERS_MAX = 1_000
SEGMENT_BYTES_MAX = 60_000
FLIGHT_MAX = 4
RUN_MS = START_MS + 365 * 86_400_000
"""When sources are run: rows from after that are refused."""
ROOMS = tuple(str(Path(room.__file__).parent) for room in (opportune.operations, opportune.store) if room.__file__)

ROWS = msgspec.convert(
    {
        "source": "rows",
        "read": {"format": "csv", "path": "rows.csv"},
        "time": {"from": "at"},
        "customer": {"kind": "user", "from": "user"},
        "rows": [{"event": "used", "properties": {"pct": "pct", "cell": "cell", "serial": "serial"}}],
    },
    SourceDefinition,
)


class Kill(msgspec.Struct, frozen=True):
    """When the life ends: after some seconds; the n-th time at a fault point; or at the n-th line of operations and store (of one file)"""

    by: Literal["clock", "fault", "line", "none"] = "none"
    after_s: float = 0.0
    point: FaultPoint = FaultPoint.BEFORE_WRITE
    times: int = 0
    file: str = ""


class Job(msgspec.Struct, frozen=True):
    """One life: the stream it takes in from piece `first` on, and how it ends."""

    folder: Path
    seed: int
    pieces: int
    changed_at: int
    first: int
    life: int
    kill: Kill = Kill()
    snapshot_odds: float = 0.04
    imported: Path | None = None
    """A file to import instead of the stream: CSV or NDJSON."""
    source: str = ""
    """A source to run instead of the stream; its definition lies with the others, its files beside the data folder."""

    def again(self, first: int, kill: Kill) -> "Job":
        """The next life, from piece `first` on."""
        return msgspec.structs.replace(self, first=first, life=self.life + first + 1, kill=kill)

    @property
    def said(self) -> Path:
        """Where it says which pieces it acknowledged."""
        return self.folder.with_name(f"{self.folder.name}-said")


def live(job: Job) -> None:
    """Live one life. Returns only when the whole stream is acknowledged."""
    chance = random.Random(job.life)
    arm_line(job.kill)
    if job.imported is not None:
        with open_folder(job.folder, killer(job.kill)) as deployment:
            import_file(deployment, job.imported)
        return
    if job.source:
        with open_folder(job.folder, killer(job.kill)) as deployment:
            run_source(deployment, job.source)
        return
    said = os.open(job.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    deployment = open_folder(job.folder, killer(job.kill))
    sender = Sender(deployment, job.folder.parent, job.changed_at, lambda piece: os.write(said, b"%d\n" % piece))
    pieces = stream(job.seed, job.pieces, job.changed_at)
    for number in range(job.first, len(pieces)):
        sender.send(number, pieces[number])
        sender.settle(chance.randint(0, FLIGHT_MAX))
        if chance.random() < job.snapshot_odds:
            deployment.flush()
            deployment.snapshot()
    sender.settle(0)
    deployment.close()
    os.close(said)


def open_folder(folder: Path, on_fault: OnFault | None = None) -> Deployment:
    """The simulated deployment, opened with small limits."""
    return open_deployment(
        folder, customers_max=CUSTOMERS_MAX, on_fault=on_fault, segment_bytes_max=SEGMENT_BYTES_MAX
    )  # fmt: skip


def import_file(deployment: Deployment, file: Path) -> Imported:
    """Import a file of the simulation: canonical NDJSON, or CSV by a source definition."""
    if deployment.playbook.version == 0:
        publish(deployment, definitions_of(1, deployment.folder.parent), "simulation")
    if file.suffix == ".csv":
        return import_sources(deployment, [ROWS], file.parent)
    return import_ndjson(deployment, file, ROWS.source)


def run_source(deployment: Deployment, source: str) -> list[SourceRun]:
    """Run a source of the simulation. Raises AssertionError where it cannot be read."""
    folder = deployment.folder.parent
    if deployment.playbook.version == 0:
        publish(deployment, definitions_of(1, folder), "simulation")
    accounts = {"database": {"default": {"url": f"sqlite:///{folder / 'rows.db'}"}}}
    runs = run_sources(deployment, folder, [source], accounts=accounts, now_ms=RUN_MS)
    assert not any(run.trouble for run in runs), runs
    return runs


class Sender:
    """Takes in pieces under the playbook of their time, with some in flight; says each when it is durable."""

    def __init__(
        self, deployment: Deployment, folder: Path, changed_at: int, say: Callable[[int], object] = lambda piece: None
    ) -> None:
        self.deployment = deployment
        self.folder = folder
        self.changed_at = changed_at
        self.say = say
        self.flight: deque[tuple[int, Ingested]] = deque()
        self.decoders: dict[str, Decoder] = {}

    def send(self, number: int, piece: Piece) -> None:
        """Take in one piece; before it, put the playbook in force that it expects."""
        version = 1 if number < self.changed_at else 2
        if self.deployment.playbook.version < version:
            publish(self.deployment, definitions_of(version, self.folder), "simulation")
            self.decoders.clear()
        if piece.source not in self.decoders:
            clock: Literal["import", "live"] = "import" if piece.source == IMPORTED else "live"
            self.decoders[piece.source] = self.deployment.decoder(piece.source, clock)
        made = ingest(self.deployment, self.decoders[piece.source], piece.data, piece.received_ms)
        self.flight.append((number, made))

    def settle(self, left: int) -> None:
        """Wait until no more than `left` pieces are in flight, and say those that are durable."""
        while len(self.flight) > left:
            number, made = self.flight.popleft()
            made.commit.wait(60)
            self.say(number)


def killer(kill: Kill) -> OnFault | None:
    """The hook that kills this process at its fault point."""
    left = kill.times

    def on_fault(reached: FaultPoint) -> None:
        nonlocal left
        left -= reached is kill.point
        if left == 0 and reached is kill.point:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_fault if kill.by == "fault" else None


def arm_line(kill: Kill) -> None:
    """Kill this process before the n-th line that its main thread runs in operations and store: between any two steps of theirs."""
    if kill.by != "line":
        return
    left = kill.times

    def on_line(frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        return on_line if name.startswith(ROOMS) and name.endswith(kill.file) else None

    sys.settrace(on_call)
