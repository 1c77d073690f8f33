"""Asking compiled conditions: the plain interval terms here and at once, everything else by the rule machine. Kernel functions."""

from typing import Any

from opportune.engine.tables import clauses_of, regs_of, rules_of, stack_of, terms_of, zones_of
from opportune.facts import compiled_leaf
from opportune.rules import INTERVAL, failing_clause


@compiled_leaf
def first_failing(plan: Any, room: Any, first: int, count: int) -> int:
    """Index of the first clause of first .. first+count-1 that is not true, -1 where all hold."""
    regs, rules = regs_of(room), plan.rules
    for i in range(count):
        clause = clauses_of(rules)[first + i]
        held = False
        for t in range(clause.first, clause.first + clause.count):
            term = terms_of(rules)[t]
            if term.kind != INTERVAL:
                held = failing_clause(rules_of(plan), first + i, 1, regs, zones_of(plan), stack_of(room)) < 0
                break
            value = regs[term.ref]
            if term.lo <= value <= term.hi:
                held = True
                break
        if not held:
            return i
    return -1
