"""A load: the raw rows of one fetch, cleaned and mapped to messages. The same rows, steps and statistics give the same messages."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from opportune.intake.cleaning import Cells, Recipe, Statistics, StepCount, Verdict
from opportune.intake.mapping import MappedRow, Mapping
from opportune.intake.mappings import SourceDefinition
from opportune.intake.messages import AHEAD_MS_MAX
from opportune.intake.profile import Profile, Profiler
from opportune.intake.sources import ReadLimits, in_order
from opportune.intake.tables import Row, json_text

PROFILED_ROWS = 4_096
_UNREADABLE = b"\0"
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])

ReadStored = Callable[[], Iterable[bytes]]
"""Reads the stored rows of a load from the first one, as often as it is called."""


class LoadResult(msgspec.Struct, frozen=True):
    """What became of a load's rows: rows = left out by each step + refused + mapped; `actions` says to what.

    `forgotten` rows were taken out since; `newest_ms` is the latest moment of a row, None of nothing; `profile` is that of the rows as they left the steps.
    """

    rows: int
    steps: tuple[StepCount, ...]
    actions: dict[str, int]
    unmapped: int
    unreadable: int
    forgotten: int
    messages: int
    newest_ms: int | None
    profile: Profile

    @property
    def left_out(self) -> int:
        """Rows that became no message because a step or the mapping says so."""
        skipped = sum(count for label, count in self.actions.items() if label.partition(" ")[0] == "skip")
        return sum(step.left_out for step in self.steps) + skipped

    @property
    def refused(self) -> int:
        """Rows that go into the quarantine for the steps' or the mapping's sake."""
        return sum(step.refused for step in self.steps) + self.unmapped + self.unreadable


class Shown(NamedTuple):
    """One row in a preview: as it came, as it left the steps, what the steps said, and its messages."""

    number: int
    before: Cells
    after: Cells
    verdict: Verdict
    step: str
    messages: list[bytes]


def stored_row(row: Row) -> bytes:
    """A raw row as it is kept: a JSON object, or a zero byte and the bytes of a row that cannot be read."""
    if row.fields is None:
        return _UNREADABLE + row.raw
    return b"{%b}" % b",".join(json_text(name) + b":" + bytes(token) for name, token in row.fields.items())


def cells_of(stored: bytes) -> Cells | None:
    """The cells of a kept row; None where it cannot be read or was forgotten."""
    if not stored or stored[:1] == _UNREADABLE:
        return None
    return {name: bytes(token) for name, token in _object.decode(stored).items()}


class Load:
    """One load, ready to be mapped. Raises ValueError where the definition contradicts itself, ExtraMissingError."""

    def __init__(
        self,
        definition: SourceDefinition,
        number: int,
        zone: ZoneInfo,
        read: ReadStored,
        statistics: list[Statistics | None] | None = None,
        fetched_ms: int | None = None,
    ) -> None:
        """`fetched_ms` is when the rows were fetched: those that are later than an hour behind it are refused."""
        self.definition, self.number, self._zone, self._read = definition, number, zone, read
        self._latest_ms = None if fetched_ms is None else fetched_ms + AHEAD_MS_MAX
        self.recipe = Recipe(definition.clean, statistics)
        self.begin()

    def begin(self) -> Mapping:
        """Start at the first row: the steps and the mapping have seen nothing yet."""
        self.recipe.start()
        return Mapping(self.definition, self._zone, self.number, self._latest_ms)

    def rows(self) -> Iterator[bytes]:
        """The stored rows, from the first."""
        return iter(self._read())

    def learn(self) -> list[Statistics | None]:
        """What the steps have to know of the load, to be kept with it."""
        return self.recipe.learn(self._readable)

    def messages(self, limits: ReadLimits | None = None) -> "Messages":
        """The messages, from the first."""
        return Messages(self, limits or ReadLimits())

    def shown(self) -> Iterator[Shown]:
        """Every row before and after, with its messages in the order of the rows."""
        mapping = self.begin()
        for number, stored in enumerate(self._read()):
            before = cells_of(stored)
            if before is None:
                yield Shown(number, {}, {}, Verdict.REFUSED, "unreadable", [])
                continue
            after = dict(before)
            cleaned = self.recipe.clean(number, after)
            kept = cleaned.verdict.value < Verdict.LEFT_OUT.value
            messages = [one.line for one in mapping.messages(Row(after, b""))] if kept else []
            yield Shown(number, before, after, cleaned.verdict, cleaned.step, messages)

    def _readable(self) -> Iterator[tuple[int, Cells]]:
        for number, stored in enumerate(self._read()):
            cells = cells_of(stored)
            if cells is not None:
                yield number, cells


class Messages:
    """The messages of a load, to be read once; `result` is whole when they have been read to the end."""

    def __init__(self, load: Load, limits: ReadLimits) -> None:
        self._load, self._limits = load, limits
        self._mapping = load.begin()
        self._profiler = Profiler(repeats=False)
        self._rows = self._unmapped = self._unreadable = self._forgotten = self._messages = 0
        self._newest: int | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Canonical lines, in the order they are to be applied. Raises OverflowError beyond a limit."""
        for _, line in in_order(self._load.definition, self._mapped(), self._limits):
            self._messages += 1
            yield line

    def result(self) -> LoadResult:
        """What became of the rows."""
        return LoadResult(
            self._rows, tuple(self._load.recipe.counts), dict(sorted(self._mapping.actions.items())), self._unmapped, self._unreadable,
            self._forgotten, self._messages, self._newest, self._profiler.profile(),
        )  # fmt: skip

    def _mapped(self) -> Iterator[MappedRow]:
        held: list[Cells] = []
        for number, stored in enumerate(self._load.rows()):
            self._rows += 1
            if not stored:
                self._forgotten += 1
                continue
            raw = cells_of(stored)
            if raw is None:
                self._unreadable += 1
                yield from self._mapping.messages(Row(None, stored[1:]))
                continue
            cells = dict(raw)
            yield from self._clean(number, raw, cells)
            held.append(cells)
            if len(held) >= PROFILED_ROWS:
                self._profiler.add(held)
                held = []
        self._profiler.add(held)

    def _clean(self, number: int, raw: Cells, cells: Cells) -> Iterator[MappedRow]:
        cleaned = self._load.recipe.clean(number, cells)
        if cleaned.verdict is Verdict.LEFT_OUT:
            return
        if cleaned.verdict is Verdict.REFUSED:
            yield self._mapping.unmapped(Row(raw, b""), why_refused(cleaned.step))
            return
        before = sum(self._mapping.actions.values())
        for message in self._mapping.messages(Row(cells, b"")):
            yield message
            if self._newest is None or message.at_ms > self._newest:
                self._newest = message.at_ms
        self._unmapped += before == sum(self._mapping.actions.values())


def why_refused(step: str) -> bytes:
    """The reason of a refused row, as a part of JSON text."""
    return json_text(f"clean: {step}")[1:-1]
