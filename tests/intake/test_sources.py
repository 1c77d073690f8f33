"""Files mapped to canonical messages: NDJSON, CSV and Parquet, ties, merging, resuming, rows that fit nowhere."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import yaml

from opportune.facts import (
    NULL,
    Catalogue,
    EventSchema,
    FactKind,
    Kind,
    PropertySchema,
    TagSchema,
    TextDictionary,
    value_type,
)
from opportune.intake import (
    ColumnDecoder,
    IdentityIndex,
    QuarantineReason,
    ReadLimits,
    RepeatFilter,
    SourceDefinition,
    read_messages,
)
from tests.intake.world import KEY, decoder

DATA = Path(os.environ.get("OPPORTUNE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def source(text: str) -> SourceDefinition:
    """A mapping as it stands in YAML, its scalars kept as text."""
    return msgspec.convert(yaml.load(text, yaml.BaseLoader), SourceDefinition, strict=False)


def messages(text: str | list[str], folder: Path, **options: Any) -> list[dict[str, Any]]:
    sources = [source(one) for one in ([text] if isinstance(text, str) else text)]
    chunks = [chunk for _, chunk in read_messages(sources, folder, **options)]
    return [json.loads(line) for chunk in chunks for line in chunk.split(b"\n")]


PURCHASES = """
source: purchases
read: {format: csv, path: purchases.csv.gz}
time: {from: day, format: "%Y%m%d"}
customer: {kind: user, from: customer}
rows:
  - event: recharge
    properties: {amount: dollars, method: {from: how, map: {c: card}, missing: ["-"]}}
"""


def test_csv_keeps_its_texts_and_local_days(tmp_path: Path) -> None:
    rows = 'customer,day,dollars,how\n007,20260102,0.10,c\n"a,b",20260101,5,-\n8,20260103,,x\n'
    (tmp_path / "purchases.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + rows.encode()))
    first, second, third = messages(PURCHASES, tmp_path, zone="Asia/Shanghai")
    assert first["userId"] == "007"
    assert first["properties"] == {"amount": "0.10", "method": "card"}
    assert first["timestamp"] == 1_767_283_200_000  # 2026-01-02 at midnight in Shanghai
    assert (second["userId"], second["properties"]) == ("a,b", {"amount": "5"})
    assert third["properties"] == {"method": "x"}


LISTS = """
source: lists
read: {format: csv, path: lists.csv}
time: {at: "2026-11-01T00:00:00Z"}
customer: {kind: user, from: customer}
rows:
  - when: {list: consent}
    consent: {purpose: marketing, channel: {from: channel, missing: [""]}, given: {from: says, map: {yes: "true", no: "false"}}}
  - when: {list: dnd}
    do_not_disturb: {}
  - when: {list: dnd_left}
    do_not_disturb: {on: "false"}
"""


def test_consent_and_do_not_disturb_lists_become_facts(tmp_path: Path) -> None:
    (tmp_path / "lists.csv").write_text(
        "customer,list,channel,says\na,consent,,yes\na,consent,sms,no\nb,dnd,,\nc,dnd_left,,\n", encoding="utf-8"
    )
    data = b"\n".join(chunk for _, chunk in read_messages(source(LISTS), tmp_path))
    intake = decoder("import", kind=ColumnDecoder).decode(data, 0)
    batch = intake.batch
    found = [
        (FactKind(int(kind)).name, int(customer), batch.values[batch.first[i] : batch.first[i + 1]].tolist())
        for i, (kind, customer) in enumerate(zip(batch.kind, batch.customer, strict=True))
        if kind in (FactKind.CONSENT, FactKind.DO_NOT_DISTURB)
    ]
    assert not intake.quarantined
    assert [(name, customer, values[-1]) for name, customer, values in found] == [
        ("CONSENT", 0, 1), ("CONSENT", 0, 0), ("DO_NOT_DISTURB", 1, 1), ("DO_NOT_DISTURB", 2, 0),
    ]  # fmt: skip
    assert found[0][2][0] == NULL
    assert found[1][2][0] != NULL


def test_sort_puts_rows_in_order_of_time_and_says_when_they_are_too_many(tmp_path: Path) -> None:
    rows = "customer,day,dollars,how\n1,20260102,1,c\n2,20260101,2,c\n3,20260101,3,c\n"
    (tmp_path / "purchases.csv.gz").write_bytes(gzip.compress(rows.encode()))
    found = messages(PURCHASES + "sort: true\n", tmp_path)
    assert [message["userId"] for message in found] == ["2", "3", "1"]
    with pytest.raises(OverflowError, match="more than 2 rows"):
        messages(PURCHASES + "sort: true\n", tmp_path, limits=ReadLimits(sorted_rows_max=2))


def test_rows_that_cannot_be_mapped_reach_quarantine_and_nothing_is_lost(tmp_path: Path) -> None:
    rows = b"customer,day,dollars,how\n1,20260101,1,c\n2,20260101,1\n3,never,1,c\n\xff,20260101,1,c\n4,20260101,x,c\n,20260101,1,c\n5,20260101,2,c\n"
    (tmp_path / "purchases.csv.gz").write_bytes(gzip.compress(rows))
    [(_, chunk)] = read_messages(source(PURCHASES), tmp_path)
    intake = decoder("import").decode(chunk, 0)
    assert (intake.received, intake.applied) == (7, 2)
    assert [(kept.line_number, kept.reason.value) for kept in intake.quarantined] == [
        (2, "broken_json"),
        (3, "unmapped_row"),
        (4, "invalid_utf8"),
        (5, "wrong_type"),
        (6, "missing_customer"),
    ]


MIXED = """
source: mixed
read: {format: ndjson, path: mixed.ndjson}
time: {from: hour, unit: hour, since: "2018-07-01T00:00:00Z"}
customer: {kind: phone, from: [who, tel]}
message_id: id
order: [contact, event]
rows:
  - when: {what: buy}
    event: recharge
    properties: {amount: [v, amount]}
  - when: {what: [sent, resent]}
    contact: {campaign: {from: [v, "offer id"], map: {x1: upsell}}, touchpoint: app}
  - when: {what: view}
    skip: true
"""


def write_mixed(folder: Path) -> None:
    rows: list[Any] = [
        {"hour": 0, "who": {"tel": "+861"}, "what": "buy", "v": {"amount": 0.8300000000000001}, "id": 1},
        {"hour": 0, "who": {"tel": "+862"}, "what": "sent", "v": {"offer id": "x1"}, "id": 2},
        {"hour": 0, "who": {"tel": "+861"}, "what": "view", "id": 3},
        {"hour": 1.5, "who": {"tel": "+861"}, "what": "resent", "v": {"offer id": "x1"}, "id": 4},
        {"hour": 2, "who": {"tel": "+861"}, "what": "dance", "id": 5},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\nnot json\n"
    (folder / "mixed.ndjson").write_text(text)


def test_ties_follow_the_declared_order_and_numbers_keep_their_digits(tmp_path: Path) -> None:
    write_mixed(tmp_path)
    [(position, chunk)] = read_messages(source(MIXED), tmp_path)
    lines = chunk.split(b"\n")
    assert lines[0] == (
        b'{"type":"contact","campaign":"upsell","touchpoint":"app","timestamp":1530403200000,'
        b'"identifier":{"kind":"phone","value":"+862"},"messageId":2}'
    )
    assert b'"properties":{"amount":0.8300000000000001}' in lines[1]
    assert b'"timestamp":1530408600000' in lines[2]
    assert json.loads(lines[3])["row"]["what"] == "dance"
    assert lines[4] == b"not json"
    assert position.messages == 5
    assert position.bytes_done == position.bytes_total == (tmp_path / "mixed.ndjson").stat().st_size
    intake = decoder("import").decode(chunk, 0)
    assert [kept.reason for kept in intake.quarantined] == [QuarantineReason.UNMAPPED_ROW, QuarantineReason.BROKEN_JSON]
    assert intake.applied == 3


@pytest.mark.parametrize("chunk_messages_max", [1, 2, 100])
def test_an_import_goes_on_where_it_stopped(tmp_path: Path, chunk_messages_max: int) -> None:
    write_mixed(tmp_path)
    limits = ReadLimits(chunk_messages_max=chunk_messages_max)
    chunks = list(read_messages(source(MIXED), tmp_path, limits=limits))
    whole = b"\n".join(chunk for _, chunk in chunks)
    for i, (position, _) in enumerate(chunks):
        rest = list(read_messages(source(MIXED), tmp_path, limits=limits, skip=position.messages))
        assert b"\n".join([chunk for _, chunk in chunks[: i + 1]] + [chunk for _, chunk in rest]) == whole


def test_sources_merge_by_time_in_the_order_they_are_listed(tmp_path: Path) -> None:
    def listed(name: str, hours: list[int]) -> str:
        (tmp_path / f"{name}.csv").write_text("who,hour\n" + "".join(f"{name}{hour},{hour}\n" for hour in hours))
        return f"""
source: {name}
read: {{format: csv, path: {name}.csv}}
time: {{from: hour, unit: hour, since: "2020-01-01"}}
customer: {{kind: user, from: who}}
rows: [{{event: app_opened}}]
"""

    found = messages([listed("a", [1, 1, 3]), listed("b", [0, 1, 2, 3])], tmp_path)
    assert [message["userId"] for message in found] == ["b0", "a1", "a1", "b1", "b2", "a3", "b3"]


def test_parquet_gives_decimals_days_and_moments_as_text(tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    duckdb.execute(
        f"""COPY (SELECT 'c' || i AS who, 1.10::DECIMAL(9, 2) + i AS paid, 2.55::DOUBLE AS price,
        DATE '2026-01-01' AS day, TIMESTAMP '2026-01-01 08:00:00' AS moment, NULL::INT AS nothing FROM range(3) t(i))
        TO '{path}' (FORMAT parquet)"""
    )
    found = [
        line
        for _, chunk in read_messages(
            source("""
source: sales
read: {format: parquet, path: sales.parquet}
time: {from: moment}
customer: {kind: anonymous, from: who}
rows: [{event: sale, properties: {paid: paid, price: price, day: day, nothing: nothing}}]
"""),
            tmp_path,
            zone="Asia/Shanghai",
        )
        for line in chunk.split(b"\n")
    ]
    assert found[1] == (
        b'{"type":"track","event":"sale","properties":{"paid":2.10,"price":2.55,"day":"2026-01-01"},'
        b'"timestamp":1767225600000,"anonymousId":"c1"}'
    )


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("time: {from: hour, at: 2020-01-01}", "either `from`"),
        ("rows: [{event: a, skip: true}]", "exactly|one of"),
        ("rows: []", "give `rows`"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(tmp_path: Path, change: str, cause: str) -> None:
    write_mixed(tmp_path)
    fields = yaml.load(MIXED, yaml.BaseLoader) | yaml.load(change, yaml.BaseLoader)
    with pytest.raises(ValueError, match=cause):
        list(read_messages(msgspec.convert(fields, SourceDefinition, strict=False), tmp_path))


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"purchases\.csv\.gz"):
        list(read_messages(source(PURCHASES), tmp_path))
    (tmp_path / "purchases.csv.gz").write_bytes(gzip.compress(b"customer,day\n" * 10_000)[:-20])
    with pytest.raises(ValueError, match="damaged or cut off"):
        list(read_messages(source(PURCHASES), tmp_path))


OFFERS = ["ae264e3637204a6fb9bb56bc8210ddfd", "4d5c57ea9a6940dd891ad53e9dbe8da0", "3f207df678b143eea3cee63160fa8bed"]
TRANSCRIPT = """
source: transcript
read: {format: ndjson, path: starbucks_transcript.ndjson.gz}
time: {from: time, unit: hour, since: "2018-07-01T00:00:00Z"}
customer: {kind: user, from: person}
order: [contact, event]
rows:
  - when: {event: transaction}
    event: transaction
    properties: {amount: [value, amount]}
  - when: {event: offer received}
    contact: {campaign: {from: [value, offer id]}, touchpoint: app}
  - when: {event: [offer viewed, offer completed]}
    skip: true
"""
PROFILE = """
source: profile
read: {format: ndjson, path: starbucks_profile.ndjson.gz}
time: {at: "2018-07-01T00:00:00Z"}
customer: {kind: user, from: id}
tags: {age: {from: age, missing: ["118"]}, gender: gender, income: income, member_on: {from: became_member_on, format: "%Y%m%d"}}
"""


@pytest.mark.skipif(not (DATA / "starbucks_transcript.ndjson.gz").exists(), reason="the public data set is not here")
def test_the_offers_data_set_comes_in_whole() -> None:
    tags = {
        "age": value_type(Kind.INT, 0, 0, 150),
        "gender": value_type(Kind.TEXT),
        "income": value_type(Kind.INT),
        "member_on": value_type(Kind.DATE),
    }
    catalogue = Catalogue(
        events={
            "transaction": EventSchema("transaction", 0, (PropertySchema("amount", 0, value_type(Kind.MONEY, 2)),))
        },
        tags={name: TagSchema(name, i, kind) for i, (name, kind) in enumerate(tags.items())},
        campaigns={offer: i for i, offer in enumerate(OFFERS)},
        touchpoints={"app": 0},
        identifiers={"user": 0, "anonymous": 1},
    )
    door = ColumnDecoder(
        catalogue,
        TextDictionary(),
        IdentityIndex(),
        RepeatFilter(),
        key=KEY,
        source="transcript",
        clock="import",
        seed=b"",
    )
    counts, cents, unknown = dict.fromkeys(FactKind, 0), 0, 0
    for _, chunk in read_messages([source(PROFILE), source(TRANSCRIPT)], DATA):
        intake = door.decode(chunk, 0)
        assert intake.received == intake.applied + intake.duplicates + len(intake.quarantined)
        assert {kept.reason for kept in intake.quarantined} <= {QuarantineReason.UNKNOWN_CAMPAIGN}
        unknown += len(intake.quarantined)
        batch = intake.batch
        for kind in FactKind:
            counts[kind] += int((batch.kind == kind).sum())
        cents += int(batch.values[batch.first[:-1][batch.kind == FactKind.EVENT]].sum())
    assert (counts[FactKind.EVENT], cents) == (138_953, 177_545_197)
    assert (counts[FactKind.TAGS_SET], counts[FactKind.CUSTOMER]) == (17_000, 17_000)
    assert counts[FactKind.CONTACT] + unknown == 76_277
