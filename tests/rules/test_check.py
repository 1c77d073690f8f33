"""What the checker accepts, what it refuses, and how it tells the author."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.facts import Kind, value_type
from opportune.rules import (
    NOW,
    RULE_CHARS_MAX,
    RULE_DEPTH_MAX,
    ZONE,
    Ref,
    RuleError,
    RuleErrors,
    Scope,
    check,
    check_condition,
)
from opportune.rules.tree import Not, Range
from tests.rules.worlds import SCOPE


def refused(text: str, scope: Scope = SCOPE) -> RuleError:
    """The problem that `text` has."""
    with pytest.raises(RuleError) as caught:
        check_condition(text, scope, where="audience of spring")
    return caught.value


def place(problem: RuleError) -> str:
    """The part of the text that the problem points at."""
    return problem.text[problem.start : problem.end]


@pytest.mark.parametrize(
    ("text", "code", "at", "hint"),
    [
        ("arpuu > 3", "unknown_name", "arpuu", "did you mean `arpu`?"),
        ("ARPU > 3", "unknown_name", "ARPU", "did you mean `arpu`?"),
        ("event.amout > 3", "unknown_name", "event.amout", "did you mean `amount`?"),
        ("amount > 3", "unknown_name", "amount", "did you mean `event.amount`?"),
        ("at > last_seen", "unknown_name", "at", "did you mean `event.at`?"),
        ("profile.arpu > 3", "unknown_name", "profile.arpu", "tags are named alone, properties as event.name"),
        ("arpu > 'much'", "type", "arpu > 'much'", ""),
        ("arpu > '80'", "type", "arpu > '80'", "write the number without quotes: 80"),
        ("plan = 3", "type", "plan = 3", "write it in quotes: '3'"),
        ("plan > city", "type", "plan > city", "two texts are only compared by = and <>"),
        ("vip > FALSE", "type", "vip", "use = or <>"),
        ("vip = 1", "type", "vip = 1", "a yes-or-no value stands alone, or with NOT"),
        ("arpu", "type", "arpu", "compare it, such as `... > 0`"),
        ("arpu AND vip", "type", "arpu", "compare it, such as `... > 0`"),
        ("NOT arpu", "type", "arpu", "compare it, such as `... > 0`"),
        ("birthday > last_seen", "type", "birthday > last_seen", "turn the moment into a day with local_date(...)"),
        ("last_seen - now > 3", "type", "last_seen - now", "use days_since(...) or hours_since(...)"),
        ("plan + 1 > 2", "type", "plan + 1", ""),
        ("-plan = 'x'", "type", "plan", ""),
        ("order_no = 'A1'", "type", "order_no = 'A1'", "a key (such as an order number) can only be tested with IS NULL"),
        ("interests = 'video'", "type", "interests = 'video'", "write contains(tag, 'member')"),
        ("contains(plan, 'video')", "type", "plan", ""),
        ("contains(interests, 'vidoe')", "literal", "'vidoe'", "did you mean `video`?"),
        ("contains(interests, plan)", "type", "plan", ""),
        ("local_hour(birthday) > 3", "type", "birthday", "a date has no hour"),
        ("local_date(birthday) = '2026-01-01'", "type", "birthday", "it is a date already"),
        ("days_since(arpu) > 3", "type", "arpu", "for example now or event.at"),
        ("days_since('2026-01-31') > 3", "type", "'2026-01-31'", "write DATE '2026-01-31'"),
        ("abs(plan) > 3", "type", "plan", ""),
        ("least(plan, city) = 'x'", "type", "least(plan, city", ""),
        ("coalesce(plan, arpu) = 'x'", "type", "arpu", ""),
        ("coalesce(NULL, NULL) = 1", "type", "coalesce", ""),
        ("arpu LIKE '1%'", "type", "arpu LIKE '1%'", ""),
        ("plan LIKE city", "type", "plan LIKE city", ""),
        ("birthday > '2026-02-30'", "literal", "birthday > '2026-02-30'", ""),
        ("last_seen > '2026-01-31'", "literal", "last_seen > '2026-01-31'", "for whole days compare local_date(...)"),
        ("last_seen > TIMESTAMP '2026-01-31 25:00'", "literal", "'2026-01-31 25:00'", ""),
        ("calls_7d > 1e5", "literal", "1e5", "write the digits, such as 1000 or 0.5"),
        ("calls_7d > 1_000", "literal", "1_000", "write the digits, such as 1000 or 0.5"),
        ("calls_7d = NULL", "null_compare", "calls_7d", "write IS NULL or IS NOT NULL"),
        ("calls_7d IN (1, NULL)", "null_compare", "calls_7d IN (1", "add `OR ... IS NULL`"),
        ("calls_7d BETWEEN NULL AND 3", "null_compare", "calls_7d BETWEEN NULL AND 3", "leave that bound out"),
        ("calls_7d IN ()", "syntax", "calls_7d", ""),
        ("calls_7d >", "syntax", ">", ""),
        ("(calls_7d > 3", "syntax", "3", ""),
        ("plan = 'gold", "syntax", "plan = 'gold", "a text that is opened with ' must be closed with '"),
        ("   ", "syntax", "", "write a condition such as `arpu > 80`"),
        ("calls_7d > 3 b", "not_allowed", "calls_7d > 3 b", ""),
        ("round(arpu) > 3", "not_allowed", "round", ""),
        ("locl_hour(now) > 3", "not_allowed", "locl_hour", "did you mean `local_hour`?"),
        ("count() > 3", "not_allowed", "count", ""),
        ("read_csv('/etc/passwd')", "not_allowed", "read_csv", ""),
        ("calls_7d IN (SELECT 1)", "not_allowed", "SELECT", ""),
        ("EXISTS (SELECT 1)", "not_allowed", "EXISTS", ""),
        ("calls_7d > 1; DROP TABLE x", "not_allowed", ";", "a rule is one expression"),
        ("calls_7d > 1 -- OR TRUE", "not_allowed", "-- OR TRUE", ""),
        ("calls_7d > /* 5 */ 1", "not_allowed", "/* 5 */ ", ""),
        ("calls_7d::text = '1'", "not_allowed", "::", "types follow from the catalogue"),
        ("CAST(calls_7d AS text) = '1'", "not_allowed", "calls_7d", "types follow from the catalogue"),
        ("DATE(plan) = '2026-01-01'", "not_allowed", "DATE", ""),
        ("calls_7d % 2 = 1", "not_allowed", "%", "there is no remainder"),
        ("calls_7d = $1", "not_allowed", "$", ""),
        ("calls_7d = ?", "not_allowed", "?", ""),
        ("@calls_7d = 1", "not_allowed", "@", ""),
        ("plan ILIKE 'G%'", "not_allowed", "plan ILIKE 'G%'", "LIKE tells upper from lower case; name the texts with IN"),
        ("plan LIKE 'a!%' ESCAPE '!'", "not_allowed", "plan LIKE 'a!%' ESCAPE '!'", ""),
        ("plan LIKE ANY ('a', 'b')", "type", "plan LIKE ANY ('a', 'b'", ""),
        ("if(vip, 1, 2) > 1", "not_allowed", "vip, 1, 2", ""),
        ("calls_7d IS DISTINCT FROM 1", "not_allowed", "FROM", ""),
        ("calls_7d BETWEEN SYMMETRIC 1 AND 2", "not_allowed", "calls_7d BETWEEN SYMMETRIC 1 AND 2", ""),
        ("local_hour(now) OVER () > 1", "not_allowed", "OVER", ""),
        ("a.b.c > 1", "not_allowed", "a.b.c", ""),
        ("* > 1", "not_allowed", "*", "name the tag"),
        ("plan || city = 'x'", "not_allowed", "||", ""),
        ("plan = 'a' 'b'", "not_allowed", "'a'", ""),
        ("plan = E'a'", "not_allowed", "E'a'", ""),
        ("plan = $$gold$$", "not_allowed", "$$gold$$", ""),
        ("abs(DISTINCT calls_7d) > 1", "not_allowed", "calls_7d", ""),
        ("current_date > birthday", "not_allowed", "current_date", "write local_date(now)"),
        ("arpu * score * score * score > 1", "type", "arpu * score * score * score", "use fewer decimals"),
        ("arpu + 0.1234567891 > 1", "literal", "arpu + 0.1234567891", ""),
        ("coalesce() > 1", "syntax", ")", ""),
        ("local_hour() > 1", "arguments", "local_hour", "write local_hour(x)"),
        ("contains(interests)", "syntax", ")", ""),
        ("tag: vip_tag\nrule: arpu > 3", "not_allowed", ":", ""),
        ("{a: b}", "not_allowed", "{", ""),
        ("- x\n- y", "unknown_name", "x", ""),
        ("!!python/object:os.system", "not_allowed", "!", ""),
    ],
)  # fmt: skip
def test_refusals_name_the_place_and_the_way_out(text: str, code: str, at: str, hint: str) -> None:
    problem = refused(text).problems[0]
    assert (problem.code, place(problem)) == (code, at)
    if hint:
        assert problem.hint == hint


def test_several_problems_are_told_at_once_in_the_order_of_the_text() -> None:
    found = refused("arpuu > 3 AND (vip OR plam = 'gold') AND foo(arpu) > 1")
    assert isinstance(found, RuleErrors)
    assert [place(problem) for problem in found.problems] == ["arpuu", "plam", "foo"]
    assert str(found).count("^") == len("arpuu") + len("plam") + len("foo")


def test_a_problem_is_shown_with_a_caret_line() -> None:
    assert str(refused("vip AND\n  arpuu < 3")) == (
        "audience of spring: no tag `arpuu`\n    arpuu < 3\n    ^^^^^\nhint: did you mean `arpu`?"
    )


def test_the_caret_stands_under_wide_characters() -> None:
    problem = refused("plan = '金卡' AND 流量 > 3")
    lines = str(problem).splitlines()
    assert lines[1:3] == ["  plan = '金卡' AND 流量 > 3", "  " + " " * 18 + "^^^^"]


def test_long_and_deep_rules_are_refused() -> None:
    assert refused("vip OR " * 700 + "vip").code == "too_long"
    assert refused("vip OR " * (RULE_CHARS_MAX // 7 - 10) + "vip").code == "too_long"
    assert refused("(" * (RULE_DEPTH_MAX + 1) + "vip" + ")" * (RULE_DEPTH_MAX + 1)).code == "too_deep"
    assert refused("NOT " * (RULE_DEPTH_MAX + 1) + "vip").code == "too_deep"
    assert refused("- " * (RULE_DEPTH_MAX + 1) + "arpu > 1").code == "too_deep"
    assert refused("+".join(["calls_7d"] * 60) + " > 1").code == "too_deep"
    doubled = "calls_7d"
    for _ in range(12):
        doubled = f"CASE {doubled} WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 0 END"
    assert refused(f"{doubled} = 1").code == "too_deep"


def test_rules_up_to_the_limits_are_accepted() -> None:
    assert check("(" * (RULE_DEPTH_MAX - 1) + "vip" + ")" * (RULE_DEPTH_MAX - 1), SCOPE).refs == (Ref("tag", "vip"),)
    many = check(" OR ".join(f"calls_7d = {n}" for n in range(150)), SCOPE)
    assert many.type.kind is Kind.BOOL
    assert check("+".join(["calls_7d"] * 40), SCOPE).type.kind is Kind.INT


def test_a_rule_without_event_cannot_name_one() -> None:
    problem = refused("event.amount > 3", Scope(SCOPE.tags))
    assert problem.message == "`event.amount` is used, but no event triggers this rule"


def test_what_a_rule_reads() -> None:
    assert check("arpu > 80 AND event.amount > arpu", SCOPE).refs == (Ref("event", "amount"), Ref("tag", "arpu"))
    assert check("hours_since(last_seen) > 3", SCOPE).refs == (NOW, Ref("tag", "last_seen"))
    assert check("days_since(birthday) > 3", SCOPE).refs == (NOW, ZONE, Ref("tag", "birthday"))
    assert check("month(birthday) = 3", SCOPE).refs == (Ref("tag", "birthday"),)
    assert check("month(event.at) = 3", SCOPE).refs == (ZONE, Ref("event", "at"))


@pytest.mark.parametrize(
    ("text", "kind", "scale", "low", "high"),
    [
        ("arpu + 1", Kind.MONEY, 2, None, None),
        ("arpu + spend_30d", Kind.MONEY, 2, None, None),
        ("arpu * 3", Kind.MONEY, 2, None, None),
        ("arpu * 1.5", Kind.DECIMAL, 3, None, None),
        ("arpu / spend_30d", Kind.DECIMAL, 2, None, None),
        ("arpu / calls_7d", Kind.MONEY, 2, None, None),
        ("arpu * spend_30d", Kind.DECIMAL, 4, None, None),
        ("calls_7d / data_mb", Kind.INT, 0, None, None),
        ("coalesce(calls_7d, 0.5)", Kind.DECIMAL, 1, None, None),
        ("coalesce(arpu, 0.005)", Kind.DECIMAL, 3, None, None),
        ("CASE WHEN vip THEN 1 ELSE 3 END", Kind.INT, 0, 1, 3),
        ("CASE WHEN vip THEN 0.5 END", Kind.DECIMAL, 1, 5, 5),
        ("local_hour(now)", Kind.INT, 0, 0, 23),
        ("weekday(now) + 1", Kind.INT, 0, 2, 8),
        ("least(local_hour(now), 5)", Kind.INT, 0, 0, 23),
        ("local_date(now)", Kind.DATE, 0, None, None),
        ("joined + 30", Kind.DATE, 0, None, None),
        ("birthday - joined", Kind.INT, 0, None, None),
        ("coalesce(plan, 'x')", Kind.TEXT, 0, None, None),
        ("greatest(last_seen, event.at)", Kind.TIMESTAMP, 0, None, None),
        ("NOT vip", Kind.BOOL, 0, 0, 1),
    ],
)
def test_the_type_of_a_rule(text: str, kind: Kind, scale: int, low: int | None, high: int | None) -> None:
    found = check(text, SCOPE).type
    assert (found.kind, found.scale) == (kind, scale)
    assert low is None or found.low == low
    assert high is None or found.high == high


def test_names_in_quotes_and_tags_called_like_functions() -> None:
    scope = Scope({"now": value_type(Kind.INT), "month": value_type(Kind.INT), "my tag": value_type(Kind.BOOL)})
    assert check('"now" > 3 AND month > 5 AND "my tag"', scope).refs == (
        Ref("tag", "month"),
        Ref("tag", "my tag"),
        Ref("tag", "now"),
    )
    assert check("month(now) = 5", scope).refs == (NOW, ZONE)


def test_literals_keep_their_exact_meaning_at_the_columns_scale() -> None:
    def bounds(text: str) -> tuple[int, int]:
        tree = check(text, SCOPE).tree
        assert isinstance(tree, Range)
        return tree.low, tree.high

    assert bounds("arpu > 1.005")[0] == 101
    assert bounds("arpu >= 1.01")[0] == 101
    assert bounds("arpu < 1.005")[1] == 100
    assert bounds("arpu <= -1.005")[1] == -101
    assert bounds("1.005 > arpu")[1] == 100
    assert bounds("arpu = 1.005") == (1, 0)
    assert bounds("arpu BETWEEN 1.001 AND 1.999") == (101, 199)
    assert bounds("calls_7d >= 9223372036854775808") == (1, 0)


def test_double_negation_and_not_bind_as_in_sql() -> None:
    tree = check("NOT calls_7d = 3", SCOPE).tree
    assert isinstance(tree, Not)
    assert isinstance(tree.operand, Range)
    assert check("NOT vip AND churned", SCOPE).tree == check("(NOT vip) AND churned", SCOPE).tree
    assert check("vip OR churned AND vip", SCOPE).tree == check("vip OR (churned AND vip)", SCOPE).tree
    assert check("1 + 2 * 3 = 7", SCOPE).tree == check("(1 + (2 * 3)) = 7", SCOPE).tree
    assert check("8 - 2 - 1 = 5", SCOPE).tree == check("((8 - 2) - 1) = 5", SCOPE).tree


WORDS = [
    "arpu", "vip", "plan", "event", ".", "amount", "now", "(", ")", ",", "'x'", "3", "0.5", "=", "<", ">=", "+", "-", "*", "/",
    "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS", "NULL", "TRUE", "CASE", "WHEN", "THEN", "ELSE", "END", "coalesce", "abs",
    "DATE", "TIMESTAMP", "INTERVAL", "GROUP BY", "LIMIT", "LEFT", "JOIN", "COLUMNS", "TRY", "STRUCT", "ROW", "LATERAL", "::",
    "[", "]", "{", "}", ":", ";", "?", "%", "||", "->", "'", '"', "--", "/*", "\n", "\x00", "卡", "=>", ":=", "**", "//", "!",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_rule_or_is_refused_with_its_place(text: str) -> None:
    try:
        rule = check(text, SCOPE, where="fuzz")
    except RuleError as found:
        for problem in found.problems:
            assert 0 <= problem.start <= problem.end <= len(text)
            assert problem.message
            assert str(problem).startswith("fuzz: ")
    else:
        assert rule.text == text
