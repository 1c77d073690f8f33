"""Segment's and RudderStack's messages: what the libraries send, as their servers' documents and captures show it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.facts import FactKind
from opportune.intake import BATCH_EVENTS_MAX, SINGLE_ROUTES, BodyRefusedError, translate_batch, translate_single
from tests.intake.doors.reading import messages_of, taken_in
from tests.intake.world import NOW

SENT = "2026-12-01T08:00:00+00:00"
FROM_PYTHON: dict[str, Any] = {
    "integrations": {}, "anonymousId": None, "properties": {"amount": 12.3}, "timestamp": "2026-12-01T07:59:58+00:00",
    "context": {"library": {"name": "analytics-python", "version": "2.4.0"}}, "userId": "c1", "type": "track",
    "event": "recharge", "messageId": "0b5ab4bc-2c5e-4d3f-9a8e-1f0c9be8a111",
}  # fmt: skip


def batch(*items: Any, **more: Any) -> bytes:
    return json.dumps({"batch": items, **more}, ensure_ascii=False).encode()


SINGLES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("track", {"event": "recharge", "userId": "c1", "properties": {"amount": 5}},
     {"type": "track", "event": "recharge", "userId": "c1", "properties": {"amount": 5}}),
    ("track", {"type": None, "event": "recharge", "userId": "c1"}, {"type": "track", "event": "recharge", "userId": "c1"}),
    ("track", {"type": "identify", "userId": "c1", "traits": {"age": 3}}, {"type": "identify", "userId": "c1", "traits": {"age": 3}}),
    ("page", {"name": "Home", "anonymousId": "a1", "messageId": "m", "properties": {"url": "/"}},
     {"type": "track", "anonymousId": "a1", "messageId": "m", "event": "page", "properties": {"url": "/", "name": "Home"}}),
    ("p", {"name": "Home", "category": "Shop", "properties": {"name": "Start"}, "userId": "c1"},
     {"type": "track", "userId": "c1", "event": "page", "properties": {"name": "Start", "category": "Shop"}}),
    ("screen", {"name": "Bill", "userId": "c1", "sentAt": SENT, "timestamp": SENT},
     {"type": "track", "userId": "c1", "timestamp": SENT, "sentAt": SENT, "event": "screen", "properties": {"name": "Bill"}}),
    ("g", {"userId": "c1", "groupId": "g7", "traits": {"plan": "gold"}},
     {"type": "track", "userId": "c1", "event": "group", "properties": {"plan": "gold", "groupId": "g7"}}),
    ("i", {"userId": 17, "context": {"traits": {"age": 41}}}, {"type": "identify", "userId": 17, "traits": {"age": 41}}),
    ("identify", {"userId": "c1"}, {"type": "identify", "userId": "c1"}),
    ("alias", {"userId": "c1", "previousId": "a1", "messageId": "m"},
     {"type": "identify", "userId": "c1", "anonymousId": "a1", "messageId": "m"}),
    ("a", {"userId": "c1", "previousId": "c1"}, {"type": "identify", "userId": "c1"}),
]  # fmt: skip


@pytest.mark.parametrize(("route", "body", "wanted"), SINGLES)
def test_single_messages(route: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    translated = translate_single(json.dumps(body, indent=1).encode(), SINGLE_ROUTES[route])
    assert messages_of(translated) == [wanted]


def test_plain_messages_are_carried_over_byte_by_byte() -> None:
    item = b'{"type":"track","event":"recharge","userId":"c1","properties":{"amount":12.340000000000000000001,"x":"\\u00e9"}}'
    translated = translate_batch(b'{"batch": [ %b , %b ], "writeKey":"k"}' % (item, item))
    assert translated.lines == item + b"\n" + item
    assert translated.key == "k"
    again = translate_batch(b'{"batch":[%b],"sentAt":"%b"}' % (item, SENT.encode()))
    assert again.lines == item[:-1] + b',"sentAt":"%b"}' % SENT.encode()


def test_items_in_several_lines_become_one_each_with_their_digits() -> None:
    item = b'{"type": "track",\r\n "event": "recharge", "userId": "c1",\n "properties": {"amount": 12.3400000000000000000001,\n "note": "a\\nb"}}'
    translated = translate_batch(b'{"batch":[\n%b,\n%b\n]}' % (item, item))
    assert translated.messages == 2
    assert translated.lines.count(b"\n") == 1
    assert b"12.3400000000000000000001" in translated.lines
    assert messages_of(translated)[0]["properties"]["note"] == "a\nb"


def test_the_sending_time_of_the_batch_holds_where_an_item_has_none() -> None:
    other = "2026-12-01T09:00:00Z"
    found = messages_of(translate_batch(batch(FROM_PYTHON, {**FROM_PYTHON, "sentAt": other}, sentAt=SENT)))
    assert [message["sentAt"] for message in found] == [SENT, other]
    assert all("sentAt" not in m for m in messages_of(translate_batch(batch(FROM_PYTHON, sentAt=None))))


def test_traits_come_from_the_context_of_the_message_or_of_the_batch() -> None:
    rudder = {"type": "identify", "userId": "c1", "context": {"traits": {"age": 41}}}
    bare = {"type": "identify", "userId": "c2", "traits": None}
    own = {"type": "identify", "userId": "c3", "traits": {"age": 7}}
    found = messages_of(translate_batch(batch(rudder, bare, own, context={"traits": {"age": 9}})))
    assert [message["traits"] for message in found] == [{"age": 41}, {"age": 9}, {"age": 7}]


def test_what_the_python_library_sends_is_taken_in_exactly() -> None:
    body = batch(FROM_PYTHON, {**FROM_PYTHON, "messageId": "2"}, sentAt=SENT, writeKey="k")
    intake = taken_in(translate_batch(body))
    assert (intake.applied, len(intake.quarantined)) == (2, 0)
    batch_of = intake.batch
    events = [row for row in range(len(batch_of)) if batch_of.kind[row] == FactKind.EVENT]
    assert [int(batch_of.values[batch_of.first[row]]) for row in events] == [1230, 1230]  # money in minor units


def test_a_poisoned_event_spoils_no_other() -> None:
    poison: list[Any] = [7, "text", None, [], {}, {"type": "track"}, {"type": "delete", "userId": "c1"}, {"type": 5, "userId": "c1"},
                         {**FROM_PYTHON, "event": "no_such"}, {**FROM_PYTHON, "userId": None}]  # fmt: skip
    intake = taken_in(translate_batch(batch(*poison, FROM_PYTHON, sentAt=SENT)))
    assert intake.applied == 1
    assert intake.received == len(poison) + 1
    reasons = [q.reason.value for q in intake.quarantined]
    assert reasons == ["broken_json"] * 4 + ["missing_field"] + ["missing_customer"] + ["unknown_type"] * 2 + [
        "unknown_event", "missing_customer",
    ]  # fmt: skip


UNMAPPED = [
    {"type": "alias", "userId": "c1", "previousId": "c2", "anonymousId": "a9"},
    {"type": "alias", "userId": "c1"},
    {"type": "merge", "mergeProperties": []},
]


@pytest.mark.parametrize("item", UNMAPPED)
def test_what_cannot_be_said_here_is_kept_whole_in_the_quarantine(item: dict[str, Any]) -> None:
    translated = translate_batch(batch(item, sentAt=SENT))
    assert messages_of(translated)[0]["row"] == item
    (kept,) = taken_in(translated).quarantined
    assert kept.reason == "unmapped_row"
    assert str(item["type"]) in kept.detail


def test_an_alias_joins_an_anonymous_customer() -> None:
    items = [
        {"type": "track", "event": "app_opened", "anonymousId": "a1"},
        {"type": "alias", "userId": "c1", "previousId": "a1"},
        {"type": "track", "event": "app_opened", "userId": "c1"},
    ]
    intake = taken_in(translate_batch(batch(*items)))
    assert intake.applied == 3
    assert len(set(intake.batch.customer.tolist())) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"batch":7}', b'{"no":1}', b'{"batch":[{"a":1,}]}', b"\xff", b"[" * 100_000,
                                  b'{"batch":' + b"[" * 100_000, b'{"batch":[],"writeKey":7}'])  # fmt: skip
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(BodyRefusedError) as refused:
        translate_batch(body)
    assert refused.value.code == "invalid_json"


def test_too_many_events_are_refused() -> None:
    with pytest.raises(BodyRefusedError) as refused:
        translate_batch(batch(*[1] * (BATCH_EVENTS_MAX + 1)))
    assert refused.value.code == "too_large"


def test_an_empty_batch_is_no_message() -> None:
    assert translate_batch(b'{"batch":[]}').messages == 0


def test_bytes_that_are_no_text_are_quarantined() -> None:
    body = (
        b'{"batch":[{"type":"track","event":"recharge","userId":"\xff"},{"type":"page","name":"\xff","userId":"c1"}]}'
    )
    assert [q.reason.value for q in taken_in(translate_batch(body)).quarantined] == ["invalid_utf8"] * 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["type", "userId", "previousId", "anonymousId", "traits", "properties", "context", "name", "sentAt", "x"]
)
TYPES = st.sampled_from(["track", "identify", "page", "group", "alias", "screen"])


@given(
    st.lists(st.dictionaries(FIELDS, VALUES | TYPES, max_size=6) | VALUES, max_size=4),
    VALUES,
    st.sampled_from([None, 1]),
)
def test_any_batch_keeps_one_sound_line_per_item(items: list[Any], context: Any, indent: int | None) -> None:
    body = json.dumps({"batch": items, "context": context, "sentAt": SENT}, indent=indent).encode()
    translated = translate_batch(body)
    assert translated.messages == len(items)
    assert len(messages_of(translated)) == len(items)
    intake = taken_in(translated, NOW)
    assert intake.received == len(items)
    assert intake.received == intake.applied + intake.duplicates + len(intake.quarantined)
