"""Snapshots come back as they were written; a damaged one is passed over, with the reason."""

import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from opportune.facts import DECISION, Arrays
from opportune.journal import FaultPoint, JournalError, SnapshotStore
from opportune.journal.snapshots import CHUNK_BYTES


def state(seq: int) -> Arrays:
    return {
        "tags": np.arange(24, dtype=np.int32).reshape(6, 4) * seq,
        "none": np.zeros((0, 3)),
        "decisions": np.full(3, seq, DECISION),
        "one": np.array(seq),
    }


def assert_state(arrays: Arrays, seq: int) -> None:
    wanted = state(seq)
    assert list(arrays) == list(wanted)
    for name, array in wanted.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_a_snapshot_comes_back(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    assert store.latest() is None
    path = store.write(7, state(7), b"playbook 3")
    assert path.parent == tmp_path
    snapshot = SnapshotStore(tmp_path).latest()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.meta) == (7, b"playbook 3")
    assert_state(snapshot.arrays, 7)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.arrays["tags"][0] = 1
    assert SnapshotStore(tmp_path).write(8, {}, b"").exists()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(3 * CHUNK_BYTES // 8 + 5),
        np.arange(3 * CHUNK_BYTES // 8).reshape(-1, 8)[:, ::3],
        np.asfortranarray(np.arange(CHUNK_BYTES // 4).reshape(-1, 4)),
        np.zeros((0, 5)).T,
    ],
    ids=["long", "strided", "fortran", "empty"],
)
def test_arrays_are_streamed_in_chunks(tmp_path: Path, array: NDArray[Any]) -> None:
    def columns() -> Iterator[tuple[str, NDArray[Any]]]:
        yield "it", array
        yield "after", np.arange(3)

    store = SnapshotStore(tmp_path, on_fault=lambda point: None)
    store.write(1, columns())
    snapshot = store.latest()
    assert snapshot is not None
    np.testing.assert_array_equal(snapshot.arrays["it"], array)
    assert snapshot.arrays["after"].tolist() == [0, 1, 2]


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    for seq in (1, 20, 300, 4_000):
        store.write(seq, state(seq))
    assert store.seqs == [300, 4_000]
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(JournalError, match="keep at least 1"):
        SnapshotStore(tmp_path, snapshots_kept=0)


def test_the_newest_one_up_to_a_fact_is_found(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.write(10, state(10))
    store.write(20, state(20))
    found = [snapshot and snapshot.seq for snapshot in map(store.latest, (20, 19, 10, 9))]
    assert found == [20, 10, 10, None]
    assert (store.seqs, store.skipped) == ([10, 20], {})


def test_snapshots_of_facts_that_the_journal_lost_are_dropped(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.write(10, state(10))
    store.write(20, state(20))
    with pytest.raises(JournalError, match="has a snapshot after fact 15 already"):
        store.write(15, state(15))
    assert store.drop_after(20) == []
    assert store.drop_after(15) == [20]
    store.write(15, state(15))
    assert store.seqs == [10, 15]


def test_damage_at_any_byte_is_found_and_the_one_before_is_used(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.write(1, state(1))
    path = store.write(2, state(2), b"meta")
    whole = path.read_bytes()
    for place in range(8, len(whole)):  # the first 8 bytes only name the file's kind
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            found = SnapshotStore(tmp_path)
            snapshot = found.latest()
            assert snapshot is not None
            if snapshot.seq == 2:
                assert_state(snapshot.arrays, 2)  # a padding byte between two arrays
                assert len(damaged) == len(whole)
            else:
                assert_state(snapshot.arrays, 1)
                assert found.skipped[2].startswith(f"{path}: ")


def test_a_damaged_snapshot_does_not_push_out_a_whole_one(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.write(1, state(1))
    store.write(2, state(2)).write_bytes(b"torn")
    assert store.latest() is not None
    assert "crc32" in store.skipped[2]
    store.write(3, state(3))
    assert (store.seqs, store.skipped) == ([1, 3], {})


def test_a_snapshot_under_another_name_is_damaged(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    path = store.write(5, state(5))
    path.rename(tmp_path / f"{6:020d}.snapshot")
    assert store.latest() is None
    assert "it is of fact 5" in store.skipped[6]


@pytest.mark.parametrize("point", [FaultPoint.SNAPSHOT_MID, FaultPoint.SNAPSHOT_BEFORE_RENAME])
def test_a_full_disk_leaves_the_one_before(tmp_path: Path, point: FaultPoint) -> None:
    def refuse(reached: FaultPoint) -> None:
        if reached is point:
            raise OSError(errno.ENOSPC, "No space left on device")

    SnapshotStore(tmp_path).write(1, state(1))
    store = SnapshotStore(tmp_path, on_fault=refuse)
    with pytest.raises(OSError, match="No space left"):
        store.write(2, state(2))
    assert [path.name for path in tmp_path.iterdir()] == [f"{1:020d}.snapshot"]


def test_snapshots_may_be_written_in_threads(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    threads = [threading.Thread(target=store.write, args=(5, state(5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    snapshot = store.latest()
    assert snapshot is not None
    assert_state(snapshot.arrays, 5)
    assert not list(tmp_path.glob("*.part"))


def test_what_has_no_plain_bytes_is_refused(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    with pytest.raises(JournalError, match="type object"):
        store.write(1, {"a": np.array([None])})
    with pytest.raises(JournalError, match="9 dimensions; at most 8"):
        store.write(1, {"a": np.zeros((1,) * 9)})
    assert store.latest() is None
