"""What is certain of a condition before anybody is asked: that it is never true, or that it always is.

Its clauses are met one after the other with what the declared types allow; where nothing is left, no row can meet them all. What a
program or a pattern answers is left open, so a verdict is never wrong, and no verdict says nothing.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

from opportune.facts import Kind, ValueType
from opportune.rules.clauses import Clause, LookUp, Mask, Want, clauses_asking
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
from opportune.rules.tree import Column, IsNull, Members, Range, Ref, Rule, Tree, Truth, walk

CodeOf = Callable[[str], int]
WORLDS_MAX = 512
"""Combinations of alternatives that are followed at once; beyond them nothing is said."""


class Verdict(StrEnum):
    """What is certain of a condition."""

    NEVER = "never"
    ALWAYS = "always"
    ALWAYS_WHERE_KNOWN = "always_where_known"


def verdict(rule: Rule) -> Verdict | None:
    """What is certain of a condition, None where it depends on the customer.

    ALWAYS_WHERE_KNOWN: true of everybody of whom all that it reads is known (and it does not ask what is known).
    """
    columns = {node.ref: node.type for node in walk(rule.tree) if isinstance(node, Column)}
    codes: dict[str, int] = {}

    def code_of(text: str) -> int:
        return codes.setdefault(text, len(codes) + 1)

    if not _possible(clauses_asking(rule.tree, Want.TRUE, code_of), columns, code_of, nulls=True):
        return Verdict.NEVER
    untrue = clauses_asking(rule.tree, Want.NOT_TRUE, code_of)
    if not _possible(untrue, columns, code_of, nulls=True):
        return Verdict.ALWAYS
    asks = any(isinstance(node, IsNull | Truth) for node in walk(rule.tree))
    if not asks and not _possible(untrue, columns, code_of, nulls=False):
        return Verdict.ALWAYS_WHERE_KNOWN
    return None


def values_of(kind: ValueType, nulls: bool = True) -> Intervals:
    """The encoded values that a type allows; with `nulls` also the unknown."""
    low, high = (0, 1) if kind.kind is Kind.BOOL else (kind.low, kind.high)
    return union([(low, high), *(UNKNOWN if nulls else ())])


def set_of(found: LookUp, code_of: CodeOf) -> Intervals | None:
    """The codes that a look-up by a list of texts takes; None for a pattern, whose texts cannot be listed."""
    if found.op != "in":
        return None
    inside = points(code_of(text) for text in found.patterns)
    taken = intersection(complement(inside), KNOWN) if found.inverted else inside
    return union(taken + UNKNOWN) if found.if_null else taken


def _possible(clauses: list[Clause], columns: Mapping[Ref, ValueType], code_of: CodeOf, *, nulls: bool) -> bool:
    """Whether all clauses may hold of one row; True too where that is not certain."""
    worlds = [_World({ref: values_of(kind, nulls) for ref, kind in columns.items()}, {})]
    for clause in sorted(clauses, key=lambda one: one.terms):
        worlds = [after for world in worlds for after in world.after(clause, code_of)]
        if not worlds:
            return False
        if len(worlds) > WORLDS_MAX:
            return True
    return True


class _World:
    """The values left to each register once some clauses have been met in one way."""

    def __init__(self, left: Mapping[Ref, Intervals], masks: Mapping[Ref, tuple[int, int]]) -> None:
        self._left, self._masks = left, masks

    def after(self, clause: Clause, code_of: CodeOf) -> "list[_World]":
        """The worlds in which the clause holds too, one for each of its terms that can."""
        found = [self._within(ref, taken) for ref, taken in clause.intervals]
        for other in clause.others:
            match other:
                case Mask():
                    found.append(self._masked(other))
                case LookUp():
                    taken = set_of(other, code_of)
                    found.append(self if taken is None else self._within(other.ref, taken))
                case _:
                    found.append(self._answered(other))
        return [world for world in found if world is not None]

    def _within(self, ref: Ref, taken: Intervals) -> "_World | None":
        met = intersection(self._left.get(ref, EVERYTHING), taken)
        return None if met == NOTHING else _World({**self._left, ref: met}, self._masks)

    def _masked(self, found: Mask) -> "_World | None":
        mask, bits = self._masks.get(found.ref, (0, 0))
        if (bits ^ found.bits) & mask & found.mask:
            return None
        known = self._within(found.ref, KNOWN)
        if known is None:
            return None
        return _World(known._left, {**self._masks, found.ref: (mask | found.mask, bits | found.bits)})

    def _answered(self, tree: Tree) -> "_World | None":
        """A condition that a program answers: only the bounds of its type are known of a value that is worked out."""
        if isinstance(tree, Members) and isinstance(tree.operand, Column):
            inside = points(tree.values)
            return self._within(tree.operand.ref, intersection(complement(inside), KNOWN) if tree.negated else inside)
        if isinstance(tree, Range) and not tree.negated:
            kind = tree.operand.type
            if max(tree.low, kind.low) > min(tree.high, kind.high):
                return None
        return self
