"""Intake: an outside message becomes a fact. Checked, identified, freed of repeats, or quarantined with a reason; never lost."""

from opportune.intake.columns import ColumnDecoder
from opportune.intake.doors import (
    BATCH_EVENTS_MAX, BATCH_ROUTES, BODY_BYTES_MAX, INFLATE_RATIO_MAX, SINGLE_ROUTES, BodyRefusedError, Translated, inflated, posthog_key,
    redriven_line, require_object, translate_batch, translate_cloudevents, translate_posthog, translate_sensors, translate_single,
)  # fmt: skip
from opportune.intake.hashing import KEY_BYTES, hash_identifier, hash_message, key_words
from opportune.intake.identity import CUSTOMERS_MAX, IdentityIndex
from opportune.intake.ndjson import BLANKS, LINE_BYTES_MAX, Clock, Decoder, Intake
from opportune.intake.personal import looks_personal
from opportune.intake.quarantine import QUARANTINE_TEXTS, Quarantined, QuarantineReason
from opportune.intake.mappings import SourceDefinition
from opportune.intake.repeats import HORIZON_MS, REPEATS_MAX, RepeatFilter
from opportune.intake.sources import Position, ReadLimits, read_messages

__all__ = [
    "BATCH_EVENTS_MAX", "BATCH_ROUTES", "BLANKS", "BODY_BYTES_MAX", "CUSTOMERS_MAX", "HORIZON_MS",
    "INFLATE_RATIO_MAX", "KEY_BYTES", "LINE_BYTES_MAX", "QUARANTINE_TEXTS", "REPEATS_MAX", "SINGLE_ROUTES",
    "BodyRefusedError", "Clock", "ColumnDecoder", "Decoder", "IdentityIndex", "Intake", "Position",
    "QuarantineReason", "Quarantined", "ReadLimits", "RepeatFilter", "SourceDefinition", "Translated",
    "hash_identifier", "hash_message", "inflated", "key_words", "looks_personal", "posthog_key", "read_messages", "redriven_line", "require_object", "translate_batch",
    "translate_cloudevents", "translate_posthog", "translate_sensors", "translate_single",
]  # fmt: skip
