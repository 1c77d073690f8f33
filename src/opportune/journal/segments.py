"""The segment files of a journal: their names, and reading frames from one of them.

A segment is named by the number of its first fact. Reading uses pread in chunks, never a memory map: a live writer may
cut the last segment, and touching a page that is gone would kill the reader.
"""

import bisect
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from opportune.journal.errors import JournalCorrupt
from opportune.journal.frame import HEADER_BYTES, MAGIC, FrameHeader, Group, decode_group, unpack_header
from opportune.journal.layout import ALIGNMENT_BYTES

SUFFIX = ".journal"
REDACTION_FILE = "redaction.patches"
"""There while a redaction is at work: a frame may then not match its checksum for a moment."""
CHUNK_BYTES = 4 << 20
SKIP_CHUNK_BYTES = 64 << 10
MARK_EVERY_BYTES = 1 << 20


def segment_path(folder: Path, first_seq: int) -> Path:
    """The file of the segment that begins with fact `first_seq`."""
    return folder / f"{first_seq:020d}{SUFFIX}"


def segment_seqs(folder: Path) -> list[int]:
    """The first fact of every segment in `folder`, in order."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def sync_folder(folder: Path) -> None:
    """Make creations and renames in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Marks:
    """Where facts are: about one (seq, offset) per megabyte of each segment that was read or written, to start near a fact."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[list[int], list[int]]] = {}
        self._lock = threading.Lock()

    def add(self, segment: int, seq: int, offset: int) -> None:
        """The frame at `offset` of `segment` begins with fact `seq`; kept when it is far enough from the last one kept."""
        with self._lock:
            seqs, offsets = self._marks.setdefault(segment, ([segment], [0]))
            if offset >= offsets[-1] + MARK_EVERY_BYTES:
                seqs.append(seq)
                offsets.append(offset)

    def forget(self, segment: int) -> None:
        """A segment is gone."""
        with self._lock:
            self._marks.pop(segment, None)

    def near(self, segment: int, seq: int) -> tuple[int, int]:
        """(seq, offset) of the last known frame of `segment` that does not begin after fact `seq`."""
        with self._lock:
            seqs, offsets = self._marks.get(segment, ([segment], [0]))
            i = max(bisect.bisect_right(seqs, seq) - 1, 0)
            return seqs[i], offsets[i]


class FrameCursor:
    """Walks the frames of one segment file.

    offset  where the next frame begins
    seq     the fact it must begin with
    end     the byte up to which it reads; `extend` moves it to the file's end
    """

    def __init__(self, path: Path, offset: int, seq: int) -> None:
        self.path = path
        self.offset = offset
        self.seq = seq
        self.end = 0
        self.cause = ""
        self._fd = os.open(path, os.O_RDONLY)
        self._chunk = memoryview(b"")
        self._chunk_at = 0

    def close(self) -> None:
        """Close the file; groups already read stay valid."""
        os.close(self._fd)

    def extend(self, sync: bool) -> bool:
        """Read up to where the file ends now, first made durable with `sync`; False where that is no news."""
        before, self.end = self.end, os.fstat(self._fd).st_size
        if sync and self.end != before:
            os.fdatasync(self._fd)
        self._chunk = memoryview(b"")
        return self.end != before

    def group(self) -> Group | None:
        """The group at `offset`, then move behind it; None, with the `cause`, where no whole frame is there.

        Raises JournalCorrupt where a whole frame breaks the numbering.
        """
        header = self._header(CHUNK_BYTES)
        if header is None:
            return None
        payload = self._bytes(self.offset + HEADER_BYTES, header.payload_bytes, CHUNK_BYTES)
        group = decode_group(header, payload)
        if isinstance(group, str):
            self.cause = group
            return None
        self._move(header)
        return group

    def skip(self, seq: int) -> None:
        """Move to the frame that holds fact `seq`, or to the first place where no frame is; payloads are not read."""
        while (header := self._header(SKIP_CHUNK_BYTES)) and header.end_seq <= seq:
            if self.offset + header.frame_bytes > self.end:
                return
            self._move(header)

    def _header(self, chunk_bytes: int) -> FrameHeader | None:
        header = unpack_header(self._bytes(self.offset, HEADER_BYTES, chunk_bytes), self.offset)
        if isinstance(header, str):
            self.cause = header
            return None
        if header.first_seq != self.seq:
            cause = f"the frame begins with fact {header.first_seq:,}, but fact {self.seq:,} is next"
            raise JournalCorrupt(self.path, self.offset, cause)
        return header

    def _move(self, header: FrameHeader) -> None:
        self.offset += header.frame_bytes
        self.seq = header.end_seq

    def _bytes(self, offset: int, size: int, chunk_bytes: int) -> memoryview:
        size = max(min(size, self.end - offset), 0)
        start = offset - self._chunk_at
        if start < 0 or start + size > len(self._chunk):
            # Chunks begin at frames' headers or payloads, so arrays stay 8-byte aligned in memory.
            self._chunk = memoryview(os.pread(self._fd, max(size, chunk_bytes), offset))
            self._chunk_at, start = offset, 0
        return self._chunk[start : start + size]

    def counted_durable(self) -> bool:
        """Whether a later frame of the file says that what is at `offset` was durable: then it must be whole."""
        position = self.offset
        while position < self.end:
            chunk = os.pread(self._fd, CHUNK_BYTES, position)
            for place in _places(chunk, position):
                header = unpack_header(os.pread(self._fd, HEADER_BYTES, place), place)
                if not isinstance(header, str) and header.synced > self.offset:
                    return True
            if len(chunk) < len(MAGIC):
                break
            position += len(chunk) - len(MAGIC) + 1
        return False


def _places(chunk: bytes, position: int) -> Iterator[int]:
    found = chunk.find(MAGIC)
    while found >= 0:
        if (position + found) % ALIGNMENT_BYTES == 0:
            yield position + found
        found = chunk.find(MAGIC, found + 1)
