"""A lenient source: what the catalogue does not know is taken aside, in both decoders alike; what looks personal never is."""

import json
from typing import Any

import pytest

from opportune.facts import NULL, FactKind, TextDictionary
from opportune.intake import ColumnDecoder, Decoder, IdentityIndex, Intake, QuarantineReason, RepeatFilter
from tests.intake.test_columns import same
from tests.intake.world import CATALOGUE, KEY, NOW, lines, track


def lenient(kind: type[Decoder] = Decoder) -> Decoder:
    """A fresh decoder of a lenient source."""
    known = (CATALOGUE, TextDictionary(), IdentityIndex(1_000), RepeatFilter(1_000))
    return kind(*known, key=KEY, source="test", seed=b"world", lenient=True)


def decoded(*messages: Any) -> Intake:
    """What both decoders make of the messages, which is the same."""
    data = lines(*messages)
    slow, fast = lenient().decode(data, NOW), lenient(ColumnDecoder).decode(data, NOW)
    same(slow, fast)
    assert slow.set_aside == fast.set_aside
    return slow


def stated(intake: Intake) -> list[tuple[str, list[int], Any]]:
    """(kind, values, extras) of each fact but those about who it is."""
    batch = intake.batch
    return [
        (
            FactKind(kind).name,
            batch.values[batch.first[row] : batch.first[row + 1]].tolist(),
            json.loads(batch.extras[row]) if row in batch.extras else None,
        )
        for row, kind in enumerate(batch.kind.tolist())
        if kind not in (FactKind.CUSTOMER, FactKind.IDENTIFIER)
    ]


def test_an_unknown_event_becomes_a_sighting_with_all_it_said() -> None:
    said = {"colour": "red", "size": 1.50, "parts": [{"n": 1}], "none": None}
    intake = decoded(track("Product Viewed", properties=said), track("app_opened"))
    assert (intake.received, intake.applied, intake.set_aside, intake.quarantined) == (2, 2, 1, [])
    assert stated(intake) == [
        ("SIGHTING", [], {"event": "Product Viewed", "properties": said}),
        ("EVENT", [], None),
    ]
    assert intake.batch.extras[2] == (
        b'{"event":"Product Viewed","properties":{"colour":"red","size":1.5,"parts":[{"n":1}],"none":null}}'
    )
    assert len(intake.identifiers) == 1  # the customer is met all the same


def test_undeclared_and_mistyped_values_are_extras_and_the_rest_counts() -> None:
    intake = decoded(
        track(properties={"amount": "twelve", "method": "card", "mood": "good"}),
        track(properties={"amount": 10_000.01, "order_id": ["x"], "auto": True}),
        {"type": "identify", "userId": "c1", "traits": {"age": 200, "city": "Paris", "shoe": 43, "interests": ["golf"]}},
    )  # fmt: skip
    assert intake.applied == intake.set_aside == 3
    (first, second, third) = stated(intake)
    assert first == ("EVENT", [NULL, 1, NULL, NULL], {"amount": "twelve", "mood": "good"})
    assert second == ("EVENT", [NULL, NULL, NULL, 1], {"amount": 10000.01, "order_id": ["x"]})
    assert third == ("TAGS_SET", [1, 2], {"age": 200, "shoe": 43, "interests": ["golf"]})


STILL_REFUSED: list[tuple[Any, QuarantineReason]] = [
    (track("call", properties={"to": "13800138000"}), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (track("call", properties={"bob@example.org": 1}), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (track("mail bob@example.org"), QuarantineReason.UNCLASSIFIED_PERSONAL),
    (track("x" * 201), QuarantineReason.TEXT_TOO_LONG),
    (track(""), QuarantineReason.UNKNOWN_EVENT),
    ({"type": "track", "userId": "c1"}, QuarantineReason.MISSING_FIELD),
    ({"type": "track", "userId": "c1", "event": 7}, QuarantineReason.UNKNOWN_EVENT),
    (track("call", properties=[1]), QuarantineReason.WRONG_TYPE),
    (track("call", user=None), QuarantineReason.MISSING_CUSTOMER),
    (track(properties={"amount": "+86 138-0013-8000"}), QuarantineReason.WRONG_TYPE),
    (track("data_usage_reported", properties={"phone": [1]}), QuarantineReason.WRONG_TYPE),
    ({"type": "identify", "userId": "c1", "traits": {"tel": "13800138000"}}, QuarantineReason.UNCLASSIFIED_PERSONAL),
    ({"type": "identify", "userId": "c1", "traits": {"spend_90d": 1}}, QuarantineReason.TAG_NOT_SETTABLE),
    ({"type": "consent", "userId": "c1", "purpose": "x", "given": True}, QuarantineReason.UNKNOWN_PURPOSE),
    (b"no json", QuarantineReason.BROKEN_JSON),
]


@pytest.mark.parametrize(("message", "reason"), STILL_REFUSED)
def test_what_is_broken_or_personal_is_quarantined_all_the_same(message: Any, reason: QuarantineReason) -> None:
    intake = decoded(message)
    assert [one.reason for one in intake.quarantined] == [reason]
    assert (intake.applied, intake.set_aside) == (0, 0)


def test_a_sighting_that_comes_again_is_a_duplicate() -> None:
    message = track("new_thing", messageId="m-1")
    intake = decoded(message, message, {**message, "properties": {"x": 1}})
    assert (intake.applied, intake.duplicates, intake.clashes) == (1, 2, 1)


def test_a_strict_source_is_as_it_was() -> None:
    decoder = lenient()
    decoder.use(CATALOGUE)
    intake = decoder.decode(lines(track("new_thing"), track(properties={"amount": "twelve"})), NOW)
    assert [one.reason for one in intake.quarantined] == [QuarantineReason.UNKNOWN_EVENT, QuarantineReason.WRONG_TYPE]
