"""Accounting, quarantine, state and metrics, asked of a real server."""

import json
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.entrypoints.http.server import Server, used


def test_accounting_of_all_sources_and_of_one(server: Server) -> None:
    server.post("/v1/track", used("c1"))
    listed = server.operate("GET", "/v1/sources").json
    assert [one["source"] for one in listed] == ["web"]
    assert listed[0] == server.account()
    assert server.account("nobody")["received"] == 0


def test_a_quarantined_message_is_mended_and_taken_in(server: Server) -> None:
    wrong = {**used("mended-customer", str(uuid4())), "event": "data_usage_misspelt", "sentAt": "2026-01-01T00:00:00Z"}
    server.post("/v1/batch", {"batch": [wrong]})
    page = server.operate("GET", "/v1/quarantine?limit=1&reason=unknown_event&source=web").json
    (item,) = page["items"]
    assert (item["state"], item["body"], page["next"]) == ("waiting", None, item["id"])
    path = f"/v1/quarantine/{item['id']}"
    whole = server.operate("GET", path).json
    assert json.loads(whole["body"])["event"] == "data_usage_misspelt"
    again = server.operate("POST", f"{path}/redrive").json  # as it is, it is no better than before
    assert (again["outcome"], again["reason"]) == ("quarantined", "unknown_event")
    newest = server.operate("GET", "/v1/quarantine?limit=1").json["items"][0]["id"]
    path = f"/v1/quarantine/{newest}"
    mended = {**wrong, "event": "data_usage_reported"}
    assert server.operate("PUT", f"{path}/body", json.dumps(mended).encode()).status == 204
    assert server.operate("GET", path).json["state"] == "mended"
    before = server.account()["applied"]
    assert server.operate("POST", f"{path}/redrive").json["outcome"] == "applied"
    assert server.account()["applied"] == before + 1
    assert server.operate("GET", path).json["state"] == "redriven"
    assert server.operate("POST", f"{path}/redrive").status == 409
    assert server.operate("PUT", f"{path}/body", b"{}").status == 404
    assert server.post("/v1/track", mended).status == 200  # the client still has it: a duplicate now
    assert server.account()["applied"] == before + 1


def test_pages_of_the_quarantine_follow_each_other(server: Server) -> None:
    server.post("/v1/batch", {"batch": [{"type": "track", "event": f"no_{i}", "userId": "c"} for i in range(5)]})
    seen: list[int] = []
    cursor = ""
    while True:
        page = server.operate("GET", f"/v1/quarantine?limit=2{cursor}").json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == server.account()["quarantined"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/quarantine/999999", None, 404, "no_item"),
        ("GET", "/v1/quarantine/0", None, 422, "invalid_request"),
        ("GET", "/v1/quarantine?limit=9999", None, 422, "invalid_request"),
        ("GET", "/v1/quarantine?reason=none", None, 422, "invalid_request"),
        ("POST", "/v1/quarantine/999999/redrive", None, 409, "gone"),
        ("PUT", "/v1/quarantine/999999/body", b"[]", 400, "invalid_json"),
        ("PUT", "/v1/quarantine/999999/body", b" " * 40_000, 413, "too_large"),
        ("GET", "/nowhere", None, 404, "not_found"),
        ("DELETE", "/v1/sources", None, 405, "method_not_allowed"),
    ],
)
def test_errors_are_problems(
    server: Server, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    answer = server.operate(method, path, body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.json["status"], answer.json["code"]) == (status, status, code)


def test_state_needs_no_key(server: Server) -> None:
    assert server.ask("GET", "/health").json == {"status": "ok"}
    ready = server.ask("GET", "/ready").json
    assert (ready["status"], ready["warehouse"]["trouble"]) == ("ready", False)
    assert server.ask("GET", "/version").json["version"]
    assert server.ask("GET", "/metrics").status == 401


def test_metrics_say_what_the_accounting_says(server: Server) -> None:
    server.post("/v1/batch", {"batch": [used("c1"), {"type": "track"}]})
    text = server.operate("GET", "/metrics").body.decode()
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    account = server.account()
    assert found["opportune_intake_received_total", (("source", "web"),)] == account["received"]
    for outcome in ("applied", "duplicates", "quarantined"):
        assert found["opportune_intake_messages_total", (("outcome", outcome), ("source", "web"))] == account[outcome]
    assert found["opportune_ready", ()] == 1
    assert found["opportune_journal_lag_facts", ()] == 0
    warehouse = server.operate("GET", "/v1/warehouse").json
    assert found["opportune_warehouse_facts", ()] == warehouse["exported_seq"]
    assert found["opportune_warehouse_lag_facts", ()] <= warehouse["lag"]
    assert found["opportune_journal_bytes", ()] <= warehouse["journal_bytes"]
    assert (warehouse["failures"], warehouse["trouble"], warehouse["journal_first_seq"]) == (0, "", 0)
    assert found["opportune_bounds_met_total", (("what", "detections_refused"),)] == 0
    assert found["opportune_detections_waiting", ()] == 0
    assert found["opportune_http_requests_total", (("group", "intake"), ("status", "200"))] >= 1


def test_the_browser_library_finds_its_settings(server: Server) -> None:
    told = server.ask("GET", f"/v1/projects/{server.served.write_key}/settings").json
    assert told["integrations"]["Segment.io"]["apiHost"] == f"127.0.0.1:{server.port}/v1"
    assert server.ask("GET", "/v1/projects/none/settings").status == 404


def test_every_route_is_in_the_openapi(server: Server) -> None:
    paths = server.ask("GET", "/openapi.json").json["paths"]
    assert {
        "/v1/batch",
        "/v1/alias",
        "/batch/",
        "/sa",
        "/events",
        "/v1/quarantine/{number}/redrive",
        "/metrics",
        "/ready",
    } <= set(paths)
