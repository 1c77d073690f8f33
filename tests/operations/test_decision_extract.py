"""The extract of decisions is read by the tool that analysts of that format use, and says what explain says."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pdstools.decision_analyzer import DecisionAnalyzer

from opportune.facts import Reason
from opportune.operations import (
    Extracted,
    create_deployment,
    export_decisions,
    find_customer,
    list_decisions,
    open_deployment,
    publish,
    read_definitions,
)
from opportune.operations.decision_extract import COLUMNS, STAGES
from opportune.operations.explain import explain
from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import CUSTOMERS_MAX, START, imported
from tests.operations.test_detectors import BASE, MINUTE, REMINDER, UNPAID, track, write
from tests.operations.test_explain import events_of


@pytest.fixture(scope="module")
def extract(reasons: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Extracted]:
    """The extract of the world of reasons."""
    out = tmp_path_factory.mktemp("extract") / "decisions.csv"
    return out, export_decisions(reasons, out, customers_max=CUSTOMERS_MAX)


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The rows, cells as texts."""
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_candidate_is_in_it(reasons: Path, extract: tuple[Path, Extracted]) -> None:
    out, told = extract
    rows = rows_of(out)
    assert tuple(rows[0]) == COLUMNS
    explained = [(seq, customer, explain(reasons, customer, seq)) for seq, customer in events_of(reasons)]
    wanted = [(f"{seq}-{customer}", c.campaign, c.reason) for seq, customer, one in explained for c in one.candidates]
    assert sorted((row["pxInteractionID"], row["pyName"], row["pxComponentName"]) for row in rows) == sorted(wanted)
    assert told.rows == len(rows)
    treated = [one for one in list_decisions(reasons, limit=10_000) if one.arm == "treated"]
    assert told.decided == len(treated) == sum(row["pxRecordType"] == "OUTPUT" for row in rows)


def test_numbers_are_those_of_the_decision(reasons: Path, extract: tuple[Path, Extracted]) -> None:
    rows = {(row["pxInteractionID"], row["pyName"]): row for row in rows_of(extract[0])}
    for one in list_decisions(reasons, limit=10_000):
        row = rows[f"{one.seq}-{one.customer}", one.campaign]
        assert row["pyTreatment"] == one.offer
        assert float(row["Priority"]) * 100 * 1_000_000 == pytest.approx(one.priority)
        assert float(row["FinalPropensity"]) == pytest.approx(one.propensity_ppm / 1_000_000, abs=1e-4)


def test_the_analysts_tool_reads_it(extract: tuple[Path, Extracted]) -> None:
    out, told = extract
    found = DecisionAnalyzer.from_decision_analyzer(str(out))
    assert found.validation_error is None
    assert found.extract_type == "decision_analyzer"
    data = found.decision_data.collect()
    assert len(data) == told.rows
    assert data["Interaction ID"].n_unique() == told.interactions
    assert data.schema["Decision Time"] == pl.Datetime
    stages = Counter(row["pxComponentName"] for row in rows_of(out))
    assert Counter(data["Component Name"].to_list()) == stages
    funnel = found.aggregates.get_funnel_data(scope="Action")
    assert all(len(frame.collect() if isinstance(frame, pl.LazyFrame) else frame) for frame in funnel[:2])
    assert found.overview_stats["Actions"] == len({row["pyName"] for row in rows_of(out)})


def test_candidates_of_detectors_events_are_told_by_their_own_customer(tmp_path: Path) -> None:
    """Two orders stay unpaid, and another customer's fact shows it: each candidate belongs to who placed the order."""
    folder = tmp_path / "data"
    create_deployment(folder, seed="tests")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(write(tmp_path / "definitions", BASE, UNPAID, REMINDER)), "tests")
    imported(folder, [
        track("ann", START, "order_placed", order_id="A-1", amount="20.00"),
        track("bob", START + MINUTE, "order_placed", order_id="B-1", amount="5.00"),
        track("eve", START + 20 * MINUTE, "call_dropped"),
    ])  # fmt: skip
    out = tmp_path / "decisions.csv"
    told = export_decisions(folder, out, customers_max=CUSTOMERS_MAX)
    ann, bob = (find_customer(folder, name) for name in ("ann", "bob"))
    assert [(int(row["Primary_pySubjectID"]), row["pxComponentName"]) for row in rows_of(out)] == [
        (ann, "PROPOSED"), (bob, "TRIGGER_CONDITION"),
    ]  # fmt: skip
    assert told == Extracted(2, 2, 1)


def test_every_reason_of_a_candidate_has_its_stage() -> None:
    assert set(STAGES) == {reason for reason in Reason if reason < Reason.NOT_TOUCHED}


def test_the_command_and_its_bounds(reasons: Path, tmp_path: Path) -> None:
    out = tmp_path / "some.csv"
    told = Said(
        "export-decisions", out, "--folder", reasons, "--since", "2026-11-03", "--until", "2026-11-04", "--json"
    ).json
    rows = rows_of(out)
    assert told["rows"] == len(rows) > 0
    assert {row["pxDecisionTime"][:10] for row in rows} == {"2026-11-03"}
    assert not list(tmp_path.glob("*.part"))
