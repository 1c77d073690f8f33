"""Writing canonical messages: values keep the digits that the sender wrote, what has no place becomes an unmapped message."""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from opportune.intake.messages import UNMAPPED

BATCH_EVENTS_MAX = 10_000
NAMES_KEPT_MAX = 1_024
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of a body that it cannot read."""
Members = Iterable[tuple[str, bytes]]


class Translated(NamedTuple):
    """Canonical NDJSON without a last line end, how many messages that is, and the API key that the body names, if any."""

    lines: bytes
    messages: int
    key: str | None = None


class BodyRefusedError(Exception):
    """A body that cannot be read as a whole. `code` is one of `invalid_json`, `invalid_request`, `too_large`, `unknown_encoding`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def malformed(error: Exception) -> BodyRefusedError:
    """What msgspec said of a body, as a refusal."""
    return BodyRefusedError("invalid_json", f"the body is not the JSON this route takes: {error}")


def require_batch_size(events: int) -> None:
    """Raises BodyRefusedError for more events than one request may have."""
    if events > BATCH_EVENTS_MAX:
        raise BodyRefusedError(
            "too_large", f"{events:,} events; batch_events_max is {BATCH_EVENTS_MAX:,}: send fewer at once"
        )


def composed(members: Members) -> bytes:
    """A JSON object of names and values that are JSON already; those that are absent (empty) are left out."""
    return b"{%b}" % b",".join([b"%b:%b" % (_name(name), value) for name, value in members if value])


def one_line(value: bytes) -> bytes:
    """JSON without line ends: written compactly where it has any, else as it is. `value` must be sound JSON."""
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def is_given(value: bytes | msgspec.Raw) -> bool:
    """Whether a raw JSON value is there and not null."""
    return bytes(value) not in (b"", b"null")


def is_object(value: bytes) -> bool:
    """Whether raw JSON is an object."""
    return value.startswith(b"{")


def with_members(value: bytes, members: Members) -> bytes:
    """A raw JSON object with those members added that it does not have; null and nothing count as an empty object.

    What is no object is returned as it is: intake will say what is wrong with it.
    """
    held = value if is_given(value) else b"{}"
    if not is_object(held):
        return value
    known = raw_members(held)
    added = [(name, new) for name, new in members if is_given(new) and name not in known]
    if not added:
        return held
    inner = held[1:-1].strip()
    return b"{%b%b%b}" % (inner, b"," if inner else b"", composed(added)[1:-1])


def raw_members(value: bytes) -> dict[str, msgspec.Raw]:
    """The members of a raw JSON object. Raises one of UNREADABLE where it is none."""
    return _OBJECT.decode(value)


def unmapped(why: str, item: bytes) -> bytes:
    """A message that intake quarantines as `unmapped_row` with these words; the item is kept whole inside it."""
    return UNMAPPED % (msgspec.json.encode(why)[1:-1], one_line(item))


def quoted(text: str) -> bytes:
    """A text as JSON."""
    return msgspec.json.encode(text)


@functools.lru_cache(NAMES_KEPT_MAX)
def _name(name: str) -> bytes:
    return msgspec.json.encode(name)


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
