"""DuckDB SQL of a rule, built as sqlglot trees over physical columns.

Columns are BIGINT, encoded as in facts.values, except texts, which are VARCHAR; NULL is SQL's NULL. Overflow and x / 0 are
NULL through TRY. Local time does not come from DuckDB's ICU, whose time-zone data may differ from ours, but from a macro
made of the very transitions that the kernel uses.
"""

from collections.abc import Callable, Sequence

import sqlglot
from sqlglot import exp

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, VALUE_MAX, Kind, transitions
from opportune.rules.calendar import DAY_MAX, DAY_MIN, MOMENT_MAX, MOMENT_MIN
from opportune.rules.numbers import VALUE_MIN
from opportune.rules.syntax import DIALECT
from opportune.rules.tree import (
    ZONE,
    And,
    Arithmetic,
    Call,
    Case,
    Column,
    Compare,
    Constant,
    Contains,
    IsNull,
    Match,
    Members,
    Negate,
    Not,
    OneOf,
    Or,
    Range,
    Ref,
    Rule,
    Scale,
    Text,
    Tree,
    Truth,
)

ZONE_MACRO = "opportune_zone_offset"
DUCKDB_ZONES_MAX = 64
DUCKDB_SETTINGS: dict[str, str] = {"enable_external_access": "false"}
"""Settings of the caller's connection. None changes an answer; this one keeps a query away from files and downloads."""

_COMPARE: dict[str, type[exp.Binary]] = {
    "=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE,
}  # fmt: skip
_ARITHMETIC: dict[str, type[exp.Binary]] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}
_CALENDAR = {"weekday": "isodow", "day_of_month": "dayofmonth", "month": "month", "year": "year"}


def to_duckdb(rule: Rule, columns: Callable[[Ref], str], *, encoded: bool = False) -> str:
    """The rule as a DuckDB expression; `columns` gives the SQL of what the rule reads (the zone as a VARCHAR zone name).

    A condition becomes a BOOLEAN, or with `encoded` a BIGINT 1, 0 or NULL; texts are VARCHAR, all else BIGINT. Rules that
    read local time need the macro of `zone_macro` in the connection.
    """
    lowering = _Lowering(columns)
    found = lowering.value(rule.tree) if encoded or rule.type.kind is not Kind.BOOL else lowering.condition(rule.tree)
    return found.sql(dialect=DIALECT, normalize_functions=False)


def zone_macro(zones: Sequence[str]) -> str:
    """The statement that creates ZONE_MACRO(zone, moment) -> ms to add, for these zones; NULL for others. Raises ValueError."""
    if len(zones) > DUCKDB_ZONES_MAX:
        raise ValueError(f"{len(zones)} time zones; one query knows at most {DUCKDB_ZONES_MAX}")
    found = exp.Case(this=exp.column("zone_name"))
    for zone in sorted(set(zones)):
        found = found.when(exp.Literal.string(zone), _offsets(transitions(zone)))
    return f"CREATE OR REPLACE TEMP MACRO {ZONE_MACRO}(zone_name, moment) AS {found.sql(dialect=DIALECT)}"


def _offsets(changes: Sequence[tuple[int, int]]) -> exp.Expr:
    """A balanced CASE over the transitions, so that a moment takes few comparisons."""
    if len(changes) == 1:
        return _bigint(changes[0][1])
    middle = len(changes) // 2
    earlier = exp.LT(this=exp.column("moment"), expression=_bigint(changes[middle][0]))
    return exp.Case().when(earlier, _offsets(changes[:middle])).else_(_offsets(changes[middle:]))


def _bigint(value: int) -> exp.Expr:
    """A BIGINT constant; the cast keeps arithmetic of small constants from being done in 32 bits."""
    if value == NULL:
        return exp.cast(exp.null(), "BIGINT")
    return exp.cast(exp.Literal.number(value), "BIGINT")


def _number(value: int) -> exp.Expr:
    """A constant beside a BIGINT column, which decides the width."""
    return exp.Literal.number(value)


def _range(operand: exp.Expr, low: int, high: int) -> exp.Expr:
    if low == high:
        return exp.EQ(this=operand, expression=_number(low))
    if low == VALUE_MIN and high < VALUE_MAX:
        return exp.LTE(this=operand, expression=_number(high))
    if high == VALUE_MAX and low > VALUE_MIN:
        return exp.GTE(this=operand, expression=_number(low))
    return exp.Between(this=operand, low=_number(low), high=_number(high))


def _try(value: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="TRY", expressions=[value])


def _paren(value: exp.Expr) -> exp.Expr:
    simple = isinstance(value, exp.Column | exp.Literal | exp.Paren | exp.Case | exp.Cast | exp.Anonymous)
    return value if simple else exp.Paren(this=value)


class _Lowering:
    def __init__(self, columns: Callable[[Ref], str]) -> None:
        self._columns = columns

    def column(self, ref: Ref) -> exp.Expr:
        return _paren(sqlglot.parse_one(self._columns(ref), dialect=DIALECT))

    def condition(self, tree: Tree) -> exp.Expr:
        """A BOOLEAN expression for a tree of kind bool."""
        match tree:
            case And() | Or():
                parts = [_paren(self.condition(part)) for part in tree.parts]
                return exp.and_(*parts, copy=False) if isinstance(tree, And) else exp.or_(*parts, copy=False)
            case Not():
                return exp.Not(this=_paren(self.condition(tree.operand)))
            case Truth():
                wanted = exp.Is(this=_paren(self.condition(tree.operand)), expression=exp.Boolean(this=bool(tree.want)))
                return exp.Not(this=exp.Paren(this=wanted)) if tree.negated else wanted
            case IsNull():
                null = exp.Is(this=self._operand(tree.operand), expression=exp.null())
                return exp.Not(this=exp.Paren(this=null)) if tree.negated else null
            case Compare():
                return _COMPARE[tree.op](this=self._operand(tree.left), expression=self._operand(tree.right))
            case Range() | Members() | OneOf() | Match() | Contains():
                return self._test(tree)
            case _:
                return exp.EQ(this=self._operand(tree), expression=_number(1))

    def _test(self, tree: Range | Members | OneOf | Match | Contains) -> exp.Expr:
        operand = self._operand(tree.operand)
        found: exp.Expr
        match tree:
            case Contains():
                bit = exp.BitwiseAnd(this=operand, expression=_bigint(1 << tree.bit))
                return exp.NEQ(this=exp.Paren(this=bit), expression=_number(0))
            case Range():
                found = _range(operand, tree.low, tree.high)
            case Members() if not tree.values:
                found = _range(operand, 1, 0)
            case Members():
                found = exp.In(this=operand, expressions=[_number(value) for value in tree.values])
            case OneOf():
                found = exp.In(this=operand, expressions=[exp.Literal.string(text) for text in tree.texts])
            case Match():
                pattern = exp.Literal.string(tree.pattern)
                found = (
                    exp.Like(this=operand, expression=pattern)
                    if tree.op == "like"
                    else _COMPARE[tree.op](this=operand, expression=pattern)
                )
        return exp.Not(this=exp.Paren(this=found)) if tree.negated else found

    def _operand(self, tree: Tree) -> exp.Expr:
        return _paren(self.value(tree))

    def value(self, tree: Tree) -> exp.Expr:
        """A BIGINT (VARCHAR for texts) expression."""
        match tree:
            case Column():
                return self.column(tree.ref)
            case Constant() if tree.type.kind is Kind.TEXT:
                return exp.cast(exp.null(), "VARCHAR")
            case Constant():
                return _bigint(tree.value)
            case Text():
                return exp.Literal.string(tree.value)
            case Arithmetic():
                return self._arithmetic(tree)
            case Scale():
                return _checked(exp.Mul(this=self._operand(tree.operand), expression=_bigint(10**tree.digits)))
            case Negate():
                return exp.Neg(this=_paren(self._operand(tree.operand)))
            case Case():
                found = exp.Case()
                for condition, result in tree.branches:
                    found = found.when(self.condition(condition), self.value(result), copy=False)
                return found.else_(self.value(tree.otherwise), copy=False)
            case Call():
                return self._call(tree)
            case _:
                return exp.cast(self.condition(tree), "BIGINT")

    def _arithmetic(self, tree: Arithmetic) -> exp.Expr:
        left, right = self._operand(tree.left), self._operand(tree.right)
        if tree.op == "/":
            return _try(exp.IntDiv(this=left, expression=right))
        return _checked(_ARITHMETIC[tree.op](this=left, expression=right))

    def _call(self, call: Call) -> exp.Expr:
        values = [self.value(argument) for argument in call.arguments]
        match call.function:
            case "coalesce" | "least" | "greatest" | "abs":
                return exp.Anonymous(this=call.function.upper(), expressions=values)
            case "days_since":
                then = self._day(call.arguments[0])
                return _checked(exp.Sub(this=self._day(call.arguments[1]), expression=_paren(then)))
            case "hours_since":
                return self._hours_since(call)
            case "local_hour":
                hour = exp.IntDiv(
                    this=exp.Paren(this=_floor_mod(self._local(call.arguments[0]))), expression=_bigint(MS_PER_HOUR)
                )
                return exp.Paren(this=hour)
            case "local_date":
                return self._day(call.arguments[0])
        day = _paren(self._day(call.arguments[0]))
        date = exp.Add(
            this=exp.cast(exp.Literal.string("1970-01-01"), "DATE"), expression=exp.cast(day.copy(), "INTEGER")
        )
        part = exp.Anonymous(this=_CALENDAR[call.function], expressions=[date])
        return _within(day, DAY_MIN, DAY_MAX, exp.cast(part, "BIGINT"))

    def _hours_since(self, call: Call) -> exp.Expr:
        then, now = call.arguments
        if then.type.kind is Kind.DATE:
            midnight = _checked(exp.Mul(this=self._operand(then), expression=_bigint(MS_PER_DAY)))
            passed = _checked(exp.Sub(this=_paren(self._local(now)), expression=_paren(midnight)))
        else:
            passed = _checked(exp.Sub(this=self._operand(now), expression=self._operand(then)))
        return exp.Paren(this=exp.IntDiv(this=_paren(passed), expression=_bigint(MS_PER_HOUR)))

    def _day(self, tree: Tree) -> exp.Expr:
        """The local day of a moment, or the date itself."""
        if tree.type.kind is Kind.DATE:
            return self.value(tree)
        local = self._local(tree)
        whole = exp.Sub(this=_paren(local), expression=exp.Paren(this=_floor_mod(local.copy())))
        return exp.Paren(this=exp.IntDiv(this=exp.Paren(this=whole), expression=_bigint(MS_PER_DAY)))

    def _local(self, tree: Tree) -> exp.Expr:
        """Local milliseconds of a moment; NULL beyond the calendar, as DuckDB's own calendar ends elsewhere."""
        moment = self._operand(tree)
        offset = exp.Anonymous(this=ZONE_MACRO, expressions=[self.column(ZONE), moment.copy()])
        return _within(moment, MOMENT_MIN, MOMENT_MAX, exp.Add(this=moment.copy(), expression=offset))


def _checked(value: exp.Expr) -> exp.Expr:
    """NULL where the result is beyond 64 bits or is the integer that stands for NULL (whose negation is beyond them)."""
    return exp.Paren(this=exp.Neg(this=_try(exp.Neg(this=exp.Paren(this=value)))))


def _within(value: exp.Expr, low: int, high: int, result: exp.Expr) -> exp.Expr:
    return exp.Case().when(_range(value, low, high), result, copy=False)


def _floor_mod(local: exp.Expr) -> exp.Expr:
    """Milliseconds since local midnight; SQL's remainder takes the sign of the dividend, so moments before 1970 need the day added."""
    day = exp.Literal.number(MS_PER_DAY)
    remainder = exp.Paren(this=exp.Mod(this=_paren(local), expression=_bigint(MS_PER_DAY)))
    lifted = exp.Paren(this=exp.Add(this=remainder, expression=day))
    return exp.Mod(this=lifted, expression=day.copy())
