"""Cleaning steps as they stand in YAML: each item of `clean` has one of these keys, and may have a `name` that counts and reasons speak of."""

from typing import Any, Literal

import msgspec

from opportune.facts import Decimal, Rate

Fields = str | tuple[str, ...]
Otherwise = Literal["quarantine", "leave_out", "missing", "keep"]
"""What becomes of a row (or, with `missing` and `keep`, of the value) that a step cannot take."""


class CaseStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Letters all lower, all upper, or each word with a capital."""

    fields: Fields
    to: Literal["lower", "upper", "title"]


class TypeStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """The value is a whole number, a decimal number (`1,234.50` is read), yes or no, or text."""

    fields: Fields
    to: Literal["int", "decimal", "bool", "text"]
    otherwise: Otherwise = "quarantine"


class PhoneStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """A phone number in E.164 (`+8613800138000`); a number without its country is one of `region`."""

    fields: Fields
    region: str
    otherwise: Otherwise = "quarantine"


class EmailStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """An e-mail address, without blanks around it, its domain in small letters."""

    fields: Fields
    otherwise: Otherwise = "quarantine"


class DateStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """A date, or a date and time, in one of the strptime `formats`, written as ISO 8601."""

    fields: Fields
    formats: tuple[str, ...]
    otherwise: Otherwise = "quarantine"


class UnitStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "otherwise": "else"}):
    """A measure in another unit, exact and then rounded to `digits` decimals."""

    fields: Fields
    source: str
    to: str
    digits: int = 3
    otherwise: Otherwise = "quarantine"


class MapStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """Texts replaced by others."""

    fields: Fields
    values: dict[str, str]
    otherwise: Otherwise = "keep"


class TakeStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a text that a regular expression finds (its first group, if it has one), in a field of its own; absent where it finds nothing."""

    field: str
    pattern: str
    into: str


class ProductStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The exact product of numbers, in a field of its own; absent where one of them is."""

    of: tuple[str, ...]
    into: str


class ValidStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """What a value must be: one of some texts, a whole match of a pattern, within bounds. An absent value is not looked at."""

    fields: Fields
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    above: Decimal | None = None
    at_least: Decimal | None = None
    below: Decimal | None = None
    at_most: Decimal | None = None
    otherwise: Otherwise = "quarantine"


class DuplicatesStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"otherwise": "else"}):
    """A row that has been in this load before: equal in the fields of `by`, or altogether where none is named. The first stays.

    With `alike` the fields named there need not be equal: a share of their letters has to be right (`name: 90%`), in rows that are equal in
    `by`. Case, accents and punctuation do not count; a text is not like an absent one. It takes the extra `sources`.
    """

    by: tuple[str, ...] = ()
    alike: dict[str, Rate] = {}
    otherwise: Literal["leave_out", "quarantine"] = "leave_out"


class MissingStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """What stands for an absent value. `texts` count as absent too.

    `fill` by `constant` (`value`), by `mean`, `median` or `mode` of the load, or by a model of the fields in `from`: `linear` (a
    regression, for numbers) or `neighbours` (the five nearest, for numbers and texts); `leave_out` and `quarantine` are for the row.
    """

    fields: Fields
    fill: Literal[
        "leave_out", "quarantine", "constant", "mean", "median", "mode", "linear", "neighbours", "nothing"
    ] = "nothing"
    value: str | None = None
    source: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    digits: int = 2


class OutliersStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers far from the others of the load: beyond the quartiles by `times` their distance (`iqr`), beyond the mean by `times` the
    standard deviation (`z_score`), or beyond fixed `low` and `high` (`bounds`). `then` they are capped at the bound, or treated as said.
    """

    fields: Fields
    by: Literal["iqr", "z_score", "bounds"]
    times: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    then: Literal["cap", "missing", "leave_out", "quarantine"] = "cap"


class ScaleStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers on a common scale: distances from the mean in standard deviations, or 0 to 1 from the least to the greatest; in `into`, or in place."""

    field: str
    by: Literal["z_score", "min_max"]
    into: str | None = None
    digits: int = 6


class StepDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cleaning step: exactly one of the keys but `name`. `trim` takes blanks away at both ends and doubles within."""

    name: str = ""
    trim: Fields | None = None
    case: CaseStep | None = None
    type: TypeStep | None = None
    phone: PhoneStep | None = None
    email: EmailStep | None = None
    date: DateStep | None = None
    unit: UnitStep | None = None
    map: MapStep | None = None
    take: TakeStep | None = None
    product: ProductStep | None = None
    valid: ValidStep | None = None
    duplicates: DuplicatesStep | None = None
    missing: MissingStep | None = None
    outliers: OutliersStep | None = None
    scale: ScaleStep | None = None

    def kind(self) -> str:
        """The one key that is given. Raises ValueError unless it is exactly one."""
        found = [key for key in self.__struct_fields__ if key != "name" and getattr(self, key) is not None]
        if len(found) != 1:
            known = ", ".join(key for key in self.__struct_fields__ if key != "name")
            raise ValueError(f"a cleaning step has one of {known}, not {', '.join(found) or 'none'}")
        return found[0]

    def label(self) -> str:
        """Its `name`, or else its key with the fields it looks at."""
        if self.name:
            return self.name
        given: Any = getattr(self, self.kind())
        looked_at: Fields = () if not isinstance(given, str | tuple) else given
        for name in ("fields", "field", "of", "by"):
            looked_at = looked_at or getattr(given, name, ())
        return " ".join([self.kind(), *fields_of(looked_at), *getattr(given, "alike", ())])


def fields_of(fields: Fields) -> tuple[str, ...]:
    """One field, or several, as several."""
    return (fields,) if isinstance(fields, str) else fields
