"""The step that puts numbers on a common scale."""

from fractions import Fraction

from opportune.intake.cleaning.definitions import ScaleStep
from opportune.intake.cleaning.figures import Numbers, fraction_of, text_of_fraction
from opportune.intake.cleaning.measures import rounded
from opportune.intake.cleaning.step import Cells, Statistics, Step, Verdict, number_in
from opportune.intake.tables import json_text


class Scale(Step):
    """(value - origin) / span: mean and standard deviation, or least and greatest less least. A span of nothing gives 0."""

    learns = True

    def __init__(self, definition: ScaleStep, statistics: Statistics | None) -> None:
        self.field, self.by, self.into = definition.field, definition.by, definition.into or definition.field
        self._digits, self._numbers = definition.digits, Numbers()
        known = statistics or {}
        self._origin, self._span = fraction_of(known.get("origin")), fraction_of(known.get("span"))

    def see(self, number: int, cells: Cells) -> None:
        """Collect the numbers."""
        value = number_in(cells, self.field)
        if value is not None:
            self._numbers.add(value)

    def learnt(self) -> Statistics:
        """Origin and span, as fractions."""
        if self.by == "z_score":
            self._origin, self._span = self._numbers.mean(), self._numbers.deviation()
        elif (bounds := self._numbers.bounds()) is not None:
            self._origin = Fraction(bounds[0])
            self._span = Fraction(bounds[1]) - Fraction(bounds[0])
        return {"origin": text_of_fraction(self._origin), "span": text_of_fraction(self._span)}

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Scale it; what is no number stays."""
        value = number_in(cells, self.field)
        if value is None or self._origin is None or self._span is None:
            return Verdict.SAME
        scaled = (Fraction(value) - self._origin) / self._span if self._span else Fraction(0)
        cells[self.into] = json_text(rounded(scaled, self._digits))
        return Verdict.CHANGED
