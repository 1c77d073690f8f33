"""The limit: decode messages and make them durable, deciding nothing. What every other figure is held against.

msgspec reads the referenced fields of a group of lines into structs; then the group's bytes are appended as one unit, to a file
(crc32, fdatasync; in the same thread or in one of its own) or to SQLite (one blob, WAL, synchronous FULL). The fastest is the limit.
"""

import functools
import os
import sqlite3
import struct
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.measure import Report, median, options, percentile
from benchmarks.workload import TAGS, World, definitions
from opportune.engine import Playbook

GROUP = 4_000
FLIGHT_MAX = 2
"""Groups on their way to disk while the next is decoded."""
FRAME = struct.Struct("<QII")  # first event, bytes, crc32
Groups = list[tuple[bytes, int]]


class Properties(msgspec.Struct, gc=False):
    """The properties that campaigns and counters refer to."""

    amount: float
    quantity: int
    method: str


Traits = msgspec.defstruct("Traits", [(tag.name, Any, None) for tag in TAGS], gc=False)


class Message(msgspec.Struct, gc=False):
    """The fields that are referred to."""

    type: str
    userId: str  # noqa: N815 - the name on the wire
    timestamp: int
    messageId: str  # noqa: N815 - the name on the wire
    event: str | None = None
    properties: Properties | None = None
    traits: Traits | None = None  # type: ignore[valid-type]  # made by defstruct from the workload's tags


class Paced(NamedTuple):
    """What one pass took: events per second, and the seconds of every group."""

    rate: float
    seconds: list[float]


def _passed(groups: Groups, count: int, append: Callable[[int, bytes], object] | None) -> Paced:
    decoder = msgspec.json.Decoder(Message)
    seconds = []
    begun = time.perf_counter()
    for i, (data, _) in enumerate(groups):
        started = time.perf_counter()
        decoder.decode_lines(data)
        if append is not None:
            append(i, data)
        seconds.append(time.perf_counter() - started)
    return Paced(count / (time.perf_counter() - begun), seconds)


def decode_only(groups: Groups, count: int, folder: Path) -> Paced:
    """Decode, keep nothing."""
    return _passed(groups, count, None)


def _append(descriptor: int, i: int, data: bytes) -> None:
    os.write(descriptor, FRAME.pack(i, len(data), zlib.crc32(data)) + data)
    os.fdatasync(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder / "limit.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)


def in_file(groups: Groups, count: int, folder: Path) -> Paced:
    """Decode, append a frame, fdatasync."""
    descriptor = _open(folder)
    try:
        return _passed(groups, count, functools.partial(_append, descriptor))
    finally:
        os.close(descriptor)


def in_file_thread(groups: Groups, count: int, folder: Path) -> Paced:
    """The same with a thread that appends: at most FLIGHT_MAX groups are on their way while the next is decoded."""
    descriptor, decoder = _open(folder), msgspec.json.Decoder(Message)
    seconds: list[float] = []
    flight: deque[Future[None]] = deque()
    begun = time.perf_counter()
    with ThreadPoolExecutor(1) as thread:
        for i, (data, _) in enumerate(groups):
            started = time.perf_counter()
            decoder.decode_lines(data)
            flight.append(thread.submit(_append, descriptor, i, data))
            flight[-1].add_done_callback(functools.partial(_note, seconds, started))
            if len(flight) > FLIGHT_MAX:
                flight.popleft().result()
        for future in flight:
            future.result()
    os.close(descriptor)
    return Paced(count / (time.perf_counter() - begun), seconds)


def _note(seconds: list[float], started: float, _: Future[None]) -> None:
    seconds.append(time.perf_counter() - started)


def in_sqlite(groups: Groups, count: int, folder: Path) -> Paced:
    """Decode, insert one blob, commit with synchronous FULL."""
    database = sqlite3.connect(folder / "limit.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE log (number INTEGER PRIMARY KEY, body BLOB)")
    try:
        return _passed(groups, count, lambda i, data: database.execute("INSERT INTO log VALUES (?, ?)", (i, data)))
    finally:
        database.close()


WAYS: dict[str, Callable[[Groups, int, Path], Paced]] = {
    "limit_decode_only": decode_only,
    "limit_file": in_file,
    "limit_file_thread": in_file_thread,
    "limit_sqlite": in_sqlite,
}


def measured(groups: Groups, count: int, runs: int, parent: Path) -> dict[str, Paced]:
    """Every way, run in turn so that noise meets all alike: median rate, seconds of all groups of all runs."""
    return combined([_each_way(groups, count, parent) for _ in range(runs)])


def _each_way(groups: Groups, count: int, parent: Path) -> dict[str, Paced]:
    found = {}
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            found[name] = way(groups, count, Path(folder))
    return found


def combined(runs: list[dict[str, Paced]]) -> dict[str, Paced]:
    """Several runs as one: the median rate, all seconds."""
    return {
        name: Paced(median(run[name].rate for run in runs), [second for run in runs for second in run[name].seconds])
        for name in WAYS
    }


def the_limit(found: dict[str, Paced]) -> float:
    """Events per second of the fastest durable way."""
    return max(paced.rate for name, paced in found.items() if name != "limit_decode_only")


def show(report: Report, found: dict[str, Paced]) -> float:
    """Report every way; returns the limit."""
    limit = the_limit(found)
    for name, paced in found.items():
        report.figure(
            name, paced.rate, "events/s", of_limit=paced.rate / limit,
            p50_ms=round(percentile(paced.seconds, 0.5) * 1e3, 3), p99_ms=round(percentile(paced.seconds, 0.99) * 1e3, 3),
        )  # fmt: skip
    report.figure("limit", limit, "events/s", of_limit=1.0)
    return limit


def main() -> None:
    """Measure the limit."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on the disk that is meant")
    asked = parser.parse_args()
    count = 8_000 if asked.quick else 1_000_000
    world = World(2_000 if asked.quick else 1_000_000, Playbook(definitions(10)))
    report = Report(f"the limit: decode and append {count:,} events in groups of {GROUP:,}")
    groups = world.ndjson(world.events(count), GROUP)
    show(report, measured(groups, count, 2 if asked.quick else asked.runs, asked.folder))
    report.close()


if __name__ == "__main__":
    main()
