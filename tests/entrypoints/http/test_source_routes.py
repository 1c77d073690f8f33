"""Loads, quality and inventory of sources over HTTP, and the alerts in the metrics."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from opportune.operations import open_deployment, run_sources
from tests.entrypoints.http.server import Server, served_folder
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL

CRM = """
source: crm
read: {format: csv, path: crm.csv}
time: {from: seen}
customer: {kind: user, from: id}
clean: [{type: {fields: arpu, to: decimal}}]
tags: {arpu: arpu}
quality: {complete: {arpu: 90%}, valid: 50%}
---
source: other
read: {format: csv, path: none.csv}
time: {from: seen}
customer: {kind: user, from: id}
tags: {has_unlimited: plan}
"""


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a folder whose source has run once, with a bad row and an empty value."""
    root = tmp_path_factory.mktemp("sourced")
    definitions = shutil.copytree(MINIMAL, root / "definitions")
    (Path(definitions) / "sources.yaml").write_text(CRM)
    served = served_folder(root, Path(definitions))
    (root / "crm.csv").write_text("id,arpu,seen\n1,5,2026-11-01\n2,,2026-11-01\n3,x,2026-11-01\n")
    with open_deployment(served.folder, customers_max=CUSTOMERS_MAX) as deployment:
        (run,) = run_sources(deployment, root, ["crm"])
        assert run.loads
    with Server(served) as server:
        yield server


def test_loads_account_for_their_rows(sourced: Server) -> None:
    (load,) = sourced.operate("GET", "/v1/sources/crm/loads").json
    assert (load["rows"], load["messages"], load["applied"], load["quarantined"], load["refused"]) == (3, 3, 2, 1, 1)
    assert sourced.operate("GET", "/v1/sources/nobody/loads").status == 404
    assert sourced.ask("GET", "/v1/sources/crm/loads").status == 401


def test_figures_and_alerts_are_told(sourced: Server) -> None:
    alerts = sourced.operate("GET", "/v1/quality?alerts=true").json
    assert [(one["source"], one["figure"], one["field"], one["value"], one["threshold"]) for one in alerts] == [
        ("crm", "complete", "arpu", 666_666, 900_000)
    ]
    assert len(sourced.operate("GET", "/v1/sources/crm/quality").json) > 3
    told = sourced.operate("GET", "/metrics").body.decode()
    found = {
        (family.name, sample.labels["figure"], sample.labels["field"]): sample.value
        for family in text_string_to_metric_families(told) if family.name.startswith("opportune_source") for sample in family.samples
    }  # fmt: skip
    assert found["opportune_source_alert", "complete", "arpu"] == 1
    assert found["opportune_source_alert", "valid", ""] == 0
    assert found["opportune_source_quality", "valid", ""] == pytest.approx(0.666666)


def test_the_inventory_says_what_is_missing(sourced: Server) -> None:
    found = {one["name"]: one["sources"] for one in sourced.operate("GET", "/v1/inventory").json}
    assert found["arpu"] == [{"source": "crm", "column": "arpu", "complete": 666_666}]
    assert found["has_unlimited"] == [{"source": "other", "column": "plan", "complete": None}]
    missing = {one["name"] for one in sourced.operate("GET", "/v1/inventory?missing=true").json}
    assert "pack_purchased.amount" in missing
    assert "arpu" not in missing


def test_a_row_in_the_quarantine_is_mended_and_mapped_by_its_source(sourced: Server) -> None:
    (item,) = sourced.operate("GET", "/v1/quarantine?source=crm").json["items"]
    assert item["detail"] == "row: clean: type arpu"
    path = f"/v1/quarantine/{item['id']}"
    body = sourced.operate("GET", path).json["body"].replace('"x"', '"8.5"')
    assert sourced.operate("PUT", f"{path}/body", body.encode()).status == 204
    assert sourced.operate("POST", f"{path}/redrive").json["outcome"] == "applied"
    assert sourced.account("crm")["applied"] == 3
