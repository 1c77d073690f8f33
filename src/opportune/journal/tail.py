"""The writer's end of a journal: the last segment file, open for appending."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from opportune.journal.errors import JournalCorrupt
from opportune.journal.faults import FaultPoint, OnFault
from opportune.journal.frame import frame_bytes, pack_header
from opportune.journal.segments import FrameCursor, Marks, segment_path, segment_seqs, sync_folder

BUFFERS_MAX = 1_000
"""Buffers per write call; the system's limit is 1,024."""


class Frame(NamedTuple):
    """An encoded group, waiting for its place in the file."""

    first_seq: int
    facts: int
    received_ms: int
    table_bytes: int
    payload: bytes


@dataclass(slots=True)
class Tail:
    """The last segment of a journal.

    segment    its first fact
    durable    bytes of it that are on disk: whole frames only
    next_seq   the number after the last durable fact
    cut_bytes  bytes of a torn frame that were cut off when it was opened
    """

    folder: Path
    segment_bytes_max: int
    marks: Marks
    on_fault: OnFault | None
    fd: int
    segment: int
    durable: int
    next_seq: int
    cut_bytes: int

    @classmethod
    def open(cls, folder: Path, segment_bytes_max: int, marks: Marks, on_fault: OnFault | None) -> "Tail":
        """Open the last segment of `folder`, or the first one of a new journal; a torn tail is cut off.

        Raises JournalCorrupt where bytes that were durable are damaged, OSError.
        """
        segments = segment_seqs(folder)
        segment = segments[-1] if segments else 0
        durable, next_seq = _whole_frames(folder, segment, marks) if segments else (0, 0)
        if durable == 0 and len(segments) > 1:
            _check_meets(folder, segments[-2], segment)
        fd = os.open(segment_path(folder, segment), os.O_RDWR | os.O_CREAT, 0o640)
        cut_bytes = os.fstat(fd).st_size - durable
        if cut_bytes:
            os.ftruncate(fd, durable)
        # What an earlier process wrote but did not live to sync counts from here on, so it must be durable now.
        os.fsync(fd)
        sync_folder(folder)
        return cls(folder, segment_bytes_max, marks, on_fault, fd, segment, durable, next_seq, cut_bytes)

    def commit(self, frames: Sequence[Frame]) -> None:
        """Write the frames and wait until they are on disk, in one step per segment they fall into.

        Raises OSError, or what `on_fault` raised; then `cut_back` leaves the file as it was before.
        """
        start = 0
        while start < len(frames):
            stop, size = start, self.durable
            while stop < len(frames):
                size += frame_bytes(len(frames[stop].payload))
                if size > self.segment_bytes_max and (stop > start or self.durable):
                    break
                stop += 1
            if stop == start:
                self._next_segment(frames[start].first_seq)
            else:
                self._commit_here(frames[start:stop])
                start = stop

    def cut_back(self) -> None:
        """After a failed commit: leave the file at its last durable frame."""
        os.ftruncate(self.fd, self.durable)
        os.fsync(self.fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

    def _commit_here(self, frames: Sequence[Frame]) -> None:
        self._fault(FaultPoint.BEFORE_WRITE)
        buffers: list[bytes | memoryview] = []
        offsets: list[int] = []
        offset = self.durable
        for frame in frames:
            header = pack_header(frame[:3], frame.table_bytes, frame.payload, offset, self.durable)
            buffers += (header, frame.payload)
            offsets.append(offset)
            offset += frame_bytes(len(frame.payload))
        if self.on_fault is None:
            self._write(buffers, self.durable)
        else:
            for i, place in enumerate(offsets):
                self._write_in_halves(b"".join(buffers[2 * i : 2 * i + 2]), place)
        self._fault(FaultPoint.AFTER_WRITE)
        self._fault(FaultPoint.BEFORE_SYNC)
        os.fdatasync(self.fd)
        self.durable = offset
        self.next_seq = frames[-1].first_seq + frames[-1].facts
        for frame, place in zip(frames, offsets, strict=True):
            self.marks.add(self.segment, frame.first_seq, place)
        self._fault(FaultPoint.AFTER_SYNC)

    def _write(self, buffers: list[bytes | memoryview], offset: int) -> None:
        for first in range(0, len(buffers), BUFFERS_MAX):
            some = buffers[first : first + BUFFERS_MAX]
            left = sum(map(len, some))
            while left:
                written = os.pwritev(self.fd, some, offset)
                offset += written
                left -= written
                if left:  # a full disk takes a part first and refuses the next call
                    while written >= len(some[0]):
                        written -= len(some.pop(0))
                    some[0] = memoryview(some[0])[written:]

    def _write_in_halves(self, frame: bytes, offset: int) -> None:
        half = len(frame) // 2
        self._write([frame[:half]], offset)
        self._fault(FaultPoint.MID_WRITE)
        self._write([frame[half:]], offset + half)

    def _next_segment(self, first_seq: int) -> None:
        path = segment_path(self.folder, first_seq)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        os.close(self.fd)
        self.fd, self.segment, self.durable = fd, first_seq, 0
        self._fault(FaultPoint.SEGMENT_CREATED)
        sync_folder(self.folder)

    def _fault(self, point: FaultPoint) -> None:
        if self.on_fault is not None:
            self.on_fault(point)


def _whole_frames(folder: Path, segment: int, marks: Marks) -> tuple[int, int]:
    """(bytes, next seq) of the whole frames of a segment. Raises JournalCorrupt for damage that is no torn tail."""
    with closing(FrameCursor(segment_path(folder, segment), 0, segment)) as cursor:
        cursor.extend(sync=False)
        while True:
            seq, offset = cursor.seq, cursor.offset
            if cursor.group() is None:
                break
            marks.add(segment, seq, offset)
        if cursor.counted_durable():
            raise JournalCorrupt(cursor.path, cursor.offset, cursor.cause)
        return cursor.offset, cursor.seq


def _check_meets(folder: Path, before: int, segment: int) -> None:
    """The segment before an empty last one must end where that one begins. Raises JournalCorrupt."""
    with closing(FrameCursor(segment_path(folder, before), 0, before)) as cursor:
        cursor.extend(sync=False)
        cursor.skip(segment)
        if cursor.seq != segment or cursor.offset != cursor.end:
            raise JournalCorrupt(cursor.path, cursor.offset, f"it ends before fact {segment:,}: {cursor.cause}")
