"""An HTTP server that behaves as a word asks: `refused`, `later`, `busy`, `gone`, `lost`, `silent`, `moved`, `slow`, `flaky` (twice);
all else is taken.

The word is the end of the path, or the address in the JSON that is posted.
"""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STATUSES = {"refused": 400, "later": 500, "busy": 429, "gone": 410, "moved": 302, "bad_gateway": 502}


@dataclass
class Hook:
    """What the server got: headers (names in small letters) and bodies of what it took."""

    port: int = 0
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    asked: int = 0
    attempts: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def bodies(self) -> list[dict[str, Any]]:
        """The bodies, parsed."""
        return [json.loads(body) for _, body in self.taken]


@contextmanager
def web_server() -> Iterator[Hook]:
    """The server on a free port of loopback."""
    hook = Hook()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.asked += 1
            data = json.loads(body).get("data") or {}
            word = data.get("address", "") or self.path.rpartition("/")[2]
            hook.attempts[(word, self.headers["webhook-id"])] += 1
            if word == "slow":
                time.sleep(0.4)
            if word == "flaky" and hook.attempts[(word, self.headers["webhook-id"])] < 3:
                word = "later"
            if word in STATUSES:
                self.send_response(STATUSES[word])
                for name, value in {"busy": ("retry-after", "7"), "moved": ("location", "/elsewhere")}.items():
                    if name == word:
                        self.send_header(*value)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            hook.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if word == "lost":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            elif word == "silent":
                over.wait(30)
            else:
                self.send_response(204)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    hook.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hook
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
