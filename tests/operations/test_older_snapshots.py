"""A data folder whose snapshots were written by an earlier version still opens: snapshots are shortcuts, the journal is the truth."""

from pathlib import Path

import numpy as np

from opportune.engine import STATE_LAYOUT
from opportune.facts import Arrays
from opportune.journal import SnapshotStore
from opportune.operations import open_deployment
from tests.operations.little_mobile import CUSTOMERS_MAX, by_time, deployed, month


def rewrite_as_layout_1(folder: Path) -> list[int]:
    """Every snapshot as the first layout had it: no layout number, the ledger in words of 64 bits."""
    store = SnapshotStore(folder / "snapshots", snapshots_kept=100)
    seqs = store.seqs
    whole = [store.latest(seq) for seq in seqs]
    store.drop_after(-1)
    for found in whole:
        assert found is not None
        arrays = {name: array for name, array in found.arrays.items() if name != "engine/layout"}
        arrays["engine/ledger"] = arrays["engine/ledger"].astype(np.int64)
        store.write(found.seq, arrays, found.meta)
    return seqs


def reopened(folder: Path) -> tuple[int, dict[int, str], Arrays]:
    """(facts replayed, snapshots passed over, state) of a folder when it is opened."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        arrays = {name: array.copy() for name, array in deployment.engine.to_arrays().items()}
        return deployment.replayed, dict(deployment.snapshots.skipped), arrays


def test_snapshots_of_an_older_layout_are_passed_over_and_the_journal_is_folded_again(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", messages=by_time(month(20)))
    replayed, skipped, expected = reopened(folder)
    assert (replayed, skipped) == (0, {})
    seqs = rewrite_as_layout_1(folder)

    replayed, skipped, found = reopened(folder)
    assert replayed == seqs[-1]
    assert sorted(skipped) == seqs
    assert all(f"has layout 1, this program reads layout {STATE_LAYOUT}" in reason for reason in skipped.values())
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        assert np.array_equal(array, found[name]), name

    replayed, skipped, _ = reopened(folder)  # the start before wrote one that can be read
    assert (replayed, skipped) == (0, {})
