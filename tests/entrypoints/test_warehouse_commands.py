"""The commands of warehouse, segments and tags on a real folder: tables, --json, --csv, and what a user gets wrong."""

import csv
import io
from pathlib import Path

import pytest

from tests.entrypoints.test_commands import Said
from tests.warehouse.world import make_world

SEGMENTS = "\n---\nsegment: callers\nwhere: longest_5d >= 100\n---\nsegment: townsfolk\nwhere: city LIKE 'town%'\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse world, with two segments, exported."""
    root = tmp_path_factory.mktemp("warehouse-commands")
    folder = make_world(root / "data", days=12)
    with (root / "definitions" / "all.yaml").open("a") as file:
        file.write(SEGMENTS)
    assert Said("apply", root / "definitions", "--folder", folder, "--yes").code == 0
    assert Said("query", "SELECT 1", "--folder", folder).err.startswith(f"error: {folder} has no warehouse yet")
    told = Said("export", "--folder", folder, "--compact", "--json").json
    assert told["facts"] == told["end_seq"] > 700
    return folder


def test_query_shows_tables_csv_and_json(data: Path) -> None:
    sql = "SELECT event, count(*) AS events, sum(amount) AS amount FROM events LEFT JOIN event.recharged USING (seq) GROUP BY 1 ORDER BY 1"
    table = Said("query", sql, "--folder", data)
    assert "recharged" in table.out
    told = Said("query", sql, "--folder", data, "--json").json
    assert told["columns"] == ["event", "events", "amount"]
    assert told["types"][2].startswith("DECIMAL")
    rows = list(csv.reader(io.StringIO(Said("query", sql, "--folder", data, "--csv").out)))
    assert rows[0] == told["columns"]
    assert [[row[0], int(row[1]), row[2] or None] for row in rows[1:]] == told["rows"]


def test_a_query_only_reads_and_is_bounded(data: Path) -> None:
    for sql, said in (
        ("DROP VIEW events", "one SELECT is asked for"),
        ("SELECT 1; SELECT 2", "one SELECT is asked for"),
        ("EXPLAIN ANALYZE SELECT 1", "one SELECT is asked for"),
        ("SELECT * FROM read_text('/etc/hostname')", "file system operations are disabled"),
        (f"SELECT * FROM read_blob('{data / 'key'}')", "file system operations are disabled"),
        ("SELECT apru FROM customers", "not found"),
        (
            "SELECT sum(a.range * b.range) FROM range(9000000000) a, range(9000000) b",
            "took more than seconds_max = 0.5",
        ),
    ):
        refused = Said("query", sql, "--folder", data, "--seconds-max", "0.5")
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith("error: ")
        assert said in refused.err
    many = Said("query", "SELECT * FROM events", "--folder", data, "--rows-max", "3", "--csv")
    assert len(many.out.splitlines()) == 4
    assert "more than 3 rows" in many.err


def test_a_tag_as_of_a_moment(data: Path) -> None:
    now, then = (
        Said("tag", "arpu", "--folder", data, "--json").json["values"],
        Said("tag", "arpu", "--folder", data, "--as-of", "2026-11-02", "--json").json["values"],
    )
    assert now["customers"] >= then["customers"] > 20
    assert now["values"] != then["values"]
    asked = Said(
        "query", "SELECT count(arpu) FROM latest.arpu", "--folder", data, "--as-of", "2026-11-02", "--json"
    ).json
    assert asked["rows"] == [[then["known"]]]
    assert "月均收入" in Said("tag", "arpu", "--folder", data, "--lang", "zh").out
    assert "did you mean `arpu`" in Said("tag", "apru", "--folder", data).err


def test_any_tag_for_one_customer_and_for_how_many_each_is_known(data: Path) -> None:
    now, then = (
        Said("tag", "ratio", "--folder", data, "--customer", "#4", "--json", *more).json
        for more in ((), ("--as-of", "2026-11-04T08:00"))
    )
    assert (now["tag"], now["customer"], now["value"]) == ("ratio", 4, then["value"])
    assert now["at"] > then["at"] == "2026-11-04 08:00:00"
    told = Said("query", "SELECT ratio FROM latest.ratio WHERE customer = 4", "--folder", data, "--json").json
    assert told["rows"] == [[now["value"]]]
    assert now["value"] in Said("tag", "ratio", "--folder", data, "--customer", "#4", "--lang", "zh").out
    assert "knows no customer #4000" in Said("tag", "ratio", "--folder", data, "--customer", "#4000").err
    covered = {one["tag"]: one for one in Said("tags", "--values", "--folder", data, "--json").json}
    (known, different), (rows,) = (
        Said("query", sql, "--folder", data, "--json").json["rows"][0]
        for sql in (
            "SELECT count(arpu), count(DISTINCT arpu) FROM latest.arpu",
            "SELECT count(*) FROM latest.recharges_3d WHERE recharges_3d > 0",
        )
    )
    assert (covered["arpu"]["known"], covered["arpu"]["different"]) == (known, different)
    assert covered["recharges_3d"]["told"] == rows < covered["recharges_3d"]["known"] == covered["arpu"]["customers"]
    assert covered["full_name"]["known"] is None
    assert "arpu" in Said("tags", "--values", "--category", "value", "--folder", data).out


def test_retention_says_what_would_go_and_lets_it_go(tmp_path: Path) -> None:
    folder = make_world(tmp_path / "data", 12, 25_000)
    assert "nothing is old enough to go" in Said("retention", "--dry-run", "--folder", folder).out
    definitions = tmp_path / "definitions" / "all.yaml"
    plain = definitions.read_text()
    definitions.write_text(plain.replace("deployment: warehouse", "deployment: warehouse\nretention: {events: 3d}"))
    refused = Said("apply", tmp_path / "definitions", "--folder", folder, "--yes")
    assert "retention.events" not in plain
    assert (refused.code, "the journal keeps everything" in refused.err + refused.out) == (1, True)
    kept = "deployment: warehouse\nretention: {journal: 1ms, events: 3d}"
    definitions.write_text(plain.replace("deployment: warehouse", kept))
    assert Said("apply", tmp_path / "definitions", "--folder", folder, "--yes").code == 0
    assert "opportune export" in Said("retention", "--dry-run", "--folder", folder).out
    assert Said("export", "--folder", folder).code == 0
    told = Said("retention", "--dry-run", "--folder", folder)
    assert "two snapshots were written after the last change" in told.out
    for second in range(2):  # a clean stop writes a snapshot
        path = tmp_path / "more.ndjson"
        path.write_text(
            f'{{"type":"track","event":"silent","userId":"c-001","timestamp":{1_799_000_000_000 + second}}}\n'
        )
        assert Said("import", path, "--folder", folder).code == 0
    assert Said("export", "--folder", folder).code == 0
    plan = Said("retention", "--dry-run", "--folder", folder, "--json").json["plan"]
    assert plan["journal"]["segments"] > 0
    assert "replay" in plan["losses"]
    assert "无法再回答" in Said("retention", "--dry-run", "--folder", folder, "--lang", "zh").out
    done = Said("retention", "--folder", folder, "--json").json["done"]
    assert (done["journal_bytes"], done["parts"] > 0) == (plan["journal"]["bytes"], True)
    assert "retention has dropped some before" in Said("replay", "--folder", folder).out
    assert (
        "counts events that retention dropped"
        in Said("query", "SELECT * FROM latest.spent_ever", "--folder", folder).err
    )


def test_the_catalogues_are_listed_and_told(data: Path) -> None:
    found = Said("tags", "--search", "收入", "--folder", data, "--json").json
    assert [one["tag"] for one in found] == ["arpu"]
    assert "arpu" in Said("tags", "--category", "value", "--folder", data, "--lang", "zh").out
    assert "value" in Said("tags", "--tree", "--folder", data).out
    page = Said("tag", "class", "--folder", data, "--json").json["page"]
    assert {"spent_7d", "recharged", "arpu"} <= {one["name"] for one in page["comes_from"]}
    assert "recharges_3d" in Said("tag", "class", "--folder", data).out
    told = {one["event"]["event"]: one["seen"] for one in Said("events", "--folder", data, "--json").json}
    rows = Said("query", "SELECT event, count(*) FROM events GROUP BY 1", "--folder", data, "--json").json["rows"]
    assert {event: sum(one["count"] for one in seen) for event, seen in told.items() if seen} == dict(rows)
    page = Said("event", "recharged", "--folder", data, "--json").json
    assert page["seen"] == told["recharged"]
    assert "bonus" in Said("event", "recharged", "--folder", data).out
    assert Said("event", "rechargd", "--folder", data).err == "error: no event `rechargd`; did you mean `recharged`?\n"


def test_segments_are_listed_compared_kept_and_exported(data: Path, tmp_path: Path) -> None:
    sizes = {one["segment"]: one["customers"] for one in Said("segment", "list", "--folder", data, "--json").json}
    assert sizes.keys() == {"callers", "townsfolk"}
    assert "townsfolk" in Said("segment", "list", "--folder", data).out
    both = Said("segment", "overlap", "--folder", data, "--json").json
    assert both[0]["customers"] <= min(sizes.values())
    kept = Said("segment", "snapshot", "callers", "--folder", data, "--json").json
    assert kept["customers"] == sizes["callers"]
    assert Said("segment", "prove", "callers", "--folder", data, "--json").json[0]["proved"]
    told = Said("segment", "export", "callers", tmp_path / "callers.csv", "--folder", data)
    assert told.out.startswith(f"{sizes['callers']} customers")
    rows = list(csv.reader((tmp_path / "callers.csv").open()))
    assert len(rows) == sizes["callers"] + 1
    assert all("*" in row[1] for row in rows[1:])
    assert "no segment `caller`" in Said("segment", "snapshot", "caller", "--folder", data).err


def test_the_customer_command_pages_through_the_timeline(data: Path) -> None:
    first = Said("customer", "c-001", "--folder", data, "--last", "5", "--json").json
    later = Said("customer", "c-001", "--folder", data, "--last", "5", "--before", first["next"], "--json").json
    assert later["timeline"][0]["seq"] < first["timeline"][-1]["seq"]
    assert f"--before {first['next']}" in Said("customer", "c-001", "--folder", data, "--last", "5").out
