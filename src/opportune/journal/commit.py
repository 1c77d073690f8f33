"""A group on its way to disk, as the one who appended it sees it."""

import threading
from collections.abc import Callable

from opportune.journal.errors import JournalFailed


class Commit:
    """The promise that the facts below `end_seq` will be on disk; only then may they be acknowledged."""

    __slots__ = ("_changed", "_done", "_failure", "_then", "end_seq")

    def __init__(self, end_seq: int, changed: threading.Condition) -> None:
        self.end_seq = end_seq
        self._changed = changed
        self._done = False
        self._failure: BaseException | None = None
        self._then: list[Callable[[Commit], object]] = []

    @property
    def done(self) -> bool:
        """Whether it has come to an end: on disk, or failed."""
        return self._done

    @property
    def failed(self) -> bool:
        """Whether the disk refused it; `wait` raises why."""
        return self._failure is not None

    def wait(self, timeout_s: float | None = None) -> None:
        """Return once the group is on disk. Raises JournalFailed where the disk refused it, TimeoutError."""
        if not self._done:
            with self._changed:
                if not self._changed.wait_for(lambda: self._done, timeout_s):
                    raise TimeoutError(f"the commit of the facts below {self.end_seq:,} took more than {timeout_s} s")
        if self._failure is not None:
            raise JournalFailed(
                f"the facts below {self.end_seq:,} were not committed: {self._failure}"
            ) from self._failure

    def then(self, call: Callable[["Commit"], object]) -> None:
        """Call `call(commit)` when it is done: at once where it is, else from the commit thread.

        Made for an event loop's `call_soon_threadsafe`: `call` must be short, and what it raises is only counted.
        """
        with self._changed:
            if not self._done:
                self._then.append(call)
                return
        call(self)

    def finish(self, failure: BaseException | None) -> list[Callable[["Commit"], object]]:
        """For the journal, holding the lock: it is done; returns whom to call."""
        self._failure = failure
        self._done = True
        return self._then
