"""The commands about duplicates, and about what lenient sources said, on a real folder; in both languages and as JSON."""

from pathlib import Path

import pytest

from tests.entrypoints.test_commands import Said
from tests.operations.little_mobile import START, imported
from tests.operations.twins import MATCHING, populated


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twins, `data`, with a lenient source; its definitions beside it."""
    root = tmp_path_factory.mktemp("twins")
    populated(root, matching=MATCHING + "---\nsource: app\nlenient: true\n")
    return root


def asked(root: Path, *arguments: object) -> Said:
    return Said("duplicates", *arguments, "-f", root / "data")


def test_from_a_search_to_a_decision(root: Path) -> None:
    found = asked(root, "find", "--json").json
    assert found["found"]["same"] > 50
    assert found["merged"] == 0
    assert "判为同一人" in asked(root, "find", "people", "--lang", "zh").out
    first, second = asked(root, "list", "--json", "-n", 2).json
    assert "user:*****" in asked(root, "list").out
    shown = asked(root, "show", first["number"])
    assert "likeness" in shown.out
    assert "example.org" not in shown.out
    assert "example.org" in asked(root, "show", first["number"], "--reveal").out
    assert "权重" in asked(root, "show", first["number"], "--lang", "zh").out
    assert "已合并" in asked(root, "decide", second["number"], "same", "--author", "eve", "--lang", "zh").out
    assert asked(root, "decide", second["number"], "same", "--author", "eve").code == 1
    assert (
        "不是同一人"
        in asked(root, "decide", first["number"], "apart", "--author", "eve", "--why", "twins", "--lang", "zh").out
    )
    (apart,) = asked(root, "list", "--state", "apart", "--json").json
    assert (apart["number"], apart["decided_by"], apart["why"]) == (first["number"], "eve", "twins")
    assert "eve: twins" in asked(root, "show", first["number"]).out
    assert asked(root, "clusters", "--json").json == []


def test_what_goes_wrong_is_said_in_a_line(root: Path) -> None:
    assert "no matching `cousins`; there are: people" in asked(root, "find", "cousins").err
    assert "there is no pair 9999" in asked(root, "show", 9999).err
    assert "say same or apart" in asked(root, "decide", 1, "perhaps", "--author", "eve").err
    assert "say who with --author" in asked(root, "decide", 1, "apart", "--author", "").err
    assert "there are: open, merged, apart, all" in asked(root, "list", "--state", "closed").err


def test_a_definition_that_merges_merges_those_that_are_the_same(tmp_path: Path) -> None:
    populated(tmp_path, 60, MATCHING + "merge: true\n")
    assert "say who" in asked(tmp_path, "find").err
    said = asked(tmp_path, "find", "--json", "--author", "eve")
    assert said.code == 0, said.err
    assert said.json["merged"] > 0
    assert asked(tmp_path, "list", "--json", "--state", "merged").json


def test_unknown_events_are_shown_and_written_as_definitions(root: Path, tmp_path: Path) -> None:
    message = {
        "type": "track",
        "event": "leaflet_read",
        "userId": "u0001",
        "timestamp": START,
        "properties": {"pages": 3},
    }
    imported(root / "data", [message], "app")
    said = Said("events", "--unknown", "-f", root / "data")
    assert "leaflet_read" in said.out
    assert "推测类型" in Said("events", "--unknown", "-f", root / "data", "--lang", "zh").out
    (found,) = Said("events", "--unknown", "--search", "leaflet", "-f", root / "data", "--json").json
    assert (found["source"], found["count"], found["properties"][0]["type"]) == ("app", 1, "int")
    path = tmp_path / "seen.yaml"
    assert "opportune apply" in Said("events", "--write", path, "-f", root / "data").out
    assert "event: leaflet_read" in path.read_text()
    assert "is there already" in Said("events", "--write", path, "-f", root / "data").err
