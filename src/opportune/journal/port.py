"""What every journal can do, wherever it keeps its groups; `tests/journal/suite.py` is its law."""

from collections.abc import Iterator
from typing import Protocol

from opportune.journal.commit import Commit
from opportune.journal.frame import Group


class JournalPort(Protocol):
    """A journal open for writing."""

    @property
    def first_seq(self) -> int:
        """The first fact that is still kept; `next_seq` of an empty journal."""

    @property
    def next_seq(self) -> int:
        """The number that the next appended fact must have."""

    @property
    def durable_seq(self) -> int:
        """Every fact below this number is durable."""

    @property
    def bytes(self) -> int:
        """Bytes kept."""

    def append(self, group: Group) -> Commit:
        """Queue a group; its arrays are copied at once. Raises JournalError for a gap, JournalFailed after a failure."""

    def read(self, from_seq: int = 0) -> Iterator[Group]:
        """The durable groups from the one that holds fact `from_seq` on, in order."""

    def drop_before(self, seq: int) -> int:
        """Let go of durable facts below `seq`, as far as whole segments allow; how many bytes went. Reading them then raises JournalDropped."""

    def close(self) -> None:
        """Commit what is queued, then let go."""
