"""The queue of pairs: what a run finds, what somebody decides, what becomes of pairs of merged and forgotten customers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.store import DuplicateRun, Duplicates, FoundPair, PairState

RUN = DuplicateRun("people", 1_000, 100, 200, 1, 2)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Duplicates]:
    """An empty queue."""
    found = Duplicates(tmp_path)
    yield found
    found.close()


def pairs(*places: tuple[int, int], score: int = 500_000) -> list[FoundPair]:
    return [FoundPair(low, high, score, b"[]") for low, high in places]


def there(queue: Duplicates) -> dict[tuple[int, int], str]:
    return {(one.low, one.high): one.state.value for one in queue.pairs()}


def number(queue: Duplicates, low: int, high: int) -> int:
    return next(one.number for one in queue.pairs() if (one.low, one.high) == (low, high))


def test_a_run_replaces_what_is_open_and_keeps_what_is_decided(queue: Duplicates) -> None:
    assert queue.replace_open(RUN, pairs((1, 2), (3, 4), (5, 6))) == 3
    kept = number(queue, 1, 2)
    assert queue.decide(number(queue, 3, 4), PairState.APART, "eve", "twins", 5)
    assert not queue.decide(number(queue, 3, 4), PairState.MERGED, "eve", "", 6)
    again = [*pairs((1, 2), score=900_000), *pairs((3, 4), (7, 8))]
    assert queue.replace_open(DuplicateRun("people", 2_000, 100, 200, 1, 2), again) == 2
    assert there(queue) == {(1, 2): "open", (3, 4): "apart", (7, 8): "open"}
    found = queue.one(kept)
    assert found is not None
    assert (found.score, found.found_ms, found.decided_ms) == (900_000, 1_000, None)
    last = queue.last_run("people")
    assert last is not None
    assert (last.begun_ms, last.number) == (2_000, 2)
    assert queue.last_run("other") is None
    assert queue.counts() == {"open": 2, "apart": 1}


def test_another_matchings_open_pairs_stay(queue: Duplicates) -> None:
    queue.replace_open(RUN, pairs((1, 2)))
    queue.replace_open(DuplicateRun("phones", 3, 1, 1, 0, 1), pairs((8, 9)))
    assert there(queue) == {(1, 2): "open", (8, 9): "open"}


def test_a_decision_has_an_author_and_a_bounded_reason(queue: Duplicates) -> None:
    queue.replace_open(RUN, pairs((1, 2)))
    with pytest.raises(ValueError, match="say who"):
        queue.decide(1, PairState.APART, "", "", 1)
    with pytest.raises(ValueError, match="why_characters_max"):
        queue.decide(1, PairState.APART, "eve", "x" * 2_001, 1)
    assert there(queue) == {(1, 2): "open"}


def test_pairs_of_a_merged_customer_are_the_survivors(queue: Duplicates) -> None:
    queue.replace_open(RUN, pairs((1, 2), (2, 3), (1, 3), (2, 9), (4, 9)))
    queue.decide(number(queue, 2, 3), PairState.APART, "eve", "", 1)
    queue.decide(number(queue, 1, 2), PairState.MERGED, "eve", "", 2)
    queue.absorb(1, 2)
    # 2-3 was apart, so 1-3 is; 2-9 is hers now.
    assert there(queue) == {(1, 2): "merged", (1, 3): "apart", (1, 9): "open", (4, 9): "open"}


def test_a_forgotten_customer_is_in_no_pair(queue: Duplicates) -> None:
    queue.replace_open(RUN, pairs((1, 2), (2, 3), (4, 5)))
    assert queue.forget(2) == 2
    assert there(queue) == {(4, 5): "open"}
