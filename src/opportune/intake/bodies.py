"""Compiled reading of what a line says: an event's properties, a customer's traits, the few names of the other messages."""

from typing import Any

import numpy as np

from opportune.facts import NULL, TEXT_BYTES_MAX, VALUE_MAX, FactKind, compiled_leaf
from opportune.intake.fingerprints import UNKNOWN, fingerprints_at, lookup
from opportune.intake.hashing import siphash_after
from opportune.intake.passes import keys_of, places_of, values_of
from opportune.intake.readings import KEY_BYTES_MAX
from opportune.intake.scanner import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    FAILED,
    NOUGHT,
    OPEN_LIST,
    QUOTE,
    is_null,
    scan_bool,
    scan_day,
    scan_moment,
    scan_scaled,
    scan_string,
    skip_blanks,
)
from opportune.intake.shapes import (
    ANSWER,
    BOOL,
    CAMPAIGN,
    CHANNEL,
    DATE,
    F_ANSWER,
    F_CAMPAIGN,
    F_CHANNEL,
    F_OFFER,
    F_PURPOSE,
    F_TOUCHPOINT,
    GIVEN,
    KEY,
    LEFT,
    NUMBER,
    OF_TRAITS,
    OFFER,
    ON,
    PURPOSE,
    SET,
    TEXT,
    TOUCHPOINT,
    events_of,
    find_name,
    properties_of,
    read_member,
)

TRAITS_MAX = 64
"""A line with more traits is left to the reference decoder."""

_CONTACT, _RESPONSE, _CONSENT = int(FactKind.CONTACT), int(FactKind.RESPONSE), int(FactKind.CONSENT)
_U = np.uint64


@compiled_leaf
def _read_quoted(p: Any, data: Any, at: int, kind: int) -> tuple[int, int]:
    """(position after, value) of a text or key; `at` is behind the opening quote."""
    end = scan_string(data, at)
    if end == FAILED or end - at > (KEY_BYTES_MAX if kind == KEY else TEXT_BYTES_MAX):
        return FAILED, 0
    low, high = siphash_after(p.hashing.plain, data, at, end)
    if kind == KEY:
        return (end + 1, int(np.int64(low & _U(VALUE_MAX)))) if end != at else (FAILED, 0)
    code = lookup(fingerprints_at(p.texts), low, high)
    return (end + 1, code) if code != UNKNOWN else (FAILED, 0)


@compiled_leaf
def _read_set(p: Any, data: Any, at: int, family: int) -> tuple[int, int]:
    """(position after, bit mask) of a list of members' names, at its opening bracket."""
    mask = np.int64(0)
    if data[at] != OPEN_LIST:
        return FAILED, 0
    at = skip_blanks(data, at + 1)
    if data[at] == CLOSE_LIST:
        return at + 1, 0
    while True:
        end = scan_string(data, at + 1) if data[at] == QUOTE else FAILED
        if end == FAILED:
            return FAILED, 0
        bit = find_name(p.shapes, family, data, at + 1, end)
        if bit == UNKNOWN:
            return FAILED, 0
        mask |= np.int64(1) << bit
        at = skip_blanks(data, end + 1)
        if data[at] == CLOSE_LIST:
            return at + 1, int(mask)
        if data[at] != COMMA:
            return FAILED, 0
        at = skip_blanks(data, at + 1)


@compiled_leaf
def _read_value(p: Any, data: Any, at: int, shape: Any) -> tuple[int, int]:
    """(position after, encoded value) of a property or trait; FAILED for all that the reference decoder has to judge."""
    kind = int(shape.kind)
    if kind == LEFT:
        return FAILED, 0
    if is_null(data, at):
        return at + 4, NULL
    quoted = data[at] == QUOTE
    if kind in (TEXT, KEY):
        return _read_quoted(p, data, at + 1, kind) if quoted else (FAILED, 0)
    start = at + 1 if quoted else at
    if kind == BOOL:
        end, value = scan_bool(data, start)
    elif kind == NUMBER:
        end, value = scan_scaled(data, start, int(shape.scale))
    elif kind == DATE:
        end, value = scan_day(data, start) if quoted else (FAILED, 0)
    elif kind == SET:
        end, value = _read_set(p, data, at, int(shape.family))
    else:
        end, value = scan_moment(data, start) if quoted else scan_scaled(data, start, NOUGHT)
    if end == FAILED or value < shape.low or value > shape.high:
        return FAILED, 0
    if quoted:
        return (end + 1, value) if data[end] == QUOTE else (FAILED, 0)
    return end, value


@compiled_leaf
def _stands_before(p: Any, line: Any, number: int) -> bool:
    """Whether one of a line's pairs sets that tag already."""
    values, first = values_of(p), line.first
    for i in range(first, first + line.count, 2):  # noqa: SIM110 - Numba compiles no generator
        if values[i] == number:
            return True
    return False


@compiled_leaf
def _keep_key(p: Any, line: Any, name: int, name_end: int, value: int, value_end: int) -> None:
    key = keys_of(p)[line.key_first + line.key_count]
    key.name, key.name_end, key.value, key.value_end = name, name_end, value, value_end
    line.key_count += 1


@compiled_leaf
def _place_of(p: Any, line: Any, event: int, row: int, seen: Any) -> int:
    """Where the value of a property or trait goes; FAILED where it stood before, or is a trait too many.

    An event has one value per slot; traits are pairs of tag number and value, in the order they stand.
    """
    shape = properties_of(p.shapes)[row]
    if event != OF_TRAITS:
        return FAILED if (seen >> (row - events_of(p.shapes)[event].first)) & 1 else int(line.first + shape.slot)
    if line.count == 2 * TRAITS_MAX or _stands_before(p, line, int(shape.slot)):
        return FAILED
    line.count += 2
    place = int(line.first + line.count - 1)
    values_of(p)[place - 1] = shape.slot
    return place


@compiled_leaf
def read_members(p: Any, line: Any, data: Any, at: int, event: int) -> int:
    """Read the object behind its opening brace into the line's values; the position after it.

    They are an event's properties, or with OF_TRAITS for the event a customer's traits.
    """
    seen, row = np.int64(0), UNKNOWN
    shapes, values = p.shapes, values_of(p)
    first = int(events_of(shapes)[event].first)
    at = skip_blanks(data, at)
    if data[at] == CLOSE_OBJECT:
        return at + 1
    while True:
        if data[at] != QUOTE:
            return FAILED
        name = at + 1
        end, row = read_member(shapes, event, row, data, name)
        if row == UNKNOWN:
            return FAILED
        place = _place_of(p, line, event, row, seen)
        if place == FAILED:
            return FAILED
        seen |= np.int64(1) << ((row - first) & 63)
        at = skip_blanks(data, end + 1)
        if data[at] != COLON:
            return FAILED
        start = skip_blanks(data, at + 1)
        shape = properties_of(shapes)[row]
        at, value = _read_value(p, data, start, shape)
        if at == FAILED:
            return FAILED
        values[place] = value
        if shape.kind == KEY and value != NULL:
            _keep_key(p, line, name, end, start, at)
        at = skip_blanks(data, at)
        if data[at] == CLOSE_OBJECT:
            return at + 1
        if data[at] != COMMA:
            return FAILED
        at = skip_blanks(data, at + 1)


@compiled_leaf
def _named(p: Any, data: Any, field: int, family: int, absent: int) -> int:
    """The number of the family's name that stands in a field; UNKNOWN where none of them does, `absent` where nothing."""
    at = places_of(p)[field]
    if at == 0:
        return absent
    end = scan_string(data, at + 1) if data[at] == QUOTE else FAILED
    return find_name(p.shapes, family, data, at + 1, end) if end != FAILED else UNKNOWN


@compiled_leaf
def _flag(p: Any, data: Any, field: int) -> int:
    """1 or 0 for true or false in a field; UNKNOWN for anything else, or nothing."""
    at = places_of(p)[field]
    if at == 0:
        return UNKNOWN
    quoted = data[at] == QUOTE
    end, value = scan_bool(data, at + 1 if quoted else at)
    return value if end != FAILED and (not quoted or data[end] == QUOTE) else UNKNOWN


@compiled_leaf
def read_names(p: Any, line: Any, data: Any) -> bool:
    """Read the noted fields of a contact, response, consent or do_not_disturb into the line's code and values; False in doubt."""
    code, one, other, count = NOUGHT, NOUGHT, NOUGHT, NOUGHT + 1
    if line.kind == _CONTACT:
        code = _named(p, data, CAMPAIGN, F_CAMPAIGN, UNKNOWN)
        one = _named(p, data, TOUCHPOINT, F_TOUCHPOINT, UNKNOWN)
        other, count = _named(p, data, OFFER, F_OFFER, NULL), NOUGHT + 2
    elif line.kind == _CONSENT:
        code = _named(p, data, PURPOSE, F_PURPOSE, UNKNOWN)
        one = _named(p, data, CHANNEL, F_CHANNEL, NULL)
        other, count = _flag(p, data, GIVEN), NOUGHT + 2
    elif line.kind == _RESPONSE:
        code = _named(p, data, CAMPAIGN, F_CAMPAIGN, UNKNOWN)
        one = _named(p, data, ANSWER, F_ANSWER, UNKNOWN)
    else:
        one = _flag(p, data, ON)
    if code == UNKNOWN or one == UNKNOWN or other == UNKNOWN:
        return False
    line.code, line.count = code, count
    values_of(p)[line.first], values_of(p)[line.first + 1] = one, other
    return True
