"""Fault points: the moments of an export at which a crash differs from a crash a moment earlier."""

from collections.abc import Callable
from enum import StrEnum


class WarehouseFault(StrEnum):
    """Where `on_fault` is called, in the order of one part's way to disk."""

    MID_PART = "mid_part"
    """Some of a part's files are in place, others are not."""
    FILE_ASIDE = "file_aside"
    """A file is whole under the name it is written by, and not yet under its own."""
    BEFORE_MANIFEST = "before_manifest"
    AFTER_MANIFEST = "after_manifest"
    MID_REMOVAL = "mid_removal"
    """Some of the files that nobody asks for any more are gone."""


OnWarehouseFault = Callable[[WarehouseFault], None]
