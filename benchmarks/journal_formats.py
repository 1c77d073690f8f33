"""What a durable append costs: our framed file against SQLite, the disk's own pace, preallocation, and a snapshot beside it.

    python benchmarks/journal_formats.py [--folder PLACE] [--runs 5] [--groups 100]

Every variant decodes the same NDJSON events (150 bytes) and makes each group durable with one commit; a group counts
when its commit has returned. Prints tables and one JSON line per figure; medians over the runs. Use a folder on the
disk that is meant: a memory file system syncs in no time.
"""

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from opportune.journal import Commit, Group, Journal, SnapshotStore

EVENT_BYTES = 150
GROUP_EVENTS = (1_000, 4_000, 16_000)
FLIGHT_MAX = 2
PROBE_SYNCS = 300
SNAPSHOT_BYTES = 1 << 30
PREALLOCATED_BYTES = 256 << 20

Latencies = list[float]
Variant = Callable[[Path, bytes, int, int], Latencies]


class Event(msgspec.Struct):
    """The fields that a playbook refers to; the rest of an event is skipped by the decoder."""

    type: str
    user: str
    at: int
    amount: int


_decoder = msgspec.json.Decoder(Event)


def ndjson(count: int) -> bytes:
    """`count` events of EVENT_BYTES each, the line feed included."""
    lines = []
    for i in range(count):
        line = f'{{"type":"event_{i % 112}","user":"u{i * 7919 % 1_000_000}","at":{1_790_000_000_000 + i},"amount":{i % 9999},"note":"'
        lines.append(line + "x" * (EVENT_BYTES - len(line) - 3) + '"}\n')
    return "".join(lines).encode()


def framed(folder: Path, body: bytes, count: int, groups: int, commit_thread: bool) -> Latencies:
    """Our journal; with the commit thread, the next group is decoded while this one is on its way."""
    latencies: Latencies = []
    arrays = {"raw": np.frombuffer(body, np.uint8)}
    with Journal.open(folder / "journal", commit_thread=commit_thread) as journal:
        flight: deque[Commit] = deque()
        for _ in range(groups):
            _decoder.decode_lines(body)
            begun = time.perf_counter()
            commit = journal.append(Group(journal.next_seq, count, 0, arrays))
            commit.then(lambda _, begun=begun: latencies.append(time.perf_counter() - begun))  # type: ignore[misc]  # a default binds the loop's value
            flight.append(commit)
            while len(flight) > FLIGHT_MAX:
                flight.popleft().wait()
        for commit in flight:
            commit.wait()
    return latencies


def framed_inline(folder: Path, body: bytes, count: int, groups: int) -> Latencies:
    """Our journal, written and synced by the appender."""
    return framed(folder, body, count, groups, commit_thread=False)


def framed_thread(folder: Path, body: bytes, count: int, groups: int) -> Latencies:
    """Our journal with its commit thread."""
    return framed(folder, body, count, groups, commit_thread=True)


def sqlite_blobs(folder: Path, body: bytes, count: int, groups: int) -> Latencies:
    """SQLite, WAL, synchronous=FULL, one blob per group."""

    def insert(database: sqlite3.Connection, seq: int) -> None:
        database.execute("INSERT INTO log VALUES (?, ?)", (seq, body))

    return in_sqlite(folder, body, count, groups, insert)


def sqlite_rows(folder: Path, body: bytes, count: int, groups: int) -> Latencies:
    """SQLite, WAL, synchronous=FULL, one row per event."""
    lines = body.splitlines()

    def insert(database: sqlite3.Connection, seq: int) -> None:
        database.executemany("INSERT INTO log VALUES (?, ?)", enumerate(lines, seq))

    return in_sqlite(folder, body, count, groups, insert)


def in_sqlite(
    folder: Path, body: bytes, count: int, groups: int, insert: Callable[[sqlite3.Connection, int], None]
) -> Latencies:
    """Decode, insert, commit; the latency is that of the transaction."""
    database = sqlite3.connect(folder / "log.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB)")
    latencies: Latencies = []
    for i in range(groups):
        _decoder.decode_lines(body)
        begun = time.perf_counter()
        database.execute("BEGIN")
        insert(database, i * count)
        database.execute("COMMIT")
        latencies.append(time.perf_counter() - begun)
    database.close()
    return latencies


VARIANTS: dict[str, Variant] = {
    "framed file, commit thread": framed_thread,
    "framed file, inline": framed_inline,
    "SQLite WAL FULL, blob per group": sqlite_blobs,
    "SQLite WAL FULL, row per event": sqlite_rows,
}


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder of its own, removed afterwards; the disk is quiet when it begins."""
    folder = Path(tempfile.mkdtemp(dir=parent, prefix="journal-formats-"))
    os.sync()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def quantile_ms(seconds: Latencies, share: float) -> float:
    """A quantile in milliseconds."""
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)] * 1_000


def report(figure: str, **values: object) -> None:
    """One JSON line."""
    print(json.dumps({"figure": figure, **values, "machine": f"{platform.machine()}, {os.cpu_count()} cores"}))


def compare_formats(parent: Path, runs: int, groups_at_4k: int) -> None:
    """Events/s and commit latency of every variant and group size; the variants of a run are interleaved."""
    print(f"\n{'decode + durable append':34}{'events':>8}{'events/s':>12}{'commit p50 ms':>15}{'p99 ms':>9}")
    for count in GROUP_EVENTS:
        body = ndjson(count)
        groups = max(groups_at_4k * 4_000 // count, 20)
        rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
        latencies: dict[str, Latencies] = {name: [] for name in VARIANTS}
        for _ in range(runs):
            for name, variant in VARIANTS.items():
                with scratch(parent) as folder:
                    begun = time.perf_counter()
                    latencies[name] += variant(folder, body, count, groups)
                    rates[name].append(groups * count / (time.perf_counter() - begun))
        for name in VARIANTS:
            rate, p50, p99 = (
                statistics.median(rates[name]),
                quantile_ms(latencies[name], 0.5),
                quantile_ms(latencies[name], 0.99),
            )
            print(f"{name:34}{count:8,}{rate:12,.0f}{p50:15.2f}{p99:9.2f}")
            report(
                name, events=count, events_per_s=round(rate), commit_p50_ms=round(p50, 3), commit_p99_ms=round(p99, 3)
            )


def sync_probe(folder: Path, prepared: str, size: int) -> Latencies:
    """Seconds of write + fdatasync of `size` bytes at a time, into a file prepared in this way."""
    fd = os.open(folder / "probe", os.O_CREAT | os.O_RDWR)
    if prepared == "fallocate":
        os.posix_fallocate(fd, 0, PREALLOCATED_BYTES)
    elif prepared == "zeros written":
        for _ in range(PREALLOCATED_BYTES >> 20):
            os.write(fd, bytes(1 << 20))
        os.lseek(fd, 0, os.SEEK_SET)
    os.fsync(fd)
    data, latencies = os.urandom(size), []
    for _ in range(PROBE_SYNCS):
        begun = time.perf_counter()
        os.write(fd, data)
        os.fdatasync(fd)
        latencies.append(time.perf_counter() - begun)
    os.close(fd)
    return latencies


def probe_disk(parent: Path, runs: int) -> None:
    """The disk's own pace, and what preparing the file beforehand would gain."""
    print(f"\n{'bare write + fdatasync into a file':34}{'bytes':>8}{'p50 ms':>12}{'p99 ms':>9}")
    for size in (4_096, 4_000 * EVENT_BYTES):
        found: dict[str, Latencies] = {"that grows": [], "fallocate": [], "zeros written": []}
        for _ in range(runs):
            for prepared, latencies in found.items():
                with scratch(parent) as folder:
                    latencies += sync_probe(folder, prepared, size)
        for prepared, latencies in found.items():
            p50, p99 = quantile_ms(latencies, 0.5), quantile_ms(latencies, 0.99)
            print(f"{prepared:34}{size:8,}{p50:12.3f}{p99:9.3f}")
            report(f"fdatasync, {prepared}", bytes=size, p50_ms=round(p50, 3), p99_ms=round(p99, 3))


def beside_a_snapshot(parent: Path, runs: int) -> None:
    """Commit latency of groups of 4,000 while a snapshot of a gigabyte is written to the same disk."""
    columns = {"columns": np.arange(SNAPSHOT_BYTES // 8)}
    body = ndjson(4_000)
    latencies: Latencies = []
    rates: list[float] = []
    for _ in range(runs):
        with scratch(parent) as folder, Journal.open(folder / "journal") as journal:
            begun = time.perf_counter()
            thread = threading.Thread(target=SnapshotStore(folder / "snapshots").write, args=(1, columns))
            thread.start()
            while thread.is_alive():
                _decoder.decode_lines(body)
                asked = time.perf_counter()
                journal.append(Group(journal.next_seq, 4_000, 0, {"raw": np.frombuffer(body, np.uint8)})).wait()
                latencies.append(time.perf_counter() - asked)
            rates.append(SNAPSHOT_BYTES / (time.perf_counter() - begun))
    p50, p99 = quantile_ms(latencies, 0.5), quantile_ms(latencies, 0.99)
    rate = statistics.median(rates) / 1e6
    print(
        f"\nbeside a snapshot of 1 GiB ({rate:,.0f} MB/s): commit p50 {p50:.2f} ms, p99 {p99:.2f} ms ({len(latencies)} commits)"
    )
    report("commit beside a snapshot", p50_ms=round(p50, 3), p99_ms=round(p99, 3), snapshot_mb_per_s=round(rate))


def cost_of_encoding() -> None:
    """Microseconds that `append` and the header take for a group, without the disk."""
    print()
    for count in (1, 4_000):
        seq = np.arange(count)
        arrays = {
            f"column_{i}": seq.astype(dtype)
            for i, dtype in enumerate(("u1", "u2", "u4", "i8", "i8", "i8", "i8", "u8", "u8"))
        }
        with scratch(Path(tempfile.gettempdir())) as folder, Journal.open(folder) as journal:
            spent = []
            for _ in range(200):
                group = Group(journal.next_seq, count, 0, arrays)
                begun = time.perf_counter()
                commit = journal.append(group)
                spent.append(time.perf_counter() - begun)
                commit.wait()
        size = sum(array.nbytes for array in arrays.values())
        micros = statistics.median(spent) * 1e6
        print(f"append of {count:,} facts ({size:,} bytes) holds its caller for {micros:.1f} us")
        report("append", facts=count, bytes=size, us=round(micros, 1))


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path.cwd())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--groups", type=int, default=100, help="groups of 4,000 events per run")
    asked = parser.parse_args()
    cost_of_encoding()
    probe_disk(asked.folder, asked.runs)
    compare_formats(asked.folder, asked.runs, asked.groups)
    beside_a_snapshot(asked.folder, asked.runs)


if __name__ == "__main__":
    main()
