"""Intake: an outside message becomes a fact. Checked, identified, freed of repeats, or quarantined with a reason; never lost."""

from opportune.intake.columns import ColumnDecoder
from opportune.intake.hashing import KEY_BYTES, hash_identifier, hash_message, key_words
from opportune.intake.identity import CUSTOMERS_MAX, IdentityIndex
from opportune.intake.ndjson import BLANKS, LINE_BYTES_MAX, Clock, Decoder, Intake
from opportune.intake.quarantine import QUARANTINE_TEXTS, Quarantined, QuarantineReason
from opportune.intake.mappings import SourceDefinition
from opportune.intake.repeats import HORIZON_MS, REPEATS_MAX, RepeatFilter
from opportune.intake.sources import Position, ReadLimits, read_messages

__all__ = [
    "BLANKS",
    "CUSTOMERS_MAX",
    "HORIZON_MS",
    "KEY_BYTES",
    "LINE_BYTES_MAX",
    "QUARANTINE_TEXTS",
    "REPEATS_MAX",
    "Clock",
    "ColumnDecoder",
    "Decoder",
    "IdentityIndex",
    "Intake",
    "Position",
    "QuarantineReason",
    "Quarantined",
    "ReadLimits",
    "RepeatFilter",
    "SourceDefinition",
    "hash_identifier",
    "hash_message",
    "key_words",
    "read_messages",
]
