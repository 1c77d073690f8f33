"""Redaction: bytes are overwritten in place and nothing else changes; a crash in the middle is finished, a reader beside it reads on."""

import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from opportune.facts import Arrays
from opportune.journal import FaultPoint, Group, Journal, JournalError, JournalReader
from opportune.journal.segments import REDACTION_FILE
from tests.journal.groups import make_group

SEGMENT_BYTES_MAX = 20_000
GROUPS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of several segments."""
    with Journal.open(tmp_path / "journal", segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        for _ in range(GROUPS):
            journal.append(make_group(journal.next_seq, 20))
    assert len(list((tmp_path / "journal").glob("*.journal"))) > 2
    return tmp_path / "journal"


def without_evens(group: Group) -> Arrays:
    """Zeros for the values of every even fact of every third group."""
    if group.first_seq // 20 % 3 or not group.arrays["values"][::2].any():
        return {}
    values = group.arrays["values"].copy()
    values[::2] = 0
    return {"values": values}


def contents(folder: Path) -> list[tuple[int, int, bytes, bytes]]:
    """What a reader finds: facts, values, and everything else."""
    return [
        (group.first_seq, group.received_ms, group.arrays["values"].tobytes(),
         b"".join(array.tobytes() for name, array in group.arrays.items() if name != "values"))
        for group in JournalReader.open(folder).read()
    ]  # fmt: skip


def redacted_in_words(folder: Path) -> list[tuple[int, int, bytes, bytes]]:
    """What must be found afterwards."""
    wanted = []
    for group, (seq, at, values, rest) in zip(JournalReader.open(folder).read(), contents(folder), strict=True):
        changed = without_evens(group)
        wanted.append((seq, at, changed["values"].tobytes() if changed else values, rest))
    return wanted


def filled(value: int, group: Group) -> Arrays:
    """The same value everywhere."""
    return {"values": np.full_like(group.arrays["values"], value)}


def test_only_what_is_asked_for_changes(folder: Path) -> None:
    wanted = redacted_in_words(folder)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.journal")}
    told: list[tuple[int, int]] = []
    with Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        assert journal.redact(journal.durable_seq, without_evens, lambda *step: told.append(step)) == GROUPS // 3
        assert journal.redact(journal.durable_seq, without_evens) == 0
        assert {name: (folder / name).stat().st_size for name in sizes} == sizes
        journal.append(make_group(journal.next_seq, 3)).wait(10)
    assert told[-1] == (sum(sizes.values()), sum(sizes.values()))
    assert contents(folder)[:-1] == wanted
    assert not (folder / REDACTION_FILE).exists()


def test_nothing_behind_the_end_or_not_durable_is_touched(folder: Path) -> None:
    before = contents(folder)
    with Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        assert journal.redact(20, without_evens) == 1
        with pytest.raises(JournalError, match="not durable yet"):
            journal.redact(journal.next_seq + 1, without_evens)
        with pytest.raises(JournalError, match="form of `values`"):
            journal.redact(journal.durable_seq, lambda group: {"values": group.arrays["values"][:1]})
    after = contents(folder)
    assert after[0] != before[0]
    assert after[1:] == before[1:]


class CutShort(BaseException):
    """The power is gone."""


@pytest.mark.parametrize("at", range(0, 45, 4))
def test_cut_short_anywhere_it_is_finished_when_the_journal_is_opened(folder: Path, at: int) -> None:
    before, wanted = contents(folder), redacted_in_words(folder)
    left = at

    def fault(point: FaultPoint) -> None:
        nonlocal left
        if point in (FaultPoint.REDACTION_ASIDE, FaultPoint.REDACTION_MID):
            left -= 1
            if left < 0:
                raise CutShort

    journal = Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX, on_fault=fault)
    with pytest.raises(CutShort):
        journal.redact(journal.durable_seq, without_evens)
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)  # as the power cut left it
    journal.close()
    with Journal.open(copy) as again:
        assert again.next_seq == 20 * GROUPS
    assert contents(copy) == wanted
    assert not (copy / REDACTION_FILE).exists()
    assert before != wanted


def test_what_was_not_all_put_aside_has_not_begun(folder: Path) -> None:
    before = contents(folder)
    (folder / REDACTION_FILE).write_bytes(b"\x01\x02\x03\x04half")
    Journal.open(folder).close()
    assert contents(folder) == before
    assert not (folder / REDACTION_FILE).exists()


def test_readers_and_the_writer_go_on_beside_it(folder: Path) -> None:
    stop = threading.Event()
    failed: list[BaseException] = []

    def read() -> None:
        while not stop.is_set():
            try:
                assert sum(group.count for group in JournalReader.open(folder).read()) >= 20 * GROUPS
            except BaseException as error:
                failed.append(error)
                return

    with Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        reader = threading.Thread(target=read)
        reader.start()
        for i in range(20):
            journal.append(make_group(journal.next_seq, 5))
            journal.redact(20 * GROUPS, partial(filled, i))
        stop.set()
        reader.join()
    assert failed == []
