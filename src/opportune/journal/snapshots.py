"""Snapshots of the engine's columns: written aside, then renamed, so that there is always a whole one.

    magic 8 | raw array, padded to 8 | raw array ... | index (msgpack) | footer: magic, version, index bytes, place, crc

The index has a crc32 per array. Arrays are streamed: a snapshot of gigabytes needs no second copy of them.
"""

import mmap
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import Arrays
from opportune.journal.errors import JournalError
from opportune.journal.faults import FaultPoint, OnFault
from opportune.journal.layout import Row, as_bytes, dtype_text, padding, view
from opportune.journal.segments import sync_folder

SNAPSHOTS_KEPT = 2
CHUNK_BYTES = 512 << 10
"""Bytes that are written, synced and paced at a time."""
BYTES_PER_SECOND_MAX = 128 << 20
ARRAY_DIMENSIONS_MAX = 8
SUFFIX = ".snapshot"
ASIDE = ".part"

_MAGIC = b"\x89OPSN\r\n\x1a"
_VERSION = 1
_FOOTER = struct.Struct("<8sIIQQI")  # magic, version, crc of the index, place and bytes of the index, crc of the footer
_CRC = struct.Struct("<I")


class _Index(msgspec.Struct):
    seq: int
    meta: bytes
    rows: list[Row]
    crcs: list[int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State as it was when all facts below `seq` were folded and no other; start by reading the journal from `seq`.

    arrays  views of the file, read-only; copy them into the live columns
    meta    what the writer put beside them
    """

    seq: int
    meta: bytes
    arrays: Arrays


class SnapshotStore:
    """The snapshots in one folder, the newest few. Its writer is the one that holds the journal's lock."""

    def __init__(
        self,
        folder: Path,
        *,
        snapshots_kept: int = SNAPSHOTS_KEPT,
        bytes_per_second_max: int | None = BYTES_PER_SECOND_MAX,
        on_fault: OnFault | None = None,
    ) -> None:
        """The store in `folder`, made where there is none; `bytes_per_second_max` None writes as fast as the disk takes it."""
        if snapshots_kept < 1:
            raise JournalError(f"snapshots_kept is {snapshots_kept}; keep at least 1, better 2")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.skipped: dict[int, str] = {}
        """Why a snapshot was passed over, by its seq."""
        self._kept = snapshots_kept
        self._pace = bytes_per_second_max
        self._on_fault = on_fault
        self._writing = threading.Lock()

    @property
    def seqs(self) -> list[int]:
        """The snapshots that are there, oldest first, damaged ones included."""
        return sorted(int(path.stem) for path in self.folder.glob(f"*{SUFFIX}") if path.stem.isdigit())

    def write(
        self, seq: int, arrays: Mapping[str, NDArray[Any]] | Iterable[tuple[str, NDArray[Any]]], meta: bytes = b""
    ) -> Path:
        """Write the state after all facts below `seq`; returns once it is durable, then drops the oldest ones.

        Arrays may be given one by one (a generator that copies a chunk of columns at a time); none is copied as a
        whole. May run in a thread of its own; one at a time. Call it once the journal's `durable_seq` has reached `seq`.
        Raises JournalError, also where a later snapshot is there (`drop_after` first), and OSError; then nothing has changed.
        """
        if max(self.seqs, default=seq) > seq:
            raise JournalError(
                f"{self.folder} has a snapshot after fact {seq:,} already; drop it first, with drop_after({seq})"
            )
        named = arrays.items() if isinstance(arrays, Mapping) else arrays
        path = self._path(seq)
        aside = path.with_suffix(SUFFIX + ASIDE)
        with self._writing:
            try:
                with aside.open("wb", buffering=0) as file:
                    _Writer(file.fileno(), self._pace, self._on_fault).write(seq, named, meta)
                self._fault(FaultPoint.SNAPSHOT_BEFORE_RENAME)
                aside.replace(path)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
            self._fault(FaultPoint.SNAPSHOT_AFTER_RENAME)
            sync_folder(self.folder)
            self.skipped.pop(seq, None)
            self._drop_old()
        return path

    def latest(self, max_seq: int | None = None) -> Snapshot | None:
        """The newest whole snapshot, of at most `max_seq` where given; None where there is none.

        `max_seq` is the journal's `next_seq` at a start, or an earlier fact to replay from. A damaged snapshot is
        passed over, with the reason in `skipped`.
        """
        for seq in reversed(self.seqs):
            if max_seq is not None and seq > max_seq:
                continue
            try:
                return _read(self._path(seq), seq)
            except (OSError, ValueError, TypeError, msgspec.MsgspecError) as error:
                self.skipped[seq] = f"{self._path(seq)}: {error}"
        return None

    def skip(self, seq: int, reason: str) -> None:
        """Pass over a whole snapshot that its reader cannot use: the next one is written beside it, and it is dropped in time."""
        self.skipped[seq] = f"{self._path(seq)}: {reason}"

    def drop_after(self, seq: int) -> list[int]:
        """Delete the snapshots of facts from `seq` on, and say which; for a start, with the journal's `next_seq`.

        A journal that was restored from an older copy will number other facts alike: such a snapshot would then lie.
        """
        dropped = [later for later in self.seqs if later > seq]
        for later in dropped:
            self._drop(later)
        return dropped

    def drop_before(self, seq: int) -> list[int]:
        """Delete the snapshots of fewer facts than `seq`, damaged ones included, and say which: they hold what must be forgotten."""
        dropped = [older for older in self.seqs if older < seq]
        for older in dropped:
            self._drop(older)
        for left_over in self.folder.glob(f"*{ASIDE}"):
            if int(left_over.name.partition(".")[0]) < seq:
                left_over.unlink(missing_ok=True)
        sync_folder(self.folder)
        return dropped

    def _drop_old(self) -> None:
        good = [seq for seq in self.seqs if seq not in self.skipped]
        for seq in self.seqs:
            if seq not in good[-self._kept :]:
                self._drop(seq)
        for left_over in self.folder.glob(f"*{ASIDE}"):
            left_over.unlink()

    def _drop(self, seq: int) -> None:
        self._path(seq).unlink()
        self.skipped.pop(seq, None)

    def _path(self, seq: int) -> Path:
        return self.folder / f"{seq:020d}{SUFFIX}"

    def _fault(self, point: FaultPoint) -> None:
        if self._on_fault is not None:
            self._on_fault(point)


class _Writer:
    """Streams one snapshot into an open, empty file."""

    def __init__(self, fd: int, bytes_per_second_max: int | None, on_fault: OnFault | None) -> None:
        self._fd = fd
        self._pace = bytes_per_second_max
        self._due = time.monotonic()
        self._on_fault = on_fault
        self._at = 0
        self._synced = 0

    def write(self, seq: int, named: Iterable[tuple[str, NDArray[Any]]], meta: bytes) -> None:
        self._put(_MAGIC)
        rows: list[Row] = []
        crcs: list[int] = []
        for name, array in named:
            if array.ndim > ARRAY_DIMENSIONS_MAX:
                raise JournalError(
                    f"array `{name}` has {array.ndim} dimensions; at most {ARRAY_DIMENSIONS_MAX} are kept"
                )
            rows.append((name, dtype_text(array.dtype), array.shape, self._at))
            crcs.append(self._put_array(array))
            self._put(padding(self._at))
        if not rows:
            self._fault()
        index = msgspec.msgpack.encode(_Index(seq, meta, rows, crcs))
        footer = _FOOTER.pack(_MAGIC, _VERSION, zlib.crc32(index), self._at, len(index), 0)[: -_CRC.size]
        self._put(index)
        self._put(footer + _CRC.pack(zlib.crc32(footer)))
        os.fsync(self._fd)

    def _put_array(self, array: NDArray[Any]) -> int:
        crc, written, half = 0, 0, array.nbytes // 2 if self._at == len(_MAGIC) else -1
        for piece in _pieces(array, half):
            crc = zlib.crc32(piece, crc)
            self._put(piece)
            written += len(piece)
            if written == half:
                self._fault()
        if half == 0:
            self._fault()
        return crc

    def _put(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]
        self._at += len(data)
        if self._at - self._synced >= CHUNK_BYTES:
            self._settle()

    def _settle(self) -> None:
        """Sync, and keep to the pace: a journal's fdatasync on the same disk would otherwise wait for gigabytes of ours."""
        os.fdatasync(self._fd)
        if self._pace is not None:
            now = time.monotonic()
            self._due = max(self._due + (self._at - self._synced) / self._pace, now)
            time.sleep(self._due - now)
        self._synced = self._at

    def _fault(self) -> None:
        if self._on_fault is not None:
            self._on_fault(FaultPoint.SNAPSHOT_MID)


def _pieces(array: NDArray[Any], half: int) -> Iterator[memoryview]:
    """The array's bytes in C order in pieces of about CHUNK_BYTES; one of them ends at byte `half`."""
    if array.flags.c_contiguous:
        bounds = [(0, half), (half, array.nbytes)] if half > 0 else [(0, array.nbytes)]
        for low, high in bounds:
            for start in range(low, high, CHUNK_BYTES):
                yield as_bytes(array, start, min(CHUNK_BYTES, high - start))
        return
    rows = max(CHUNK_BYTES // max(array.nbytes // len(array), 1), 1)
    for start in range(0, len(array), rows):
        yield from _pieces(np.ascontiguousarray(array[start : start + rows]), -1)


def _read(path: Path, seq: int) -> Snapshot:
    """The snapshot in `path`. Raises ValueError, TypeError, MsgspecError or OSError where it is damaged."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    footer = mapped[-_FOOTER.size :]
    if len(footer) < _FOOTER.size or zlib.crc32(footer[: -_CRC.size]) != _CRC.unpack(footer[-_CRC.size :])[0]:
        raise ValueError("the footer's crc32 does not match")
    magic, version, index_crc, place, size, _ = _FOOTER.unpack(footer)
    if magic != _MAGIC or version != _VERSION:
        raise ValueError(f"it has format version {version}, this program reads version {_VERSION}")
    raw = mapped[place : place + size]
    if zlib.crc32(raw) != index_crc:
        raise ValueError("the index's crc32 does not match")
    index = msgspec.msgpack.decode(raw, type=_Index)
    if index.seq != seq:
        raise ValueError(f"it is of fact {index.seq:,}")
    arrays: Arrays = {}
    for row, crc in zip(index.rows, index.crcs, strict=True):
        array = view(mapped, row, 0)
        if zlib.crc32(as_bytes(array, 0, array.nbytes)) != crc:
            raise ValueError(f"the crc32 of array `{row[0]}` does not match")
        arrays[row[0]] = array
    return Snapshot(seq, index.meta, arrays)
