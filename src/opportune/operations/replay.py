"""Ask: replay the journal from its first fact, and compare what comes out with what was journaled, byte for byte."""

import time
from itertools import takewhile
from pathlib import Path

import msgspec

from opportune.engine import CUSTOMERS_MAX, Engine
from opportune.operations.deployment import OnProgress, journal_of, read_group


class Replayed(msgspec.Struct, frozen=True):
    """What a replay found. `differs_at` is the first fact of the first group whose outputs differ, None where none does."""

    facts: int
    groups: int
    decisions: int
    goals: int
    seconds: float
    equal: bool
    differs_at: int | None


def replay(folder: Path, *, customers_max: int = CUSTOMERS_MAX, on_progress: OnProgress | None = None) -> Replayed:
    """Run all facts of a data folder through a fresh engine. Reads beside a writer; writes nothing."""
    reader = journal_of(folder)

    engine = Engine(
        customers_max=customers_max,
        history=lambda seq: map(read_group, takewhile(lambda group: group.first_seq < seq, journal_of(folder).read(0))),
    )
    begun = time.monotonic()
    groups = decisions = goals = 0
    differs_at: int | None = None
    total = reader.bytes
    done = 0
    for group in reader.read(0):
        batch, journaled = read_group(group)
        outputs = engine.process(batch)
        groups += 1
        decisions += len(outputs.decisions)
        goals += len(outputs.goals)
        done += sum(array.nbytes for array in group.arrays.values())
        if differs_at is None and not same_outputs(outputs, journaled):
            differs_at = group.first_seq
        if on_progress is not None:
            on_progress("replaying the journal", min(done, total), total)
    seconds = time.monotonic() - begun
    return Replayed(engine.next_seq, groups, decisions, goals, seconds, differs_at is None, differs_at)


def same_outputs(one: object, other: object) -> bool:
    """Whether two Outputs are the same bytes."""
    names = ("decisions", "goals", "withheld", "limits", "moves", "derived")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)
