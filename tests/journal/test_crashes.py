"""Real processes killed by SIGKILL at seeded moments and at every fault point: nothing acknowledged is lost."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from opportune.journal import FaultPoint, Journal, JournalReader, SnapshotStore
from tests.journal.crashing import SEGMENT_BYTES_MAX, append_until_killed, snapshot_until_killed, state_at
from tests.journal.groups import assert_gapless, make_group

KILLS_PER_JOURNAL = 8
JOURNALS = 5
JOURNALS_DEEP = 125

COMMIT_POINTS = [
    FaultPoint.BEFORE_WRITE,
    FaultPoint.MID_WRITE,
    FaultPoint.AFTER_WRITE,
    FaultPoint.BEFORE_SYNC,
    FaultPoint.AFTER_SYNC,
    FaultPoint.SEGMENT_CREATED,
]
SNAPSHOT_POINTS = [FaultPoint.SNAPSHOT_MID, FaultPoint.SNAPSHOT_BEFORE_RENAME, FaultPoint.SNAPSHOT_AFTER_RENAME]

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.journal.crashing"])


def killed(target: Callable[..., None], folder: Path, seed: int, point: FaultPoint | None) -> tuple[int, int]:
    """Run `target` until it is killed, by itself at `point` or by us at a seeded moment; (at its start, last acknowledged)."""
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=target, args=(folder, seed, point, theirs))
    process.start()
    theirs.close()
    assert ours.poll(60)
    start = last = ours.recv()
    if point is None:
        time.sleep(random.Random(seed).uniform(0, 0.06))
        process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    try:
        while True:
            last = ours.recv()
    except EOFError:
        return start, last


def check_journal(folder: Path, acknowledged: int) -> tuple[int, int]:
    """Every acknowledged fact is there once and as written, and the journal goes on; (cut bytes, facts)."""
    assert assert_gapless(JournalReader.open(folder).read()) >= acknowledged
    with Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        facts = journal.next_seq
        assert facts >= acknowledged
        journal.append(make_group(facts, 2)).wait(30)
        assert assert_gapless(journal.read()) == facts + 2
        return journal.cut_bytes, facts


def kill_again_and_again(folder: Path, seed: int) -> None:
    acknowledged_in_all = 0
    for kill in range(KILLS_PER_JOURNAL):
        start, acknowledged = killed(append_until_killed, folder, 1_000 * seed + kill, None)
        check_journal(folder, acknowledged)
        acknowledged_in_all += acknowledged - start
    assert acknowledged_in_all > 0


@pytest.mark.parametrize("seed", range(JOURNALS))
def test_killed_at_any_moment(tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path, seed)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(JOURNALS, JOURNALS + JOURNALS_DEEP))
def test_killed_at_any_moment_deep(tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path, seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("point", COMMIT_POINTS)
def test_killed_at_a_fault_point(tmp_path: Path, point: FaultPoint, seed: int) -> None:
    _, acknowledged = killed(append_until_killed, tmp_path, seed, point)
    cut, facts = check_journal(tmp_path, acknowledged)
    assert (cut > 0) == (point is FaultPoint.MID_WRITE)
    if point in (FaultPoint.AFTER_WRITE, FaultPoint.BEFORE_SYNC, FaultPoint.AFTER_SYNC):
        assert facts > acknowledged  # whole in the file, but nobody was told


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("point", SNAPSHOT_POINTS)
def test_a_snapshot_killed_at_a_fault_point_leaves_the_one_before(tmp_path: Path, point: FaultPoint, seed: int) -> None:
    _, acknowledged = killed(snapshot_until_killed, tmp_path, seed, point)
    check_snapshot(tmp_path, acknowledged + (point is FaultPoint.SNAPSHOT_AFTER_RENAME))


@pytest.mark.parametrize("seed", range(8))
def test_a_snapshot_killed_at_any_moment_leaves_a_whole_one(tmp_path: Path, seed: int) -> None:
    _, acknowledged = killed(snapshot_until_killed, tmp_path, seed, None)
    store = SnapshotStore(tmp_path)
    found = max(store.seqs, default=0)
    assert found in (acknowledged, acknowledged + 1)
    if found:
        check_snapshot(tmp_path, found)


def check_snapshot(folder: Path, seq: int) -> None:
    """The newest snapshot is whole and is that of `seq`; the next write clears what the kill left over."""
    store = SnapshotStore(folder)
    snapshot = store.latest()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.meta, store.skipped) == (seq, str(seq).encode(), {})
    for name, array in state_at(seq).items():
        np.testing.assert_array_equal(snapshot.arrays[name], array)
    store.write(seq + 1, state_at(seq + 1))
    assert not list(folder.glob("*.part"))
    assert len(store.seqs) == 2
