"""Definitions of segments: a condition over tags under a name, to count, compare, keep for audit and export."""

import msgspec

from opportune.facts import Title


class SegmentDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named part of the customers: those for whom `where`, a condition over tags, is true now. It decides nothing by itself."""

    segment: str
    where: str
    title: Title = Title()
    owner: str = ""
    note: str = ""
