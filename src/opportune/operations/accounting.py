"""The accounting identity of intake, per source: received = applied + duplicates + quarantined. Journaled with every group."""

import msgspec

from opportune.intake import Intake


class SourceAccount(msgspec.Struct):
    """What became of one source's messages so far; `position` is how many an import has handed in, to go on from; `load` the source's load they are of.

    `conflicts` are merges refused, `conflicts_by` reason; `merged` those that were made.
    `set_aside` of those applied hold something that a lenient source may say and the catalogue does not know.
    """

    received: int = 0
    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    clashes: int = 0
    rounded: int = 0
    conflicts: int = 0
    position: int = 0
    finished: bool = False
    load: int = 0
    conflicts_by: dict[str, int] = {}
    merged: int = 0
    set_aside: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every message received is accounted for."""
        return self.received == self.applied + self.duplicates + self.quarantined


class Accounting(msgspec.Struct):
    """The accounts of all sources, by name."""

    sources: dict[str, SourceAccount] = {}

    def add(self, source: str, intake: Intake) -> SourceAccount:
        """Count one decoded piece of a source's messages."""
        account = self.sources.setdefault(source, SourceAccount())
        account.received += intake.received
        account.applied += intake.applied
        account.duplicates += intake.duplicates
        account.quarantined += len(intake.quarantined)
        account.clashes += intake.clashes
        account.rounded += intake.rounded
        account.conflicts += intake.conflicts.total()
        for reason, many in intake.conflicts.items():
            account.conflicts_by[reason.value] = account.conflicts_by.get(reason.value, 0) + many
        account.merged += len(intake.merged)
        account.set_aside += intake.set_aside
        return account

    def encode(self) -> bytes:
        """As JSON, for the journal."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> "Accounting":
        """What `encode` wrote."""
        return msgspec.json.decode(body, type=cls)
