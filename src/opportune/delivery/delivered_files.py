"""The files that the file channel left behind: lines that went to a person who is forgotten are blanked, each in its place."""

import csv
import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from opportune.delivery.accounts import account_folder
from opportune.delivery.channels.file import COLUMNS
from opportune.store import Traces


def forget_in_files(folder: Path, account: dict[str, Any], numbers: Sequence[int], traces: Traces) -> int:
    """Blank the lines of an account's files that went to a customer, by any of her `numbers` (none: to nobody known), or in which her traces stand; how many.

    Each keeps its length and its key, so that whoever reads on from a place, or looks for repeats, is not confused. `folder` is the data
    folder. Raises OSError.
    """
    gone = 0
    for path in sorted(Path(account_folder(account, folder).get("folder", folder)).glob("*.*")):
        if path.suffix in (".ndjson", ".csv"):
            gone += _blank(path, path.suffix == ".csv", numbers, traces)
    return gone


def _blank(path: Path, is_csv: bool, numbers: Sequence[int], traces: Traces) -> int:
    gone = 0
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for offset, record in _records(file.read(), is_csv):
            key, touchpoint, number, empty = _identity(record, is_csv)
            if key is None or empty or not (number in numbers or traces.among(record)):
                continue
            left = {"key": key, "touchpoint": touchpoint, "forgotten": True}
            blank = f"{key},{touchpoint}".encode() + b"," * (len(COLUMNS) - 2) if is_csv else msgspec.json.encode(left)
            body = record.rstrip(b"\r\n")
            if len(blank) <= len(body):
                file.seek(offset)
                file.write(blank.ljust(len(body)))
                gone += 1
        file.flush()
        os.fsync(file.fileno())
    return gone


def _records(data: bytes, is_csv: bool) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of every record; one of CSV may hold line ends between quotes."""
    offset, record = 0, b""
    for line in data.splitlines(keepends=True) if not is_csv else data.split(b"\n"):
        record += line if not is_csv else line + b"\n"
        if is_csv and record.count(b'"') % 2:
            continue
        yield offset, record
        offset, record = offset + len(record), b""


def _identity(record: bytes, is_csv: bool) -> tuple[str | None, str, int | None, bool]:
    """(key, touchpoint, customer, blanked already) of a record; no key where it is none of ours."""
    if is_csv:
        row = next(csv.reader(io.StringIO(record.decode("utf-8", "replace"))), [])
        if len(row) != len(COLUMNS) or row[0] == COLUMNS[0]:
            return None, "", None, False
        return row[0], row[1], int(row[2]) if row[2].isdecimal() else None, not row[2]
    try:
        found = msgspec.json.decode(record, type=dict[str, Any])
    except msgspec.DecodeError:
        return None, "", None, False
    key, number = found.get("key"), found.get("customer")
    return (
        key if isinstance(key, str) else None, str(found.get("touchpoint", "")), number if isinstance(number, int) else None,
        bool(found.get("forgotten")),
    )  # fmt: skip
