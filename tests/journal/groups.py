"""Groups whose content follows from their numbers, so that a reader can tell whether each fact is the one that was written."""

from collections.abc import Iterable

import numpy as np

from opportune.facts import DECISION, Arrays
from opportune.journal import Group

RECEIVED_MS = 1_790_000_000_000


def content(first_seq: int, count: int) -> Arrays:
    """The arrays of the facts first_seq .. first_seq + count - 1."""
    seq = np.arange(first_seq, first_seq + count)
    decisions = np.zeros(count // 3, DECISION)
    decisions["seq"] = seq[: len(decisions)]
    return {
        "kind": (seq % 13).astype(np.uint8),
        "values": np.stack([seq * 7, -seq], axis=1),
        "decisions": decisions,
    }


def make_group(first_seq: int, count: int = 1) -> Group:
    """A group with the content its numbers call for."""
    return Group(first_seq, count, RECEIVED_MS + first_seq, content(first_seq, count))


def assert_same(got: Group, first_seq: int, count: int) -> None:
    """`got` is the group that `make_group(first_seq, count)` made, bit for bit."""
    assert (got.first_seq, got.count, got.received_ms) == (first_seq, count, RECEIVED_MS + first_seq)
    wanted = content(first_seq, count)
    assert list(got.arrays) == list(wanted)
    for name, array in wanted.items():
        assert got.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(got.arrays[name], array)


def assert_gapless(groups: Iterable[Group], from_seq: int = 0) -> int:
    """Every fact from `from_seq` on is there once, with its content; returns the number after the last."""
    seq = from_seq
    for group in groups:
        assert_same(group, seq, group.count)
        seq = group.end_seq
    return seq
