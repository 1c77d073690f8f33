"""Redaction: bytes of durable frames are overwritten in place, which is done for the forgetting of a person and for nothing else.

What is to be written is put aside first, durably and under a crc32. From then on the redaction counts: a crash in the middle of it is
finished when the journal is opened for writing. No length, no order and no other byte changes; the frame's checksum is written anew.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from opportune.facts import Arrays
from opportune.journal.errors import JournalCorrupt, JournalError
from opportune.journal.faults import FaultPoint, OnFault
from opportune.journal.frame import HEADER_BYTES, FrameHeader, Group, decode_group, pack_header, unpack_header
from opportune.journal.segments import REDACTION_FILE, FrameCursor, segment_path, segment_seqs, sync_folder

_CRC_BYTES = 4

Redact = Callable[[Group], Arrays]
"""Gives the arrays of a group that are to be overwritten, each of its type and shape as before; mostly none."""
OnRedact = Callable[[int, int], None]
"""(bytes read, bytes in all), for a progress bar."""


class Patch(msgspec.Struct, frozen=True, array_like=True):
    """Bytes to be written at a place of a segment."""

    segment: int
    offset: int
    data: bytes


def redact(
    folder: Path, end_seq: int, change: Redact, on_progress: OnRedact | None = None, on_fault: OnFault | None = None
) -> int:
    """Overwrite what `change` gives in all groups below `end_seq`, which is durable; how many groups were changed.

    For the one who holds the journal's lock, or acts for it; appending may go on meanwhile. Raises JournalCorrupt, OSError.
    """
    total = sum(segment_path(folder, seq).stat().st_size for seq in segment_seqs(folder))
    patches: list[Patch] = []
    groups = 0
    for segment, offset, group, done in _groups(folder, end_seq):
        changed = change(group)
        if changed:
            patches += _patches(folder, segment, offset, changed)
            groups += 1
        if on_progress is not None:
            on_progress(done, max(total, done))
    if patches:
        _put_aside(folder, patches)
        if on_fault is not None:
            on_fault(FaultPoint.REDACTION_ASIDE)
        _apply(folder, patches, on_fault)
    return groups


def finish_redaction(folder: Path) -> None:
    """Finish a redaction that a crash cut short, if there is one. One that was not all put aside has not begun. Raises OSError."""
    path = folder / REDACTION_FILE
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return
    body = found[_CRC_BYTES:]
    if zlib.crc32(body) == int.from_bytes(found[:_CRC_BYTES], "little"):
        _apply(folder, msgspec.msgpack.decode(body, type=list[Patch]), None)
    else:
        path.unlink()


def _groups(folder: Path, end_seq: int) -> Iterator[tuple[int, int, Group, int]]:
    """(segment, offset of its frame, group, bytes read) of every group below `end_seq`."""
    before = 0
    for segment in segment_seqs(folder):
        if segment >= end_seq:
            return
        with closing(FrameCursor(segment_path(folder, segment), 0, segment)) as cursor:
            cursor.extend(sync=False)
            while cursor.seq < end_seq and cursor.offset < cursor.end:
                offset = cursor.offset
                group = cursor.group()
                if group is None:
                    raise JournalCorrupt(cursor.path, offset, cursor.cause)
                yield segment, offset, group, before + cursor.offset
            before += cursor.offset


def _patches(folder: Path, segment: int, offset: int, changed: Arrays) -> Iterator[Patch]:
    """The bytes of a frame that differ once its arrays are changed, and its header."""
    with segment_path(folder, segment).open("rb") as file:
        file.seek(offset)
        header = unpack_header(file.read(HEADER_BYTES), offset)
        assert isinstance(header, FrameHeader), "it was read just now"
        payload = bytearray(file.read(header.payload_bytes))
    was = np.frombuffer(bytes(payload), np.uint8)
    group = decode_group(header, memoryview(payload))
    assert isinstance(group, Group), "it was read just now"
    for name, array in changed.items():
        there = group.arrays[name]
        if there.shape != array.shape or there.dtype != array.dtype:
            raise JournalError(f"a redaction would change the form of `{name}`; only its bytes may be overwritten")
        there[...] = array
    differs = np.flatnonzero(was != np.frombuffer(payload, np.uint8))
    ends = np.flatnonzero(np.diff(differs, append=len(payload) + 1) > 1)
    start = 0
    for end in ends.tolist():
        first, last = int(differs[start]), int(differs[end])
        yield Patch(segment, offset + HEADER_BYTES + first, bytes(payload[first : last + 1]))
        start = end + 1
    group_of = (header.first_seq, header.facts, header.received_ms)
    yield Patch(segment, offset, pack_header(group_of, header.table_bytes, bytes(payload), offset, header.synced))


def _put_aside(folder: Path, patches: list[Patch]) -> None:
    body = msgspec.msgpack.encode(patches)
    descriptor = os.open(folder / REDACTION_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "wb") as file:
        file.write(zlib.crc32(body).to_bytes(_CRC_BYTES, "little") + body)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def _apply(folder: Path, patches: list[Patch], on_fault: OnFault | None) -> None:
    """Write the patches, make them durable, and then let go of what was put aside. Doing it again changes nothing."""
    for segment in sorted({patch.segment for patch in patches}):
        path = segment_path(folder, segment)
        if not path.exists():  # dropped meanwhile
            continue
        descriptor = os.open(path, os.O_WRONLY)
        try:
            for patch in patches:
                if patch.segment == segment:
                    os.pwrite(descriptor, patch.data, patch.offset)
                    if on_fault is not None:
                        on_fault(FaultPoint.REDACTION_MID)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
    (folder / REDACTION_FILE).unlink(missing_ok=True)
    sync_folder(folder)
