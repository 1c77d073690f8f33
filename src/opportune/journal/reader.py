"""Reading the groups of a journal in order, beside a writer or alone."""

import bisect
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path

from opportune.journal.errors import JournalCorrupt, JournalDropped, JournalError
from opportune.journal.frame import Group
from opportune.journal.segments import REDACTION_FILE, FrameCursor, Marks, segment_path, segment_seqs

REDACTION_SECONDS_MAX, REDACTION_LOOK_SECONDS = 10.0, 0.002


class JournalReader:
    """A journal read without its lock, safe beside a live writer: it stops at the last whole group that is on disk."""

    def __init__(self, folder: Path, marks: Marks | None = None) -> None:
        self.folder = folder
        self._marks = marks or Marks()

    @classmethod
    def open(cls, folder: Path) -> "JournalReader":
        """A reader of the journal in `folder`. Raises JournalError where there is none."""
        if not folder.is_dir():
            raise JournalError(f"{folder} holds no journal; name the folder that a writer has opened")
        return cls(folder)

    @property
    def first_seq(self) -> int:
        """The first fact that is still kept."""
        return next(iter(segment_seqs(self.folder)), 0)

    @property
    def bytes(self) -> int:
        """Bytes of all segments."""
        return sum(size for _, size, _ in self.segments())

    def segments(self) -> list[tuple[int, int, float]]:
        """(first fact, bytes, seconds since 1970 when it was last written to) of every segment, in order."""
        found = []
        for seq in segment_seqs(self.folder):
            with suppress(FileNotFoundError):  # it was dropped meanwhile
                stat = segment_path(self.folder, seq).stat()
                found.append((seq, stat.st_size, stat.st_mtime))
        return found

    def read(self, from_seq: int = 0, end_seq: int | None = None) -> Iterator[Group]:
        """The groups from the one that holds fact `from_seq` on, in order, up to the last durable one.

        With `end_seq`, which the caller knows to be durable, exactly up to there. A later call goes on quickly from
        any `from_seq` already passed. Raises JournalCorrupt where what was durable is damaged, and JournalDropped
        where fact `from_seq`, or one behind it that is to be read next, is no longer kept.
        """
        segments = segment_seqs(self.folder)
        if not segments:
            return
        if from_seq < segments[0]:
            raise JournalDropped(self.folder, from_seq, segments[0])
        segment: int | None = segments[bisect.bisect_right(segments, from_seq) - 1]
        while segment is not None:
            segment = yield from self._read_segment(segment, from_seq, end_seq)

    def _read_segment(self, segment: int, from_seq: int, end_seq: int | None) -> Generator[Group, None, int | None]:
        """Yield one segment's groups; returns the segment to go on with, or None at the end. Raises JournalCorrupt."""
        seq, offset = self._marks.near(segment, from_seq)
        try:
            opened = FrameCursor(segment_path(self.folder, segment), offset, seq)
        except FileNotFoundError as error:
            raise JournalDropped(self.folder, max(seq, from_seq), self.first_seq) from error
        with closing(opened) as cursor:
            cursor.extend(sync=end_seq is None)
            cursor.skip(from_seq)
            suspect = settled = -1
            waited = 0.0
            while end_seq is None or cursor.seq < end_seq:
                seq, offset = cursor.seq, cursor.offset
                group = cursor.group()
                if group is not None:
                    self._marks.add(segment, seq, offset)
                    yield group
                    continue
                # A writer may be at work: look for what proves the frame whole first, then look at the frame again.
                following = self._following(segment)
                proven = following is not None or end_seq is not None or cursor.counted_durable()
                if cursor.extend(sync=end_seq is None):
                    continue
                if proven and suspect != offset:
                    suspect = offset
                    continue
                if offset == cursor.end and following == seq:
                    return following
                if (
                    offset == cursor.end and segment < self.first_seq
                ):  # dropped, with those behind it, while it was read
                    raise JournalDropped(self.folder, seq, self.first_seq)
                if proven and (self.folder / REDACTION_FILE).exists() and waited < REDACTION_SECONDS_MAX:
                    time.sleep(REDACTION_LOOK_SECONDS)  # its checksum comes in a moment
                    waited += REDACTION_LOOK_SECONDS
                    continue
                if proven and settled != offset:
                    settled = offset  # a redaction may have ended just now
                    continue
                if proven:
                    raise JournalCorrupt(cursor.path, offset, cursor.cause)
                return None
        return None

    def _following(self, segment: int) -> int | None:
        return next((first for first in segment_seqs(self.folder) if first > segment), None)
