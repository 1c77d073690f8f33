"""Fault points: the moments of a commit at which a crash differs from a crash a moment earlier.

A journal or snapshot store given `on_fault` calls it at each of them; crash tests kill their process there. A hook
that raises is treated as a failure of the disk at that point.
"""

from collections.abc import Callable
from enum import StrEnum


class FaultPoint(StrEnum):
    """Where `on_fault` is called, in the order of a commit and of a snapshot."""

    BEFORE_WRITE = "before_write"
    MID_WRITE = "mid_write"
    """The first half of a frame is in the file, the second half is not (once per frame)."""
    AFTER_WRITE = "after_write"
    BEFORE_SYNC = "before_sync"
    AFTER_SYNC = "after_sync"
    SEGMENT_CREATED = "segment_created"
    """The next segment's file exists and is empty; its folder is not synced yet."""
    SEGMENT_DROPPED = "segment_dropped"
    """A segment is gone, durably; older ones went before it, younger ones that are to go are still there."""
    REDACTION_ASIDE = "redaction_aside"
    """What is to be overwritten is written down; nothing is overwritten yet."""
    REDACTION_MID = "redaction_mid"
    """Some bytes are overwritten, others are not, the frame's checksum does not match (once per run of bytes)."""
    SNAPSHOT_MID = "snapshot_mid"
    """The first half of the first array is in the file set aside (or, without bytes in it, the file is still empty)."""
    SNAPSHOT_BEFORE_RENAME = "snapshot_before_rename"
    SNAPSHOT_AFTER_RENAME = "snapshot_after_rename"


OnFault = Callable[[FaultPoint], None]
