"""A real server in a process of its own: started, asked, killed, started again."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from opportune.facts import FactBatch, FactKind
from opportune.operations import create_deployment, journal_of, open_deployment, publish, read_definitions
from opportune.store import Keys
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL

START_SECONDS_MAX = 150
SOURCE = "web"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Served(NamedTuple):
    """A data folder with a playbook and keys: one that writes, one that operates."""

    folder: Path
    write_key: str
    operator: str


def served_folder(root: Path, definitions: Path = MINIMAL) -> Served:
    """A new data folder with definitions (the minimal example's) in force."""
    folder = root / "data"
    create_deployment(folder, seed="tests")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(definitions), "tests")
    keys = Keys(folder)
    _, write_key = keys.create([f"intake:{SOURCE}"], "tests", 0)
    _, operator = keys.create(["read", "operate", "reveal", "forget", "metrics"], "tests", 0)
    keys.close()
    return Served(folder, write_key, operator)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """`opportune serve` on a port that stays the same over restarts."""

    def __init__(self, served: Served, *arguments: str) -> None:
        self.served, self.arguments = served, arguments
        self.port = free_port()
        self.said = served.folder.parent / f"said-{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        command = [sys.executable, "-c", "from opportune.entrypoints import main; main()", "serve", "--folder", str(self.served.folder),
                   "--port", str(self.port), *self.arguments]  # fmt: skip
        with self.said.open("wb") as said:  # a pipe that nobody reads would stop the server when it is full
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env={**os.environ})
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(self.said.read_text()[-2_000:])
            try:
                if self.ask("GET", "/ready").status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the server did not answer")

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal; its exit code and what it said on stderr."""
        assert self.process is not None
        self.process.send_signal(kind)
        code = self.process.wait(60)
        self.process = None
        return code, self.said.read_text()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.kill()

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """A POST with the write key as Basic user name; `body` is bytes, or is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data, {"Authorization": basic(self.served.write_key), **headers})

    def operate(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """A request of the operator's."""
        return self.ask(method, path, body, {"Authorization": f"Bearer {self.served.operator}"})

    def account(self, source: str = SOURCE) -> dict[str, Any]:
        """The accounting of a source, whose identity holds."""
        found: dict[str, Any] = self.operate("GET", f"/v1/sources/{source}/accounting").json
        assert found["balanced"]
        assert found["received"] == found["applied"] + found["duplicates"] + found["quarantined"]
        return found


def basic(key: str) -> str:
    """A Basic authorization with the key as user name."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def used(user: str, message_id: str | None = None, pct: int = 10) -> dict[str, Any]:
    """A track message that the minimal example knows."""
    told: dict[str, Any] = {
        "type": "track", "event": "data_usage_reported", "userId": user, "properties": {"used_pct": pct, "used_mb": 7},
    }  # fmt: skip
    return told if message_id is None else {**told, "messageId": message_id}


def facts_of(folder: Path) -> Counter[str]:
    """How many facts of each kind the journal holds; the messages' ids among the events are all different."""
    found: Counter[str] = Counter()
    ids: list[bytes] = []
    for group in journal_of(folder).read(0):
        batch = FactBatch.from_arrays(group.arrays)
        for kind, count in zip(*np.unique(batch.kind, return_counts=True), strict=True):
            found[FactKind(int(kind)).name] += int(count)
        stamped = batch.message[batch.message.any(axis=1)]
        ids += [row.tobytes() for row in stamped]
    assert len(ids) == len(set(ids)), "a message id is in the journal twice"
    return found
