"""PostHog's capture protocol: `$identify` and `$set` set tags, every other event is a track message.

Properties whose names begin with `$` are the library's own remarks, as `context` is in other protocols, and are left out.
"""

from typing import Any

import msgspec

from opportune.intake.doors.canonical import (
    UNREADABLE,
    Translated,
    composed,
    is_given,
    is_object,
    malformed,
    one_line,
    quoted,
    raw_members,
    require_batch_size,
    unmapped,
    with_members,
)

Raw = msgspec.Raw
NOTHING = Raw()

EVENT_NAMES = {"$pageview": "page", "$screen": "screen", "$groupidentify": "group"}
"""The library's own events that are events here too, by their names here."""
_TAG_EVENTS = ("$identify", "$set")
_FALSE = b"false"


class _Batch(msgspec.Struct, gc=False):
    batch: list[Raw]
    api_key: str | None = None
    token: str | None = None
    sent_at: Raw = NOTHING


class _Single(msgspec.Struct, gc=False):
    batch: Raw = NOTHING
    api_key: str | None = None
    token: str | None = None
    sent_at: Raw = NOTHING


class _Item(msgspec.Struct, gc=False):
    event: Any = None
    distinct_id: Raw = NOTHING
    uuid: Raw = NOTHING
    timestamp: Raw = NOTHING
    properties: Raw = NOTHING
    set_: Raw = msgspec.field(default=NOTHING, name="$set")
    set_once: Raw = msgspec.field(default=NOTHING, name="$set_once")


_BATCH = msgspec.json.Decoder(_Batch)
_SINGLE = msgspec.json.Decoder(_Single)
_LIST = msgspec.json.Decoder(list[Raw])
_ITEM = msgspec.json.Decoder(_Item)


def translate_posthog(body: bytes) -> Translated:
    """Canonical messages of a body of `/batch/` or `/capture/`: a batch, a list of events, or one event. Raises BodyRefusedError."""
    try:
        found = _SINGLE.decode(body) if body.lstrip()[:1] == b"{" else _Single()
        if is_given(found.batch):
            batch = _BATCH.decode(body)
            items, sent_at = batch.batch, batch.sent_at
        elif body.lstrip()[:1] == b"{":
            items, sent_at = [Raw(body.strip())], found.sent_at
        else:
            items, sent_at = _LIST.decode(body), NOTHING
    except UNREADABLE as error:
        raise malformed(error) from None
    require_batch_size(len(items))
    sent = one_line(bytes(sent_at)) if is_given(sent_at) else b""
    lines = [line for item in items for line in _lines(one_line(bytes(item)), sent)]
    key = found.api_key or found.token
    return Translated(b"\n".join(lines), len(lines), key)


def posthog_key(body: bytes) -> str | None:
    """The key that a body names, of whatever route. Raises BodyRefusedError."""
    try:
        found = _SINGLE.decode(body)
    except UNREADABLE as error:
        raise malformed(error) from None
    return found.api_key or found.token


def _lines(item: bytes, sent_at: bytes) -> list[bytes]:
    if not is_object(item):
        return [item]
    try:
        read = _ITEM.decode(item)
        held = raw_members(read.properties) if is_object(bytes(read.properties)) else {}
    except UNREADABLE:
        return [item]
    if type(read.event) is not str:
        return [unmapped("event: say which event happened", item)]
    members = {name: bytes(raw) for name, raw in held.items()}
    tags = bytes(read.set_) if is_given(read.set_) else members.get("$set", b"")
    once = bytes(read.set_once) if is_given(read.set_once) else members.get("$set_once", b"")
    if read.event == "$create_alias":
        return [_alias(item, read, members, sent_at)]
    lines = []
    if read.event not in _TAG_EVENTS:
        lines.append(_track(read, members, sent_at))
    elif not is_given(tags):
        tags = b"{}"
    if is_given(tags):
        lines.append(_identify(read, members, tags, sent_at, beside=bool(lines)))
    if is_given(once) and once != b"{}":
        lines.append(unmapped("$set_once: a tag cannot be set only where it has no value yet", item))
    return lines


def _customer(read: _Item, members: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """A distinct id names a known customer, unless the library says that it is its own device's."""
    distinct = bytes(read.distinct_id) or members.get("distinct_id", b"")
    other = members.get("$anon_distinct_id", b"")
    is_device = members.get("$is_identified") == _FALSE or (
        is_given(distinct) and members.get("$device_id") == distinct
    )
    if is_device:
        return [("anonymousId", distinct)]
    return [("userId", distinct), ("anonymousId", other if other != distinct else b"")]


def _envelope(kind: str, read: _Item, members: dict[str, bytes], sent_at: bytes) -> list[tuple[str, bytes]]:
    return [
        ("type", quoted(kind)),
        *_customer(read, members),
        ("timestamp", bytes(read.timestamp)),
        ("sentAt", sent_at),
    ]


def _track(read: _Item, members: dict[str, bytes], sent_at: bytes) -> bytes:
    name = EVENT_NAMES.get(read.event, read.event)
    left_out = ("token", "distinct_id")
    properties = composed((k, v) for k, v in members.items() if not k.startswith("$") and k not in left_out)
    return composed(
        [*_envelope("track", read, members, sent_at), ("messageId", bytes(read.uuid)), ("event", quoted(name)),
         ("properties", properties)]
    )  # fmt: skip


def _identify(read: _Item, members: dict[str, bytes], tags: bytes, sent_at: bytes, *, beside: bool) -> bytes:
    """Tags; `beside` an event of the same id they need an id of their own."""
    uuid = bytes(read.uuid)
    if beside and uuid.endswith(b'"'):
        uuid = uuid[:-1] + b'#set"'
    traits = with_members(tags, ())
    return composed([*_envelope("identify", read, members, sent_at), ("messageId", uuid), ("traits", traits)])


def _alias(item: bytes, read: _Item, members: dict[str, bytes], sent_at: bytes) -> bytes:
    """`distinct_id` is the known customer, `alias` the other id, which can be joined where it is anonymous."""
    distinct = bytes(read.distinct_id) or members.get("distinct_id", b"")
    other = members.get("alias", b"")
    if not is_given(distinct) or not is_given(other):
        return unmapped("$create_alias: distinct_id and alias must both be there", item)
    return composed([
        ("type", b'"identify"'), ("userId", distinct), ("anonymousId", other if other != distinct else b""),
        ("timestamp", bytes(read.timestamp)), ("sentAt", sent_at), ("messageId", bytes(read.uuid)),
    ])  # fmt: skip
