"""Wilson's and Newcombe's intervals against the published examples."""

import pytest

from opportune.operations.lift import lift, wilson


@pytest.mark.parametrize(
    ("hits", "of", "control_hits", "control_of", "low", "high"),
    [  # Newcombe (1998), table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_the_examples_of_the_paper(
    hits: int, of: int, control_hits: int, control_of: int, low: float, high: float
) -> None:
    found = lift(hits, of, control_hits, control_of)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.difference == pytest.approx(hits / of - control_hits / control_of)


def test_an_empty_arm_has_no_lift() -> None:
    assert lift(0, 0, 1, 2) is None
    assert lift(1, 2, 0, 0) is None


@pytest.mark.parametrize(("hits", "of"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(hits, of)


def test_wilson_of_nothing_and_of_all() -> None:
    low, high = wilson(0, 10)
    assert low == 0.0
    assert round(high, 4) == 0.2775
    assert wilson(10, 10) == pytest.approx((1 - high, 1.0))
