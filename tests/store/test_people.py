"""People: durable when the call returns, the same when called twice, gone from the disk when forgotten."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from opportune.store import AuditLine, People, Quarantined, Secrets, seal_clear_rows
from opportune.store.database import migrate

PHONE = "+8613812345678"
SECRETS = Secrets(bytes(range(16)))


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    opened = People(tmp_path, SECRETS)
    yield opened
    opened.close()


def message(reason: str = "unknown_event", body: bytes = b"{}", detail: str = "", position: int = 3) -> Quarantined:
    return Quarantined("app", 1_000, reason, detail, body, position)


def test_lookup_both_ways(people: People) -> None:
    people.remember([(7, "phone", PHONE), (7, "email", "a@x.org"), (8, "phone", "+86139")], [(7, "name", "王芳")])
    assert people.customer_of("phone", PHONE) == 7
    assert people.customer_of("email", PHONE) is None
    assert people.identifiers_of(7) == [("email", "a@x.org"), ("phone", PHONE)]
    assert people.identifiers_of(9) == []
    assert people.personal_of(7) == {"name": "王芳"}
    assert people.personal_of(8) == {}


def test_remembering_twice_changes_nothing(people: People) -> None:
    for _ in range(2):
        people.remember([(7, "phone", PHONE), (7, "phone", PHONE)], [(7, "name", "Ann"), (7, "name", "Ann")])
    people.remember([])
    assert people.identifiers_of(7) == [("phone", PHONE)]
    assert people.personal_of(7) == {"name": "Ann"}


def test_the_last_word_rules(people: People) -> None:
    people.remember([(7, "phone", PHONE)], [(7, "name", "Ann")])
    people.remember([(9, "phone", PHONE)], [(7, "name", "Anna")])
    assert people.customer_of("phone", PHONE) == 9
    assert people.identifiers_of(7) == []
    assert people.personal_of(7) == {"name": "Anna"}


def test_a_failing_call_leaves_nothing(people: People) -> None:
    with pytest.raises(TypeError):
        people.remember([(7, "phone", PHONE), (None, "phone", "+86139")])  # type: ignore[list-item]  # the fault under test
    assert people.customer_of("phone", PHONE) is None


@pytest.mark.parametrize("text", ["", "'; DROP TABLE identifier; --", "x" * 10_000, "喂\x00\n"])
def test_any_text_is_a_text(people: People, text: str) -> None:
    people.remember([(1, "phone", text)])
    assert people.customer_of("phone", text) == 1


def test_what_returned_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from opportune.store import People, Secrets\n"
        "people = People(Path(sys.argv[1]), Secrets(bytes(range(16))))\n"
        "people.remember([(i, 'phone', str(i)) for i in range(1000)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=os.environ, timeout=60)
    assert done.returncode == -signal.SIGKILL
    people = People(tmp_path, SECRETS)
    assert people.customer_of("phone", "999") == 999
    people.close()


def test_forgetting_leaves_no_byte(people: People, tmp_path: Path) -> None:
    people.remember([(7, "phone", PHONE), (7, "app", "42"), (8, "phone", "+8613900000000")], [(7, "name", "Wang Fang")])
    people.quarantine(
        [
            message(body=f'{{"msisdn": "{PHONE}"}}'.encode()),
            message(detail=f"looks like a phone: {PHONE}"),
            message(body=b'{"name": "Wang Fang"}'),
            message(body=b'{"amount": 42}'),
        ]
    )
    assert not _held(tmp_path, PHONE)
    assert people.forget(7) == 6
    assert (people.identifiers_of(7), people.personal_of(7)) == ([], {})
    assert people.customer_of("phone", "+8613900000000") == 8
    assert [row.body for row in people.quarantined()] == [b'{"amount": 42}']
    assert not _held(tmp_path, PHONE)
    assert not _held(tmp_path, "Wang Fang")
    assert people.forget(7) == 0


def _held(folder: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_forgetting_what_the_journal_never_knew(people: People) -> None:
    people.remember([(i, "phone", str(i)) for i in range(10)], [(9, "name", "Ann")])
    assert people.forget_from(8) == 3
    assert people.customer_of("phone", "7") == 7
    assert people.customer_of("phone", "8") is None
    assert people.personal_of(9) == {}
    assert people.forget_from(8) == 0


def test_quarantine(people: People) -> None:
    people.quarantine(
        [message(position=i) for i in range(3)] + [message("bad_value", b"\xff\x00", "amount: `x` is no number")]
    )
    assert people.quarantine_counts() == {"unknown_event": 3, "bad_value": 1}
    (bad,) = people.quarantined("bad_value")
    assert bad == Quarantined("app", 1_000, "bad_value", "amount: `x` is no number", b"\xff\x00", 3, bad.id)
    first = people.quarantined("unknown_event", limit=2)
    assert [row.position for row in first] == [2, 1]
    assert [row.position for row in people.quarantined("unknown_event", before=first[-1].id)] == [0]
    assert people.release([row.id for row in first]) == 2
    assert people.release([row.id for row in first]) == 0
    assert people.release([]) == 0
    assert people.quarantine_counts() == {"unknown_event": 1, "bad_value": 1}


def test_the_listing_is_bounded(people: People) -> None:
    people.quarantine([message() for _ in range(1_100)])
    people.quarantine([])
    assert len(people.quarantined(limit=10_000)) == 1_000
    assert len(people.quarantined()) == 100
    assert people.quarantined(limit=-5) == []


def test_ids_are_never_given_twice(people: People) -> None:
    people.quarantine([message()])
    (first,) = people.quarantined()
    people.release([first.id])
    people.quarantine([message()])
    assert people.quarantined()[0].id > first.id


def test_a_huge_body_is_cut_and_says_so(people: People) -> None:
    people.quarantine([message(body=b"x" * 1_000_001, detail="too large")])
    (kept,) = people.quarantined()
    assert (len(kept.body), kept.detail) == (1_000_000, "too large (cut: 1,000,001 bytes)")


def test_a_quarantined_message_is_mended_and_goes_once(people: People, tmp_path: Path) -> None:
    people.quarantine([message(body=b"old"), message("bad_value")])
    second, first = people.quarantined()
    assert people.mend(first.id, PHONE.encode())
    assert people.quarantined_one(first.id) == Quarantined(
        "app", 1_000, "unknown_event", "", b"old", 3, first.id, PHONE.encode()
    )
    assert people.note_redriven(first.id, 2_000)
    assert not people.note_redriven(first.id, 3_000)
    assert not people.mend(first.id, b"later")
    found = people.quarantined_one(first.id)
    assert found is not None
    assert (found.mended, found.redriven_ms) == (PHONE.encode(), 2_000)
    assert people.quarantined_one(99) is None
    assert not people.mend(99, b"")
    assert people.quarantined(source="app") == [second, found]
    assert people.quarantined(source="other") == []
    people.remember([(7, "phone", PHONE)])
    people.forget(7)
    assert not _held(tmp_path, PHONE)
    with pytest.raises(ValueError, match="body_bytes_max"):
        people.mend(second.id, bytes(1_000_001))


def test_nothing_readable_lies_on_the_disk(people: People, tmp_path: Path) -> None:
    people.remember(
        [(7, "phone", PHONE), (8, "email", "ann@example.org")], [(7, "name", "Wang Fang")], [("phone", PHONE)]
    )
    people.quarantine([message(body=PHONE.encode(), detail=f"`{PHONE}` is no amount")])
    people.mend(people.quarantined()[0].id, b"ann@example.org")
    people.note_access(1, "uid 0", "customer", [7], "asked on the phone")
    for text in (PHONE, PHONE[3:], "ann@", "Wang", "example"):
        assert not _held(tmp_path, text), text
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_the_same_text_of_two_customers_is_sealed_apart_and_opens_in_its_place_only(
    people: People, tmp_path: Path
) -> None:
    people.remember([], [(7, "name", "Ann"), (8, "name", "Ann"), (7, "town", "Ann")])
    with sqlite3.connect(tmp_path / "people.db") as database:
        sealed = [row[0] for row in database.execute("SELECT sealed FROM sealed_personal")]
        assert len({value[12:] for value in sealed}) == len({value[:12] for value in sealed}) == 3
        database.execute(
            "UPDATE sealed_personal SET sealed = (SELECT sealed FROM sealed_personal WHERE field = 'town') WHERE field = 'name'"
        )
    with pytest.raises(OSError, match="personal/7/name cannot be opened"):
        people.personal_of(7)


def test_another_key_opens_and_finds_nothing(people: People, tmp_path: Path) -> None:
    people.remember([(7, "phone", PHONE)])
    other = People(tmp_path, Secrets(bytes(16)))
    assert other.customer_of("phone", PHONE) is None
    with pytest.raises(OSError, match="another one"):
        other.identifiers_of(7)
    other.close()


def test_what_is_sealed_for_a_customer_is_gone_with_her_key_and_nobody_else_s(people: People) -> None:
    sealed = {customer: people.seal_for(customer, b"Dear Ann", "inbox") for customer in (6, 7, 70)}
    assert people.open_for(7, sealed[7], "inbox") == b"Dear Ann"
    people.forget(7)
    with pytest.raises(OSError, match="forgotten"):
        people.open_for(7, sealed[7], "inbox")
    assert [people.open_for(customer, sealed[customer], "inbox") for customer in (6, 70)] == [b"Dear Ann"] * 2
    people.forget_from(70)  # no rows of hers were kept here, and her key is kept until some are
    people.remember([(71, "phone", "1")])
    people.forget_from(70)
    with pytest.raises(OSError, match="forgotten"):
        people.open_for(70, sealed[70], "inbox")


def test_the_secret_that_seals_can_be_changed(tmp_path: Path) -> None:
    old = People(tmp_path, SECRETS)
    many = [(i, "phone", str(13_800_000_000 + i)) for i in range(200)]
    old.remember(many, [(7, "name", "Ann")], [("phone", many[3][2])])
    old.quarantine([message(body=b"body", detail="detail")])
    old.mend(old.quarantined()[0].id, b"mended")
    old.close()
    both = Secrets(SECRETS.hashing, {1: b"x" * 32})
    new = People(tmp_path, both)
    new.remember([(300, "phone", "new")])
    assert new.identifiers_of(7) == [("phone", many[7][2])]
    assert sum(new.seal_again()) > 0
    new.close()
    with sqlite3.connect(tmp_path / "people.db") as database:
        for table, column in (
            ("key_block", "sealed"),
            ("sealed_unsettled", "sealed"),
            ("sealed_quarantine", "body"),
            ("sealed_quarantine", "mended"),
            ("sealed_quarantine", "detail"),
        ):
            assert {row[0][0] for row in database.execute(f"SELECT {column} FROM {table}")} == {1}
    new = People(tmp_path, both)
    assert dict(new.all_of("phone")) == {i: text for i, _, text in many} | {300: "new"}
    assert (new.customer_of("phone", many[9][2]), new.personal_of(7), new.unsettled()) == (
        9,
        {"name": "Ann"},
        [("phone", many[3][2])],
    )
    (kept,) = new.quarantined()
    assert (kept.body, kept.detail, kept.mended) == (b"body", "detail", b"mended")
    new.close()


def test_a_folder_of_the_version_before_is_sealed_when_it_is_opened(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/people.db")
    migrate(engine, "people", "people_0003")
    with engine.begin() as connection:
        for i in range(12_000):
            connection.exec_driver_sql("INSERT INTO identifier VALUES (?, ?, ?)", ("phone", f"1380{i:07}", i // 2))
        connection.exec_driver_sql("INSERT INTO personal VALUES (7, 'name', 'Wang Fang')")
        connection.exec_driver_sql("INSERT INTO unsettled VALUES ('phone', '13800000009')")
        connection.exec_driver_sql(
            "INSERT INTO quarantine (id, source, received_ms, reason, detail, body, position, mended, redriven_ms) "
            "VALUES (41, 'app', 5, 'bad_value', 'no amount', x'ff00', 3, x'01', 9)"
        )
    engine.dispose()
    people = People(tmp_path, SECRETS)
    told: list[tuple[str, int, int]] = []
    assert seal_clear_rows(people, lambda *step: told.append(step)) == 12_003
    assert told[-1][1:] == (12_003, 12_003)
    assert seal_clear_rows(people) == 0
    assert people.identifiers_of(7) == [("phone", "13800000014"), ("phone", "13800000015")]
    assert (people.personal_of(7), people.unsettled()) == ({"name": "Wang Fang"}, [("phone", "13800000009")])
    kept = Quarantined("app", 5, "bad_value", "no amount", b"\xff\x00", 3, 41, b"\x01", 9)
    assert people.quarantined() == [kept]
    people.quarantine([message()])
    assert people.quarantined()[0].id == 42
    people.close()
    assert not _held(tmp_path, "138000000")
    assert not _held(tmp_path, "Wang Fang")


def test_who_looked_at_whom_is_kept(people: People) -> None:
    people.note_access(5, "key 1a2b (agent)", "reveal", [7, None, 8], "x" * 600)
    people.note_access(6, "uid 0", "export-person", [7])
    people.note_access(7, "uid 0", "reveal", [])
    assert people.audit(7) == [
        AuditLine(6, "uid 0", "export-person", 7, ""),
        AuditLine(5, "key 1a2b (agent)", "reveal", 7, "x" * 500),
    ]
    assert [line.customer for line in people.audit()] == [7, 8, None, 7]
    assert len(people.audit(limit=1)) == 1
