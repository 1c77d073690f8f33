"""Steps on single values: what they make of clean, dirty and hopeless ones, and that they count it."""

from typing import Any

import pytest

from opportune.intake.cleaning import Recipe, duplicates
from tests.intake.cleaning.cleaned import clean, column, steps


@pytest.mark.parametrize(
    ("step", "given", "wanted"),
    [
        ("trim: x", ["  a   b ", "　张　三　", "   ", "c"], ["a b", "张 三", None, "c"]),
        ("case: {fields: x, to: lower}", ["ABC", "dé"], ["abc", "dé"]),
        ("case: {fields: x, to: title}", ["new YORK"], ["New York"]),
        ("type: {fields: x, to: int}", ["12", "1,234", 7, "12.0", "12.5", "abc", "", "１２"], ["12", "1234", 7, "12", None, None, None, None]),
        ("type: {fields: x, to: decimal}", ["1,234.50", "-.5", "1e3", "NaN", "1e999", "0.10"], ["1234.5", "-0.5", "1000", None, None, "0.1"]),
        ("type: {fields: x, to: bool}", ["Yes", "0", "是", "perhaps", True], ["true", "false", "true", None, True]),
        ("type: {fields: x, to: int, else: missing}", ["x", "1"], [None, "1"]),
        ("type: {fields: x, to: int, else: keep}", ["x", "1"], ["x", "1"]),
        ("phone: {fields: x, region: CN}", ["138 0013 8000", "+44 20 7946 0018", "１３８００１３８０００", "12", "call me"],
         ["+8613800138000", "+442079460018", "+8613800138000", None, None]),
        ("email: {fields: x}", [" Jo.Do@Example.COM ", "mailto:a@b.cn", "a@b", "a b@c.de", "@x.de"], ["Jo.Do@example.com", "a@b.cn", None, None, None]),
        ("date: {fields: x, formats: ['%d/%m/%Y', '%Y%m%d', '%Y-%m-%d %H:%M']}", ["31/12/2026", "20260229", "20240229", "2026-01-02 03:04"],
         ["2026-12-31", None, "2024-02-29", "2026-01-02T03:04:00.000"]),
        ("unit: {fields: x, from: lb, to: kg}", ["1", "2.5", "x"], ["0.454", "1.134", None]),
        ("unit: {fields: x, from: fen, to: yuan, digits: 2}", ["1050", "-5"], ["10.5", "-0.05"]),
        ("map: {fields: x, values: {M: male, F: female, '?': ''}}", ["M", "F", "?", "D"], ["male", "female", None, "D"]),
        ("map: {fields: x, values: {M: male}, else: quarantine}", ["M", "D"], ["male", None]),
        ("valid: {fields: x, above: '0', at_most: '10'}", ["0", "0.01", "10", "10.1", "x"], [None, "0.01", "10", None, None]),
        ("valid: {fields: x, pattern: '[A-Z]{2}', else: missing}", ["AB", "ABC", "ab"], ["AB", None, None]),
        ("valid: {fields: x, one_of: [a, b], else: leave_out}", ["a", "c"], ["a", None]),
        ("missing: {fields: x, fill: constant, value: none, texts: ['n/a', '118']}", ["n/a", 118, "119", None], ["none", "none", "119", "none"]),
        ("missing: {fields: x, texts: ['-']}", ["-", "a"], [None, "a"]),
    ],
)  # fmt: skip
def test_a_step_makes_of_values(step: str, given: list[Any], wanted: list[Any]) -> None:
    assert column(f"[{{{step}}}]", given) == wanted


def test_every_step_counts_what_it_changed_left_out_and_refused() -> None:
    text = """
- trim: name
- type: {fields: age, to: int}
- {name: adults, valid: {fields: age, at_least: "18", else: leave_out}}
"""
    rows = [
        {"name": " a", "age": "20"},
        {"name": "b", "age": "x"},
        {"name": "c ", "age": "3"},
        {"name": "d", "age": "40"},
    ]
    done = clean(text, rows)
    assert done.verdicts == ["CHANGED", "REFUSED", "LEFT_OUT", "SAME"]
    assert done.counts == [(2, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert [one.step for one in done.recipe.counts] == ["trim name", "type age", "adults"]


def test_parts_and_products_stand_in_fields_of_their_own() -> None:
    text = """
- take: {field: no, pattern: "^(C)\\\\d", into: kind}
- product: {of: [n, price], into: amount}
"""
    rows: list[dict[str, Any]] = [
        {"no": "C12", "n": 3, "price": 0.1},
        {"no": "12", "n": "-2", "price": "1.005"},
        {"no": "CX", "n": None, "price": 1},
    ]
    assert clean(text, rows).rows == [
        {"no": "C12", "n": 3, "price": 0.1, "kind": "C", "amount": "0.3"},
        {"no": "12", "n": "-2", "price": "1.005", "amount": "-2.01"},
        {"no": "CX", "price": 1},
    ]


def test_duplicates_by_key_and_altogether() -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "a": "x"}, {"a": "x", "id": 1}, {"id": 1, "a": "y"}, {"a": "z"}, {"a": "w"}]
    assert clean("[{duplicates: {}}]", rows).verdicts == ["SAME", "LEFT_OUT", "SAME", "SAME", "SAME"]
    assert clean("[{duplicates: {by: [id], else: quarantine}}]", rows).verdicts == [
        "SAME",
        "REFUSED",
        "REFUSED",
        "SAME",
        "SAME",
    ]


def test_duplicates_that_are_nearly_alike() -> None:
    rows: list[dict[str, Any]] = [
        {"post": "2600", "name": "Anna Müller", "street": "12 Rawsthorne Street"},
        {"post": "2600", "name": "ANNA MULLER", "street": "12, Rawsthorne Streeet"},  # one letter too many
        {"post": "2600", "name": "Anna Muelner", "street": "12 Rawsthorne Street"},  # two of twelve letters
        {"post": "2601", "name": "Anna Müller", "street": "12 Rawsthorne Street"},  # equal, elsewhere
        {"post": "2600", "name": "Anna Müller"},  # one without a street is not like one with
        {"name": "Anna Müller"},
        {"post": "2600", "street": None},
    ]
    text = "[{duplicates: {by: [post], alike: {name: 90%, street: 90%}}}]"
    done = clean(text, rows)
    assert done.verdicts == ["SAME", "LEFT_OUT", "SAME", "SAME", "SAME", "SAME", "SAME"]
    assert done.counts == [(0, 1, 0)]
    assert done.recipe.counts[0].step == "duplicates post name street"
    loose = "[{duplicates: {by: [post], alike: {name: 83%}, else: quarantine}}]"
    assert clean(loose, rows).verdicts == ["SAME", "REFUSED", "REFUSED", "SAME", "REFUSED", "SAME", "SAME"]
    exact = "[{duplicates: {alike: {name: 100%}}}]"
    assert clean(exact, rows).verdicts == ["SAME", "LEFT_OUT", "SAME", "LEFT_OUT", "LEFT_OUT", "LEFT_OUT", "SAME"]


def test_duplicates_that_are_nearly_alike_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "COMPARED_MAX", 3)
    rows = [{"post": "1", "name": name * 3} for name in "abcd"]
    with pytest.raises(OverflowError, match="more than 3 rows are equal"):
        clean("[{duplicates: {by: [post], alike: {name: 90%}}}]", rows)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[{duplicates: {alike: {x: 0%}}}]", "above 0"),
        ("[{trim: x, case: {fields: x, to: lower}}]", "one of"),
        ("[{name: nothing}]", "one of"),
        ("[{take: {field: x, pattern: '(', into: y}}]", r"clean\[0\].*regular expression"),
        ("[{valid: {fields: x}}]", "say one_of"),
        ("[{unit: {fields: x, from: kg, to: m}}]", "mass"),
        ("[{unit: {fields: x, from: stone, to: kg}}]", "no unit"),
        ("[{phone: {fields: x, region: XX}}]", "no region"),
        ("[{missing: {fields: x, fill: constant}}]", "`value`"),
        ("[{missing: {fields: x, fill: linear}}]", "`from`"),
        ("[{missing: {fields: [x, y], fill: neighbours, from: [z]}}]", "one field"),
        ("[{outliers: {fields: x, by: iqr, low: '1'}}]", "`low`"),
    ],
)
def test_a_step_that_contradicts_itself_is_refused(text: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        Recipe(steps(text))
