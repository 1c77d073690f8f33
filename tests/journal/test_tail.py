"""Torn tails are cut, at every byte; damage of what was durable is refused, and nothing is cut."""

import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from opportune.journal import FaultPoint, Journal, JournalCorrupt, JournalError, JournalReader
from opportune.journal.frame import HEADER_BYTES
from opportune.journal.segments import segment_path
from tests.journal.groups import assert_gapless, make_group


def written(folder: Path, *sizes: int) -> list[int]:
    """Write groups of these sizes, each synced by itself; the bytes of the first segment after each."""
    ends = [0]
    with Journal.open(folder) as journal:
        for size in sizes:
            journal.append(make_group(journal.next_seq, size)).wait(10)
            ends.append(journal.bytes)
    return ends


def reopened(folder: Path) -> tuple[int, int]:
    """(cut_bytes, next_seq) of the journal opened for writing; it then takes a group, and all reads well."""
    with Journal.open(folder, commit_thread=False) as journal:
        cut, end = journal.cut_bytes, journal.next_seq
        journal.append(make_group(end)).wait(10)
        assert assert_gapless(journal.read()) == end + 1
        return cut, end


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]


TEARS: dict[str, Callable[[bytes, int], bytes]] = {
    "cut": lambda data, place: data[:place],
    "zeros": lambda data, place: data[:place] + bytes(len(data) - place),
    "garbage": lambda data, place: data[:place] + bytes((7 * i + 13) % 251 for i in range(len(data) - place)),
    "flipped": flip,
}


@pytest.mark.parametrize("tear", TEARS)
def test_a_tail_torn_at_any_byte_is_cut_at_the_last_whole_group(tmp_path: Path, tear: str) -> None:
    ends = written(tmp_path, 3, 5, 2)
    path = segment_path(tmp_path, 0)
    whole = path.read_bytes()
    torn_places = 0
    for place in range(ends[2], ends[3]):
        torn = TEARS[tear](whole, place)
        path.write_bytes(torn)
        assert assert_gapless(JournalReader.open(tmp_path).read()) == (10 if torn == whole else 8)
        wanted = (0, 10) if torn == whole else (len(torn) - ends[2], 8)
        assert reopened(tmp_path) == wanted
        torn_places += torn != whole
    assert torn_places > HEADER_BYTES


def test_a_tail_of_garbage_is_cut(tmp_path: Path) -> None:
    ends = written(tmp_path, 3, 5)
    with segment_path(tmp_path, 0).open("ab") as file:
        file.write(b"\x89OPJF\r\n\x1a" * 1_000)
    assert reopened(tmp_path) == (8_000, 8)
    assert ends[2] < segment_path(tmp_path, 0).stat().st_size


def test_the_first_frame_of_a_segment_may_be_torn(tmp_path: Path) -> None:
    with Journal.open(tmp_path, segment_bytes_max=100) as journal:
        for seq in range(3):
            journal.append(make_group(seq))
    last = segment_path(tmp_path, 2)
    last.write_bytes(last.read_bytes()[:50])
    assert reopened(tmp_path) == (50, 2)


def test_groups_of_one_unfinished_sync_may_be_torn_in_any_order(tmp_path: Path) -> None:
    """A power cut may keep the second of two groups that waited for one sync, and lose the first."""
    gate = threading.Event()

    def hold(point: FaultPoint) -> None:
        assert point is not FaultPoint.BEFORE_WRITE or gate.wait(10)

    with Journal.open(tmp_path, on_fault=hold) as journal:
        for seq in range(0, 12, 4):  # the first commits alone, the other two together
            journal.append(make_group(seq, 4))
        gate.set()
    path = segment_path(tmp_path, 0)
    whole = path.read_bytes()
    frame = len(whole) // 3
    path.write_bytes(flip(whole, frame + 70))
    assert assert_gapless(JournalReader.open(tmp_path).read()) == 4
    assert reopened(tmp_path) == (2 * frame, 4)


@pytest.mark.parametrize("group", [0, 1, 2])
def test_damage_that_later_groups_count_as_durable_is_refused(tmp_path: Path, group: int) -> None:
    ends = written(tmp_path, 3, 5, 2, 6)
    path = segment_path(tmp_path, 0)
    whole = path.read_bytes()
    for place in range(ends[group], ends[group + 1]):
        damaged = flip(whole, place)
        path.write_bytes(damaged)
        with pytest.raises(JournalCorrupt) as caught:
            Journal.open(tmp_path)
        assert (caught.value.path, caught.value.offset) == (path, ends[group])
        assert f"{path}, byte {ends[group]:,}: " in str(caught.value)
        with pytest.raises(JournalCorrupt) as caught:
            list(JournalReader.open(tmp_path).read())
        assert caught.value.offset == ends[group]
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    assert reopened(tmp_path) == (0, 16)


def test_damage_in_an_earlier_segment_is_refused_by_whoever_reads_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path, segment_bytes_max=1_000) as journal:
        for seq in range(0, 60, 4):
            journal.append(make_group(seq, 4))
    first, second = (int(path.stem) for path in sorted(tmp_path.glob("*.journal"))[:2])
    path = segment_path(tmp_path, first)
    whole = path.read_bytes()
    for damaged in (flip(whole, len(whole) - 9), whole[:-1], whole + b"x" * 8, b""):
        path.write_bytes(damaged)
        with Journal.open(tmp_path) as journal:
            with pytest.raises(JournalCorrupt) as caught:
                list(journal.read())
            assert caught.value.path == path
            assert assert_gapless(journal.read(second), second) == 60
        with pytest.raises(JournalCorrupt):
            list(JournalReader.open(tmp_path).read())
    path.write_bytes(whole)
    segment_path(tmp_path, second).unlink()
    with pytest.raises(JournalCorrupt):
        list(JournalReader.open(tmp_path).read())


def test_an_empty_last_segment_must_follow_a_whole_one(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(make_group(0, 4))
    segment_path(tmp_path, 4).touch()
    assert reopened(tmp_path) == (0, 4)
    segment_path(tmp_path, 9).touch()
    with pytest.raises(JournalCorrupt, match="it ends before fact 9"):
        Journal.open(tmp_path)


def test_a_frame_inside_a_payload_passes_for_none(tmp_path: Path) -> None:
    """A body that holds a copy of the journal itself, torn: the copy's frames are not taken for later ones."""
    written(tmp_path, 3, 5)
    path = segment_path(tmp_path, 0)
    copy = path.read_bytes()
    path.write_bytes(copy + copy[: HEADER_BYTES // 2] + copy)
    assert reopened(tmp_path) == (len(copy) + HEADER_BYTES // 2, 8)


def test_another_format_version_is_refused_not_cut(tmp_path: Path) -> None:
    written(tmp_path, 3)
    path = segment_path(tmp_path, 0)
    data = bytearray(path.read_bytes())
    data[8] = 2
    data[60:64] = zlib.crc32(data[:60]).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(JournalError, match="format version 2, this program reads version 1"):
        Journal.open(tmp_path)
    assert path.read_bytes() == data
