"""CloudEvents 1.0 over HTTP: binary, structured and batch mode. A type becomes an event's name, a subject the customer."""

import base64
import hashlib
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from opportune.intake.doors.canonical import (
    UNREADABLE,
    BodyRefusedError,
    Translated,
    composed,
    is_given,
    malformed,
    one_line,
    quoted,
    require_batch_size,
    unmapped,
)
from opportune.intake.readings import KEY_BYTES_MAX

Raw = msgspec.Raw
NOTHING = Raw()
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
HEADER_PREFIX = "ce-"


class _Event(msgspec.Struct, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    data: Raw = NOTHING
    data_base64: str | None = None


_EVENT = msgspec.json.Decoder(_Event)
_LIST = msgspec.json.Decoder(list[Raw])
_ANY = msgspec.json.Decoder()


def translate_cloudevents(
    body: bytes, content_type: str, headers: Mapping[str, str], names: Mapping[str, str] | None = None
) -> Translated:
    """Canonical messages of a request. `headers` have lower-case names; `names` maps types to events' names, else the part after the
    last dot is the name. Raises BodyRefusedError where the request is no CloudEvent at all.
    """
    named = names or {}
    form = content_type.split(";", 1)[0].strip().lower()
    if form == BATCH:
        items = _decoded_list(body)
        require_batch_size(len(items))
        lines = [_structured(one_line(bytes(item)), named) for item in items]
        return Translated(b"\n".join(lines), len(lines))
    if form == STRUCTURED:
        try:
            _ANY.decode(body)
        except UNREADABLE as error:
            raise malformed(error) from None
        return Translated(_structured(one_line(body).strip(), named), 1)
    return Translated(_binary(body, form, headers, named), 1)


def _decoded_list(body: bytes) -> list[Raw]:
    try:
        return _LIST.decode(body)
    except UNREADABLE as error:
        raise malformed(error) from None


def _structured(item: bytes, names: Mapping[str, str]) -> bytes:
    try:
        event = _EVENT.decode(item)
    except UNREADABLE as error:
        return unmapped(f"no CloudEvent: {error}", item)
    data = bytes(event.data)
    if event.data_base64 is not None:
        try:
            data = base64.b64decode(event.data_base64, validate=True)
            _ANY.decode(data)
        except (ValueError, *UNREADABLE):
            return unmapped("data_base64: only JSON can become properties", item)
    return _line(event, data, item, names)


def _binary(body: bytes, form: str, headers: Mapping[str, str], names: Mapping[str, str]) -> bytes:
    told = {
        name.removeprefix(HEADER_PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(HEADER_PREFIX)
    }
    try:
        event = msgspec.convert({**told, "datacontenttype": form, "data": Raw(body.strip())}, _Event)
    except msgspec.ValidationError as error:
        raise BodyRefusedError(
            "invalid_request", f"no CloudEvent: {error}; give the headers ce-specversion, ce-id, ce-source and ce-type"
        ) from None
    if not body.strip():
        return _line(event, b"", b"{}", names)
    if form and form != "application/json" and not form.endswith("+json"):
        return unmapped("datacontenttype: only JSON can become properties", quoted(body.decode("utf-8", "replace")))
    try:
        _ANY.decode(body)
    except UNREADABLE as error:
        raise malformed(error) from None
    return _line(event, body.strip(), body.strip(), names)


def _line(event: _Event, data: bytes, item: bytes, names: Mapping[str, str]) -> bytes:
    if not event.specversion.startswith("1."):
        return unmapped("specversion: only 1.0 is known here", item)
    name = names.get(event.type) or event.type.rsplit(".", 1)[-1]
    return composed([
        ("type", b'"track"'), ("userId", quoted(event.subject) if event.subject else b""),
        ("timestamp", quoted(event.time) if event.time else b""), ("messageId", quoted(_message_id(event))),
        ("event", quoted(name)), ("properties", one_line(data) if is_given(data) else b""),
    ])  # fmt: skip


def _message_id(event: _Event) -> str:
    """A CloudEvent's id is unique within its source only."""
    whole = f"{event.source}#{event.id}"
    return (
        whole if len(whole.encode()) <= KEY_BYTES_MAX else hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
    )
