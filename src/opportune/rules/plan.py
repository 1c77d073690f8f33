"""Building rule plans: rules become clauses and programs, texts become codes and look-up tables."""

import copy
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from opportune.facts import Kind, TextDictionary
from opportune.rules.clauses import Clause, LookUp, Mask, clauses_of
from opportune.rules.opcodes import INTERVAL, LOOK_UP, MASK, PROGRAM, SPAN, TERM, RulePlan
from opportune.rules.programs import Tables, assemble
from opportune.rules.reference import text_matches
from opportune.rules.tree import Ref, Rule, Tree, refs_of

LUTS_MAX = 512
CLAUSES_PER_PLAN_MAX = 2**20

_LookUpKey = tuple[str, tuple[str, ...], bool]


class RulePlanBuilder:
    """Collects rules into one plan. Equal look-ups and equal programs are kept once.

    `ref_number` gives the register of what a rule reads; texts that rules name get their codes from the dictionary now, so
    that `=` and IN are comparisons of codes.
    """

    def __init__(self, dictionary: TextDictionary, ref_number: Callable[[Ref], int]) -> None:
        self._dictionary, self._ref_number = dictionary, ref_number
        self._terms: list[tuple[int, int, int, int]] = []
        self._clauses: list[tuple[int, int]] = []
        self._programs: list[tuple[int, int]] = []
        self._code: list[int] = []
        self._known_programs: dict[tuple[Tree, tuple[int, ...]], int] = {}
        self._luts: dict[_LookUpKey, int] = {}
        self._tables = Tables(ref_number, dictionary.intern, lambda op, pattern: self._lut(op, (pattern,), False))

    def add(self, rule: Rule) -> tuple[int, int]:
        """Add a condition; gives (first clause, number of clauses) for `failing_clause`.

        Raises ValueError for a rule that is no condition, OverflowError where a plan's limit is met.
        """
        if rule.type.kind is not Kind.BOOL:
            raise ValueError(f"`{rule.text[:80]}` is no condition; add it with add_program")
        found = clauses_of(rule.tree, self._dictionary.intern)
        first = len(self._clauses)
        if first + len(found) > CLAUSES_PER_PLAN_MAX:
            raise OverflowError(f"more than {CLAUSES_PER_PLAN_MAX:,} clauses in one plan")
        for clause in found:
            terms = [*self._interval_terms(clause), *(self._other_term(other) for other in clause.others)]
            self._clauses.append((len(self._terms), len(terms)))
            self._terms += terms
        return first, len(found)

    def add_program(self, rule: Rule) -> int:
        """Add any expression; gives its number for `run_program`. Raises OverflowError where a plan's limit is met."""
        return self._program(rule.tree)

    def build(self) -> RulePlan:
        """The plan of all rules so far, its look-ups filled for the dictionary as it is now."""
        capacity = _capacity(len(self._dictionary))
        plan = RulePlan(
            _table(self._terms, TERM), _table(self._clauses, SPAN), _table(self._programs, SPAN),
            np.array(self._code or [0], np.int64), np.zeros((max(1, len(self._luts)), capacity), np.uint8),
        )  # fmt: skip
        self._fill(plan.luts, 0)
        self._filled = len(self._dictionary)
        return plan

    def grow(self, plan: RulePlan) -> RulePlan:
        """The plan for a dictionary that has grown since `build` or the last `grow`.

        Fills the look-ups in place where they have room (the same plan comes back), else in larger tables. Call it before
        the kernel meets the new codes.
        """
        size = len(self._dictionary)
        if size == self._filled:
            return plan
        if size >= plan.luts.shape[1]:
            luts = np.zeros((plan.luts.shape[0], _capacity(size)), np.uint8)
            luts[:, : plan.luts.shape[1]] = plan.luts
            plan = plan._replace(luts=luts)
        self._fill(plan.luts, self._filled)
        self._filled = size
        return plan

    def following(self, dictionary: TextDictionary) -> "RulePlanBuilder":
        """A builder of the same rules that goes on with another dictionary, which says the same so far."""
        other = copy.copy(self)
        other._dictionary = dictionary
        return other

    def _fill(self, luts: NDArray[np.uint8], known: int) -> None:
        texts = self._dictionary.since(known)
        for (op, patterns, inverted), row in self._luts.items():
            wanted = frozenset(patterns)
            found: Iterable[bool] = (
                (text in wanted) != inverted if op == "in" else text_matches(op, patterns[0], text) != inverted
                for text in texts
            )
            luts[row, known + 1 : known + 1 + len(texts)] = np.fromiter(found, np.uint8, len(texts))

    def _interval_terms(self, clause: Clause) -> list[tuple[int, int, int, int]]:
        return [(INTERVAL, self._ref_number(ref), low, high) for ref, found in clause.intervals for low, high in found]

    def _other_term(self, other: LookUp | Mask | Tree) -> tuple[int, int, int, int]:
        match other:
            case LookUp():
                row = self._lut(other.op, other.patterns, other.inverted)
                return LOOK_UP, self._ref_number(other.ref), row, int(other.if_null)
            case Mask():
                return MASK, self._ref_number(other.ref), other.mask, other.bits
            case _:
                return PROGRAM, -1, self._program(other), 0

    def _program(self, tree: Tree) -> int:
        # The same text means other registers where another event triggers.
        key = (tree, tuple(self._ref_number(ref) for ref in refs_of(tree)))
        number = self._known_programs.get(key)
        if number is None:
            code = assemble(tree, self._tables)
            number = self._known_programs[key] = len(self._programs)
            self._programs.append((len(self._code), len(code)))
            self._code += code
        return number

    def _lut(self, op: str, patterns: tuple[str, ...], inverted: bool) -> int:
        key = (op, patterns, inverted)
        if key not in self._luts and len(self._luts) >= LUTS_MAX:
            raise OverflowError(f"more than {LUTS_MAX} different LIKEs and orderings of texts in one plan")
        return self._luts.setdefault(key, len(self._luts))


def _capacity(size: int) -> int:
    """The power of two that holds codes 0 .. size, with room to grow."""
    return max(64, 1 << (size + 1).bit_length())


def _table(rows: Sequence[tuple[int, ...]], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.array(rows or [(0,) * len(dtype.names or ())], dtype).view(np.recarray)
