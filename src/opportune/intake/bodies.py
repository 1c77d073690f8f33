"""Compiled reading of what a line says: an event's properties, a customer's traits, the few names of the other messages."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import NULL, TEXT_BYTES_MAX, VALUE_MAX, FactKind, compiled_leaf
from opportune.intake.fingerprints import UNKNOWN, Table, lookup
from opportune.intake.hashing import siphash
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
from opportune.intake.scratch import (
    AT_ANSWER,
    AT_CAMPAIGN,
    AT_CHANNEL,
    AT_GIVEN,
    AT_OFFER,
    AT_ON,
    AT_PURPOSE,
    AT_TOUCHPOINT,
    K_NAME,
    K_NAME_END,
    K_VALUE,
    K_VALUE_END,
    L_CODE,
    L_COUNT,
    L_FIRST,
    L_KEY_COUNT,
    L_KEY_FIRST,
    Scratch,
)
from opportune.intake.shapes import (
    BOOL,
    DATE,
    E_FIRST,
    F_ANSWER,
    F_CAMPAIGN,
    F_CHANNEL,
    F_OFFER,
    F_PURPOSE,
    F_TAG,
    F_TOUCHPOINT,
    KEY,
    LEFT,
    NUMBER,
    P_FAMILY,
    P_HIGH,
    P_KIND,
    P_LOW,
    P_SCALE,
    P_SLOT,
    SET,
    TEXT,
    Hashing,
    Shapes,
    find_name,
    find_property,
)

TRAITS_MAX = 64
"""A line with more traits is left to the reference decoder."""

CONTACT: Any = np.int64(FactKind.CONTACT)
RESPONSE: Any = np.int64(FactKind.RESPONSE)
CONSENT: Any = np.int64(FactKind.CONSENT)
DO_NOT_DISTURB: Any = np.int64(FactKind.DO_NOT_DISTURB)
_U = np.uint64


@compiled_leaf
def _read_quoted(data: NDArray[np.uint8], at: int, kind: int, hashing: Hashing, texts: Table) -> tuple[int, int]:
    """(position after, value) of a text or key; `at` is behind the opening quote."""
    end = scan_string(data, at)
    if end == FAILED:
        return FAILED, 0
    if kind == KEY:
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
def _read_set(data: NDArray[np.uint8], at: int, family: int, shapes: Shapes) -> tuple[int, int]:
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
        bit = find_name(shapes, family, data, at + 1, end)
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
def _read_value(
    data: NDArray[np.uint8], at: int, shape: NDArray[np.int64], shapes: Shapes, hashing: Hashing, texts: Table
) -> tuple[int, int]:
    """(position after, encoded value) of a property or trait; FAILED for all that the reference decoder has to judge."""
    kind = shape[P_KIND]
    if kind == LEFT:
        return FAILED, 0
    if is_null(data, at):
        return at + 4, NULL
    quoted = data[at] == QUOTE
    if kind in (TEXT, KEY):
        return _read_quoted(data, at + 1, kind, hashing, texts) if quoted else (FAILED, 0)
    start = at + 1 if quoted else at
    if kind == BOOL:
        end, value = scan_bool(data, start)
    elif kind == NUMBER:
        end, value = scan_scaled(data, start, shape[P_SCALE])
    elif kind == DATE:
        end, value = scan_day(data, start) if quoted else (FAILED, 0)
    elif kind == SET:
        end, value = _read_set(data, at, shape[P_FAMILY], shapes)
    else:
        end, value = scan_moment(data, start) if quoted else scan_scaled(data, start, NOUGHT)
    if end == FAILED or value < shape[P_LOW] or value > shape[P_HIGH]:
        return FAILED, 0
    if quoted:
        return (end + 1, value) if data[end] == QUOTE else (FAILED, 0)
    return end, value


@compiled_leaf
def _stands_before(scratch: Scratch, first: int, count: int, number: int) -> bool:
    """Whether one of a line's pairs sets that tag already."""
    for i in range(first, first + count, 2):  # noqa: SIM110 - Numba compiles no generator
        if scratch.values[i] == number:
            return True
    return False


@compiled_leaf
def _keep_key(name: int, name_end: int, value: int, value_end: int, line: int, scratch: Scratch) -> None:
    row = scratch.lines[line]
    key = row[L_KEY_FIRST] + row[L_KEY_COUNT]
    scratch.keys[key, K_NAME] = name
    scratch.keys[key, K_NAME_END] = name_end
    scratch.keys[key, K_VALUE] = value
    scratch.keys[key, K_VALUE_END] = value_end
    row[L_KEY_COUNT] += 1


@compiled_leaf
def read_members(
    data: NDArray[np.uint8], at: int, event: int, line: int, shapes: Shapes, hashing: Hashing, texts: Table,
    scratch: Scratch,
) -> int:  # fmt: skip
    """Read the object behind its opening brace into the line's values; the position after it.

    They are an event's properties, one value per slot, or with UNKNOWN for the event a customer's traits: pairs of tag number
    and value in the order they stand. Both in one loop, so that the reading of a value is compiled into it.
    """
    row, values = scratch.lines[line], scratch.values
    is_event = event != UNKNOWN
    first, place = shapes.events[event, E_FIRST] if is_event else NOUGHT, row[L_FIRST]
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
        found = (
            find_property(shapes, event, guess, data, name, end) if is_event
            else find_name(shapes, F_TAG, data, name, end)
        )  # fmt: skip
        if found == UNKNOWN:
            return FAILED
        shape = shapes.properties[first + found]
        if is_event:
            if (seen >> found) & 1:
                return FAILED
            seen |= np.int64(1) << found
            guess = found + 1
            place = row[L_FIRST] + shape[P_SLOT]
        else:
            place = row[L_FIRST] + row[L_COUNT]
            if row[L_COUNT] == 2 * TRAITS_MAX or _stands_before(scratch, row[L_FIRST], row[L_COUNT], shape[P_SLOT]):
                return FAILED
            values[place] = shape[P_SLOT]
            place += 1
            row[L_COUNT] += 2
        at = skip_blanks(data, end + 1)
        if data[at] != COLON:
            return FAILED
        start = skip_blanks(data, at + 1)
        at, value = _read_value(data, start, shape, shapes, hashing, texts)
        if at == FAILED:
            return FAILED
        values[place] = value
        if shape[P_KIND] == KEY and value != NULL:
            _keep_key(name, end, start, at, line, scratch)
        at = skip_blanks(data, at)
        if data[at] == CLOSE_OBJECT:
            return at + 1
        if data[at] != COMMA:
            return FAILED
        at = skip_blanks(data, at + 1)


@compiled_leaf
def _named(data: NDArray[np.uint8], at: int, family: int, shapes: Shapes) -> int:
    """The number of the family's name whose opening quote is at `at`; UNKNOWN where there is none, or nothing (0)."""
    if at == 0 or data[at] != QUOTE:
        return UNKNOWN
    end = scan_string(data, at + 1)
    return find_name(shapes, family, data, at + 1, end) if end != FAILED else UNKNOWN


@compiled_leaf
def _flag(data: NDArray[np.uint8], at: int) -> int:
    """1 or 0 for true or false at `at`; UNKNOWN for anything else, or nothing (0)."""
    if at == 0:
        return UNKNOWN
    quoted = data[at] == QUOTE
    end, value = scan_bool(data, at + 1 if quoted else at)
    return value if end != FAILED and (not quoted or data[end] == QUOTE) else UNKNOWN


@compiled_leaf
def read_names(data: NDArray[np.uint8], kind: int, line: int, shapes: Shapes, scratch: Scratch) -> bool:
    """Read the noted fields of a contact, response, consent or do_not_disturb into the line's code and values; False in doubt."""
    row, noted, values = scratch.lines[line], scratch.noted, scratch.values
    first, code, one, other, count = row[L_FIRST], NOUGHT, NOUGHT, NOUGHT, NOUGHT + 2
    if kind == CONTACT:
        code = _named(data, noted[AT_CAMPAIGN], F_CAMPAIGN, shapes)
        one = _named(data, noted[AT_TOUCHPOINT], F_TOUCHPOINT, shapes)
        other = _named(data, noted[AT_OFFER], F_OFFER, shapes) if noted[AT_OFFER] != 0 else NULL
    elif kind == CONSENT:
        code = _named(data, noted[AT_PURPOSE], F_PURPOSE, shapes)
        one = _named(data, noted[AT_CHANNEL], F_CHANNEL, shapes) if noted[AT_CHANNEL] != 0 else NULL
        other = _flag(data, noted[AT_GIVEN])
    elif kind == RESPONSE:
        code = _named(data, noted[AT_CAMPAIGN], F_CAMPAIGN, shapes)
        one, count = _named(data, noted[AT_ANSWER], F_ANSWER, shapes), NOUGHT + 1
    elif kind == DO_NOT_DISTURB:
        one, count = _flag(data, noted[AT_ON]), NOUGHT + 1
    if code == UNKNOWN or one == UNKNOWN or other == UNKNOWN:
        return False
    row[L_CODE], row[L_COUNT] = code, count
    values[first], values[first + 1] = one, other
    return True
