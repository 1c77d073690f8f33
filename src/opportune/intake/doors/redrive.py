"""A message from the quarantine, once more: it keeps the time at which it first came, and gets an id so that it is taken in once."""

from zoneinfo import ZoneInfo

import msgspec

from opportune.intake.doors.canonical import (
    UNREADABLE,
    BodyRefusedError,
    composed,
    is_given,
    one_line,
    quoted,
    raw_members,
)
from opportune.intake.moments import moment_of

Raw = msgspec.Raw
NOTHING = Raw()
_TIMES = ("originalTimestamp", "timestamp")
_ANY = msgspec.json.Decoder()


def redriven_line(body: bytes, received_ms: int, message_id: str, zone: ZoneInfo) -> bytes:
    """The canonical line of a quarantined (and mended) message that first came at `received_ms`.

    Its time is what it would have been then: by `sentAt` where it has one, else its own, else that of its arrival.
    `message_id` is for a message without one. Raises BodyRefusedError where the body is no JSON object.
    """
    members = require_object(body)
    times = {
        name: moment
        for name in (*_TIMES, "sentAt")
        if (moment := _moment(members.get(name, NOTHING), zone)) is not None
    }
    told = next((times[name] for name in _TIMES if name in times), None)
    unreadable = any(is_given(members.get(name, NOTHING)) and name not in times for name in (*_TIMES, "sentAt"))
    if not unreadable:
        at_ms = received_ms if told is None else told
        if told is not None and "sentAt" in times:
            at_ms = received_ms - (times["sentAt"] - told)
        for name in (*_TIMES, "sentAt"):
            members.pop(name, None)
        members["timestamp"] = Raw(b"%d" % at_ms)
    if not is_given(members.get("messageId", NOTHING)):
        members["messageId"] = Raw(quoted(message_id))
    return composed((name, one_line(bytes(value))) for name, value in members.items())


def require_object(body: bytes) -> dict[str, Raw]:
    """The members of a message. Raises BodyRefusedError where it is no JSON object."""
    try:
        return raw_members(body)
    except UNREADABLE as error:
        raise BodyRefusedError("invalid_json", f"a message is one JSON object: {error}") from None


def _moment(value: Raw, zone: ZoneInfo) -> int | None:
    if not is_given(value):
        return None
    try:
        told = _ANY.decode(value)
        if type(told) is int:
            return told
        return moment_of(told, zone) if isinstance(told, str) else None
    except (ValueError, OverflowError):
        return None
