"""The identity index against a dict, through growth, snapshots and replay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.facts import BatchBuilder, FactKind
from opportune.intake import IdentityIndex
from opportune.intake.fingerprints import SLOTS_MIN, UNKNOWN, FingerprintMap


def _fingerprint(i: int) -> tuple[int, int]:
    rng = np.random.default_rng(i)
    low, high = rng.integers(0, 2**64, 2, np.uint64)
    return int(low), int(high)


def test_a_map_that_grows_agrees_with_a_dict() -> None:
    known: dict[tuple[int, int], int] = {}
    table = FingerprintMap(entries_max=10_000)
    for i in range(4 * SLOTS_MIN):
        fingerprint = _fingerprint(i)
        table.add(fingerprint, i)
        known[fingerprint] = i
        if i % 97 == 0:  # in the middle of moves, too
            assert all(table.get(key) == number for key, number in known.items())
    assert len(table) == len(known)
    assert table.get(_fingerprint(10**6)) == UNKNOWN


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_hashes_that_share_a_slot_are_told_apart(fingerprints: list[tuple[int, int]]) -> None:
    table, known = FingerprintMap(1_000), {}
    for number, fingerprint in enumerate(fingerprints):
        if table.get(fingerprint) == UNKNOWN:
            table.add(fingerprint, number)
            known[fingerprint] = number
    assert {fingerprint: table.get(fingerprint) for fingerprint in known} == known


def test_a_full_map_says_so() -> None:
    table = FingerprintMap(entries_max=2)
    table.add((1, 1), 0)
    table.add((2, 2), 1)
    with pytest.raises(OverflowError, match="more than 2 entries"):
        table.add((3, 3), 2)


def test_replay_and_snapshot_rebuild_the_index() -> None:
    live, builder = IdentityIndex(100), BatchBuilder()
    for i in range(50):
        customer = live.create()
        builder.add(FactKind.CUSTOMER, 0, customer, 0, 0, (i,))
        for kind in range(1 + i % 3):
            low, high = _fingerprint(100 * i + kind)
            live.link((low, high), kind, customer)
            signed = [word - 2**64 if word >= 2**63 else word for word in (low, high)]
            builder.add(FactKind.IDENTIFIER, kind, customer, 0, 0, signed)
    batch = builder.build()
    replayed = IdentityIndex(100)
    replayed.learn(batch.take(np.arange(40)))
    replayed.learn(batch.take(np.arange(40, len(batch))))
    restored = IdentityIndex.from_arrays(live.to_arrays(), 100)
    for other in (replayed, restored):
        assert other.customers == 50
        assert {name: array.tolist() for name, array in other.to_arrays().items()} == {
            name: array.tolist() for name, array in live.to_arrays().items()
        }
    assert restored.has_other_kind(2, 1)
    assert not restored.has_other_kind(0, 0)


def test_the_number_of_customers_is_bounded() -> None:
    index = IdentityIndex(1)
    index.create()
    assert not index.has_room(1)
    with pytest.raises(OverflowError, match="customers_max"):
        index.create()
    with pytest.raises(OverflowError, match="customers_max"):
        IdentityIndex.from_arrays({**index.to_arrays(), "customer_kinds": np.zeros(2, np.uint16)}, 1)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=200),
    st.lists(st.integers(0, 5), max_size=6),
)
def test_who_is_forgotten_leaves_the_map_and_nobody_else(entries: list[tuple[int, int]], gone: list[int]) -> None:
    table, known = FingerprintMap(10_000), {}
    for number, place in entries:  # few places, so that chains are long and run over the end
        fingerprint = (place << 26 | 0xFFFF_0000, number)
        if table.get(fingerprint) == UNKNOWN:
            table.add(fingerprint, number)
            known[fingerprint] = number
    for number in gone:
        assert table.remove(number) == sum(one == number for one in known.values())
        known = {fingerprint: one for fingerprint, one in known.items() if one != number}
        assert {fingerprint: table.get(fingerprint) for fingerprint in known} == known
        assert len(table) == len(known)
        assert table.entries()[2].tolist() == sorted(known.values())


def test_replay_forgets_whom_the_journal_forgot() -> None:
    live, builder = IdentityIndex(10), BatchBuilder()
    for i in range(3):
        customer = live.create()
        builder.add(FactKind.CUSTOMER, 0, customer, 0, 0, (i,))
        builder.add(FactKind.IDENTIFIER, 0, customer, 0, 0, (i + 1, 7))
    builder.add(FactKind.FORGOTTEN, 0, 1, 0, 0)
    builder.add(FactKind.IDENTIFIER, 0, 2, 0, 0, (0, 0))  # redacted: an identifier was here
    index = IdentityIndex(10)
    index.learn(builder.build())
    assert [index.find((i + 1, 7)) for i in range(3)] == [0, -1, 2]
    assert (len(index), index.customers, index.find((0, 0))) == (2, 3, -1)
    assert index.kinds[:3].tolist() == [1, 0, 1]
