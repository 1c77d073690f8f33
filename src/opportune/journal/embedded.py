"""The embedded journal: one folder, one writer, group commit in a thread of its own.

While one fdatasync runs, the groups appended meanwhile queue up and share the next one.
"""

import fcntl
import itertools
import os
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from opportune.journal.commit import Commit
from opportune.journal.errors import JournalError, JournalFailed, JournalLocked
from opportune.journal.faults import FaultPoint, OnFault
from opportune.journal.frame import GROUP_BYTES_MAX, GROUP_FACTS_MAX, Group
from opportune.journal.layout import encode_arrays
from opportune.journal.reader import JournalReader
from opportune.journal.redaction import OnRedact, Redact, finish_redaction, redact
from opportune.journal.segments import Marks, segment_path, segment_seqs, sync_folder
from opportune.journal.tail import Frame, Tail

SEGMENT_BYTES_MAX = 256 << 20
QUEUED_BYTES_MAX = 64 << 20
COMMIT_BYTES_MAX = 4 << 20
LOCK_FILE = "lock"


class Journal:
    """An append-only log of groups of facts, open for writing. Appending is for one thread at a time, reading for any."""

    def __init__(
        self,
        folder: Path,
        lock_fd: int,
        tail: Tail,
        queued_bytes_max: int,
        commit_thread: bool,
        on_fault: OnFault | None = None,
    ) -> None:
        self.folder = folder
        self._on_fault = on_fault
        self.cut_bytes = tail.cut_bytes
        """Bytes of a torn, never acknowledged frame that were cut off at opening."""
        self.calls_failed = 0
        """How many calls given to `Commit.then` raised."""
        self._lock_fd = lock_fd
        self._tail = tail
        self._reader = JournalReader(folder, tail.marks)
        self._queued_bytes_max = queued_bytes_max
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._changed = threading.Condition(self._lock)
        self._queue: deque[tuple[Frame, Commit]] = deque()
        self._queued_bytes = 0
        self._next_seq = self._durable_seq = tail.next_seq
        self._failure: BaseException | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal-commit", daemon=True) if commit_thread else None
        if self._thread is not None:
            self._thread.start()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        queued_bytes_max: int = QUEUED_BYTES_MAX,
        commit_thread: bool = True,
        on_fault: OnFault | None = None,
    ) -> "Journal":
        """Open the journal in `folder` for writing, making it where there is none.

        segment_bytes_max  a segment file is not made longer than this (unless one group is)
        queued_bytes_max   `append` waits while so many bytes are on their way to disk
        commit_thread      False: `append` itself writes and syncs

        Raises JournalLocked where another process writes it, JournalCorrupt where durable bytes are damaged, OSError.
        """
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        lock_fd = _lock(folder)
        try:
            finish_redaction(folder)
            tail = Tail.open(folder, segment_bytes_max, Marks(), on_fault)
        except BaseException:
            os.close(lock_fd)
            raise
        return cls(folder, lock_fd, tail, queued_bytes_max, commit_thread, on_fault)

    @property
    def first_seq(self) -> int:
        """The first fact that is still kept; `next_seq` of an empty journal."""
        return self._reader.first_seq

    @property
    def next_seq(self) -> int:
        """The number that the next appended fact must have."""
        return self._next_seq

    @property
    def durable_seq(self) -> int:
        """Every fact below this number is on disk."""
        return self._durable_seq

    @property
    def bytes(self) -> int:
        """Bytes of all segments."""
        return self._reader.bytes

    def append(self, group: Group) -> Commit:
        """Queue a group for the next commit; its arrays are copied at once. Waits while too many bytes are queued.

        Raises JournalError for a group that leaves a gap, is empty or too large, or after close; JournalFailed once the
        disk has refused a commit.
        """
        table_bytes, payload = encode_arrays(group.arrays)
        if not 0 < group.count <= GROUP_FACTS_MAX or len(payload) > GROUP_BYTES_MAX:
            raise JournalError(
                f"a group of {group.count:,} facts in {len(payload):,} bytes: from 1 to {GROUP_FACTS_MAX:,} facts and "
                f"at most {GROUP_BYTES_MAX:,} bytes go into one; split it"
            )
        frame = Frame(group.first_seq, group.count, group.received_ms, table_bytes, payload)
        commit = Commit(group.end_seq, self._changed)
        with self._lock:
            self._changed.wait_for(lambda: self._has_room(len(payload)))
            self._check_next(group.first_seq)
            self._queue.append((frame, commit))
            self._queued_bytes += len(payload)
            self._next_seq = group.end_seq
            self._work.notify()
        if self._thread is None:
            while self._commit_next():
                pass
        return commit

    def read(self, from_seq: int = 0) -> Iterator[Group]:
        """The durable groups from the one that holds fact `from_seq` on, in order.

        Raises JournalCorrupt where bytes that were durable are damaged, JournalDropped where the fact is no longer kept.
        """
        return self._reader.read(from_seq, self._durable_seq)

    def drop_before(self, seq: int) -> int:
        """Delete the segments all of whose facts are durable and below `seq`, the oldest first, each for good before the next.

        The last segment always stays. Returns how many bytes went; raises OSError.
        """
        gone = 0
        for first, following in itertools.pairwise(segment_seqs(self.folder)):
            if following > min(seq, self._durable_seq):
                break
            path = segment_path(self.folder, first)
            size = path.stat().st_size
            path.unlink()
            sync_folder(self.folder)
            self._tail.marks.forget(first)
            gone += size
            if self._tail.on_fault is not None:
                self._tail.on_fault(FaultPoint.SEGMENT_DROPPED)
        return gone

    def redact(self, end_seq: int, change: Redact, on_progress: OnRedact | None = None) -> int:
        """Overwrite in place what `change` gives of the groups below `end_seq`, for the forgetting of a person; how many groups it touched.

        May run in a thread of its own, beside appending. Raises JournalError where not all of that is durable yet, JournalCorrupt, OSError.
        """
        if end_seq > self._durable_seq:
            raise JournalError(f"{self.folder}: fact {end_seq - 1:,} is not durable yet; wait for its commit")
        return redact(self.folder, end_seq, change, on_progress, self._on_fault)

    def close(self) -> None:
        """Commit what is queued, then let go of the journal. Waiters of groups that fail are told, `close` does not raise."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._work.notify()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._tail.close()
        os.close(self._lock_fd)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _has_room(self, size: int) -> bool:
        fits = self._queued_bytes + size <= self._queued_bytes_max or not self._queued_bytes
        return fits or self._closed or self._failure is not None

    def _check_next(self, first_seq: int) -> None:
        if self._failure is not None:
            raise JournalFailed(
                f"{self.folder} takes no more facts until it is opened again: {self._failure}"
            ) from self._failure
        if self._closed:
            raise JournalError(f"{self.folder} is closed; open it again to append")
        if first_seq != self._next_seq:
            raise JournalError(
                f"{self.folder}: a group begins with fact {first_seq:,}, but fact {self._next_seq:,} is next; "
                "number groups from `next_seq`, without gaps"
            )

    def _run(self) -> None:
        while True:
            with self._lock:
                self._work.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
            self._commit_next()

    def _commit_next(self) -> bool:
        """Commit the groups at the head of the queue together; False where there are none."""
        with self._lock:
            batch: list[tuple[Frame, Commit]] = []
            size = 0
            while self._queue and (not batch or size + len(self._queue[0][0].payload) <= COMMIT_BYTES_MAX):
                batch.append(self._queue.popleft())
                size += len(batch[-1][0].payload)
        if not batch:
            return False
        failure: BaseException | None = None
        try:
            self._tail.commit([frame for frame, _ in batch])
        except BaseException as error:  # whatever it is, nobody may take these groups for durable
            failure = error
            self._cut_back()
        self._finish([commit for _, commit in batch], size, failure)
        if failure is not None and not isinstance(failure, Exception):
            raise failure  # an interrupt is not ours to keep
        return True

    def _cut_back(self) -> None:
        try:
            self._tail.cut_back()
        except OSError as error:
            # The next opening finds the end of the whole frames by itself; what is left over was acknowledged to nobody.
            self._failure = error

    def _finish(self, commits: list[Commit], size: int, failure: BaseException | None) -> None:
        with self._lock:
            # Some of a failed batch may be durable, in the segment it began in; those are acknowledged.
            self._durable_seq = self._tail.next_seq
            if failure is not None:
                self._failure = failure
                commits += [commit for _, commit in self._queue]
                self._queue.clear()
                size = self._queued_bytes
            self._queued_bytes -= size
            calls = [
                (commit, call)
                for commit in commits
                for call in commit.finish(None if commit.end_seq <= self._durable_seq else failure)
            ]
            self._changed.notify_all()
        for commit, call in calls:
            try:
                call(commit)
            except Exception:
                self.calls_failed += 1


def _lock(folder: Path) -> int:
    """Take the folder's lock; the returned descriptor holds it. Raises JournalLocked."""
    fd = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise JournalLocked(
            f"{folder} is being written by process {holder}; stop that process first, or only read, with JournalReader"
        ) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
