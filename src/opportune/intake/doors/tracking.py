"""The tracking protocol of Segment and RudderStack: single messages and batches become canonical messages.

Plain track and identify messages are carried over byte by byte; only what means something else here is written anew.
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

SINGLE_ROUTES = {
    "track": "track", "t": "track", "identify": "identify", "i": "identify", "page": "page", "p": "page",
    "screen": "screen", "s": "screen", "group": "group", "g": "group", "alias": "alias", "a": "alias", "merge": "merge",
}  # fmt: skip
"""Last part of the path: the type of a message that names none."""
BATCH_ROUTES = ("batch", "b", "import")


class _Head(msgspec.Struct, gc=False):
    type: Any = None
    traits: Raw = NOTHING

    @property
    def is_plain(self) -> bool:
        """Whether intake reads the item as it is."""
        return self.type == "track" or (self.type == "identify" and is_given(self.traits))


class _Batch(msgspec.Struct, gc=False):
    batch: list[Raw]
    sentAt: Raw = NOTHING  # noqa: N815 - the wire's word
    context: Raw = NOTHING
    writeKey: str | None = None  # noqa: N815 - the wire's word


class _Single(msgspec.Struct, gc=False):
    type: Any = None
    writeKey: str | None = None  # noqa: N815 - the wire's word


class _Traits(msgspec.Struct, gc=False):
    traits: Raw = NOTHING


class _Item(msgspec.Struct, gc=False, rename="camel"):
    user_id: Raw = NOTHING
    anonymous_id: Raw = NOTHING
    previous_id: Raw = NOTHING
    group_id: Raw = NOTHING
    name: Raw = NOTHING
    category: Raw = NOTHING
    properties: Raw = NOTHING
    traits: Raw = NOTHING
    context: Raw = NOTHING
    timestamp: Raw = NOTHING
    original_timestamp: Raw = NOTHING
    sent_at: Raw = NOTHING
    message_id: Raw = NOTHING


_BATCH = msgspec.json.Decoder(_Batch)
_SINGLE = msgspec.json.Decoder(_Single)
_HEAD = msgspec.json.Decoder(_Head)
_HEADS = msgspec.json.Decoder(list[_Head])
_ITEM = msgspec.json.Decoder(_Item)
_TRAITS = msgspec.json.Decoder(_Traits)


def translate_batch(body: bytes) -> Translated:
    """Canonical messages of a batch; the batch's `sentAt` and context hold for items without their own. Raises BodyRefusedError."""
    try:
        found = _BATCH.decode(body)
    except UNREADABLE as error:
        raise malformed(error) from None
    items = found.batch
    require_batch_size(len(items))
    sent_at = bytes(found.sentAt) if is_given(found.sentAt) else b""
    if b"\n" in body or b"\r" in body:
        lines = [_line(one_line(bytes(item)), None, found.context, sent_at) for item in items]
    elif body.count(b'"sentAt"') > 1:  # items may have their own
        lines = [_line(bytes(item), None, found.context, sent_at) for item in items]
    else:
        lines = _lines(items, found.context, sent_at)
    return Translated(b"\n".join(lines), len(lines), found.writeKey)


def translate_single(body: bytes, kind: str) -> Translated:
    """The canonical message of a single-message route; `kind` is the type where the body names none. Raises BodyRefusedError."""
    try:
        found = _SINGLE.decode(body)
    except UNREADABLE as error:
        raise malformed(error) from None
    return Translated(_line(one_line(body).strip(), kind, NOTHING, b""), 1, found.writeKey)


def _lines(items: list[Raw], context: Raw, sent_at: bytes) -> list[bytes]:
    """The lines of items that have no line ends and no `sentAt`: one look at all of them, most are carried over."""
    try:
        heads = _HEADS.decode(b"[%b]" % b",".join(items))
    except UNREADABLE:  # an item is no object
        return [_line(bytes(item), None, context, sent_at) for item in items]
    tail = _tail(sent_at)
    return [
        bytes(item)[:-1] + tail if head.type == "track" or head.is_plain else _line(bytes(item), None, context, sent_at)
        for item, head in zip(items, heads, strict=True)
    ]


def _tail(sent_at: bytes) -> bytes:
    return b',"sentAt":%b}' % sent_at if sent_at else b"}"


def _line(item: bytes, kind: str | None, context: Raw, sent_at: bytes) -> bytes:
    """The canonical line of one item. What is no object is left as it is, for intake to quarantine."""
    if not is_object(item):
        return item
    try:
        told = _HEAD.decode(item).type
        read = _ITEM.decode(item)
        if told is None and kind is not None:
            told, item = kind, _typed(item, kind)
        if read.sent_at:
            sent_at = b""
        if told == "identify":
            return _identify(item, read, context, sent_at)
        if type(told) is str and told in _WRITERS:
            return _WRITERS[told](item, read, told, sent_at)
    except UNREADABLE:
        return item  # a text in it is no UTF-8: intake says so
    return item if told is None else item[:-1] + _tail(sent_at)


def _typed(item: bytes, kind: str) -> bytes:
    members = raw_members(item)
    return composed([("type", quoted(kind)), *((name, bytes(raw)) for name, raw in members.items() if name != "type")])


def _envelope(kind: str, read: _Item, sent_at: bytes) -> list[tuple[str, bytes]]:
    return [
        ("type", b'"%b"' % kind.encode()),
        ("userId", bytes(read.user_id)),
        ("anonymousId", bytes(read.anonymous_id)),
        ("timestamp", bytes(read.timestamp)),
        ("originalTimestamp", bytes(read.original_timestamp)),
        ("sentAt", bytes(read.sent_at) or sent_at),
        ("messageId", bytes(read.message_id)),
    ]


def _identify(item: bytes, read: _Item, context: Raw, sent_at: bytes) -> bytes:
    """Traits stand at the top, or (RudderStack) within the message's or the batch's context."""
    if is_given(read.traits):
        return item[:-1] + _tail(sent_at)
    traits = b""
    for place in (bytes(read.context), bytes(context)):
        if not is_given(traits) and is_object(place):
            traits = one_line(bytes(_TRAITS.decode(place).traits))
    return composed([*_envelope("identify", read, sent_at), ("traits", traits)])


def _page(_item: bytes, read: _Item, kind: str, sent_at: bytes) -> bytes:
    """A page or a screen is an event of that name; its name and category are properties."""
    added = [("name", bytes(read.name)), ("category", bytes(read.category))]
    properties = with_members(bytes(read.properties), added)
    return composed([*_envelope("track", read, sent_at), ("event", quoted(kind)), ("properties", properties)])


def _group(_item: bytes, read: _Item, _kind: str, sent_at: bytes) -> bytes:
    """A group is an event `group`; its traits are properties, beside `groupId`."""
    properties = with_members(bytes(read.traits), [("groupId", bytes(read.group_id))])
    return composed([*_envelope("track", read, sent_at), ("event", b'"group"'), ("properties", properties)])


def _alias(item: bytes, read: _Item, _kind: str, sent_at: bytes) -> bytes:
    """An alias joins an anonymous id to a customer; joining two known customers has no message here yet."""
    user, previous, anonymous = bytes(read.user_id), bytes(read.previous_id), bytes(read.anonymous_id)
    if not is_given(user) or not is_given(previous):
        return unmapped("alias: userId and previousId must both be there", item)
    if is_given(anonymous) and anonymous != previous:
        return unmapped("alias: previousId is not the anonymousId, and two known customers cannot be joined yet", item)
    read.anonymous_id = read.previous_id if previous != user else NOTHING
    return composed(_envelope("identify", read, sent_at))


def _merge(item: bytes, _read: _Item, _kind: str, _sent_at: bytes) -> bytes:
    return unmapped("merge: two known customers cannot be joined yet", item)


_WRITERS = {"page": _page, "screen": _page, "group": _group, "alias": _alias, "merge": _merge}
