"""The manifest: which parts the warehouse consists of, and how far it has come. It alone says what counts; other files are left over.

    <folder>/warehouse/manifest.json
    <folder>/warehouse/<table>/day=2026-11-02/shard=0/<first>-<end>-<version>.parquet
    <folder>/warehouse/presence/...                                             which customers have rows in a part

A part is all that the facts of a range of numbers became: one file for each table that has rows of it. The day is that of the engine's
clock (UTC) when its last fact was taken in. Files are never changed: compaction writes another part and takes the old ones out.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from opportune.journal import JournalReader
from opportune.warehouse.errors import WarehouseError, WarehouseLocked

FOLDER = "warehouse"
MANIFEST_FILE = "manifest.json"
LOCK_FILE = "lock"
FORMAT_VERSION = 1
SHARD = 0
ASIDE = ".part"
FILE_MODE, FOLDER_MODE = 0o640, 0o750


class Part(msgspec.Struct, frozen=True):
    """The facts `first_seq` .. `end_seq` (excluded) as files.

    tables   rows of each table that has a file
    slots    columns v0, v1 ... that its facts have
    version  0 as exported; higher where compaction or retention made it of others
    dropped  the kinds of rows that retention took out of it; the numbers of its facts still count
    """

    day: str
    first_seq: int
    end_seq: int
    tables: dict[str, int]
    slots: int = 0
    version: int = 0
    shard: int = SHARD
    dropped: tuple[str, ...] = ()

    @property
    def facts(self) -> int:
        """How many facts it holds."""
        return self.end_seq - self.first_seq

    def place(self, table: str) -> str:
        """The path of a table's file, from the warehouse's folder."""
        return f"{table}/{self._place}.parquet"

    @property
    def presence(self) -> str:
        """The path of the bits that say which customers have rows in it."""
        return f"presence/{self._place}.npy"

    @property
    def places(self) -> list[str]:
        """The paths of all its files."""
        return [*(self.place(table) for table in self.tables), self.presence]

    @property
    def _place(self) -> str:
        return f"day={self.day}/shard={self.shard}/{self.first_seq:020d}-{self.end_seq:020d}-{self.version}"


class LastGroup(msgspec.Struct, frozen=True):
    """The last journal group that was exported: where it begins, and the crc32 of its arrays."""

    first_seq: int
    crc: int


class Manifest(msgspec.Struct, frozen=True):
    """What the warehouse holds.

    end_seq    the cursor: every fact below it is exported
    now_ms     engine time after the last fact
    texts      how many texts of the dictionary are exported
    replaced   files that compaction or retention took out, and when (ms); removed once no reader can have them open
    """

    version: int = FORMAT_VERSION
    end_seq: int = 0
    now_ms: int = 0
    customers: int = 0
    texts: int = 0
    last: LastGroup | None = None
    parts: tuple[Part, ...] = ()
    replaced: tuple[tuple[str, int], ...] = ()

    @property
    def whole_seq(self) -> int:
        """The first fact from which on retention has dropped nothing: what is read from there on is what the journal said."""
        return max((part.end_seq for part in self.parts if part.dropped), default=0)

    def dropped_until(self, kind: str) -> str | None:
        """The last day (UTC, of the engine's clock) of which retention dropped rows of a kind; None where it dropped none."""
        return max((part.day for part in self.parts if kind in part.dropped), default=None)


def warehouse_folder(folder: Path) -> Path:
    """Where a data folder has its warehouse."""
    return folder / FOLDER


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a data folder's warehouse; an empty one where nothing was exported yet. Raises WarehouseError."""
    path = warehouse_folder(folder) / MANIFEST_FILE
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.MsgspecError as error:
        raise WarehouseError(f"{path} cannot be read: {error}; {remedy(folder)}") from error
    if manifest.version != FORMAT_VERSION:
        raise WarehouseError(
            f"{path} has format version {manifest.version}, this program reads version {FORMAT_VERSION}; "
            f"{remedy(folder)}"
        )
    return manifest


def remedy(folder: Path) -> str:
    """What helps where the warehouse's files are not what they should be: making them again, as long as the journal has everything."""
    if JournalReader(folder / "journal").first_seq:
        return f"restore {warehouse_folder(folder)} from a backup: the journal has let go of facts that are only there"
    return f"restore it from a backup, or remove {warehouse_folder(folder)} and export again"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in place of the one before, at once or not at all. Raises OSError."""
    path = warehouse_folder(folder) / MANIFEST_FILE
    write_aside(path, msgspec.json.encode(manifest))


def write_aside(path: Path, content: bytes) -> None:
    """Write a file whole and durably, or leave the one before. Raises OSError."""
    aside = path.with_name(path.name + ASIDE)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make creations and renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def now_ms() -> int:
    """The wall clock, by which replaced files are kept for a while."""
    return time.time_ns() // 1_000_000


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Be the one writer of a data folder's warehouse; gives its folder, made where missing. Raises WarehouseLocked, OSError."""
    place = warehouse_folder(folder)
    place.mkdir(mode=FOLDER_MODE, exist_ok=True)
    descriptor = os.open(place / LOCK_FILE, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise WarehouseLocked(f"{place} is being written by another process; wait until it is done") from error
        yield place
    finally:
        os.close(descriptor)
