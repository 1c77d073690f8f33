"""What is called never true holds for no row, what is called always true for all; case by case, and by generated rules and rows."""

import random
from functools import cache

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from opportune.facts import Kind, value_type
from opportune.rules import Rule, Scope, Verdict, check, evaluate, verdict, written_out
from tests.rules.generated import condition
from tests.rules.test_agreement import checked
from tests.rules.worlds import EVENT, TABLE, TAGS, Row, dictionary, random_row

RANGED = {
    **TAGS,
    "age": value_type(Kind.INT, 0, 0, 120),
    "share": value_type(Kind.DECIMAL, 2, 0, 10_000),
}
SCOPE = Scope(RANGED, EVENT, 2, "Asia/Shanghai")


def said(text: str) -> Verdict | None:
    """The verdict of a text."""
    return verdict(check(text, SCOPE))


@pytest.mark.parametrize(
    "text",
    [
        "calls_7d = 1 AND calls_7d = 2",
        "calls_7d > 5 AND calls_7d < 3",
        "calls_7d BETWEEN 5 AND 3",
        "age > 120",
        "age IN (130, 140)",
        "share > 100.00",
        "share = 0.005",
        "(calls_7d > 5 AND vip) AND (calls_7d < 3 OR NOT vip)",
        "(calls_7d = 1 OR calls_7d = 2) AND (calls_7d = 3 OR calls_7d = 4)",
        "plan = 'gold' AND plan = 'silver'",
        "plan IN ('a', 'b', 'c', 'd', 'e', 'f', 'g') AND plan = 'h'",
        "vip AND NOT vip",
        "contains(interests, 'video') AND NOT contains(interests, 'video')",
        "calls_7d IS NULL AND calls_7d > 3",
        "birthday > DATE '2026-01-02' AND birthday < DATE '2026-01-01'",
        "local_hour(now) = 24",
        "age + age > 240",
        "FALSE",
        "vip AND FALSE",
    ],
)
def test_what_is_never_true(text: str) -> None:
    assert said(text) is Verdict.NEVER


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("TRUE", Verdict.ALWAYS),
        ("calls_7d IS NULL OR calls_7d > 3 OR calls_7d <= 3", Verdict.ALWAYS),
        ("vip OR TRUE", Verdict.ALWAYS),
        ("calls_7d > 3 OR calls_7d <= 3", Verdict.ALWAYS_WHERE_KNOWN),
        ("age >= 0", Verdict.ALWAYS_WHERE_KNOWN),
        ("age <> 200", Verdict.ALWAYS_WHERE_KNOWN),
        ("vip OR NOT vip", Verdict.ALWAYS_WHERE_KNOWN),
        ("plan <> 'gold' OR plan <> 'silver'", Verdict.ALWAYS_WHERE_KNOWN),
    ],
)
def test_what_is_always_true(text: str, found: Verdict) -> None:
    assert said(text) is found


@pytest.mark.parametrize(
    "text",
    [
        "calls_7d > 3",
        "calls_7d IS NOT NULL",
        "age BETWEEN 18 AND 120",
        "plan LIKE 'a%' AND plan LIKE 'b%'",
        "calls_7d > 3 AND data_mb < 3",
        "contains(interests, 'video') AND NOT contains(interests, 'music')",
        "calls_7d / data_mb >= 0",
        "calls_7d > 5 OR calls_7d < 3",
    ],
)
def test_what_depends_is_left_alone(text: str) -> None:
    assert said(text) is None


def test_rule_tags_are_written_out() -> None:
    heavy = check("data_mb > 100", SCOPE)
    scope = Scope({**RANGED, "heavy": heavy.type}, EVENT, 2, "UTC")
    rule = check("heavy AND data_mb < 50", scope)
    assert verdict(rule) is None
    assert verdict(written_out(rule, {"heavy": heavy})) is Verdict.NEVER


@cache
def _rows() -> list[Row]:
    chance = random.Random(11)
    return [random_row(chance) for _ in range(150)]


def answers(rule: Rule) -> list[tuple[int | None, bool]]:
    """Each row's answer, and whether all that the rule reads is known of it."""
    texts = dictionary()
    return [(evaluate(rule, row, texts, TABLE), all(row.get(ref) is not None for ref in rule.refs)) for row in _rows()]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(condition(2), st.sampled_from(["{0}", "({0}) AND ({1})", "({0}) OR ({1})", "({0}) AND NOT ({0})", "({0}) OR NOT ({0})"]), condition(1))  # fmt: skip
def test_a_verdict_holds_for_every_row(first: str, form: str, second: str) -> None:
    rule = checked(form.format(first, second))
    found = verdict(rule)
    event(str(found))
    for answer, known in answers(rule):
        if found is Verdict.NEVER:
            assert answer != 1, rule.text
        elif found is Verdict.ALWAYS or (found is Verdict.ALWAYS_WHERE_KNOWN and known):
            assert answer == 1, rule.text


LEAVES = st.builds(
    "{} {} {}".format,
    st.sampled_from(["calls_7d", "data_mb"]), st.sampled_from(["=", "<>", "<", ">="]), st.integers(-3, 3),
)  # fmt: skip
SMALL = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(SMALL)
def test_nothing_certain_is_missed_where_all_is_plain(text: str) -> None:
    """Over two columns and small numbers every row can be asked: the verdict says exactly what they all say."""
    rule = check(text, SCOPE)
    values = [None, *range(-5, 6)]
    texts = dictionary()
    asked = {
        (a, b): evaluate(rule, {ref: (a if ref.name == "calls_7d" else b) for ref in rule.refs}, texts, TABLE)
        for a in values
        for b in values
    }
    known = [answer for (a, b), answer in asked.items() if a is not None and b is not None]
    if 1 not in asked.values():
        assert verdict(rule) is Verdict.NEVER
    elif set(asked.values()) == {1}:
        assert verdict(rule) is Verdict.ALWAYS
    elif set(known) == {1}:
        assert verdict(rule) is Verdict.ALWAYS_WHERE_KNOWN
    else:
        assert verdict(rule) is None
