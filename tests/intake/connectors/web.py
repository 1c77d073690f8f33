"""A web server of the tests' own, in threads, which notes what it is asked and when."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """A request: its path, the parameters, the headers (names in small letters), and when it came (seconds, monotonic)."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]
    at: float


class Told(NamedTuple):
    """What is answered."""

    body: str
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    location: str = ""


Answering = Callable[[Asked], Told]


class Web(NamedTuple):
    """The running server."""

    url: str
    asked: list[Asked]


@contextmanager
def web(answering: Answering) -> Iterator[Web]:
    """A server on a free port of this machine."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Asked(
                parts.path,
                {name: values[0] for name, values in parse_qs(parts.query).items()},
                headers,
                time.monotonic(),
            )
            asked.append(one)
            told = answering(one)
            body = told.body.encode()
            self.send_response(told.status)
            if told.location:
                self.send_header("Location", told.location)
            self.send_header("Content-Type", told.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Web(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
