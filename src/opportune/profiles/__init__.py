"""Customer columns: typed tags, counters over rolling windows, and the fold of facts into them. Pure."""

from opportune.profiles.areas import (
    LATITUDE_MAX, LONGITUDE_MAX, MICRO, cosine_ppm, in_circle, in_polygon, radius_of,
)  # fmt: skip
from opportune.profiles.buckets import widen_rows
from opportune.profiles.cells import load, store
from opportune.profiles.combine import combine_counters, copy_record
from opportune.profiles.columns import (
    BUCKETS_MAX, DISTINCT_DEFAULT, DISTINCT_MAX, MEASURES, PROFILES, RECORDS, RECORD_BYTES_ALONE_MAX, RECORD_BYTES_MAX, RECORD_HEADER_BYTES, SLOT_AT, SLOT_COUNT, UNIT_DAY, UNIT_HOUR, UNIT_LIFE, WIDE_HEADER_BYTES,
    WIDE_PLACE, HotCounter, HotTag, Layout, ProfilePlan, columns_of, counters_of, event_counters_of, i8_of, plan_records, point_records, read_column, tag_columns_of,
)  # fmt: skip
from opportune.profiles.definitions import Area, CounterDefinition, Detection, DetectorDefinition, TagDefinition
from opportune.profiles.detection import (
    ANSWERS, AREA, BEGINS, CROSSING, DATE, DATES, DETECTION, DETECTOR, GLANCES, LISTENS, LOOKS, RULE, SEES, SILENCE, THEN,
    THEN_NOT, DetectionPlan, corners_of, detector_of_of, detectors_of, kept_of, listens_of, tag_detectors_of, tag_first_of,
)  # fmt: skip
from opportune.profiles.fold import (
    FOLDED_LATE, FOLDED_OVERFLOW, count_event, create_record, forget_record, roll_rows, roll_windows, set_tag,
)  # fmt: skip
from opportune.profiles.holding import hold_records
from opportune.profiles.pending import (
    DETECTIONS, NO_PENDING, PENDING, PENDING_PER_CUSTOMER_MAX, PENDING_SLOTS, adopt_hers, adopt_pending, await_deadline, close_pending, find_pending,
    first_in_minute, first_pending, forget_pending, looks_of, open_pending, over_pending, pending_heads_of, pending_of, pending_values_of, take_over_pending,
)  # fmt: skip

__all__ = [
    "ANSWERS", "AREA", "BEGINS", "BUCKETS_MAX", "CROSSING", "DATE", "DATES", "DETECTION", "DETECTIONS", "DETECTOR",
    "DISTINCT_DEFAULT", "DISTINCT_MAX", "FOLDED_LATE", "FOLDED_OVERFLOW", "GLANCES", "LATITUDE_MAX", "LISTENS",
    "LONGITUDE_MAX", "LOOKS", "MEASURES", "MICRO", "NO_PENDING", "PENDING", "PENDING_PER_CUSTOMER_MAX",
    "PENDING_SLOTS", "PROFILES", "RECORDS", "RECORD_BYTES_ALONE_MAX", "RECORD_BYTES_MAX", "RECORD_HEADER_BYTES",
    "RULE", "SEES", "SILENCE", "SLOT_AT", "SLOT_COUNT", "THEN", "THEN_NOT", "UNIT_DAY", "UNIT_HOUR", "UNIT_LIFE",
    "WIDE_HEADER_BYTES", "WIDE_PLACE", "Area", "CounterDefinition", "Detection", "DetectionPlan",
    "DetectorDefinition", "HotCounter", "HotTag", "Layout", "ProfilePlan", "TagDefinition", "adopt_hers",
    "adopt_pending", "await_deadline", "close_pending", "columns_of", "combine_counters",
    "copy_record", "corners_of", "cosine_ppm", "count_event", "counters_of", "create_record", "detector_of_of",
    "detectors_of", "event_counters_of", "find_pending", "first_in_minute", "first_pending", "forget_pending",
    "forget_record", "hold_records", "i8_of", "in_circle", "in_polygon", "kept_of", "listens_of", "load", "looks_of",
    "open_pending", "over_pending", "pending_heads_of", "pending_of", "pending_values_of", "plan_records",
    "point_records", "radius_of", "read_column", "roll_rows", "roll_windows", "set_tag", "store", "tag_columns_of",
    "tag_detectors_of", "tag_first_of", "take_over_pending", "widen_rows",
]  # fmt: skip
