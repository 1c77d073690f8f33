"""Compiled reading of one line: who, when, which message; what it says is read by `bodies`."""

from typing import Any

import numpy as np

from opportune.facts import NULL, FactKind, compiled_leaf
from opportune.intake.bodies import read_members, read_names
from opportune.intake.fingerprints import UNKNOWN
from opportune.intake.hashing import siphash_after
from opportune.intake.passes import places_of, values_of
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
    scan_moment,
    scan_scaled,
    scan_string,
    skip_blanks,
    skip_value,
)
from opportune.intake.shapes import (
    ANONYMOUS_ID,
    ENVELOPE,
    EVENT,
    F_EVENT,
    F_TYPE,
    FIELDS,
    IDENTIFIER,
    OF_TRAITS,
    ORIGINAL_TIMESTAMP,
    PROPERTIES,
    SENT_AT,
    TIMESTAMP,
    TRAITS,
    TYPE,
    USER_ID,
    events_of,
    find_name,
    read_member,
)

_TRACK: Any = np.int64(FactKind.EVENT)
_IDENTIFY: Any = np.int64(FactKind.TAGS_SET)
_NULL: Any = np.int64(NULL)


@compiled_leaf
def _begin_event(p: Any, line: Any, data: Any, start: int, end: int) -> bool:
    """The event is named: its slots stand empty; False where there is no such event."""
    event = find_name(p.shapes, F_EVENT, data, start, end)
    if event == UNKNOWN:
        return False
    shape = events_of(p.shapes)[event]
    line.event, line.code, line.count = event, shape.number, shape.count
    values, first = values_of(p), line.first
    for i in range(first, first + shape.count):
        values[i] = NULL
    return True


@compiled_leaf
def _read_text(p: Any, line: Any, data: Any, at: int, field: int) -> int:
    """Read the type, the event, an identifier or the message id, if it is plain; the position after it."""
    if data[at] != QUOTE:
        return FAILED
    start, end = at + 1, scan_string(data, at + 1)
    if end <= start or end - start > KEY_BYTES_MAX:
        return FAILED
    if field == TYPE:
        line.kind = find_name(p.shapes, F_TYPE, data, start, end)
        if line.kind == UNKNOWN:
            return FAILED
    elif field == EVENT:
        if not _begin_event(p, line, data, start, end):
            return FAILED
    elif field == USER_ID:
        line.user, line.user_end = start, end
    elif field == ANONYMOUS_ID:
        line.anonymous, line.anonymous_end = start, end
    else:
        line.message, line.message_end = start, end
    return end + 1


@compiled_leaf
def _read_time(line: Any, data: Any, at: int, field: int) -> int:
    start = at
    if data[at] != QUOTE:
        at, ms = scan_scaled(data, at, NOUGHT)
    else:
        at, ms = scan_moment(data, at + 1)
        if at == FAILED or data[at] != QUOTE:
            return FAILED
        at += 1
    if field == TIMESTAMP:
        line.timestamp = ms
    elif field == ORIGINAL_TIMESTAMP:
        line.original = ms
    else:
        line.sent, line.sent_start, line.sent_end = ms, start, at
    return at


@compiled_leaf
def _read_part(p: Any, line: Any, data: Any, at: int, field: int) -> int:
    """Read a field of the body, or note where it is while what it belongs to is not known; the position after it."""
    if field <= TRAITS:
        if data[at] != OPEN_OBJECT:
            return FAILED
        if field == PROPERTIES and line.event != 0:
            return read_members(p, line, data, at + 1, line.event)
        if field == TRAITS and line.event == 0 and line.kind == _IDENTIFY:
            return read_members(p, line, data, at + 1, OF_TRAITS)
    places_of(p)[field] = at
    return skip_value(data, at)


@compiled_leaf
def _read_noted(p: Any, line: Any, data: Any) -> bool:
    """Read what was noted of the body and is part of such a message; False where the reference decoder has to."""
    is_event = line.kind == _TRACK
    if line.kind == 0 or is_event != (line.event != 0):  # the slots of an event lie where other values belong
        return False
    if not is_event and line.kind != _IDENTIFY:
        return read_names(p, line, data)
    field = PROPERTIES if is_event else TRAITS
    at = places_of(p)[field]
    return at == 0 or _read_part(p, line, data, at, field) != FAILED


@compiled_leaf
def _read_field(p: Any, line: Any, data: Any, at: int, field: int) -> int:
    """Read the value of a field of the envelope; the position after it."""
    if field == UNKNOWN or (field > EVENT and is_null(data, at)) or (field == SENT_AT and not p.state.live):
        return skip_value(data, at)
    if field < TIMESTAMP:
        return _read_text(p, line, data, at, field)
    if field < PROPERTIES:
        return _read_time(line, data, at, field)
    return _read_part(p, line, data, at, field)


@compiled_leaf
def read_line(p: Any, line: Any, data: Any, at: int) -> int:
    """Read a line behind its opening brace into its LINE record; the position after its closing brace, or FAILED.

    The record's `first` and `key_first` say where its values and keys go; the rest is 0.
    """
    seen, known, places = np.int64(0), UNKNOWN, places_of(p)
    line.timestamp = line.original = line.sent = _NULL
    for field in range(len(FIELDS)):
        places[field] = 0
    at = skip_blanks(data, at)
    while True:
        if data[at] != QUOTE:
            return FAILED
        end, field = read_member(p.shapes, ENVELOPE, known, data, at + 1)
        if end == FAILED or field >= IDENTIFIER:
            return FAILED
        if field != UNKNOWN:
            if (seen >> field) & 1:
                return FAILED
            seen |= np.int64(1) << field
            known = field
        at = skip_blanks(data, end + 1)
        if data[at] != COLON:
            return FAILED
        at = _read_field(p, line, data, skip_blanks(data, at + 1), field)
        if at == FAILED:
            return FAILED
        at = skip_blanks(data, at)
        if data[at] == CLOSE_OBJECT:
            break
        if data[at] != COMMA:
            return FAILED
        at = skip_blanks(data, at + 1)
    return at + 1 if _read_noted(p, line, data) and _identify(p, line, data) and _date(p, line) else FAILED


@compiled_leaf
def _date(p: Any, line: Any) -> bool:
    """Settle when it happened, as `MessageReader` does; False out of bounds."""
    at_ms = line.original if line.original != _NULL else line.timestamp
    if at_ms == _NULL:
        at_ms = p.state.received_ms
    elif line.sent != _NULL:
        at_ms = p.state.received_ms - (line.sent - at_ms)
    line.at_ms = at_ms
    return bool(at_ms >= p.state.earliest and at_ms <= p.state.latest)


@compiled_leaf
def _identify(p: Any, line: Any, data: Any) -> bool:
    """Hash the identifiers and the message id; False where the line names nobody, or by a kind the catalogue has not."""
    hashing = p.hashing
    if line.user == 0 and line.anonymous == 0:
        return False
    if line.user != 0:
        if hashing.user_kind == UNKNOWN:
            return False
        line.user_low, line.user_high = siphash_after(hashing.user, data, line.user, line.user_end)
    if line.anonymous != 0:
        if hashing.anonymous_kind == UNKNOWN:
            return False
        hashes = siphash_after(hashing.anonymous, data, line.anonymous, line.anonymous_end)
        line.anonymous_low, line.anonymous_high = hashes
    if line.message != 0:
        low, high = siphash_after(hashing.message, data, line.message, line.message_end)
        line.message_low = low if low != 0 or high != 0 else np.uint64(1)
        line.message_high = high
    return True
