"""Which customers a condition over their tags holds for now: by the kernel's rule machine, over copies of the engine's columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine, Playbook
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, zone_offset
from opportune.operations.touch import RefusedError
from opportune.profiles import RECORDS, WIDE_PLACE, point_records, read_column, roll_rows
from opportune.rules import (
    NOW,
    STACK_MAX,
    ZONE,
    Ref,
    Rule,
    RuleError,
    RulePlan,
    RulePlanBuilder,
    check_condition,
    hold_rows,
)

ROWS_PER_LOOK = 50_000
"""Customers whose columns are copied while the engine is at rest."""


class Look(NamedTuple):
    """What a condition needs of customers `first` on: registers i8[customers, registers] and its compiled form.

    `gone` are the numbers of those who were forgotten, and those that were merged into another's.
    """

    first: int
    registers: NDArray[np.int64]
    plan: RulePlan
    clauses: tuple[int, int]
    programs: NDArray[np.int64]
    zones: Any
    customers: int
    gone: NDArray[np.intp]


def check_segment(playbook: Playbook, text: str) -> Rule:
    """A condition over tags. Raises RefusedError where it is wrong, or asks for a tag that has no column."""
    try:
        rule = check_condition(text, playbook.vocabulary.scope(None), where="where")
    except RuleError as error:
        raise RefusedError("bad_rule", str(error)) from error
    names = playbook.numbering.names["tag"]
    columns = {names[number] for number in playbook.layout.columns}
    for name in _tags(playbook, rule):
        if name in playbook.vocabulary.rules or name in columns:
            continue
        definition = playbook.definitions.tags[name]
        if definition.sensitivity == "personal":
            raise RefusedError("personal_tag", f"`{name}` is personal: its values never reach the engine")
        raise RefusedError(
            "no_column", f"no campaign's rule reads the tag `{name}`, so it is not kept at hand: use it in one"
        )
    return rule


def look(engine: Engine, text: str, first: int) -> Look:
    """Copy what the condition reads of up to ROWS_PER_LOOK customers from `first` on; with the engine at rest.

    Raises RefusedError.
    """
    rule = check_segment(engine.playbook, text)
    return _look(engine, _tags(engine.playbook, rule), rule, first, ROWS_PER_LOOK)


def read_tags(engine: Engine, tags: Sequence[str], first: int, rows: int) -> dict[str, NDArray[np.int64]]:
    """The encoded values (NULL where unknown) that tags of these customers have now, rule tags too; with the engine at rest.

    Only tags that have a column, or a rule over such.
    """
    needed: dict[str, None] = {}
    for tag in tags:
        rule = engine.playbook.vocabulary.rules.get(tag)
        needed |= dict.fromkeys([*(_tags(engine.playbook, rule) if rule is not None else ()), tag])
    found = _look(engine, list(needed), None, first, rows)
    held_by(found)
    at = {tag: place for place, tag in enumerate(needed, 2)}
    return {tag: found.registers[:, at[tag]] for tag in tags}


def readable_tags(playbook: Playbook) -> list[str]:
    """The tags that have a column, or a rule over tags that have."""
    names = playbook.numbering.names["tag"]
    columns = {names[number] for number in playbook.layout.columns}
    rules = playbook.vocabulary.rules
    return [
        name
        for name in playbook.definitions.tags
        if name in columns
        or (name in rules and all(one in columns or one in rules for one in _tags(playbook, rules[name])))
    ]


class ColumnPlan:
    """How registers are filled: those of a few columns, and programs for rule tags. Made once for a playbook, it follows the dictionary."""

    def __init__(self, engine: Engine, tags: Sequence[str], rule: Rule | None = None) -> None:
        """`tags` name rule tags after what they depend on; `rule` is a condition over them."""
        self.playbook = engine.playbook
        self.numbers: dict[Ref, int] = {
            ref: at for at, ref in enumerate((NOW, ZONE, *(Ref("tag", name) for name in tags)))
        }
        rules = self.playbook.vocabulary.rules
        self._builder = RulePlanBuilder(engine.dictionary, self.numbers.__getitem__)
        programs = [(self._builder.add_program(rules[n]), self.numbers[Ref("tag", n)]) for n in tags if n in rules]
        self._programs = np.array(programs or np.empty((0, 2)), np.int64).reshape(-1, 2)
        self._clauses = (0, 0) if rule is None else self._builder.add(rule)
        self._plan, self._texts = self._builder.build(), len(engine.dictionary)

    def look(self, records: NDArray[np.uint8], rows: int, first: int, engine: Engine, now_ms: int) -> Look:
        """The registers of records (copies, rolled to now), for `held_by`."""
        if len(engine.dictionary) != self._texts:
            self._plan, self._texts = self._builder.grow(self._plan), len(engine.dictionary)
        registers = np.full((rows, len(self.numbers)), NULL, np.int64)
        if rows:
            _fill(registers, records, self.playbook, self.numbers, now_ms)
        return Look(
            first, registers, self._plan, self._clauses, self._programs, self.playbook.plan.zones, engine.customers,
            engine.without_customer(first, rows),
        )  # fmt: skip


def _look(engine: Engine, tags: Sequence[str], rule: Rule | None, first: int, rows_max: int) -> Look:
    rows = max(0, min(rows_max, engine.customers - first))
    records = _records(engine, first, rows) if rows else np.empty(0, np.uint8)
    return ColumnPlan(engine, tags, rule).look(records, rows, first, engine, engine.now_ms)


def held_by(found: Look) -> NDArray[np.int64]:
    """The numbers of the customers of a look for whom the condition is true."""
    holds = np.zeros(len(found.registers), np.uint8)
    first, count = found.clauses
    hold_rows(
        found.plan, first, count, found.programs, found.registers, found.zones, np.zeros(STACK_MAX, np.int64), holds
    )
    holds[found.gone - found.first] = 0
    return np.flatnonzero(holds) + found.first


def _tags(playbook: Playbook, rule: Rule) -> list[str]:
    """The tags that a rule reads, those of rule tags before them."""
    found: dict[str, None] = {}

    def add(one: Rule) -> None:
        for ref in one.refs:
            if ref.source == "tag" and ref.name not in found:
                inner = playbook.vocabulary.rules.get(ref.name)
                if inner is not None:
                    add(inner)
                found[ref.name] = None

    add(rule)
    return list(found)


def _records(engine: Engine, first: int, rows: int) -> NDArray[np.uint8]:
    """A copy of customers' records, their rolling counters brought to now as their next event would."""
    playbook = engine.playbook
    size = playbook.layout.record_bytes
    records = engine.memory.arrays["records"][first * size : (first + rows) * size].copy()
    profiles = playbook.bundle[0].profiles
    if profiles.hourly_rows or profiles.daily_rows:
        wide = engine.memory.wide
        roll_copies(
            playbook, records, engine.to_arrays()["wide"].copy(), int(wide.used), int(wide.free), rows, engine.now_ms
        )
    return records


def copy_record(engine: Engine, customer: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(record, places of wide buckets) of one customer alone, not rolled yet: little to copy while the engine is at rest."""
    playbook = engine.playbook
    size, wide_size = playbook.layout.record_bytes, playbook.layout.wide_bytes
    record = engine.memory.arrays["records"][customer * size : (customer + 1) * size].copy()
    wide = np.zeros(2 * wide_size, np.uint8)
    place = record.view(np.int32)[WIDE_PLACE >> 2]
    if place:
        wide[wide_size:] = engine.memory.arrays["wide"][place * wide_size : (place + 1) * wide_size]
        record.view(np.int32)[WIDE_PLACE >> 2] = 1
    return record, wide


def roll_copies(
    playbook: Playbook, records: NDArray[np.uint8], wide: NDArray[np.uint8], used: int, free: int, rows: int, now_ms: int
) -> None:  # fmt: skip
    """Bring the rolling counters of copied records to the buckets of a moment."""
    profiles = playbook.bundle[0].profiles
    if not (profiles.hourly_rows or profiles.daily_rows):
        return
    bundles = np.zeros(2, RECORDS).view(np.recarray)
    point_records(bundles[0], records)
    point_records(bundles[1], wide)
    bundles[1].used, bundles[1].free = used, free
    local = now_ms + int(zone_offset(playbook.plan.zones, 0, now_ms))
    size = playbook.layout.record_bytes
    roll_rows(profiles, bundles[0], bundles[1], rows, size, local // MS_PER_HOUR, local // MS_PER_DAY)


def _fill(
    registers: NDArray[np.int64], records: NDArray[np.uint8], playbook: Playbook, numbers: dict[Ref, int], now_ms: int
) -> None:
    rows = len(registers)
    size, names = playbook.layout.record_bytes, playbook.numbering.names["tag"]
    for number, (offset, width) in playbook.layout.columns.items():
        at = numbers.get(Ref("tag", names[number]))
        if at is not None:
            registers[:, at] = read_column(records, rows, size, offset, width)
    registers[:, numbers[NOW]] = now_ms
    registers[:, numbers[ZONE]] = 0
    figures = playbook.plan.figures
    if figures["zone_offset"] >= 0:
        codes = read_column(records, rows, size, figures["zone_offset"], figures["zone_width"])
        known = (codes >= 0) & (codes < len(playbook.plan.zone_of_code))
        registers[known, numbers[ZONE]] = playbook.plan.zone_of_code[codes[known]]
