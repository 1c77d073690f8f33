"""The rule language: SQL conditions over tags, the event and the clock; one tree, one meaning, several engines.

`check` turns text into a typed tree or says what is wrong and where; `read` says it in plain words; `evaluate` is the
reference; `RulePlanBuilder` makes tables for the kernel (`failing_clause`, `run_program`); `to_duckdb` makes SQL.
What functions mean is written down, with examples, in functions.json. Pure; the only room that knows sqlglot.
"""

from opportune.rules.certainty import Verdict, verdict
from opportune.rules.changes import Change, nearest_changes
from opportune.rules.check import check, check_condition
from opportune.rules.functions import FUNCTIONS, Function, function_table
from opportune.rules.limits import RULE_CHARS_MAX, RULE_DEPTH_MAX, RULE_NODES_MAX
from opportune.rules.lower_duckdb import DUCKDB_SETTINGS, DUCKDB_ZONES_MAX, ZONE_MACRO, to_duckdb, zone_macro
from opportune.rules.hold_rows import hold_rows
from opportune.rules.machine import failing_clause, run_program
from opportune.rules.opcodes import INTERVAL, LOOK_UP, MASK, PROGRAM, SPAN, STACK_MAX, TERM, RulePlan
from opportune.rules.plan import RulePlanBuilder
from opportune.rules.problems import RuleError, RuleErrors
from opportune.rules.reach import Reach, check_reach
from opportune.rules.reading import read
from opportune.rules.reference import evaluate
from opportune.rules.scope import Scope
from opportune.rules.substitute import written_out
from opportune.rules.tree import EVENT_AT, NOW, ZONE, Ref, Rule, Tree, all_of, conjuncts, disjuncts

__all__ = [
    "DUCKDB_SETTINGS",
    "DUCKDB_ZONES_MAX",
    "EVENT_AT",
    "FUNCTIONS",
    "INTERVAL",
    "LOOK_UP",
    "MASK",
    "NOW",
    "PROGRAM",
    "RULE_CHARS_MAX",
    "RULE_DEPTH_MAX",
    "RULE_NODES_MAX",
    "SPAN",
    "STACK_MAX",
    "TERM",
    "ZONE",
    "ZONE_MACRO",
    "Change",
    "Function",
    "Reach",
    "Ref",
    "Rule",
    "RuleError",
    "RuleErrors",
    "RulePlan",
    "RulePlanBuilder",
    "Scope",
    "Tree",
    "Verdict",
    "all_of",
    "check",
    "check_condition",
    "check_reach",
    "conjuncts",
    "disjuncts",
    "evaluate",
    "failing_clause",
    "function_table",
    "hold_rows",
    "nearest_changes",
    "read",
    "run_program",
    "to_duckdb",
    "verdict",
    "written_out",
    "zone_macro",
]
