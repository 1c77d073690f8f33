"""What every kind of message becomes, and what bad input becomes: a clear reason, the account whole, nothing stopped, nothing lost."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, FactKind
from opportune.intake import LINE_BYTES_MAX, QUARANTINE_TEXTS, Clock, ColumnDecoder, Decoder, Intake, QuarantineReason
from opportune.intake.hashing import hash_key, key_words
from tests.intake.world import KEY, NOW, decoder, lines, track


def facts(intake: Intake) -> list[tuple[Any, ...]]:
    """The facts of a batch as (kind, code, customer, values), customers' random keys and hashes left out."""
    batch = intake.batch
    found = []
    for i in range(len(batch)):
        kind = FactKind(int(batch.kind[i]))
        values = batch.values[batch.first[i] : batch.first[i + 1]].tolist()
        hidden = kind in (FactKind.CUSTOMER, FactKind.IDENTIFIER)
        found.append((kind.name, int(batch.code[i]), int(batch.customer[i]), [] if hidden else values))
    return found


def whole(intake: Intake) -> Intake:
    assert intake.received == intake.applied + intake.duplicates + len(intake.quarantined)
    return intake


def read(*messages: Any, clock: Clock = "live") -> Intake:
    return whole(decoder(clock).decode(lines(*messages), NOW))


def test_a_track_message_becomes_a_customer_an_identifier_and_an_event() -> None:
    properties = {"amount": 12.34, "method": "card", "order_id": "A-1", "auto": True, "shop": {"no": 1.50}}
    intake = read(track(properties=properties, messageId="m1"))
    key = hash_key(key_words(KEY), "A-1")
    assert facts(intake) == [("CUSTOMER", 0, 0, []), ("IDENTIFIER", 0, 0, []), ("EVENT", 0, 0, [1234, 1, key, 1])]
    assert intake.batch.texts == ["card"]
    assert json.loads(intake.batch.extras[2]) == {"order_id": "A-1", "shop": {"no": 1.5}}
    assert intake.identifiers == [(0, "user", "c1")]
    assert intake.batch.message.any(axis=1).tolist() == [False, False, True]
    assert set(intake.batch.now_ms.tolist()) == {NOW}


def test_the_other_messages_become_their_facts() -> None:
    traits = {"age": "55", "city": "北京", "name": "Bob", "interests": ["music", "video"], "contract": 77}
    about = {"userId": "c1", "timestamp": "2026-12-01T16:00:00"}  # no offset: the deployment's zone
    intake = read(
        {"type": "identify", "traits": traits, **about},
        {"type": "identify", "traits": {"age": None}, **about},
        {"type": "contact", "campaign": "win_back", "touchpoint": "app", **about},
        {"type": "contact", "campaign": "upsell", "touchpoint": "sms", "offer": "pack", **about},
        {"type": "response", "campaign": "win_back", "answer": "refused", **about},
        {"type": "consent", "purpose": "marketing", "channel": "sms", "given": True, **about},
        {"type": "consent", "purpose": "marketing", "given": False, **about},
        {"type": "do_not_disturb", "on": True, **about},
        {"type": "touch", "touchpoint": "app", "slots": 3, **about},
    )
    contract = hash_key(key_words(KEY), "77")
    assert facts(intake)[2:] == [
        ("TAGS_SET", 0, 0, [0, 55, 1, 1, 4, 3, 5, contract]),
        ("TAGS_SET", 0, 0, [0, NULL]),
        ("CONTACT", 1, 0, [1, NULL]),
        ("CONTACT", 0, 0, [0, 0]),
        ("RESPONSE", 1, 0, [3]),
        ("CONSENT", 0, 0, [0, 1]),
        ("CONSENT", 0, 0, [NULL, 0]),
        ("DO_NOT_DISTURB", 0, 0, [1]),
        ("TOUCH", 1, 0, [3]),
    ]
    assert intake.personal == [(0, "name", "Bob")]
    assert set(intake.batch.at_ms.tolist()) == {NOW}


BAD: list[tuple[Any, QuarantineReason]] = [
    (track("no_such_event"), QuarantineReason.UNKNOWN_EVENT),
    ({"type": "track", "userId": "c1"}, QuarantineReason.MISSING_FIELD),
    ({"userId": "c1"}, QuarantineReason.MISSING_FIELD),
    ({"type": "teleport", "userId": "c1"}, QuarantineReason.UNKNOWN_TYPE),
    ({"type": "identify", "userId": "c1", "traits": {"apru": 1}}, QuarantineReason.UNKNOWN_TAG),
    ({"type": "identify", "userId": "c1", "traits": {"spend_90d": 1}}, QuarantineReason.TAG_NOT_SETTABLE),
    ({"type": "identify", "userId": "c1", "traits": {"interests": ["golf"]}}, QuarantineReason.UNKNOWN_MEMBER),
    ({"type": "contact", "userId": "c1", "campaign": "x", "touchpoint": "sms"}, QuarantineReason.UNKNOWN_CAMPAIGN),
    ({"type": "contact", "userId": "c1", "campaign": "upsell", "touchpoint": "x"}, QuarantineReason.UNKNOWN_TOUCHPOINT),
    ({"type": "contact", "userId": "c1", "campaign": "upsell"}, QuarantineReason.MISSING_FIELD),
    ({"type": "consent", "userId": "c1", "purpose": "x", "given": True}, QuarantineReason.UNKNOWN_PURPOSE),
    ({"type": "consent", "userId": "c1", "purpose": "marketing", "given": 1.5}, QuarantineReason.WRONG_TYPE),
    ({"type": "do_not_disturb", "userId": "c1", "on": []}, QuarantineReason.WRONG_TYPE),
    ({"type": "touch", "userId": "c1", "touchpoint": "x", "slots": 1}, QuarantineReason.UNKNOWN_TOUCHPOINT),
    ({"type": "touch", "userId": "c1", "touchpoint": "sms"}, QuarantineReason.OUT_OF_RANGE),
    ({"type": "touch", "userId": "c1", "touchpoint": "sms", "slots": 51}, QuarantineReason.OUT_OF_RANGE),
    ({"type": "touch", "userId": "c1", "touchpoint": "sms", "slots": 1.5}, QuarantineReason.OUT_OF_RANGE),
    ({"type": "response", "userId": "c1", "campaign": "upsell", "answer": "maybe"}, QuarantineReason.UNKNOWN_MEMBER),
    (track(properties={"amount": "twelve"}), QuarantineReason.WRONG_TYPE),
    (track(properties={"amount": True}), QuarantineReason.WRONG_TYPE),
    (track(properties={"auto": 1}), QuarantineReason.WRONG_TYPE),
    (track(properties={"method": 5}), QuarantineReason.WRONG_TYPE),
    (track(properties=[1]), QuarantineReason.WRONG_TYPE),
    (track("data_usage_reported", properties={"used_mb": 1.5}), QuarantineReason.WRONG_TYPE),
    (track("data_usage_reported", properties={"day": "2026-02-30"}), QuarantineReason.WRONG_TYPE),
    (track("data_usage_reported", properties={"used_pct": 1001}), QuarantineReason.OUT_OF_RANGE),
    (track(properties={"amount": 10_000.01}), QuarantineReason.OUT_OF_RANGE),
    (track("data_usage_reported", properties={"used_mb": 2**63}), QuarantineReason.NUMBER_OVERFLOW),
    (track("data_usage_reported", properties={"used_mb": -(2**63)}), QuarantineReason.NUMBER_OVERFLOW),
    (track("data_usage_reported", properties={"used_mb": 10**400}), QuarantineReason.NUMBER_OVERFLOW),
    (track("data_usage_reported", properties={"reset_at": 10**400}), QuarantineReason.NUMBER_OVERFLOW),
    (track("data_usage_reported", properties={"rate": 1e300}), QuarantineReason.NUMBER_OVERFLOW),
    (track(user=None), QuarantineReason.MISSING_CUSTOMER),
    (track(user=""), QuarantineReason.MISSING_CUSTOMER),
    ({**track(), "userId": {}}, QuarantineReason.WRONG_TYPE),
    (track(user="x" * 201), QuarantineReason.TEXT_TOO_LONG),
    (track(identifier={"kind": "fax", "value": "1"}), QuarantineReason.UNKNOWN_IDENTIFIER_KIND),
    (track(properties={"method": "é" * 501}), QuarantineReason.TEXT_TOO_LONG),
    (track(timestamp=NOW + MS_PER_HOUR + 1), QuarantineReason.FAR_FUTURE),
    (track(timestamp="9999-12-31T23:59:59-12:00"), QuarantineReason.FAR_FUTURE),
    (track(timestamp=NOW - 400 * MS_PER_DAY - 1), QuarantineReason.FAR_PAST),
    (track(timestamp="yesterday"), QuarantineReason.INVALID_TIME),
    (track(timestamp="2026-13-01T00:00:00Z"), QuarantineReason.INVALID_TIME),
    (track(timestamp="0001-01-01T00:00:00"), QuarantineReason.FAR_PAST),
    (track(timestamp=1.5), QuarantineReason.INVALID_TIME),
    (track(originalTimestamp="yesterday"), QuarantineReason.INVALID_TIME),
    (track(originalTimestamp=NOW, timestamp="yesterday"), QuarantineReason.INVALID_TIME),
    (track(originalTimestamp=NOW - 400 * MS_PER_DAY - 1), QuarantineReason.FAR_PAST),
    (
        b'{"type":"track","event":"recharge","userId":"c","originalTimestamp":1,"originalTimestamp":1}',
        QuarantineReason.DUPLICATE_FIELD,
    ),
    (track(properties={"tel": "call +86 138-0013-8000"}), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (track(properties={"tel": 13800138000}), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (track(properties={"a": [{"b": "bob@example.org"}]}), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (track(properties={"id": "11010519491231002X"}), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (b'{"type":"track","event":"recharge","userId":' + b"9" * 5_000 + b"}", QuarantineReason.TEXT_TOO_LONG),
    (
        b'{"type":"track","event":"recharge","userId":"c","timestamp":' + b"9" * 5_000 + b"}",
        QuarantineReason.INVALID_TIME,
    ),
    (b"{", QuarantineReason.BROKEN_JSON),
    (b"nonsense", QuarantineReason.BROKEN_JSON),
    (b"[1]", QuarantineReason.BROKEN_JSON),
    (b'{"type":"track","x":NaN}', QuarantineReason.BROKEN_JSON),
    (b"[" * 30_000, QuarantineReason.BROKEN_JSON),
    (b'{"type":"track","event":"\xff"}', QuarantineReason.INVALID_UTF8),
    (b'{"type":"track","event":"recharge","userId":"\\ud800"}', QuarantineReason.INVALID_UTF8),
    (b'{"type":"track","event":"recharge","userId":"a","userId":"b"}', QuarantineReason.DUPLICATE_FIELD),
    (
        b'{"type":"track","event":"recharge","userId":"a","properties":{"auto":true,"auto":false}}',
        QuarantineReason.DUPLICATE_FIELD,
    ),
    (b'{"type":"track","pad":"' + b"x" * LINE_BYTES_MAX + b'"}', QuarantineReason.LINE_TOO_LONG),
]


@pytest.mark.parametrize(("message", "reason"), BAD, ids=[f"{i}-{reason}" for i, (_, reason) in enumerate(BAD)])
def test_a_bad_message_is_kept_with_its_reason_and_stops_nothing(message: Any, reason: QuarantineReason) -> None:
    intake = read(track(), message, track())
    [kept] = intake.quarantined
    assert (kept.reason, kept.line_number, kept.raw) == (reason, 2, lines(message))
    assert kept.detail
    assert intake.applied == 2
    assert [fact[0] for fact in facts(intake)] == ["CUSTOMER", "IDENTIFIER", "EVENT", "EVENT"]


def test_bad_messages_leave_no_trace_in_what_intake_has_learnt() -> None:
    door = decoder()
    whole(door.decode(lines(*(message for message, _ in BAD)), NOW))
    assert (len(door.dictionary), len(door.identity), len(door.repeats)) == (0, 0, 0)


def test_every_reason_has_words_and_details_quote_no_value() -> None:
    assert set(QUARANTINE_TEXTS) == set(QuarantineReason)
    assert all(en and zh for en, zh in QUARANTINE_TEXTS.values())
    secret = "13800138000"
    bad = [track(properties={"tel": secret}), track(timestamp=secret), track(properties={"amount": secret + "x"})]
    kept = read(*bad).quarantined
    assert len(kept) == 3
    assert not any(secret in one.detail for one in kept)


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-12-01T08:00:00Z",
        1764576000000,
        "550e8400-e29b-41d4-a716-446655440000",
        0.13800138000,
        "v1.2.3",
        "192.168.100.100",
    ],
)
def test_dates_ids_and_fractions_are_not_taken_for_personal_data(harmless: Any) -> None:
    assert read(track(properties={"other": harmless})).applied == 1


def test_repeats_are_counted_and_clashes_apart() -> None:
    first = track(properties={"amount": 1}, messageId="m")
    door = decoder()
    whole(door.decode(lines(first, first), NOW))
    again = whole(door.decode(lines(first, {**first, "userId": "new"}), NOW + 1))
    assert (again.applied, again.duplicates, again.clashes, again.identifiers) == (0, 2, 1, [])


@pytest.mark.parametrize("kind", [Decoder, ColumnDecoder])
def test_who_sends_again_says_another_sent_at_and_that_is_no_clash(kind: Any) -> None:
    first = track(properties={"amount": 1}, messageId="m", sentAt="2026-12-01T08:00:00.000Z")
    door = decoder(kind=kind)
    whole(door.decode(lines(first), NOW))
    sent_again = [{**first, "sentAt": later} for later in ("2026-12-01T08:00:09Z", NOW)]
    clash = {**first, "sentAt": "2026-12-01T08:00:10.000Z", "properties": {"amount": 2}}
    again = whole(door.decode(lines(*sent_again, clash), NOW + 1))
    assert (again.applied, again.duplicates, again.clashes) == (0, 3, 1)


def test_a_message_mended_after_quarantine_is_no_repeat() -> None:
    door = decoder()
    assert door.decode(lines(track(properties={"amount": "?"}, messageId="m")), NOW).quarantined
    assert door.decode(lines(track(properties={"amount": 1}, messageId="m")), NOW).applied == 1


def test_identifiers_join_and_conflicts_are_counted() -> None:
    door = decoder()

    def customer(**who: Any) -> tuple[int, int]:
        intake = whole(door.decode(lines({"type": "track", "event": "app_opened", **who}), NOW))
        return int(intake.batch.customer[-1]), intake.conflicts.total()

    assert customer(anonymousId="device-1") == (0, 0)
    assert customer(userId="ann", anonymousId="device-1") == (0, 0)  # the anonymous customer gets a name
    assert customer(userId="ann") == (0, 0)
    assert customer(userId="bob", anonymousId="device-1") == (
        1,
        1,
    )  # a shared device does not make one of two customers
    assert customer(userId="bob", anonymousId="device-2") == (1, 0)
    assert customer(anonymousId="device-2") == (1, 0)
    assert customer(userId="bob", identifier={"kind": "phone", "value": "+861"}) == (1, 0)
    assert customer(identifier={"kind": "phone", "value": "+861"}) == (1, 0)
    assert customer(userId="ann", identifier={"kind": "phone", "value": "+861"}) == (0, 1)


def test_numbers_are_read_by_their_digits() -> None:
    texts = ["0.29", "1.005", "-0", "2.5e1", "0.125", '"34.56"', "9007.19925474099"]
    door = decoder()
    head = b'{"type":"track","event":"recharge","userId":"c","properties":{"amount":'
    intake = whole(door.decode(b"\n".join(head + text.encode() + b"}}" for text in texts), NOW))
    rows = np.flatnonzero(intake.batch.kind == FactKind.EVENT)
    assert intake.batch.values[intake.batch.first[rows]].tolist() == [29, 101, 0, 2500, 13, 3456, 900720]
    assert intake.rounded == 3


def test_an_import_runs_on_the_time_of_the_events() -> None:
    intake = read(
        track(timestamp="2018-07-01T00:00:00Z"),
        track(timestamp="1969-12-31"),
        track(timestamp="2100-01-01T08:00"),
        clock="import",
    )
    assert set(intake.batch.now_ms.tolist()) == {1530403200000}
    assert [kept.reason for kept in intake.quarantined] == [QuarantineReason.FAR_PAST, QuarantineReason.FAR_FUTURE]


def test_limits_quarantine_and_known_customers_go_on() -> None:
    door = decoder(customers_max=1)
    intake = whole(door.decode(lines(track(), track(user="c2"), track()), NOW))
    assert [(kept.reason, kept.line_number) for kept in intake.quarantined] == [(QuarantineReason.NO_ROOM, 2)]
    assert intake.applied == 2


def test_keys_of_customers_repeat_only_with_a_seed() -> None:
    first = [decoder().decode(lines(track(user=user)), NOW).batch.values[0] for user in ("a", "a", "b")]
    assert first[0] == first[1] != first[2]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=6))
def test_arbitrary_bytes_never_stop_intake(parts: list[bytes]) -> None:
    data = b"\n".join([lines(track()), *parts, lines(track())])
    intake = whole(decoder().decode(data, NOW))
    assert intake.received == sum(bool(line.strip(b" \t\r")) for line in data.split(b"\n"))
    assert intake.applied >= 2


CLIENT_CLOCKS: list[tuple[dict[str, int], int, int]] = [
    ({"timestamp": -5_000}, -5_000, -5_000),
    ({"timestamp": -5_000, "originalTimestamp": -9_000}, -9_000, -9_000),
    ({"timestamp": -5_000, "sentAt": 0}, -5_000, -5_000),
    ({"timestamp": MS_PER_DAY - 5_000, "sentAt": MS_PER_DAY}, -5_000, MS_PER_DAY - 5_000),
    ({"timestamp": 7, "originalTimestamp": -MS_PER_DAY - 9_000, "sentAt": -MS_PER_DAY}, -9_000, -MS_PER_DAY - 9_000),
    ({"originalTimestamp": 900 * MS_PER_DAY, "sentAt": 900 * MS_PER_DAY + 1}, -1, 900 * MS_PER_DAY),
]
"""Times of a message relative to NOW, when it arrives; and when it happened, live and in an import."""


@pytest.mark.parametrize(("times", "live", "imported"), CLIENT_CLOCKS)
def test_the_clock_of_a_client_is_set_right_live(times: dict[str, int], live: int, imported: int) -> None:
    message = track() | {name: NOW + at for name, at in times.items()}
    assert read(message).batch.at_ms[2] == NOW + live
    assert read(message, clock="import").batch.at_ms[2] == NOW + imported


def test_without_a_time_a_message_happened_when_it_arrived() -> None:
    timeless = track(timestamp=None, originalTimestamp=None, sentAt=NOW - MS_PER_HOUR)
    assert read(timeless).batch.at_ms[2] == NOW
    assert read(track(timestamp=NOW - 1, originalTimestamp=None, sentAt=None)).batch.at_ms[2] == NOW - 1


def test_the_bounds_hold_for_the_time_set_right() -> None:
    late = track(timestamp=NOW, sentAt=NOW + 400 * MS_PER_DAY + 1)
    early = track(originalTimestamp=NOW, sentAt=NOW - MS_PER_HOUR - 1)
    reasons = [kept.reason for kept in read(late, early).quarantined]
    assert reasons == [QuarantineReason.FAR_PAST, QuarantineReason.FAR_FUTURE]


def test_an_unreadable_time_of_sending_is_refused_live_and_ignored_in_an_import() -> None:
    unreadable = track(sentAt="now")
    assert [kept.reason for kept in read(unreadable).quarantined] == [QuarantineReason.INVALID_TIME]
    assert read(unreadable, clock="import").applied == 1
