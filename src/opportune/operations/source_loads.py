"""Ask: run sources. What is new is fetched and kept (raw, sealed), then cleaned, mapped and taken in; killed anywhere, every row is applied once.

A load is staged in one transaction with the state of its source, so a fetch counts whole or not at all. While it is taken in, the
journal says with every group which load it is and how many of its messages are in; steps and what they learnt are kept with
the load, so the rest of its messages is made again exactly.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from opportune.intake import (
    BASELINE_ROWS_MIN,
    Decoder,
    ExtraMissingError,
    Fetch,
    FetchFailedError,
    Load,
    LoadResult,
    Profile,
    Profiler,
    Reach,
    SourceDefinition,
    State,
    Statistics,
    cells_of,
    fetch,
    stored_row,
)  # fmt: skip
from opportune.operations.accounting import SourceAccount
from opportune.operations.deployment import FOLDING_MAX, Deployment, DeploymentError
from opportune.operations.ingest import Ingested, ingest
from opportune.operations.source_definitions import definitions_of, open_loads, read_source, sources_of
from opportune.store import LoadRow, Loads, SourceCheck

ROWS_AT_ONCE = 4_096
MESSAGES_AT_ONCE = 4_096
SNAPSHOT_EVERY_FACTS = 20_000_000
COUNTED = ("applied", "duplicates", "quarantined")

OnStep = Callable[[str, int, int], None]
"""(what is being done to which load, rows or messages done, in all or 0)."""


class LoadBody(msgspec.Struct):
    """What is kept with a load: the definition that made it and what its steps learnt, how far the source was fetched with it, and what became of it.

    `before` is the source's account when taking in began, `outcome` what this load added to it.
    """

    label: str
    document: dict[str, Any]
    zone: str
    state: State
    statistics: list[Statistics | None]
    raw: Profile
    drift: dict[str, int]
    before: dict[str, int] = {}
    outcome: dict[str, int] = {}
    result: LoadResult | None = None

    @classmethod
    def of(cls, row: LoadRow) -> "LoadBody":
        """What was kept with a load."""
        return msgspec.json.decode(row.body, type=cls)

    def encode(self) -> bytes:
        """As bytes, to be kept."""
        return msgspec.json.encode(self)


class SourceLoad(msgspec.Struct, frozen=True):
    """One load: rows = left out + refused + forgotten + those that became messages; messages = applied + duplicates + quarantined.

    `left_out` and `changed` are by step (or by what the mapping skips), `actions` say what rows became.
    """

    source: str
    load: int
    label: str
    fetched_ms: int
    rows: int
    left_out: dict[str, int]
    changed: dict[str, int]
    refused: int
    actions: dict[str, int]
    messages: int
    applied: int
    duplicates: int
    quarantined: int

    @property
    def balanced(self) -> bool:
        """Whether every row and every message is accounted for."""
        return self.messages == self.applied + self.duplicates + self.quarantined


class SourceRun(msgspec.Struct, frozen=True):
    """What a run did with one source; `trouble` says why it stopped, "" where it did not."""

    source: str
    loads: tuple[SourceLoad, ...]
    trouble: str = ""


class Taking(Protocol):
    """Where the messages of loads go: straight into a deployment, or through the door of a service that runs."""

    deployment: Deployment

    def begin(self, source: str, load: int) -> None:
        """The journal's next word on the source is that it is at the beginning of a load."""

    def take(self, source: str, lines: bytes, count: int, position: int) -> None:
        """Take in messages; `position` is how many of the load are in with them. Raises DeploymentError, JournalError."""

    def end(self, source: str) -> None:
        """Return once all of the load is durable, and the journal says that it is finished."""


class Straight:
    """Straight into a deployment that nobody else uses; the next messages are made while the last ones are folded."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._folding: deque[Ingested] = deque()
        self._decoders: dict[str, Decoder] = {}
        self._snapshot_at = deployment.engine.next_seq + SNAPSHOT_EVERY_FACTS

    def begin(self, source: str, load: int) -> None:
        """See `Taking`."""
        begin_load(self.deployment, source, load)

    def take(self, source: str, lines: bytes, count: int, position: int) -> None:
        """See `Taking`."""
        deployment = self.deployment
        decoder = self._decoders.setdefault(source, deployment.decoder(source, "import"))
        self._folding.append(ingest(deployment, decoder, lines, time.time_ns() // 1_000_000, position))
        if len(self._folding) > FOLDING_MAX:
            self._folding.popleft().folding.result()
        if deployment.engine.next_seq >= self._snapshot_at:
            deployment.flush()
            deployment.snapshot()
            self._snapshot_at += SNAPSHOT_EVERY_FACTS

    def end(self, source: str) -> None:
        """See `Taking`."""
        while self._folding:
            self._folding.popleft().folding.result()
        end_load(self.deployment, source)


def begin_load(deployment: Deployment, source: str, load: int) -> None:
    """Set a source's account to the beginning of a load; journaled with the next group."""
    account = deployment.accounting.sources.setdefault(source, SourceAccount())
    account.load, account.position, account.finished = load, 0, False


def end_load(deployment: Deployment, source: str) -> None:
    """Journal that a source's load is all in."""
    account = deployment.accounting.sources[source]
    account.finished, account.position = True, 0
    deployment.commit_progress()
    deployment.flush()


def run_sources(
    taking: Taking | Deployment,
    folder: Path,
    names: Sequence[str] = (),
    *,
    accounts: dict[str, dict[str, dict[str, Any]]] | None = None,
    now_ms: int | None = None,
    on_step: OnStep | None = None,
) -> list[SourceRun]:
    """Run sources by name, or those that are due. `folder` is where their files are, `accounts` the settings with their secrets.

    A source that cannot be read says why and does not keep the others. Raises DeploymentError, JournalError, OSError of the data folder.
    """
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    into = Straight(taking) if isinstance(taking, Deployment) else taking
    deployment = into.deployment
    definitions = definitions_of(deployment.folder)
    reach = Reach(folder, accounts or {})
    with open_loads(deployment.folder) as loads:
        checks = loads.checks()
        wanted = sources_of(definitions, names)
        if not names:
            wanted = [source for source in wanted if is_due(source, checks.get(source.source), now)]
        runs = []
        for source in wanted:
            document = definitions.sources[source.source]
            run = _Run(into, loads, source, document, on_step or (lambda _what, _done, _total: None), now)
            runs.append(run.whole(reach))
        return runs


def is_due(source: SourceDefinition, check: SourceCheck | None, now_ms: int) -> bool:
    """Whether a source is to be asked now; one without `every` never is by itself."""
    return source.every is not None and (check is None or now_ms - check.checked_ms >= source.every)


def load_of(row: LoadRow) -> SourceLoad:
    """A load as it is told; counts are zero while it is not taken in."""
    body = LoadBody.of(row)
    result = body.result
    left_out = {step.step: step.left_out for step in result.steps if step.left_out} if result else {}
    actions = dict(result.actions) if result else {}
    left_out |= {label: actions.pop(label) for label in list(actions) if label.partition(" ")[0] == "skip"}
    return SourceLoad(
        row.source, row.number, body.label, row.begun_ms, row.rows, left_out,
        {step.step: step.changed for step in result.steps if step.changed} if result else {}, result.refused if result else 0, actions,
        result.messages if result else 0, *(body.outcome.get(name, 0) for name in COUNTED),
    )  # fmt: skip


@dataclass(slots=True)
class _Run:
    """One source being run."""

    taking: Taking
    loads: Loads
    source: SourceDefinition
    document: dict[str, Any]
    step: OnStep
    now_ms: int

    @property
    def name(self) -> str:
        return self.source.source

    def whole(self, reach: Reach) -> SourceRun:
        """Take in what is staged already, then fetch what is new, load by load."""
        done: list[SourceLoad] = []
        trouble = ""
        try:
            done += [self._take(row) for row in self.loads.unended(self.name)]
            for found in fetch(self.source, self._state(), reach):
                number = self._stage(found)
                row = None if number is None else self.loads.one(self.name, number)
                if row is not None:
                    done.append(self._take(row))
        except (
            FetchFailedError,
            ExtraMissingError,
            ValueError,
            OverflowError,
            FileNotFoundError,
            PermissionError,
        ) as error:
            trouble = str(error)
        self.loads.check(self.name, self.now_ms, trouble)
        self.loads.drop_rows(self.name, self.now_ms - self.source.keep)
        return SourceRun(self.name, tuple(done), trouble)

    def _state(self) -> State:
        newest = self.loads.of(self.name, 1)
        return LoadBody.of(newest[0]).state if newest else {}

    def _stage(self, found: Fetch) -> int | None:
        """Keep the rows of a fetch with what the steps have to know of them; None where it brought nothing."""
        account = self._account()
        number = self.loads.begin(self.name, account.load, self.now_ms)
        profiler, rows, places = Profiler(), 0, itertools.count()
        while chunk := [stored_row(row) for row in itertools.islice(found.rows, ROWS_AT_ONCE)]:
            self.loads.add_rows(self.name, number, next(places), chunk)
            profiler.add([cells for cells in map(cells_of, chunk) if cells is not None])
            rows += len(chunk)
            self.step(f"{self.name}: fetching {found.label}", rows, 0)
        if not rows and not found.is_news:
            self.loads.drop(self.name, number)
            return None
        zone = self.taking.deployment.catalogue.zone
        statistics = self._load(self.source, number, zone, None).learn()
        baseline = self.loads.first(self.name, BASELINE_ROWS_MIN)
        drift = profiler.drift(LoadBody.of(baseline).raw) if baseline is not None and rows else {}
        body = LoadBody(found.label, self.document, zone, found.state, statistics, profiler.profile(), drift)
        self.loads.stage(self.name, number, rows, body.encode(), self.now_ms)
        return number

    def _load(
        self,
        source: SourceDefinition,
        number: int,
        zone: str,
        statistics: list[Statistics | None] | None,
        fetched_ms: int | None = None,
    ) -> Load:
        return Load(source, number, ZoneInfo(zone), lambda: self.loads.rows(self.name, number), statistics, fetched_ms)

    def _take(self, row: LoadRow) -> SourceLoad:
        """Take in what is not yet in the journal of a load, and note what became of it."""
        body = LoadBody.of(row)
        account = self._account()
        if account.load and not account.finished and account.load != row.number:
            raise DeploymentError(
                f"source {self.name}: the journal is in the midst of load {account.load}, which is not in loads.db; restore that file from a backup"
            )
        is_in = account.load == row.number and account.finished
        if account.load < row.number:
            body.before = {name: getattr(account, name) for name in COUNTED}
            self.loads.note(self.name, row.number, body.encode())
            self.taking.begin(self.name, row.number)
            account = self._account()
        definition = read_source(self.name, body.document)
        messages = self._load(definition, row.number, body.zone, body.statistics, row.begun_ms).messages()
        if is_in:
            deque(messages, 0)  # a crash kept us from noting what became of it
        else:
            self._ingest(iter(messages), account.position, f"{self.name}: taking in {body.label}")
        body.result = messages.result()
        body.outcome = {name: getattr(account, name) - body.before.get(name, 0) for name in COUNTED}
        self.loads.end(self.name, row.number, body.encode(), self.now_ms)
        ended = self.loads.one(self.name, row.number)
        assert ended is not None
        return load_of(ended)

    def _ingest(self, lines: Iterator[bytes], position: int, what: str) -> None:
        deque(itertools.islice(lines, position), 0)  # they are in the journal
        while chunk := list(itertools.islice(lines, MESSAGES_AT_ONCE)):
            position += len(chunk)
            self.taking.take(self.name, b"\n".join(chunk), len(chunk), position)
            self.step(what, position, 0)
        self.taking.end(self.name)

    def _account(self) -> SourceAccount:
        return self.taking.deployment.accounting.sources.get(self.name, SourceAccount())
