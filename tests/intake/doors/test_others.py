"""PostHog, CloudEvents and Sensors: their bodies as canonical messages."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from opportune.intake import (
    BodyRefusedError,
    redriven_line,
    translate_cloudevents,
    translate_posthog,
    translate_sensors,
)
from tests.intake.doors.reading import messages_of, taken_in
from tests.intake.world import NOW

AT = "2026-12-01T08:00:00Z"


def posthog(*items: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"api_key": "k", "batch": list(items), "sent_at": AT, "historical_migration": False}
    translated = translate_posthog(json.dumps(body).encode())
    assert translated.key == "k"
    return messages_of(translated)


def test_posthog_event_loses_only_the_librarys_own_remarks() -> None:
    item = {"event": "recharge", "distinct_id": "c1", "uuid": "u1", "timestamp": AT,
            "properties": {"amount": 12.3, "$lib": "posthog-python", "$ip": "198.51.100.7"}}  # fmt: skip
    assert posthog(item) == [
        {"type": "track", "userId": "c1", "timestamp": AT, "sentAt": AT, "messageId": "u1", "event": "recharge", "properties": {"amount": 12.3}}
    ]  # fmt: skip


POSTHOG: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"event": "$identify", "distinct_id": "c1", "uuid": "u", "properties": {"$anon_distinct_id": "a1", "$set": {"age": 4}}},
     [{"type": "identify", "userId": "c1", "anonymousId": "a1", "sentAt": AT, "messageId": "u", "traits": {"age": 4}}]),
    ({"event": "$set", "distinct_id": "c1", "uuid": "u", "$set": {"age": 4}},
     [{"type": "identify", "userId": "c1", "sentAt": AT, "messageId": "u", "traits": {"age": 4}}]),
    ({"event": "recharge", "distinct_id": "c1", "uuid": "u", "properties": {"$set": {"age": 4}}},
     [{"type": "track", "userId": "c1", "sentAt": AT, "messageId": "u", "event": "recharge", "properties": {}},
      {"type": "identify", "userId": "c1", "sentAt": AT, "messageId": "u#set", "traits": {"age": 4}}]),
    ({"event": "$pageview", "distinct_id": "d", "properties": {"$device_id": "d", "path": "/"}},
     [{"type": "track", "anonymousId": "d", "sentAt": AT, "event": "page", "properties": {"path": "/"}}]),
    ({"event": "$create_alias", "distinct_id": "a1", "properties": {"distinct_id": "c1", "alias": "a1"}},
     [{"type": "identify", "userId": "a1", "sentAt": AT}]),
    ({"event": "$create_alias", "distinct_id": "c1", "properties": {"alias": "a1"}},
     [{"type": "identify", "userId": "c1", "anonymousId": "a1", "sentAt": AT}]),
]  # fmt: skip


@pytest.mark.parametrize(("item", "wanted"), POSTHOG)
def test_posthog(item: dict[str, Any], wanted: list[dict[str, Any]]) -> None:
    assert posthog(item) == wanted


@pytest.mark.parametrize("item", [{"event": 7, "distinct_id": "c"}, {"distinct_id": "c"}, {"event": "$create_alias"}])
def test_posthog_without_a_meaning_is_quarantined(item: dict[str, Any]) -> None:
    assert posthog(item)[0]["type"] == "unmapped_row"


def test_posthog_set_once_is_quarantined_beside_what_can_be_said() -> None:
    found = posthog({"event": "$identify", "distinct_id": "c1", "$set": {"age": 4}, "$set_once": {"city": "x"}})
    assert [message["type"] for message in found] == ["identify", "unmapped_row"]


def test_posthog_single_events_and_lists() -> None:
    one = {"api_key": "k", "event": "recharge", "distinct_id": "c1", "timestamp": AT, "properties": {"amount": 1}}
    translated = translate_posthog(json.dumps(one).encode())
    assert translated.key == "k"
    assert messages_of(translated)[0]["event"] == "recharge"
    assert translate_posthog(json.dumps([one, one]).encode()).messages == 2


BINARY = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/shop", "ce-type": "com.example.recharge", "ce-subject": "c%C3%A91",
          "ce-time": AT}  # fmt: skip
EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.recharge", "subject": "cé1", "time": AT,
         "datacontenttype": "application/json", "data": {"amount": 5}}  # fmt: skip
CANONICAL = {
    "type": "track",
    "userId": "cé1",
    "timestamp": AT,
    "messageId": "/shop#7",
    "event": "recharge",
    "properties": {"amount": 5},
}


def test_cloudevents_in_all_three_modes_say_the_same() -> None:
    binary = translate_cloudevents(b'{"amount": 5}', "application/json", BINARY)
    structured = translate_cloudevents(
        json.dumps(EVENT, indent=2).encode(), "application/cloudevents+json; charset=utf-8", {}
    )
    encoded = {**EVENT, "data_base64": base64.b64encode(b'{"amount":5}').decode()}
    del encoded["data"]
    many = translate_cloudevents(json.dumps([EVENT, encoded]).encode(), "application/cloudevents-batch+json", {})
    assert messages_of(binary) == messages_of(structured) == [CANONICAL]
    assert messages_of(many) == [CANONICAL, CANONICAL]
    assert taken_in(many).duplicates == 1


def test_cloudevents_type_by_a_mapping_and_a_long_id() -> None:
    event = {**EVENT, "type": "com.example.paid", "id": "x" * 300}
    (found,) = messages_of(
        translate_cloudevents(
            json.dumps(event).encode(), "application/cloudevents+json", {}, {"com.example.paid": "recharge"}
        )
    )
    assert found["event"] == "recharge"
    assert len(found["messageId"]) == 32


@pytest.mark.parametrize("event", [{**EVENT, "specversion": "0.3"}, {"id": "1"}, {**EVENT, "data_base64": "!"}, {**EVENT, "data_base64": "\u00f9"}, 5,
                                   {**EVENT, "data_base64": base64.b64encode(b"<xml/>").decode()}])  # fmt: skip
def test_cloudevents_that_say_nothing_here_are_quarantined(event: Any) -> None:
    translated = translate_cloudevents(json.dumps([event]).encode(), "application/cloudevents-batch+json", {})
    assert messages_of(translated)[0]["type"] == "unmapped_row"


def test_cloudevents_binary_needs_its_headers() -> None:
    with pytest.raises(BodyRefusedError) as refused:
        translate_cloudevents(b"{}", "application/json", {"ce-id": "1"})
    assert refused.value.code == "invalid_request"
    kept = translate_cloudevents(b"<xml/>", "application/xml", BINARY)
    assert messages_of(kept)[0]["type"] == "unmapped_row"


def form(body: Any, field: str = "data", *, zipped: bool = True) -> bytes:
    text = json.dumps(body, ensure_ascii=False).encode()
    return urlencode({field: base64.b64encode(gzip.compress(text) if zipped else text), "gzip": int(zipped)}).encode()


def sa(kind: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "time": 1_796_112_000_000,
        "distinct_id": "d1",
        "properties": properties or {},
        "_track_id": 99,
        **more,
    }


SENSORS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (sa("track", {"amount": 3, "$lib": "python", "$is_login_id": True}, event="recharge"),
     {"type": "track", "userId": "d1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000", "event": "recharge", "properties": {"amount": 3}}),
    (sa("track", event="recharge"),
     {"type": "track", "anonymousId": "d1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000", "event": "recharge", "properties": {}}),
    (sa("track_signup", event="$SignUp", original_id="a1"),
     {"type": "identify", "userId": "d1", "anonymousId": "a1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000"}),
    (sa("profile_set", {"age": 7, "$is_login_id": True}),
     {"type": "identify", "userId": "d1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000", "traits": {"age": 7}}),
    (sa("profile_unset", {"age": True, "$is_login_id": True}),
     {"type": "identify", "userId": "d1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000", "traits": {"age": None}}),
    (sa("track", event="recharge", login_id="c1", anonymous_id="a1"),
     {"type": "track", "userId": "c1", "anonymousId": "a1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000", "event": "recharge",
      "properties": {}}),
    (sa("track_id_bind", event="$BindID", identities={"$identity_login_id": "c1", "$identity_mobile": "x"}),
     {"type": "identify", "userId": "c1", "timestamp": 1_796_112_000_000, "messageId": "99:1796112000000"}),
]  # fmt: skip


@pytest.mark.parametrize(("item", "wanted"), SENSORS)
@pytest.mark.parametrize("zipped", [True, False])
def test_sensors(item: dict[str, Any], wanted: dict[str, Any], zipped: bool) -> None:
    assert messages_of(translate_sensors(form(item, zipped=zipped))) == [wanted]
    assert messages_of(translate_sensors(form([item, item], "data_list", zipped=zipped))) == [wanted, wanted]


@pytest.mark.parametrize(
    "kind",
    [
        "profile_set_once",
        "profile_increment",
        "profile_append",
        "profile_delete",
        "item_set",
        "item_delete",
        "track_id_unbind",
        "other",
    ],
)
def test_sensors_what_cannot_be_said_is_quarantined(kind: str) -> None:
    translated = translate_sensors(form(sa(kind, {"age": 1})))
    (kept,) = taken_in(translated).quarantined
    assert kept.reason == "unmapped_row"
    assert kind in kept.detail


def test_sensors_without_ids_sent_twice_is_taken_in_once() -> None:
    """The Python library numbers nothing: equal events of one body are two, the same body again is none."""
    item = {key: value for key, value in sa("track", event="app_opened").items() if key != "_track_id"}
    other = {**item, "time": item["time"] + 1}
    first = translate_sensors(form([item, item, other], "data_list"))
    ids = [message["messageId"] for message in messages_of(first)]
    assert len(set(ids)) == 3
    assert [m["messageId"] for m in messages_of(translate_sensors(form([item, item, other], "data_list")))] == ids


@pytest.mark.parametrize("body", [b"", b"x=1", b"data=!!!", b"data=" + base64.b64encode(b"{"), b"data_list=" + base64.b64encode(b"{}"), b"\xff",
                                  b"&".join([b"a=1"] * 30)])  # fmt: skip
def test_sensors_refuses_what_is_no_form(body: bytes) -> None:
    with pytest.raises(BodyRefusedError):
        translate_sensors(body)


def test_a_redriven_message_keeps_its_time() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    skewed = b'{"type":"track","timestamp":"2026-12-01T07:00:00Z","sentAt":"2026-12-01T07:00:05Z","messageId":"m"}'
    assert json.loads(redriven_line(skewed, NOW, "q:1", zone)) == {
        "type": "track",
        "timestamp": NOW - 5_000,
        "messageId": "m",
    }
    assert json.loads(redriven_line(b'{"type":"track"}', NOW, "q:1", zone)) == {
        "type": "track",
        "timestamp": NOW,
        "messageId": "q:1",
    }
    local = b'{"originalTimestamp":"2026-12-01T16:00:00","timestamp":1,"messageId":null}'
    assert json.loads(redriven_line(local, 5, "q:1", zone)) == {"timestamp": NOW, "messageId": "q:1"}
    unreadable = b'{"timestamp":"yesterday",\n"sentAt":"2026-12-01T07:00:05Z"}'
    assert json.loads(redriven_line(unreadable, NOW, "q:1", zone))["timestamp"] == "yesterday"
    for body in (b"", b"[]", b'"x"', b"{"):
        with pytest.raises(BodyRefusedError):
            redriven_line(body, NOW, "q:1", zone)
