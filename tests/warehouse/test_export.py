"""Journal -> Parquet -> the same facts, decisions and moves: array by array, and through a replay."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from opportune.engine import Engine
from opportune.facts import Arrays, FactKind
from opportune.journal import Group, JournalReader
from opportune.operations import read_group
from opportune.warehouse import WarehouseError, export, read_groups, read_manifest, warehouse_folder
from tests.operations.little_mobile import CUSTOMERS_MAX, by_time, imported, month


def forgotten(group: Group) -> Arrays:
    """A group's arrays with zeros for the hashes of identifiers, which never leave the journal."""
    arrays = dict(group.arrays)
    values = arrays["values"].copy()
    for row in np.flatnonzero(arrays["kind"] == FactKind.IDENTIFIER).tolist():
        values[int(arrays["first"][row]) : int(arrays["first"][row + 1])] = 0
    return arrays | {"values": values}


def journal(folder: Path) -> Iterator[Group]:
    """All groups of a data folder's journal."""
    return JournalReader.open(folder / "journal").read(0)


def assert_same(folder: Path) -> int:
    """The warehouse holds exactly what the journal does; how many facts that is."""
    facts = 0
    for wanted, found in zip(journal(folder), read_groups(folder), strict=True):
        assert (found.first_seq, found.count, found.received_ms) == (wanted.first_seq, wanted.count, wanted.received_ms)
        arrays = forgotten(wanted)
        assert set(found.arrays) == set(arrays)
        for name, array in arrays.items():
            assert found.arrays[name].dtype == array.dtype, name
            assert found.arrays[name].tobytes() == array.tobytes(), name
        facts += found.count
    return facts


def test_what_is_exported_reads_back_byte_for_byte(world: Path) -> None:
    told = export(world)
    assert told.facts == told.end_seq == assert_same(world) > 1_000
    kinds = {kind for group in read_groups(world) for kind in np.unique(group.arrays["kind"]).tolist()}
    assert {FactKind.EVENT, FactKind.TAGS_SET, FactKind.CONTACT, FactKind.CONSENT, FactKind.PLAYBOOK} <= kinds
    names = {name for group in read_groups(world) for name in group.arrays}
    assert {"decisions", "goals", "withheld", "moves", "texts", "bodies", "extras", "message", "accounting"} <= names
    assert export(world).facts == 0


def test_a_replay_of_the_warehouse_decides_the_same(world: Path) -> None:
    export(world, part_facts_max=700)
    done: list[Group] = []
    engine = Engine(
        customers_max=CUSTOMERS_MAX, history=lambda seq: map(read_group, [g for g in done if g.first_seq < seq])
    )
    decisions = 0
    for group in read_groups(world):
        batch, journaled = read_group(group)
        outputs = engine.process(batch)
        done.append(group)
        for name in ("decisions", "goals", "withheld", "limits", "moves", "derived"):
            assert getattr(outputs, name).tobytes() == getattr(journaled, name).tobytes(), name
        decisions += len(outputs.decisions)
    assert decisions > 10


def test_files_are_immutable_parts_of_a_day_sorted_by_customer(world: Path) -> None:
    export(world, part_facts_max=500)
    manifest = read_manifest(world)
    place = warehouse_folder(world)
    assert len({part.day for part in manifest.parts}) > 25
    assert all(part.facts <= 500 for part in manifest.parts)
    for part in manifest.parts:
        for name in part.places:
            assert (place / name).exists()
            assert f"/day={part.day}/shard=0/" in name
        customers = duckdb.execute(f"SELECT customer FROM read_parquet('{place / part.place('facts')}')").fetchnumpy()
        assert (np.diff(customers["customer"].astype(np.int64)) >= 0).all()
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*.parquet")}
    imported(world, by_time(month(3)), "more")
    export(world)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in place.rglob("*.parquet")}.items()
    assert_same(world)


def test_a_journal_of_another_history_is_refused(world: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(world, older)
    imported(world, by_time(month(2)), "more")
    export(world)
    shutil.copytree(warehouse_folder(world), older / "warehouse")
    with pytest.raises(WarehouseError, match="restored from an older copy"):
        export(older)


def test_no_hash_of_an_identifier_is_in_the_files(world: Path) -> None:
    export(world)
    for group in read_groups(world):
        for row in np.flatnonzero(group.arrays["kind"] == FactKind.IDENTIFIER).tolist():
            first = int(group.arrays["first"][row])
            assert group.arrays["values"][first : first + 2].tolist() == [0, 0]
