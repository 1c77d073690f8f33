"""Bit sets of candidates over segments of values: the tables that tell, for all campaigns of a trigger at once, which of them fit.

A clause that is a union of intervals over one register changes its answer only at its bounds. So per register the bounds of all
campaigns cut the values into segments, and each segment has one set of the candidates whose clauses hold there. NULL is the
smallest integer and lies in the first segment like any value. An event's matches are the intersection of one set per register.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.engine.tables import (
    BLOCK,
    BLOCK_CANDIDATES_MAX,
    COLUMN,
    SET_BITS,
    SET_WORDS,
)
from opportune.facts import NULL, VALUE_MAX, in_lines
from opportune.policy import CLASS_INBOUND, CLASS_PUSH

Interval = tuple[int, int]
STEPS_MIN = 2
"""The kernel's shortest search: one or two bounds are filled up to three."""
BLOCKED_CLASSES_END = 1 << (max(CLASS_PUSH, CLASS_INBOUND) + 1)
"""Above every set of classes, as bits, that can be blocked; service never is."""


class Asked(NamedTuple):
    """What one candidate asks: its classes as bits, and clauses as (register, disjoint intervals)."""

    classes: int
    clauses: Sequence[tuple[int, Sequence[Interval]]]


class SegmentTables(NamedTuple):
    """BLOCK, COLUMN, and what they point at."""

    blocks: np.recarray
    columns: np.recarray
    sets: NDArray[np.int64]
    bounds: NDArray[np.int64]


class Segments:
    """Collects the blocks of all triggers. The tables grow with the number of intervals, whatever their values are."""

    def __init__(self) -> None:
        self._blocks: list[tuple[int, int, int, int]] = []
        self._columns: list[tuple[int, int, int, int]] = []
        self._sets: list[int] = []
        self._bounds: list[int] = []

    def add(self, first: int, asked: Sequence[Asked]) -> tuple[int, int]:
        """Add a trigger's candidates, numbered from `first`; gives (first block, end of blocks)."""
        begun = len(self._blocks)
        for start in range(0, len(asked), BLOCK_CANDIDATES_MAX):
            self._add_block(first + start, asked[start : start + BLOCK_CANDIDATES_MAX])
        return begun, len(self._blocks)

    def build(self) -> SegmentTables:
        """The tables of all triggers added."""
        return SegmentTables(
            np.array(self._blocks, BLOCK).view(np.recarray),
            np.array(self._columns, COLUMN).view(np.recarray),
            in_lines(np.array(self._sets, np.int64)),
            in_lines(
                np.array([*self._bounds, NULL], np.int64)
            ),  # a search of one step looks one bound too far, and drops it
        )

    def _add_block(self, first: int, asked: Sequence[Asked]) -> None:
        at = len(self._sets)
        for blocked in range(BLOCKED_CLASSES_END):
            self._add_set(sum(1 << i for i, one in enumerate(asked) if one.classes & ~blocked))
        everyone = (1 << len(asked)) - 1
        columns = [(ref, *segments(clauses, everyone)) for (ref, _), clauses in _by_register(asked).items()]
        begun = len(self._columns)
        # By their number of bounds, so that the searches of a block repeat as often as the ones before them.
        for ref, bounds, sets in sorted(columns, key=lambda column: len(column[1])):
            self._add_column(ref, bounds, sets)
        self._blocks.append((first, at, begun, len(self._columns)))

    def _add_column(self, ref: int, bounds: list[int], sets: list[int]) -> None:
        """NULL fills the bounds up at their front: it is at or below every value, so it counts always and needs no sets."""
        steps = max(STEPS_MIN, len(bounds).bit_length())
        missing = (1 << steps) - 1 - len(bounds)
        at = len(self._bounds)
        self._columns.append((ref, steps, at, len(self._sets) - SET_WORDS * (at + missing)))
        self._bounds += missing * [NULL] + bounds
        for one in sets:
            self._add_set(one)

    def _add_set(self, candidates: int) -> None:
        for word in range(SET_WORDS):
            self._sets.append(candidates >> (SET_BITS * word) & ((1 << SET_BITS) - 1))


def _by_register(asked: Iterable[Asked]) -> dict[tuple[int, int], list[tuple[int, Sequence[Interval]]]]:
    """Clauses with their candidate's bit, by register; a candidate's second clause over a register stands apart from its first."""
    found: dict[tuple[int, int], list[tuple[int, Sequence[Interval]]]] = {}
    for i, one in enumerate(asked):
        many: dict[int, int] = {}
        for ref, intervals in one.clauses:
            many[ref] = many.get(ref, 0) + 1
            found.setdefault((ref, many[ref]), []).append((1 << i, intervals))
    return found


def segments(clauses: Iterable[tuple[int, Sequence[Interval]]], everyone: int) -> tuple[list[int], list[int]]:
    """(bounds, sets) of the clauses over one register: the k-th set holds for values with k bounds at or below them.

    Candidates without a clause are in every set. There is at least one bound.
    """
    changes: dict[int, int] = {}
    fit = everyone
    for bit, intervals in clauses:
        fit &= ~bit
        for low, high in intervals:
            changes[low] = changes.get(low, 0) ^ bit
            if high < VALUE_MAX:
                changes[high + 1] = changes.get(high + 1, 0) ^ bit
    fit ^= changes.pop(NULL, 0)
    bounds, sets = sorted(changes) or [VALUE_MAX], [fit]
    for bound in bounds:
        fit ^= changes.get(bound, 0)
        sets.append(fit)
    return bounds, sets
