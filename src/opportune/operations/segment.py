"""Which customers a condition over their tags holds for now: by the kernel's rule machine, over copies of the engine's columns."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine, Playbook
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, zone_offset
from opportune.operations.deployment import Deployment
from opportune.operations.touch import RefusedError
from opportune.profiles import RECORDS, point_records, read_column, roll_rows
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
    """What a condition needs of customers `first` on: registers i8[customers, registers] and its compiled form."""

    first: int
    registers: NDArray[np.int64]
    plan: RulePlan
    clauses: tuple[int, int]
    programs: NDArray[np.int64]
    zones: Any
    customers: int


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


def look(deployment: Deployment, text: str, first: int) -> Look:
    """Copy what the condition reads of up to ROWS_PER_LOOK customers from `first` on; with the engine at rest.

    Raises RefusedError.
    """
    rule = check_segment(deployment.engine.playbook, text)
    return _look(deployment.engine, _tags(deployment.engine.playbook, rule), rule, first, ROWS_PER_LOOK)


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
        if name in columns or (name in rules and all(one in columns or one in rules for one in _tags(playbook, rules[name])))
    ]


def _look(engine: Engine, tags: Sequence[str], rule: Rule | None, first: int, rows_max: int) -> Look:
    playbook = engine.playbook
    numbers: dict[Ref, int] = {ref: at for at, ref in enumerate((NOW, ZONE, *(Ref("tag", name) for name in tags)))}
    builder = RulePlanBuilder(engine.dictionary, numbers.__getitem__)
    derived = [name for name in tags if name in playbook.vocabulary.rules]
    programs = [(builder.add_program(playbook.vocabulary.rules[name]), numbers[Ref("tag", name)]) for name in derived]
    clauses = (0, 0) if rule is None else builder.add(rule)
    rows = max(0, min(rows_max, engine.customers - first))
    registers = np.full((rows, len(numbers)), NULL, np.int64)
    if rows:
        _fill(registers, _records(engine, first, rows), engine, numbers)
    zones = playbook.plan.zones
    table = np.array(programs or np.empty((0, 2)), np.int64).reshape(-1, 2)
    return Look(first, registers, builder.build(), clauses, table, zones, engine.customers)


def held_by(found: Look) -> NDArray[np.int64]:
    """The numbers of the customers of a look for whom the condition is true."""
    holds = np.zeros(len(found.registers), np.uint8)
    first, count = found.clauses
    hold_rows(
        found.plan, first, count, found.programs, found.registers, found.zones, np.zeros(STACK_MAX, np.int64), holds
    )
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
    if not (profiles.hourly_rows or profiles.daily_rows):
        return records
    wide = engine.to_arrays()["wide"].copy()
    bundles = np.zeros(2, RECORDS).view(np.recarray)
    point_records(bundles[0], records)
    point_records(bundles[1], wide)
    bundles[1].used, bundles[1].free = engine.memory.wide.used, engine.memory.wide.free
    local = engine.now_ms + int(zone_offset(playbook.plan.zones, 0, engine.now_ms))
    roll_rows(profiles, bundles[0], bundles[1], rows, size, local // MS_PER_HOUR, local // MS_PER_DAY)
    return records


def _fill(
    registers: NDArray[np.int64], records: NDArray[np.uint8], engine: Engine, numbers: dict[Ref, int]
) -> None:
    playbook, rows = engine.playbook, len(registers)
    size, names = playbook.layout.record_bytes, playbook.numbering.names["tag"]
    for number, (offset, width) in playbook.layout.columns.items():
        at = numbers.get(Ref("tag", names[number]))
        if at is not None:
            registers[:, at] = read_column(records, rows, size, offset, width)
    registers[:, numbers[NOW]] = engine.now_ms
    registers[:, numbers[ZONE]] = 0
    figures = playbook.plan.figures
    if figures["zone_offset"] >= 0:
        codes = read_column(records, rows, size, figures["zone_offset"], figures["zone_width"])
        known = (codes >= 0) & (codes < len(playbook.plan.zone_of_code))
        registers[known, numbers[ZONE]] = playbook.plan.zone_of_code[codes[known]]
