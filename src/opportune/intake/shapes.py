"""The catalogue laid out as arrays, for the compiled functions: its names in one table, how each property and tag is read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import (
    Catalogue,
    FactKind,
    Kind,
    PropertySchema,
    TagSchema,
    bundle,
    compiled_leaf,
    load8,
    point,
    record,
    table,
)
from opportune.intake.fingerprints import UNKNOWN
from opportune.intake.hashing import low_bytes, padded
from opportune.intake.messages import ANSWERS
from opportune.intake.scanner import FAILED, QUOTE, scan_string

SLOTS_MAX = 63
"""An event with more properties is left to the reference decoder."""

NAME = record([("word", "u8"), ("start", "i4"), ("length", "i4"), ("family", "i4"), ("number", "i4")])
"""A name: its first 8 bytes, its place in the pool, its family (-1: a free slot), and its number within the family.

An event's number is its row of `events`, a field's or tag's its row of `properties`, a type's its FactKind.
"""
EVENT_SHAPE = record([(name, "i4") for name in ("number", "first", "count", "opening", "family", "_")])
"""An event and its members, rows of `properties`; `opening` is the row that the last such object began with, UNKNOWN before; `family` is
that of the members' names where there are too many to try them one by one, else UNKNOWN."""
PROPERTY = record(
    [
        ("word", "u8"), ("start", "i4"), ("length", "i4"), ("low", "i8"), ("high", "i8"), ("kind", "i4"), ("scale", "i4"),
        ("slot", "i4"), ("family", "i4"), ("following", "i4"), ("_", "i4"),
    ]
)  # fmt: skip
"""A field, property or tag: its name as in NAME, its range, how it is read. `slot` is a tag's number; `family` that of a set's members;
`following` is the row that stood behind it in the last message."""
SHAPES = bundle({"pool": 1, "names": 1, "events": 1, "properties": 1})
"""The catalogue for the compiled functions: `pool` u1 the bytes of all names; `names` in open addressing by family and bytes;
`events`, first two that are none: row ENVELOPE stands for a line and its fields, row OF_TRAITS for the traits of an `identify`;
`properties` are the fields, then the properties of all events, then the tags."""
ENVELOPE, OF_TRAITS = range(2)
_pool_of, _names_of = table("pool", "u1"), table("names", NAME)
events_of, properties_of = table("events", EVENT_SHAPE), table("properties", PROPERTY)

# Families of names; the members of the set at row i of `properties` are family F_MEMBERS + i.
# They are no Python integers: Numba would compile what they are handed to once more for each.
_families: list[Any] = list(np.arange(11))
(
    F_FIELD, F_TYPE, F_EVENT, F_TAG, F_CAMPAIGN, F_TOUCHPOINT, F_OFFER, F_ANSWER, F_PURPOSE, F_CHANNEL, F_MEMBERS,
) = _families  # fmt: skip

FIELDS = (
    "type", "event", "userId", "anonymousId", "messageId", "timestamp", "originalTimestamp", "sentAt", "properties", "traits",
    "campaign", "touchpoint", "offer", "answer", "purpose", "channel", "given", "on", "identifier", "identifiers",
)  # fmt: skip
"""The fields that mean something in some message; their rows of `properties` are their places here."""
(
    TYPE, EVENT, USER_ID, ANONYMOUS_ID, MESSAGE_ID, TIMESTAMP, ORIGINAL_TIMESTAMP, SENT_AT, PROPERTIES, TRAITS,
    CAMPAIGN, TOUCHPOINT, OFFER, ANSWER, PURPOSE, CHANNEL, GIVEN, ON, IDENTIFIER, IDENTIFIERS,
) = range(len(FIELDS))  # fmt: skip
_TYPES = {
    "track": FactKind.EVENT,
    "identify": FactKind.TAGS_SET,
    "contact": FactKind.CONTACT,
    "response": FactKind.RESPONSE,
    "consent": FactKind.CONSENT,
    "do_not_disturb": FactKind.DO_NOT_DISTURB,
}

LEFT, BOOL, NUMBER, DATE, MOMENT, TEXT, KEY, SET = range(8)
_KINDS = {
    Kind.BOOL: BOOL,
    Kind.INT: NUMBER,
    Kind.DECIMAL: NUMBER,
    Kind.MONEY: NUMBER,
    Kind.DATE: DATE,
    Kind.TIMESTAMP: MOMENT,
    Kind.TEXT: TEXT,
    Kind.KEY: KEY,
    Kind.SET: SET,
}

_U = np.uint64
_PRIME = _U(0x9E3779B97F4A7C15)


class Shapes:
    """A catalogue laid out for the compiled functions; keeps the arrays that `point_into` points at."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._pool = bytearray()
        self._names: list[tuple[int, ...]] = []
        self._events: list[tuple[int, ...]] = []
        self._properties: list[tuple[int, ...]] = []
        for field, name in enumerate(FIELDS):
            self._know(F_FIELD, name, field)
            self._properties.append((*self._keep(name), 0, 0, LEFT, 0, 0, 0, UNKNOWN, 0))
        self._events += [(0, 0, len(FIELDS), UNKNOWN, F_FIELD, 0), (0, 0, 0, UNKNOWN, F_TAG, 0)]
        for event in catalogue.events.values():
            if len(event.properties) <= SLOTS_MAX:
                self._know(F_EVENT, event.name, len(self._events))
                self._events.append((event.number, len(self._properties), len(event.properties), UNKNOWN, UNKNOWN, 0))
                for schema in event.properties:
                    self._read(schema, schema.slot, settable=True)
        for name, tag in catalogue.tags.items():
            self._know(F_TAG, name, len(self._properties))
            # A key's text has to be kept beside the fact: rare for a tag, so the reference decoder does it.
            self._read(tag, tag.number, settable=tag.settable and tag.type.kind is not Kind.KEY)
        for family, known in (
            (F_TYPE, _TYPES),
            (F_CAMPAIGN, catalogue.campaigns),
            (F_TOUCHPOINT, catalogue.touchpoints),
            (F_OFFER, catalogue.offers),
            (F_ANSWER, ANSWERS),
            (F_PURPOSE, catalogue.purposes),
            (F_CHANNEL, catalogue.channels),
        ):
            for name, number in known.items():
                self._know(family, name, int(number))
        self.slots_max = max((event[2] for event in self._events[OF_TRAITS + 1 :]), default=0)
        """The most slots that an event has."""
        self._arrays = self._laid_out()

    def point_into(self, into: Any) -> None:
        """Fill a SHAPES bundle, good while this object lives."""
        point(into, self._arrays)

    def _keep(self, name: str) -> tuple[int, int, int]:
        """(first 8 bytes, start in the pool, length) of a name."""
        start, encoded = len(self._pool), name.encode()
        self._pool.extend(encoded + bytes(8))
        return int.from_bytes(encoded[:8], "little"), start, len(encoded)

    def _know(self, family: int, name: str, number: int) -> None:
        self._names.append((*self._keep(name), family, number))

    def _read(self, schema: PropertySchema | TagSchema, slot: int, *, settable: bool) -> None:
        """Add a property or tag; one that is not `settable` is left to the reference decoder."""
        row, declared = len(self._properties), schema.type
        kind = _KINDS[declared.kind] if settable and not schema.personal else LEFT
        scale = 0 if declared.kind is Kind.INT else declared.scale
        read = (declared.low, declared.high, kind, scale, slot, F_MEMBERS + row, UNKNOWN, 0)
        self._properties.append((*self._keep(schema.name), *read))
        for bit, member in enumerate(declared.members if kind == SET else ()):
            self._know(F_MEMBERS + row, member, bit)

    def _laid_out(self) -> dict[str, NDArray[Any]]:
        pool = padded(bytes(self._pool))
        names = np.array(self._names, NAME)
        slots = np.zeros(max(8, 3 * len(names)), NAME)
        slots["family"] = UNKNOWN
        _place(pool, names, slots)
        events, properties = np.array(self._events, EVENT_SHAPE), np.array(self._properties, PROPERTY)
        return {"pool": pool, "names": slots, "events": events, "properties": properties}


@compiled_leaf
def _home(word: Any, data: Any, start: int, end: int, family: int, slots: int) -> int:
    mixed = ((_U(end - start) ^ (_U(family) << _U(32))) ^ word) * _PRIME
    mixed ^= mixed >> _U(32)
    for at in range(start + 8, end, 8):
        mixed = (mixed ^ low_bytes(load8(data, at), end - at)) * _PRIME
        mixed ^= mixed >> _U(32)
    return int(np.int64(((mixed & _U(0xFFFF_FFFF)) * _U(slots)) >> _U(32)))


@compiled_leaf
def _place(pool: NDArray[np.uint8], names: NDArray[Any], slots: NDArray[Any]) -> None:
    """Enter every name into the open addressing; of equal ones the first is found."""
    for i in range(len(names)):
        start = names[i]["start"]
        at = _home(names[i]["word"], pool, start, start + names[i]["length"], names[i]["family"], len(slots))
        while slots[at]["family"] >= 0:
            at = at + 1 if at + 1 < len(slots) else 0
        slots[at] = names[i]


@compiled_leaf
def _same(data: Any, at: int, shapes: Any, start: int, length: int) -> bool:
    """Whether the name at `start` of the pool stands at `at`, of which the first 8 bytes are known to be equal."""
    pool = _pool_of(shapes)
    for i in range(8, length, 8):  # noqa: SIM110 - Numba compiles no generator
        if low_bytes(load8(data, at + i) ^ load8(pool, start + i), length - i) != 0:
            return False
    return True


@compiled_leaf
def find_name(shapes: Any, family: int, data: Any, start: int, end: int) -> int:
    """The number of a family's name that stands in `data`, or UNKNOWN."""
    names, length = _names_of(shapes), end - start
    word = low_bytes(load8(data, start), length)
    at = _home(word, data, start, end, family, len(names))
    while names[at].family >= 0:
        name = names[at]
        is_alike = name.word == word and name.length == length and name.family == family
        if is_alike and (length <= 8 or _same(data, start, shapes, int(name.start), length)):
            return int(name.number)
        at += 1
        if at == len(names):
            at = 0
    return UNKNOWN


@compiled_leaf
def _is_member(shapes: Any, row: int, word: Any, data: Any, start: int, length: int) -> bool:
    known = properties_of(shapes)[row]
    return bool(
        known.word == word
        and known.length == length
        and (length <= 8 or _same(data, start, shapes, int(known.start), length))
    )


@compiled_leaf
def _find_member(shapes: Any, of: Any, data: Any, start: int, end: int) -> int:
    """The row of a member by its name, or UNKNOWN."""
    if of.family != UNKNOWN:
        return find_name(shapes, int(of.family), data, start, end)
    length = end - start
    word = low_bytes(load8(data, start), length)
    first = int(of.first)
    for row in range(first, first + of.count):
        if _is_member(shapes, row, word, data, start, length):
            return row
    return UNKNOWN


@compiled_leaf
def read_member(shapes: Any, event: int, before: int, data: Any, at: int) -> tuple[int, int]:
    """(position of the closing quote, row) of a name whose first character is at `at`; the row is UNKNOWN if it is no member of the event.

    `before` is the row of the member before it, UNKNOWN for none. A sender keeps its order: what stood behind that one last time
    is tried first, and being a known name needs no scanning.
    """
    of = events_of(shapes)[event]
    guess = int(of.opening) if before == UNKNOWN else int(properties_of(shapes)[before].following)
    if guess != UNKNOWN:
        length = int(properties_of(shapes)[guess].length)
        if (
            _is_member(shapes, guess, low_bytes(load8(data, at), length), data, at, length)
            and data[at + length] == QUOTE
        ):
            return at + length, guess
    end = scan_string(data, at)
    if end == FAILED:
        return FAILED, UNKNOWN
    row = _find_member(shapes, of, data, at, end)
    if row != UNKNOWN:
        if before == UNKNOWN:
            of.opening = row
        else:
            properties_of(shapes)[before].following = row
    return end, row
