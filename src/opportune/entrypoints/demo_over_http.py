"""The demonstration's way over HTTP: the service in a process of its own, the world a client that sends batches and reads decisions.

Requests are pipelined on one connection: several are on their way, and the server answers them in order, so that the order of the
messages, and with it every decision, is the same each time.
"""

import base64
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import numpy as np

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.http import Limits, listen, serve
from opportune.facts import Arm
from opportune.operations import (
    CAMPAIGNS,
    DECISIONS_PAGE_MAX,
    OFFERS,
    TELECOM_SOURCE,
    TOUCHPOINTS,
    Carrier,
    DecisionLine,
    DecisionView,
    World,
    customers_max_of,
    open_deployment,
    pieces,
    view_decisions,
)
from opportune.store import Keys

HOST = "127.0.0.1"
BATCH_MESSAGES, BATCH_BYTES = 2_000, 1_000_000
PIPELINED_MAX = 4
ANSWER_SECONDS_MAX = 600.0
"""The first request of a fresh clone waits until the kernel is compiled."""
STOP_SECONDS_MAX = 120.0
RECEIVED_BYTES = 1 << 20


class _Page(msgspec.Struct):
    """What the read door of decisions answers."""

    decisions: list[DecisionLine]
    next: int


class HttpCarrier:
    """Sends the world's messages as batches over one connection, and reads what was decided."""

    def __init__(
        self, url: str, keys: tuple[str, str], users: list[str], batch_messages: int, page_decisions: int
    ) -> None:
        """`keys`: one that writes, one that reads and operates."""
        self.messages = self.decisions = 0
        self.seconds = 0.0
        self.request_ms: list[float] = []
        self._batch_messages, self._page_decisions = batch_messages, page_decisions
        write_key, read_key = keys
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_SECONDS_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        head = f"\r\nHost: {parts.netloc}\r\nAuthorization: "
        basic = base64.b64encode(f"{write_key}:".encode()).decode()
        self._post = f"POST /v1/batch HTTP/1.1{head}Basic {basic}\r\nContent-Type: application/json\r\nContent-Length: "
        self._read_head = f" HTTP/1.1{head}Bearer {read_key}\r\n\r\n"
        self._place_of = {f"user:{user}": place for place, user in enumerate(users)}
        self._after = -1

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def take_in(self, data: bytes) -> None:
        """Send canonical NDJSON as batches; returns when all of them are answered: on disk. Raises MistakeError, OSError."""
        begun = time.monotonic()
        asked: deque[float] = deque()
        for lines in _batches(data, self._batch_messages):
            if len(asked) >= (PIPELINED_MAX if self.request_ms else 1):
                self._answered(asked)
            body = b'{"batch":[%b]}' % b",".join(lines)
            asked.append(time.monotonic())
            self._socket.sendall(f"{self._post}{len(body)}\r\n\r\n".encode() + body)
            self.messages += len(lines)
        while asked:
            self._answered(asked)
        self.seconds += time.monotonic() - begun

    def decided(self) -> DecisionView:
        """The decisions since the last call, page by page. Raises MistakeError, OSError."""
        found: list[DecisionLine] = []
        while True:
            path = f"GET /v1/decisions?after={self._after}&limit={self._page_decisions}&reveal=true"
            self._socket.sendall((path + self._read_head).encode())
            page = msgspec.json.decode(self._answer(), type=_Page)
            self._after = page.next
            found += page.decisions
            if len(page.decisions) < self._page_decisions:
                break
        self.decisions += len(found)
        return self._view(found)

    def _view(self, found: list[DecisionLine]) -> DecisionView:
        numbers = [{name: at for at, name in enumerate(known)} for known in (CAMPAIGNS, TOUCHPOINTS, OFFERS)]
        campaign, touchpoint, offer = numbers
        rows = [
            (
                self._place_of[one.identifier], campaign.get(one.campaign, -1), touchpoint.get(one.touchpoint, -1),
                offer.get(one.offer, -1), Arm[one.arm.upper()].value, one.now_ms, one.seq,
            )
            for one in found
        ]  # fmt: skip
        columns = np.array(rows, np.int64).reshape(-1, 7).T
        return view_decisions(*columns, campaigns=list(CAMPAIGNS), touchpoints=list(TOUCHPOINTS), offers=list(OFFERS))

    def _answered(self, asked: deque[float]) -> None:
        self._answer()
        self.request_ms.append((time.monotonic() - asked.popleft()) * 1e3)

    def _answer(self) -> bytes:
        """The body of the next answer."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        head = self._received[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        parts, size = [self._received[end + 4 :]], len(self._received) - end - 4
        while size < length:
            self._received = b""
            self._receive()
            parts.append(self._received)
            size += len(self._received)
        whole = b"".join(parts)
        self._received = whole[length:]
        if not head.startswith(b"http/1.1 200"):
            status = head.partition(b"\r\n")[0].decode()
            raise MistakeError(f"the service answered {status}: {whole[:300].decode()}")
        return whole[:length]

    def _receive(self) -> None:
        received = self._socket.recv(RECEIVED_BYTES)
        if not received:
            raise MistakeError("the service hung up; start the demonstration again in another folder")
        self._received += received


def _batches(data: bytes, most: int) -> Iterator[list[bytes]]:
    """The lines of NDJSON, at most so many at a time, fewer where they are long."""
    for piece in pieces(data, BATCH_BYTES):
        lines = piece.splitlines()
        for start in range(0, len(lines), most):
            yield lines[start : start + most]


@contextmanager
def over_http(
    folder: Path, world: World, *, batch_messages: int = BATCH_MESSAGES, page_decisions: int = DECISIONS_PAGE_MAX
) -> Iterator[Carrier]:
    """Serve a data folder in a child process, on a free port of loopback, and reach it over HTTP. Raises MistakeError.

    `batch_messages` is the most that one request brings, `page_decisions` the most that are read at once.
    """
    keys = Keys(folder)
    now_ms = time.time_ns() // 1_000_000
    _, write_key = keys.create([f"intake:{TELECOM_SOURCE}"], "the world's messages", now_ms)
    _, read_key = keys.create(["read", "operate", "reveal"], "the world's ears", now_ms)
    keys.close()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs, folder, customers_max_of(world)), daemon=True)
    server.start()
    theirs.close()
    try:
        carrier = HttpCarrier(_told(ours), (write_key, read_key), world.users, batch_messages, page_decisions)
        try:
            yield carrier
        finally:
            carrier.close()
    finally:
        ours.close()  # the server takes that for the sign to stop
        server.join(STOP_SECONDS_MAX)
    if server.exitcode != 0:
        raise MistakeError(f"the service ended with exit code {server.exitcode}; see above for the cause")


def _told(pipe: Connection) -> str:
    try:
        return str(pipe.recv())
    except EOFError:
        raise MistakeError("the service did not start; see above for the cause") from None


def _serve(pipe: Connection, folder: Path, customers_max: int) -> None:
    """The child process: what `opportune serve` does, with one source whose messages bring their own time."""
    deployment = open_deployment(folder, customers_max=customers_max)
    threading.Thread(target=_stop_when_left, args=(pipe,), daemon=True).start()
    keys = Keys(folder)
    try:
        serve(deployment, keys, listen(HOST, 0), Limits(), pipe.send, {TELECOM_SOURCE: "import"})
    finally:
        keys.close()


def _stop_when_left(pipe: Connection) -> None:
    try:
        pipe.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
