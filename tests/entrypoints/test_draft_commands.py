"""Commands about drafts, playbooks and campaigns, on real folders."""

import shutil
from pathlib import Path

import pytest

from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import MINIMAL, by_time, deployed, month

RULES = "approval: default\nsteps: [{step: lead, title: {en: Head of marketing, zh: 营销主管}}]\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return deployed(tmp_path / "data", messages=by_time(month(20)))


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MINIMAL, tmp_path / "definitions"))


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_from_apply_to_launch(data: Path, definitions: Path) -> None:
    (definitions / "approval.yaml").write_text(RULES, encoding="utf-8")
    on = ("--folder", data)
    assert "playbook 2 is in force" in Said("apply", definitions, *on, "--yes").out
    replace(definitions / "campaigns.yaml", "arpu >= 50", "arpu >= 40")
    made = Said("apply", definitions, *on, "--author", "ann", "--title", "wider")
    assert "draft 1 was made; nothing is in force yet" in made.out
    assert "arpu >= 40 AND NOT has_unlimited" in made.out
    assert Said("drafts", "simulate", 1, *on, "--author", "ann", "--json").json["name"] == "draft 1"
    refused = Said("drafts", "launch", 1, *on)
    assert (refused.code, "not submitted" in refused.err) == (1, True)
    assert "waits for: lead" in Said("drafts", "submit", 1, *on, "--author", "ann").out
    own = Said("drafts", "approve", 1, *on, "--author", "ann")
    assert (own.code, "somebody else approves it" in own.err) == (1, True)
    shown = Said("drafts", "show", 1, *on, "--lang", "zh").out
    assert "营销主管" in shown
    assert "已提交" in shown
    assert "approved" in Said("drafts", "approve", 1, *on, "--author", "bob").out
    replace(definitions / "policy.yaml", "max: 3", "max: 2")
    other = Said("apply", definitions, *on, "--author", "dora", "--json").json
    assert [(one["family"], one["name"]) for one in other["changes"]] == [
        ("campaign", "data-pack-upsell"),
        ("policy", "default"),
    ][::-1]
    assert "playbook 3 is in force" in Said("drafts", "launch", 1, *on, "--author", "carl").out
    told = Said("drafts", "list", *on, "--json").json
    assert [(one["number"], one["state"]) for one in told] == [(2, "draft"), (1, "launched")]
    assert "waits for" in Said("drafts", "list", *on).out
    # Draft 2 says the same of the campaign, and still has the cap to change.
    assert [one["family"] for one in Said("drafts", "show", 2, *on, "--json").json["changes"]] == ["policy"]
    assert Said("apply", definitions, *on, "--revise", 2, "--author", "dora", "--json").json["base"] == 3
    Said("drafts", "submit", 2, *on, "--author", "dora")
    rejected = Said("drafts", "reject", 2, *on, "--author", "bob", "--note", "too strict", "--json").json
    assert (rejected["state"], rejected["trail"][-1]["note"]) == ("rejected", "too strict")
    assert "withdrawn" in Said("drafts", "withdraw", 2, *on, "--author", "dora").out
    assert "no draft 7" in Said("drafts", "show", 7, *on).err


def test_rollback_pull_and_promote(data: Path, definitions: Path, tmp_path: Path) -> None:
    on = ("--folder", data)
    replace(definitions / "campaigns.yaml", "arpu >= 50", "arpu >= 40")
    applied = Said("apply", definitions, *on, "--yes").out
    assert "Customers moved" in applied
    assert "playbook 2 is in force" in applied
    assert (
        Said("rollback", 1, *on, "--dry-run", "--json")
        .json["changes"][0]["fields"][0]["after"]
        .startswith("arpu >= 50")
    )
    assert "playbook 3 is in force" in Said("rollback", 1, *on, "--yes").out
    assert "no playbook 8" in Said("rollback", 8, *on, "--yes").err
    assert "campaigns.yaml" in Said("pull", tmp_path / "pulled", *on).out
    assert "is in force already" in Said("apply", tmp_path / "pulled", *on, "--yes").out
    assert "name an empty folder" in Said("pull", tmp_path / "pulled", *on).err
    assert len(Said("pull", tmp_path / "older", *on, "--playbook", 2, "--json").json["files"]) == 7
    Said("init", tmp_path / "other")
    draft = Said("promote", data, "--to", tmp_path / "other", "--campaign", "thanks-for-the-pack", "--draft").out
    assert "draft 1 was made" in draft
    assert "playbook 1 is in force" in Said("promote", data, "--to", tmp_path / "other", "--yes").out


def test_pause_calendar_resume_end(data: Path) -> None:
    on = ("--folder", data)
    assert "nothing was changed" in Said("pause", "thanks-for-the-pack", *on, "--dry-run").out
    assert "paused; playbook 2" in Said("pause", "thanks-for-the-pack", *on, "--note", "why not", "--author", "ann").out
    assert "已暂停" in Said("calendar", *on, "--lang", "zh").out
    told = Said("calendar", *on, "--json").json
    assert {one["campaign"]: one["state"] for one in told["campaigns"]} == {
        "data-pack-upsell": "running",
        "thanks-for-the-pack": "paused",
    }
    assert Said("resume", "thanks-for-the-pack", *on, "--json").json["publication"]["playbook"] == 3
    assert "ended; playbook 4" in Said("end", "thanks-for-the-pack", *on).out
    again = Said("end", "thanks-for-the-pack", *on)
    assert (again.code, "is ended, so it cannot end" in again.err) == (1, True)
    assert "is no day" in Said("calendar", *on, "--since", "tomorrow").err
