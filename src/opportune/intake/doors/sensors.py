"""The protocol of 神策 (Sensors Analytics), `/sa`: form fields with base64 of (gzipped) JSON.

What our messages cannot say (set once, increment, append, items) is quarantined with a reason, never dropped in silence.
"""

import base64
import binascii
import hashlib
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

import msgspec

from opportune.intake.doors.canonical import (
    UNREADABLE,
    BodyRefusedError,
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
)
from opportune.intake.doors.inflate import BODY_BYTES_MAX, inflated

Raw = msgspec.Raw
NOTHING = Raw()
FIELDS_MAX = 20
ID_BYTES = 12

_UNSAYABLE = {
    "profile_set_once": "a tag cannot be set only where it has no value yet",
    "profile_increment": "a tag cannot be increased; let a counter count the event instead",
    "profile_append": "a tag's set cannot be added to; send the whole set with profile_set",
    "profile_delete": "a profile cannot be deleted by a message; forgetting a customer is an ask of its own",
    "item_set": "items are no customers; define offers instead",
    "item_delete": "items are no customers; define offers instead",
    "track_id_unbind": "an identifier cannot be taken from a customer",
}
_SIGNED_UP = ("track_signup", "track_id_bind")
_LOGIN_ID = "$identity_login_id"


class _Item(msgspec.Struct, gc=False):
    type: Any = None
    event: Any = None
    distinct_id: Raw = NOTHING
    original_id: Raw = NOTHING
    login_id: Raw = NOTHING
    anonymous_id: Raw = NOTHING
    time: Raw = NOTHING
    track_id: Raw = msgspec.field(default=NOTHING, name="_track_id")
    properties: Raw = NOTHING
    identities: Raw = NOTHING


_ITEM = msgspec.json.Decoder(_Item)
_LIST = msgspec.json.Decoder(list[Raw])
_ONE = msgspec.json.Decoder(Raw)


def translate_sensors(body: bytes, query: str = "") -> Translated:
    """Canonical messages of a form body (or of a query, as web pages without POST send it). Raises BodyRefusedError."""
    try:
        fields = parse_qs((body or query.encode()).decode("ascii"), max_num_fields=FIELDS_MAX)
    except (ValueError, UnicodeDecodeError):
        raise BodyRefusedError("invalid_request", "the body is no form with `data` or `data_list`") from None
    try:
        if "data_list" in fields:
            items = _LIST.decode(_unpacked(fields["data_list"][0]))
        elif "data" in fields:
            items = [_ONE.decode(_unpacked(fields["data"][0]))]
        else:
            raise BodyRefusedError("invalid_request", "the form has neither `data` nor `data_list`")
    except UNREADABLE as error:
        raise malformed(error) from None
    require_batch_size(len(items))
    seen: Counter[bytes] = Counter()
    lines = [line for item in items for line in _lines(one_line(bytes(item)), seen)]
    return Translated(b"\n".join(lines), len(lines), next(iter(fields.get("token", ())), None))


def _unpacked(text: str) -> bytes:
    """Base64, then gzip where the first bytes say so."""
    try:
        packed = base64.b64decode(text.replace(" ", "+"), validate=True)  # a plus that nobody escaped
    except (binascii.Error, ValueError):
        raise BodyRefusedError("invalid_request", "the form's data is no base64") from None
    return inflated(packed, bytes_max=BODY_BYTES_MAX)


def _lines(item: bytes, seen: Counter[bytes]) -> list[bytes]:
    if not is_object(item):
        return [item]
    try:
        read = _ITEM.decode(item)
        held = raw_members(read.properties) if is_object(bytes(read.properties)) else {}
        identities = raw_members(read.identities) if is_object(bytes(read.identities)) else {}
    except UNREADABLE:
        return [item]
    members = {name: bytes(raw) for name, raw in held.items()}
    kind = read.type if type(read.type) is str else ""
    if kind in _UNSAYABLE:
        return [unmapped(f"{kind}: {_UNSAYABLE[kind]}", item)]
    customer = _customer(read, members, identities)
    message_id = _message_id(item, read, seen)
    if kind in _SIGNED_UP:
        return [_message("identify", read, customer, message_id)]
    own = {name: value for name, value in members.items() if not name.startswith("$")}
    if kind == "track":
        event = quoted(read.event) if type(read.event) is str else b"null"
        return [_message("track", read, customer, message_id, ("event", event), ("properties", composed(own.items())))]
    if kind == "profile_set":
        return [_message("identify", read, customer, message_id, ("traits", composed(own.items())))]
    if kind == "profile_unset":
        gone = composed((name, b"null") for name in own)
        return [_message("identify", read, customer, message_id, ("traits", gone))]
    return [unmapped(f"type: {kind[:40] or 'none'} is not known here", item)]


def _message(
    kind: str, read: _Item, customer: list[tuple[str, bytes]], message_id: bytes, *more: tuple[str, bytes]
) -> bytes:
    return composed(
        [("type", quoted(kind)), *customer, ("timestamp", bytes(read.time)), ("messageId", message_id), *more]
    )


def _customer(read: _Item, members: dict[str, bytes], identities: dict[str, Raw]) -> list[tuple[str, bytes]]:
    """A distinct id is a login id where the message says so; else it is the device's, as the protocol has it."""
    distinct, other = bytes(read.distinct_id), b""
    user = bytes(read.login_id) or bytes(identities.get(_LOGIN_ID, NOTHING))
    if read.type == "track_signup":
        user, other = user or distinct, bytes(read.original_id)
    elif not is_given(user):
        user, other = (distinct, b"") if members.get("$is_login_id") == b"true" else (b"", distinct)
    other = bytes(read.anonymous_id) or other
    return [("userId", user), ("anonymousId", other if other != user else b"")]


def _message_id(item: bytes, read: _Item, seen: Counter[bytes]) -> bytes:
    """The library's id of the event; where there is none, one of its content, so that a body sent twice is taken in once.

    Equal events of one body are told apart by their order, which is the same each time the body is sent.
    """
    track, time = bytes(read.track_id), bytes(read.time)
    if is_given(track):
        return quoted(f"{track.decode().strip(chr(34))}:{time.decode()}")
    digest = hashlib.blake2b(item, digest_size=ID_BYTES).digest()
    seen[digest] += 1
    return quoted(f"{digest.hex()}:{seen[digest]}")
