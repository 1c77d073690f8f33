"""Interval sets against plain sets of integers."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from opportune.facts import NULL, VALUE_MAX
from opportune.rules.intervals import (
    EVERYTHING,
    KNOWN,
    NOTHING,
    UNKNOWN,
    Intervals,
    complement,
    intersection,
    points,
    union,
)

PIECES = st.lists(st.tuples(st.integers(-8, 8), st.integers(-8, 8)), max_size=6)


def members(intervals: Intervals) -> set[int]:
    """The integers from -10 to 10 that are in the set."""
    return {n for n in range(-10, 11) if any(low <= n <= high for low, high in intervals)}


@given(PIECES, PIECES)
def test_sets_of_intervals_are_sets(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    x, y = union(a), union(b)
    assert members(x) == {n for low, high in a for n in range(low, high + 1)}
    assert members(union(x + y)) == members(x) | members(y)
    assert members(intersection(x, y)) == members(x) & members(y)
    assert members(complement(x)) == set(range(-10, 11)) - members(x)
    assert complement(complement(x)) == x
    assert all(one[1] + 1 < two[0] for one, two in itertools.pairwise(x)), "ascending, with gaps between"


def test_the_ends_of_the_integers() -> None:
    assert complement(NOTHING) == EVERYTHING
    assert complement(EVERYTHING) == NOTHING
    assert complement(UNKNOWN) == KNOWN
    assert complement(KNOWN) == UNKNOWN
    assert points([3, 1, 2, 9]) == ((1, 3), (9, 9))
    assert complement(points([VALUE_MAX])) == ((NULL, VALUE_MAX - 1),)
