"""The commands about sources on a real folder: run, list, preview, quality, inventory, redrive, rework; in both languages and as JSON."""

import json
import shutil
from pathlib import Path

import pytest

from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import MINIMAL

CRM = """
source: crm
title: {en: Customers, zh: 客户资料}
read: {format: csv, path: "crm-*.csv"}
time: {from: seen}
customer: {kind: user, from: id}
every: 1h
clean:
  - trim: id
  - type: {fields: arpu, to: decimal}
  - {name: nobody, missing: {fields: id, fill: leave_out}}
tags: {arpu: arpu}
quality: {complete: {id: 90%}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder `data` with a source in force, and a file for it."""
    definitions = shutil.copytree(MINIMAL, tmp_path / "definitions")
    (Path(definitions) / "sources.yaml").write_text(CRM)
    assert Said("init", tmp_path / "data").code == 0
    assert Said("apply", definitions, "-f", tmp_path / "data", "--yes").code == 0
    (tmp_path / "crm-1.csv").write_text("id,arpu,seen\n 1 ,5,2026-01-01\n,6,2026-01-01\n3,x,2026-01-01\n")
    return tmp_path


def asked(root: Path, command: str, *arguments: object) -> Said:
    return Said("sources", command, *arguments, "-f", root / "data")


def test_from_a_preview_to_a_run_and_mending_what_was_refused(root: Path) -> None:
    tried = asked(root, "preview", "crm", "--data", root, "--json").json
    assert (tried["rows"], tried["kept"], [step["refused"] for step in tried["steps"]]) == (3, 1, [0, 1, 0])
    assert "before" in asked(root, "preview", "crm", "--data", root, "--show", 1).out
    assert asked(root, "list", "--json").json[0]["due"] is True
    assert "缺失" in asked(root, "inventory", "--lang", "zh").out
    done = asked(root, "run", "--data", root, "--json")
    assert done.code == 0
    (load,) = done.json[0]["loads"]
    assert (load["rows"], load["left_out"], load["applied"], load["quarantined"]) == (3, {"nobody": 1}, 1, 1)
    assert asked(root, "run", "--data", root).out.strip() == "Loads: none"
    assert "crm-1.csv" in asked(root, "list", "crm").out
    assert "客户资料" in asked(root, "list", "--lang", "zh").out
    (item,) = Said("quarantine", "-f", root / "data", "--json").json["newest"]
    (root / "mended.json").write_text(
        '{"type":"unmapped_row","load":"1","row":{"id":"3","arpu":"7","seen":"2026-01-01"}}'
    )
    assert (
        asked(root, "redrive", "crm", "--number", item["id"], "--body", root / "mended.json", "--json").json["applied"]
        == 1
    )
    assert "not in the quarantine" in asked(root, "redrive", "crm", "--number", item["id"]).err
    assert asked(root, "rework", "crm", "--load", 1, "--json").json["same"] == 1
    assert "stated anew" in asked(root, "rework", "crm", "--load", 1, "--yes").out


def test_alerts_end_with_one_for_programs(root: Path) -> None:
    assert asked(root, "run", "crm", "--data", root).code == 0
    said = asked(root, "quality", "--alerts", "--json")
    assert said.code == 1
    assert [(one["figure"], one["field"]) for one in said.json] == [("complete", "id")]
    told = asked(root, "quality", "--lang", "zh")
    assert told.code == 1
    assert "告警" in told.out
    assert "66.67 %" in told.out
    (root / "crm-2.csv").write_text("id,arpu,seen\n1,5,2026-01-01\n")
    assert asked(root, "run", "crm", "--data", root).code == 0
    assert asked(root, "quality").code == 0


def test_what_goes_wrong_is_said_in_a_line(root: Path) -> None:
    assert "no source `shop`; there are: crm" in asked(root, "run", "shop").err
    assert "there is nothing to fetch" in asked(root, "preview", "crm", "--data", root / "nowhere").err
    assert "are not kept" in asked(root, "preview", "crm", "--load", 9).err
    assert "--body mends one" in asked(root, "redrive", "crm", "--body", root / "x").err
    (root / "crm-3.csv").write_bytes(b"")
    said = asked(root, "run", "crm", "--data", root)
    assert said.code == 1
    assert "crm: crm-3.csv: the file is empty" in said.out
    assert json.loads(asked(root, "list", "--json").out)[0]["trouble"].startswith("crm-3.csv")


def test_secrets_of_accounts_stay_out_of_what_is_said(root: Path) -> None:
    (root / "definitions" / "sources.yaml").write_text(
        CRM.replace('read: {format: csv, path: "crm-*.csv"}', "database: {table: t, cursor: id}")
    )
    assert Said("apply", root / "definitions", "-f", root / "data", "--yes").code == 0
    accounts = root / "data" / "accounts.json"
    accounts.write_text(
        json.dumps({"database": {"default": {"url": "postgresql+psycopg://me:t0psecret@127.0.0.1:1/x"}}})
    )
    assert "chmod 600" in asked(root, "run", "crm").err
    accounts.chmod(0o600)
    said = asked(root, "run", "crm")
    assert said.code == 1
    assert "cannot be read" in said.out
    assert "t0psecret" not in said.out + said.err + asked(root, "list", "--json").out
