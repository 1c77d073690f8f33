"""Bad weather for a client library: the server sends it back with 429, is killed in the middle, and starts again."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from tests.entrypoints.http.server import SOURCE, Server, basic, facts_of

REFUSED_SECONDS = 2.5
"""Long enough for every library to be refused at least once."""
KILLED_AFTER_SECONDS = 0.4
IN_FLIGHT_MAX = ("--requests-in-flight-max", "1")


class Weather:
    """One server that lets in one request at a time, so that one held request turns all others away with 429."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def refuse(self) -> socket.socket:
        """Hold the one request that is let in; all others are refused until `clear`."""
        key = self.server.served.write_key
        head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(key)}\r\nContent-Length: 12\r\n\r\n"
        held = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        held.sendall(head.encode())
        while self.server.ask("GET", "/health").status != 429:
            time.sleep(0.01)
        return held

    def clear(self, held: socket.socket) -> None:
        """Finish the held request."""
        held.sendall(b'{"batch":[]}')
        assert held.recv(20).startswith(b"HTTP/1.1 200")
        held.close()

    def blow(self, send_half: Callable[[], None], send_rest: Callable[[], None], end: Callable[[], None]) -> None:
        """Send the first half into refusals, the second half into a kill and a new start, and wait for the library's end."""
        held = self.refuse()
        send_half()
        time.sleep(REFUSED_SECONDS)
        self.clear(held)
        send_rest()
        time.sleep(KILLED_AFTER_SECONDS)
        self.server.kill()
        self.server.start()
        end()

    def refused(self) -> int:
        """Requests that were answered 429 since the last start."""
        text = self.operate_when_free("/metrics")
        (line,) = [line for line in text.splitlines() if line.startswith("opportune_http_refused_in_flight_total")]
        return int(float(line.split()[-1]))

    def operate_when_free(self, path: str) -> str:
        """An answer of the operator's routes, once the one request at a time is ours."""
        for _ in range(200):
            answer = self.server.operate("GET", path)
            if answer.status == 200:
                return answer.body.decode()
            time.sleep(0.02)
        raise AssertionError(f"{path} never answered")

    def check(self, events: int, others: int = 0) -> None:
        """Every event was applied exactly once: by the accounting, and by the journal."""
        self.operate_when_free(f"/v1/sources/{SOURCE}/accounting")
        account = self.server.account()
        assert account["quarantined"] == 0
        assert account["applied"] == events + others
        code, said = self.server.stop()
        assert code == 0, said
        assert facts_of(self.server.served.folder)["EVENT"] == events


def waited_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return once `condition` holds; errors of a server that is away count as no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError):
            if condition():
                return
        time.sleep(0.05)
    raise TimeoutError("it did not come to be")
