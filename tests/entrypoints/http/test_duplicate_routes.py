"""The queue of duplicates and the sightings of a lenient source over HTTP: scopes, masks, pages, decisions."""

import json
from collections.abc import Iterator

import pytest

from opportune.operations import find_duplicates, matching_of
from opportune.store import Keys
from tests.entrypoints.http.server import Answer, Served, Server
from tests.operations.twins import MATCHING, populated


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, str]:
    """A folder of twins with a search done, whose write key is of a lenient source; and the key of somebody who only reads."""
    folder, _ = populated(tmp_path_factory.mktemp("twins"), matching=MATCHING + "---\nsource: web\nlenient: true\n")
    find_duplicates(folder, matching_of(folder))
    keys = Keys(folder)
    _, write_key = keys.create(["intake:web"], "tests", 0)
    _, operator = keys.create(["read", "operate"], "the operator", 0)
    _, reader = keys.create(["read"], "a reader", 0)
    keys.close()
    return Served(folder, write_key, operator), reader


@pytest.fixture(scope="module")
def twins(served: tuple[Served, str]) -> Iterator[Server]:
    """A server over it."""
    with Server(served[0]) as server:
        yield server


def decide(server: Server, number: int, **body: str) -> Answer:
    return server.operate("POST", f"/v1/duplicates/{number}", json.dumps(body).encode())


def test_pages_of_pairs_and_one_of_them_masked(twins: Server) -> None:
    whole = twins.operate("GET", "/v1/duplicates?limit=200").json
    first = twins.operate("GET", "/v1/duplicates?limit=5").json
    second = twins.operate("GET", f"/v1/duplicates?limit=5&cursor={first['next']}").json
    assert first["pairs"] + second["pairs"] == whole["pairs"][:10]
    pair = first["pairs"][0]
    assert pair["low_name"] == "user:*****"
    about = twins.operate("GET", f"/v1/duplicates/{pair['number']}").json
    assert about["line"] == pair
    assert "example.org" not in json.dumps(about)
    assert "example.org" in json.dumps(twins.operate("GET", f"/v1/duplicates/{pair['number']}?reveal=true").json)
    assert twins.operate("GET", "/v1/duplicates/clusters").json == []


def test_scopes(twins: Server, served: tuple[Served, str]) -> None:
    assert twins.ask("GET", "/v1/duplicates").status == 401
    bearer = {"Authorization": f"Bearer {served[1]}"}
    assert twins.ask("GET", "/v1/duplicates", None, bearer).status == 200
    refusals = [
        twins.ask("GET", "/v1/duplicates?reveal=true", None, bearer),
        twins.ask("GET", "/v1/duplicates/1?reveal=true", None, bearer),
        twins.ask("POST", "/v1/duplicates/1", b'{"decision":"apart"}', bearer),
    ]
    assert [(one.status, one.json["code"]) for one in refusals] == [(403, "scope_missing")] * 3


def test_decisions(twins: Server) -> None:
    pairs = twins.operate("GET", "/v1/duplicates").json["pairs"]
    pair = pairs[-1]
    same = decide(twins, pairs[0]["number"], decision="same")
    assert (same.status, same.json["state"]) == (200, "merged")
    apart = decide(twins, pair["number"], decision="apart", why="two people").json
    assert (apart["state"], apart["decided_by"], apart["why"]) == ("apart", "the operator", "two people")
    again = decide(twins, pair["number"], decision="apart")
    assert (again.status, again.json["code"]) == (409, "not_decided")
    assert decide(twins, pair["number"], decision="perhaps").status == 422
    assert twins.operate("GET", "/v1/duplicates/99999").status == 404
    (found,) = twins.operate("GET", "/v1/duplicates?state=apart").json["pairs"]
    assert found == apart


def test_a_lenient_write_key_is_answered_200_and_its_sightings_are_told(twins: Server) -> None:
    message = {"userId": "u1", "event": "Basket Shared", "messageId": "m1", "properties": {"with": 3, "total": 10.25}}
    assert twins.post("/v1/track", message).status == 200
    account = twins.account()
    assert (account["applied"], account["quarantined"], account["set_aside"]) == (1, 0, 1)
    events = twins.operate("GET", "/v1/sightings").json["events"]
    assert len(events) == 1, events
    (found,) = events
    assert (found["event"], found["source"], found["declared"], found["count"]) == ("Basket Shared", "web", False, 1)
    assert {one["property"]: (one["type"], one["scale"]) for one in found["properties"]} == {
        "with": ("int", 0),
        "total": ("decimal", 2),
    }
