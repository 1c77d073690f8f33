"""Intake: an outside message becomes a fact. Checked, identified, freed of repeats, or quarantined with a reason; never lost."""

from opportune.intake.cleaning import Cells, Statistics, StepCount, StepDefinition, Verdict
from opportune.intake.columns import ColumnDecoder
from opportune.intake.connectors import Fetch, FetchFailedError, Reach, State, fetch
from opportune.intake.doors import (
    BATCH_EVENTS_MAX, BATCH_ROUTES, BODY_BYTES_MAX, INFLATE_RATIO_MAX, SINGLE_ROUTES, BodyRefusedError, Translated, inflated, posthog_key,
    redriven_line, require_object, translate_batch, translate_cloudevents, translate_posthog, translate_sensors, translate_single,
)  # fmt: skip
from opportune.intake.extras import ExtraMissingError
from opportune.intake.hashing import KEY_BYTES, hash_identifier, hash_message, key_words
from opportune.intake.identity import (
    CONFLICT_TEXTS, CUSTOMERS_MAX, GROUP_MAX, MOVED_VALUES, Conflict, IdentityIndex, limits_of,
)  # fmt: skip
from opportune.intake.loading import Load, LoadResult, Shown, cells_of, stored_row
from opportune.intake.ndjson import BLANKS, LINE_BYTES_MAX, Clock, Decoder, Intake
from opportune.intake.personal import looks_personal
from opportune.intake.profile import BASELINE_ROWS_MIN, FieldProfile, Profile, Profiler
from opportune.intake.quarantine import QUARANTINE_TEXTS, Quarantined, QuarantineReason
from opportune.intake.matching import (
    LEVEL_TEXTS, Cluster, Evidence, Linkage, MatchingDefinition, Pair, clusters_of, find_pairs, read_matching,
)  # fmt: skip
from opportune.intake.mappings import QualityDefinition, SenderDefinition, SourceDefinition, is_lenient, is_sender
from opportune.intake.repeats import HORIZON_MS, REPEATS_MAX, RepeatFilter
from opportune.intake.sources import Position, ReadLimits, read_messages

__all__ = [
    "BASELINE_ROWS_MIN", "BATCH_EVENTS_MAX", "BATCH_ROUTES", "BLANKS", "BODY_BYTES_MAX", "CONFLICT_TEXTS", "CUSTOMERS_MAX", "GROUP_MAX", "HORIZON_MS", "INFLATE_RATIO_MAX", "KEY_BYTES", "LEVEL_TEXTS",
    "LINE_BYTES_MAX", "MOVED_VALUES", "QUARANTINE_TEXTS", "REPEATS_MAX", "SINGLE_ROUTES", "BodyRefusedError", "Cells", "Clock", "Cluster", "ColumnDecoder", "Conflict", "Decoder", "Evidence",
    "ExtraMissingError", "Fetch", "FetchFailedError", "FieldProfile", "IdentityIndex", "Intake", "Linkage", "Load", "LoadResult", "MatchingDefinition", "Pair", "Position", "Profile", "Profiler",
    "QualityDefinition", "QuarantineReason", "Quarantined", "Reach", "ReadLimits", "RepeatFilter", "SenderDefinition", "Shown", "SourceDefinition", "State", "Statistics", "StepCount",
    "StepDefinition", "Translated", "Verdict", "cells_of", "clusters_of", "fetch", "find_pairs", "hash_identifier", "hash_message", "inflated", "is_lenient", "is_sender", "key_words", "limits_of",
    "looks_personal", "posthog_key", "read_matching", "read_messages", "redriven_line", "require_object", "stored_row", "translate_batch", "translate_cloudevents", "translate_posthog",
    "translate_sensors", "translate_single",
]  # fmt: skip
