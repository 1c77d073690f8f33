"""The embedded journal keeps the contract, and what is its own: one writer, segments, a bounded queue, disk failures."""

import errno
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from opportune.journal import FaultPoint, Group, Journal, JournalError, JournalFailed, JournalLocked, JournalReader
from tests.journal.groups import assert_gapless, make_group
from tests.journal.suite import JournalSuite

COMMIT_POINTS = [
    FaultPoint.BEFORE_WRITE,
    FaultPoint.MID_WRITE,
    FaultPoint.AFTER_WRITE,
    FaultPoint.BEFORE_SYNC,
    FaultPoint.AFTER_SYNC,
]


class TestWithCommitThread(JournalSuite):
    """The contract, committed by the thread."""

    def open(self, place: Path) -> Journal:
        return Journal.open(place / "journal")


class TestInline(JournalSuite):
    """The contract, committed by the appender."""

    def open(self, place: Path) -> Journal:
        return Journal.open(place / "journal", commit_thread=False)


class TestManySegments(JournalSuite):
    """The contract with segments so small that most groups begin one, and a queue that is always full."""

    def open(self, place: Path) -> Journal:
        return Journal.open(place / "journal", segment_bytes_max=1_000, queued_bytes_max=1_000)


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    attempt = (
        "import sys, pathlib; from opportune.journal import Journal, JournalLocked\n"
        "try: Journal.open(pathlib.Path(sys.argv[1]))\n"
        "except JournalLocked as error: print(error)"
    )
    with Journal.open(tmp_path) as journal:
        journal.append(make_group(0)).wait(10)
        said = subprocess.run(
            [sys.executable, "-c", attempt, tmp_path], capture_output=True, text=True, check=True
        ).stdout
        assert str(tmp_path) in said
        assert f"process {os.getpid()};" in said
        assert "stop that process first" in said
        with pytest.raises(JournalLocked):
            Journal.open(tmp_path)
        journal.append(make_group(1)).wait(10)
    with Journal.open(tmp_path) as journal:
        assert assert_gapless(journal.read()) == 2


def test_a_full_segment_is_followed_by_one_named_for_its_first_fact(tmp_path: Path) -> None:
    with Journal.open(tmp_path, segment_bytes_max=2_000) as journal:
        for first in range(0, 100, 10):
            journal.append(make_group(first, 10))
    segments = sorted(tmp_path.glob("*.journal"))
    assert len(segments) > 3
    assert all(path.stat().st_size <= 2_000 for path in segments)
    for path in segments:
        group = next(JournalReader.open(tmp_path).read(int(path.stem)))
        assert group.first_seq == int(path.stem)
    with Journal.open(tmp_path) as journal:
        assert assert_gapless(journal.read()) == 100
        assert journal.bytes == sum(path.stat().st_size for path in segments)


def test_a_group_larger_than_a_segment_has_one_of_its_own(tmp_path: Path) -> None:
    with Journal.open(tmp_path, segment_bytes_max=500) as journal:
        for first in range(0, 300, 100):
            journal.append(make_group(first, 100)).wait(10)
        assert assert_gapless(journal.read()) == 300
    assert len(list(tmp_path.glob("*.journal"))) == 3


def test_groups_queued_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    gate, syncs = threading.Event(), []

    def hold(point: FaultPoint) -> None:
        if point is FaultPoint.BEFORE_SYNC:
            syncs.append(point)
            assert gate.wait(10)

    with Journal.open(tmp_path, on_fault=hold) as journal:
        commits = [journal.append(make_group(0))]
        while not syncs:
            pass
        commits += [journal.append(make_group(seq)) for seq in range(1, 50)]
        assert not any(commit.done for commit in commits)
        assert journal.durable_seq == 0
        assert list(journal.read()) == []
        with pytest.raises(TimeoutError, match=r"more than 0\.01 s"):
            commits[0].wait(0.01)
        gate.set()
        commits[-1].wait(10)
        assert len(syncs) == 2
        assert assert_gapless(journal.read()) == 50


def test_a_full_queue_holds_the_appender(tmp_path: Path) -> None:
    gate = threading.Event()

    def hold(point: FaultPoint) -> None:
        if point is FaultPoint.BEFORE_WRITE:
            assert gate.wait(10)

    with Journal.open(tmp_path, queued_bytes_max=3_000, on_fault=hold) as journal:
        appended: list[int] = []

        def fill() -> None:
            for first in range(0, 200, 10):
                journal.append(make_group(first, 10))
                appended.append(first)

        thread = threading.Thread(target=fill)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        assert 0 < len(appended) < 10
        gate.set()
        thread.join(10)
        assert len(appended) == 20
    assert assert_gapless(JournalReader.open(tmp_path).read()) == 200


@pytest.mark.parametrize("commit_thread", [True, False])
@pytest.mark.parametrize("point", COMMIT_POINTS)
def test_a_refused_commit_is_told_to_waiters_and_later_appends(
    tmp_path: Path, point: FaultPoint, commit_thread: bool
) -> None:
    armed = False

    def refuse(reached: FaultPoint) -> None:
        if armed and reached is point:
            raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal.open(tmp_path, on_fault=refuse, commit_thread=commit_thread)
    journal.append(make_group(0, 10)).wait(10)
    whole = journal.bytes
    armed = True
    commit = journal.append(make_group(10, 10))
    if point is FaultPoint.AFTER_SYNC:
        commit.wait(10)  # it is on disk, whatever comes after
    else:
        with pytest.raises(JournalFailed, match=r"facts below 20 were not committed: .*No space left"):
            commit.wait(10)
        assert commit.failed
        assert journal.bytes == whole
    end = 20 if point is FaultPoint.AFTER_SYNC else 10
    with pytest.raises(JournalFailed, match=r"until it is opened again: .*No space left"):
        journal.append(make_group(20))
    assert journal.durable_seq == assert_gapless(journal.read()) == end
    journal.close()
    with Journal.open(tmp_path) as journal:
        assert (journal.cut_bytes, journal.next_seq) == (0, end)
        journal.append(make_group(end)).wait(10)
        assert assert_gapless(journal.read()) == end + 1


def test_a_refused_commit_fails_what_is_queued_behind_it(tmp_path: Path) -> None:
    gate = threading.Event()

    def refuse(point: FaultPoint) -> None:
        if point is FaultPoint.BEFORE_SYNC:
            assert gate.wait(10)
            raise OSError(errno.EIO, "Input/output error")

    with Journal.open(tmp_path, on_fault=refuse) as journal:
        commits = [journal.append(make_group(seq)) for seq in range(30)]
        gate.set()
        for commit in commits:
            with pytest.raises(JournalFailed, match="Input/output error"):
                commit.wait(10)
    assert list(JournalReader.open(tmp_path).read()) == []


def fill_the_disk(folder: Path, file_bytes_max: int, answers: Connection) -> None:
    """In a process of its own: append until the system refuses to let a file grow; send (acknowledged, later append's error)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))
    journal = Journal.open(folder)
    acknowledged = 0
    try:
        while True:
            journal.append(make_group(acknowledged, 7)).wait(10)
            acknowledged += 7
    except JournalFailed as error:
        said = str(error)
    try:
        journal.append(Group(journal.next_seq, 1, 0, {}))
    except JournalFailed as error:
        answers.send((acknowledged, said, str(error), journal.bytes))
    journal.close()


@pytest.mark.parametrize("file_bytes_max", [9_000, 9_001, 9_111, 9_232])
def test_a_full_disk_leaves_whole_durable_groups(tmp_path: Path, file_bytes_max: int) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(
        target=fill_the_disk, args=(tmp_path, file_bytes_max, theirs)
    )
    process.start()
    assert ours.poll(30)
    acknowledged, cause, later, size = ours.recv()
    process.join(10)
    assert "File too large" in cause
    assert "File too large" in later
    assert acknowledged > 100
    assert file_bytes_max - 500 < size < file_bytes_max
    assert assert_gapless(JournalReader.open(tmp_path).read()) == acknowledged
    with Journal.open(tmp_path) as journal:
        assert (journal.cut_bytes, journal.next_seq) == (0, acknowledged)
        journal.append(make_group(acknowledged)).wait(10)


def test_a_call_that_raises_does_not_stop_the_journal(tmp_path: Path) -> None:
    gate = threading.Event()

    def hold(point: FaultPoint) -> None:
        assert gate.wait(10)

    def raises(_: object) -> None:
        raise RuntimeError("the loop is closed")

    with Journal.open(tmp_path, on_fault=hold) as journal:
        journal.append(make_group(0)).then(raises)
        gate.set()
        journal.append(make_group(1)).wait(10)
        assert journal.calls_failed == 1


def test_a_group_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opportune.journal.embedded.GROUP_BYTES_MAX", 1_000)
    with Journal.open(tmp_path) as journal:
        with pytest.raises(JournalError, match="at most 1,000 bytes go into one"):
            journal.append(make_group(0, 100))
        journal.append(make_group(0, 10)).wait(10)
