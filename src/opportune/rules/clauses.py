"""From a condition to clauses: negation pushed inward, then a conjunction of disjunctions of terms.

A clause table is two-valued: it asks only whether something *is* so. Each of SQL's three truths is such a question (is the
condition true? false? not true? not false?), and for AND, OR and NOT each question splits into the same questions about the
parts, exactly. What would grow too large stays one program.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from opportune.facts import Kind
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
from opportune.rules.tree import (
    And,
    Column,
    Constant,
    Contains,
    IsNull,
    Match,
    Members,
    Not,
    OneOf,
    Or,
    Range,
    Ref,
    Tree,
    Truth,
)

CLAUSES_MAX = 16
"""Clauses that distributing one OR may give."""
TERMS_MAX = 8
LIST_INTERVALS_MAX = 5
"""Intervals of one IN or NOT IN; above, a look-up for texts and a program for numbers."""


class Want(Enum):
    """A two-valued question about a condition."""

    TRUE = 0
    FALSE = 1
    NOT_TRUE = 2
    NOT_FALSE = 3

    @property
    def swapped(self) -> "Want":
        """The question to ask of x where this is asked of NOT x."""
        return (Want.FALSE, Want.TRUE, Want.NOT_FALSE, Want.NOT_TRUE)[self.value]

    @property
    def opposite(self) -> "Want":
        """The question that is so where this is not."""
        return (Want.NOT_TRUE, Want.NOT_FALSE, Want.TRUE, Want.FALSE)[self.value]


class LookUp(NamedTuple):
    """The text of a register is (or, `inverted`, is not) one that `op` and `patterns` describe; `if_null` where it is NULL."""

    ref: Ref
    op: str
    patterns: tuple[str, ...]
    inverted: bool
    if_null: bool


class Mask(NamedTuple):
    """The register is not NULL and its bits under `mask` are `bits`."""

    ref: Ref
    mask: int
    bits: int


class Clause(NamedTuple):
    """True where any of it is: an interval set of a register, a look-up, a mask, or a condition that a program answers."""

    intervals: tuple[tuple[Ref, Intervals], ...] = ()
    others: tuple[LookUp | Mask | Tree, ...] = ()

    @property
    def terms(self) -> int:
        """How many terms the clause takes."""
        return sum(len(found) for _, found in self.intervals) + len(self.others)


ALWAYS: list[Clause] = []
NEVER: list[Clause] = [Clause()]


def clauses_of(tree: Tree, text_code: Callable[[str], int]) -> list[Clause]:
    """The clauses that all hold exactly where the condition is true, the cheapest and most selective first.

    No clause at all: always true. One clause without terms: never.
    """
    return sorted(clauses_asking(tree, Want.TRUE, text_code), key=_cost)


def clauses_asking(tree: Tree, want: Want, text_code: Callable[[str], int]) -> list[Clause]:
    """The clauses that all hold exactly where the answer to `want` is yes, in no order."""
    return _Splitter(text_code).split(tree, want)


class _Splitter:
    def __init__(self, text_code: Callable[[str], int]) -> None:
        self._text_code = text_code

    def split(self, tree: Tree, want: Want) -> list[Clause]:
        match tree:
            case Not():
                return self.split(tree.operand, want.swapped)
            case And() | Or():
                return self._connector(tree, want)
            case Truth():
                return self._truth(tree, want)
            case IsNull() if tree.operand.type.kind is Kind.BOOL and not isinstance(tree.operand, Column):
                return self._null_condition(tree, want)
            case Constant():
                truth = {1: (Want.TRUE, Want.NOT_FALSE), 0: (Want.FALSE, Want.NOT_TRUE)}
                return ALWAYS if want in truth.get(tree.value, (Want.NOT_TRUE, Want.NOT_FALSE)) else NEVER
        return self._leaf(tree, want)

    def _connector(self, tree: And | Or, want: Want) -> list[Clause]:
        parts = [self.split(part, want) for part in tree.parts]
        if isinstance(tree, And) == (want in (Want.TRUE, Want.NOT_FALSE)):
            return conjunction(parts)
        joined = disjunction(parts)
        return _program(tree, want) if joined is None else joined

    def _truth(self, tree: Truth, want: Want) -> list[Clause]:
        asked = Want.TRUE if tree.want else Want.FALSE
        wanted = want in (Want.TRUE, Want.NOT_FALSE)
        return self.split(tree.operand, asked if wanted != tree.negated else asked.opposite)

    def _null_condition(self, tree: IsNull, want: Want) -> list[Clause]:
        is_null = (want in (Want.TRUE, Want.NOT_FALSE)) != tree.negated
        if is_null:
            return conjunction([self.split(tree.operand, asked) for asked in (Want.NOT_TRUE, Want.NOT_FALSE)])
        joined = disjunction([self.split(tree.operand, asked) for asked in (Want.TRUE, Want.FALSE)])
        return _program(tree, want) if joined is None else joined

    def _leaf(self, tree: Tree, want: Want) -> list[Clause]:
        column = tree if isinstance(tree, Column) else getattr(tree, "operand", None)
        if not isinstance(column, Column):
            return _program(tree, want)
        if isinstance(tree, Contains):
            return [_mask(column.ref, 1 << tree.bit, want)]
        if isinstance(tree, Match):
            return [Clause((), (_look_up(column.ref, tree.op, (tree.pattern,), tree.negated, want),))]
        sets = self._sets(tree)
        if sets is None:
            return _program(tree, want)
        found = sets[0] if want in (Want.TRUE, Want.NOT_TRUE) else sets[1]
        if want in (Want.NOT_TRUE, Want.NOT_FALSE):
            found = complement(found)
        if len(found) > LIST_INTERVALS_MAX:
            if isinstance(tree, OneOf):
                return [Clause((), (_look_up(column.ref, "in", tree.texts, tree.negated, want),))]
            return _program(tree, want)
        return _interval_clause(column.ref, found)

    def _sets(self, tree: Tree) -> tuple[Intervals, Intervals] | None:
        """Where a condition on one column is true, and where it is false."""
        match tree:
            case Column():
                return points([1]), points([0])
            case IsNull():
                return (KNOWN, UNKNOWN) if tree.negated else (UNKNOWN, KNOWN)
            case Range():
                inside, negated = union([(tree.low, tree.high)]), tree.negated
            case Members():
                inside, negated = points(tree.values), tree.negated
            case OneOf():
                inside, negated = points(self._text_code(text) for text in tree.texts), tree.negated
            case _:
                return None
        outside = intersection(complement(inside), KNOWN)
        return (outside, inside) if negated else (inside, outside)


def _interval_clause(ref: Ref, found: Intervals) -> list[Clause]:
    if found == NOTHING:
        return NEVER
    return ALWAYS if found == EVERYTHING else [Clause(((ref, found),))]


def _mask(ref: Ref, bit: int, want: Want) -> Clause:
    bits = bit if want in (Want.TRUE, Want.NOT_FALSE) else 0
    unknown = ((ref, UNKNOWN),) if want in (Want.NOT_TRUE, Want.NOT_FALSE) else ()
    return Clause(unknown, (Mask(ref, bit, bits),))


def _look_up(ref: Ref, op: str, patterns: tuple[str, ...], negated: bool, want: Want) -> LookUp:
    inverted = negated != (want in (Want.FALSE, Want.NOT_TRUE))
    return LookUp(ref, op, patterns, inverted, want in (Want.NOT_TRUE, Want.NOT_FALSE))


def _program(tree: Tree, want: Want) -> list[Clause]:
    if want is Want.TRUE:
        return [Clause((), (tree,))]
    asked = 1 if want is Want.NOT_TRUE else 0
    return [Clause((), (Truth(tree, asked, want is not Want.FALSE),))]


def conjunction(parts: list[list[Clause]]) -> list[Clause]:
    """All of the parts: their clauses side by side, those on one register met into one."""
    ranges: dict[Ref, Intervals] = {}
    masks: dict[Ref, Mask] = {}
    rest: dict[Clause, None] = {}
    for clause in (clause for part in parts for clause in part):
        match clause:
            case Clause(((ref, found),), ()):
                ranges[ref] = intersection(ranges.get(ref, EVERYTHING), found)
            case Clause((), (Mask() as mask,)):
                known = masks.get(mask.ref, Mask(mask.ref, 0, 0))
                if (known.bits ^ mask.bits) & known.mask & mask.mask:
                    return NEVER
                masks[mask.ref] = Mask(mask.ref, known.mask | mask.mask, known.bits | mask.bits)
            case _:
                rest[clause] = None
    if Clause() in rest or NOTHING in ranges.values():
        return NEVER
    met = [Clause(((ref, found),)) for ref, found in ranges.items()]
    return met + [Clause((), (mask,)) for mask in masks.values()] + list(rest)


def disjunction(parts: list[list[Clause]]) -> list[Clause] | None:
    """Any of the parts, distributed to clauses; None where that gives more than CLAUSES_MAX clauses or TERMS_MAX terms."""
    joined = NEVER
    for part in parts:
        product = [_either(a, b) for a in joined for b in part]
        joined = conjunction([[clause] for clause in product if clause is not None])
        if len(joined) > CLAUSES_MAX or any(clause.terms > TERMS_MAX for clause in joined):
            return None
    return joined


def _either(a: Clause, b: Clause) -> Clause | None:
    """One clause or the other as one clause; None where it always holds."""
    ranges = dict(a.intervals)
    for ref, found in b.intervals:
        ranges[ref] = union(ranges.get(ref, NOTHING) + found)
    if EVERYTHING in ranges.values():
        return None
    return Clause(tuple(ranges.items()), tuple(dict.fromkeys(a.others + b.others)))


def _cost(clause: Clause) -> tuple[int, int]:
    """Programs last; before them what takes fewer terms, and among those what lets fewer values pass."""
    worst = max((2 if isinstance(o, LookUp | Mask) else 3 for o in clause.others), default=1)
    if clause.terms != 1 or not clause.intervals:
        return worst, 10 * clause.terms
    (low, high), *_ = clause.intervals[0][1]
    return worst, 0 if low == high else 1 if high - low < 2**32 else 2
