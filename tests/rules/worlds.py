"""A catalogue to write rules in, rows to ask them of, and the three engines that must agree."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from opportune.facts import (
    MS_PER_DAY,
    NULL,
    VALUE_MAX,
    Kind,
    TextDictionary,
    ValueType,
    parse_scaled,
    value_type,
    zone_table,
)
from opportune.rules import (
    DUCKDB_SETTINGS,
    EVENT_AT,
    NOW,
    STACK_MAX,
    ZONE,
    Ref,
    Rule,
    RulePlanBuilder,
    Scope,
    evaluate,
    failing_clause,
    run_program,
    to_duckdb,
    zone_macro,
)
from opportune.rules.literals import parse_date, parse_moment

CASES = Path(__file__).parents[1] / "cases"
ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
TABLE = zone_table(ZONES)
MEMBERS = ("video", "music", "sport")

TAGS: dict[str, ValueType] = {
    "arpu": value_type(Kind.MONEY, 2),
    "spend_30d": value_type(Kind.MONEY, 2),
    "score": value_type(Kind.DECIMAL, 3),
    "calls_7d": value_type(Kind.INT),
    "data_mb": value_type(Kind.INT),
    "vip": value_type(Kind.BOOL),
    "churned": value_type(Kind.BOOL),
    "plan": value_type(Kind.TEXT),
    "city": value_type(Kind.TEXT),
    "birthday": value_type(Kind.DATE),
    "joined": value_type(Kind.DATE),
    "last_seen": value_type(Kind.TIMESTAMP),
    "interests": value_type(Kind.SET, members=MEMBERS),
    "order_no": value_type(Kind.KEY),
}
EVENT: dict[str, ValueType] = {
    "amount": value_type(Kind.MONEY, 2),
    "used_pct": value_type(Kind.INT),
    "product": value_type(Kind.TEXT),
}
SCOPE = Scope(TAGS, EVENT, 2, "Asia/Shanghai")

TYPES: dict[Ref, ValueType] = (
    {Ref("tag", name): found for name, found in TAGS.items()}
    | {Ref("event", name): found for name, found in EVENT.items()}
    | {EVENT_AT: value_type(Kind.TIMESTAMP), NOW: value_type(Kind.TIMESTAMP)}
)
REFS = [*TYPES, ZONE]

Row = dict[Ref, int | None]
TEXTS = ["gold", "silver", "gold plus", "", "Gold", "金卡", "é", "zebra", "a_b", "a%b", "😀", "\uffee", "north", "it's"]


def dictionary() -> TextDictionary:
    """A dictionary that knows the texts of generated rows."""
    return TextDictionary(TEXTS)


def encode(found: ValueType, value: Any, texts: TextDictionary) -> int | None:
    """A readable value of a case file as its encoded integer."""
    if value is None:
        return None
    match found.kind:
        case Kind.TEXT:
            return texts.intern(value)
        case Kind.MONEY | Kind.DECIMAL if isinstance(value, str):
            return parse_scaled(value, found.scale)
        case Kind.DATE if isinstance(value, str):
            return parse_date(value)
        case Kind.TIMESTAMP if isinstance(value, str):
            return parse_moment(value, "UTC")
        case Kind.SET:
            return sum(1 << MEMBERS.index(member) for member in value)
    return int(value)


def row_of(case: Mapping[str, Any], texts: TextDictionary) -> Row:
    """A case file's row: names as rules write them, `zone` a name of ZONES."""
    row: Row = dict.fromkeys(REFS)
    for name, value in case.items():
        if name == "zone":
            row[ZONE] = None if value is None else ZONES.index(value)
        elif name == "now":
            row[NOW] = encode(TYPES[NOW], value, texts)
        else:
            source, _, part = name.rpartition(".")
            ref = Ref(source or "tag", part)
            row[ref] = encode(TYPES[ref], value, texts)
    return row


def column_name(ref: Ref) -> str:
    """The physical column of a ref in the DuckDB table."""
    return f"r.{ref.source}_{ref.name}"


class Engines:
    """Rows in all three engines; asks them the same rule."""

    def __init__(self, rows: Sequence[Row], texts: TextDictionary) -> None:
        self.rows, self.texts = rows, texts
        self.registers = np.array([[_register(row.get(ref)) for ref in REFS] for row in rows], np.int64)
        self.stack = np.zeros(STACK_MAX, np.int64)
        self.table = connection()
        self.table.execute(f"CREATE OR REPLACE TEMP TABLE r AS {_values(rows, texts)}")

    def reference(self, rule: Rule) -> list[int | None]:
        """The reference's answers."""
        return [evaluate(rule, row, self.texts, TABLE) for row in self.rows]

    def kernel(self, rule: Rule, run: Callable[..., int] = run_program) -> list[int | None]:
        """The answers of the rule as a program."""
        builder = RulePlanBuilder(self.texts, REFS.index)
        program = builder.add_program(rule)
        plan = builder.build()
        found = [int(run(plan, program, registers, TABLE, self.stack)) for registers in self.registers]
        return [None if value == NULL else value for value in found]

    def clauses(self, rule: Rule, failing: Callable[..., int] = failing_clause) -> list[bool]:
        """Whether the condition holds, by its clauses."""
        builder = RulePlanBuilder(self.texts, REFS.index)
        first, count = builder.add(rule)
        plan = builder.build()
        return [failing(plan, first, count, registers, TABLE, self.stack) == -1 for registers in self.registers]

    def duckdb(self, rule: Rule) -> list[int | None]:
        """The answers of the rule as SQL; texts as their codes."""
        sql = to_duckdb(rule, column_name, encoded=True)
        found = self.table.execute(f"SELECT {sql} FROM r ORDER BY r.line").fetchall()
        return [self.texts.code(value) or None if isinstance(value, str) else value for (value,) in found]


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One DuckDB with the settings that rules ask for."""
    found = duckdb.connect()
    for name, value in DUCKDB_SETTINGS.items():
        found.execute(f"SET {name} = {value}")
    found.execute(zone_macro(ZONES))
    return found


def _register(value: int | None) -> int:
    return NULL if value is None else value


def _values(rows: Sequence[Row], texts: TextDictionary) -> str:
    def shown(ref: Ref, value: int | None) -> str:
        if ref == ZONE:
            return "NULL" if value is None else f"'{ZONES[value]}'"
        if value is None:
            return "NULL"
        if TYPES[ref].kind is Kind.TEXT:
            return "'" + texts.text(value).replace("'", "''") + "'"
        return str(value)

    def kind(ref: Ref) -> str:
        return "VARCHAR" if ref == ZONE or TYPES[ref].kind is Kind.TEXT else "BIGINT"

    names = ["line", *(f"{ref.source}_{ref.name}" for ref in REFS)]
    typed = ["line", *(f"CAST({n} AS {kind(ref)}) AS {n}" for n, ref in zip(names[1:], REFS, strict=True))]
    lines = ", ".join(
        f"({number}, {', '.join(shown(ref, row.get(ref)) for ref in REFS)})" for number, row in enumerate(rows)
    )
    return f"SELECT {', '.join(typed)} FROM (VALUES {lines}) AS v({', '.join(names)})"


EXTREMES = [0, 1, -1, 2, 100, VALUE_MAX, -VALUE_MAX, VALUE_MAX - 1, 2**31, -(2**31), 10**17, 3_037_000_500]
DAYS = [0, -1, 20_484, 20_485, 11_016, 10_957, -719_162, -719_163, 2_932_896, 2_932_897, 2**31 - 1, VALUE_MAX]
MOMENTS = [
    0, -1, 1_769_824_800_000, 1_768_435_200_000 - 1, 1_773_039_600_000, 1_773_039_599_999, 1_762_063_200_000,
    585_000_000_000, -86_400_001, 4_102_444_800_000, -62_135_424_000_000, 253_402_041_600_001, VALUE_MAX, -VALUE_MAX,
]  # fmt: skip


def random_row(chance: random.Random) -> Row:
    """A row with NULLs, extremes and values close to each other."""
    row: Row = {ZONE: chance.randrange(len(ZONES)) if chance.random() < 0.97 else None}
    for ref, found in TYPES.items():
        row[ref] = None if chance.random() < 0.15 else _random_value(found, chance)
    return row


def _random_value(found: ValueType, chance: random.Random) -> int:
    match found.kind:
        case Kind.BOOL:
            return chance.randrange(2)
        case Kind.TEXT:
            return chance.randint(1, len(TEXTS))
        case Kind.SET:
            return chance.randrange(8)
        case Kind.DATE:
            return chance.choice(DAYS) if chance.random() < 0.3 else chance.randint(18_000, 21_000)
        case Kind.TIMESTAMP:
            return (
                chance.choice(MOMENTS)
                if chance.random() < 0.3
                else chance.randint(18_000, 21_000) * MS_PER_DAY + chance.randrange(MS_PER_DAY)
            )
        case Kind.KEY:
            return chance.randrange(1_000)
    if chance.random() < 0.25:
        return chance.choice(EXTREMES)
    return chance.randint(-10, 10) if chance.random() < 0.5 else chance.randint(-20_000, 20_000)


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of tests/cases/<name>.json."""
    found: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text("utf-8"))["cases"]
    return found
