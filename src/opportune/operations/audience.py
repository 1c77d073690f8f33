"""How many customers a condition holds for, from the engine's columns: without a copy where every term is an interval over a plain column.

Such a condition is asked of the records where they lie, some thousand customers at a time, so that the engine's pauses are short. Whatever
asks for more (a rolling counter, a rule tag, local time, a pattern) is looked at in copies, like a one-off send.
"""

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine, Playbook
from opportune.operations.deployment import Deployment
from opportune.operations.door import Door
from opportune.operations.segment import ROWS_PER_LOOK, Look, check_segment, held_by, look
from opportune.profiles import hold_records
from opportune.rules import INTERVAL, Ref, Rule, RulePlanBuilder

ROWS_IN_PLACE = 200_000
"""Customers that are asked while the engine is at rest: about a millisecond."""
ROWS_FOR_TWO_MIN = 50_000
"""From so many customers on, two threads share the work: asking waits for memory, and two processors have twice as much on its way."""


class InPlace:
    """A condition as intervals over columns of the record: terms i8[n, 5] (clause, offset, width, low, high), those of a clause together."""

    def __init__(self, playbook: Playbook, terms: NDArray[np.int64]) -> None:
        self.playbook, self.terms = playbook, terms

    @classmethod
    def of(cls, engine: Engine, rule: Rule) -> "InPlace | None":
        """The condition in that form, or None where it asks for more."""
        playbook = engine.playbook
        if any(ref.source != "tag" or not _is_plain(playbook, ref.name) for ref in rule.refs):
            return None
        refs: list[Ref] = []

        def number(ref: Ref) -> int:
            if ref not in refs:
                refs.append(ref)
            return refs.index(ref)

        builder = RulePlanBuilder(engine.dictionary, number)
        first, count = builder.add(rule)
        plan = builder.build()
        terms = []
        for clause in range(first, first + count):
            begin, many = int(plan.clauses[clause]["first"]), int(plan.clauses[clause]["count"])
            if not many:  # nothing can make it true
                terms.append((clause, 0, 1, 1, 0))
            for term in plan.terms[begin : begin + many]:
                if int(term["kind"]) != INTERVAL:
                    return None
                tag = playbook.numbering.number("tag", refs[int(term["ref"])].name)
                offset, width = playbook.layout.columns[tag]
                terms.append((clause, offset, width, int(term["lo"]), int(term["hi"])))
        return cls(playbook, np.array(terms, np.int64).reshape(-1, 5))

    def ask(self, engine: Engine, first: int, rows: int, holds: NDArray[np.uint8]) -> int:
        """Set holds[first : first + rows]; how many are held. With the engine at rest."""
        records, size = engine.memory.records, self.playbook.layout.record_bytes
        gone = engine.without_customer(first, rows)
        found = [0, 0]

        def hold(part: int, begin: int, many: int) -> None:
            found[part] = int(hold_records(records, begin, many, size, self.terms, holds))

        if rows < ROWS_FOR_TWO_MIN:
            hold(0, first, rows)
        else:
            half = rows // 2
            other = threading.Thread(target=hold, args=(1, first + half, rows - half), name="audience")
            other.start()
            hold(0, first, half)
            other.join()
        found.append(-int(holds[gone].sum()))
        holds[gone] = 0
        return sum(found)


def _is_plain(playbook: Playbook, tag: str) -> bool:
    """Whether a tag's column is its value at any moment: no rule tag, no counter whose window rolls."""
    definition = playbook.definitions.tags.get(tag)
    rolls = definition is not None and definition.counter is not None and definition.counter.over is not None
    return tag not in playbook.vocabulary.rules and not rolls


def holding(engine: Engine, text: str) -> NDArray[np.uint8]:
    """u1[customers]: 1 for whom a condition over tags is true now; with the engine at rest. Raises RefusedError."""
    rule = check_segment(engine.playbook, text)
    holds = np.zeros(engine.customers, np.uint8)
    asked = InPlace.of(engine, rule)
    if asked is not None:
        asked.ask(engine, 0, engine.customers, holds)
        return holds
    for first in range(0, engine.customers, ROWS_PER_LOOK):
        holds[held_by(look(engine, text, first))] = 1
    return holds


async def holding_live(door: Door, text: str) -> NDArray[np.uint8]:
    """Like `holding`, of a running service: between two pieces, some customers at a time. Raises RefusedError."""
    parts: list[NDArray[np.uint8]] = []
    first = 0
    while True:
        part, first, customers = await door.work(lambda deployment: _part(deployment, text, first))  # noqa: B023 - awaited at once
        parts.append(_held(part))
        if first >= customers:
            return np.concatenate(parts)


def _part(deployment: Deployment, text: str, first: int) -> tuple[NDArray[np.uint8] | Look, int, int]:
    engine = deployment.engine
    asked = InPlace.of(engine, check_segment(engine.playbook, text))
    if asked is None:
        return look(engine, text, first), min(first + ROWS_PER_LOOK, engine.customers), engine.customers
    end = min(first + ROWS_IN_PLACE, engine.customers)
    holds = np.zeros(end, np.uint8)
    asked.ask(engine, first, end - first, holds)
    return holds[first:], end, engine.customers


def _held(part: NDArray[np.uint8] | Look) -> NDArray[np.uint8]:
    if not isinstance(part, Look):
        return part
    holds = np.zeros(len(part.registers), np.uint8)
    holds[held_by(part) - part.first] = 1
    return holds


def overlaps(members: dict[str, NDArray[np.uint8]]) -> Iterator[tuple[str, str, int]]:
    """(segment, segment, customers in both) of every pair, each once; with itself its size."""
    names = list(members)
    for i, one in enumerate(names):
        for other in names[i:]:
            yield one, other, int(np.count_nonzero(members[one] & members[other]))
