"""Redaction: bytes are overwritten in place and nothing else changes; a crash in the middle is finished, a reader beside it reads on."""

from functools import partial
from pathlib import Path

import pytest

from opportune.facts import Arrays
from opportune.journal import Group, Journal, JournalError, JournalReader
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


def test_only_what_is_asked_for_changes(folder: Path) -> None:
    wanted = redacted_in_words(folder)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.journal")}
    told: list[tuple[int, int]] = []
    with Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        assert journal.redact(journal.durable_seq, without_evens, lambda *step: told.append(step)) == GROUPS // 3
        assert journal.redact(journal.durable_seq, without_evens) == 0
        journal.append(make_group(journal.next_seq, 3)).wait(10)
    assert told[-1] == (sum(sizes.values()), sum(sizes.values()))
    assert contents(folder)[:-1] == wanted
    assert {path.name: path.stat().st_size for path in folder.glob("*.journal") if path.name in sizes} | {} == {
        name: (folder / name).stat().st_size for name in sizes
    }
    assert not (folder / REDACTION_FILE).exists()


def test_nothing_behind_the_end_or_not_durable_is_touched(folder: Path) -> None:
    with Journal.open(folder, segment_bytes_max=SEGMENT_BYTES_MAX) as journal:
        assert journal.redact(20, without_evens) == 1
        with pytest.raises(JournalError, match="not durable yet"):
            journal.redact(20 * GROUPS, partial(filled, i))
        stop.set()
        reader.join()
    assert failed == []
