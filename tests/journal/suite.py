"""The contract that every journal must keep. A new kind of journal subclasses `JournalSuite` and says how it is opened."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from opportune.journal import Commit, Group, JournalDropped, JournalError, JournalPort
from tests.journal.groups import assert_gapless, assert_same, make_group


class JournalSuite(ABC):
    """Tests of the contract; `open` opens the same journal again for the same place."""

    @abstractmethod
    def open(self, place: Path) -> JournalPort:
        """The journal of `place`, made where there is none."""

    @contextmanager
    def opened(self, place: Path) -> Iterator[JournalPort]:
        """The journal, closed in the end."""
        journal = self.open(place)
        try:
            yield journal
        finally:
            journal.close()

    def test_a_new_journal_is_empty(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            assert (journal.first_seq, journal.next_seq, journal.durable_seq, journal.bytes) == (0, 0, 0, 0)
            assert list(journal.read()) == []

    def test_what_was_waited_for_is_durable_and_read_back(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            commit = journal.append(make_group(0, 5))
            commit.wait(10)
            assert commit.done
            assert not commit.failed
            assert commit.end_seq == journal.durable_seq == journal.next_seq == 5
            (group,) = journal.read()
            assert_same(group, 0, 5)
            assert journal.bytes > sum(array.nbytes for array in group.arrays.values())

    def test_groups_come_in_order_and_survive_reopening(self, tmp_path: Path) -> None:
        sizes = [1, 400, 7, 1, 1, 64]
        for size in sizes:
            with self.opened(tmp_path) as journal:
                journal.append(make_group(journal.next_seq, size))
        with self.opened(tmp_path) as journal:
            assert [group.count for group in journal.read()] == sizes
            assert assert_gapless(journal.read()) == journal.next_seq == sum(sizes)

    def test_close_commits_what_is_queued(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            commits = [journal.append(make_group(3 * i, 3)) for i in range(200)]
        assert all(commit.done and not commit.failed for commit in commits)
        with self.opened(tmp_path) as journal:
            assert assert_gapless(journal.read()) == 600

    def test_reading_begins_with_the_group_that_holds_the_fact(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            for first in range(0, 50, 5):
                commit = journal.append(make_group(first, 5))
            commit.wait(10)
            for seq in range(50):
                groups = list(journal.read(seq))
                assert groups[0].first_seq == seq // 5 * 5
                assert assert_gapless(groups, groups[0].first_seq) == 50
            assert list(journal.read(50)) == []

    @pytest.mark.parametrize("first_seq", [0, 4, 6, -1])
    def test_a_gap_or_a_repeat_is_refused(self, tmp_path: Path, first_seq: int) -> None:
        with self.opened(tmp_path) as journal:
            journal.append(make_group(0, 5))
            with pytest.raises(JournalError, match="fact 5 is next"):
                journal.append(Group(first_seq, 1, 0, {}))
            journal.append(make_group(5)).wait(10)
            assert assert_gapless(journal.read()) == 6

    def test_an_empty_group_is_refused(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            with pytest.raises(JournalError, match="from 1 to"):
                journal.append(Group(0, 0, 0, {}))
            assert journal.next_seq == 0

    def test_arrays_may_change_once_they_are_appended(self, tmp_path: Path) -> None:
        group = make_group(0, 10)
        with self.opened(tmp_path) as journal:
            commit = journal.append(group)
            for array in group.arrays.values():
                array[...] = np.zeros((), array.dtype)
            commit.wait(10)
            assert_same(next(journal.read()), 0, 10)

    def test_arrays_that_are_read_cannot_be_written(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            journal.append(make_group(0, 10)).wait(10)
            values = next(journal.read()).arrays["values"]
            assert not values.flags.owndata
            with pytest.raises(ValueError, match="read-only"):
                values[0, 0] = 1

    def test_then_is_called_before_and_after_it_is_done(self, tmp_path: Path) -> None:
        called = threading.Event()
        seen: list[Commit] = []
        with self.opened(tmp_path) as journal:
            commit = journal.append(make_group(0))
            commit.then(seen.append)
            commit.then(lambda _: called.set())
            assert called.wait(10)
            commit.wait(10)
            commit.then(seen.append)
            assert seen == [commit, commit]
            assert journal.durable_seq == 1

    def test_a_reader_in_another_thread_sees_a_growing_prefix(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            ends: list[int] = []

            def follow() -> None:
                seq = 0
                while seq < 300:
                    seq = assert_gapless(journal.read(seq), seq)
                    ends.append(seq)

            thread = threading.Thread(target=follow)
            thread.start()
            for seq in range(300):
                journal.append(make_group(seq))
            thread.join(30)
            assert ends == sorted(ends)
            assert ends[-1] == 300

    def test_nothing_is_appended_after_close(self, tmp_path: Path) -> None:
        journal = self.open(tmp_path)
        journal.close()
        journal.close()
        with pytest.raises(JournalError, match="closed"):
            journal.append(make_group(0))

    def test_what_is_dropped_is_told_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as journal:
            for first in range(0, 50_000, 500):
                commit = journal.append(make_group(first, 500))
            commit.wait(30)
            before = journal.bytes
            gone = journal.drop_before(30_000)
            first_seq = journal.first_seq
            assert first_seq <= 30_000
            assert before - journal.bytes == gone
            assert (gone > 0) == (first_seq > 0)
            assert assert_gapless(journal.read(first_seq), first_seq) == 50_000
            if first_seq:
                with pytest.raises(JournalDropped, match=f"fact {first_seq - 1:,} was dropped"):
                    list(journal.read(first_seq - 1))
            journal.append(make_group(50_000, 3)).wait(30)
            journal.drop_before(10**9)  # what is to be appended to stays
            assert assert_gapless(journal.read(journal.first_seq), journal.first_seq) == 50_003
        with self.opened(tmp_path) as journal:
            assert journal.next_seq == 50_003
