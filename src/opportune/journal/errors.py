"""What can go wrong with a journal. Every message names the place, the cause and what to do."""

from pathlib import Path


class JournalError(Exception):
    """Any error of the journal; by itself: it was used wrongly (a gap in the numbering, an append after close)."""


class JournalLocked(JournalError):  # noqa: N818 - the name says what happened
    """Another process writes this journal."""


class JournalCorrupt(JournalError):  # noqa: N818 - the name says what happened
    """Bytes that were once on disk are no longer what was written; `path` and `offset` (bytes) say where."""

    def __init__(self, path: Path, offset: int, cause: str) -> None:
        super().__init__(
            f"{path}, byte {offset:,}: {cause}; nothing was changed; restore this file from a copy, "
            "or start from a snapshot taken after it"
        )
        self.path = path
        self.offset = offset


class JournalDropped(JournalError):  # noqa: N818 - the name says what happened
    """A fact is asked for whose segment was dropped after its export; the warehouse has it."""

    def __init__(self, folder: Path, seq: int, first_seq: int) -> None:
        super().__init__(f"{folder} keeps facts from {first_seq:,} on; fact {seq:,} was dropped")


class JournalFailed(JournalError):  # noqa: N818 - the name says what happened
    """The disk refused a commit. Groups not acknowledged are not in the journal; it takes no more until it is opened again."""
