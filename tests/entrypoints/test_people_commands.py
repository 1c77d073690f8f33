"""Commands about one person's data: forgetting, handing out, the audit, another key; what is in the clear only where it was asked for."""

import json
import shutil
from pathlib import Path

import pytest

from opportune.operations import open_people, replay
from opportune.store import People
from tests.entrypoints.test_commands import Said
from tests.operations.forgetting_world import HER, NAME, PHONE, her_traces, make, places_of
from tests.operations.little_mobile import CUSTOMERS_MAX


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, to be copied."""
    return make(tmp_path_factory.mktemp("people") / "data")


@pytest.fixture
def folder(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and no key in the environment."""
    for name in ("OPPORTUNE_SEAL_KEY", "OPPORTUNE_SEAL_KEY_FILE", "OPPORTUNE_ASK"):
        monkeypatch.delenv(name, raising=False)
    return Path(shutil.copytree(world, tmp_path / "data"))


def test_forgetting_by_command(folder: Path) -> None:
    traces = her_traces(folder)
    assert Said("forget", f"phone:{PHONE}", "--folder", folder).code == 1  # nobody is there to ask
    told = Said("forget", PHONE, "--folder", folder, "--yes", "--why", "her letter of May 3", "--json")
    assert told.json["customer"] == HER
    assert told.json["erased"]["people"] > 0
    assert places_of(folder, traces) == set()
    again = Said("forget", PHONE, "--folder", folder, "--yes")
    assert (again.code, "nobody is known" in again.out) == (0, True)
    lines = Said("audit", "--folder", folder, "--json").json
    assert [(line["what"], line["customer"], line["why"]) for line in lines] == [
        ("forget", None, ""),
        ("forget", HER, "her letter of May 3"),
    ]
    assert all(line["who"].endswith("(command line)") for line in lines)
    assert "没有客户" in Said("forget", PHONE, "--folder", folder, "--yes", "--lang", "zh").out
    assert Said("customer", PHONE, "--folder", folder).code == 1
    assert Said("replay", "--folder", folder).code == 0


def test_what_is_shown_in_the_clear_is_written_down(folder: Path) -> None:
    for command in (("customer", PHONE), ("decisions", "--customer", PHONE), ("quarantine",)):
        said = Said(*command, "--folder", folder)
        assert PHONE not in said.out + said.err, command
        assert NAME not in said.out, command
    assert Said("audit", "--folder", folder, "--json").json == []
    assert NAME in Said("customer", PHONE, "--folder", folder, "--reveal", "--why", "call 17").out
    assert "she-0001" in Said("decisions", "--customer", PHONE, "--folder", folder, "--reveal").out
    found = Said("audit", PHONE, "--folder", folder, "--json").json
    assert [(line["what"], line["why"]) for line in found] == [("decisions", ""), ("customer", "call 17")]
    assert PHONE not in Said("audit", "--folder", folder).out


def test_handing_out_everything(folder: Path, tmp_path: Path) -> None:
    told = Said("export-person", PHONE, "--folder", folder, "--why", "her request").json
    assert told["personal"]["full_name"] == NAME
    assert told["audit"][0]["why"] == "her request"
    to = tmp_path / "out"
    assert Said("export-person", PHONE, "--folder", folder, "--to", to, "--lang", "zh").code == 0
    page = (to / "person.html").read_text()
    assert (to / "person.html").stat().st_mode & 0o077 == 0
    for text in (NAME, PHONE, "客户全部资料", "prefers to be called", "购买流量包"):
        assert text in page, text
    assert "<script" not in page
    assert json.loads((to / "person.json").read_text())["customer"] == HER


def test_another_key_inside_and_outside_of_the_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "secret 1" in Said("rotate-key", "--folder", folder).out
    before = (folder / "key").read_bytes()
    outside = tmp_path / "outside.key"
    assert Said("rotate-key", "--folder", folder, "--outside", outside, "--json").json == {
        "generation": 2,
        "sealed": True,
    }
    assert outside.stat().st_mode & 0o077 == 0
    key = json.loads((folder / "key").read_bytes())
    assert (key["key"], key["sealing"]) == ("", {})
    assert json.loads(before)["key"] not in (folder / "key").read_text()
    refused = Said("customer", PHONE, "--folder", folder)
    assert (refused.code, "OPPORTUNE_SEAL_KEY_FILE" in refused.err) == (1, True)
    monkeypatch.setenv("OPPORTUNE_SEAL_KEY", "00" * 32)
    assert "another key" in Said("customer", PHONE, "--folder", folder).err
    monkeypatch.setenv("OPPORTUNE_SEAL_KEY", "no key")
    assert "64 hexadecimal digits" in Said("customer", PHONE, "--folder", folder).err
    monkeypatch.setenv("OPPORTUNE_SEAL_KEY_FILE", str(outside))
    assert Said("customer", PHONE, "--folder", folder).code == 0
    assert replay(folder, customers_max=CUSTOMERS_MAX).equal
    with open_people(folder) as people:
        assert people is not None
        assert people.personal_of(HER)["full_name"] == NAME
        assert len(people.quarantined()) == 3
    outside.chmod(0o644)
    assert "chmod 600" in Said("customer", PHONE, "--folder", folder).err


def test_a_rotation_cut_short_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(People, "seal_again", lambda self: iter([1 // 0]))
        with pytest.raises(ZeroDivisionError):
            Said("rotate-key", "--folder", folder)
    assert list(json.loads((folder / "key").read_bytes())["sealing"]) == ["1"]
    assert Said("customer", PHONE, "--folder", folder).code == 0
    assert Said("rotate-key", "--folder", folder, "--json").json["generation"] == 2
    assert Said("customer", PHONE, "--folder", folder, "--reveal").code == 0


def test_a_new_folder_may_have_its_key_outside_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPPORTUNE_SEAL_KEY", "5a" * 32)
    assert Said("init", tmp_path / "new").code == 0
    assert json.loads((tmp_path / "new" / "key").read_bytes())["key"] == ""
    assert Said("decisions", "--folder", tmp_path / "new").code == 0
