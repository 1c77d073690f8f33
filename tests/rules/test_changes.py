"""The nearest change turns a condition's answer round, and one step less does not."""

import random

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from opportune.facts import Kind
from opportune.rules import EVENT_AT, NOW, ZONE, Ref, check, evaluate, nearest_changes
from tests.rules.generated import condition
from tests.rules.test_agreement import checked
from tests.rules.worlds import SCOPE, TABLE, TYPES, Row, dictionary, random_row, row_of


def free(ref: Ref) -> bool:
    """Everything but the clock."""
    return ref not in (NOW, EVENT_AT, ZONE)


def nearest(text: str, case: dict[str, object], *, true: bool = True) -> dict[str, int | str]:
    """The first change, by names; texts by what they say."""
    texts = dictionary()
    found = nearest_changes(check(text, SCOPE), row_of(case, texts), texts, TABLE, free, true=true)
    values = found[0].values if found else {}
    return {ref.name: texts.text(value) if TYPES[ref].kind is Kind.TEXT else value for ref, value in values.items()}


@pytest.mark.parametrize(
    ("text", "case", "wanted"),
    [
        ("arpu >= 50", {"arpu": "47.00"}, {"arpu": 5_000}),
        ("arpu > 50", {"arpu": "47.00"}, {"arpu": 5_001}),
        ("arpu BETWEEN 10 AND 20", {"arpu": "47.00"}, {"arpu": 2_000}),
        ("calls_7d <> 5", {"calls_7d": 5}, {"calls_7d": 4}),
        ("calls_7d IN (1, 9)", {"calls_7d": 7}, {"calls_7d": 9}),
        ("arpu >= 50 AND vip", {"arpu": "47.00", "vip": False}, {"arpu": 5_000, "vip": 1}),
        ("arpu >= 50 OR calls_7d >= 4", {"arpu": "1.00", "calls_7d": 3}, {"calls_7d": 4}),
        ("plan = 'gold'", {"plan": "silver"}, {"plan": "gold"}),
        ("calls_7d >= 3", {"calls_7d": None}, {"calls_7d": 3}),
        ("calls_7d > 3 AND calls_7d < 9 AND calls_7d <> 4", {"calls_7d": 0}, {"calls_7d": 5}),
        ("contains(interests, 'music')", {"interests": ["video"]}, {"interests": 3}),
        ("calls_7d * 2 >= 1000", {"calls_7d": 3}, {"calls_7d": 500}),
        ("days_since(joined) >= 30", {"joined": "2026-01-20", "now": "2026-01-31T10:00:00Z", "zone": "UTC"}, {"joined": 20_454}),
        ("vip", {"vip": True}, {}),
    ],
)  # fmt: skip
def test_the_nearest_change(text: str, case: dict[str, object], wanted: dict[str, int | str]) -> None:
    assert nearest(text, case) == wanted


def test_the_nearest_change_that_makes_it_untrue() -> None:
    assert nearest("arpu >= 50 AND calls_7d >= 3", {"arpu": "50.01", "calls_7d": 9}, true=False) == {"arpu": 4_999}


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
@given(condition(2), st.integers(0, 10_000), st.booleans())
def test_a_change_turns_the_answer_and_one_step_less_does_not(text: str, seed: int, true: bool) -> None:
    rule, texts = checked(text), dictionary()
    row: Row = random_row(random.Random(seed))
    assume((evaluate(rule, row, texts, TABLE) == 1) != true)
    changes = nearest_changes(rule, row, texts, TABLE, free, true=true)
    event(f"{min(len(changes), 3)} changes")
    for change in changes:
        assert (evaluate(rule, {**row, **change.values}, texts, TABLE) == 1) == true
    for change in changes[:1]:
        for ref, value in change.values.items():
            held = row.get(ref)
            if TYPES[ref].kind in (Kind.TEXT, Kind.SET, Kind.BOOL) or held is None or abs(value - held) == 1:
                continue
            less = {**change.values, ref: value - 1 if value > held else value + 1}
            assert (evaluate(rule, {**row, **less}, texts, TABLE) == 1) != true, (rule.text, ref, value)
