"""The raw routes by which events come in: tracking, PostHog, Sensors, CloudEvents. A 2xx answer means that all of it is on disk."""

import asyncio
import base64
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from opportune.entrypoints.http.answers import (
    ANY_ORIGIN,
    CLOSE,
    JSON,
    PREFLIGHT,
    STATUS_OF,
    Handler,
    Header,
    answer,
    encoded,
    refusal,
    retry_headers,
)
from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.body import ClientGoneError, Head, query_of, read_body, read_head
from opportune.entrypoints.http.limits import RETRY_AFTER_FAILURE_SECONDS, Limits
from opportune.entrypoints.http.pixel import pixel_message
from opportune.entrypoints.http.traffic import Traffic
from opportune.intake import (
    BATCH_ROUTES,
    SINGLE_ROUTES,
    BodyRefusedError,
    Translated,
    inflated,
    posthog_key,
    translate_batch,
    translate_cloudevents,
    translate_posthog,
    translate_sensors,
    translate_single,
)
from opportune.journal import JournalError
from opportune.operations import DeploymentError, OverloadedError, Service

Translate = Callable[[bytes, Head, Scope], Translated]

SUCCESS, POSTHOG_SUCCESS = b'{"success":true}', b'{"status":1}'
NO_FLAGS = {"flags": {}, "featureFlags": {}, "featureFlagPayloads": {}, "errorsWhileComputingFlags": False}
"""What is true: this server keeps no flags of that protocol. Offers and variants are read by touch or OFREP."""
PIXEL_GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
IMAGE: Header = (b"content-type", b"image/gif")
ANSWER_HEADERS = (JSON, *ANY_ORIGIN)


class Protocol(NamedTuple):
    """How one protocol is spoken: its translation, its methods, what it answers when all is durable."""

    translate: Translate
    methods: tuple[str, ...] = ("POST",)
    success: bytes = SUCCESS
    headers: tuple[Header, ...] = ANSWER_HEADERS


class IntakeRoutes:
    """The intake's routes by path; each handler answers and returns the status."""

    def __init__(
        self,
        service: Service,
        authority: Authority,
        limits: Limits,
        traffic: Traffic,
        event_names: Mapping[str, str] | None = None,
    ) -> None:
        self.service, self.authority, self.limits, self.traffic = service, authority, limits, traffic
        self.event_names = event_names or {}
        self.paths: dict[str, Handler] = {}
        self._tracking()
        posthog = Protocol(_posthog, success=POSTHOG_SUCCESS)
        for path in ("/batch/", "/batch", "/capture/", "/capture", "/e/", "/i/v0/e/"):
            self.paths[path] = partial(self._take, posthog)
        flags = Protocol(_flags, success=encoded(NO_FLAGS))
        for path in ("/flags/", "/flags", "/decide/"):
            self.paths[path] = partial(self._take, flags)
        sensors = Protocol(_sensors, ("POST", "GET"))
        for path in ("/sa", "/sa.gif"):
            gif = path.endswith(".gif")
            told = sensors._replace(success=PIXEL_GIF, headers=(IMAGE, *ANY_ORIGIN)) if gif else sensors
            self.paths[path] = partial(self._take, told)
        self.paths["/events"] = partial(self._take, Protocol(self._cloudevents))

    def _tracking(self) -> None:
        batch = partial(self._take, Protocol(_batch))
        for name in BATCH_ROUTES:
            self.paths[f"/v1/{name}"] = batch
        self.paths["/beacon/v1/batch"] = batch
        for name, kind in SINGLE_ROUTES.items():
            self.paths[f"/v1/{name}"] = partial(self._take, Protocol(partial(_single, kind)))
        pixel = Protocol(_pixel, ("GET",), PIXEL_GIF, (IMAGE, *ANY_ORIGIN))
        for name in ("track", "page"):
            self.paths[f"/pixel/v1/{name}"] = partial(self._take, pixel)

    async def _take(self, protocol: Protocol, scope: Scope, receive: Receive, send: Send) -> int:
        """Read, translate, take in, and answer once all of it is durable."""
        method = scope["method"]
        if method == "OPTIONS":
            await answer(send, 204, b"", PREFLIGHT)
            return 204
        if method not in protocol.methods:
            return await _refuse(
                send,
                405,
                "method_not_allowed",
                f"use {' or '.join(protocol.methods)}",
                [(b"allow", ", ".join(protocol.methods).encode())],
            )
        try:
            head = read_head(scope)
            body = await read_body(receive, head.length, self.limits)
            query = query_of(scope)
            named = query.get("writeKey") or query.get("token") or query.get("api_key")
            source = self.authority.writer(head, named)
            if source is None and (head.basic is not None or named is not None):
                return await _unauthorized(send)
            translated = await self._translated(protocol.translate, body, head, scope)
            if source is None:
                source = self.authority.writer(head, translated.key)
                if source is None:
                    return await _unauthorized(send)
            if translated.messages:
                await self.service.post(source, translated.lines, translated.messages)
        except BodyRefusedError as refused:
            close = (CLOSE,) if refused.code == "too_large" else ()
            return await _refuse(send, STATUS_OF[refused.code], refused.code, refused.message, close)
        except OverloadedError as overloaded:
            return await _too_many(send, overloaded.retry_after_s, str(overloaded))
        except (DeploymentError, JournalError):
            # 503 would be retried at once by some libraries, and given up by others.
            return await _too_many(send, RETRY_AFTER_FAILURE_SECONDS, "nothing is taken in at the moment")
        except TimeoutError:
            return await _refuse(
                send, 408, "timeout", f"the body took more than {self.limits.body_seconds_max:g} s", (CLOSE,)
            )
        except ClientGoneError:
            return 499
        await answer(send, 200, protocol.success, protocol.headers)
        return 200

    async def _translated(self, translate: Translate, body: bytes, head: Head, scope: Scope) -> Translated:
        if len(body) >= self.limits.large_body_bytes:
            return await asyncio.to_thread(self._translate, translate, body, head, scope)
        return self._translate(translate, body, head, scope)

    def _translate(self, translate: Translate, body: bytes, head: Head, scope: Scope) -> Translated:
        return translate(inflated(body, head.encoding, self.limits.body_bytes_max), head, scope)

    def _cloudevents(self, body: bytes, head: Head, scope: Scope) -> Translated:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return translate_cloudevents(body, head.content_type, headers, self.event_names)


def _batch(body: bytes, _head: Head, _scope: Scope) -> Translated:
    return translate_batch(body)


def _single(kind: str, body: bytes, _head: Head, _scope: Scope) -> Translated:
    return translate_single(body, kind)


def _pixel(_body: bytes, _head: Head, scope: Scope) -> Translated:
    kind = scope["path"].rpartition("/")[2]
    return translate_single(pixel_message(query_of(scope)), kind)


def _posthog(body: bytes, _head: Head, _scope: Scope) -> Translated:
    return translate_posthog(body)


def _flags(body: bytes, _head: Head, _scope: Scope) -> Translated:
    return Translated(b"", 0, posthog_key(body))


def _sensors(body: bytes, _head: Head, scope: Scope) -> Translated:
    return translate_sensors(body, scope["query_string"].decode("latin-1"))


async def _refuse(send: Send, status: int, code: str, message: str, headers: Iterable[Header] = ()) -> int:
    await answer(send, status, refusal(code, message), (*ANSWER_HEADERS, *headers))
    return status


async def _unauthorized(send: Send) -> int:
    told = "invalid write key: send one as Basic user name, as writeKey in the body, or as token in the query"
    return await _refuse(send, 401, "invalid_write_key", told, [(b"www-authenticate", b'Bearer realm="opportune"')])


async def _too_many(send: Send, seconds: int, message: str) -> int:
    return await _refuse(send, 429, "overloaded", message, retry_headers(seconds))
