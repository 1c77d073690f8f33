"""Loads: staged whole or not at all, sealed on the disk, forgotten row by row."""

import sqlite3
import zlib
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from opportune.store import Loads, Secrets
from opportune.store.database import migrate

SECRET = Secrets(bytes(range(16)))
PHONE = "13800138000"


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    """An empty store."""
    return Loads(tmp_path, SECRET)


def fill(loads: Loads, rows: list[list[bytes]], *, after: int = 0, stage: bool = True, at_ms: int = 10) -> int:
    """One load of some chunks."""
    number = loads.begin("crm", after, at_ms)
    for place, chunk in enumerate(rows):
        loads.add_rows("crm", number, place, chunk)
    if stage:
        loads.stage("crm", number, sum(map(len, rows)), b'{"state":1}', at_ms)
    return number


def test_a_load_counts_once_it_is_staged(loads: Loads) -> None:
    assert fill(loads, [[b"a", b"b"], [b"c"]]) == 1
    fill(loads, [[b"lost"]], stage=False)
    assert [(row.number, row.rows, row.body, row.ended_ms) for row in loads.of("crm")] == [(1, 3, b'{"state":1}', None)]
    assert loads.one("crm", 2) is None
    assert fill(loads, [[b"d"]]) == 2  # what was not staged is gone, with its rows
    assert list(loads.rows("crm", 2)) == [b"d"]
    assert list(loads.rows("crm", 1)) == [b"a", b"b", b"c"]
    assert fill(loads, [], after=7) == 8  # the journal knows of loads that we do not
    assert [row.number for row in loads.of("crm", 2)] == [8, 2]


def test_ended_loads_are_told_from_those_to_be_taken_in(loads: Loads) -> None:
    for _ in range(3):
        fill(loads, [[b"a"]])
    loads.end("crm", 1, b"done", 20)
    loads.note("crm", 2, b"begun")
    assert [(row.number, row.body) for row in loads.unended("crm")] == [(2, b"begun"), (3, b'{"state":1}')]
    found = loads.one("crm", 1)
    assert found is not None
    assert (found.ended_ms, found.body) == (20, b"done")
    assert loads.first("crm", 2) is None
    assert loads.first("crm", 1) == found
    assert loads.unended("other") == []


def test_nothing_readable_lies_on_the_disk(loads: Loads, tmp_path: Path) -> None:
    number = fill(loads, [[b'{"phone":"' + PHONE.encode() + b'"}'] * 50])
    loads.note("crm", number, PHONE.encode())
    loads.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PHONE.encode() not in held
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_another_key_or_a_moved_row_opens_nothing(loads: Loads, tmp_path: Path) -> None:
    fill(loads, [[b"a"], [b"b"]])
    with pytest.raises(OSError, match="another one"):
        list(Loads(tmp_path, Secrets(b"x" * 16)).rows("crm", 1))
    with sqlite3.connect(tmp_path / "loads.db") as database:
        database.execute("UPDATE raw_rows SET place = 9 WHERE place = 0")
    with pytest.raises(OSError, match="crm/1/9 cannot be opened"):
        list(loads.rows("crm", 1))


def test_rows_of_a_person_are_emptied_and_the_others_keep_their_places(loads: Loads, tmp_path: Path) -> None:
    name = "zhang@例子.cn"
    fill(loads, [[b'{"a":1}', b'{"phone":"138 0013-8000"}'], ['{"mail":"ZHANG@例子.cn"}'.encode(), b'{"b":2}']])
    assert loads.forget([PHONE, name, "", "b"]) == 2
    assert list(loads.rows("crm", 1)) == [b'{"a":1}', b"", b"", b'{"b":2}']
    assert loads.forget([PHONE, name]) == 0


def test_raw_rows_are_dropped_when_their_time_is_over_and_the_load_stays(loads: Loads) -> None:
    for at_ms in (10, 20, 30):
        loads.end("crm", fill(loads, [[b"a"]], at_ms=at_ms), b"done", at_ms)
    fill(loads, [[b"not ended"]], at_ms=5)
    assert loads.drop_rows("crm", 25) == 2
    assert [loads.has_rows("crm", number) for number in (1, 2, 3, 4)] == [False, False, True, True]
    assert len(loads.of("crm")) == 4
    assert loads.drop_rows("crm", 25) == 0


def test_a_check_says_when_and_why_in_vain(loads: Loads) -> None:
    loads.check("crm", 5, "no such host")
    loads.check("crm", 9)
    loads.check("shop", 7, "refused")
    assert {name: (check.checked_ms, check.trouble) for name, check in loads.checks().items()} == {
        "crm": (9, ""),
        "shop": (7, "refused"),
    }


def test_the_secret_that_seals_can_be_changed(loads: Loads, tmp_path: Path) -> None:
    number = fill(loads, [[b"a", b"b"], [b"c"]])
    both = Secrets(SECRET.hashing, {1: b"x" * 32})
    assert sum(Loads(tmp_path, both).seal_again()) == 2
    with sqlite3.connect(tmp_path / "loads.db") as database:
        assert {row[0][0] for row in database.execute("SELECT body FROM raw_rows UNION SELECT body FROM load")} == {1}
    again = Loads(tmp_path, both)
    assert list(again.rows("crm", number)) == [b"a", b"b", b"c"]
    assert again.of("crm")[0].body == b'{"state":1}'


def test_a_folder_of_the_version_before_opens(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/loads.db")
    migrate(engine, "loads", "loads_0001")
    key = HKDF(SHA256(), 32, salt=None, info=b"opportune raw rows").derive(SECRET.hashing)

    def sealed(data: bytes, place: str) -> bytes:
        return bytes(12) + AESGCM(key).encrypt(bytes(12), data, place.encode())

    rows = sealed(zlib.compress(msgspec.msgpack.encode([b"\x00a", b"b"])), "crm/1/0")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO raw_rows VALUES ('crm', 1, 0, ?)", (rows,))
        connection.exec_driver_sql(
            "INSERT INTO load VALUES ('crm', 1, 5, 6, 7, 2, ?)", (sealed(b"\x00state", "crm/1"),)
        )
        connection.exec_driver_sql("INSERT INTO load VALUES ('crm', 2, 5, NULL, NULL, 0, x'')")
    engine.dispose()
    loads = Loads(tmp_path, SECRET)
    assert list(loads.rows("crm", 1)) == [b"\x00a", b"b"]
    assert [row.body for row in loads.of("crm")] == [b"\x00state"]
