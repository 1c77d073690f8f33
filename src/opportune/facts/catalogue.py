"""The catalogue: names, numbers and types that intake, rules and the engine share. A playbook fixes one."""

from collections.abc import Iterable, Mapping

import msgspec

from opportune.facts.values import ValueType

NAMES_MAX = 65_000
FAMILIES = (
    "event",
    "property",
    "tag",
    "campaign",
    "offer",
    "touchpoint",
    "channel",
    "category",
    "purpose",
    "identifier",
    "consent",
    "limit",
)


class Numbering:
    """Append-only numbers of names, per family; a number is never given twice, so old facts keep their meaning."""

    def __init__(self, names: Mapping[str, Iterable[str]] | None = None) -> None:
        self.names: dict[str, list[str]] = {family: list((names or {}).get(family, ())) for family in FAMILIES}
        self._numbers = {family: {name: i for i, name in enumerate(known)} for family, known in self.names.items()}

    def number(self, family: str, name: str) -> int:
        """The number of `name`, given now if it is new. Raises OverflowError beyond NAMES_MAX names."""
        number = self._numbers[family].get(name)
        if number is None:
            number = len(self.names[family])
            if number >= NAMES_MAX:
                raise OverflowError(f"more than {NAMES_MAX:,} names of family {family}")
            self.names[family].append(name)
            self._numbers[family][name] = number
        return number

    def known(self, family: str, name: str) -> int | None:
        """The number of `name`, or None."""
        return self._numbers[family].get(name)

    def copy(self) -> "Numbering":
        """An independent copy, to number a draft aside."""
        return Numbering(self.names)


class PropertySchema(msgspec.Struct, frozen=True):
    """One declared property of an event; `slot` is its place among the event's values."""

    name: str
    slot: int
    type: ValueType
    personal: bool = False


class EventSchema(msgspec.Struct, frozen=True):
    """One event type: its number and its properties in slot order."""

    name: str
    number: int
    properties: tuple[PropertySchema, ...] = ()


class TagSchema(msgspec.Struct, frozen=True):
    """One tag; `settable` tags (declared, score) take values from outside, the others are derived."""

    name: str
    number: int
    type: ValueType
    settable: bool = True
    personal: bool = False


class IdentifierRule(msgspec.Struct, frozen=True):
    """What an identifier of a kind is good for: see `IdentifierDefinition`. `most` 0: any number."""

    merges: bool = False
    anonymous: bool = False
    most: int = 0


class Catalogue(msgspec.Struct, frozen=True):
    """What may be said in this deployment: its events, tags and names, and how its scalars are read.

    `derived` are the events that detectors make: they have numbers and types like any other, but nobody can send them. `linking` are
    the rules of identifier kinds; none where no kind is defined.
    """

    events: dict[str, EventSchema] = {}
    tags: dict[str, TagSchema] = {}
    campaigns: dict[str, int] = {}
    offers: dict[str, int] = {}
    touchpoints: dict[str, int] = {}
    channels: dict[str, int] = {}
    categories: dict[str, int] = {}
    purposes: dict[str, int] = {}
    identifiers: dict[str, int] = {}
    zone: str = "UTC"
    money_scale: int = 2
    derived: dict[str, EventSchema] = {}
    linking: dict[str, IdentifierRule] = {}
