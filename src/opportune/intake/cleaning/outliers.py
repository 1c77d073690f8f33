"""The step that finds numbers far from the others of their load."""

from fractions import Fraction

from opportune.intake.cleaning.definitions import OutliersStep, fields_of
from opportune.intake.cleaning.figures import Numbers, fraction_of, text_of_fraction
from opportune.intake.cleaning.measures import rounded
from opportune.intake.cleaning.step import Cells, Statistics, Step, Verdict, number_in, number_of, verdict_of
from opportune.intake.tables import ABSENT, json_text

CAP_DIGITS = 6
_TIMES = {"iqr": Fraction(3, 2), "z_score": Fraction(3)}
_QUARTER, _THREE_QUARTERS = Fraction(1, 4), Fraction(3, 4)

Bounds = tuple[Fraction | None, Fraction | None]


class Outliers(Step):
    """Caps, empties or refuses what lies beyond the bounds of its field."""

    def __init__(self, definition: OutliersStep, statistics: Statistics | None) -> None:
        """Raises ValueError where the definition contradicts itself."""
        fixed = definition.low is not None or definition.high is not None
        if fixed != (definition.by == "bounds"):
            raise ValueError("outliers: `low`, `high` and `by: bounds` belong together")
        self.fields, self.by, self.then = fields_of(definition.fields), definition.by, definition.then
        self.learns = not fixed
        self._times = (
            Fraction(number_of(definition.times)) if definition.times is not None else _TIMES.get(self.by, Fraction(0))
        )
        self._numbers = {name: Numbers() for name in self.fields}
        given = (_fraction(definition.low), _fraction(definition.high))
        self._bounds: dict[str, Bounds] = dict.fromkeys(self.fields, given)
        for name, (low, high) in (statistics or {}).items():
            self._bounds[name] = fraction_of(low), fraction_of(high)

    def see(self, number: int, cells: Cells) -> None:
        """Collect the numbers."""
        for name in self.fields:
            value = number_in(cells, name)
            if value is not None:
                self._numbers[name].add(value)

    def learnt(self) -> Statistics:
        """Field -> its bounds, as fractions."""
        self._bounds = {name: self._found(self._numbers[name]) for name in self.fields}
        return {name: [text_of_fraction(bound) for bound in bounds] for name, bounds in self._bounds.items()}

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Hold each number against its bounds."""
        verdict = Verdict.SAME
        for name in self.fields:
            value = number_in(cells, name)
            if value is None:
                continue
            low, high = self._bounds[name]
            bound = low if low is not None and value < low else high if high is not None and value > high else None
            if bound is None:
                continue
            if self.then in ("leave_out", "quarantine"):
                return verdict_of(self.then)
            cells[name] = ABSENT if self.then == "missing" else json_text(rounded(bound, CAP_DIGITS))
            verdict = Verdict.CHANGED
        return verdict

    def _found(self, numbers: Numbers) -> Bounds:
        if self.by == "iqr":
            low, high = numbers.quantile(_QUARTER), numbers.quantile(_THREE_QUARTERS)
            if low is None or high is None:
                return None, None
            reach = self._times * (high - low)
            return low - reach, high + reach
        mean, deviation = numbers.mean(), numbers.deviation()
        if mean is None or deviation is None:
            return None, None
        return mean - self._times * deviation, mean + self._times * deviation


def _fraction(bound: str | None) -> Fraction | None:
    return None if bound is None else Fraction(number_of(bound))
