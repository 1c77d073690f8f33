"""Connections that are not waited for without end: a head that comes too slowly or is too large is cut."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from opportune.entrypoints.http.limits import Limits


def protocol_of(limits: Limits) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn, with those bounds."""

    class BoundedProtocol(HttpToolsProtocol):
        """One connection."""

        _head_timer: asyncio.TimerHandle | None = None
        _in_head = False
        _heads = 0
        _head_bytes = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            """Begin; beyond the most connections there may be, close at once."""
            super().connection_made(cast(asyncio.Transport, transport))
            if len(self.connections) > limits.connections_max:
                self.transport.abort()
                return
            self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            """End."""
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            """Feed the parser, and bound how long and how much it may gather for a head."""
            heads = self._heads
            super().data_received(data)
            if self._in_head:
                if heads == self._heads:  # what began in this chunk may stand behind the body of the request before it
                    self._head_bytes += len(data)
                if self._head_bytes > limits.head_bytes_max:
                    self.transport.abort()
                elif self._head_timer is None:
                    self._wait_for_head()

        def on_message_begin(self) -> None:
            """A head begins."""
            self._in_head, self._head_bytes = True, 0
            self._heads += 1
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            """The head is whole."""
            self._in_head = False
            self._stop_waiting()
            super().on_headers_complete()

        def _wait_for_head(self) -> None:
            self._head_timer = self.loop.call_later(limits.head_seconds_max, self._cut)

        def _stop_waiting(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _cut(self) -> None:
            self._head_timer = None
            if not self.transport.is_closing():
                self.transport.abort()

    return cast(Any, BoundedProtocol)
