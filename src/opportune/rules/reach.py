"""Running-total goals: `sum(event.amount) >= 10.00` or `count() >= 3`."""

import math
from typing import Literal

import msgspec
from sqlglot import exp

from opportune.facts import VALUE_MAX
from opportune.rules.limits import LITERAL_DIGITS_MAX
from opportune.rules.literals import Number
from opportune.rules.numbers import NUMERIC
from opportune.rules.operands import describe
from opportune.rules.problems import did_you_mean
from opportune.rules.scope import Scope
from opportune.rules.syntax import Source, parse

_FORM = "write sum(event.amount) >= 10.00 or count() >= 3"


class Reach(msgspec.Struct, frozen=True):
    """A running total that must be reached.

    `property` is what is summed (None: events are counted); `threshold` is an encoded integer of that property's scale;
    `strict` means the total must pass it rather than meet it.
    """

    measure: Literal["sum", "count"]
    property: str | None
    threshold: int
    strict: bool


def check_reach(text: str, scope: Scope, *, where: str = "") -> Reach:
    """The running total that `text` asks for. Raises RuleError with the place in the text.

    A threshold with more decimals than the property keeps its exact meaning: the next integer above is what must be met.
    """
    source = Source(text, where)
    node = parse(source)
    if not isinstance(node, exp.GTE | exp.GT):
        source.fail("syntax", "a running total is reached with >= or >", node, _FORM)
    measured, limit = node.this, node.expression
    if not isinstance(limit, exp.Literal) or limit.is_string or len(limit.this) > LITERAL_DIGITS_MAX:
        source.fail("literal", "the total to reach is a positive number", limit, _FORM)
    scale, name = 0, None
    if isinstance(measured, exp.Sum):
        name, scale = _summed(source, measured, scope)
    elif not isinstance(measured, exp.Count) or measured.this is not None or measured.args.get("expressions"):
        source.fail("not_allowed", "a running total is sum(event.property) or count()", measured, _FORM)
    exact = Number(limit.this).value * 10**scale
    threshold = math.ceil(exact)
    strict = isinstance(node, exp.GT) and exact.denominator == 1
    if not 0 < threshold + strict <= VALUE_MAX:
        source.fail("literal", "the total to reach is a positive number that fits 64 bits", limit, _FORM)
    return Reach("count" if name is None else "sum", name, threshold, strict)


def _summed(source: Source, node: exp.Sum, scope: Scope) -> tuple[str, int]:
    column = node.this
    if not isinstance(column, exp.Column) or column.table != "event" or not isinstance(column.this, exp.Identifier):
        source.fail("type", "sum() takes a property of the event", node, _FORM)
    name = column.this.name
    known = scope.event or {}
    if name not in known:
        source.fail("unknown_name", f"no property `{name}`", column, did_you_mean(name, known))
    found = known[name]
    if found.kind not in NUMERIC:
        source.fail("type", f"sum() is for numbers, but this is {describe(found)}", column)
    return name, found.scale
