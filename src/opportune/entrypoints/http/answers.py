"""Answers of the raw routes: a status, JSON, a few headers."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

Handler = Callable[[Scope, Receive, Send], Awaitable[int]]
"""Answers a request, and returns the status."""
Header = tuple[bytes, bytes]
STATUS_OF = {"invalid_json": 400, "invalid_request": 400, "too_large": 413, "unknown_encoding": 415}
"""The status of a refused body's code."""
JSON: Header = (b"content-type", b"application/json")
PROBLEM: Header = (b"content-type", b"application/problem+json")
CLOSE: Header = (b"connection", b"close")
ANY_ORIGIN: tuple[Header, ...] = ((b"access-control-allow-origin", b"*"),)
PREFLIGHT: tuple[Header, ...] = (
    *ANY_ORIGIN,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding, x-retry-count, user-agent"),
    (b"access-control-max-age", b"86400"),
)


async def answer(send: Send, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> None:
    """One whole answer."""
    told = [*headers] if status == 204 else [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def retry_headers(seconds: int) -> tuple[Header, ...]:
    """When to come back: in whole seconds from now, and (as the tracking protocol has it) in seconds since 1970."""
    return (b"retry-after", b"%d" % seconds), (b"x-ratelimit-reset", b"%d" % (math.ceil(time.time()) + seconds))


def encoded(value: Any) -> bytes:
    """JSON."""
    return msgspec.json.encode(value)


def refusal(code: str, message: str) -> bytes:
    """An error of the intake routes, in the form that the client libraries of these protocols parse."""
    return encoded({"code": code, "message": message})
