"""Steps on dates, units and numbers: normal forms, exact products, bounds."""

import decimal
import re
from datetime import datetime
from fractions import Fraction
from functools import lru_cache

from opportune.intake.cleaning.definitions import DateStep, ProductStep, UnitStep, ValidStep, fields_of
from opportune.intake.cleaning.step import EXACT, Cells, Rewrite, Step, Verdict, number_in, number_of, plain
from opportune.intake.tables import ABSENT, json_text

REMEMBERED_MAX = 65_536
PRODUCT_DIGITS_MAX = 28
_HAS_TIME = ("%H", "%I", "%c", "%X")
_ONE = Fraction(1)
UNITS: dict[str, tuple[str, Fraction]] = {
    "mg": ("mass", Fraction(1, 1_000)), "g": ("mass", _ONE), "kg": ("mass", Fraction(1_000)), "t": ("mass", Fraction(1_000_000)),
    "lb": ("mass", Fraction("453.59237")), "oz": ("mass", Fraction("28.349523125")), "jin": ("mass", Fraction(500)),
    "mm": ("length", Fraction(1, 1_000)), "cm": ("length", Fraction(1, 100)), "m": ("length", _ONE), "km": ("length", Fraction(1_000)),
    "in": ("length", Fraction("0.0254")), "ft": ("length", Fraction("0.3048")), "mi": ("length", Fraction("1609.344")),
    "ml": ("volume", Fraction(1, 1_000)), "l": ("volume", _ONE),
    "B": ("data", _ONE), "kB": ("data", Fraction(10**3)), "MB": ("data", Fraction(10**6)), "GB": ("data", Fraction(10**9)),
    "KiB": ("data", Fraction(2**10)), "MiB": ("data", Fraction(2**20)), "GiB": ("data", Fraction(2**30)),
    "ms": ("time", Fraction(1, 1_000)), "s": ("time", _ONE), "min": ("time", Fraction(60)), "h": ("time", Fraction(3_600)), "d": ("time", Fraction(86_400)),
    "fen": ("yuan", Fraction(1, 100)), "yuan": ("yuan", _ONE), "wan": ("yuan", Fraction(10_000)),
}  # fmt: skip
"""Unit -> what it measures, and how many of that measure's first unit it is, exactly."""


def rounded(number: Fraction, digits: int) -> str:
    """A number with at most so many decimals, half away from zero."""
    scaled = abs(number) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return plain(decimal.Decimal(whole if number >= 0 else -whole).scaleb(-digits, EXACT))


def date(definition: DateStep) -> Step:
    """Dates and times as ISO 8601; the first format that fits counts."""
    formats = definition.formats

    @lru_cache(REMEMBERED_MAX)
    def read(text: str) -> str:
        for pattern in formats:
            try:
                moment = datetime.strptime(text.strip(), pattern)
            except ValueError:
                continue
            has_time = any(part in pattern for part in _HAS_TIME)
            return moment.isoformat(timespec="milliseconds") if has_time else moment.date().isoformat()
        raise ValueError("none of the formats fits")

    return Rewrite(fields_of(definition.fields), read, definition.otherwise)


def unit(definition: UnitStep) -> Step:
    """Measures in another unit. Raises ValueError for units that cannot be turned into each other."""
    for name in (definition.source, definition.to):
        if name not in UNITS:
            raise ValueError(f"unit: no unit `{name}`; known are {', '.join(UNITS)}")
    (kind, factor), (wanted, other) = UNITS[definition.source], UNITS[definition.to]
    if kind != wanted:
        raise ValueError(f"unit: {definition.source} is a {kind}, {definition.to} a {wanted}")
    ratio, digits = factor / other, definition.digits
    return Rewrite(
        fields_of(definition.fields),
        lambda text: rounded(Fraction(number_of(text.strip())) * ratio, digits),
        definition.otherwise,
    )


class Product(Step):
    """An exact product, in a field of its own."""

    def __init__(self, definition: ProductStep) -> None:
        self.of, self.into = definition.of, definition.into
        self._known: dict[tuple[bytes, ...], bytes] = {}

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Multiply; the same factors again are remembered."""
        tokens = tuple(cells.get(name, ABSENT) for name in self.of)
        found = self._known.get(tokens)
        if found is None:
            found = self._product(cells)
            if len(self._known) < REMEMBERED_MAX:
                self._known[tokens] = found
        cells[self.into] = found
        return Verdict.CHANGED if found != ABSENT else Verdict.SAME

    def _product(self, cells: Cells) -> bytes:
        total = decimal.Decimal(1)
        for name in self.of:
            factor = number_in(cells, name)
            if factor is None:
                return ABSENT
            total = EXACT.multiply(total, factor)
        return json_text(plain(total))


def valid(definition: ValidStep) -> Step:
    """What values must be. Raises ValueError for a pattern that is none, or where nothing is asked of them."""
    pattern = _compiled(definition.pattern)
    low = [number_of(bound) for bound in (definition.above, definition.at_least) if bound is not None]
    high = [number_of(bound) for bound in (definition.below, definition.at_most) if bound is not None]
    if not (definition.one_of or pattern or low or high):
        raise ValueError("valid: say one_of, pattern, above, at_least, below or at_most")
    members = frozenset(definition.one_of)

    @lru_cache(REMEMBERED_MAX)
    def read(text: str) -> str:
        if (members and text not in members) or (pattern is not None and pattern.fullmatch(text) is None):
            raise ValueError("not valid")
        if low or high:
            number = number_of(text)
            if (
                any(number < bound for bound in low) or any(number > bound for bound in high)
                or (definition.above is not None and number == number_of(definition.above))
                or (definition.below is not None and number == number_of(definition.below))
            ):  # fmt: skip
                raise ValueError("out of bounds")
        return text

    return Rewrite(fields_of(definition.fields), read, definition.otherwise)


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if pattern is not None else None
    except re.error as error:
        raise ValueError(f"valid: `{pattern}` is no regular expression ({error})") from error
