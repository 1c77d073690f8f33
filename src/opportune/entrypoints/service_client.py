"""Asking a running service over HTTP, with a key of scope operate. What it refuses is told as its problem says it."""

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

from opportune.entrypoints.failures import MistakeError

KEY_VARIABLE = "OPPORTUNE_KEY"
ANSWER_SECONDS_MAX = 90.0
ANSWER_BYTES_MAX = 64_000_000


class ServiceClient:
    """A service at a URL; the key comes from the environment, for arguments are seen by everybody on the machine."""

    def __init__(self, url: str) -> None:
        """Raises MistakeError where the URL is none, or there is no key."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MistakeError(f"`{url}` is no URL of a service; write for example http://127.0.0.1:8080")
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            raise MistakeError(
                f"{KEY_VARIABLE} is not set; make a key with: opportune keys create --scope operate --scope read"
            )
        try:
            port = parts.port
        except ValueError as error:
            raise MistakeError(f"`{url}`: {error}") from error
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=ANSWER_SECONDS_MAX)
        self._url, self._prefix = url, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the parsed answer, None where it is empty. Raises MistakeError with what the service says."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            self._connection.request(method, self._prefix + path, data, self._headers)
            response = self._connection.getresponse()
            answer = response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise MistakeError(
                f"{self._url} does not answer: {str(error) or type(error).__name__}; is `opportune serve` running there?"
            ) from error
        if response.status >= 400:
            raise MistakeError(f"{self._url}: {_said(response.status, answer)}")
        if not answer:
            return None
        try:
            return json.loads(answer)
        except ValueError as error:
            raise MistakeError(f"{self._url} is no service of ours: its answer is no JSON") from error

    def get(self, path: str) -> Any:
        """Like `ask`."""
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        """Like `ask`."""
        return self.ask("POST", path, {} if body is None else body)


def _said(status: int, answer: bytes) -> str:
    """A problem's words in one line."""
    try:
        told = json.loads(answer)
        words = [str(told["detail"]), *(f"{one['place']}: {one['detail']}" for one in told.get("places", ()))]
        words += [told["hint"]] if told.get("hint") else []
        return "; ".join(words)
    except (ValueError, KeyError, TypeError):
        return f"answered {status}"
