"""Sets of 64-bit integers as ascending, disjoint, non-adjacent closed intervals. NULL is the smallest integer and a member like any other."""

from collections.abc import Iterable

from opportune.facts import NULL, VALUE_MAX

Intervals = tuple[tuple[int, int], ...]

NOTHING: Intervals = ()
EVERYTHING: Intervals = ((NULL, VALUE_MAX),)
KNOWN: Intervals = ((NULL + 1, VALUE_MAX),)
UNKNOWN: Intervals = ((NULL, NULL),)


def union(pieces: Iterable[tuple[int, int]]) -> Intervals:
    """The set of all that is in any of the pieces; pieces with low > high hold nothing."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(piece for piece in pieces if piece[0] <= piece[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(intervals: Intervals) -> Intervals:
    """Everything, NULL included, that is not in the set."""
    gaps, start = [], NULL
    for low, high in intervals:
        gaps.append((start, low - 1))
        start = high + 1
    return union([*gaps, (start, VALUE_MAX)])


def intersection(a: Intervals, b: Intervals) -> Intervals:
    """What is in both sets."""
    return union((max(x[0], y[0]), min(x[1], y[1])) for x in a for y in b)


def points(values: Iterable[int]) -> Intervals:
    """The set of these integers."""
    return union((value, value) for value in values)
