"""People: durable when the call returns, the same when called twice, gone from the disk when forgotten."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.store import People, Quarantined

PHONE = "+8613812345678"


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    opened = People(tmp_path)
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
    with pytest.raises(Exception, match="NOT NULL"):
        people.remember([(7, "phone", PHONE), (None, "phone", "+86139")])  # type: ignore[list-item]  # the fault under test
    assert people.customer_of("phone", PHONE) is None


@pytest.mark.parametrize("text", ["", "'; DROP TABLE identifier; --", "x" * 10_000, "喂\x00\n"])
def test_any_text_is_a_text(people: People, text: str) -> None:
    people.remember([(1, "phone", text)])
    assert people.customer_of("phone", text) == 1


def test_what_returned_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from opportune.store import People\n"
        "people = People(Path(sys.argv[1]))\n"
        "people.remember([(i, 'phone', str(i)) for i in range(1000)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=os.environ, timeout=60)
    assert done.returncode == -signal.SIGKILL
    people = People(tmp_path)
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
    assert _held(tmp_path, PHONE)
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
