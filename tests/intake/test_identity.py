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
