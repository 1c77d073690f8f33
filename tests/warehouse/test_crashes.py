"""Exports and compactions killed at every fault point, again and again: no hole, no double, nothing left lying about."""

import multiprocessing
import random
import signal
from pathlib import Path

import pytest

from opportune.warehouse import WarehouseFault, compact, export, read_manifest, warehouse_folder
from tests.warehouse.crashing import PART_FACTS_MAX, live
from tests.warehouse.test_export import assert_same

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.warehouse.crashing"])
LIVES_MAX = 40


def lived(folder: Path, what: str, point: WarehouseFault | None, times: int) -> bool:
    """Let a process live; whether it came to its own end."""
    process = processes.Process(target=live, args=(folder, what, point, times))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode == 0


def assert_nothing_left_over(folder: Path) -> None:
    """The folder holds the manifest's files and no others."""
    place = warehouse_folder(folder)
    known = {name for part in read_manifest(folder).parts for name in part.places}
    assert {
        str(path.relative_to(place)) for path in place.rglob("*") if path.suffix in (".parquet", ".npy", ".part")
    } == known


@pytest.mark.parametrize("point", [point for point in WarehouseFault if point is not WarehouseFault.MID_REMOVAL])
def test_an_export_killed_at_a_fault_point_goes_on(world: Path, point: WarehouseFault) -> None:
    chance = random.Random(str(point))
    most = 9 if point in (WarehouseFault.BEFORE_MANIFEST, WarehouseFault.AFTER_MANIFEST) else 70  # some for each file
    kills = 0
    while not lived(world, "export", point, chance.randint(1, most)):
        kills += 1
        assert kills < LIVES_MAX
        assert_exported_so_far(world)
    assert kills > 1
    assert_same(world)
    assert_nothing_left_over(world)


def assert_exported_so_far(folder: Path) -> None:
    """The parts follow each other without a gap, up to the cursor."""
    manifest, reached = read_manifest(folder), 0
    for part in manifest.parts:
        assert part.first_seq == reached
        reached = part.end_seq
    assert reached == manifest.end_seq


@pytest.mark.parametrize("point", list(WarehouseFault))
def test_a_compaction_killed_at_a_fault_point_loses_nothing(world: Path, point: WarehouseFault) -> None:
    export(world, part_facts_max=20)  # a part for each of the groups
    many = len(read_manifest(world).parts)
    chance = random.Random(str(point))
    most = 5 if point in (WarehouseFault.BEFORE_MANIFEST, WarehouseFault.AFTER_MANIFEST) else 120
    kills = 0
    while not lived(world, "compact", point, chance.randint(1, most)):
        kills += 1
        assert kills < LIVES_MAX
        assert_exported_so_far(world)
        if kills % 3 == 1:
            assert_same(world)
    assert kills > 0
    assert len(read_manifest(world).parts) < many
    assert_same(world)
    compact(world, kept_ms=0)
    assert_nothing_left_over(world)


def test_what_was_replaced_is_kept_for_those_who_read_it(world: Path) -> None:
    export(world, part_facts_max=20)
    before = {name for part in read_manifest(world).parts for name in part.places}
    told = compact(world)
    assert told.after < told.before
    place = warehouse_folder(world)
    assert all((place / name).exists() for name in before)
    assert compact(world).before == told.after
    compact(world, kept_ms=0)
    assert_nothing_left_over(world)
    assert_same(world)
    assert export(world, part_facts_max=PART_FACTS_MAX).facts == 0
