"""The reference: a rule evaluated by walking its tree in plain Python. Where engines differ, this is right.

Values are encoded as in facts.values, NULL as None. Nothing here is shared with the kernel or with DuckDB.
"""

import datetime
import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import lru_cache

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, VALUE_MAX, Kind, TextDictionary, ZoneTable
from opportune.rules.calendar import DAY_MAX, DAY_MIN, MOMENT_MAX, MOMENT_MIN
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

Row = Mapping[Ref, int | None]

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(rule: Rule, row: Row, dictionary: TextDictionary, zones: ZoneTable) -> int | None:
    """The rule's encoded value for one row, None for NULL; a condition gives 1, 0 or None.

    `row` maps what the rule reads to encoded values (None or facts.NULL where unknown). A text that the rule itself says
    gets a code of the dictionary.
    """
    return _Walk(row, dictionary, zones).value(rule.tree)


@lru_cache(maxsize=512)
def pattern_of(like: str) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression for `fullmatch`: % is any characters, _ is one."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in re.sub("%+", "%", like)), re.DOTALL)


def text_matches(op: str, pattern: str, text: str) -> bool:
    """text LIKE pattern, or text < <= > >= pattern by Unicode code point."""
    match op:
        case "like":
            return pattern_of(pattern).fullmatch(text) is not None
        case "<":
            return text < pattern
        case "<=":
            return text <= pattern
        case ">":
            return text > pattern
        case _:
            return text >= pattern


class _Walk:
    def __init__(self, row: Row, dictionary: TextDictionary, zones: ZoneTable) -> None:
        self._row, self._dictionary, self._zones = row, dictionary, zones

    def value(self, tree: Tree) -> int | None:
        match tree:
            case Column():
                found = self._row.get(tree.ref)
                return None if found is None or found == NULL else int(found)
            case Constant():
                return None if tree.value == NULL else tree.value
            case Text():
                return self._dictionary.intern(tree.value)
            case And() | Or():
                return self._connect([self.value(part) for part in tree.parts], 0 if isinstance(tree, And) else 1)
            case IsNull():
                return int((self.value(tree.operand) is None) != tree.negated)
            case Truth():
                return int((self.value(tree.operand) == tree.want) != tree.negated)
            case Case():
                for condition, result in tree.branches:
                    if self.value(condition) == 1:
                        return self.value(result)
                return self.value(tree.otherwise)
            case Compare() | Arithmetic():
                left, right = self.value(tree.left), self.value(tree.right)
                if left is None or right is None:
                    return None
                return (
                    int(_COMPARE[tree.op](left, right))
                    if isinstance(tree, Compare)
                    else _arithmetic(tree.op, left, right)
                )
            case Call():
                return self._call(tree)
            case _:
                operand = self.value(tree.operand)
                return None if operand is None else self._of_one(tree, operand)

    def _connect(self, values: list[int | None], deciding: int) -> int | None:
        if deciding in values:
            return deciding
        return None if None in values else 1 - deciding

    def _of_one(self, tree: Tree, operand: int) -> int | None:
        match tree:
            case Range():
                return int((tree.low <= operand <= tree.high) != tree.negated)
            case Members():
                return int((operand in tree.values) != tree.negated)
            case OneOf():
                return int((self._dictionary.text(operand) in tree.texts) != tree.negated)
            case Match():
                return int(text_matches(tree.op, tree.pattern, self._dictionary.text(operand)) != tree.negated)
            case Contains():
                return operand >> tree.bit & 1
            case Not():
                return 1 - operand
            case Negate():
                return -operand
            case Scale():
                return _fits(operand * 10**tree.digits)
        raise AssertionError(f"no reference for {type(tree).__name__}")

    def _call(self, call: Call) -> int | None:
        values = [self.value(argument) for argument in call.arguments]
        known = [value for value in values if value is not None]
        match call.function:
            case "coalesce":
                return known[0] if known else None
            case "least":
                return min(known, default=None)
            case "greatest":
                return max(known, default=None)
        if len(known) < len(values):
            return None
        is_date = call.arguments[0].type.kind is Kind.DATE
        match call.function:
            case "abs":
                return abs(known[0])
            case "days_since":
                return self._days_since(known[0], known[1], is_date)
            case "hours_since":
                return self._hours_since(known[0], known[1], is_date)
        return self._calendar(call.function, known[0], is_date)

    def _local(self, moment: int) -> int | None:
        """Local milliseconds of a moment; None beyond the calendar or without a zone."""
        zone = self._row.get(ZONE)
        if zone is None or not 0 <= zone < len(self._zones.first) - 1 or not MOMENT_MIN <= moment <= MOMENT_MAX:
            return None
        first, last = int(self._zones.first[zone]), int(self._zones.first[zone + 1])
        changes = self._zones.at[first:last].tolist()
        return moment + int(self._zones.offset[first + bisect_right(changes, moment) - 1])

    def _days_since(self, since: int, now: int, is_date: bool) -> int | None:
        local_now = self._local(now)
        local_then = since * MS_PER_DAY if is_date else self._local(since)
        if local_now is None or local_then is None:
            return None
        return _fits(local_now // MS_PER_DAY - local_then // MS_PER_DAY)

    def _hours_since(self, since: int, now: int, is_date: bool) -> int | None:
        if not is_date:
            return _arithmetic("/", difference, MS_PER_HOUR) if (difference := _fits(now - since)) is not None else None
        local_now, midnight = self._local(now), _fits(since * MS_PER_DAY)
        if local_now is None or midnight is None or (passed := _fits(local_now - midnight)) is None:
            return None
        return _arithmetic("/", passed, MS_PER_HOUR)

    def _calendar(self, function: str, value: int, is_date: bool) -> int | None:
        local = None if is_date else self._local(value)
        if not is_date and local is None:
            return None
        day = value if local is None else local // MS_PER_DAY
        if function == "local_hour":
            return None if local is None else local % MS_PER_DAY // MS_PER_HOUR
        if function == "local_date":
            return day
        if not DAY_MIN <= day <= DAY_MAX:
            return None
        date = datetime.date.fromordinal(day + _EPOCH)
        return {"weekday": date.isoweekday(), "day_of_month": date.day, "month": date.month, "year": date.year}[
            function
        ]


def _fits(value: int) -> int | None:
    return value if NULL < value <= VALUE_MAX else None


def _arithmetic(op: str, left: int, right: int) -> int | None:
    match op:
        case "+":
            return _fits(left + right)
        case "-":
            return _fits(left - right)
        case "*":
            return _fits(left * right)
    if right == 0:
        return None
    size = abs(left) // abs(right)
    return _fits(size if (left < 0) == (right < 0) else -size)
