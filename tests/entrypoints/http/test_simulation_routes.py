"""Simulations over HTTP: started, watched, read, refused beyond their number, cancelled."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opportune.store import Keys
from tests.entrypoints.http.server import Answer, Server, served_folder, used

PATH = "/v1/simulations"
SECONDS_MAX = 120


class Asking:
    """A server, and a key that may define."""

    def __init__(self, server: Server) -> None:
        self.server = server
        keys = Keys(server.served.folder)
        _, self.key = keys.create(["read", "define"], "ann", 0)
        keys.close()

    def ask(self, method: str, path: str, **body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return self.server.ask(method, path, json.dumps(body).encode() if method == "POST" else None, headers)

    def ended(self, number: int) -> dict[str, Any]:
        """The ask, once it is not running any more."""
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            (found,) = [one for one in self.ask("GET", PATH).json["asks"] if one["number"] == number]
            if found["state"] != "running":
                return dict(found)
            time.sleep(0.1)
        raise AssertionError(f"ask {number} is still running")


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    root = tmp_path_factory.mktemp("simulated")
    asking = Asking(Server(served_folder(root)))  # a running server reads its keys now and then only
    with asking.server as server:
        for user in range(5):
            assert server.post("/v1/track", used(f"c-{user}", pct=90)).status == 200
        yield asking


def test_the_period_as_it_was(asking: Asking) -> None:
    started = asking.ask("POST", PATH)
    assert (started.status, started.json["state"], started.json["by"]) == (202, "running", "ann")
    assert asking.ended(started.json["number"]) == {**started.json, "state": "finished"}
    (simulation,) = asking.ask("GET", PATH).json["simulations"]
    assert (simulation["finished"], simulation["done"]) == (True, simulation["total"])
    report = asking.ask("GET", f"{PATH}/{simulation['key']}?lang=zh").json
    assert (report["equal"], report["differs_at"], report["uncertain"]) == (True, None, [])
    assert report["facts"] == simulation["total"] > 5
    assert asking.ask("GET", f"{PATH}/abc").json["code"] == "no_simulation"


def test_what_fails_says_why(asking: Asking) -> None:
    for body, words in (
        ({"draft": 9}, "no draft 9"),
        ({"since": "yesterday"}, "is no moment"),
        ({"since": "2099-01-01"}, "nothing happened in that time"),
    ):
        ended = asking.ended(asking.ask("POST", PATH, **body).json["number"])
        assert (ended["state"], words in ended["trouble"]) == ("failed", True), ended


def test_so_many_at_a_time_and_one_cancelled(asking: Asking) -> None:
    first, second, third = (asking.ask("POST", PATH, since="2026-01-01") for _ in range(3))
    assert (first.status, second.status, third.status) == (202, 202, 429)
    assert third.json["code"] == "too_many_simulations"
    cancelled = asking.ask("DELETE", f"{PATH}/asks/{second.json['number']}")
    assert cancelled.json["state"] == "cancelled"
    asking.ended(first.json["number"])
    deadline = time.monotonic() + SECONDS_MAX
    while asking.ask("DELETE", f"{PATH}/asks/{second.json['number']}").status != 404:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_only_who_defines_may_start(asking: Asking) -> None:
    reader = asking.server.served.operator
    answer = asking.server.ask(
        "POST", PATH, b"{}", {"Authorization": f"Bearer {reader}", "Content-Type": "application/json"}
    )
    assert (answer.status, answer.json["code"]) == (403, "scope_missing")


def test_a_service_that_stops_ends_its_simulations(tmp_path: Path) -> None:
    served = served_folder(tmp_path)
    asking = Asking(Server(served))
    with asking.server as server:
        assert asking.ask("POST", PATH).status == 202
        code, said = server.stop()
    assert (code, "Traceback" in said) == (0, False)
