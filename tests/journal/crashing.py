"""Processes that write until they are killed; each tells what was acknowledged, after it was."""

import os
import random
import signal
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from opportune.facts import Arrays
from opportune.journal import Commit, FaultPoint, Journal, SnapshotStore
from opportune.journal.faults import OnFault
from tests.journal.groups import make_group

SEGMENT_BYTES_MAX = 40_000
FLIGHT_MAX = 4


def killer(point: FaultPoint, times: int) -> OnFault:
    """Kills this process the `times`-th time that `point` is reached."""
    left = times

    def on_fault(reached: FaultPoint) -> None:
        nonlocal left
        left -= reached is point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_fault


def append_until_killed(folder: Path, seed: int, point: FaultPoint | None, acknowledged: Connection) -> None:
    """Append groups of seeded sizes, a few in flight; send every `end_seq` after `wait` has returned."""
    chance = random.Random(seed)
    on_fault = killer(point, chance.randint(1, 30)) if point else None
    journal = Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX, on_fault=on_fault)
    acknowledged.send(journal.next_seq)
    flight: deque[Commit] = deque()
    while True:
        flight.append(journal.append(make_group(journal.next_seq, chance.choice([1, 1, 3, 50, 400]))))
        while len(flight) > chance.randint(0, FLIGHT_MAX):
            commit = flight.popleft()
            commit.wait(30)
            acknowledged.send(commit.end_seq)


def state_at(seq: int, rows: int = 30_000) -> Arrays:
    """The columns of a snapshot at `seq`."""
    return {"tags": np.arange(rows * 4).reshape(rows, 4) * seq, "dense": np.full(rows, seq % 100, np.uint8)}


def snapshot_until_killed(folder: Path, seed: int, point: FaultPoint | None, acknowledged: Connection) -> None:
    """Write one snapshot after the other; send each seq after `write` has returned."""
    on_fault = killer(point, random.Random(seed).randint(2, 6)) if point else None
    store = SnapshotStore(folder, on_fault=on_fault)
    seq = max(store.seqs, default=0)
    acknowledged.send(seq)
    while True:
        seq += 1
        store.write(seq, state_at(seq), str(seq).encode())
        acknowledged.send(seq)
