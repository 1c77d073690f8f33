"""Intake over HTTP: batches and single events, acknowledged when durable, against a real server with a client process beside it.

The client is raw sockets with keep-alive, its requests made beforehand. Full load is as many connections as keep the server busy;
half load is half the rate of that, sent by the clock, its latency counted from the moment a request was due.
"""

import asyncio
import base64
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, cast

from benchmarks.end_to_end import SEED, fill
from benchmarks.measure import Report, median, options, percentile
from benchmarks.workload import World
from opportune.operations import create_deployment, open_deployment
from opportune.store import Keys

BATCH = 100
START_SECONDS_MAX = 300
DECIDED = b'"decision":'
FSYNCS = 400
FSYNC_BYTES = 20_000


class Shape(NamedTuple):
    """One way of sending: events per request, connections, requests per run."""

    name: str
    events: int
    connections: int
    requests: int


class Run(NamedTuple):
    """What one run took: seconds, and milliseconds per request; and how many answers had a decision in them."""

    seconds: float
    request_ms: list[float]
    decided: int = 0


def request_of(path: str, key: str, body: bytes) -> bytes:
    """A whole request."""
    shown = base64.b64encode(f"{key}:".encode()).decode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {shown}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def requests_of(lines: list[bytes], shape: Shape, key: str) -> list[bytes]:
    """The requests of one run."""
    if shape.events == 1:
        return [request_of("/v1/track", key, line) for line in lines]
    return [
        request_of("/v1/batch", key, b'{"batch":[%b],"sentAt":null}' % b",".join(lines[i : i + shape.events]))
        for i in range(0, len(lines), shape.events)
    ]


class _Client(asyncio.Protocol):
    """One connection that sends a request and waits for its answer."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport | None = None
        self.received = b""
        self.decided = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        assert self.answered is not None
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if not found or len(body) < length or self.answered.done():
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.answered.set_exception(RuntimeError(self.received[:500].decode("latin-1")))
            return
        self.decided += DECIDED in body
        self.answered.set_result(None)

    async def ask(self, request: bytes) -> None:
        assert self.transport is not None
        self.received = b""
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.answered


async def _send(port: int, requests: list[bytes], connections: int, per_second: float | None) -> Run:
    """Send all requests; with `per_second` each at its moment, and its time counts from there."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(_Client, "127.0.0.1", port))[1] for _ in range(connections)]
    coming = iter(enumerate(requests))
    spent: list[float] = []
    begun = time.perf_counter()

    async def work(client: _Client) -> None:
        for i, request in coming:
            due = time.perf_counter() if per_second is None else begun + i / per_second
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            await client.ask(request)
            spent.append((time.perf_counter() - due) * 1e3)

    await asyncio.gather(*(work(client) for client in clients))
    seconds = time.perf_counter() - begun
    for client in clients:
        if client.transport is not None:
            client.transport.close()
    return Run(seconds, spent, sum(client.decided for client in clients))


def _client(pipe: Connection) -> None:
    """The client process: takes (port, requests, connections, rate), gives back a Run or what went wrong, until it is told None."""
    try:
        import uvloop

        loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    except ImportError:  # the extra `speed` is optional
        loop_factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        while (asked := pipe.recv()) is not None:
            try:
                pipe.send(runner.run(_send(*asked)))
            except Exception as error:
                pipe.send(error)


class Client:
    """A client process."""

    def __init__(self, port: int) -> None:
        self.port = port
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_client, args=(other,), daemon=True)
        self.process.start()

    def begin(self, requests: list[bytes], connections: int, per_second: float | None = None) -> None:
        """Begin a run; `finish` waits for its end."""
        self.pipe.send((self.port, requests, connections, per_second))

    def finish(self) -> Run:
        """What the run took."""
        run: Run | Exception = self.pipe.recv()
        if isinstance(run, Exception):
            raise run
        return run

    def close(self) -> None:
        """End the process."""
        self.pipe.send(None)
        self.process.join(10)


class Bench:
    """A server process over a data folder, and a client process."""

    def __init__(self, folder: Path, key: str) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])
        self.key = key
        arguments = ["serve", "--folder", str(folder), "--port", str(self.port)]
        self.server = subprocess.Popen(
            [sys.executable, "-c", "from opportune.entrypoints import main; main()", *arguments]
        )
        self.client = Client(self.port)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.server.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def send(self, requests: list[bytes], connections: int, per_second: float | None = None) -> Run:
        """One run of the client."""
        self.client.begin(requests, connections, per_second)
        return self.client.finish()

    @property
    def server_seconds(self) -> float:
        """Processor time that the server has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Stop both."""
        self.client.close()
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(60)


def fsync_ms(folder: Path) -> list[float]:
    """Milliseconds of the disk's own fsync of a small append: nothing durable is quicker."""
    spent = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(bytes(FSYNC_BYTES))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - begun) * 1e3)
    (folder / "fsync").unlink()
    return spent


def measure(report: Report, bench: Bench, shape: Shape, lines: list[bytes], runs: int) -> None:
    """Full load, then half of it."""
    each = shape.requests * shape.events
    parts = [requests_of(lines[i * each : (i + 1) * each], shape, bench.key) for i in range(2 * runs + 1)]
    bench.send(parts[0], shape.connections)
    used, full = bench.server_seconds, [bench.send(part, shape.connections) for part in parts[1 : runs + 1]]
    used = bench.server_seconds - used
    rate = median(shape.requests / run.seconds for run in full)
    goal = ">= 8,000 requests/s" if shape.events == 1 else ">= 250,000 events/s"
    report.figure(
        f"{shape.name}_events",
        rate * shape.events,
        "events/s",
        goal="" if shape.events == 1 else goal,
        batch=shape.events,
    )
    report.figure(
        f"{shape.name}_requests",
        rate,
        "requests/s",
        goal=goal if shape.events == 1 else "",
        connections=shape.connections,
    )
    report.figure(f"{shape.name}_server_cpu", used / (runs * shape.requests) * 1e6, "us of processor time per request")
    loads = {"full": full, "half": [bench.send(part, shape.connections, rate / 2) for part in parts[runs + 1 :]]}
    for load, found in loads.items():
        spent = [ms for run in found for ms in run.request_ms]
        report.figure(f"{shape.name}_{load}_p50", percentile(spent, 0.5), "ms per request")
        report.figure(
            f"{shape.name}_{load}_p99",
            percentile(spent, 0.99),
            "ms per request",
            goal="<= 10" if load == "half" else "",
        )


def lines_of(world: World, count: int, number: int = 0) -> list[bytes]:
    """Messages of today; their ids count from `number`."""
    now_ms = time.time_ns() // 1_000_000
    found = []
    for data, _ in world.ndjson(world.events(count), 4_000, number):
        for line in data.splitlines():
            message = json.loads(line)
            message["timestamp"] = now_ms
            found.append(json.dumps(message, separators=(",", ":")).encode())
    return found


def prepared(folder: Path, customers: int, campaigns: int, events: int) -> tuple[str, list[bytes]]:
    """A data folder with its customers; the write key, and the messages to send."""
    create_deployment(folder, seed=SEED)
    with open_deployment(folder, customers_max=customers) as deployment:
        lines = lines_of(fill(deployment, customers, campaigns), events)
    keys = Keys(folder)
    _, key = keys.create(["intake:benchmark"], "benchmark", 0)
    keys.close()
    return key, lines


def main() -> None:
    """Run everything."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on the disk that is meant")
    parser.add_argument("--customers", type=int, default=100_000)
    asked = parser.parse_args()
    runs = 1 if asked.quick else asked.runs
    shapes = [Shape("http_batches", BATCH, 16, 1_000), Shape("http_single", 1, 64, 10_000)]
    customers, campaigns = asked.customers, 200
    if asked.quick:
        shapes = [shape._replace(requests=60, connections=4) for shape in shapes]
        customers, campaigns = 2_000, 20
    report = Report(
        f"intake over HTTP: {customers:,} customers, {campaigns} campaigns, one server and one client process"
    )
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="http-") as place:
        root = Path(place)
        each = [(2 * runs + 1) * shape.requests * shape.events for shape in shapes]
        key, lines = prepared(root / "data", customers, campaigns, sum(each))
        spent = fsync_ms(root)
        report.figure("http_fsync_p50", percentile(spent, 0.5), "ms")
        report.figure("http_fsync_p99", percentile(spent, 0.99), "ms", bytes=FSYNC_BYTES)
        bench = Bench(root / "data", key)
        try:
            first = 0
            for shape, count in zip(shapes, each, strict=True):
                measure(report, bench, shape, lines[first : first + count], runs)
                first += count
        finally:
            bench.close()
    report.close()


if __name__ == "__main__":
    main()
