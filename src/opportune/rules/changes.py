"""The nearest values that would turn a condition's answer round, from its clauses.

Each clause that fails offers its terms; one term of each is taken, terms on one register are met, and the value nearest to what is there is
chosen, so within one register nothing smaller does it. What a program answers is searched for: nearest first, then outwards in
doubling steps; of such an answer only its nearest neighbour is known to fail.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product
from typing import NamedTuple

from opportune.facts import NULL, PPM, Kind, TextDictionary, ZoneTable
from opportune.rules.certainty import set_of, values_of
from opportune.rules.clauses import Clause, LookUp, Mask, Want, clauses_asking
from opportune.rules.intervals import Intervals, intersection
from opportune.rules.reference import evaluate, text_matches
from opportune.rules.tree import Column, Ref, Rule, Tree, refs_of, walk

COMBINATIONS_MAX = 256
CHANGES_MAX = 16
NEIGHBOURS_MAX = 32
_STEPPED = (Kind.INT, Kind.DECIMAL, Kind.MONEY, Kind.DATE, Kind.TIMESTAMP)
_Term = tuple[Ref, Intervals] | Mask | Tree


class Change(NamedTuple):
    """Registers and the encoded values they would need. `searched`: a value was searched for, not derived."""

    values: dict[Ref, int]
    searched: bool


def nearest_changes(
    rule: Rule, row: Mapping[Ref, int | None], dictionary: TextDictionary, zones: ZoneTable, free: Callable[[Ref], bool],
    *, true: bool = True,
) -> list[Change]:  # fmt: skip
    """The changes of registers that are `free` after which the condition is true (or, with `true=False`, is not), the smallest first.

    Fewer registers go before more, then the nearer: a distance is counted in parts of the declared range, else of the value itself.
    `row` as for `evaluate`. At most CHANGES_MAX.
    """
    return _Search(rule, dict(row), dictionary, zones, free, true).changes()


class _Search:
    def __init__(
        self, rule: Rule, row: dict[Ref, int | None], dictionary: TextDictionary, zones: ZoneTable,
        free: Callable[[Ref], bool], true: bool,
    ) -> None:  # fmt: skip
        self.rule, self.row, self.dictionary, self.zones, self.true = rule, row, dictionary, zones, true
        self.types = {node.ref: node.type for node in walk(rule.tree) if isinstance(node, Column)}
        self.free = {ref for ref in self.types if free(ref)}

    def changes(self) -> list[Change]:
        clauses = clauses_asking(self.rule.tree, Want.TRUE if self.true else Want.NOT_TRUE, self.dictionary.intern)
        failing = [clause for clause in clauses if not self._meets(clause)]
        bounds = self._bounds(clauses)
        found: dict[tuple[tuple[Ref, int], ...], Change] = {}
        for terms in islice(product(*(self._terms(clause) for clause in failing)), COMBINATIONS_MAX):
            for change in self._combined(terms, bounds):
                found.setdefault(tuple(sorted(change.values.items())), change)
        return sorted(found.values(), key=self._size)[:CHANGES_MAX]

    def _bounds(self, clauses: list[Clause]) -> dict[Ref, Intervals]:
        """What each register may become without breaking a clause that asks of it alone."""
        bounds = {ref: values_of(kind, nulls=False) for ref, kind in self.types.items()}
        for clause in clauses:
            if len(clause.intervals) == 1 and not clause.others:
                ref, taken = clause.intervals[0]
                bounds[ref] = intersection(bounds[ref], taken)
        return bounds

    def _meets(self, clause: Clause) -> bool:
        if any(_within(self._register(ref), taken) for ref, taken in clause.intervals):
            return True
        return any(self._holds(other) for other in clause.others)

    def _holds(self, other: LookUp | Mask | Tree) -> bool:
        match other:
            case Mask():
                value = self._register(other.ref)
                return value != NULL and value & other.mask == other.bits
            case LookUp():
                value = self._register(other.ref)
                if value == NULL:
                    return other.if_null
                text = self.dictionary.text(value)
                matches = (
                    text in other.patterns if other.op == "in" else text_matches(other.op, other.patterns[0], text)
                )
                return matches != other.inverted
            case _:
                return self._true(other, self.row)

    def _true(self, tree: Tree, row: Mapping[Ref, int | None]) -> bool:
        return evaluate(Rule("", tree, tree.type, ()), row, self.dictionary, self.zones) == 1

    def _register(self, ref: Ref) -> int:
        value = self.row.get(ref)
        return NULL if value is None else value

    def _terms(self, clause: Clause) -> list[_Term]:
        """The ways in which a failing clause can be met by what is free."""
        terms: list[_Term] = [(ref, taken) for ref, taken in clause.intervals if ref in self.free]
        for other in clause.others:
            match other:
                case Mask():
                    terms += [other] if other.ref in self.free else []
                case LookUp():
                    taken = set_of(other, self.dictionary.intern)
                    terms += [(other.ref, taken)] if taken is not None and other.ref in self.free else []
                case _:
                    terms += [other] if self.free.intersection(refs_of(other)) else []
        return terms

    def _combined(self, terms: tuple[_Term, ...], bounds: Mapping[Ref, Intervals]) -> Iterator[Change]:
        left, values, programs = dict(bounds), dict[Ref, int](), list[Tree]()
        for term in terms:
            if isinstance(term, Mask):
                held = values.get(term.ref, max(self._register(term.ref), 0))
                values[term.ref] = held & ~term.mask | term.bits
            elif isinstance(term, tuple):
                left[term[0]] = intersection(left[term[0]], term[1])
                nearest = self._nearest(term[0], left[term[0]])
                if nearest is None:
                    return
                values[term[0]] = nearest
            else:
                programs.append(term)
        if not programs:
            yield from self._checked(values, False)
            return
        for ref in sorted(self.free.intersection(*(refs_of(tree) for tree in programs)) - values.keys()):
            nearest = self._searched(ref, values, left[ref])
            if nearest is not None:
                yield from self._checked({**values, ref: nearest}, True)

    def _checked(self, values: dict[Ref, int], searched: bool) -> Iterator[Change]:
        values = {ref: value for ref, value in values.items() if value != self._register(ref)}
        if values and self._answers(values):
            yield Change(values, searched)

    def _answers(self, values: Mapping[Ref, int]) -> bool:
        return self._true(self.rule.tree, {**self.row, **values}) == self.true

    def _nearest(self, ref: Ref, taken: Intervals) -> int | None:
        """The value of the set that is nearest to what the register holds; of an unknown one, the value nearest to 0."""
        value = self._register(ref)
        around = 0 if value == NULL else value
        if self.types[ref].kind is Kind.TEXT:
            taken = intersection(taken, ((1, len(self.dictionary)),))
        ends = [min(max(around, low), high) for low, high in taken]
        return min(ends, key=lambda end: (abs(end - around), end), default=None)

    def _searched(self, ref: Ref, values: Mapping[Ref, int], allowed: Intervals) -> int | None:
        """A value of one register, near to what it holds, that gives the answer together with the others."""
        value = self._register(ref)
        kind = self.types[ref]
        if kind.kind is Kind.BOOL:
            return next((bit for bit in (1, 0) if bit != value and self._answers({**values, ref: bit})), None)
        if kind.kind not in _STEPPED or not allowed:
            return None
        around = 0 if value == NULL else value

        def good(candidate: int) -> bool:
            return _within(candidate, allowed) and self._answers({**values, ref: candidate})

        near = (around + sign * step for step in range(NEIGHBOURS_MAX + 1) for sign in (1, -1))
        found = next((candidate for candidate in near if good(candidate)), None)
        if found is not None:
            return found
        ends = [self._outwards(around, sign, allowed, good) for sign in (1, -1)]
        return min((end for end in ends if end is not None), key=lambda end: abs(end - around), default=None)

    def _outwards(self, around: int, sign: int, allowed: Intervals, good: Callable[[int], bool]) -> int | None:
        low, high = allowed[0][0], allowed[-1][1]
        step = NEIGHBOURS_MAX
        before = around + sign * step
        while True:
            step *= 2
            candidate = min(max(around + sign * step, low), high)
            if good(candidate):
                break
            if candidate in (low, high):
                return None
            before = candidate
        while abs(candidate - before) > 1:
            middle = (candidate + before) // 2
            before, candidate = (before, middle) if good(middle) else (middle, candidate)
        return candidate

    def _size(self, change: Change) -> tuple[int, bool, int, list[tuple[Ref, int]]]:
        distance = sum(self._distance(ref, value) for ref, value in change.values.items())
        return len(change.values), change.searched, distance, sorted(change.values.items())

    def _distance(self, ref: Ref, value: int) -> int:
        """In ppm of the declared range, else of the value that is there."""
        held, kind = self._register(ref), self.types[ref]
        if held == NULL or kind.kind not in _STEPPED:
            return PPM
        span = kind.high - kind.low
        declared = span < 2**40 and kind.kind is not Kind.DATE
        return abs(value - held) * PPM // max(1, span if declared else abs(held))


def _within(value: int, taken: Intervals) -> bool:
    return any(low <= value <= high for low, high in taken)
