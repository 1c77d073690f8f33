"""Segments that leave the journal: only what reads back as it was, killed anywhere, and every question is answered as before."""

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from opportune.facts import MS_PER_DAY, Arrays, Duration, RetentionDefinition
from opportune.journal import JournalError, JournalReader
from opportune.operations import (
    DeploymentError,
    apply_retention,
    backup,
    explain,
    ingest,
    journal_of,
    list_decisions,
    open_deployment,
    plan_retention,
    publish,
    read_definitions,
    replay,
    report,
    restore,
)
from opportune.operations.retention import Hold, segments_going
from opportune.warehouse import WarehouseError, export, read_manifest, warehouse_folder
from tests.operations.little_mobile import CUSTOMERS_MAX
from tests.operations.retention_lives import drop_until_killed
from tests.warehouse.world import CHANGED, DEFINITIONS, make_world

SEGMENT_BYTES = 25_000
KEPT = DEFINITIONS.replace("deployment: warehouse", "deployment: warehouse\nretention: {journal: 1d}")
STAYS = RetentionDefinition(journal=Duration(MS_PER_DAY))
MORE = """
---
campaign: talkers
audience: talks_6h >= 1 OR longest_5d > 100 OR spent_ever > 10
trigger: {event: called}
touchpoints: [{at: sms, push: now}]
offers: [{offer: pack}]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse world in small segments, exported; all of its segments are old."""
    folder = make_world(tmp_path_factory.mktemp("retention") / "data", 30, SEGMENT_BYTES, KEPT)
    export(folder, part_facts_max=300)
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "data")
    shutil.copytree(made.parent / "definitions", tmp_path / "definitions")
    age(tmp_path / "data")
    return tmp_path / "data"


def age(folder: Path) -> None:
    """Nobody has written to the journal for a week."""
    then = time.time() - 7 * 86_400
    for path in (folder / "journal").glob("*.journal"):
        os.utime(path, (then, then))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def let_go(folder: Path) -> int:
    """Apply the retention; the first fact that the journal then has."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        return apply_retention(deployment, now_ms()).journal_seq


def state(folder: Path) -> Arrays:
    """All that an open deployment holds in memory."""
    deployment = open_deployment(folder, customers_max=CUSTOMERS_MAX)
    rooms = (deployment.engine.to_arrays(), deployment.identity.to_arrays(), deployment.repeats.to_arrays())
    found = {f"{at}/{name}": array.copy() for at, room in enumerate(rooms) for name, array in room.items()}
    found["accounting"] = np.frombuffer(deployment.accounting.encode(), np.uint8)
    deployment.close(snapshot=False)
    return found


def assert_same(one: Arrays, other: Arrays) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


def without_snapshots(folder: Path) -> None:
    for path in (folder / "snapshots").iterdir():
        path.unlink()


def test_segments_go_and_everything_is_answered_as_before(world: Path) -> None:
    decisions, told, before = list_decisions(world), report(world), state(world)
    plan = plan_retention(world, STAYS, now_ms())
    assert plan.journal.segments >= 4
    assert (plan.rows, plan.losses, plan.provable_seq, plan.journal.hold) == ((), (), 0, None)
    segments = JournalReader.open(world / "journal").segments()
    first_seq = let_go(world)
    assert first_seq == plan.journal.seq > 0
    left = JournalReader.open(world / "journal").segments()
    assert sum(size for _, size, _ in segments) - sum(size for _, size, _ in left) == plan.journal.bytes
    assert plan_retention(world, STAYS, now_ms()).is_empty

    found = replay(world, customers_max=CUSTOMERS_MAX)
    assert (found.equal, found.from_seq, found.facts) == (True, 0, read_manifest(world).end_seq)
    assert list_decisions(world) == decisions
    assert report(world) == told
    assert_same(state(world), before)


def test_a_start_without_snapshots_folds_the_warehouse_and_knows_everybody(world: Path) -> None:
    before = state(world)
    let_go(world)
    without_snapshots(world)
    assert_same(state(world), before)
    known = before["0/keys"].shape[0]
    with open_deployment(world, customers_max=CUSTOMERS_MAX) as deployment:
        again = b'{"type":"track","event":"silent","userId":"c-001","timestamp":1799000000000}'
        ingest(deployment, deployment.decoder("world", "import"), again, 0).folding.result()
        assert deployment.engine.customers == known
    (world / "people.db").unlink()
    without_snapshots(world)
    with pytest.raises(DeploymentError, match="knows nobody, and the journal has let go"):
        open_deployment(world, customers_max=CUSTOMERS_MAX)


def test_what_is_not_exported_or_not_covered_stays(world: Path) -> None:
    shutil.rmtree(warehouse_folder(world))
    held = segments_going(world, STAYS, now_ms())
    assert (held.segments, held.hold) == (0, Hold.NOT_EXPORTED)
    export(world)
    without_snapshots(world)
    held = segments_going(world, STAYS, now_ms())
    assert (held.segments, held.hold) == (0, Hold.NO_SNAPSHOT)
    young = segments_going(world, RetentionDefinition(journal=Duration(30 * MS_PER_DAY)), now_ms())
    assert (young.segments, young.hold) == (0, None)
    assert segments_going(world, RetentionDefinition(), now_ms()).segments == 0


def test_a_segment_that_does_not_read_back_as_it_was_stays(world: Path) -> None:
    part = read_manifest(world).parts[1]
    path = warehouse_folder(world) / part.place("facts")
    changed = path.with_suffix(".changed")
    duckdb.execute(
        f"COPY (SELECT * REPLACE (CASE seq WHEN {part.first_seq} THEN at_ms + 1 ELSE at_ms END AS at_ms) FROM read_parquet('{path}', hive_partitioning=false)) "
        f"TO '{changed}' (FORMAT parquet)"
    )
    changed.replace(path)
    with pytest.raises(WarehouseError, match="read back from the warehouse otherwise than the journal has them"):
        let_go(world)
    assert JournalReader.open(world / "journal").first_seq == 0


def test_killed_after_each_segment_it_goes_on(world: Path) -> None:
    before = state(world)
    going = segments_going(world, STAYS, now_ms()).segments
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.operations.retention_lives"])
    for left in range(going, 0, -1):
        process = processes.Process(target=drop_until_killed, args=(world, now_ms()))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert segments_going(world, STAYS, now_ms()).segments == left - 1
        assert replay(world, customers_max=CUSTOMERS_MAX).equal
    assert_same(state(world), before)


def test_a_reader_goes_on_while_segments_go_under_it(world: Path) -> None:
    wanted = [(group.first_seq, group.count) for group in journal_of(world).read()]
    slow = journal_of(world).read()
    found = [next(slow) for _ in range(2)]
    let_go(world)
    found += slow
    assert [(group.first_seq, group.count) for group in found] == wanted
    with pytest.raises(JournalError, match="was dropped"):
        list(JournalReader.open(world / "journal").read(0))
    shutil.rmtree(warehouse_folder(world))
    with pytest.raises(JournalError, match="the warehouse does not have it"):
        list(journal_of(world).read())


def test_a_new_counter_is_built_from_what_the_journal_let_go_of(world: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(world, other)
    let_go(world)
    (tmp_path / "definitions" / "all.yaml").write_text(KEPT + CHANGED + MORE)
    for folder in (world, other):
        with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
            assert publish(deployment, read_definitions(tmp_path / "definitions"), "tests").seq is not None
    assert_same(state(world), state(other))
    assert replay(world, customers_max=CUSTOMERS_MAX).equal


def test_a_backup_brings_along_what_only_the_warehouse_has(world: Path, tmp_path: Path) -> None:
    let_go(world)
    before = state(world)
    backup(world, tmp_path / "copy")
    shutil.rmtree(world)
    restore(tmp_path / "copy", world)
    without_snapshots(world)
    assert_same(state(world), before)
    assert replay(world, customers_max=CUSTOMERS_MAX).equal
    assert export(world).facts == 0


def test_links_in_doubt_are_settled_before_their_facts_go(world: Path) -> None:
    with open_deployment(world, customers_max=CUSTOMERS_MAX) as deployment:
        told = b'{"type":"identify","userId":"c-001","anonymousId":"visitor-1","timestamp":1799000000000}'
        ingest(deployment, deployment.decoder("world", "import"), told, 0).folding.result()
        assert ("anonymous", "visitor-1") in deployment.people.unsettled()
        deployment.settle_links()
        assert deployment.people.unsettled() == []
        assert deployment.people.customer_of("anonymous", "visitor-1") is not None


def test_explain_tells_the_same(world: Path) -> None:
    number = list_decisions(world)[0]
    before = explain(world, number.customer)
    let_go(world)
    assert explain(world, number.customer) == before
    assert before.agrees
