"""Compiled reading of one line: who, when, which message; what it says is read by `bodies`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import NULL, FactKind, compiled_leaf, load8
from opportune.intake.bodies import CONSENT, CONTACT, DO_NOT_DISTURB, RESPONSE, read_members, read_names
from opportune.intake.fingerprints import UNKNOWN, Table
from opportune.intake.hashing import low_bytes, siphash_after
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
from opportune.intake.scratch import (
    A_HIGH,
    A_LOW,
    AT_EVENT,
    AT_PROPERTIES,
    AT_TRAITS,
    L_ANONYMOUS,
    L_ANONYMOUS_END,
    L_AT,
    L_CODE,
    L_COUNT,
    L_FIRST,
    L_KIND,
    L_MESSAGE,
    L_MESSAGE_END,
    L_USER,
    L_USER_END,
    M_HIGH,
    M_LOW,
    U_HIGH,
    U_LOW,
    Scratch,
)
from opportune.intake.shapes import E_COUNT, E_NUMBER, F_EVENT, Hashing, Shapes, find_name

_U = np.uint64


def _word(text: bytes) -> Any:
    return _U(int.from_bytes(text[:8], "little"))


_TYPE, _EVENT, _USER_ID, _TRAITS = _word(b"type"), _word(b"event"), _word(b"userId"), _word(b"traits")
_CAMPAIGN, _ANSWER, _PURPOSE, _CHANNEL = _word(b"campaign"), _word(b"answer"), _word(b"purpose"), _word(b"channel")
_GIVEN, _ON, _OFFER = _word(b"given"), _word(b"on"), _word(b"offer")
_TIMESTAMP_A, _TIMESTAMP_B = _word(b"timestamp"), _word(b"imestamp")
_MESSAGE_A, _MESSAGE_B = _word(b"messageId"), _word(b"essageId")
_PROPERTIES_A, _PROPERTIES_B = _word(b"properties"), _word(b"operties")
_IDENTIFIER_A, _IDENTIFIER_B = _word(b"identifier"), _word(b"entifier")
_TOUCHPOINT_A, _TOUCHPOINT_B = _word(b"touchpoint"), _word(b"uchpoint")
_ANONYMOUS_A, _ANONYMOUS_B = _word(b"anonymousId"), _word(b"nymousId")
_IS_TRACK, _IS_IDENTIFY, _IS_CONTACT = _word(b"track"), _word(b"identify"), _word(b"contact")
_IS_RESPONSE, _IS_CONSENT = _word(b"response"), _word(b"consent")
_IS_DO_NOT_DISTURB_A, _IS_DO_NOT_DISTURB_B = _word(b"do_not_disturb"), _word(b"_disturb")
_TRACK: Any = np.int64(FactKind.EVENT)
_IDENTIFY: Any = np.int64(FactKind.TAGS_SET)

# Fields; texts and parts of the body stand in the order of L_USER and AT_PROPERTIES and what follows.
(
    _TYPE_FIELD, _EVENT_FIELD, _USER_FIELD, _ANONYMOUS_FIELD, _MESSAGE_FIELD, _TIME_FIELD, _PROPERTIES_FIELD,
    _TRAITS_FIELD, _CAMPAIGN_FIELD, _TOUCHPOINT_FIELD, _OFFER_FIELD, _ANSWER_FIELD, _PURPOSE_FIELD, _CHANNEL_FIELD,
    _GIVEN_FIELD, _ON_FIELD, _NO_FIELD,
) = range(17)  # fmt: skip


@compiled_leaf
def _short_field(word: Any) -> int:
    """The field of a name of at most 8 bytes."""
    if word == _TYPE:
        return _TYPE_FIELD
    if word == _EVENT:
        return _EVENT_FIELD
    if word == _USER_ID:
        return _USER_FIELD
    if word == _TRAITS:
        return _TRAITS_FIELD
    if word == _CAMPAIGN:
        return _CAMPAIGN_FIELD
    if word == _OFFER:
        return _OFFER_FIELD
    if word == _ANSWER:
        return _ANSWER_FIELD
    if word == _PURPOSE:
        return _PURPOSE_FIELD
    if word == _CHANNEL:
        return _CHANNEL_FIELD
    if word == _GIVEN:
        return _GIVEN_FIELD
    return _ON_FIELD if word == _ON else _NO_FIELD


@compiled_leaf
def _field_of(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Which field a name is: _NO_FIELD for one that means nothing, FAILED for `identifier`."""
    length = end - start
    word = low_bytes(load8(data, start), length)
    if length <= 8:
        return _short_field(word)
    last = load8(data, end - 8)
    if length == 9:
        if word == _TIMESTAMP_A and last == _TIMESTAMP_B:
            return _TIME_FIELD
        return _MESSAGE_FIELD if word == _MESSAGE_A and last == _MESSAGE_B else _NO_FIELD
    if length == 10:
        if word == _PROPERTIES_A and last == _PROPERTIES_B:
            return _PROPERTIES_FIELD
        if word == _TOUCHPOINT_A and last == _TOUCHPOINT_B:
            return _TOUCHPOINT_FIELD
        return FAILED if word == _IDENTIFIER_A and last == _IDENTIFIER_B else _NO_FIELD
    return _ANONYMOUS_FIELD if length == 11 and word == _ANONYMOUS_A and last == _ANONYMOUS_B else _NO_FIELD


@compiled_leaf
def _kind_of(data: NDArray[np.uint8], start: int, end: int) -> int:
    """The kind of fact that a message of that type makes, or UNKNOWN."""
    length = end - start
    word = low_bytes(load8(data, start), length)
    if length == 14 and word == _IS_DO_NOT_DISTURB_A and load8(data, end - 8) == _IS_DO_NOT_DISTURB_B:
        return DO_NOT_DISTURB
    if length > 8:
        return UNKNOWN
    if word == _IS_TRACK:
        return _TRACK
    if word == _IS_IDENTIFY:
        return _IDENTIFY
    if word == _IS_RESPONSE:
        return RESPONSE
    if word == _IS_CONSENT:
        return CONSENT
    return CONTACT if word == _IS_CONTACT else UNKNOWN


@compiled_leaf
def _scan_plain(data: NDArray[np.uint8], at: int) -> int:
    """The closing quote of an identifier, message id, type or event at `at` (its opening quote), if it is plain."""
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
def _begin(data: NDArray[np.uint8], start: int, end: int, line: int, shapes: Shapes, scratch: Scratch) -> bool:
    """The event is named: its slots stand empty; False where there is no such event."""
    row = scratch.lines[line]
    event = find_name(shapes, F_EVENT, data, start, end)
    if event == UNKNOWN:
        return False
    scratch.noted[AT_EVENT] = event + 1
    row[L_CODE] = shapes.events[event, E_NUMBER]
    row[L_COUNT] = shapes.events[event, E_COUNT]
    for i in range(row[L_FIRST], row[L_FIRST] + row[L_COUNT]):
        scratch.values[i] = NULL
    return True


@compiled_leaf
def _read_part(
    data: NDArray[np.uint8], at: int, field: int, line: int, shapes: Shapes, hashing: Hashing, texts: Table,
    scratch: Scratch,
) -> int:  # fmt: skip
    """Read a field of the body, or note where it is while what it belongs to is not known; the position after it."""
    row, noted = scratch.lines[line], scratch.noted
    if field <= _TRAITS_FIELD:
        if data[at] != OPEN_OBJECT:
            return FAILED
        event = noted[AT_EVENT] - 1
        of_event = field == _PROPERTIES_FIELD and event != UNKNOWN
        if of_event or (field == _TRAITS_FIELD and event == UNKNOWN and row[L_KIND] == _IDENTIFY):
            return read_members(data, at + 1, event, line, shapes, hashing, texts, scratch)
    noted[AT_PROPERTIES + (field - _PROPERTIES_FIELD)] = at
    return skip_value(data, at)


@compiled_leaf
def _is_read(row: NDArray[np.int64], noted: NDArray[np.int64]) -> bool:
    """Whether the body was read at its place, as in most lines: `_read_noted` is a call with a hundred words to pass."""
    if row[L_KIND] == _TRACK:
        return bool(noted[AT_EVENT] != 0 and noted[AT_PROPERTIES] == 0)
    return bool(row[L_KIND] == _IDENTIFY and noted[AT_EVENT] == 0 and noted[AT_TRAITS] == 0)


@compiled_leaf
def _read_noted(
    data: NDArray[np.uint8], line: int, shapes: Shapes, hashing: Hashing, texts: Table, scratch: Scratch
) -> bool:
    """Read what was noted of the body and is part of such a message; False where the reference decoder has to."""
    row, noted = scratch.lines[line], scratch.noted
    is_event = row[L_KIND] == _TRACK
    if row[L_KIND] == 0 or is_event != (noted[AT_EVENT] != 0):  # the slots of an event lie where other values belong
        return False
    if not is_event and row[L_KIND] != _IDENTIFY:
        return read_names(data, row[L_KIND], line, shapes, scratch)
    field = _PROPERTIES_FIELD if is_event else _TRAITS_FIELD
    at = noted[AT_PROPERTIES + (field - _PROPERTIES_FIELD)]
    return at == 0 or _read_part(data, at, field, line, shapes, hashing, texts, scratch) != FAILED


@compiled_leaf
def read_line(
    data: NDArray[np.uint8], at: int, line: int, shapes: Shapes, hashing: Hashing, texts: Table, scratch: Scratch
) -> int:
    """Read a line behind its opening brace into `scratch`; the position after its closing brace.

    The line's L_FIRST and L_KEY_FIRST say where its values and keys go, L_AT holds the time of arrival; the rest is 0.
    """
    row, seen = scratch.lines[line], np.int64(0)
    scratch.noted[:] = 0
    at = skip_blanks(data, at)
    while True:
        if data[at] != QUOTE:
            return FAILED
        end = scan_string(data, at + 1)
        if end == FAILED:
            return FAILED
        field = _field_of(data, at + 1, end)
        if field == FAILED or (field != _NO_FIELD and (seen >> field) & 1):
            return FAILED
        seen |= np.int64(1) << field
        at = skip_blanks(data, end + 1)
        if data[at] != COLON:
            return FAILED
        at = skip_blanks(data, at + 1)
        if field == _NO_FIELD or (field > _EVENT_FIELD and is_null(data, at)):
            at = skip_value(data, at)
        elif field == _TIME_FIELD:
            at = _read_time(data, at, row)
        elif field >= _PROPERTIES_FIELD:
            at = _read_part(data, at, field, line, shapes, hashing, texts, scratch)
        else:
            end = _scan_plain(data, at)
            if end == FAILED:
                return FAILED
            if field == _TYPE_FIELD:
                row[L_KIND] = _kind_of(data, at + 1, end)
                if row[L_KIND] == UNKNOWN:
                    return FAILED
            elif field == _EVENT_FIELD:
                if not _begin(data, at + 1, end, line, shapes, scratch):
                    return FAILED
            else:
                place = L_USER + 2 * (field - _USER_FIELD)
                row[place], row[place + 1] = at + 1, end
            at = end + 1
        if at == FAILED:
            return FAILED
        at = skip_blanks(data, at)
        if data[at] == CLOSE_OBJECT:
            break
        if data[at] != COMMA:
            return FAILED
        at = skip_blanks(data, at + 1)
    if not _is_read(row, scratch.noted) and not _read_noted(data, line, shapes, hashing, texts, scratch):
        return FAILED
    return at + 1 if _finish(data, line, hashing, scratch) else FAILED


@compiled_leaf
def _finish(data: NDArray[np.uint8], line: int, hashing: Hashing, scratch: Scratch) -> bool:
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
    if row[L_MESSAGE] != 0:
        low, high = siphash_after(
            hashing.words, hashing.source, hashing.lengths[2], data, row[L_MESSAGE], row[L_MESSAGE_END]
        )
        prints[M_LOW] = low if low != 0 or high != 0 else _U(1)
        prints[M_HIGH] = high
    return True
