"""The journal: the append-only log of facts and what the engine made of them, and the snapshots a start begins from.

A group is acknowledged after it is on disk, never before; numbering has no gaps; what was durable and is damaged is
refused, never skipped.
"""

from opportune.journal.commit import Commit
from opportune.journal.embedded import SEGMENT_BYTES_MAX, Journal
from opportune.journal.errors import JournalCorrupt, JournalDropped, JournalError, JournalFailed, JournalLocked
from opportune.journal.faults import FaultPoint, OnFault
from opportune.journal.frame import GROUP_BYTES_MAX, Group
from opportune.journal.layout import ARRAYS_MAX
from opportune.journal.port import JournalPort
from opportune.journal.reader import JournalReader
from opportune.journal.snapshots import Snapshot, SnapshotStore

__all__ = [
    "ARRAYS_MAX",
    "GROUP_BYTES_MAX",
    "SEGMENT_BYTES_MAX",
    "Commit",
    "FaultPoint",
    "Group",
    "Journal",
    "JournalCorrupt",
    "JournalDropped",
    "JournalError",
    "JournalFailed",
    "JournalLocked",
    "JournalPort",
    "JournalReader",
    "OnFault",
    "Snapshot",
    "SnapshotStore",
]
