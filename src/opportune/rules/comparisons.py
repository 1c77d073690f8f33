"""Comparisons: with literals they become exact ranges of encoded integers, between columns they align scales."""

from collections.abc import Sequence
from fractions import Fraction

from sqlglot import exp

from opportune.facts import Kind, ValueType
from opportune.rules.literals import Literal, Nothing, Number, Words
from opportune.rules.numbers import NUMERIC, VALUE_MIN, clip_range, range_of, rescaled
from opportune.rules.operands import Operands, Value, describe
from opportune.rules.tree import And, Compare, Constant, Match, Members, Not, OneOf, Or, Range, Text, Tree

_MIRROR = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EQUALITY = ("=", "<>")


def compare(operands: Operands, op: str, left: Value, right: Value, node: exp.Expr) -> Tree:
    """left op right. Raises RuleError where the types do not meet."""
    if isinstance(left, Nothing) or isinstance(right, Nothing):
        hint = "write IS NULL or IS NOT NULL"
        operands.source.fail("null_compare", f"`{op} NULL` is never true", node, hint)
    if _is_literal(left) and not _is_literal(right):
        left, right, op = right, left, _MIRROR[op]
    if isinstance(left, Words) and isinstance(right, Constant):
        left = operands.as_type(left, right.type, node)
    tree = operands.settle(left, node)
    _refuse_opaque(operands, tree.type, node)
    if tree.type.kind is Kind.TEXT:
        return _compare_text(operands, op, tree, right, node)
    if tree.type.kind is Kind.BOOL:
        return _compare_bool(operands, op, tree, right, node)
    literal = _exact(operands, tree.type, right, node)
    if literal is not None:
        low, high = range_of(op, literal[0])
        return Range(tree, low, high, op == "<>", op, (literal[1],))
    return _compare_columns(operands, op, tree, operands.settle(right, node), node)


def _is_literal(value: Value) -> bool:
    return isinstance(value, Literal | Constant)


def _refuse_opaque(operands: Operands, found: ValueType, node: exp.Expr) -> None:
    if found.kind is Kind.KEY:
        hint = "a key (such as an order number) can only be tested with IS NULL"
        operands.source.fail("type", "a key cannot be compared", node, hint)
    if found.kind is Kind.SET:
        operands.source.fail("type", "a set cannot be compared", node, "write contains(tag, 'member')")


def _exact(operands: Operands, wanted: ValueType, value: Value, node: exp.Expr) -> tuple[Fraction, str] | None:
    """A literal as the exact (not yet whole) encoded number to compare with, and its words; None for what is no literal."""
    if isinstance(value, Number) and wanted.kind in NUMERIC:
        return value.value * 10**wanted.scale, value.text
    if isinstance(value, Words) and wanted.kind in (Kind.DATE, Kind.TIMESTAMP):
        value = operands.calendar(value, wanted, node)
    if isinstance(value, Constant) and value.type.kind is wanted.kind and wanted.kind not in NUMERIC:
        return Fraction(value.value), value.shown
    return None


def _compare_columns(operands: Operands, op: str, left: Tree, right: Tree, node: exp.Expr) -> Tree:
    a, b = left.type, right.type
    if a.kind in NUMERIC and b.kind in NUMERIC:
        scale = max(a.scale, b.scale)
        return Compare(op, rescaled(left, scale), rescaled(right, scale))
    _refuse_opaque(operands, b, node)
    if a.kind is not b.kind:
        days = {a.kind, b.kind} == {Kind.DATE, Kind.TIMESTAMP}
        hint = "turn the moment into a day with local_date(...)" if days else _mismatch_hint(a, right)
        operands.source.fail("type", f"{describe(a)} cannot be compared with {describe(b)}", node, hint)
    return Compare(op, left, right)


def _mismatch_hint(left: ValueType, right: Tree) -> str:
    if left.kind in NUMERIC and isinstance(right, Text) and right.value.replace(".", "", 1).isdecimal():
        return f"write the number without quotes: {right.value}"
    return ""


def _compare_text(operands: Operands, op: str, left: Tree, right: Value, node: exp.Expr) -> Tree:
    if isinstance(right, Words):
        if op in _EQUALITY:
            return OneOf(left, (right.text,), op == "<>")
        return Match(left, op, right.text, False)
    other = operands.settle(right, node)
    if other.type.kind is not Kind.TEXT:
        hint = f"write it in quotes: '{right.text}'" if isinstance(right, Number) else ""
        operands.source.fail("type", f"a text cannot be compared with {describe(other.type)}", node, hint)
    if op not in _EQUALITY:
        hint = "two texts are only compared by = and <>"
        operands.source.fail("type", f"`{op}` does not go between two texts of the customer", node, hint)
    return Compare(op, left, other)


def _compare_bool(operands: Operands, op: str, left: Tree, right: Value, node: exp.Expr) -> Tree:
    other = operands.settle(right, node)
    if other.type.kind is not Kind.BOOL:
        hint = "a yes-or-no value stands alone, or with NOT" if isinstance(other, Constant | Text) else ""
        operands.source.fail("type", f"a yes-or-no value cannot be compared with {describe(other.type)}", node, hint)
    if op not in _EQUALITY:
        operands.source.fail("type", f"`{op}` does not go with yes-or-no values", node, "use = or <>")
    if isinstance(other, Constant):
        return left if (op == "=") == bool(other.value) else Not(left)
    return Compare(op, left, other)


def between(operands: Operands, value: Value, low: Value, high: Value, node: exp.Expr) -> Tree:
    """value BETWEEN low AND high: one range where both are literals, else two comparisons."""
    if isinstance(value, Nothing) or isinstance(low, Nothing) or isinstance(high, Nothing):
        operands.source.fail("null_compare", "BETWEEN with NULL is never true", node, "leave that bound out")
    if not _is_literal(value) and _is_literal(low) and _is_literal(high) and not isinstance(value, Literal):
        _refuse_opaque(operands, value.type, node)
        first, last = (_exact(operands, value.type, bound, node) for bound in (low, high))
        if first is not None and last is not None:
            bounds = clip_range(max(range_of(">=", first[0])[0], VALUE_MIN), range_of("<=", last[0])[1])
            empty = range_of(">=", first[0]) == (1, 0) or range_of("<=", last[0]) == (1, 0)
            low_value, high_value = (1, 0) if empty else bounds
            return Range(value, low_value, high_value, False, "between", (first[1], last[1]))
    return And((compare(operands, ">=", value, low, node), compare(operands, "<=", value, high, node)))


def in_list(operands: Operands, value: Value, items: Sequence[Value], node: exp.Expr) -> Tree:
    """value IN (items)."""
    if not items:
        operands.source.fail("syntax", "IN wants at least one value", node)
    if any(isinstance(item, Nothing) for item in items):
        operands.source.fail(
            "null_compare", "NULL in IN (...) is never equal to anything", node, "add `OR ... IS NULL`"
        )
    tree = operands.settle(value, node)
    _refuse_opaque(operands, tree.type, node)
    if tree.type.kind is Kind.TEXT and all(isinstance(item, Words) for item in items):
        texts = tuple(dict.fromkeys(item.text for item in items if isinstance(item, Words)))
        return OneOf(tree, texts, False)
    if tree.type.kind in NUMERIC or tree.type.kind in (Kind.DATE, Kind.TIMESTAMP):
        exact = [_exact(operands, tree.type, item, node) for item in items if _is_literal(item)]
        literals = [found for found in exact if found is not None]
        if len(literals) == len(items):
            values = {range_of("=", number) for number, _ in literals}
            points = tuple(sorted(low for low, high in values if low <= high))
            return Members(tree, points, False, tuple(shown for _, shown in literals))
    parts = tuple(compare(operands, "=", value, item, node) for item in items)
    return parts[0] if len(parts) == 1 else Or(parts)
