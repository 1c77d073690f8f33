"""Simulations of a data folder: each under its own key, so that the same ask goes on where it was cut short, or is answered at once.

<folder>/simulations/<key>/progress.json, checkpoints, and in the end report.json
"""

import hashlib
import os
import time
from importlib.metadata import version
from pathlib import Path

import msgspec

from opportune.engine import CUSTOMERS_MAX
from opportune.journal import SnapshotStore
from opportune.operations.deployment import DeploymentError, OnProgress
from opportune.operations.erasure import CHECKPOINTS, SIMULATIONS
from opportune.operations.simulation.period import find_period
from opportune.operations.simulation.report import SimulationReport, report_of
from opportune.operations.simulation.run import Comparison
from opportune.store import Definitions, playbook_fingerprint

REPORT, PROGRESS = "report.json", "progress.json"
AS_IT_WAS = "as-it-was"
PROGRESS_SECONDS = 0.5
KEY_BYTES = 8
DIGEST_BYTES = 16


class SimulationState(msgspec.Struct, frozen=True):
    """A simulation of a folder: `done` facts of `total`; `finished` when there is a report. `pid` is the process that is (or was) at it."""

    key: str
    name: str
    what: str
    done: int
    total: int
    begun_ms: int
    told_ms: int
    pid: int
    finished: bool = False


def simulate(
    folder: Path,
    draft: Definitions | None,
    since_ms: int,
    until_ms: int,
    *,
    name: str = "",
    again: bool = False,
    customers_max: int = CUSTOMERS_MAX,
    on_progress: OnProgress | None = None,
) -> SimulationReport:
    """Run a draft (a whole set of definitions) over a past period; without one, the period as it was. Reads beside a writer; changes nothing.

    The same ask is answered from its report, unless `again`; one that was cut short goes on. Raises DeploymentError, DefinitionsRefusedError.
    """
    period = find_period(folder, since_ms, until_ms, on_progress)
    mark = AS_IT_WAS if draft is None else fingerprint_text(draft)
    key = _key(mark, period.first_seq, period.end_seq)
    place = folder / SIMULATIONS / key
    path = place / REPORT
    if path.exists() and not again:
        return msgspec.json.decode(path.read_bytes(), type=SimulationReport)
    place.mkdir(parents=True, exist_ok=True)
    checkpoints = SnapshotStore(place / CHECKPOINTS, snapshots_kept=1)
    if again:
        checkpoints.drop_after(0)
    told = _Told(place, key, name, on_progress)
    run = Comparison(folder, period, draft, customers_max)
    if not run.go_on(checkpoints):
        run.begin(told)
    run.run(checkpoints, told)
    found = report_of(run, name, mark)
    _write(path, msgspec.json.encode(found))
    told.finish(period.facts)
    checkpoints.drop_after(0)
    return found


def fingerprint_text(definitions: Definitions) -> str:
    """What tells one set of definitions from another, words included."""
    whole = playbook_fingerprint(definitions)
    return f"{whole.decides}.{whole.words}"


def simulations(folder: Path) -> list[SimulationState]:
    """The simulations of a folder, the newest first."""
    found = []
    for path in (folder / SIMULATIONS).glob(f"*/{PROGRESS}"):
        found.append(msgspec.json.decode(path.read_bytes(), type=SimulationState))
    return sorted(found, key=lambda one: -one.begun_ms)


def simulation_report(folder: Path, key: str) -> SimulationReport:
    """The report of a simulation. Raises DeploymentError where there is none."""
    path = folder / SIMULATIONS / key / REPORT
    if not key.isalnum() or not path.exists():
        raise DeploymentError(f"no simulation `{key}` has a report; see them with `opportune simulations`")
    return msgspec.json.decode(path.read_bytes(), type=SimulationReport)


def report_key(report: SimulationReport) -> str:
    """The key under which a report is kept."""
    return _key(report.fingerprint, report.first_seq, report.end_seq)


def report_digest(report: SimulationReport) -> str:
    """A hash of what a report found; its name and how long it took do not count."""
    found = msgspec.structs.replace(report, name="", seconds=0.0)
    return hashlib.blake2b(msgspec.json.encode(found, order="deterministic"), digest_size=DIGEST_BYTES).hexdigest()


def _key(mark: str, first_seq: int, end_seq: int) -> str:
    text = f"{mark} {first_seq} {end_seq} {version('opportune')}"
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).hexdigest()


def _write(path: Path, body: bytes) -> None:
    aside = path.with_name(f"{path.name}.part")
    aside.write_bytes(body)
    aside.replace(path)


class _Told:
    """Progress, to whoever asked and to a file for everybody else."""

    def __init__(self, place: Path, key: str, name: str, on_progress: OnProgress | None) -> None:
        self._path, self._on_progress = place / PROGRESS, on_progress
        now_ms = time.time_ns() // 1_000_000
        self._state = SimulationState(key, name, "", 0, 0, now_ms, now_ms, os.getpid())
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(what, done, total)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PROGRESS_SECONDS
            self._tell(what=what, done=done, total=total)

    def finish(self, total: int) -> None:
        self._tell(what="", done=total, total=total, finished=True)

    def _tell(self, **changes: object) -> None:
        now_ms = time.time_ns() // 1_000_000
        self._state = msgspec.structs.replace(self._state, told_ms=now_ms, **changes)
        _write(self._path, msgspec.json.encode(self._state))
