"""Reading a request: its head at one glance, its body within bounds of size and time."""

import asyncio
import base64
import binascii
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.types import Receive, Scope

from opportune.entrypoints.http.limits import Limits
from opportune.intake import BodyRefusedError

QUERY_FIELDS_MAX = 200


class ClientGoneError(Exception):
    """The client went away before its request was whole; there is nobody to answer."""


class Head(NamedTuple):
    """What the intake routes look at. `basic` is the user name of Basic authentication, `bearer` the token of Bearer."""

    basic: str | None
    bearer: str | None
    encoding: str
    content_type: str
    length: int


def read_head(scope: Scope) -> Head:
    """The head of a request."""
    basic = bearer = None
    encoding = content_type = ""
    length = -1
    for name, value in scope["headers"]:
        if name == b"authorization":
            basic, bearer = _credentials(value)
        elif name == b"content-length":
            length = int(value) if value.isdigit() else -1
        elif name == b"content-encoding":
            encoding = value.decode("latin-1")
        elif name == b"content-type":
            content_type = value.decode("latin-1")
    return Head(basic, bearer, encoding, content_type, length)


def _credentials(value: bytes) -> tuple[str | None, str | None]:
    scheme, _, rest = value.strip().partition(b" ")
    kind = scheme.lower()
    if kind == b"bearer":
        return None, rest.strip().decode("latin-1")
    if kind == b"basic":
        try:
            text = base64.b64decode(rest.strip(), validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            return "", None
        return text.partition(":")[0], None
    return None, None


def query_of(scope: Scope) -> dict[str, str]:
    """The query's fields, the first of each name. Raises BodyRefusedError."""
    text = scope["query_string"]
    if not text:
        return {}
    try:
        fields = parse_qs(text.decode("latin-1"), keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise BodyRefusedError("invalid_request", f"the query has more than {QUERY_FIELDS_MAX} fields") from None
    return {name: values[0] for name, values in fields.items()}


async def read_body(receive: Receive, length: int, limits: Limits) -> bytes:
    """The body as sent, at most `body_bytes_max` bytes. Raises BodyRefusedError, ClientGoneError, TimeoutError.

    What is too large is not kept; a moderate excess is still read, because a client that is cut off while it sends does not hear why.
    """
    if length > limits.drained_bytes_max:
        raise _too_large(limits)
    async with asyncio.timeout(limits.body_seconds_max):
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) <= limits.body_bytes_max:
                return body
        parts, size = [], 0
        while True:
            if message["type"] != "http.request":
                raise ClientGoneError
            part = message.get("body", b"")
            size += len(part)
            if size <= limits.body_bytes_max:
                parts.append(part)
            if not message.get("more_body") or size > limits.drained_bytes_max:
                break
            message = await receive()
    if size > limits.body_bytes_max:
        raise _too_large(limits)
    return b"".join(parts)


def _too_large(limits: Limits) -> BodyRefusedError:
    return BodyRefusedError(
        "too_large", f"the body is larger than body_bytes_max ({limits.body_bytes_max:,}): send fewer events at once"
    )
