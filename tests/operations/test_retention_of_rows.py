"""Rows that leave the warehouse: what is left is answered as before, what is not is refused or told, and the engine forgets nothing."""

import multiprocessing
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from opportune.facts import MS_PER_DAY, Duration, FactKind, RetentionDefinition
from opportune.operations import (
    DeploymentError,
    apply_retention,
    explain,
    journal_of,
    list_decisions,
    open_deployment,
    plan_retention,
    publish,
    read_definitions,
    read_group,
    replay,
    report,
)
from opportune.operations.retention import Hold, Loss, thin_warehouse
from opportune.operations.segment import read_tags, readable_tags
from opportune.warehouse import QueryRefused, Warehouse, WarehouseFault, compact, export, prove, read_manifest
from tests.operations.little_mobile import CUSTOMERS_MAX, START
from tests.operations.retention_lives import thin_until_killed
from tests.operations.test_retention import MORE, SEGMENT_BYTES, age, assert_same, now_ms, state, without_snapshots
from tests.warehouse.world import CHANGED, DEFINITIONS, make_world

KEPT = DEFINITIONS.replace(
    "deployment: warehouse", "deployment: warehouse\nretention: {journal: 1d, events: 10d, decisions: 15d}"
)
STAYS = RetentionDefinition(
    journal=Duration(MS_PER_DAY), events=Duration(10 * MS_PER_DAY), decisions=Duration(15 * MS_PER_DAY)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse world in small segments, exported; those that may have left the journal."""
    folder = make_world(tmp_path_factory.mktemp("rows") / "data", 30, SEGMENT_BYTES, KEPT)
    export(folder, part_facts_max=300)
    age(folder)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        end = plan_retention(folder, STAYS, now_ms()).journal.seq
        deployment.journal.drop_before(end)
    return folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "data")
    shutil.copytree(made.parent / "definitions", tmp_path / "definitions")
    return tmp_path / "data"


def thin(folder: Path) -> None:
    """Apply the folder's retention."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert apply_retention(deployment, now_ms()).parts > 5


def test_it_is_told_before_and_rows_are_gone_after(world: Path) -> None:
    plan = plan_retention(world, STAYS, now_ms())
    rows = {one.kind: one for one in plan.rows}
    assert rows.keys() == {"events", "decisions"}
    assert set(plan.losses) == set(Loss)
    events = [
        (group.first_seq, int((read_group(group)[0].kind == FactKind.EVENT).sum()))
        for group in journal_of(world).read()
    ]
    thin(world)
    manifest = read_manifest(world)
    assert manifest.dropped_until("events") == rows["events"].until_day
    assert manifest.whole_seq > 0
    assert plan.provable_seq >= manifest.whole_seq
    again = plan_retention(world, STAYS, now_ms())
    assert (again.rows, again.journal.segments) == ((), 0)
    left = {
        group.first_seq: int((read_group(group)[0].kind == FactKind.EVENT).sum()) for group in journal_of(world).read()
    }
    gone = sum(many - left[seq] for seq, many in events)
    assert 0 < gone <= rows["events"].rows
    assert all(left[seq] == many for seq, many in events if seq >= manifest.whole_seq)
    kinds = [read_group(group)[0].kind for group in journal_of(world).read()]
    assert sum(map(len, kinds)) == manifest.end_seq  # every number still counts
    compact(world)
    prove(world, manifest.end_seq)  # what the journal has is there as it was


def test_queries_see_what_is_left_and_refuse_what_follows_from_more(world: Path) -> None:
    with Warehouse(world) as warehouse:
        spent = warehouse.query("SELECT customer, recharges_3d FROM latest.recharges_3d ORDER BY 1").rows
        since = warehouse.query("SELECT count(*) FROM events WHERE happened_at > '2026-11-25'").rows
        said = warehouse.query("SELECT count(*) FROM tags").rows
    thin(world)
    with Warehouse(world) as warehouse:
        assert warehouse.query("SELECT customer, recharges_3d FROM latest.recharges_3d ORDER BY 1").rows == spent
        assert warehouse.query("SELECT count(*) FROM events WHERE happened_at > '2026-11-25'").rows == since
        assert warehouse.query("SELECT count(*) FROM tags").rows == said
        assert warehouse.query("SELECT count(*) FROM events WHERE happened_at < '2026-11-10'").rows == [(0,)]
        with pytest.raises(QueryRefused, match="counts events that retention dropped"):
            warehouse.query("SELECT * FROM latest.spent_ever")
    with Warehouse(world, as_of_ms=START + 12 * MS_PER_DAY) as warehouse:
        with pytest.raises(QueryRefused, match="counts events that retention dropped"):
            warehouse.query("SELECT * FROM latest.recharges_3d")
        assert warehouse.query("SELECT count(*) FROM latest.city WHERE city IS NOT NULL").rows[0][0] > 10


def test_replay_says_from_where_it_proves(world: Path) -> None:
    whole = report(world)
    made = list_decisions(world, limit=10_000)
    thin(world)
    found = replay(world, customers_max=CUSTOMERS_MAX)
    assert found.equal
    assert found.from_seq >= read_manifest(world).whole_seq > 0
    assert found.facts == read_manifest(world).end_seq - found.from_seq > 0
    left = list_decisions(world, limit=10_000)
    assert 0 < len(left) < len(made)
    assert left == made[-len(left) :]
    assert report(world).customers == whole.customers


def test_what_rests_on_dropped_facts_is_refused(world: Path) -> None:
    before, decided = state(world), list_decisions(world, limit=10_000)[-1]
    thin(world)
    assert_same(state(world), before)
    with pytest.raises(DeploymentError, match="retention has dropped facts of the time since she is known"):
        explain(world, decided.customer, decided.seq)
    without_snapshots(world)
    with pytest.raises(DeploymentError, match="no snapshot taken since can be read"):
        open_deployment(world, customers_max=CUSTOMERS_MAX)
    with pytest.raises(DeploymentError, match="no snapshot was written since"):
        replay(world, customers_max=CUSTOMERS_MAX)


def tags_of(folder: Path) -> dict[str, np.ndarray]:
    """Everybody's value of every tag that has a column."""
    deployment = open_deployment(folder, customers_max=CUSTOMERS_MAX)
    engine = deployment.engine
    found = read_tags(engine, readable_tags(engine.playbook), 0, engine.customers)
    deployment.close(snapshot=False)
    return found


def test_a_new_counter_leaves_what_was_known_and_counts_what_is_left(world: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(world, other)
    thin(world)
    (tmp_path / "definitions" / "all.yaml").write_text(KEPT + CHANGED + MORE)
    for folder in (world, other):
        with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
            known = set(readable_tags(deployment.playbook))
            assert publish(deployment, read_definitions(tmp_path / "definitions"), "tests").seq is not None
    found, wanted = tags_of(world), tags_of(other)
    new = found.keys() - known
    assert new >= {"longest_5d", "spent_ever"}
    for name in wanted.keys() - {"spent_ever"}:  # windows of all of them end within what is left
        assert np.array_equal(found[name], wanted[name]), name
    assert len(np.unique(wanted["spent_7d"])) > 5
    assert not np.array_equal(found["spent_ever"], wanted["spent_ever"])  # for life begins with what is left
    assert replay(world, customers_max=CUSTOMERS_MAX).equal
    without_snapshots(other)
    assert np.array_equal(tags_of(other)["spent_ever"], wanted["spent_ever"])


def test_nothing_goes_as_long_as_a_replay_from_a_snapshot_meets_a_publication(world: Path, tmp_path: Path) -> None:
    (tmp_path / "definitions" / "all.yaml").write_text(KEPT + CHANGED + MORE)
    with open_deployment(world, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(tmp_path / "definitions"), "tests")
    plan = plan_retention(world, STAYS, now_ms())
    assert (plan.rows, plan.rows_hold) == ((), Hold.PUBLICATION)
    assert thin_warehouse(world, STAYS) == 0


@pytest.mark.parametrize("point", list(WarehouseFault))
def test_killed_anywhere_it_goes_on(world: Path, point: WarehouseFault) -> None:
    wanted = tags_of(world)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.operations.retention_lives"])
    for times in (1, 3, 7):
        process = processes.Process(target=thin_until_killed, args=(world, STAYS, point, times))
        process.start()
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL)
        assert sum(1 for group in journal_of(world).read() for _ in range(group.count)) == read_manifest(world).end_seq
    thin_warehouse(world, STAYS, kept_ms=0)
    assert plan_retention(world, STAYS, now_ms()).rows == ()
    assert replay(world, customers_max=CUSTOMERS_MAX).equal
    found = tags_of(world)
    assert all(np.array_equal(found[name], values) for name, values in wanted.items())
