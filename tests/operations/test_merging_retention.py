"""History that left the journal: who is one person comes back by the facts, and by which number each identifier means."""

import os
import shutil
import time
from pathlib import Path

import pytest

from opportune.facts import MS_PER_DAY, Duration, RetentionDefinition
from opportune.operations import (
    Parted,
    apply_retention,
    find_customer,
    ingest,
    journal_of,
    open_deployment,
    plan_retention,
    replay,
    unmerge,
    view_customer,
)
from opportune.operations.deployment import Deployment
from opportune.operations.retention import Hold
from opportune.warehouse import export
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, START, deployed, imported, lines, used
from tests.operations.test_merging import PHONE, VISIT, definitions, story, visit

EVENTS_GO = RetentionDefinition(journal=Duration(MS_PER_DAY), events=Duration(MS_PER_DAY))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Anna under three numbers, and Bert; parted once; what came first has left the journal, and there are no snapshots."""
    place = definitions(tmp_path)
    path = place / "deployment.yaml"
    named = path.read_text(encoding="utf-8").replace("zone:", "retention: {journal: 1d}\nzone:", 1)
    path.write_text(named, encoding="utf-8")
    made = deployed(tmp_path / "data", place, [])
    with open_deployment(made, customers_max=CUSTOMERS_MAX, segment_bytes_max=1_500) as deployment:
        decoder = deployment.decoder("world", "import")
        for message in [*story(), used("bert", START + 4 * DAY, 85)]:
            ingest(deployment, decoder, lines([message]), START).folding.result()
        deployment.flush()
    with open_deployment(made, customers_max=CUSTOMERS_MAX) as deployment:
        assert unmerge(deployment, 0, [f"phone:{PHONE[1]}"]) == Parted((0, 1), (2,))
    imported(made, [used("bert", START + 9 * DAY, 85)], "later")
    export(made)
    then = time.time() - 7 * 86_400
    for path in (made / "journal").glob("*.journal"):
        os.utime(path, (then, then))
    with open_deployment(made, customers_max=CUSTOMERS_MAX) as deployment:
        assert apply_retention(deployment, time.time_ns() // 1_000_000).journal_seq > 8
    assert journal_of(made).journal_seq > 8
    return made


def known(deployment: Deployment) -> dict[str, bytes]:
    arrays = deployment.engine.to_arrays() | {f"who/{k}": v for k, v in deployment.identity.to_arrays().items()}
    return {name: array.tobytes() for name, array in arrays.items()}


def test_a_start_out_of_the_warehouse_knows_who_is_one_person(folder: Path) -> None:
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        before = known(deployment)
    shutil.rmtree(folder / "snapshots")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert known(deployment) == before
        assert dict(deployment.identity.groups) == deployment.people.groups() == {0: [0, 1]}
        assert deployment.identity.parted == [0, 1, 2]
    assert [find_customer(folder, who) for who in ("anna", "anonymous:v-1", f"phone:{PHONE[1]}")] == [0, 0, 2]
    imported(folder, [visit(used("", START + 12 * DAY, 42), VISIT)], "again")
    assert 42 in [event.properties.get("used_pct") for event in view_customer(folder, 0).events]
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert unmerge(deployment, 0, [f"anonymous:{VISIT[1]}"]) == Parted((0,), (1,))
    assert replay(folder, customers_max=CUSTOMERS_MAX).equal


def test_rows_stay_while_a_replay_would_meet_a_parting(folder: Path) -> None:
    shutil.rmtree(folder / "snapshots")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        deployment.snapshot()
        unmerge(deployment, 0, [f"anonymous:{VISIT[1]}"])
    export(folder)
    plan = plan_retention(folder, EVENTS_GO, time.time_ns() // 1_000_000)
    assert plan.rows == ()
    assert plan.rows_hold is Hold.PUBLICATION
