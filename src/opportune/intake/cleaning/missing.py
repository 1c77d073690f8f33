"""The step that says what stands for an absent value: nothing, a constant, a figure of the load, or what a model makes of other fields."""

from fractions import Fraction
from typing import Any

from opportune.intake.cleaning.definitions import MissingStep, fields_of
from opportune.intake.cleaning.figures import Numbers
from opportune.intake.cleaning.measures import rounded
from opportune.intake.cleaning.step import Cells, Statistics, Step, Verdict, number_in, verdict_of
from opportune.intake.extras import extra
from opportune.intake.tables import ABSENT, json_text, text_of

TRAINING_ROWS_MAX = 100_000
MODELLED_ROWS_MAX = 1_000_000
NEIGHBOURS = 5
FIGURES = ("mean", "median", "mode")
MODELS = ("linear", "neighbours")
_HALF = Fraction(1, 2)


def fill(definition: MissingStep, statistics: Statistics | None) -> Step:
    """The step of a definition. Raises ValueError where it contradicts itself, ExtraMissingError."""
    if (definition.fill == "constant") != (definition.value is not None):
        raise ValueError("missing: `value` and `fill: constant` belong together")
    if (definition.fill in MODELS) != bool(definition.source):
        raise ValueError("missing: `from` and `fill: linear` or `neighbours` belong together")
    if definition.fill in MODELS:
        return ByModel(definition, statistics)
    return ByFigure(definition, statistics) if definition.fill in FIGURES else Fill(definition)


class Fill(Step):
    """Nothing, a constant, or away with the row."""

    def __init__(self, definition: MissingStep) -> None:
        self.fields, self.texts, self.how = fields_of(definition.fields), frozenset(definition.texts), definition.fill
        self._constant = json_text(definition.value) if definition.value is not None else ABSENT

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Fill what is absent."""
        verdict = Verdict.SAME
        for name in self.fields:
            token = cells.get(name, ABSENT)
            if token != ABSENT and not (self.texts and text_of(token) in self.texts):
                continue
            if self.how in ("leave_out", "quarantine"):
                return verdict_of(self.how)
            filled = self.filled(number, name)
            if filled != token and (filled != ABSENT or token != ABSENT):
                cells[name] = filled
                verdict = Verdict.CHANGED
        return verdict

    def filled(self, number: int, name: str) -> bytes:
        """The JSON that stands for an absent field of row `number`."""
        return self._constant

    def is_absent(self, cells: Cells, name: str) -> bool:
        """Whether a field is, by this step, absent."""
        token = cells.get(name, ABSENT)
        return token == ABSENT or (bool(self.texts) and text_of(token) in self.texts)


class ByFigure(Fill):
    """The mean, the median or the most frequent value of the load; of equally frequent ones the first in the order of texts."""

    learns = True

    def __init__(self, definition: MissingStep, statistics: Statistics | None) -> None:
        super().__init__(definition)
        self._digits = definition.digits
        self._numbers = {name: Numbers() for name in self.fields}
        self._texts: dict[str, dict[bytes, int]] = {name: {} for name in self.fields}
        self._filled: dict[str, bytes] = {name: text.encode() for name, text in (statistics or {}).items()}

    def see(self, number: int, cells: Cells) -> None:
        """Count the values that are there."""
        for name in self.fields:
            if self.is_absent(cells, name):
                continue
            if self.how == "mode":
                counts = self._texts[name]
                token = cells[name]
                counts[token] = counts.get(token, 0) + 1
            elif (value := number_in(cells, name)) is not None:
                self._numbers[name].add(value)

    def learnt(self) -> Statistics:
        """Field -> the JSON that fills it."""
        self._filled = {name: self._figure(name) for name in self.fields}
        return {name: token.decode() for name, token in self._filled.items()}

    def filled(self, number: int, name: str) -> bytes:
        """The figure."""
        return self._filled.get(name, ABSENT)

    def _figure(self, name: str) -> bytes:
        if self.how == "mode":
            counts = self._texts[name]
            return min(counts, key=lambda token: (-counts[token], token)) if counts else ABSENT
        numbers = self._numbers[name]
        value = numbers.mean() if self.how == "mean" else numbers.quantile(_HALF)
        return ABSENT if value is None else json_text(rounded(value, self._digits))


class ByModel(Fill):
    """What a model makes of other fields, learnt from the load's rows that have all of them (the first TRAINING_ROWS_MAX).

    The values themselves are kept with the load: a second run needs neither the model nor its library.
    """

    learns = True

    def __init__(self, definition: MissingStep, statistics: Statistics | None) -> None:
        super().__init__(definition)
        if len(self.fields) != 1:
            raise ValueError("missing: a model fills one field; write a step for each")
        self._target, self._from, self._digits = self.fields[0], definition.source, definition.digits
        self._known: list[tuple[list[float], bytes]] = []
        self._wanted: dict[int, list[float]] = {}
        self._values: dict[str, str] = dict(statistics or {})

    def see(self, number: int, cells: Cells) -> None:
        """Keep the row: to learn from, or to be filled. Raises OverflowError beyond MODELLED_ROWS_MAX rows to be filled."""
        found = [number_in(cells, name) for name in self._from]
        features = [float(value) for value in found if value is not None]
        if len(features) != len(found):
            return
        if self.is_absent(cells, self._target):
            if len(self._wanted) >= MODELLED_ROWS_MAX:
                raise OverflowError(f"missing: more than {MODELLED_ROWS_MAX:,} rows lack {self._target}; part the file")
            self._wanted[number] = features
        elif len(self._known) < TRAINING_ROWS_MAX:
            self._known.append((features, cells[self._target]))

    def learnt(self) -> Statistics:
        """Row number -> the text that fills it; rows that lack one of the fields stay as they are."""
        if self._wanted and len(self._known) >= NEIGHBOURS:
            self._values = dict(zip(map(str, self._wanted), self._predicted(), strict=True))
        self._known, self._wanted = [], {}
        return dict(self._values)

    def filled(self, number: int, name: str) -> bytes:
        """The model's word on this row."""
        text = self._values.get(str(number))
        return ABSENT if text is None else json_text(text)

    def _predicted(self) -> list[str]:
        features = [known for known, _ in self._known]
        answers = [text_of(token) for _, token in self._known]
        numbers = [number_in({"": json_text(text)}, "") for text in answers]
        wanted = list(self._wanted.values())
        if any(number is None for number in numbers):
            if self.how == "linear":
                raise ValueError(f"missing: `linear` fills numbers, and {self._target} holds texts; take `neighbours`")
            return [str(text) for text in self._model("KNeighborsClassifier").fit(features, answers).predict(wanted)]
        name = "LinearRegression" if self.how == "linear" else "KNeighborsRegressor"
        found = (
            self._model(name).fit(features, [float(number) for number in numbers if number is not None]).predict(wanted)
        )
        return [_text(float(value), self._digits) for value in found]

    def _model(self, name: str) -> Any:
        pipeline, scaler = (
            extra("sklearn.pipeline", "science"),
            extra("sklearn.preprocessing", "science").StandardScaler(),
        )
        if self.how == "linear":
            return pipeline.make_pipeline(scaler, extra("sklearn.linear_model", "science").LinearRegression())
        return pipeline.make_pipeline(
            scaler, getattr(extra("sklearn.neighbors", "science"), name)(n_neighbors=NEIGHBOURS)
        )


def _text(value: float, digits: int) -> str:
    return rounded(Fraction(value), digits)
