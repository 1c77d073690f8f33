"""Generated rules on generated rows: the kernel and DuckDB must say what the reference says."""

import random
from functools import cache

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from opportune.facts import Kind
from opportune.rules import Rule, RuleError, check
from tests.rules.generated import rule
from tests.rules.worlds import SCOPE, Engines, dictionary, random_row

ROWS = 60
QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


def engines(seed: int) -> Engines:
    """Rows of a seed in all engines."""
    rows, texts = _rows(seed)
    return Engines(rows, texts)


@cache
def _rows(seed: int):  # type: ignore[no-untyped-def] # a cached pair
    chance = random.Random(seed)
    return [random_row(chance) for _ in range(ROWS)], dictionary()


def checked(text: str) -> Rule:
    """The rule; generated texts that meet a declared limit are passed over, any other refusal is a fault."""
    try:
        return check(text, SCOPE, where="generated")
    except RuleError as problem:
        limits = ("decimals", "too large", "digits", "nested", "has more than", "at most")
        if all(any(word in found.message for word in limits) for found in problem.problems):
            reject()
        raise


def agree(text: str, seed: int) -> None:
    """Ask all engines."""
    found = checked(text)
    asked = engines(seed)
    wanted = asked.reference(found)
    assert asked.kernel(found) == wanted, text
    assert asked.duckdb(found) == wanted, text
    if found.type.kind is Kind.BOOL:
        assert asked.clauses(found) == [value == 1 for value in wanted], text
    if found.type.kind not in (Kind.TEXT, Kind.BOOL):
        known = [value for value in wanted if value is not None]
        assert all(found.type.low <= value <= found.type.high for value in known) or not _declared(found)


def _declared(found: Rule) -> bool:
    """Whether the bounds follow from the function table alone, so that rows beyond their columns' ranges cannot pass them."""
    return found.text.startswith(("month(", "weekday(", "local_hour(", "day_of_month(", "year("))


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(rule(3), st.integers(0, 7))
def test_engines_agree(text: str, seed: int) -> None:
    agree(text, seed)


@pytest.mark.deep
@settings(max_examples=5_000, deadline=None, suppress_health_check=QUIET)
@given(rule(4), st.integers(0, 63))
def test_engines_agree_deep(text: str, seed: int) -> None:
    agree(text, seed)
