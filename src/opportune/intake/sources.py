"""Import mappings: what the rows of a file mean, as a definition; and reading files by it as canonical messages.

A source's messages go through the same decoder as everything else, so a row that cannot be mapped is quarantined, counted and kept.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from opportune.intake.mapping import MappedRow, Mapping
from opportune.intake.mappings import SourceDefinition
from opportune.intake.tables import Progress, read_rows


class ReadLimits(msgspec.Struct, frozen=True):
    """How much is held at once: messages per chunk, rows of one moment (for `order`), rows of a source that is sorted, bytes of one row."""

    chunk_messages_max: int = 4_096
    tied_rows_max: int = 1_000_000
    sorted_rows_max: int = 5_000_000
    row_bytes_max: int = 1_048_576


class Position(msgspec.Struct, frozen=True):
    """How far an import is: messages handed out (give it to `skip` to go on after them), and bytes of the files done and in all."""

    messages: int
    bytes_done: int
    bytes_total: int


def read_messages(
    sources: SourceDefinition | Sequence[SourceDefinition],
    folder: Path,
    *,
    zone: str = "UTC",
    limits: ReadLimits | None = None,
    skip: int = 0,
) -> Iterator[tuple[Position, bytes]]:
    """Chunks of canonical NDJSON, several sources merged by time, each with the position after it.

    At equal times sources keep the order in which they are listed, and rows of one source that of their `order`.
    `skip` messages are passed over, for an import that goes on. Local times are of `zone`.
    Raises FileNotFoundError, ValueError for a file that is not of its format, OverflowError beyond a limit.
    """
    limits = limits or ReadLimits()
    listed = (sources,) if isinstance(sources, SourceDefinition) else tuple(sources)
    openings = [_Opening(source, folder, ZoneInfo(zone), limits) for source in listed]
    merged = heapq.merge(*(opening.messages() for opening in openings), key=itemgetter(0))
    lines = itertools.islice((line for _, line in merged), skip, None)
    messages = skip
    while chunk := list(itertools.islice(lines, limits.chunk_messages_max)):
        messages += len(chunk)
        done = sum(opening.progress.done for opening in openings)
        yield Position(messages, done, sum(opening.progress.total for opening in openings)), b"\n".join(chunk)


class _Opening:
    """One source being read."""

    def __init__(self, source: SourceDefinition, folder: Path, zone: ZoneInfo, limits: ReadLimits) -> None:
        read = source.read
        if read is None or source.clean:
            raise ValueError(
                f"source {source.source}: cleaned rows, databases, APIs and pages are loaded by `opportune sources run`"
            )
        self._path = folder / read.path
        if not self._path.is_file():
            raise FileNotFoundError(f"source {source.source}: no file {read.path} in the import folder")
        self.source, self.zone, self.limits, self._read = source, zone, limits, read
        self.progress = Progress(self._path.stat().st_size)

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """(at_ms, canonical line) of each row, in the order they are to be applied."""
        mapping = Mapping(self.source, self.zone)
        rows = read_rows(self._path, self._read.format, self.progress, self.limits.row_bytes_max, self._read.sheet)
        return in_order(self.source, (message for row in rows for message in mapping.messages(row)), self.limits)


def in_order(source: SourceDefinition, rows: Iterator[MappedRow], limits: ReadLimits) -> Iterator[tuple[int, bytes]]:
    """(at_ms, canonical line) of mapped rows, sorted or tied as the source says. Raises OverflowError beyond a limit."""
    if source.sort:
        return iter([(row.at_ms, row.line) for row in _sorted(source, rows, limits)])
    return _untied(source, rows, limits) if source.order else ((row.at_ms, row.line) for row in rows)


def _sorted(source: SourceDefinition, rows: Iterator[MappedRow], limits: ReadLimits) -> list[MappedRow]:
    held = list(itertools.islice(rows, limits.sorted_rows_max + 1))
    _require_room(source, len(held), limits.sorted_rows_max, "to sort")
    return sorted(held, key=lambda row: (row.at_ms, row.rank))


def _untied(source: SourceDefinition, rows: Iterator[MappedRow], limits: ReadLimits) -> Iterator[tuple[int, bytes]]:
    for _, group in itertools.groupby(rows, key=lambda row: row.at_ms):
        held = list(itertools.islice(group, limits.tied_rows_max + 1))
        _require_room(source, len(held), limits.tied_rows_max, "of one moment")
        held.sort(key=lambda row: row.rank)
        yield from ((row.at_ms, row.line) for row in held)


def _require_room(source: SourceDefinition, rows: int, rows_max: int, what: str) -> None:
    if rows > rows_max:
        raise OverflowError(f"source {source.source}: more than {rows_max:,} rows {what}; part the file")
