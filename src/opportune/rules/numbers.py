"""Types of numbers: how scales meet, which literals fit where, and what bounds a result has."""

import math
from fractions import Fraction

from opportune.facts import NULL, VALUE_MAX, Kind, ValueType, value_type
from opportune.rules.limits import SCALE_MAX
from opportune.rules.literals import Number
from opportune.rules.tree import Arithmetic, Constant, Negate, Scale, Tree

NUMERIC = frozenset((Kind.INT, Kind.DECIMAL, Kind.MONEY))
ORDERED = NUMERIC | {Kind.DATE, Kind.TIMESTAMP}
VALUE_MIN = NULL + 1


def clipped(kind: Kind, scale: int, low: int, high: int) -> ValueType:
    """A type of these bounds, kept within what a value can be."""
    return ValueType(kind, scale, max(VALUE_MIN, min(low, VALUE_MAX)), min(VALUE_MAX, max(high, VALUE_MIN)))


def constant_of(number: Number, scale: int | None = None, kind: Kind | None = None) -> Constant:
    """A number literal as a value of `scale` (its own decimals if absent). Raises ValueError where it does not fit."""
    wanted = number.scale if scale is None else scale
    if wanted > SCALE_MAX:
        raise ValueError(f"`{number.text}` has more than {SCALE_MAX} decimals")
    encoded = number.value * 10**wanted
    if encoded.denominator != 1:
        raise ValueError(f"`{number.text}` has more than {wanted} decimals")
    value = int(encoded)
    if not VALUE_MIN <= value <= VALUE_MAX:
        raise ValueError(f"`{number.text}` is too large")
    kind = kind or (Kind.DECIMAL if wanted else Kind.INT)
    return Constant(value, ValueType(kind, wanted, value, value), number.text)


def rescaled(tree: Tree, scale: int) -> Tree:
    """The same number with `scale` decimals, which must not be fewer than it has. Raises ValueError for a literal that grows too large."""
    digits = scale - tree.type.scale
    if digits == 0:
        return tree
    kind = Kind.DECIMAL if tree.type.kind is Kind.INT else tree.type.kind
    factor = 10**digits
    if isinstance(tree, Constant):
        value = tree.value if tree.value == NULL else tree.value * factor
        if value != NULL and not VALUE_MIN <= value <= VALUE_MAX:
            raise ValueError(f"`{tree.shown}` is too large")
        return Constant(value, clipped(kind, scale, value, value), tree.shown)
    return Scale(tree, digits, clipped(kind, scale, tree.type.low * factor, tree.type.high * factor))


def result_kind(left: ValueType, right: ValueType, scale: int, money_scale: int, op: str) -> Kind:
    """Money stays money where its scale allows and it is no ratio or product of two moneys."""
    moneys = (left.kind is Kind.MONEY) + (right.kind is Kind.MONEY)
    if (
        moneys
        and scale == money_scale
        and not (op in "*/" and moneys == 2)
        and not (op == "/" and left.kind is not Kind.MONEY)
    ):
        return Kind.MONEY
    return Kind.DECIMAL if scale else Kind.INT


def arithmetic(op: str, left: Tree, right: Tree, money_scale: int) -> Arithmetic:
    """left op right over numbers, scales aligned. Raises ValueError where the scale would pass SCALE_MAX or a literal grows too large."""
    a, b = left.type, right.type
    if op == "*":
        scale = a.scale + b.scale
        if scale > SCALE_MAX:
            raise ValueError(f"the product has {scale} decimals; at most {SCALE_MAX} are allowed")
    else:
        scale = max(a.scale, b.scale)
        if op == "/":
            if scale - a.scale + b.scale > SCALE_MAX:
                raise ValueError(f"the quotient needs more than {SCALE_MAX} decimals")
            left = rescaled(left, scale + b.scale)
        else:
            left, right = rescaled(left, scale), rescaled(right, scale)
    low, high = _bounds(op, left.type, right.type)
    return Arithmetic(op, left, right, clipped(result_kind(a, b, scale, money_scale, op), scale, low, high))


def _bounds(op: str, a: ValueType, b: ValueType) -> tuple[int, int]:
    if op == "+":
        return a.low + b.low, a.high + b.high
    if op == "-":
        return a.low - b.high, a.high - b.low
    if op == "*":
        corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return min(corners), max(corners)
    largest = max(abs(a.low), abs(a.high))
    return -largest, largest


def negated(tree: Tree) -> Tree:
    """The number with the other sign."""
    return Negate(tree, clipped(tree.type.kind, tree.type.scale, -tree.type.high, -tree.type.low))


def range_of(op: str, value: Fraction) -> tuple[int, int]:
    """The encoded integers x with `x op value`, as (low, high), low > high for none; op <> gives the range of =."""
    low, high = VALUE_MIN, VALUE_MAX
    if op in ("=", "<>"):
        low, high = math.ceil(value), math.floor(value)
    elif op == ">":
        low = math.floor(value) + 1
    elif op == ">=":
        low = math.ceil(value)
    elif op == "<":
        high = math.ceil(value) - 1
    else:
        high = math.floor(value)
    return clip_range(low, high)


def clip_range(low: int, high: int) -> tuple[int, int]:
    """The range within what a value can be; (1, 0) where nothing is left."""
    low, high = max(low, VALUE_MIN), min(high, VALUE_MAX)
    return (low, high) if low <= high else (1, 0)


def widest(types: list[ValueType], kind: Kind, scale: int) -> ValueType:
    """A type that holds every value of `types`, which are of one scale."""
    if kind in (Kind.BOOL, Kind.TEXT):
        return value_type(kind)
    return clipped(kind, scale, min(t.low for t in types), max(t.high for t in types))
