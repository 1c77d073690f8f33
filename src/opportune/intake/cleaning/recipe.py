"""A source's cleaning steps in their order, ready to clean the rows of one load."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from opportune.intake.cleaning.contacts import email, phone
from opportune.intake.cleaning.definitions import StepDefinition, fields_of
from opportune.intake.cleaning.duplicates import duplicates
from opportune.intake.cleaning.measures import Product, date, unit, valid
from opportune.intake.cleaning.missing import fill
from opportune.intake.cleaning.outliers import Outliers
from opportune.intake.cleaning.scaling import Scale
from opportune.intake.cleaning.step import Cells, Statistics, Step, Verdict
from opportune.intake.cleaning.texts import Take, case, replace, retype, trim

STEPS_MAX = 100
LEARNING_STEPS_MAX = 20

ReadRows = Callable[[], Iterable[tuple[int, Cells]]]
"""Reads the numbered rows of a load once more, each with cells of its own."""

_MAKERS: dict[str, Callable[[Any, Statistics | None], Step]] = {
    "trim": lambda given, _: trim(fields_of(given)),
    "case": lambda given, _: case(given),
    "type": lambda given, _: retype(given),
    "phone": lambda given, _: phone(given),
    "email": lambda given, _: email(given),
    "date": lambda given, _: date(given),
    "unit": lambda given, _: unit(given),
    "map": lambda given, _: replace(given),
    "take": lambda given, _: Take(given),
    "product": lambda given, _: Product(given),
    "valid": lambda given, _: valid(given),
    "duplicates": lambda given, _: duplicates(given),
    "missing": fill,
    "outliers": Outliers,
    "scale": Scale,
}


class StepCount(msgspec.Struct):
    """What one step did to a load: rows it changed, left out, and sent into the quarantine."""

    step: str
    changed: int = 0
    left_out: int = 0
    refused: int = 0


class Cleaned(NamedTuple):
    """What became of a row: SAME (kept as it is), CHANGED, LEFT_OUT or REFUSED, the latter two by `step`."""

    verdict: Verdict
    step: str


class Recipe:
    """The steps. Learns from a load first (`learn`), or takes what was learnt from it before."""

    def __init__(
        self, definitions: Sequence[StepDefinition], statistics: Sequence[Statistics | None] | None = None
    ) -> None:
        """Raises ValueError with the step's place where a definition contradicts itself, ExtraMissingError."""
        if len(definitions) > STEPS_MAX:
            raise ValueError(f"clean: {len(definitions)} steps are more than steps_max = {STEPS_MAX}")
        known: list[Statistics | None] = list(statistics) if statistics is not None else [None] * len(definitions)
        self._steps = [_made(place, one, known[place]) for place, one in enumerate(definitions)]
        if sum(step.learns for step in self._steps) > LEARNING_STEPS_MAX:
            raise ValueError(
                f"clean: more than learning_steps_max = {LEARNING_STEPS_MAX} steps read the load once each"
            )
        self.counts = [StepCount(one.label()) for one in definitions]
        self.statistics = known

    def learn(self, read: ReadRows) -> list[Statistics | None]:
        """Let every step learn from a load as the steps before it leave it; one reading for each that learns."""
        for place, step in enumerate(self._steps):
            if step.learns:
                for number, cells in self._cleaned(read(), place):
                    step.see(number, cells)
                self.statistics[place] = step.learnt()
        return self.statistics

    def start(self) -> None:
        """A load begins, from its first row; the counts too."""
        for step in self._steps:
            step.start()
        self.counts = [StepCount(one.step) for one in self.counts]

    def clean(self, number: int, cells: Cells) -> Cleaned:
        """Clean row `number` (from 0) in place, and count what was done."""
        verdict = Verdict.SAME
        for step, counted in zip(self._steps, self.counts, strict=True):
            done = step.apply(number, cells)
            if done is Verdict.SAME:
                continue
            if done is Verdict.CHANGED:
                counted.changed += 1
                verdict = done
                continue
            if done is Verdict.LEFT_OUT:
                counted.left_out += 1
            else:
                counted.refused += 1
            return Cleaned(done, counted.step)
        return Cleaned(verdict, "")

    def _cleaned(self, rows: Iterable[tuple[int, Cells]], until: int) -> Iterator[tuple[int, Cells]]:
        before = self._steps[:until]
        for step in before:
            step.start()
        for number, cells in rows:
            if all(step.apply(number, cells).value < Verdict.LEFT_OUT.value for step in before):
                yield number, cells


def _made(place: int, definition: StepDefinition, statistics: Statistics | None) -> Step:
    try:
        return _MAKERS[definition.kind()](getattr(definition, definition.kind()), statistics)
    except ValueError as error:
        raise ValueError(f"clean[{place}]: {error}") from error
