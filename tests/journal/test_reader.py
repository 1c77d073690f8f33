"""Reading without the lock, beside a writer that is another process."""

import multiprocessing
from pathlib import Path

import pytest

from opportune.journal import Journal, JournalDropped, JournalError, JournalReader
from opportune.journal.segments import MARK_EVERY_BYTES
from tests.journal.crashing import append_until_killed
from tests.journal.groups import assert_gapless, make_group


def test_a_reader_beside_a_writer_of_another_process(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=append_until_killed, args=(tmp_path, 5, None, theirs))
    process.start()
    try:
        assert ours.recv() == 0
        reader, seq, passes = JournalReader.open(tmp_path), 0, 0
        while len(list(tmp_path.glob("*.journal"))) < 6 or passes < 20:
            before = seq
            while ours.poll():
                before = ours.recv()
            seq = assert_gapless(reader.read(seq), seq)
            assert seq >= before  # what was acknowledged before the pass is in it
            passes += 1
    finally:
        process.kill()
        process.join(30)
    assert seq > 1_000


def test_a_reader_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="holds no journal"):
        JournalReader.open(tmp_path / "absent")
    assert list(JournalReader.open(tmp_path).read()) == []


def test_a_reader_goes_on_where_it_ended(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        reader = JournalReader.open(tmp_path)
        seq = 0
        for _ in range(5):
            journal.append(make_group(journal.next_seq, 30)).wait(10)
            assert assert_gapless(reader.read(seq), seq) == seq + 30
            seq += 30


def test_reading_from_the_middle_of_long_segments(tmp_path: Path) -> None:
    """The marks lead near the fact in a journal that this process wrote, and in one it only reads."""
    with Journal.open(tmp_path, segment_bytes_max=3 * MARK_EVERY_BYTES) as journal:
        while journal.bytes < 7 * MARK_EVERY_BYTES:
            journal.append(make_group(journal.next_seq, 1_000))
        journal.append(make_group(journal.next_seq, 1_000)).wait(10)
        end = journal.durable_seq
        reader = JournalReader.open(tmp_path)
        for read in (journal.read, reader.read, reader.read):
            for seq in range(500, end, 17_000):
                first = next(read(seq)).first_seq
                assert first == seq // 1_000 * 1_000
        assert assert_gapless(reader.read(end - 1_500), end - 2_000) == end


def test_facts_that_were_dropped_cannot_be_read(tmp_path: Path) -> None:
    with Journal.open(tmp_path, segment_bytes_max=500) as journal:
        for seq in range(0, 30, 5):
            journal.append(make_group(seq, 5))
    min(tmp_path.glob("*.journal")).unlink()
    with Journal.open(tmp_path) as journal:
        assert journal.first_seq == 5
        assert assert_gapless(journal.read(5), 5) == 30
        with pytest.raises(JournalError, match="keeps facts from 5 on; fact 4 was dropped"):
            list(journal.read(4))


def test_segments_that_are_dropped_under_a_reader_are_told_from_damage(tmp_path: Path) -> None:
    with Journal.open(tmp_path, segment_bytes_max=2_000) as journal:
        for seq in range(0, 200, 10):
            commit = journal.append(make_group(seq, 10))
        commit.wait(30)
        reader = JournalReader.open(tmp_path)
        groups = reader.read(0)
        read = [next(groups).end_seq]
        assert journal.drop_before(100) > 0
        first_seq = journal.first_seq
        with pytest.raises(JournalDropped, match="was dropped"):
            read.extend(group.end_seq for group in groups)  # what was open is read to its end
        assert read == sorted(read)
        assert read[-1] < first_seq
        assert assert_gapless(reader.read(first_seq), first_seq) == 200
