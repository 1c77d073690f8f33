"""Sources on a real data folder: run, preview, quality, inventory, mending and reworking; what goes wrong is told and harms nothing."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opportune.intake import Reach
from opportune.operations import (
    DefinitionsRefusedError,
    Deployment,
    DeploymentError,
    QualityFigure,
    SourceRun,
    compile_playbook,
    create_deployment,
    definitions_of,
    find_customer,
    load_of,
    open_deployment,
    open_loads,
    preview_load,
    preview_new,
    publish,
    read_definitions,
    redrive_source,
    replay,
    rework_load,
    run_sources,
    source_inventory,
    source_quality,
    view_customer,
)  # fmt: skip
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL, START

DAY = 86_400_000
NOW = START + 20 * DAY
CRM = """
source: crm
read: {format: csv, path: "crm-*.csv"}
time: {from: seen}
customer: {kind: user, from: id}
every: 1h
keep: 30d
clean:
  - trim: [id, plan]
  - {name: unlimited, map: {fields: plan, values: {U: "true", L: "false"}, else: quarantine}}
  - type: {fields: arpu, to: decimal}
  - name: nobody
    missing: {fields: id, fill: leave_out}
tags: {arpu: arpu, has_unlimited: plan}
quality: {complete: {id: 70%, phone: 90%}, valid: 80%, unique: 90%, fresh: 10d, drift: 0.25}
"""
ROWS = ["1, U,50.5,+86 13800138000", '2,L,"1,020",', "3,?,10,", ",L,10,", '2,L,"1,020",', "4,L,many,"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the minimal example and the source in force, and its first file."""
    create_deployment(tmp_path / "data", seed="tests")
    put_in_force(tmp_path, CRM)
    write(tmp_path, "a", ROWS)
    return tmp_path / "data"


@pytest.fixture
def deployment(folder: Path) -> Iterator[Deployment]:
    """That folder, open."""
    with opened(folder) as found:
        yield found


def opened(folder: Path) -> Deployment:
    return open_deployment(folder, customers_max=CUSTOMERS_MAX)


def put_in_force(root: Path, source: str, deployment: Deployment | None = None) -> None:
    """The minimal example with a source beside it."""
    place = root / "definitions"
    shutil.copytree(MINIMAL, place, dirs_exist_ok=True)
    (place / "sources.yaml").write_text(source)
    if deployment is not None:
        publish(deployment, read_definitions(place), "tests")
        return
    with opened(root / "data") as found:
        publish(found, read_definitions(place), "tests")


def write(root: Path, name: str, rows: list[str], day: int = 1) -> None:
    """A file of customers, all seen at one day."""
    lines = [f"{row},2026-11-{day:02}T00:00:00Z" for row in rows]
    (root / f"crm-{name}.csv").write_text("\n".join(["id,plan,arpu,phone,seen", *lines, ""]))


def run(deployment: Deployment, *names: str, now_ms: int = NOW) -> list[SourceRun]:
    return run_sources(deployment, deployment.folder.parent, names, now_ms=now_ms)


def tags_of(deployment: Deployment, user: str) -> dict[str, Any]:
    deployment.flush()
    customer = find_customer(deployment.folder, f"user:{user}")
    return {tag.tag: tag.value for tag in view_customer(deployment.folder, customer, reveal=True).tags}


def test_a_run_accounts_for_every_row_and_a_second_one_applies_nothing(deployment: Deployment) -> None:
    (found,) = run(deployment)
    (load,) = found.loads
    assert (load.rows, load.left_out, load.refused, load.messages) == (6, {"nobody": 1}, 2, 5)
    assert (load.applied, load.duplicates, load.quarantined) == (3, 0, 2)
    assert load.balanced
    assert load.changed == {"trim id plan": 1, "unlimited": 5, "type arpu": 2}
    before = deployment.engine.next_seq
    assert run(deployment, "crm")[0].loads == ()
    assert deployment.engine.next_seq == before
    details = [(item.reason, item.detail) for item in deployment.people.quarantined()]
    assert details == [("unmapped_row", "row: clean: type arpu"), ("unmapped_row", "row: clean: unlimited")]


def test_sources_run_when_they_are_due(deployment: Deployment) -> None:
    assert [one.source for one in run(deployment)] == ["crm"]
    write(deployment.folder.parent, "b", ["9,L,1,"], 2)
    assert run(deployment, now_ms=NOW + DAY // 24 - 1) == []
    (found,) = run(deployment, now_ms=NOW + DAY // 24)
    assert [load.label for load in found.loads] == ["crm-b.csv"]


def test_a_source_that_cannot_be_read_says_why_and_keeps_no_other(folder: Path) -> None:
    broken = CRM.replace("source: crm", "source: broken").replace("format: csv", "format: parquet")
    put_in_force(folder.parent, CRM + "---" + broken)
    with opened(folder) as deployment:
        runs = {one.source: one for one in run(deployment)}
        assert "not a readable Parquet file" in runs["broken"].trouble
        assert runs["crm"].loads[0].applied == 3
        with open_loads(folder) as loads:
            assert loads.checks()["broken"].trouble == runs["broken"].trouble
            alerts = [one for one in source_quality(loads, definitions_of(folder), NOW) if one.alert]
        assert ("broken", "reachable", runs["broken"].trouble) in {
            (one.source, one.figure, one.detail) for one in alerts
        }


def test_rows_of_the_future_are_refused_and_do_not_carry_the_time_along(deployment: Deployment) -> None:
    (deployment.folder.parent / "crm-f.csv").write_text("id,plan,arpu,phone,seen\n7,L,1,,2099-01-01T00:00:00Z\n")
    loads = {load.label: load for load in run(deployment)[0].loads}
    assert (loads["crm-f.csv"].refused, loads["crm-f.csv"].quarantined) == (1, 1)
    assert deployment.engine.now_ms < NOW
    assert deployment.people.quarantined()[0].detail == "row: the time lies in the future"


def test_a_mended_definition_takes_its_quarantined_rows_in_again(deployment: Deployment) -> None:
    run(deployment)
    put_in_force(deployment.folder.parent, CRM.replace('L: "false"', 'L: "false", "?": "false"'), deployment)
    found = redrive_source(deployment, "crm")
    assert (found.taken, found.applied, found.quarantined, found.reasons) == (2, 1, 1, {"unmapped_row": 1})
    assert tags_of(deployment, "3")["has_unlimited"] is False
    (waiting,) = [item for item in deployment.people.quarantined() if item.redriven_ms is None]
    row = json.loads(waiting.body)
    assert (row["why"], row["row"]["arpu"], row["load"]) == ("clean: type arpu", "many", "1")
    row["row"]["arpu"] = "77"
    assert deployment.people.mend(waiting.id, json.dumps(row).encode())
    assert redrive_source(deployment, "crm", [waiting.id]).applied == 1
    assert tags_of(deployment, "4")["arpu"] == "77.00"
    with pytest.raises(DeploymentError, match="not in the quarantine"):
        redrive_source(deployment, "crm", [waiting.id])
    assert deployment.accounting.sources["crm"].balanced


def test_a_step_is_undone_by_reworking_the_load_without_it(deployment: Deployment) -> None:
    capped = CRM.replace("  - name: nobody", "  - outliers: {fields: arpu, by: bounds, high: 100}\n  - name: nobody")
    put_in_force(deployment.folder.parent, capped, deployment)
    run(deployment)
    assert tags_of(deployment, "2")["arpu"] == "100.00"
    put_in_force(deployment.folder.parent, CRM.replace('missing: {fields: id, fill: leave_out}', 'missing: {fields: id, fill: constant, value: somebody}'), deployment)  # fmt: skip
    tried = rework_load(deployment, "crm", 1, apply=False)
    assert (tried.same, tried.restated, tried.added) == (1, 2, 1)
    assert tags_of(deployment, "2")["arpu"] == "100.00"
    assert rework_load(deployment, "crm", 1, apply=True) == tried
    assert tags_of(deployment, "2")["arpu"] == "1020.00"
    assert tags_of(deployment, "somebody")["arpu"] == "10.00"
    again = rework_load(deployment, "crm", 1, apply=True)
    assert (again.restated, again.added) == (0, 0)
    deployment.flush()
    assert replay(deployment.folder, customers_max=CUSTOMERS_MAX).equal


def test_a_preview_writes_nothing_and_masks_what_looks_personal(folder: Path) -> None:
    definitions = definitions_of(folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "loads.db-shm"}
    found = preview_new(definitions, "crm", Reach(folder.parent), rows=3, shown=2)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name in before} == before
    assert (found.rows, found.kept, [row.fate for row in found.shown]) == (3, 2, ["changed", "changed"])
    assert found.shown[0].before["plan"] == " U"
    assert found.shown[0].after["plan"] == "true"
    assert "13800138000" not in json.dumps([row.before for row in found.shown])
    assert found.shown[0].messages[0]["traits"] == {"arpu": "50.5", "has_unlimited": "true"}
    assert (
        preview_new(definitions, "crm", Reach(folder.parent), rows=3, shown=1, reveal=True).shown[0].before["phone"]
        == "+86 13800138000"
    )


def test_a_kept_load_is_previewed_by_the_steps_of_then_and_of_now(folder: Path) -> None:
    with opened(folder) as deployment:
        run(deployment)
        put_in_force(folder.parent, CRM.replace("  - trim: [id, plan]\n", ""), deployment)
    definitions = definitions_of(folder)
    with open_loads(folder) as loads:
        then = preview_load(definitions, loads, "crm", 1, shown=1, as_loaded=True)
        now = preview_load(definitions, loads, "crm", 1, shown=1)
        with pytest.raises(DeploymentError, match="load 2 are not kept"):
            preview_load(definitions, loads, "crm", 2, shown=1)
    assert (then.shown[0].fate, now.shown[0].fate) == ("changed", "refused")
    assert [step.step for step in now.steps] == ["unlimited", "type arpu", "nobody"]


def test_figures_beyond_their_thresholds_are_alerts(folder: Path) -> None:
    with opened(folder) as deployment:
        run(deployment)
        with open_loads(folder) as loads:
            found = source_quality(loads, definitions_of(folder), NOW)
            late = source_quality(loads, definitions_of(folder), NOW + 3 * DAY)
        told = {(one.figure, one.field): one for one in found}
        assert told["complete", "id"].value == 833_333
        assert told["valid", ""].value == 666_666
        assert told["unique", ""].value == 833_333
        assert told["fresh", ""].value == NOW - START
        assert {key for key, one in told.items() if one.alert} == {
            ("complete", "phone"),
            ("valid", ""),
            ("unique", ""),
            ("fresh", ""),
        }
        assert any(one.figure == "reachable" and one.detail.startswith("overdue") for one in late)
        write(folder.parent, "b", [f"{n},L,{n}.5,+8613800138000" for n in range(9)], 15)
        run(deployment, "crm")
        with open_loads(folder) as loads:
            both = source_quality(loads, definitions_of(folder), NOW, history=2)
    alerts = [(one.load, one.figure) for one in both if one.alert]
    assert alerts == []  # what was bad before is history
    assert {one.load for one in both} == {0, 1, 2}


def drift_of(deployment: Deployment, name: str, rows: list[str]) -> dict[str, QualityFigure]:
    write(deployment.folder.parent, name, rows, 15)
    run(deployment, "crm")
    with open_loads(deployment.folder) as loads:
        found = source_quality(loads, definitions_of(deployment.folder), NOW)
    return {one.field: one for one in found if one.figure == "drift"}


def test_a_moved_distribution_is_drift(deployment: Deployment) -> None:
    steady = [f"{n},{'U' if n % 4 == 0 else 'L'},{n}," for n in range(200)]
    assert drift_of(deployment, "b", steady) == {}  # the first load of a hundred rows is what others are held against
    alike = drift_of(deployment, "c", [f"{n},{'U' if n % 4 == 0 else 'L'},{n + 0.5}," for n in range(200)])
    assert (alike["arpu"].value or 0) < 20_000
    assert not alike["plan"].alert
    moved = drift_of(deployment, "d", [f"{n},{'U' if n % 4 else 'L'},{n * 3}," for n in range(200)])
    assert moved["plan"].alert
    assert moved["arpu"].alert
    # by hand: shares of L, U, others and missing go from (150, 50, 0, 0) to (50, 150, 0, 0), each with half a row more
    p, q = [(n + 0.5) / 202 for n in (150, 50, 0, 0)], [(n + 0.5) / 202 for n in (50, 150, 0, 0)]
    assert moved["plan"].value == round(1e6 * sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)))


def test_the_inventory_says_who_has_what_and_what_is_missing(deployment: Deployment) -> None:
    with open_loads(deployment.folder) as loads:
        before = {one.name: one for one in source_inventory(loads, definitions_of(deployment.folder))}
        assert before["arpu"].sources[0].complete is None
        run(deployment)
        found = {one.name: one for one in source_inventory(loads, definitions_of(deployment.folder))}
    assert [(one.source, one.column, one.complete) for one in found["has_unlimited"].sources] == [
        ("crm", "plan", 1_000_000)
    ]
    assert found["data_usage_reported.used_pct"].sources == ()
    assert found["data_usage_reported.used_pct"].zh == "套餐已用比例"
    assert "packs_30d" not in found  # a counter is not asked of a source
    assert "upsell_propensity" not in found


def test_raw_rows_go_when_their_time_is_over(deployment: Deployment) -> None:
    run(deployment)
    run(deployment, now_ms=NOW + 31 * DAY)
    with open_loads(deployment.folder) as loads:
        assert not loads.has_rows("crm", 1)
        assert load_of(loads.of("crm")[0]).applied == 3
    with pytest.raises(DeploymentError, match="raw rows are not kept"):
        rework_load(deployment, "crm", 1, apply=False)


TWO_WAYS = """
source: crm
read: {format: csv, path: "crm-*.csv"}
time: {from: seen}
customer: {kind: user, from: id}
rows:
  - when: {plan: U}
    skip: true
  - event: pack_purchased
    properties: {product: plan, amount: arpu}
tags: {has_unlimited: {from: plan, map: {L: "false", X: "true"}}}
"""


def test_a_row_states_its_customers_tags_when_they_are_new(folder: Path) -> None:
    put_in_force(folder.parent, TWO_WAYS)
    write(folder.parent, "a", ["1,L,5,", "1,L,6,", "1,X,7,", "2,U,8,", "2,L,9,"])
    with opened(folder) as deployment:
        (load,) = run(deployment, "crm")[0].loads
        assert load.actions == {"pack_purchased": 4, "tags": 3}
        assert load.left_out == {"skip plan = U": 1}
        assert (load.rows, load.messages, load.applied) == (5, 7, 7)
        assert tags_of(deployment, "1")["has_unlimited"] is True


@pytest.mark.parametrize(
    ("change", "place", "cause"),
    [
        (("format: csv", "format: cvs"), "sources.yaml:3:16", "Invalid enum value 'cvs'"),
        (("every: 1h", "every: often"), "sources.yaml:6:8", "not a duration"),
        (("type: {fields: arpu, to: decimal}", "unit: {fields: arpu, from: kg, to: m}"), "sources.yaml:11", "kg is a mass"),
        (("every: 1h", "every: 1h\ndatabase: {cursor: id, table: t}"), "sources.yaml", "one of read, database"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_work_is_refused_at_its_place(
    tmp_path: Path, change: tuple[str, str], place: str, cause: str
) -> None:
    definitions = tmp_path / "definitions"
    shutil.copytree(MINIMAL, definitions)
    (definitions / "sources.yaml").write_text(CRM.replace(*change))
    with pytest.raises(DefinitionsRefusedError, match=cause) as told:
        compile_playbook(None, read_definitions(definitions))
    assert str(told.value).startswith(place)
