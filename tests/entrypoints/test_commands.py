"""The command line on real folders: every command, --json, both languages, and what a user gets wrong."""

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from opportune.entrypoints import app
from opportune.entrypoints.options import Lang
from opportune.entrypoints.words import WORDS, word
from opportune.facts import REASON_TEXTS, Reason
from opportune.journal import Journal, JournalReader
from opportune.operations import list_decisions, open_deployment
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL, by_time, deployed, lines, month

NAMES = (
    "apply", "audit", "backup", "bench", "calendar", "check", "coupons", "customer", "decisions", "demo", "drafts", "duplicates", "end",
    "event", "events", "explain", "export", "export-decisions", "export-person", "forget", "go-on", "import", "init", "keys", "merge",
    "outbox", "pause", "promote", "pull", "quarantine", "query", "replay", "report", "restore", "resume", "retention", "rollback",
    "rotate-key", "schema", "segment", "send", "serve", "simulate", "simulations",
    "sources", "stop-sending", "tag", "tags", "test-send", "unmerge", "work",
)  # fmt: skip


class Said:
    """What a command printed and its exit code."""

    def __init__(self, *arguments: object, **more: Any) -> None:
        result = CliRunner().invoke(app, [str(one) for one in arguments], **more)
        self.out, self.err, self.code = result.stdout, result.stderr, result.exit_code
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception

    @property
    def json(self) -> Any:
        """The one JSON document of stdout."""
        return json.loads(self.out)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of a small operator, only read."""
    return deployed(tmp_path_factory.mktemp("cli") / "data", messages=by_time(month()))


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """A copy of the minimal example to change."""
    return shutil.copytree(MINIMAL, tmp_path / "definitions")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in ("OPPORTUNE_FOLDER", "OPPORTUNE_LANG", "OPPORTUNE_AUTHOR"):
        monkeypatch.delenv(name, raising=False)


# -- help ----------------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    said = Said("--help")
    assert said.code == 0
    assert sorted(re.findall(r"^  ([a-z][a-z-]*)  +\S", said.out, re.M)) == sorted(NAMES)
    assert "..." not in said.out.partition("Commands:")[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_its_options(name: str) -> None:
    said = Said(name, "--help")
    assert said.code == 0
    assert "Usage:" in said.out


def test_every_word_is_there_in_both_languages() -> None:
    for key, (english, chinese) in WORDS.items():
        assert english, key
        assert re.search(r"[一-鿿#]", chinese) or key == "number", key
    assert word("no such word", Lang.ZH) == "no such word"


# -- definitions ---------------------------------------------------------------------------------


def test_a_new_folder_from_init_to_replay(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert "is ready" in Said("init", folder, "--seed", "tests", "--example").out
    example = tmp_path / "definitions"
    assert sorted(path.name for path in example.iterdir()) == sorted(path.name for path in MINIMAL.iterdir())
    assert "no problems" in Said("check", example).out
    first = Said("apply", example, "-f", folder, "--yes")
    assert "playbook 1 is in force from fact 0 on" in first.out
    assert "campaign data-pack-upsell" in first.out
    again = Said("apply", example, "-f", folder, "--yes")
    assert "playbook 1 is in force already" in again.out
    messages = tmp_path / "world.ndjson.gz"
    messages.write_bytes(gzip.compress(lines(by_time(month(20)))))
    said = Said("import", messages, "-f", folder)
    assert said.code == 0
    assert "received = applied + duplicate + quarantined" in said.out
    whole = len(list(month(20)))
    assert re.search(rf"world +in all +{whole} +{whole} +0 +0", said.out)
    replayed = Said("replay", "-f", folder)
    assert replayed.code == 0
    assert "equal, byte for byte" in replayed.out


def test_init_refuses_a_folder_in_use(data: Path, tmp_path: Path) -> None:
    said = Said("init", data)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"error: {data} is a data folder already; choose another, or remove it\n"
    (tmp_path / "definitions").mkdir()
    beside = Said("init", tmp_path / "new", "--example")
    assert beside.code == 1
    assert "is there already" in beside.err
    assert not (tmp_path / "new").exists()


def test_problems_are_told_with_file_line_and_column(definitions: Path, data: Path) -> None:
    campaigns = definitions / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("arpu >= 50", "apru >= 50"), encoding="utf-8")
    for command in (["check", definitions], ["apply", definitions, "--yes", "-f", data]):
        said = Said(*command)
        assert (said.code, said.out) == (1, "")
        assert re.search(r"campaigns\.yaml:5:\d+: .*`apru`.*did you mean `arpu`", said.err)
        assert "1 problem; nothing was changed" in said.err
    found = Said("check", definitions, "--json")
    assert found.code == 1
    (problem,) = found.json["problems"]
    assert (problem["file"], problem["line"]) == ("campaigns.yaml", 5)
    assert Said("check", MINIMAL, "--json").json == {"definitions": 16, "problems": [], "warnings": [], "sms": []}


def test_check_of_no_folder(tmp_path: Path) -> None:
    said = Said("check", tmp_path / "none")
    assert said.code == 1
    assert said.err.startswith("error: no folder")


def test_apply_shows_what_changes_and_marks_what_is_only_words(definitions: Path, tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data")
    campaigns = definitions / "campaigns.yaml"
    text = campaigns.read_text().replace("arpu >= 50", "arpu >= 60").replace("A second pack at once", "A second pack")
    campaigns.write_text(text, encoding="utf-8")
    said = Said("apply", definitions, "-f", folder, "--dry-run")
    assert re.search(r"changed +campaign data-pack-upsell +audience +arpu >= 50 .* arpu >= 60 ", said.out)
    assert re.search(r"changed \(words only\) +campaign thanks-for-the-pack +title.en", said.out)
    chinese = Said("apply", definitions, "-f", folder, "--dry-run", "--lang", "zh")
    assert "修改 (仅文字)" in chinese.out
    dry = Said("apply", definitions, "-f", folder, "--dry-run", "--json").json
    assert dry["seq"] is None
    assert [change["name"] for change in dry["changes"]] == ["data-pack-upsell", "thanks-for-the-pack"]
    done = Said("apply", definitions, "-f", folder, "--yes", "--json", "--author", "anna").json
    assert (done["playbook"], done["seq"]) == (2, 1)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        assert deployment.store.playbooks()[0].author == "anna"


def test_a_removed_definition_is_shown(definitions: Path, tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data")
    campaigns = definitions / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().split("---")[0], encoding="utf-8")
    said = Said("apply", definitions, "-f", folder, "--yes")
    assert re.search(r"removed +campaign thanks-for-the-pack", said.out)


def test_apply_asks_or_says_that_it_cannot(definitions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deployed(tmp_path / "data")
    (definitions / "policy.yaml").unlink()
    said = Said("apply", definitions, "-f", folder)
    assert said.code == 1
    assert "say --yes" in said.err
    assert Said("apply", definitions, "-f", folder, "--json").code == 2
    monkeypatch.setenv("OPPORTUNE_ASK", "1")
    assert "nothing was changed" in Said("apply", definitions, "-f", folder, input="n\n").out
    assert "playbook 2 is in force" in Said("apply", definitions, "-f", folder, input="y\n").out


def test_schemas(tmp_path: Path) -> None:
    assert Said("schema").json["title"] == "definition"
    said = Said("schema", "--out", tmp_path / "schemas")
    written = [Path(line) for line in said.out.splitlines()]
    assert {"campaign.schema.json", "definition.schema.json"} <= {path.name for path in written}
    assert all(json.loads(path.read_text()) for path in written)


# -- import and quarantine -----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with the minimal playbook."""
    return deployed(tmp_path / "data")


def test_an_import_accounts_for_every_message(folder: Path, tmp_path: Path) -> None:
    good = by_time(month(10))
    stamped = [{**message, "messageId": f"m{i}"} for i, message in enumerate(good)]
    bad = [{**stamped[0], "event": "unheard_of", "type": "track", "messageId": "x"}]
    path = tmp_path / "mixed.ndjson"
    path.write_bytes(lines([*stamped, stamped[-1], *bad]) + b"{broken\n")
    said = Said("import", path, "-f", folder, "--json").json
    whole = len(good)
    assert said["this_import"] == {
        "received": whole + 3, "applied": whole, "duplicates": 1, "quarantined": 2, "clashes": 0, "rounded": 0,
    }  # fmt: skip
    assert said["balanced"] is True
    assert (said["source"], said["messages"]) == ("mixed", whole + 3)
    assert said["decisions"] == len(list_decisions(folder, limit=10_000))
    again = Said("import", path, "-f", folder, "--source", "other")
    assert re.search(rf"other +this import +{whole + 3} +{whole} +1 +2", again.out)
    assert "opportune quarantine" in again.out
    counts = Said("quarantine", "-f", folder, "--json").json
    assert counts["counts"] == {"broken_json": 2, "unknown_event": 2}
    newest = counts["newest"][0]
    assert (newest["source"], newest["position"]) == ("other", whole + 3)
    table = Said("quarantine", "-f", folder, "--reason", "broken_json", "-n", "1", "--lang", "zh")
    assert f"other:{whole + 3}" in table.out
    assert f"mixed:{whole + 3}" not in table.out
    assert "隔离区" in table.out


def test_mapped_sources_are_imported(folder: Path, tmp_path: Path, definitions: Path) -> None:
    (definitions / "sources.yaml").write_text(
        "source: shop\nread: {format: csv, path: sales.csv}\ntime: {from: when}\n"
        "customer: {kind: user, from: who}\nrows:\n  - event: pack_purchased\n    properties: {amount: paid}\n"
    )
    files = tmp_path / "files"
    files.mkdir()
    (files / "sales.csv").write_text("when,who,paid\n2026-11-01T09:00:00,anna,12.50\n2026-11-01T10:00:00,bert,x\n")
    said = Said("import", "--definitions", definitions, "--data", files, "-f", folder, "--json").json
    assert (said["source"], said["this_import"]["received"], said["this_import"]["quarantined"]) == ("shop", 2, 1)
    view = Said("customer", "anna", "-f", folder, "--json").json
    assert view["events"][0]["properties"] == {"amount": "12.50"}
    wrong = Said("import", "--definitions", definitions, "--data", files, "-f", folder, "--source", "shops")
    assert (wrong.code, wrong.err) == (1, "error: no source `shops`; there are: shop\n")
    none = Said("import", "--definitions", definitions, "--data", tmp_path, "-f", folder)
    assert none.code == 1
    assert "no file sales.csv" in none.err


def test_a_table_without_a_mapping_says_how_to_write_one(folder: Path, tmp_path: Path, definitions: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("when,customer_id,amount\n2026-11-01T09:00:00,anna,12.50\n")
    said = Said("import", path, "-f", folder)
    assert said.code == 1
    assert "needs a mapping" in said.err
    shown = re.search(r"\n\n(    source:.*?)\n\n", said.err, re.S)
    assert shown is not None
    text = "\n".join(line[4:] for line in shown[1].splitlines())
    (definitions / "sources.yaml").write_text(text)
    done = Said("import", "--definitions", definitions, "--data", tmp_path, "-f", folder, "--json").json
    assert done["this_import"]["applied"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.ndjson"], 1, "error: no file nowhere.ndjson"),
        ([], 2, "name either a file of messages"),
        (["x.ndjson", "--definitions", "y"], 2, "name either a file of messages"),
        (["--definitions", "y"], 2, "--definitions needs --data"),
    ],
)
def test_a_wrong_import_is_told(folder: Path, arguments: list[str], code: int, said: str) -> None:
    found = Said("import", *arguments, "-f", folder)
    assert found.code == code
    assert said in found.err.replace("\n", " ")


def test_an_import_needs_a_playbook_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "world.ndjson"
    path.write_bytes(lines(by_time(month(2))))
    nowhere = Said("import", path, "-f", tmp_path / "none")
    assert (nowhere.code, nowhere.out) == (1, "")
    assert f"is no data folder; make one with `opportune init {tmp_path / 'none'}`" in nowhere.err
    Said("init", tmp_path / "empty")
    empty = Said("import", path, "-f", tmp_path / "empty")
    assert empty.code == 1
    assert "no playbook yet" in empty.err


def test_a_file_that_is_not_what_its_name_says(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "world.ndjson.gz"
    path.write_bytes(b"not gzip at all")
    said = Said("import", path, "-f", folder)
    assert said.code == 1
    assert "gzip" in said.err
    assert "Traceback" not in said.err


def test_a_folder_in_use_is_told_and_can_still_be_read(data: Path, definitions: Path) -> None:
    with open_deployment(data, customers_max=CUSTOMERS_MAX):
        said = Said("apply", definitions, "-f", data, "--yes")
        assert said.code == 1
        assert "another" in said.err
        for command in (["report"], ["decisions"], ["customer", "#3"], ["explain", "#3"], ["replay"], ["quarantine"]):
            assert Said(*command, "-f", data).code == 0
        assert Said("apply", definitions, "-f", data, "--dry-run").code == 0


# -- questions -----------------------------------------------------------------------------------


def test_decisions_as_table_and_json(data: Path) -> None:
    every = list_decisions(data, limit=1_000)
    found = Said("decisions", "-f", data, "--json").json
    assert [one["number"] for one in found] == [one.number for one in every]
    assert all(one["identifier"].startswith("user:cu********") for one in found)
    assert (
        Said("decisions", "-f", data, "--reveal", "--json").json[0]["identifier"]
        == f"user:customer-{every[0].customer:03}"
    )
    table = Said("decisions", "-f", data, "-n", "3")
    assert len(re.findall(r"^ +\d+ +2026-", table.out, re.M)) == 3
    one = every[-1].customer
    mine = Said("decisions", "-f", data, "--customer", f"customer-{one:03}", "--arm", every[-1].arm, "--json").json
    assert {found["customer"] for found in mine} == {one}
    some = Said("decisions", "-f", data, "--since", "2026-11-10", "--until", "2026-11-20", "--json").json
    assert [d["number"] for d in some] == [d.number for d in every if "2026-11-10" <= d.at < "2026-11-20"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["decisions", "--campaign", "data-pack"], "did you mean `data-pack-upsell`"),
        (["decisions", "--arm", "both"], "no arm `both`; known: treated, control, universal"),
        (["decisions", "--since", "yesterday"], "`yesterday` is no moment"),
        (["decisions", "--customer", "nobody"], "no customer has the identifier `nobody`"),
        (["customer", "#4711"], "has no customer #4711; it has 60"),
        (["explain", "#3", "--event", "1"], "is no event of customer #3"),
        (["explain", "#3", "--at", "2020-01-01"], "no event up to that moment"),
    ],
)
def test_a_question_without_an_answer_is_told(data: Path, arguments: list[str], said: str) -> None:
    found = Said(*arguments, "-f", data)
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith("error: ")
    assert said in found.err


@pytest.mark.parametrize(
    "arguments",
    [["explain", "#3", "--event", "1", "--at", "2026"], ["decisions", "-n", "0"], ["report", "--lang", "fr"], ["quarantine", "--reason", "x"], ["nothing"]],
)  # fmt: skip
def test_wrong_usage_has_exit_code_2(data: Path, arguments: list[str]) -> None:
    found = Said(*arguments, *([] if arguments == ["nothing"] else ["-f", str(data)]))
    assert (found.code, found.out) == (2, "")
    assert found.err


def test_a_customer_in_both_languages(data: Path) -> None:
    english = Said("customer", "customer-033", "-f", data).out
    assert re.search(r"Revenue per month +arpu +119\.00 +CNY +declared", english)
    chinese = Said("customer", "user:customer-033", "-f", data, "--lang", "zh").out
    assert re.search(r"月均收入 +arpu +119\.00 +CNY +声明", chinese)
    view = Said("customer", "#33", "-f", data, "--json").json
    assert view["customer"] == 33
    assert {tag["tag"]: tag["value"] for tag in view["tags"]}["arpu"] == "119.00"


def test_the_language_and_folder_come_from_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPPORTUNE_LANG", "zh")
    monkeypatch.setenv("OPPORTUNE_FOLDER", str(data))
    assert "接收 = 应用 + 重复 + 隔离" in Said("report").out


def test_explaining_tells_the_reason_in_both_languages(data: Path) -> None:
    events = Said("customer", "customer-012", "-f", data, "--last", "100", "--json").json["events"]
    event = str(next(e["seq"] for e in events if e["properties"].get("used_pct", 0) >= 80))
    told = Said("explain", "customer-012", "--event", event, "-f", data)
    assert told.code == 0
    assert "DO_NOT_DISTURB" in told.out
    assert REASON_TEXTS[Reason.DO_NOT_DISTURB][0] in told.out
    assert "deciding again gives exactly what was journaled" in told.out
    chinese = Said("explain", "customer-012", "--event", event, "-f", data, "--lang", "zh")
    assert REASON_TEXTS[Reason.DO_NOT_DISTURB][1] in chinese.out
    assert "重放结果与日志完全一致" in chinese.out


def test_explaining_a_decision_agrees_with_the_list(data: Path) -> None:
    for one in list_decisions(data, limit=1_000):
        found = Said("explain", f"#{one.customer}", "--event", str(one.seq), "-f", data, "--json").json
        assert found["agrees"] is True
        assert found["history_agrees"] is True
        assert [(d["campaign"], d["arm"]) for d in found["decisions"]] == [(one.campaign, one.arm)]


def test_a_report_as_tables_and_json(data: Path) -> None:
    said = Said("report", "-f", data).out
    for part in (
        "Campaigns",
        "Contacts per customer",
        "Withheld, by reason",
        "received = applied + duplicate + quarantined",
    ):
        assert part in said
    found = Said("report", "-f", data, "--json").json
    assert found["customers"] == 60
    account = found["sources"]["world"]
    assert account["received"] == account["applied"] + account["duplicates"] + account["quarantined"]
    assert f"{found['events']:,} events" in said
    chinese = Said("report", "-f", data, "--lang", "zh", "--since", "2026-11-10").out
    assert "流量包适时推荐" in chinese
    assert "营销案" in chinese


def test_a_replay_that_differs_says_where(data: Path, tmp_path: Path) -> None:
    """A journal whose outputs were not made by its facts: rewritten with one decision changed."""
    changed = tmp_path / "changed"
    (changed / "journal").mkdir(parents=True)
    shutil.copy(data / "key", changed / "key")
    at = None
    with_decisions = Journal.open(changed / "journal")
    for group in JournalReader.open(data / "journal").read(0):
        if at is None and "decisions" in group.arrays:
            at = group.first_seq
            group.arrays["decisions"] = np.array(group.arrays["decisions"])
            group.arrays["decisions"]["cost"][0] += 1
        with_decisions.append(group).wait()
    with_decisions.close()
    said = Said("replay", "-f", changed)
    assert said.code == 1
    assert f"begins at fact {at:,}" in said.err
    found = Said("replay", "-f", changed, "--json")
    assert (found.code, found.json["equal"], found.json["differs_at"]) == (1, False, at)
    wrong = list_decisions(changed, limit=1_000)[0]
    explained = Said("explain", f"#{wrong.customer}", "--event", str(wrong.seq), "-f", changed)
    assert explained.code == 1
    assert f"differs from the journal at fact {wrong.seq:,}" in explained.err


# -- demonstrations ------------------------------------------------------------------------------


def test_the_telecom_demonstration(tmp_path: Path) -> None:
    folder = tmp_path / "telecom"
    said = Said("demo", "telecom", "--customers", "200", "--days", "1", "--folder", folder, "--json").json
    assert said["events"] > 0
    found = Said("report", "-f", folder, "--json").json
    assert found["decisions"] == said["decisions"]
    again = Said("demo", "telecom", "--customers", "200", "--days", "1", "--folder", folder)
    assert again.code == 1
    assert "is a data folder already" in again.err


def test_the_starbucks_demonstration_without_its_data(tmp_path: Path) -> None:
    said = Said("demo", "starbucks", "--data", tmp_path, "--folder", tmp_path / "out")
    assert said.code == 1
    assert "--data" in said.err
    assert Said("demo", "starbucks").code == 2


def test_an_unknown_benchmark_is_told() -> None:
    said = Said("bench", "nothing")
    assert said.code == 1
    assert "no benchmark `nothing`; there are: " in said.err


# -- content -------------------------------------------------------------------------------------

SMS = """
touchpoint: by_sms
direction: out
delivery: {by: smpp, address: phone}
---
offer: short_text
content: {by_sms: {en: "Hello", zh: "您好，流量包[GB]"}}
"""


def test_check_shows_the_length_of_sms_in_both_languages(definitions: Path) -> None:
    assert Said("check", definitions, "--json").json["sms"] == []
    (definitions / "sms.yaml").write_text(SMS, encoding="utf-8")
    said = Said("check", definitions).out
    assert re.search(r"short_text +by_sms +en +5 +GSM7 +1 +155", said)
    assert re.search(r"short_text +by_sms +zh +10 +UCS2 +1 +60 +您好，流量包", said)
    assert "短信长度" in Said("check", definitions, "--lang", "zh").out
    told = Said("check", definitions, "--json").json["sms"]
    assert [one["length"]["units"] for one in told] == [5, 10]
    (definitions / "sms.yaml").write_text(SMS.replace("Hello", "Hello {{who}}"), encoding="utf-8")
    wrong = Said("check", definitions)
    assert (wrong.code, wrong.out) == (1, "")
    assert re.search(r"sms\.yaml:\d+:\d+: there is no variable `who`; ", wrong.err)
