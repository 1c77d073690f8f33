"""Compiled reading of one `track` line against the catalogue laid out as arrays."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import NULL, TEXT_BYTES_MAX, VALUE_MAX, Catalogue, Kind, PropertySchema, compiled_leaf, load8
from opportune.intake.fingerprints import UNKNOWN, Table, lookup
from opportune.intake.hashing import low_bytes, padded, siphash, siphash_after
from opportune.intake.messages import ANONYMOUS, USER
from opportune.intake.readings import KEY_BYTES_MAX
from opportune.intake.scanner import (
    CLOSE_OBJECT,
    COLON,
    COMMA,
    FAILED,
    NOUGHT,
    OPEN_OBJECT,
    QUOTE,
    is_null,
    scan_bool,
    scan_day,
    scan_moment,
    scan_scaled,
    scan_string,
    skip_blanks,
    skip_value,
)

SLOTS_MAX = 63
"""An event with more properties is left to the reference decoder."""

# Columns of Shapes.events and Shapes.properties.
E_NUMBER, E_FIRST, E_COUNT, E_NAME, E_LENGTH = range(5)
P_NAME, P_LENGTH, P_KIND, P_SCALE, P_LOW, P_HIGH, P_SLOT = range(7)
_LEFT, _BOOL, _NUMBER, _DATE, _TIMESTAMP, _TEXT, _KEY = range(7)
_KINDS = {
    Kind.BOOL: _BOOL,
    Kind.INT: _NUMBER,
    Kind.DECIMAL: _NUMBER,
    Kind.MONEY: _NUMBER,
    Kind.DATE: _DATE,
    Kind.TIMESTAMP: _TIMESTAMP,
    Kind.TEXT: _TEXT,
    Kind.KEY: _KEY,
}

# Columns of Scratch.lines.
(
    L_START, L_END, L_STATUS, L_CODE, L_AT, L_FIRST, L_COUNT, L_USER, L_USER_END, L_ANONYMOUS, L_ANONYMOUS_END,
    L_HAS_MESSAGE, L_KEY_FIRST, L_KEY_COUNT,
) = range(14)  # fmt: skip
LINE_COLUMNS = 14
# Columns of Scratch.prints.
U_LOW, U_HIGH, A_LOW, A_HIGH, M_LOW, M_HIGH, M_CONTENT = range(7)
PRINT_COLUMNS = 7
# Columns of Scratch.keys.
K_NAME, K_NAME_END, K_VALUE, K_VALUE_END = range(4)
KEY_COLUMNS = 4

_U = np.uint64
_PRIME = _U(0x9E3779B97F4A7C15)


def _word(text: bytes) -> Any:
    return _U(int.from_bytes(text[:8], "little"))


_TYPE, _EVENT, _USER_ID = _word(b"type"), _word(b"event"), _word(b"userId")
_TIMESTAMP_A, _TIMESTAMP_B = _word(b"timestamp"), _word(b"imestamp")
_MESSAGE_A, _MESSAGE_B = _word(b"messageId"), _word(b"essageId")
_PROPERTIES_A, _PROPERTIES_B = _word(b"properties"), _word(b"operties")
_IDENTIFIER_A, _IDENTIFIER_B = _word(b"identifier"), _word(b"entifier")
_ANONYMOUS_A, _ANONYMOUS_B = _word(b"anonymousId"), _word(b"nymousId")
_TRACK = _word(b"track")
_HAS_TYPE, _HAS_EVENT, _HAS_USER, _HAS_ANONYMOUS, _HAS_TIME, _HAS_MESSAGE, _HAS_PROPERTIES = (1 << i for i in range(7))


class Shapes(NamedTuple):
    """The catalogue's events as arrays: `names` u1 pool; `slots` i8 open addressing of event names; `events` and `properties` i8 rows; `words` first 8 bytes of property names."""

    names: NDArray[np.uint8]
    slots: NDArray[np.int64]
    events: NDArray[np.int64]
    properties: NDArray[np.int64]
    words: NDArray[np.uint64]


class Hashing(NamedTuple):
    """Keys (u8[2]) and the prefixes that are hashed before a text; `has_user`, `has_anonymous` say whether the catalogue has the kind."""

    words: NDArray[np.uint64]
    user: NDArray[np.uint8]
    anonymous: NDArray[np.uint8]
    source: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    kinds: NDArray[np.int64]


class Scratch(NamedTuple):
    """What is known of the lines of one block between scanning and applying: `lines` i8, `prints` u8, `values` i8, `keys` i8 places of key texts."""

    lines: NDArray[np.int64]
    prints: NDArray[np.uint64]
    values: NDArray[np.int64]
    keys: NDArray[np.int64]


def shapes_of(catalogue: Catalogue) -> Shapes:
    """The catalogue's events laid out for the compiled functions."""
    pool = bytearray()

    def keep(name: str) -> tuple[int, int]:
        start = len(pool)
        pool.extend(name.encode() + bytes(8))
        return start, len(name.encode())

    events: list[tuple[int, ...]] = []
    properties: list[tuple[int, ...]] = []
    words: list[int] = []
    for event in catalogue.events.values():
        if len(event.properties) <= SLOTS_MAX:
            start, length = keep(event.name)
            events.append((event.number, len(properties), len(event.properties), start, length))
            for schema in event.properties:
                start, length = keep(schema.name)
                properties.append((start, length, *_reading(schema)))
                words.append(int.from_bytes(schema.name.encode()[:8], "little"))
    names = np.frombuffer(bytes(pool) + bytes(8), np.uint8)
    slots = np.full(max(8, 4 * len(events)), -1, np.int64)
    for number, row in enumerate(events):
        at = _name_home(names, row[E_NAME], row[E_NAME] + row[E_LENGTH], len(slots))
        while slots[at] >= 0:
            at = (at + 1) % len(slots)
        slots[at] = number
    return Shapes(
        names,
        slots,
        np.array(events, np.int64).reshape(-1, 5),
        np.array(properties, np.int64).reshape(-1, 7),
        np.array(words, np.uint64),
    )


def _reading(schema: PropertySchema) -> tuple[int, int, int, int, int]:
    kind = _LEFT if schema.personal else _KINDS.get(schema.type.kind, _LEFT)
    scale = 0 if schema.type.kind is Kind.INT else schema.type.scale
    return kind, scale, schema.type.low, schema.type.high, schema.slot


def hashing_of(catalogue: Catalogue, words: NDArray[np.uint64], source: str) -> Hashing:
    """Keys and prefixes of one source, for the compiled functions."""
    prefixes = [f"{name}\0".encode() for name in (USER, ANONYMOUS, source)]
    kinds = [catalogue.identifiers.get(kind, UNKNOWN) for kind in (USER, ANONYMOUS)]
    user, anonymous, origin = (padded(prefix) for prefix in prefixes)
    return Hashing(words, user, anonymous, origin, np.array([len(p) for p in prefixes]), np.array(kinds, np.int64))


@compiled_leaf
def _name_home(data: NDArray[np.uint8], start: int, end: int, slots: int) -> int:
    mixed = _U(end - start)
    for at in range(start, end, 8):
        mixed = (mixed ^ low_bytes(load8(data, at), end - at)) * _PRIME
        mixed ^= mixed >> _U(32)
    return int(np.int64(((mixed & _U(0xFFFF_FFFF)) * _U(slots)) >> _U(32)))


@compiled_leaf
def _same(data: NDArray[np.uint8], at: int, names: NDArray[np.uint8], start: int, length: int) -> bool:
    for i in range(0, length, 8):  # noqa: SIM110 - Numba compiles no generator
        if low_bytes(load8(data, at + i) ^ load8(names, start + i), length - i) != 0:
            return False
    return True


@compiled_leaf
def _find_event(shapes: Shapes, data: NDArray[np.uint8], start: int, end: int) -> int:
    at = _name_home(data, start, end, len(shapes.slots))
    while shapes.slots[at] >= 0:
        event = shapes.slots[at]
        row = shapes.events[event]
        if row[E_LENGTH] == end - start and _same(data, start, shapes.names, row[E_NAME], row[E_LENGTH]):
            return event
        at += 1
        if at == len(shapes.slots):
            at = 0
    return UNKNOWN


@compiled_leaf
def _find_property(shapes: Shapes, event: int, guess: int, data: NDArray[np.uint8], start: int, end: int) -> int:
    """The property of a name; `guess` is tried first, for a sender keeps its order."""
    length = end - start
    word = low_bytes(load8(data, start), length)
    first, count = shapes.events[event, E_FIRST], shapes.events[event, E_COUNT]
    for step in range(count):
        at = first + (guess + step) % count
        if (
            shapes.words[at] == word
            and shapes.properties[at, P_LENGTH] == length
            and (length <= 8 or _same(data, start, shapes.names, shapes.properties[at, P_NAME], length))
        ):
            return at - first
    return UNKNOWN


@compiled_leaf
def _read_quoted(data: NDArray[np.uint8], at: int, kind: int, hashing: Hashing, texts: Table) -> tuple[int, int]:
    """(position after, value) of a text or key; `at` is behind the opening quote."""
    end = scan_string(data, at)
    if end == FAILED:
        return FAILED, 0
    if kind == _KEY:
        if end == at or end - at > KEY_BYTES_MAX:
            return FAILED, 0
        low, _ = siphash(hashing.words, data, at, end)
        return end + 1, int(np.int64(low & _U(VALUE_MAX)))
    if end - at > TEXT_BYTES_MAX:
        return FAILED, 0
    low, high = siphash(hashing.words, data, at, end)
    code = lookup(texts, low, high)
    return (end + 1, code) if code != UNKNOWN else (FAILED, 0)


@compiled_leaf
def _read_value(
    data: NDArray[np.uint8], at: int, shape: NDArray[np.int64], hashing: Hashing, texts: Table
) -> tuple[int, int]:
    """(position after, encoded value) of a property's value; FAILED for all that the reference decoder has to judge."""
    kind = shape[P_KIND]
    if kind == _LEFT:
        return FAILED, 0
    if is_null(data, at):
        return at + 4, NULL
    quoted = data[at] == QUOTE
    if kind in (_TEXT, _KEY):
        return _read_quoted(data, at + 1, kind, hashing, texts) if quoted else (FAILED, 0)
    start = at + 1 if quoted else at
    if kind == _BOOL:
        end, value = scan_bool(data, start)
    elif kind == _NUMBER:
        end, value = scan_scaled(data, start, shape[P_SCALE])
    elif kind == _DATE:
        end, value = scan_day(data, start) if quoted else (FAILED, 0)
    else:
        end, value = scan_moment(data, start) if quoted else scan_scaled(data, start, NOUGHT)
    if end == FAILED or value < shape[P_LOW] or value > shape[P_HIGH]:
        return FAILED, 0
    if quoted:
        return (end + 1, value) if data[end] == QUOTE else (FAILED, 0)
    return end, value


@compiled_leaf
def _read_properties(
    data: NDArray[np.uint8], at: int, event: int, line: int, shapes: Shapes, hashing: Hashing, texts: Table,
    scratch: Scratch,
) -> int:  # fmt: skip
    """Read the object behind its opening brace into the line's values; the position after it."""
    row = scratch.lines[line]
    first, base = shapes.events[event, E_FIRST], row[L_FIRST]
    seen, guess = np.int64(0), NOUGHT
    at = skip_blanks(data, at)
    if data[at] == CLOSE_OBJECT:
        return at + 1
    while True:
        if data[at] != QUOTE:
            return FAILED
        name = at + 1
        end = scan_string(data, name)
        if end == FAILED:
            return FAILED
        found = _find_property(shapes, event, guess, data, name, end)
        if found == UNKNOWN or (seen >> found) & 1:
            return FAILED
        seen |= np.int64(1) << found
        guess = found + 1
        at = skip_blanks(data, end + 1)
        if data[at] != COLON:
            return FAILED
        start = skip_blanks(data, at + 1)
        shape = shapes.properties[first + found]
        at, value = _read_value(data, start, shape, hashing, texts)
        if at == FAILED:
            return FAILED
        scratch.values[base + shape[P_SLOT]] = value
        if shape[P_KIND] == _KEY and value != NULL:
            key = row[L_KEY_FIRST] + row[L_KEY_COUNT]
            scratch.keys[key, K_NAME] = name
            scratch.keys[key, K_NAME_END] = end
            scratch.keys[key, K_VALUE] = start
            scratch.keys[key, K_VALUE_END] = at
            row[L_KEY_COUNT] += 1
        at = skip_blanks(data, at)
        if data[at] == CLOSE_OBJECT:
            return at + 1
        if data[at] != COMMA:
            return FAILED
        at = skip_blanks(data, at + 1)


@compiled_leaf
def _field_of(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Which field of the envelope a name is: its bit, 0 for one that means nothing, FAILED for `identifier`."""
    length = end - start
    word = low_bytes(load8(data, start), length)
    if length <= 8:
        if word == _TYPE:
            return _HAS_TYPE
        if word == _EVENT:
            return _HAS_EVENT
        return _HAS_USER if word == _USER_ID else 0
    last = load8(data, end - 8)
    if length == 9:
        if word == _TIMESTAMP_A and last == _TIMESTAMP_B:
            return _HAS_TIME
        return _HAS_MESSAGE if word == _MESSAGE_A and last == _MESSAGE_B else 0
    if length == 10:
        if word == _PROPERTIES_A and last == _PROPERTIES_B:
            return _HAS_PROPERTIES
        return FAILED if word == _IDENTIFIER_A and last == _IDENTIFIER_B else 0
    return _HAS_ANONYMOUS if length == 11 and word == _ANONYMOUS_A and last == _ANONYMOUS_B else 0


@compiled_leaf
def _scan_name_of_customer(data: NDArray[np.uint8], at: int) -> int:
    """The closing quote of an identifier or message id at `at` (its opening quote), if it is plain."""
    if data[at] != QUOTE:
        return FAILED
    end = scan_string(data, at + 1)
    return end if end > at + 1 and end - at - 1 <= KEY_BYTES_MAX else FAILED


@compiled_leaf
def _read_time(data: NDArray[np.uint8], at: int, row: NDArray[np.int64]) -> int:
    if data[at] != QUOTE:
        end, row[L_AT] = scan_scaled(data, at, NOUGHT)
        return end
    end, row[L_AT] = scan_moment(data, at + 1)
    return end + 1 if end != FAILED and data[end] == QUOTE else FAILED


@compiled_leaf
def _begin(shapes: Shapes, event: int, line: int, scratch: Scratch) -> None:
    """The event is known: its slots stand empty."""
    row = scratch.lines[line]
    row[L_CODE] = shapes.events[event, E_NUMBER]
    row[L_COUNT] = shapes.events[event, E_COUNT]
    for i in range(row[L_FIRST], row[L_FIRST] + row[L_COUNT]):
        scratch.values[i] = NULL


@compiled_leaf
def _read_identifiers(data: NDArray[np.uint8], at: int, end: int, field: int, row: NDArray[np.int64]) -> None:
    start = L_USER if field == _HAS_USER else L_ANONYMOUS
    row[start] = at + 1
    row[start + 1] = end


@compiled_leaf
def read_track(
    data: NDArray[np.uint8], at: int, line: int, shapes: Shapes, hashing: Hashing, texts: Table, scratch: Scratch
) -> int:
    """Read a track line behind its opening brace into `scratch`; the position after its closing brace.

    The line's L_FIRST and L_KEY_FIRST say where its values and keys go, L_AT holds the time of arrival.
    """
    row = scratch.lines[line]
    seen, event, properties = 0, NOUGHT + UNKNOWN, NOUGHT + FAILED
    message, message_end = NOUGHT, NOUGHT
    at = skip_blanks(data, at)
    while True:
        if data[at] != QUOTE:
            return FAILED
        end = scan_string(data, at + 1)
        if end == FAILED:
            return FAILED
        field = _field_of(data, at + 1, end)
        if field == FAILED or seen & field:
            return FAILED
        seen |= field
        at = skip_blanks(data, end + 1)
        if data[at] != COLON:
            return FAILED
        at = skip_blanks(data, at + 1)
        if field == 0 or (is_null(data, at) and field > _HAS_EVENT):
            at = skip_value(data, at)
        elif field == _HAS_PROPERTIES:
            if data[at] != OPEN_OBJECT:
                return FAILED
            properties = at + 1 if event == UNKNOWN else FAILED
            if event == UNKNOWN:  # its event comes later; come back then
                at = skip_value(data, at)
            else:
                at = _read_properties(data, at + 1, event, line, shapes, hashing, texts, scratch)
        elif field == _HAS_TIME:
            at = _read_time(data, at, row)
        else:
            end = _scan_name_of_customer(data, at)
            if end == FAILED:
                return FAILED
            if field == _HAS_TYPE:
                if end != at + 6 or low_bytes(load8(data, at + 1), 5) != _TRACK:
                    return FAILED
            elif field == _HAS_EVENT:
                event = _find_event(shapes, data, at + 1, end)
                if event == UNKNOWN:
                    return FAILED
                _begin(shapes, event, line, scratch)
            elif field == _HAS_MESSAGE:
                message, message_end = at + 1, end
            else:
                _read_identifiers(data, at, end, field, row)
            at = end + 1
        if at == FAILED:
            return FAILED
        at = skip_blanks(data, at)
        if data[at] == CLOSE_OBJECT:
            break
        if data[at] != COMMA:
            return FAILED
        at = skip_blanks(data, at + 1)
    if event == UNKNOWN or not seen & _HAS_TYPE:
        return FAILED
    if (
        properties != FAILED
        and _read_properties(data, properties, event, line, shapes, hashing, texts, scratch) == FAILED
    ):
        return FAILED
    return at + 1 if _finish(data, line, message, message_end, hashing, scratch) else FAILED


@compiled_leaf
def _finish(
    data: NDArray[np.uint8], line: int, message: int, message_end: int, hashing: Hashing, scratch: Scratch
) -> bool:
    """Hash the identifiers and the message id; False where the line names nobody, or by a kind the catalogue has not."""
    row, prints = scratch.lines[line], scratch.prints[line]
    if row[L_USER] == 0 and row[L_ANONYMOUS] == 0:
        return False
    if row[L_USER] != 0:
        if hashing.kinds[0] == UNKNOWN:
            return False
        prints[U_LOW], prints[U_HIGH] = siphash_after(
            hashing.words, hashing.user, hashing.lengths[0], data, row[L_USER], row[L_USER_END]
        )
    if row[L_ANONYMOUS] != 0:
        if hashing.kinds[1] == UNKNOWN:
            return False
        prints[A_LOW], prints[A_HIGH] = siphash_after(
            hashing.words, hashing.anonymous, hashing.lengths[1], data, row[L_ANONYMOUS], row[L_ANONYMOUS_END]
        )
    row[L_HAS_MESSAGE] = 1 if message else 0
    if message:
        low, high = siphash_after(hashing.words, hashing.source, hashing.lengths[2], data, message, message_end)
        prints[M_LOW] = low if low != 0 or high != 0 else _U(1)
        prints[M_HIGH] = high
    return True
