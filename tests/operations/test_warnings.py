"""What can hardly be meant is warned about at its place, and put in force all the same; sound definitions are not."""

import json
import shutil
from pathlib import Path

import pytest

from opportune.operations import compile_playbook, read_definitions, warn
from opportune.store import DefinitionProblem
from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import MINIMAL

EXAMPLES = MINIMAL.parent


def warned(folder: Path) -> list[DefinitionProblem]:
    """The warnings of a folder."""
    definitions = read_definitions(folder)
    return warn(definitions, compile_playbook(None, definitions))


def changed(root: Path, changes: dict[str, tuple[str, str]], more: str = "") -> Path:
    """The minimal example with texts replaced, by file, and documents more."""
    folder = root / "definitions"
    shutil.copytree(MINIMAL, folder)
    for name, (old, new) in changes.items():
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), "utf-8")
    if more:
        (folder / "more.yaml").write_text(more, "utf-8")
    return folder


@pytest.mark.parametrize("example", ["minimal", "starbucks/definitions", "starbucks/own", "browsing"])
def test_sound_definitions_are_not_warned_about(example: str) -> None:
    assert [one.text() for one in warned(EXAMPLES / example)] == []


def test_what_is_found_in_the_operators_world() -> None:
    assert [one.message for one in warned(EXAMPLES / "telecom/definitions")] == [
        "`welcome_back_20` has no content for `sms`"
    ]


AUDIENCE = "audience: arpu >= 50 AND NOT has_unlimited"


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "code", "said"),
    [
        ("campaigns.yaml", AUDIENCE, "audience: arpu > 50 AND arpu < 20", "campaigns.yaml:5:11", "never_true", "this condition is never true"),
        ("campaigns.yaml", AUDIENCE, "audience: arpu > 100000", "campaigns.yaml:5:11", "never_true", "this condition is never true"),
        ("campaigns.yaml", AUDIENCE, "audience: packs_30d = 1 AND packs_30d = 2", "campaigns.yaml:5:11", "never_true", "this condition is never true"),
        ("campaigns.yaml", AUDIENCE, "audience: pack_lover AND packs_30d < 2", "campaigns.yaml:5:11", "never_true", "this condition is never true"),
        ("campaigns.yaml", AUDIENCE, "audience: arpu >= 0", "campaigns.yaml:5:11", "always_true", "of whom what it reads is known"),
        ("campaigns.yaml", AUDIENCE, "audience: has_unlimited IS NULL OR TRUE", "campaigns.yaml:5:11", "always_true", "this condition is always true"),
        ("campaigns.yaml", AUDIENCE, "audience: arpu >= 50 OR (arpu > 5 AND arpu < 3)", "campaigns.yaml:5:11", "never_true", "the part"),
        ("campaigns.yaml", "where: event.used_pct >= 80", "where: event.used_pct > 1000", "campaigns.yaml:6:46", "never_true", "never true"),
        ("campaigns.yaml", "audience: pack_lover", "audience: pack_lover AND event.amount < 30", "campaigns.yaml:21:11", "never_true",
         "nobody in the audience can meet the trigger's condition"),
        ("campaigns.yaml", "when: arpu < 70", "when: arpu < 40", "campaigns.yaml:13:13", "never_true", "nobody in the audience can have this offer"),
        ("campaigns.yaml", "money: 20000.00", "money: 1.54", "campaigns.yaml:14:", "never_happens",
         "the budget of 1.54 CNY is less than one contact may cost, 1.55 CNY"),
        ("campaigns.yaml", "control: 10%\npropensity", "control: 100%\npropensity", "campaigns.yaml:15:10", "never_happens", "everybody is in the control group"),
        ("campaigns.yaml", "again_after: 30d", "again_after: 3d", "campaigns.yaml:30:14", "no_effect", "3d has no effect"),
        ("campaigns.yaml", "{at: [app_home, call_centre]}", "{at: [app_home, call_centre], wait: 8d}", "campaigns.yaml:7:", "no_effect",
         "decisions wait 8d, and the goal's window of 7d is over by then"),
        ("campaigns.yaml", "{at: [app_home, call_centre]}", "{at: [app_home, call_centre], wait: 2d}\nvalid: {from: 2026-12-01, to: 2026-12-02}",
         "campaigns.yaml", "no_effect", "decisions wait 2d, and the campaign is valid for 2d"),
        ("offers.yaml", "stock: 100000", "stock: 0", "offers.yaml:7:8", "never_happens", "closed from the start"),
        ("offers.yaml", "\n  call_centre: {en: Offer the 5", "\n  other: {en: Offer the 5", "campaigns.yaml:13:13", "no_effect",
         "`pack_5g` has no content for `call_centre`"),
        ("touchpoints.yaml", 'quiet_hours: {from: "21:00", to: "09:00"}', 'quiet_hours: {from: "08:00", to: "22:00"}', "touchpoints.yaml:18:14",
         "never_happens", "nothing can ever be pushed to it"),
        ("touchpoints.yaml", 'quiet_hours: {from: "21:00", to: "09:00"}', 'working_hours: {from: "22:00", to: "06:00"}', "touchpoints.yaml:18:16",
         "never_happens", "nothing can ever be pushed to it"),
    ],
)  # fmt: skip
def test_what_can_hardly_be_meant(
    tmp_path: Path, file: str, old: str, new: str, place: str, code: str, said: str
) -> None:
    if "offers.yaml" in file and "other" in new:
        new = new.replace("other:", "# other:")
    if "valid:" in new:
        folder = changed(tmp_path, {file: ("{at: [app_home, call_centre]}", "{at: [app_home, call_centre], wait: 2d}")})
        text = (
            (folder / file)
            .read_text("utf-8")
            .replace("owner: data products", "valid: {from: 2026-12-01, to: 2026-12-02}")
        )
        (folder / file).write_text(text, "utf-8")
    else:
        folder = changed(tmp_path, {file: (old, new)})
    found = [one for one in warned(folder) if one.code == code and said in one.message]
    assert len(found) == 1, [one.text() for one in warned(folder)]
    assert found[0].text().startswith(place)
    assert found[0].hint


SOURCE = """
source: usage
time: {from: at}
customer: {kind: user, from: who}
read: {path: usage.csv, format: csv}
rows: [{event: data_usage_reported, properties: {used_pct: pct, used_mb: mb}}]
"""


def test_what_no_source_brings(tmp_path: Path) -> None:
    found = {one.message for one in warned(changed(tmp_path, {}, SOURCE))}
    assert found == {
        "no source and no detector brings `pack_purchased`",
        "no source sets the tag `arpu`",
        "no source sets the tag `has_unlimited`",
    }


def test_the_commands_list_them_and_go_on(tmp_path: Path) -> None:
    folder = changed(tmp_path, {"campaigns.yaml": (AUDIENCE, "audience: arpu > 50 AND arpu < 20")})
    told = Said("check", str(folder), "--json").json
    assert [one["code"] for one in told["warnings"]] == ["never_true"]
    assert "this condition is never true" in Said("check", str(folder)).out.replace("\n", " ")
    data = str(tmp_path / "data")
    Said("init", data)
    dry = Said("apply", str(folder), "--folder", data, "--dry-run", "--json").json
    done = Said("apply", str(folder), "--folder", data, "--yes", "--json").json
    assert dry["warnings"] == done["warnings"] == told["warnings"]
    assert done["seq"] == 0
    assert json.loads(json.dumps(done))["playbook"] == 1
