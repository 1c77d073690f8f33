"""Operands of a rule: literals settle on a type, numbers meet in arithmetic, values of a CASE become one type, functions type their arguments."""

from collections.abc import Sequence

from sqlglot import exp

from opportune.facts import NULL, Kind, ValueType
from opportune.rules.literals import Literal, Nothing, Number, Words, parse_date, parse_moment
from opportune.rules.numbers import NUMERIC, ORDERED, arithmetic, clipped, constant_of, negated, rescaled, widest
from opportune.rules.scope import Scope
from opportune.rules.syntax import Source
from opportune.rules.tree import DATE, INT, NOW, TEXT, TIMESTAMP, Arithmetic, Call, Column, Constant, Text, Tree

Value = Tree | Literal

_NAMES = {
    Kind.BOOL: "a yes-or-no value",
    Kind.INT: "a whole number",
    Kind.DECIMAL: "a decimal number",
    Kind.MONEY: "an amount of money",
    Kind.DATE: "a date",
    Kind.TIMESTAMP: "a moment",
    Kind.TEXT: "a text",
    Kind.KEY: "a key",
    Kind.SET: "a set",
}
_CALENDAR = {"local_hour": (0, 23), "weekday": (1, 7), "day_of_month": (1, 31), "month": (1, 12), "year": (1, 9999)}


def describe(what: ValueType | Literal) -> str:
    """A type in words, for messages."""
    if isinstance(what, ValueType):
        return _NAMES[what.kind]
    return {Number: "a number", Words: "a text", Nothing: "NULL"}[type(what)]


class Operands:
    """Typing of operands within one rule; problems carry the place of the parser's node."""

    def __init__(self, source: Source, scope: Scope) -> None:
        self.source, self.scope = source, scope

    def settle(self, value: Value, node: exp.Expr) -> Tree:
        """A literal as what it is by itself: a number, a text; NULL has no type of its own."""
        if isinstance(value, Number):
            return self._constant(value, None, None, node)
        if isinstance(value, Words):
            return Text(value.text)
        if isinstance(value, Nothing):
            self.source.fail("null_compare", "NULL is not allowed here", node, "write IS NULL or IS NOT NULL")
        return value

    def as_type(self, value: Value, wanted: ValueType, node: exp.Expr) -> Tree:
        """A literal as a value of the wanted kind (a number keeps its own decimals if it has more than wanted)."""
        if isinstance(value, Nothing):
            return Constant(NULL, wanted, "NULL") if wanted.kind is not Kind.TEXT else Constant(NULL, TEXT, "NULL")
        if isinstance(value, Number) and wanted.kind in NUMERIC:
            return self._constant(value, max(value.scale, wanted.scale), wanted.kind, node)
        if isinstance(value, Words) and wanted.kind in (Kind.DATE, Kind.TIMESTAMP):
            return self.calendar(value, wanted, node)
        if isinstance(value, Words) and wanted.kind is Kind.TEXT:
            return Text(value.text)
        if isinstance(value, Literal):
            self.source.fail("type", f"{describe(wanted)} is wanted here, but this is {describe(value)}", node)
        return value

    def calendar(self, value: Words, wanted: ValueType, node: exp.Expr) -> Constant:
        """An ISO text as the date or moment it is compared with."""
        try:
            if wanted.kind is Kind.DATE:
                return Constant(parse_date(value.text), DATE, value.text)
            return Constant(parse_moment(value.text, self.scope.zone), TIMESTAMP, value.text)
        except ValueError as error:
            hint = "for whole days compare local_date(...)" if wanted.kind is Kind.TIMESTAMP else ""
            self.source.fail("literal", str(error), node, hint)

    def _constant(self, value: Number, scale: int | None, kind: Kind | None, node: exp.Expr) -> Constant:
        try:
            return constant_of(value, scale, kind if kind is not Kind.INT or not scale else Kind.DECIMAL)
        except ValueError as error:
            self.source.fail("literal", str(error), node)

    def negative(self, value: Value, node: exp.Expr) -> Value:
        """-value."""
        if isinstance(value, Number):
            return Number(value.text[1:] if value.text.startswith("-") else "-" + value.text)
        tree = self.settle(value, node)
        if tree.type.kind not in NUMERIC:
            self.source.fail("type", f"`-` is for numbers, but this is {describe(tree.type)}", node)
        return negated(tree)

    def arithmetic(self, op: str, left: Value, right: Value, node: exp.Expr) -> Tree:
        """left op right: numbers with their scales aligned, a date and days, or the days between two dates."""
        a, b = self.settle(left, node), self.settle(right, node)
        kinds = (a.type.kind, b.type.kind)
        if kinds[0] in NUMERIC and kinds[1] in NUMERIC:
            try:
                return arithmetic(op, a, b, self.scope.money_scale)
            except ValueError as error:
                self.source.fail("type", str(error), node, "use fewer decimals")
        if op in "+-" and kinds == (Kind.DATE, Kind.INT):
            return Arithmetic(op, a, b, DATE)
        if op == "-" and kinds == (Kind.DATE, Kind.DATE):
            return Arithmetic(op, a, b, INT)
        hint = "use days_since(...) or hours_since(...)" if Kind.TIMESTAMP in kinds or Kind.DATE in kinds else ""
        message = f"`{op}` does not go between {describe(a.type)} and {describe(b.type)}"
        raise self.source.problem("type", message, node, hint)

    def unified(self, values: Sequence[tuple[Value, exp.Expr]], node: exp.Expr) -> list[Tree]:
        """The values as one type, for CASE, COALESCE, LEAST and GREATEST."""
        typed = [value for value, _ in values if not isinstance(value, Literal)]
        literals = [value for value, _ in values if isinstance(value, Number | Words)]
        if not typed and not literals:
            self.source.fail("type", "NULL alone has no type", node)
        wanted = typed[0].type if typed else self.settle(literals[0], node).type
        if wanted.kind in (Kind.SET, Kind.KEY):
            self.source.fail("type", f"{describe(wanted)} cannot be chosen here", node)
        numeric = wanted.kind in NUMERIC
        for value, at in values:
            kind = None if isinstance(value, Literal) else value.type.kind
            if kind is not None and kind is not wanted.kind and not (numeric and kind in NUMERIC):
                message = f"all values must be of one type, but {describe(wanted)} meets {describe(_type(value))}"
                self.source.fail("type", message, at)
        trees = [self.as_type(value, wanted, at) for value, at in values]
        if not numeric:
            return trees
        scale = max(tree.type.scale for tree in trees)
        try:
            return [rescaled(tree, scale) for tree in trees]
        except ValueError as error:
            self.source.fail("literal", str(error), node)

    def widest(self, trees: Sequence[Tree]) -> ValueType:
        """The type that holds all of the unified trees."""
        typed = [tree.type for tree in trees if not (isinstance(tree, Constant) and tree.value == NULL)] or [
            trees[0].type
        ]
        kind, scale = typed[0].kind, typed[0].scale
        if kind in NUMERIC:
            moneys = any(t.kind is Kind.MONEY for t in typed) and scale == self.scope.money_scale
            kind = Kind.MONEY if moneys else Kind.DECIMAL if scale else Kind.INT
        return widest(typed, kind, scale)

    def call(self, name: str, arguments: Sequence[tuple[Value, exp.Expr]], node: exp.Expr) -> Tree:
        """A call of the function table, other than contains()."""
        if name in ("coalesce", "least", "greatest"):
            trees = self.unified(arguments, node)
            if name != "coalesce" and trees[0].type.kind not in ORDERED:
                self.source.fail("type", f"{name}() does not order {describe(trees[0].type)}", node)
            return Call(name, tuple(trees), self.widest(trees))
        value, at = arguments[0]
        if name == "abs":
            tree = self.settle(value, at)
            if tree.type.kind not in NUMERIC:
                self.source.fail("type", f"abs() is for numbers, but this is {describe(tree.type)}", at)
            most = max(abs(tree.type.low), abs(tree.type.high))
            return Call(name, (tree,), clipped(tree.type.kind, tree.type.scale, 0, most))
        return self._calendar_call(name, value, at)

    def _calendar_call(self, name: str, value: Value, at: exp.Expr) -> Tree:
        tree = self.settle(value, at)
        kind = tree.type.kind
        if kind is Kind.DATE and name in ("local_hour", "local_date"):
            hint = "a date has no hour" if name == "local_hour" else "it is a date already"
            self.source.fail("type", f"{name}() wants a moment, but this is a date", at, hint)
        if kind not in (Kind.DATE, Kind.TIMESTAMP):
            hint = "write DATE '2026-01-31'" if kind is Kind.TEXT else "for example now or event.at"
            self.source.fail("type", f"{name}() wants a date or a moment, but this is {describe(tree.type)}", at, hint)
        if name in ("days_since", "hours_since"):
            return Call(name, (tree, Column(NOW, TIMESTAMP)), INT)
        if name == "local_date":
            return Call(name, (tree,), DATE)
        low, high = _CALENDAR[name]
        return Call(name, (tree,), clipped(Kind.INT, 0, low, high))


def _type(value: Value) -> ValueType | Literal:
    return value if isinstance(value, Literal) else value.type
