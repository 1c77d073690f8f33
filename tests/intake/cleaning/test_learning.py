"""Steps that learn from the load: exact figures, kept, and the same again from what was kept."""

import json
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.intake.cleaning.cleaned import clean, column

NUMBERS = st.lists(st.decimals(-10_000, 10_000, places=3, allow_nan=False), min_size=1, max_size=60)


def again(text: str, rows: list[dict[str, Any]]) -> None:
    """What was learnt goes through JSON, and cleans the load to the same rows."""
    first = clean(text, rows)
    kept = json.loads(json.dumps(first.recipe.statistics))
    second = clean(text, rows, kept)
    assert (second.rows, second.verdicts, second.counts) == (first.rows, first.verdicts, first.counts)


@pytest.mark.parametrize(
    ("fill", "wanted"), [("mean", "2.33"), ("median", "2"), ("mode", "1")]
)  # fmt: skip
def test_missing_values_by_a_figure_of_the_load(fill: str, wanted: str) -> None:
    given_values = ["1", None, "1", "2", "3", "3", "4", None]
    text = f"[{{missing: {{fields: x, fill: {fill}}}}}]"
    found = column(text, given_values)
    assert (
        found == ["1", wanted, "1", "2", "3", "3", "4", wanted]
        if fill != "median"
        else ["1", "2.5", "1", "2", "3", "3", "4", "2.5"]
    )
    again(text, [{"x": value} for value in given_values])


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_the_mean_and_the_median_are_those_of_the_statistics_module(values: list[Any]) -> None:
    texts: list[Any] = [str(value) for value in values]
    exact = [Fraction(value) for value in values]
    for fill, reference in (("mean", statistics.mean(exact)), ("median", statistics.median(exact))):
        found = column(f"[{{missing: {{fields: x, fill: {fill}, digits: '9'}}}}]", [*texts, None])[-1]
        assert abs(Fraction(found) - reference) <= Fraction(1, 2 * 10**9)


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_the_bounds_by_quartiles_and_by_deviation_are_numpys(values: list[Any]) -> None:
    texts: list[Any] = [str(value) for value in values]
    floats = [float(value) for value in values]
    low, high = np.quantile(floats, [0.25, 0.75])
    spread = 1.5 * (high - low)
    for by, bottom, top in (
        ("iqr", low - spread, high + spread),
        ("z_score", np.mean(floats) - 3 * np.std(floats), np.mean(floats) + 3 * np.std(floats)),
    ):
        done = clean(f"[{{outliers: {{fields: x, by: {by}}}}}]", [{"x": text} for text in texts])
        bounds = [float(Fraction(bound)) for bound in done.recipe.statistics[0]["x"]]  # type: ignore[index]  # the step has learnt
        assert bounds == pytest.approx([bottom, top], abs=1e-6)


def test_outliers_are_capped_emptied_left_out_or_refused() -> None:
    values: list[Any] = [str(n) for n in range(1, 20)] + ["1000"]
    assert column("[{outliers: {fields: x, by: iqr}}]", values)[-1] == "29.5"
    assert column("[{outliers: {fields: x, by: iqr, then: missing}}]", values)[-1] is None
    assert (
        clean("[{outliers: {fields: x, by: z_score, then: leave_out}}]", [{"x": value} for value in values]).verdicts[
            -1
        ]
        == "LEFT_OUT"
    )
    assert (
        clean(
            "[{outliers: {fields: x, by: bounds, high: '19', then: quarantine}}]", [{"x": v} for v in values]
        ).verdicts[-1]
        == "REFUSED"
    )
    assert column("[{outliers: {fields: x, by: bounds, low: '3', high: '500'}}]", ["1", "3", "501", "x"]) == [
        "3",
        "3",
        "500",
        "x",
    ]
    again("[{outliers: {fields: x, by: iqr}}]", [{"x": value} for value in values])


def test_scales_are_centred_or_from_nought_to_one() -> None:
    values: list[Any] = ["2", "4", "4", "4", "5", "5", "7", "9"]
    assert column("[{scale: {field: x, by: z_score, digits: '2'}}]", values) == [
        "-1.5",
        "-0.5",
        "-0.5",
        "-0.5",
        "0",
        "0",
        "1",
        "2",
    ]
    assert column("[{scale: {field: x, by: min_max}}]", values)[:2] == ["0", "0.285714"]
    assert column("[{scale: {field: x, by: z_score}}]", ["3", "3"]) == ["0", "0"]
    done = clean("[{scale: {field: x, by: min_max, into: y}}]", [{"x": "1"}, {"x": "3"}, {}])
    assert done.rows == [{"x": "1", "y": "0"}, {"x": "3", "y": "1"}, {}]
    again("[{scale: {field: x, by: z_score, into: y}}]", [{"x": value} for value in values])


def test_a_step_learns_from_what_the_steps_before_leave() -> None:
    text = """
- type: {fields: x, to: int, else: leave_out}
- outliers: {fields: x, by: bounds, high: "10", then: leave_out}
- missing: {fields: x, fill: mean}
"""
    done = clean(text, [{"x": "2"}, {"x": "4"}, {"x": "1000"}, {"x": "bad"}, {}])
    assert done.rows == [{"x": "2"}, {"x": "4"}, {"x": "3"}]


def test_a_regression_and_neighbours_fill_what_is_missing_from_other_fields() -> None:
    rows: list[dict[str, Any]] = [
        {"a": n, "b": 2 * n, "x": str(3 * n + 1), "town": "north" if n < 10 else "south"} for n in range(20)
    ]
    rows += [{"a": 30, "b": 60}, {"a": 2, "b": 4}, {"a": 1}]
    linear = "[{missing: {fields: x, fill: linear, from: [a, b]}}]"
    assert [row.get("x") for row in clean(linear, rows).rows[20:]] == ["91", "7", None]
    again(linear, rows)
    near = "[{missing: {fields: town, fill: neighbours, from: [a, b]}}]"
    assert [row.get("town") for row in clean(near, rows).rows[20:]] == ["south", "north", None]
    assert clean("[{missing: {fields: x, fill: neighbours, from: [a], digits: '1'}}]", rows).rows[21]["x"] == "7"
    again(near, rows)
    with pytest.raises(ValueError, match="take `neighbours`"):
        clean("[{missing: {fields: town, fill: linear, from: [a]}}]", rows)
