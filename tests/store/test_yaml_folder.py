"""A folder of definitions: read whole, and every mistake of every file told in one go, at its place."""

from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.campaigns import Validity
from opportune.facts import Decimal, Duration, Rate
from opportune.store import DefinitionProblem, Definitions, ProblemCode, load_files, load_folder

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal"


def load(text: str, file: str = "f.yaml") -> Definitions:
    return load_files([(file, dedent(text).encode())])


def only(text: str) -> DefinitionProblem:
    problems = load(text).problems
    assert len(problems) == 1, [problem.text() for problem in problems]
    return problems[0]


def place(problem: DefinitionProblem) -> tuple[int, int]:
    return problem.line, problem.column


def test_the_minimal_example_is_whole() -> None:
    definitions = load_folder(EXAMPLE)
    assert definitions.problems == ()
    counts = dict.fromkeys(("deployment", "event", "tag", "touchpoint", "offer", "policy", "campaign"), 0)
    for family, _, _ in definitions.all():
        counts[family] += 1
    assert counts == {
        "deployment": 1, "event": 2, "tag": 5, "touchpoint": 3, "offer": 2, "policy": 1, "campaign": 2,
    }  # fmt: skip
    campaign = definitions.campaigns["data-pack-upsell"]
    assert campaign.policy.budget.money == Decimal("20000.00")
    assert campaign.control == Rate(100_000)
    assert campaign.goal is not None
    assert campaign.goal.within == Duration(7 * 86_400_000)
    assert campaign.valid == Validity()
    place = definitions.places.find("campaign", "data-pack-upsell", "offers[1].when", offset=7)
    assert place is not None
    assert place.file == "campaigns.yaml"
    assert (EXAMPLE / place.file).read_text().splitlines()[place.line - 1][place.column - 1 :].startswith("70")


def test_every_definition_of_the_example_has_both_names() -> None:
    for family, name, definition in load_folder(EXAMPLE).all():
        assert definition.title.en, (family, name)
        assert definition.title.zh, (family, name)


def test_folders_are_read_deep_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b" / "x.yml").write_text("tag: deep\ntype: int")
    (tmp_path / "y.yaml").write_text("tag: flat\ntype: int")
    (tmp_path / ".y.yaml").write_text("tag: hidden\ntype: int")
    (tmp_path / ".git" / "z.yaml").write_text("tag: hidden\ntype: int")
    (tmp_path / "readme.md").write_text("no definition")
    definitions = load_folder(tmp_path)
    assert sorted(definitions.tags) == ["deep", "flat"]
    found = definitions.places.find("tag", "deep")
    assert found is not None
    assert found.file == "a/b/x.yml"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="name the folder"):
        load_folder(tmp_path / "missing")


def test_an_unknown_key_is_shown_with_the_nearest_one() -> None:
    problem = only("tag: arpu\ntype: money\nowners: finance\n")
    assert place(problem) == (3, 1)
    assert (problem.file, problem.family, problem.name, problem.path) == ("f.yaml", "tag", "arpu", "owners")
    assert (problem.code, problem.message) == (ProblemCode.UNKNOWN_KEY, "unknown key `owners`")
    assert problem.hint == "did you mean `owner`?"
    assert problem.text() == "f.yaml:3:1: unknown key `owners`; did you mean `owner`?"


def test_a_missing_key() -> None:
    problem = only("event: e\n---\ncampaign: c\ngoal: {event: e}\n")
    assert place(problem) == (4, 7)
    assert (problem.code, problem.path) == (ProblemCode.MISSING_KEY, "goal")
    assert problem.message == "the key `within` is missing here"
    assert problem.hint == "write `within:` with a duration such as 7d"


def test_a_bad_duration_deep_inside() -> None:
    problem = only("""\
        event: e
        ---
        campaign: c
        goal:
          event: e
          within: 7 days
        """)
    assert place(problem) == (6, 11)
    assert (problem.code, problem.path) == (ProblemCode.BAD_VALUE, "goal.within")
    assert problem.message == "`7 days` is not a duration"
    assert problem.hint == "write for example 15m, 24h or 7d"


@pytest.mark.parametrize(
    ("text", "where", "code", "message", "hint"),
    [
        ("tag: t\ntype: int\nmembers: video", (3, 10), "wrong_type", "expects a list, not the single value", "[video]"),
        ("policy: p\ncaps: {per: channel}", (2, 7), "wrong_type", "`caps` expects a list, not a mapping", "begin each"),
        ("offer: o\nstock: many", (2, 8), "wrong_type", "`stock` expects a whole number", ""),
        ("offer: o\ncost: 1,5", (2, 7), "bad_value", "`1,5` is not a number", ""),
        ("offer: o\ntitle: Ten", (2, 8), "wrong_type", "`title` expects a mapping with keys such as `en`, `zh`", ""),
        ("offer: o\ntitle:", (2, 7), "wrong_type", "`title` has no value", "leave the key out"),
        ("offer: o\nnote: {a: b}", (2, 7), "wrong_type", "`note` expects a text, not a mapping", "double quotes"),
        ("offer: o\nnote: [a]", (2, 7), "wrong_type", "`note` expects a text, not a list", "double quotes"),
        ("tag: t\ntype: integer", (2, 7), "bad_value", "`integer` is not a value of `type`", "did you mean `int`?"),
        (
            "touchpoint: t\ndirection: inbound",
            (2, 12),
            "bad_value",
            "`inbound` is not a value",
            "known: `both`, `in`, `out`",
        ),
        ("tag: t\ntype: int\nrange: [1]", (3, 8), "wrong_type", "expects a list of exactly 2 values", ""),
        ("tag: t\ntype: int\nrange: [1, x]", (3, 12), "bad_value", "`x` is not a number", ""),
        ("campaign: c\npaused: yes", (2, 9), "wrong_type", "`paused` expects true or false", ""),
        ("campaign: c\ncontrol: 10", (2, 10), "bad_value", "`10` is not a percentage", "10%"),
        ("campaign: c\ncontrol: [10%]", (2, 10), "wrong_type", "`control` expects a percentage", ""),
        (
            "policy: p\nquiet_hours: {from: 9pm, to: '09:00'}",
            (2, 21),
            "bad_value",
            "`9pm` is not a time of day",
            "21:00",
        ),
    ],
)
def test_wrong_values(text: str, where: tuple[int, int], code: str, message: str, hint: str) -> None:
    problem = only(text)
    assert (place(problem), problem.code.value) == (where, code)
    assert message in problem.message
    assert hint in problem.hint


def test_all_problems_of_all_files_are_found() -> None:
    bad = "offer: o\nvalu: 1\nstock: x\ncost: y\ntitle: {fr: Dix}\n---\ntag: t\ntype: nothing\n"
    loaded = load_files([("b.yaml", bad.encode()), ("a.yaml", b"offer: [")])
    assert [(p.file, p.line, p.column, p.path) for p in loaded.problems] == [
        ("a.yaml", 2, 1, ""),
        ("b.yaml", 2, 1, "valu"),
        ("b.yaml", 3, 8, "stock"),
        ("b.yaml", 4, 7, "cost"),
        ("b.yaml", 5, 9, "title.fr"),
        ("b.yaml", 8, 7, "type"),
    ]
    assert loaded.broken == {("offer", "o"), ("tag", "t")}


def test_a_name_defined_twice_is_told_with_both_places() -> None:
    loaded = load_files([("a.yaml", b"tag: x\ntype: int"), ("b.yaml", b"# second\ntag: x\ntype: bool")])
    (problem,) = loaded.problems
    assert (problem.file, *place(problem), problem.code) == ("b.yaml", 2, 6, ProblemCode.DUPLICATE_NAME)
    assert "also in a.yaml, line 1" in problem.message
    assert loaded.tags["x"].type == "int"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("tag: calls-dropped\ntype: int", "for example `calls_dropped`"),
        ("tag: Arpu\ntype: int", "for example `arpu`"),
        ("tag: 7d_calls\ntype: int", "a letter first"),
        ("campaign: spring sale", "for example `spring_sale`"),
        ("campaign: [a]", "small letters, digits, - and _"),
        ("campaign:", "a letter first"),
        (f"campaign: {'a' * 64}", "at most 63"),
    ],
)
def test_bad_names(text: str, hint: str) -> None:
    problem = only(text)
    assert problem.code is ProblemCode.BAD_NAME
    assert hint in problem.hint


def test_names_at_their_limits() -> None:
    assert load(f"campaign: a-b_c\n---\ncampaign: {'a' * 63}").problems == ()


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("campaing: x", (1, 1), "did you mean `campaign`?"),
        ("title: {en: x}\ntag: t", (1, 1), "put `tag:` first"),
        ("sandwich: x", (1, 1), "`campaign`"),
        ("just words", (1, 1), "separate definitions with ---"),
        ("[a]", (1, 2), "begin it with its kind"),
        ("[]", (1, 1), "begin it with its kind"),
    ],
)
def test_documents_that_are_no_definition(text: str, where: tuple[int, int], hint: str) -> None:
    problem = only(text)
    assert place(problem) == where
    assert hint in problem.hint


def test_sources_stay_mappings() -> None:
    loaded = load("source: crm\nkind: csv\ncolumns: {phone: msisdn}\n")
    assert loaded.problems == ()
    assert loaded.sources == {"crm": {"source": "crm", "kind": "csv", "columns": {"phone": "msisdn"}}}
    found = loaded.places.find("source", "crm", "columns.phone")
    assert found is not None
    assert (found.line, found.column) == (3, 18)


def test_a_later_problem_is_shown_at_its_word() -> None:
    loaded = load("tag: vip\nrule: >\n  spend > 5\n  AND apru > 3\n")
    problem = loaded.problem("tag", "vip", "rule", ProblemCode.UNKNOWN_NAME, "no tag `apru`", offset=14)
    assert place(problem) == (4, 7)
    assert place(loaded.problem("tag", "vip", "counter.of", ProblemCode.BAD_VALUE, "above")) == (1, 1)
    assert loaded.problem("tag", "gone", "", ProblemCode.BAD_VALUE, "nowhere").text() == "tag gone: nowhere"


def test_too_many_problems_are_cut() -> None:
    text = "\n---\n".join(f"tag: t{i}" for i in range(1_200))
    problems = load(text).problems
    assert len(problems) == 1_001
    assert problems[-1].message.startswith("1,200 problems")


_PIECES = st.sampled_from(
    ["tag", "campaign", "offer", "policy", "type", "rule", "title", "en", "int", "7d", "10%", ": ", ":\n  ", "\n", "- ", "---\n",
     "{", "}", "[", "]", ", ", "'", '"', "|\n ", ">\n ", "*a", "&a ", "!!int ", "~", "#", "流量", "\t", "\u2028", "\x00", "\r\n"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=60))
def test_whatever_stands_in_a_file_is_read_or_told(content: bytes) -> None:
    loaded = load_files([("f.yaml", content)])
    lines = content.decode(errors="replace").count("\n") + content.count(b"\r") + 4
    for problem in loaded.problems:
        assert problem.message
        assert problem.file == "f.yaml"
        assert 1 <= problem.line <= lines + content.decode(errors="replace").count("\u2028")
        assert problem.column >= 1


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="abn '\"\\\n>|#:-{", max_size=30), st.integers(0, 30), st.sampled_from(['"', "'", "|", ">", ""])
)
def test_an_offset_inside_a_text_leads_to_its_character(text: str, offset: int, style: str) -> None:
    document = yaml.dump({"tag": "t", "rule": text}, default_style=style or None, allow_unicode=True, width=12)
    loaded = load_files([("f.yaml", document.encode())])
    definition = loaded.tags.get("t")
    if (
        definition is None
        or definition.rule is None
        or offset >= len(definition.rule)
        or definition.rule[offset].isspace()
    ):
        return
    place = loaded.places.find("tag", "t", "rule", offset=offset)
    assert place is not None
    assert document.split("\n")[place.line - 1][place.column - 1] == definition.rule[offset]


def large_portfolio() -> dict[str, str]:
    events = [f"event: e{i}\ntitle: {{en: Event {i}, zh: 事件{i}}}\nproperties: {{amount: {{type: money}}, place: {{type: text}}}}"
              for i in range(112)]  # fmt: skip
    tags = [f"tag: t{i}\ntitle: {{en: Tag {i}, zh: 标签{i}}}\ncategory: a/b\n"
            f"counter: {{of: e{i % 112}, measure: sum, value: amount, over: 30d, bucket: day}}\nowner: us\nunit: CNY"
            for i in range(1_200)]  # fmt: skip
    places = ["touchpoint: sms\ndirection: out", "offer: o1", "offer: o2"]
    campaigns = [
        f"campaign: c{i}\ntitle: {{en: Campaign {i}, zh: 营销案{i}}}\naudience: t{i} > 5 AND t{i + 1} < 3\n"
        f"trigger: {{event: e{i % 112}, where: event.amount >= 5}}\ngoal: {{event: e{i % 112}, within: 7d}}\n"
        "touchpoints: [{at: sms, push: now}]\noffers: [{offer: o1, weight: 2}, {offer: o2, when: t3 > 1}]\n"
        "policy: {category: upsell, cool_down_after_refusal: 30d, budget: {contacts: 5000, money: 200.00}}\ncontrol: 10%"
        for i in range(1_000)
    ]
    parts = {"events.yaml": events, "tags.yaml": tags, "places.yaml": places, "campaigns.yaml": campaigns}
    return {name: "\n---\n".join(texts) + "\n" for name, texts in parts.items()}


def test_a_large_portfolio_is_read_whole(tmp_path: Path) -> None:
    for name, text in large_portfolio().items():
        (tmp_path / name).write_text(text)
    definitions = load_folder(tmp_path)
    assert definitions.problems == ()
    assert (len(definitions.tags), len(definitions.events), len(definitions.campaigns)) == (1_200, 112, 1_000)
