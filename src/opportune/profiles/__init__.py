"""Customer columns: typed tags, counters over rolling windows, and the fold of facts into them. Pure."""

from opportune.profiles.cells import load, store
from opportune.profiles.columns import (
    BUCKETS_MAX, MEASURES, PROFILES, RECORDS, RECORD_HEADER_BYTES, SLOT_AT, SLOT_COUNT, UNIT_DAY, UNIT_HOUR, UNIT_LIFE, WIDE_HEADER_BYTES,
    WIDE_PLACE, HotCounter, HotTag, Layout, ProfilePlan, counters_of, event_counters_of, i8_of, plan_records, point_records, read_column,
)  # fmt: skip
from opportune.profiles.definitions import CounterDefinition, TagDefinition
from opportune.profiles.fold import (
    FOLDED_LATE, FOLDED_OVERFLOW, count_event, create_record, roll_rows, roll_windows, set_tag,
)  # fmt: skip

__all__ = [
    "BUCKETS_MAX", "FOLDED_LATE", "FOLDED_OVERFLOW", "MEASURES", "PROFILES", "RECORDS", "RECORD_HEADER_BYTES", "SLOT_AT", "SLOT_COUNT",
    "UNIT_DAY", "UNIT_HOUR", "UNIT_LIFE", "WIDE_HEADER_BYTES", "WIDE_PLACE", "CounterDefinition", "HotCounter", "HotTag", "Layout", "ProfilePlan",
    "TagDefinition", "count_event", "counters_of", "create_record", "event_counters_of", "i8_of", "load", "plan_records",
    "point_records", "read_column", "roll_rows", "roll_windows", "set_tag", "store",
]  # fmt: skip
