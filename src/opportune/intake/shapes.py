"""The catalogue laid out as arrays, for the compiled functions: its names in one table, how each property and tag is read."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import Catalogue, Kind, PropertySchema, TagSchema, compiled_leaf, load8
from opportune.intake.fingerprints import UNKNOWN
from opportune.intake.hashing import low_bytes, padded
from opportune.intake.messages import ANONYMOUS, ANSWERS, USER

SLOTS_MAX = 63
"""An event with more properties is left to the reference decoder."""

# Columns of Shapes.names, Shapes.events and Shapes.properties (tags stand behind the properties of all events).
N_START, N_LENGTH, N_FAMILY, N_NUMBER = range(4)
E_NUMBER, E_FIRST, E_COUNT = range(3)
P_START, P_LENGTH, P_KIND, P_SCALE, P_LOW, P_HIGH, P_SLOT, P_FAMILY = range(8)
# Families of names; the members of the set at row i of Shapes.properties are family F_MEMBERS + i.
# They are no Python integers: Numba would compile what they are handed to once more for each.
_families: list[Any] = list(np.arange(9))
F_EVENT, F_TAG, F_CAMPAIGN, F_TOUCHPOINT, F_OFFER, F_ANSWER, F_PURPOSE, F_CHANNEL, F_MEMBERS = _families

LEFT, BOOL, NUMBER, DATE, TIMESTAMP, TEXT, KEY, SET = range(8)
_KINDS = {
    Kind.BOOL: BOOL,
    Kind.INT: NUMBER,
    Kind.DECIMAL: NUMBER,
    Kind.MONEY: NUMBER,
    Kind.DATE: DATE,
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.TEXT: TEXT,
    Kind.KEY: KEY,
    Kind.SET: SET,
}

_U = np.uint64
_PRIME = _U(0x9E3779B97F4A7C15)


class Shapes(NamedTuple):
    """The catalogue as arrays.

    pool       u1       the bytes of all names
    names      i8[n,4]  N_ columns; an event's number is its row of `events`, a tag's its row of `properties`
    slots      i8[m]    open addressing of `names` by family and bytes, -1 where free
    events     i8[e,3]  E_ columns
    properties i8[p,8]  P_ columns; P_SLOT is a property's slot, a tag's number
    words      u8[p]    the first 8 bytes of the names of `properties`
    """

    pool: NDArray[np.uint8]
    names: NDArray[np.int64]
    slots: NDArray[np.int64]
    events: NDArray[np.int64]
    properties: NDArray[np.int64]
    words: NDArray[np.uint64]


class Hashing(NamedTuple):
    """Keys (u8[2]), the prefixes that are hashed before a text with their `lengths`, and the numbers of the identifier
    `kinds` user and anonymous (UNKNOWN where the catalogue has no such kind)."""

    words: NDArray[np.uint64]
    user: NDArray[np.uint8]
    anonymous: NDArray[np.uint8]
    source: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    kinds: NDArray[np.int64]


class _Layout:
    """Shapes while they are being made."""

    def __init__(self) -> None:
        self.pool = bytearray()
        self.names: list[tuple[int, ...]] = []
        self.events: list[tuple[int, ...]] = []
        self.properties: list[tuple[int, ...]] = []
        self.words: list[int] = []

    def keep(self, name: str) -> tuple[int, int]:
        """(start, length) of a name in the pool."""
        start, encoded = len(self.pool), name.encode()
        self.pool.extend(encoded + bytes(8))
        return start, len(encoded)

    def know(self, family: int, name: str, number: int) -> None:
        self.names.append((*self.keep(name), family, number))

    def read(self, schema: PropertySchema | TagSchema, slot: int, *, settable: bool) -> None:
        """Add a property or tag; one that is not `settable` is left to the reference decoder."""
        row = len(self.properties)
        kind = _KINDS[schema.type.kind] if settable and not schema.personal else LEFT
        scale = 0 if schema.type.kind is Kind.INT else schema.type.scale
        start, length = self.keep(schema.name)
        self.properties.append((start, length, kind, scale, schema.type.low, schema.type.high, slot, F_MEMBERS + row))
        self.words.append(int.from_bytes(schema.name.encode()[:8], "little"))
        for bit, member in enumerate(schema.type.members if kind == SET else ()):
            self.know(F_MEMBERS + row, member, bit)

    def build(self) -> Shapes:
        pool = np.frombuffer(bytes(self.pool) + bytes(8), np.uint8)
        names = np.array(self.names, np.int64).reshape(-1, 4)
        slots = np.full(max(8, 4 * len(names)), -1, np.int64)
        _place(pool, names, slots)
        return Shapes(
            pool,
            names,
            slots,
            np.array(self.events, np.int64).reshape(-1, 3),
            np.array(self.properties, np.int64).reshape(-1, 8),
            np.array(self.words, np.uint64),
        )


def shapes_of(catalogue: Catalogue) -> Shapes:
    """The catalogue laid out for the compiled functions."""
    layout = _Layout()
    for event in catalogue.events.values():
        if len(event.properties) <= SLOTS_MAX:
            layout.know(F_EVENT, event.name, len(layout.events))
            layout.events.append((event.number, len(layout.properties), len(event.properties)))
            for schema in event.properties:
                layout.read(schema, schema.slot, settable=True)
    for name, tag in catalogue.tags.items():
        layout.know(F_TAG, name, len(layout.properties))
        # A key's text has to be kept beside the fact: rare for a tag, so the reference decoder does it.
        layout.read(tag, tag.number, settable=tag.settable and tag.type.kind is not Kind.KEY)
    for family, known in (
        (F_CAMPAIGN, catalogue.campaigns),
        (F_TOUCHPOINT, catalogue.touchpoints),
        (F_OFFER, catalogue.offers),
        (F_ANSWER, ANSWERS),
        (F_PURPOSE, catalogue.purposes),
        (F_CHANNEL, catalogue.channels),
    ):
        for name, number in known.items():
            layout.know(family, name, int(number))
    return layout.build()


def hashing_of(catalogue: Catalogue, words: NDArray[np.uint64], source: str) -> Hashing:
    """Keys and prefixes of one source, for the compiled functions."""
    prefixes = [f"{name}\0".encode() for name in (USER, ANONYMOUS, source)]
    kinds = [catalogue.identifiers.get(kind, UNKNOWN) for kind in (USER, ANONYMOUS)]
    user, anonymous, origin = (padded(prefix) for prefix in prefixes)
    return Hashing(words, user, anonymous, origin, np.array([len(p) for p in prefixes]), np.array(kinds, np.int64))


@compiled_leaf
def _home(data: NDArray[np.uint8], start: int, end: int, family: int, slots: int) -> int:
    mixed = _U(end - start) ^ (_U(family) << _U(32))
    for at in range(start, end, 8):
        mixed = (mixed ^ low_bytes(load8(data, at), end - at)) * _PRIME
        mixed ^= mixed >> _U(32)
    return int(np.int64(((mixed & _U(0xFFFF_FFFF)) * _U(slots)) >> _U(32)))


@compiled_leaf
def _place(pool: NDArray[np.uint8], names: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
    """Enter every name into the open addressing; of equal ones the first is found."""
    for number in range(len(names)):
        start = names[number, N_START]
        at = _home(pool, start, start + names[number, N_LENGTH], names[number, N_FAMILY], len(slots))
        while slots[at] >= 0:
            at = at + 1 if at + 1 < len(slots) else 0
        slots[at] = number


@compiled_leaf
def _same(data: NDArray[np.uint8], at: int, pool: NDArray[np.uint8], start: int, length: int) -> bool:
    for i in range(0, length, 8):  # noqa: SIM110 - Numba compiles no generator
        if low_bytes(load8(data, at + i) ^ load8(pool, start + i), length - i) != 0:
            return False
    return True


@compiled_leaf
def find_name(shapes: Shapes, family: int, data: NDArray[np.uint8], start: int, end: int) -> int:
    """The number of a family's name that stands in `data`, or UNKNOWN."""
    at = _home(data, start, end, family, len(shapes.slots))
    while shapes.slots[at] >= 0:
        row = shapes.names[shapes.slots[at]]
        if (
            row[N_LENGTH] == end - start
            and row[N_FAMILY] == family
            and _same(data, start, shapes.pool, row[N_START], row[N_LENGTH])
        ):
            return row[N_NUMBER]
        at += 1
        if at == len(shapes.slots):
            at = 0
    return UNKNOWN


@compiled_leaf
def find_property(shapes: Shapes, event: int, guess: int, data: NDArray[np.uint8], start: int, end: int) -> int:
    """The property of an event by its name, or UNKNOWN; `guess` is tried first, for a sender keeps its order."""
    length = end - start
    word = low_bytes(load8(data, start), length)
    first, count = shapes.events[event, E_FIRST], shapes.events[event, E_COUNT]
    for step in range(count):
        at = first + (guess + step) % count
        if (
            shapes.words[at] == word
            and shapes.properties[at, P_LENGTH] == length
            and (length <= 8 or _same(data, start, shapes.pool, shapes.properties[at, P_START], length))
        ):
            return at - first
    return UNKNOWN
