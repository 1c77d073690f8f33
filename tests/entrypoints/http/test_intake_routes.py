"""The intake's routes, asked of a real server."""

import base64
import gzip
import json
import socket
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.entrypoints.http.server import Answer, Server, basic, used

SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
SINGLE = {
    "track": used("c1"),
    "identify": {"userId": "c1", "traits": {"arpu": "50"}},
    "page": {"userId": "c1", "name": "Home"},
    "screen": {"userId": "c1", "name": "Home"},
    "group": {"userId": "c1", "groupId": "g"},
    "alias": {"userId": "c1", "previousId": "a1"},
}


def changes(server: Server, call: Any) -> dict[str, int]:
    """How a call changes the account of the source."""
    before = server.account()
    call()
    after = server.account()
    return {
        name: after[name] - before[name]
        for name in ("received", "applied", "duplicates", "quarantined")
        if after[name] != before[name]
    }


@pytest.mark.parametrize("route", [*SHORT, *SHORT.values()])
def test_every_single_route(server: Server, route: str) -> None:
    kind = SHORT.get(route, route)
    known = kind in ("track", "identify", "alias")

    def send() -> None:
        body = {key: value for key, value in SINGLE[kind].items() if key != "type"}
        answer = server.post(f"/v1/{route}", body)
        assert (answer.status, answer.json) == (200, {"success": True})

    # page, screen and group are events, which the minimal example does not declare
    assert changes(server, send) == {"received": 1, "applied" if known else "quarantined": 1}


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"])
def test_every_batch_route(server: Server, path: str) -> None:
    def send() -> None:
        assert server.post(path, {"batch": [used("c1"), used("c2"), {"type": "track"}]}).status == 200

    assert changes(server, send) == {"received": 3, "applied": 2, "quarantined": 1}


def keyed(server: Server) -> dict[str, tuple[str, dict[str, Any], dict[str, str]]]:
    key = server.served.write_key
    bare = base64.b64encode(key.encode()).decode()
    return {
        "basic": ("", {}, {"Authorization": basic(key)}),
        "basic without colon": ("", {}, {"Authorization": f"Basic {bare}"}),
        "body": ("", {"writeKey": key}, {}),
        "foreign bearer and body": ("", {"writeKey": key}, {"Authorization": "Bearer somebody-elses-token"}),
        "bearer": ("", {}, {"Authorization": f"Bearer {key}"}),
        "query": (f"?writeKey={key}", {}, {}),
        "token": (f"?token={key}", {}, {}),
    }


HOW = ["basic", "basic without colon", "body", "foreign bearer and body", "bearer", "query", "token"]


@pytest.mark.parametrize("how", HOW)
def test_every_way_of_showing_the_key(server: Server, how: str) -> None:
    query, more, headers = keyed(server)[how]
    for path, body in (("/v1/batch", {"batch": [used("c1")], **more}), ("/v1/track", {**used("c1"), **more})):
        answer = server.ask("POST", path + query, json.dumps(body).encode(), headers)
        assert answer.status == 200, (how, answer)


BAD: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("", {}, {}),
    ("", {"writeKey": "bad"}, {}),
    ("", {}, {"Authorization": basic("bad")}),
    ("", {}, {"Authorization": "Basic !!!"}),
    ("", {}, {"Authorization": "Bearer bad"}),
    ("?token=bad", {}, {}),
]


@pytest.mark.parametrize(("query", "more", "headers"), BAD)
def test_a_bad_key_is_refused(server: Server, query: str, more: dict[str, Any], headers: dict[str, str]) -> None:
    body = json.dumps({"batch": [used("c1")], **more}).encode()
    answer = server.ask("POST", f"/v1/batch{query}", body, headers)
    assert answer.status == 401
    assert set(answer.json) == {"code", "message"}


def test_a_key_of_another_scope_is_no_write_key(server: Server) -> None:
    answer = server.ask("POST", "/v1/batch", b'{"batch":[]}', {"Authorization": basic(server.served.operator)})
    assert answer.status == 401
    assert server.ask("GET", "/v1/sources", None, {"Authorization": f"Bearer {server.served.write_key}"}).status == 403
    assert server.ask("GET", "/v1/sources").status == 401


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "", "nonsense/;"]
)
@pytest.mark.parametrize("how", ["plain", "gzip", "gzip in silence"])
def test_any_content_type_and_gzip(server: Server, content_type: str, how: str) -> None:
    body = json.dumps({"batch": [{**used("c1"), "anonymousId": None}], "sentAt": None}).encode()
    headers = {"Content-Type": content_type, **({"Content-Encoding": "gzip"} if how == "gzip" else {})}
    answer = server.post("/v1/batch", body if how == "plain" else gzip.compress(body), **headers)
    assert answer.status == 200


def test_broken_json_is_told_in_the_clients_form(server: Server) -> None:
    for path in ("/v1/batch", "/v1/track", "/batch/"):
        answer = server.post(path, b'{"batch":[')
        assert answer.status == 400
        assert set(answer.json) == {"code", "message"}


def test_too_much_is_told_and_the_sender_hears_it(server: Server) -> None:
    assert server.post("/v1/batch", b" " * 4_000_001).status == 413
    assert server.post("/v1/batch", gzip.compress(b" " * 3_000_000)).status == 413
    declared = server.ask(
        "POST", "/v1/batch", None, {"Content-Length": "99999999999", "Authorization": basic(server.served.write_key)}
    )
    assert declared.status == 413
    assert declared.headers["connection"] == "close"


def test_unknown_encoding_and_method(server: Server) -> None:
    assert server.post("/v1/batch", b"x", **{"Content-Encoding": "br"}).status == 415
    wrong = server.ask("GET", "/v1/batch")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")


def test_browsers_of_other_sites_may_send(server: Server) -> None:
    asked = server.ask(
        "OPTIONS",
        "/v1/t",
        None,
        {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization,content-type"},
    )
    assert asked.status == 204
    assert {"authorization", "content-type"} <= set(asked.headers["access-control-allow-headers"].split(", "))
    assert "POST" in asked.headers["access-control-allow-methods"]
    for answer in (asked, server.post("/v1/t", used("c1")), server.post("/v1/t", b"{")):
        assert answer.headers["access-control-allow-origin"] == "*"


def test_a_repeated_message_is_applied_once(server: Server) -> None:
    message = used("c1", str(uuid4()))

    def send() -> None:
        for _ in range(3):
            assert server.post("/v1/track", message).status == 200
        assert server.post("/v1/batch", {"batch": [message, message], "sentAt": "2026-11-22T00:00:00Z"}).status == 200

    assert changes(server, send) == {"received": 5, "applied": 1, "duplicates": 4}


def form(*items: dict[str, Any]) -> bytes:
    packed = base64.b64encode(gzip.compress(json.dumps(items).encode()))
    return urlencode({"data_list": packed, "gzip": 1}).encode()


def test_the_other_protocols(server: Server) -> None:
    key, at = server.served.write_key, 1_796_112_000
    event = {"event": "data_usage_reported", "distinct_id": "c1", "properties": {"used_pct": 1, "used_mb": 1}}
    cloud = {"specversion": "1.0", "id": str(uuid4()), "source": "s", "type": "org.example.data_usage_reported", "subject": "c1",
             "data": {"used_pct": 1, "used_mb": 1}}  # fmt: skip
    binary = {"ce-specversion": "1.0", "ce-id": str(uuid4()), "ce-source": "s", "ce-type": "data_usage_reported", "ce-subject": "c1",
              "Content-Type": "application/json", "Authorization": f"Bearer {key}"}  # fmt: skip
    sensors = {
        "type": "track",
        "event": "data_usage_reported",
        "distinct_id": "c1",
        "properties": {"used_pct": 1, "used_mb": at % 7, "$is_login_id": True},
    }

    def send() -> None:
        answers: list[Answer] = [
            server.ask("POST", "/batch/", json.dumps({"api_key": key, "batch": [event]}).encode()),
            server.ask("POST", "/capture/", json.dumps({"api_key": key, **event}).encode()),
            server.post("/events", cloud, **{"Content-Type": "application/cloudevents+json"}),
            server.post(
                "/events",
                [{**cloud, "id": "2" + cloud["id"]}],
                **{"Content-Type": "application/cloudevents-batch+json"},
            ),
            server.ask("POST", "/events", b'{"used_pct":1,"used_mb":1}', binary),
            server.ask("POST", f"/sa?project=x&token={key}", form(sensors)),
            server.ask(
                "GET",
                f"/pixel/v1/track?writeKey={key}&event=data_usage_reported&userId=c1&properties.used_pct=5&properties.used_mb=1",
            ),
        ]
        assert [answer.status for answer in answers] == [200] * 7

    assert changes(server, send) == {"received": 7, "applied": 7}
    gif = server.ask("GET", f"/pixel/v1/page?writeKey={key}&userId=c1")
    assert (gif.status, gif.headers["content-type"], gif.body[:6]) == (200, "image/gif", b"GIF89a")
    flags = server.ask("POST", "/flags/?v=4", json.dumps({"api_key": key, "distinct_id": "c1"}).encode())
    assert (flags.status, flags.json["flags"]) == (200, {})
    assert server.ask("POST", "/flags/", b'{"api_key":"bad"}').status == 401
    assert server.ask("POST", "/events", b"{}", {"Authorization": f"Bearer {key}"}).status == 400


def test_a_head_without_end_is_cut(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\n")
        with pytest.raises(ConnectionError):
            send_for_ever(client)
    assert server.ask("GET", "/health").status == 200


def send_for_ever(client: socket.socket) -> None:
    for _ in range(10_000):
        client.sendall(b"X-Filler: " + b"x" * 1_000 + b"\r\n")
