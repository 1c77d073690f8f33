"""What an engine is given: for each event a flat mapping of the fields that the campaigns of its trigger refer to."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.workload import Sketch

Value = int | str | bool | None
Context = dict[str, Value]
"""Field (dots as underscores) -> value: numbers encoded as integers, texts as texts, None where nothing is known."""
Matcher = Callable[[int, Context], list[int]]
"""(event type, context) -> the campaigns, as indices into the sketches, that fit."""


class Peer(NamedTuple):
    """An engine: how it is installed, how often it is asked in one run, and how it is made ready."""

    name: str
    package: str
    prepare: Callable[[Sequence[Sketch]], Matcher]


def field(name: str) -> str:
    """A field's name that every engine can read."""
    return name.replace(".", "_")


def by_event(sketches: Sequence[Sketch]) -> dict[int, list[int]]:
    """The campaigns of each event type: the host looks triggers up, whatever the engine."""
    found: dict[int, list[int]] = {}
    for i, sketch in enumerate(sketches):
        found.setdefault(sketch.event, []).append(i)
    return found


def fields_of(sketches: Sequence[Sketch]) -> dict[int, list[str]]:
    """The names (with dots) that the campaigns of each event type refer to."""
    found: dict[int, dict[str, None]] = {}
    for sketch in sketches:
        names = found.setdefault(sketch.event, {})
        for clause in (*sketch.clauses, *(((sketch.where,),) if sketch.where else ())):
            names.update((term.name, None) for term in clause)
    return {event: list(names) for event, names in found.items()}
