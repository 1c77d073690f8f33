"""Messages to files that another system fetches: one per touchpoint and day, NDJSON or CSV, on the disk when they count as sent."""

import asyncio
import csv
import fcntl
import io
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from opportune.delivery.channel import ReceiptHandler, said
from opportune.delivery.message import Message, Rejected, SendAnswer, Sent, TryLater, Unanswered
from opportune.delivery.pace import Clock, SystemClock

COLUMNS = (
    "key", "touchpoint", "customer", "address", "language", "subject", "text", "html", "script", "campaign", "offer",
    "test", "at_ms",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d+$)")


class FileAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The folder (of the service's machine) and the form of the files; their days are UTC days."""

    folder: str
    form: Literal["ndjson", "csv"] = "ndjson"


class FileChannel:
    """The channel of one account. Whoever reads may meet a line twice only after a crash of the disk; `key` tells."""

    def __init__(self, account: FileAccount, clock: Clock | None = None) -> None:
        """Writes nothing yet."""
        self._folder = Path(account.folder)
        self._form = account.form
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Make the folder. Raises OSError where that cannot be done."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def send(self, message: Message) -> SendAnswer:
        """Append one line and wait until it is on the disk."""
        if not _NAME.fullmatch(message.touchpoint):
            return Rejected("bad_message: the touchpoint's name is no file name")
        now_ms = self._clock.now_ms()
        line = self._line(message, now_ms)
        day = datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y-%m-%d")
        path = self._folder / f"{message.touchpoint}-{day}.{self._form}"
        async with self._lock:
            return await asyncio.to_thread(self._append, path, line)

    def _line(self, message: Message, now_ms: int) -> bytes:
        values = {name: now_ms if name == "at_ms" else getattr(message, name) for name in COLUMNS}
        if self._form == "ndjson":
            return msgspec.json.encode(values | {"variables": message.variables}) + b"\n"
        return _csv([_harmless(value) for value in values.values()])

    def _append(self, path: Path, line: bytes) -> SendAnswer:
        """One write at the end of the file; a line cut short by a full disk is taken back."""
        try:
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            return TryLater(f"not_written: {said(error)}", all=True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)  # another worker may write the same day
            end = os.lseek(file, 0, os.SEEK_END)
            if self._form == "csv" and end == 0:
                line = _csv(list(COLUMNS)) + line
            elif end and os.pread(file, 1, end - 1) != b"\n":
                line = b"\n" + line  # what a crash cut short stays a line of its own
            try:
                written = os.write(file, line)
            except OSError as error:
                return TryLater(f"not_written: {said(error)}", all=True)
            if written < len(line):
                os.ftruncate(file, end)
                return TryLater("disk_full", all=True)
            os.fsync(file)
        except OSError as error:
            return Unanswered(f"not_synced: {said(error)}")
        finally:
            os.close(file)
        return Sent()


def _csv(values: list[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()


def _harmless(value: object) -> object:
    """Text that a spreadsheet would run as a formula is led by an apostrophe."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
