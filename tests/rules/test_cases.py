"""The function table and tests/cases on every engine: the reference, the kernel and DuckDB."""

from typing import Any

import pytest

from opportune.facts import Kind
from opportune.rules import FUNCTIONS, Rule, check, function_table
from tests.rules.worlds import SCOPE, Engines, cases, dictionary, encode, row_of


def table_examples() -> list[dict[str, Any]]:
    """The examples of functions.json."""
    functions: Any = function_table()["functions"]
    return [example for function in functions for example in function["examples"]]


ALL = [*table_examples(), *cases("operators")]


def asked(case: dict[str, Any]) -> tuple[Rule, Engines, int | None]:
    """The case's rule, its row in all engines, and the answer wanted."""
    texts = dictionary()
    rule = check(case["rule"], SCOPE, where="case")
    wanted = encode(rule.type, case["answer"], texts)
    return rule, Engines([row_of(case["row"], texts)], texts), wanted


def named(case: dict[str, Any]) -> str:
    return f"{case['rule']} -- {case['row']}"


@pytest.mark.parametrize("case", ALL, ids=named)
def test_every_engine_answers_the_case(case: dict[str, Any]) -> None:
    rule, engines, wanted = asked(case)
    assert engines.reference(rule) == [wanted]
    assert engines.kernel(rule) == [wanted]
    assert engines.duckdb(rule) == [wanted]
    if rule.type.kind is Kind.BOOL:
        assert engines.clauses(rule) == [wanted == 1]


def test_every_function_has_a_case_with_and_without_null() -> None:
    functions: Any = function_table()["functions"]
    for function in functions:
        answers = [example["answer"] for example in function["examples"]]
        assert None in answers, function["name"]
        assert any(answer is not None for answer in answers), function["name"]
        assert all(function["name"] in example["rule"] for example in function["examples"])
        assert function["en"]
        assert function["zh"]
    assert sorted(FUNCTIONS) == [function["name"] for function in functions]
