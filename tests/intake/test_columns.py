"""The compiled decoder against the reference: the same batch arrays, quarantine and counts, whatever the lines and however they are split."""

import json
import random
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.facts import NULL, FactBatch, FactKind
from opportune.intake import Clock, ColumnDecoder, Decoder, Intake, QuarantineReason, hash_identifier
from opportune.intake.passes import BLOCK_LINES
from tests.intake.test_ndjson import BAD, CLIENT_CLOCKS
from tests.intake.world import CATALOGUE, NOW, decoder, lines, track

COUNTS = ("received", "applied", "duplicates", "clashes", "rounded", "conflicts", "identifiers", "personal")


def same_batch(one: FactBatch, other: FactBatch) -> None:
    for field in fields(FactBatch):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.tobytes() == b.tobytes(), field.name
        else:
            assert a == b, field.name
    assert list(one.extras) == list(other.extras)


def same(one: Intake, other: Intake) -> None:
    for name in COUNTS:
        assert getattr(one, name) == getattr(other, name), name
    assert one.quarantined == other.quarantined
    same_batch(one.batch, other.batch)
    assert one.received == one.applied + one.duplicates + len(one.quarantined)


def both(clock: Clock = "live", **limits: Any) -> tuple[Decoder, Decoder]:
    return decoder(clock, **limits), decoder(clock, kind=ColumnDecoder, **limits)


def agree(parts: list[bytes], clock: Clock = "live", **limits: Any) -> None:
    """Both decoders make the same of the parts, and end up knowing the same."""
    slow, fast = both(clock, **limits)
    for i, part in enumerate(parts):
        same(slow.decode(part, NOW + i), fast.decode(part, NOW + i))
    for a, b in (
        (slow.identity.to_arrays(), fast.identity.to_arrays()),
        (slow.repeats.to_arrays(), fast.repeats.to_arrays()),
    ):
        assert {name: array.tolist() for name, array in a.items()} == {
            name: array.tolist() for name, array in b.items()
        }
    assert slow.dictionary.since(0) == fast.dictionary.since(0)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual nineteen times in twenty, so that whole messages are mostly right."""
    return st.integers(0, 19).flatmap(lambda n: odd if n == 7 else usual)


NAMES = mostly(
    st.sampled_from(["a", "b", "c1", "客户", "x" * 40]),
    st.one_of(st.sampled_from(["x" * 201, "", 'q"uote', "tab\t", "\u2028", "\x7f"]), st.none(), st.integers(-5, 5)),
)
NUMBERS = st.one_of(
    st.integers(0, 1_000),
    st.integers(-(2**70), 2**70),
    st.decimals(-1_000, 1_000, allow_nan=False, places=3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["12.5", "007", "-0", "+3", "1e2", ".5", "5.", " 1", "9" * 25]),
)
MOMENTS = st.one_of(
    st.integers(NOW - 10**6, NOW + 10**6),
    st.integers(-(2**66), 2**66),
    st.sampled_from(
        [
            "2026-12-01T08:00:00Z", "2026-12-01T08:00:00.1Z", "2026-12-01 16:00:00.123456+08:00", "2026-12-01T08:00:00-00:30",
            "2026-12-01T08:00:00", "2026-12-01T08:00Z", "2026-12-01", "2026-02-29T08:00:00Z", "2024-02-29T08:00:00Z",
            "2026-12-01T24:00:00Z", "2026-12-01T08:00:60Z", "2026-12-01T08:00:00+15:30", "2026-12-01T08:00:00.1234567891Z",
            "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-12-01T08:00:00z", "2026-12-01T08:00:00,5Z", "2026-12-0١T08:00:00Z",
        ]
    ),
)  # fmt: skip
VALUES = st.one_of(
    NUMBERS, MOMENTS, st.booleans(), st.none(), NAMES, st.text(max_size=12),
    st.sampled_from(["true", "false", "card", "2026-12-01", ["video"], ["golf"], [], {}, {"a": [1, {"b": None}]}, "13800138000"]),
)  # fmt: skip
EVENTS = mostly(
    st.sampled_from(["recharge", "data_usage_reported", "app_opened"]), st.sampled_from(["nothing", "", 5, None])
)
GOOD_MOMENTS = st.one_of(
    st.integers(NOW - 10**6, NOW + 10**6), st.sampled_from(["2026-12-01T08:00:00Z", "2026-12-01T08:00:00.125+00:00"])
)
CLIENT_TIMES = mostly(
    st.just([]),
    st.tuples(
        mostly(GOOD_MOMENTS | st.none(), MOMENTS), mostly(GOOD_MOMENTS | st.none(), MOMENTS | st.just({}))
    ).flatmap(lambda t: st.sampled_from([[("sentAt", t[0]), ("originalTimestamp", t[1])], [("sentAt", t[0])]])),
) | st.tuples(GOOD_MOMENTS, GOOD_MOMENTS).map(lambda t: [("originalTimestamp", t[0]), ("sentAt", t[1])])
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.sampled_from([1, 2.5, "3.25", 10000, 0.25, None]),
    "method": st.sampled_from(["card", "cash", "现金", ""]),
    "order_id": st.sampled_from(["A-1", "订单", "x" * 50]),
    "auto": st.booleans(),
    "day": st.sampled_from(["2026-12-01", "2024-02-29", "1969-07-20"]),
    "reset_at": GOOD_MOMENTS,
    "rate": st.sampled_from([-1.5, 0.0001, "12.5"]),
    "cell": st.sampled_from(["north", "south"]),
    "kinds": st.lists(st.sampled_from(["video", "music", "news"]), max_size=4),
}
LEFT_TO_THE_REFERENCE = ("phone",)
FITTING_TRAITS: dict[str, st.SearchStrategy[Any]] = {
    "age": st.one_of(st.integers(0, 150), st.sampled_from(["55", "7", None])),
    "city": st.sampled_from(["north", "south", "card", "现金", "", None]),
    "interests": st.one_of(st.lists(st.sampled_from(["video", "music"]), max_size=3), st.none()),
    "prepaid": st.sampled_from([True, False, "true", "false", None]),
    "share": st.sampled_from([0, -0.5, "0.25", 1, 0.0001, None]),
    "fee": st.sampled_from([0, 19.9, "1000", 1000.0, 0.01, None]),
    "since": st.sampled_from(["2026-12-01", "2024-02-29", "1969-07-20", None]),
    "seen_at": st.one_of(GOOD_MOMENTS, st.none()),
    "segment": st.sampled_from(["north", "south", None]),
    "a_rather_long_tag_name_here": st.integers(-(10**17), 10**17),
    "a_rather_long_tag_name_here_too": st.integers(-9, 9),
}
ODD_TRAITS = ["name", "spend_90d", "contract", "apru", "", "ag", "age_", "recharge", "video", "figure_79", "客户"]


@st.composite
def properties(draw: st.DrawFn, event: Any) -> list[tuple[str, Any]]:
    """Properties of an event, mostly its own, once each, and of their types."""
    known = [p.name for p in CATALOGUE.events[event].properties] if event in CATALOGUE.events else []
    usual = st.sampled_from([name for name in known if name not in LEFT_TO_THE_REFERENCE] or ["other"])
    chosen = draw(st.lists(usual, max_size=5, unique=True)) if known else []
    if draw(st.integers(0, 9)) == 0:
        chosen.append(draw(st.sampled_from([*known, "other", "amoun", "amount_", *LEFT_TO_THE_REFERENCE])))
    return [(name, draw(mostly(FITTING.get(name, st.integers(0, 900)), VALUES))) for name in chosen]


@st.composite
def traits(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Traits of a customer, mostly known, once each, and of their types."""
    chosen = draw(st.lists(st.sampled_from(sorted(FITTING_TRAITS)), max_size=6, unique=True))
    if draw(st.integers(0, 7)) == 0:
        chosen.append(draw(st.sampled_from([*ODD_TRAITS, *FITTING_TRAITS])))
    return [(name, draw(mostly(FITTING_TRAITS.get(name, st.integers(0, 900)), VALUES))) for name in chosen]


def _named(*names: str) -> st.SearchStrategy[Any]:
    return mostly(st.sampled_from(names), st.one_of(st.sampled_from(["upsel", "sms", "refused", "pack"]), VALUES))


FLAGS = mostly(st.sampled_from([True, False, "true", "false"]), st.one_of(st.sampled_from([1, 0, "True"]), VALUES))
BODIES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "identify": {"traits": mostly(traits(), VALUES)},
    "contact": {
        "campaign": _named("upsell", "win_back"),
        "touchpoint": _named("sms", "app"),
        "offer": st.one_of(_named("pack"), st.none()),
    },
    "response": {"campaign": _named("upsell", "win_back"), "answer": _named("accepted", "considering", "refused")},
    "consent": {"purpose": _named("marketing"), "channel": st.one_of(_named("sms"), st.none()), "given": FLAGS},
    "do_not_disturb": {"on": FLAGS},
}


def written(draw: st.DrawFn, pairs: list[tuple[str, Any]]) -> bytes:
    """The pairs as a line, with and without blanks; objects within may be pairs as well."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]))
    is_ascii = draw(st.integers(0, 9)) == 0

    def write(value: Any) -> str:
        if isinstance(value, list) and value and all(isinstance(pair, tuple) for pair in value):
            return "{" + separators[0].join(write(k) + separators[1] + write(v) for k, v in value) + "}"
        return json.dumps(value, separators=separators, ensure_ascii=is_ascii)

    ends = mostly(st.sampled_from([b"", b" ", b"\r"]), st.sampled_from([b"}", b",", b"\x00"]))
    return write(pairs).encode() + draw(ends)


@st.composite
def stated(draw: st.DrawFn) -> bytes:
    """A message that is no event, mostly right, its fields in any order; now and then with a field of another type of message."""
    kind = draw(st.sampled_from(["identify"] * 5 + list(BODIES)))
    pairs = [
        ("type", draw(mostly(st.just(kind), st.sampled_from(["track", "identif", "do_not_disturbs", None])))),
        (draw(mostly(st.just("userId"), st.sampled_from(["user", "anonymousId", "identifier"]))), draw(NAMES)),
        *((name, draw(value)) for name, value in BODIES[kind].items()),
    ]
    if draw(st.booleans()):
        pairs.append(("timestamp", draw(mostly(GOOD_MOMENTS, MOMENTS))))
    if draw(st.booleans()):
        pairs.append(("messageId", draw(mostly(st.integers(0, 99).map(str), NAMES))))
    pairs += draw(CLIENT_TIMES)
    if draw(st.integers(0, 9)) == 0:
        other = BODIES[draw(st.sampled_from(sorted(BODIES)))] | {"event": EVENTS, "properties": VALUES, "x": VALUES}
        name = draw(st.sampled_from(sorted(other)))
        pairs.append((name, draw(other[name])))
    if draw(st.integers(0, 19)) == 0:
        pairs.pop(draw(st.integers(0, len(pairs) - 1)))
    return written(draw, draw(st.permutations(pairs)) if draw(st.booleans()) else pairs)


@st.composite
def message(draw: st.DrawFn) -> bytes:
    """A track message, mostly right, its fields in any order, written with and without blanks."""
    event = draw(EVENTS)
    pairs = [
        ("type", draw(mostly(st.just("track"), st.sampled_from(["identify", "trac", "tracks", None])))),
        ("event", event),
        (draw(mostly(st.just("userId"), st.sampled_from(["user", "anonymousId", "identifier"]))), draw(NAMES)),
        ("properties", draw(mostly(properties(event), VALUES))),
        ("timestamp", draw(mostly(GOOD_MOMENTS, MOMENTS))),
        ("messageId", draw(mostly(st.integers(0, 99).map(str), NAMES))),
        (
            "context",
            draw(st.sampled_from([{}, None, {"library": {"name": "x", "versions": [1.5, -2e3, True, [], {}]}}])),
        ),
        ("anonymousId", draw(st.one_of(st.none(), NAMES))),
        ("event" if draw(st.integers(0, 30)) == 0 else "integrations", {"All": True}),
    ]
    kept = pairs[: draw(st.sampled_from([9, 7, 7, 7, 6, 5, 4]))] + draw(CLIENT_TIMES)
    return written(draw, draw(st.permutations(kept)) if draw(st.booleans()) else kept)


def warm(part: bytes) -> list[bytes]:
    """The part behind a line that makes the texts of FITTING known, so that the compiled code can go on."""
    texts = [track(properties={"method": text}) for text in ("card", "cash", "现金", "")]
    cells = [track("data_usage_reported", properties={"cell": text}) for text in ("north", "south")]
    return [lines(*texts, *cells), part]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(message(), max_size=8), max_size=3), st.sampled_from(["live", "import"]))
def test_generated_messages(parts: list[list[bytes]], clock: Clock) -> None:
    agree(warm(b"\n".join(parts[0] if parts else [])) + [b"\n".join(part) for part in parts], clock)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(stated() | message(), max_size=8), max_size=3), st.sampled_from(["live", "import"]))
def test_generated_messages_of_every_type(parts: list[list[bytes]], clock: Clock) -> None:
    agree(warm(b"\n".join(parts[0] if parts else [])) + [b"\n".join(part) for part in parts], clock)


@settings(max_examples=300, deadline=None)
@given(st.lists(message() | stated(), min_size=1, max_size=4), st.data())
def test_messages_with_bytes_changed(messages: list[bytes], data: st.DataObject) -> None:
    spoilt = bytearray(b"\n".join(messages))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        piece = data.draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"0", b"\xe5", b"\xed\xa0\x80", b"\n"]),
            )
        )
        spoilt[at : at + data.draw(st.integers(0, 2))] = piece
        if not spoilt:
            spoilt = bytearray(b" ")
    agree([*warm(bytes(spoilt)), bytes(spoilt)])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_arbitrary_bytes(parts: list[bytes]) -> None:
    agree([b"\n".join([*parts, lines(track(messageId="m")), *parts])])


@pytest.mark.parametrize("clock", ["live", "import"])
def test_every_bad_message(clock: Clock) -> None:
    agree([lines(*(message for message, _ in BAD))], clock)


def _stream(count: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    found = []
    for i in range(count):
        properties: dict[str, Any] = {
            "amount": rng.randrange(9_999) / 100,
            "method": rng.choice(["card", "cash", "é", f"m{i}"]),
        }
        if rng.random() < 0.3:
            properties["order_id"] = f"order-{i}"
        if rng.random() < 0.05:
            properties["unknown"] = i
        kept = track(user=f"c{rng.randrange(300)}", properties=properties, timestamp=NOW - rng.randrange(10**6))
        if rng.random() < 0.5:
            kept["messageId"] = f"m{rng.randrange(count)}"
        if rng.random() < 0.2:
            kept["anonymousId"] = f"d{rng.randrange(40)}"
        if rng.random() < 0.1:
            kept["userId"] = None
        if rng.random() < 0.3:
            del kept["event"], kept["properties"]
            kept["type"] = "identify"
            kept["traits"] = {f"figure_{k}": i for k in range(rng.choice([0, 1, 3, 60, 64, 65]))}
            kept["traits"] |= {"fee": rng.choice([None, 2.5, -1]), "city": rng.choice(["card", f"m{i}"])}
        found.append(
            lines(kept)
            if rng.random() < 0.95
            else rng.choice(
                [b"", b"   ", b"oops", lines({"type": "identify", "userId": "z", "traits": {"city": f"t{i}"}})]
            )
        )
    return found


@pytest.mark.parametrize(
    ("count", "customers_max", "repeats_max"), [(BLOCK_LINES * 2 + 7, 1_000, 4_000), (900, 40, 60)]
)
def test_long_streams_over_block_ends_and_limits(count: int, customers_max: int, repeats_max: int) -> None:
    stream = _stream(count, count)
    agree([b"\n".join(stream), b"\n".join(stream) + b"\n"], customers_max=customers_max, repeats_max=repeats_max)


def test_batches_may_be_split_anywhere() -> None:
    stream = _stream(400, 7)
    whole = decoder(kind=ColumnDecoder).decode(b"\n".join(stream), NOW)
    for size in (1, 17, 399):
        door = decoder(kind=ColumnDecoder)
        parts = [door.decode(b"\n".join(stream[i : i + size]), NOW) for i in range(0, len(stream), size)]
        for name in ("kind", "code", "customer", "at_ms", "now_ms", "values", "message", "content"):
            joined = np.concatenate([getattr(part.batch, name) for part in parts])
            assert joined.tobytes() == getattr(whole.batch, name).tobytes(), (name, size)
        assert [text for part in parts for text in part.batch.texts] == whole.batch.texts
        assert sum(part.duplicates for part in parts) == whole.duplicates
        assert [one.reason for part in parts for one in part.quarantined] == [one.reason for one in whole.quarantined]


def test_replay_of_the_batches_rebuilds_what_intake_knows() -> None:
    door, again = both()
    for i in range(3):
        batch = door.decode(b"\n".join(_stream(200, i)), NOW + i).batch
        again.identity.learn(batch)
        again.repeats.learn(batch)
    assert (
        again.identity.to_arrays()["identifier_low"].tobytes() == door.identity.to_arrays()["identifier_low"].tobytes()
    )
    assert again.repeats.to_arrays()["repeats"].tobytes() == door.repeats.to_arrays()["repeats"].tobytes()


class Counting(ColumnDecoder):
    """Counts the lines left to the reference decoder."""

    left = 0

    def decode_line(self, *arguments: Any) -> None:
        self.left += 1
        super().decode_line(*arguments)


def test_plain_lines_are_decoded_without_the_reference() -> None:
    door = decoder(kind=Counting, customers_max=3_000)
    assert isinstance(door, Counting)
    known = track("data_usage_reported", properties={"cell": "plain", "used_pct": None})
    door.decode(lines(known), NOW)
    assert door.left == 1  # the text was new
    messages = [
        track(
            "data_usage_reported",
            f"u{i}",
            properties={"cell": "plain", "rate": i / 16, "day": "2026-12-01", "used_mb": f"{i}"},
            messageId=f"{i}",
        )
        for i in range(2_000)
    ]
    messages += [
        track(
            "app_opened",
            None,
            anonymousId="d1",
            context={"page": {"path": ["/", 1.5e3]}},
            timestamp="2026-12-01T09:00:00+01:00",
        )
    ]
    messages += [track(properties={"order_id": "o-1", "auto": False, "amount": 0.07})]
    intake = door.decode(lines(*messages), NOW)
    assert (intake.applied, door.left) == (2_002, 1)


def test_plain_lines_of_the_other_types_are_decoded_without_the_reference() -> None:
    door = decoder(kind=Counting)
    assert isinstance(door, Counting)
    about = {"userId": "c1", "timestamp": NOW}
    door.decode(lines({"type": "identify", "traits": {"city": "north", "segment": "south"}, **about}), NOW)
    assert door.left == 1  # the texts were new
    traits = {
        "fee": 12.3, "city": "south", "age": "55", "prepaid": True, "share": -0.25, "since": "2026-12-01", "seen_at": NOW,
        "interests": ["music", "video"], "a_rather_long_tag_name_here_too": 4, "a_rather_long_tag_name_here": None,
        **{f"figure_{i}": i for i in range(54)},
    }  # fmt: skip
    intake = door.decode(
        lines(
            {"type": "identify", "traits": traits, **about},
            {"traits": {"age": None}, **about, "type": "identify"},
            {"type": "identify", "traits": {}, **about},
            {"type": "identify", "messageId": "m", **about},
            {"type": "contact", "campaign": "win_back", "touchpoint": "app", **about},
            {"type": "contact", "campaign": "upsell", "touchpoint": "sms", "offer": "pack", **about},
            {"type": "response", "campaign": "win_back", "answer": "refused", **about},
            {"type": "consent", "purpose": "marketing", "channel": "sms", "given": True, **about},
            {"purpose": "marketing", "given": "false", "channel": None, **about, "type": "consent"},
            {"type": "do_not_disturb", "on": True, **about},
        ),
        NOW,
    )
    assert (intake.applied, door.left) == (10, 1)
    batch = intake.batch
    found = [
        (int(kind), int(code), batch.values[batch.first[i] : batch.first[i + 1]].tolist())
        for i, (kind, code) in enumerate(zip(batch.kind, batch.code, strict=True))
    ]
    first = [8, 1230, 1, 2, 0, 55, 6, 1, 7, -2_500, 9, 20_788, 10, NOW, 4, 3, 41_001, 4, 41_000, NULL]
    assert found == [
        (FactKind.TAGS_SET, 0, first + [n for i in range(54) for n in (1_000 + i, i)]),
        (FactKind.TAGS_SET, 0, [0, NULL]),
        (FactKind.TAGS_SET, 0, []),
        (FactKind.TAGS_SET, 0, []),
        (FactKind.CONTACT, 1, [1, NULL]),
        (FactKind.CONTACT, 0, [0, 0]),
        (FactKind.RESPONSE, 1, [3]),
        (FactKind.CONSENT, 0, [0, 1]),
        (FactKind.CONSENT, 0, [NULL, 0]),
        (FactKind.DO_NOT_DISTURB, 0, [1]),
    ]


@pytest.mark.parametrize(
    "traits",
    [
        {"name": "Bob"}, {"contract": "A-1"}, {"city": "never met"}, {"apru": 1}, {"spend_90d": 1}, {"age": 151}, {"fee": -0.01},
        {"fee": 1.005}, {"interests": ["golf"]}, {"interests": "video"}, {"prepaid": 1}, {"age": 1, "since": "2026-02-30"},
        {f"figure_{i}": i for i in range(65)},
    ],
)  # fmt: skip
def test_odd_traits_are_left_to_the_reference(traits: dict[str, Any]) -> None:
    line = {"type": "identify", "userId": "c1", "traits": traits}
    agree([lines(track(), line, track())])
    door = decoder(kind=Counting)
    assert isinstance(door, Counting)
    door.decode(lines({**line, "traits": {"age": 1}}, line), NOW)
    assert door.left == 1


@pytest.mark.parametrize("last", [b'"age":2', b'"age":null', b'"a\\u0067e":1', b'"fee":1,"fee":1'])
def test_a_trait_that_stands_twice_is_refused(last: bytes) -> None:
    line = b'{"type":"identify","userId":"c1","traits":{"age":1,"fee":1,' + last + b"}}"
    agree([lines(track(), line, track())])
    intake = decoder(kind=ColumnDecoder).decode(line, NOW)
    assert [kept.reason for kept in intake.quarantined] == [QuarantineReason.DUPLICATE_FIELD]


@pytest.mark.parametrize("clock", ["live", "import"])
def test_times_of_a_client_are_read_without_the_reference(clock: Clock) -> None:
    door = decoder(clock, kind=Counting)
    assert isinstance(door, Counting)
    messages = [track() | {name: NOW + at for name, at in times.items()} for times, _, _ in CLIENT_CLOCKS]
    messages.append(track(sentAt="2026-12-01T08:00:01Z", originalTimestamp="2026-12-01T07:59:01.500Z"))
    found = door.decode(lines(*messages), NOW).batch.at_ms[2:] - NOW
    expected = [(live if clock == "live" else imported) for _, live, imported in CLIENT_CLOCKS]
    assert (found.tolist(), door.left) == ([*expected, -59_500 if clock == "live" else -58_500], 0)


def test_a_new_catalogue_is_read_from_then_on() -> None:
    slow, fast = both()
    for door in (slow, fast):
        door.decode(lines(track(properties={"method": "card"})), NOW)
        door.use(
            type(CATALOGUE)(events={"app_opened": CATALOGUE.events["app_opened"]}, identifiers=CATALOGUE.identifiers)
        )
    message = lines(track(), track("app_opened"), {"type": "identify", "userId": "c1", "traits": {"age": 1}})
    same(slow.decode(message, NOW), fast.decode(message, NOW))


def test_without_a_seed_random_keys_differ_and_identifiers_do_not() -> None:
    found = []
    for _ in range(2):
        door = decoder(kind=ColumnDecoder, customers_max=3_000)
        door.seed_words = None
        batch = door.decode(lines(*(track(user=f"u{i}") for i in range(3_000))), NOW).batch
        found.append(batch)
        assert door.identity.find(hash_identifier(door.words, "user", "u2999")) == 2_999
    starts = [batch.first[:-1][batch.kind == 9] for batch in found]
    keys = [batch.values[start] for batch, start in zip(found, starts, strict=True)]
    assert not (keys[0] == keys[1]).any()
    assert len(np.unique(keys[0])) == 3_000
    assert (keys[0] >= 0).all()
