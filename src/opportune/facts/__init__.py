"""The vocabulary: facts, their values and types, definitions' scalars, reason codes. Pure; everything else speaks it."""

from opportune.facts.batch import NOBODY, Arrays, BatchBuilder, FactBatch
from opportune.facts.bundles import bundle, in_lines, point, pointed, record, table
from opportune.facts.catalogue import Catalogue, EventSchema, IdentifierRule, Numbering, PropertySchema, TagSchema
from opportune.facts.compiled import COMPILED, compiled, compiled_leaf
from opportune.facts.definitions import (
    MAX_AGE_MS, DeploymentDefinition, EventDefinition, IdentifierDefinition, PropertyDefinition, RetentionDefinition, Title,
)  # fmt: skip
from opportune.facts.dictionary import TEXTS_MAX, TextDictionary
from opportune.facts.kinds import (
    FORGOTTEN_EVERYWHERE, FORGOTTEN_FROM_HERE, Answer, Arm, FactKind, GoalKind, MoveKind, Outcome,
)  # fmt: skip
from opportune.facts.lists import WHEEL_HEAD, join_slot, leave_customer, leave_slot
from opportune.facts.outputs import (
    CONTACTED, DECISION, DERIVED, DERIVED_VALUES_MAX, FATE, GOAL, LIMIT, MOVE, NO_CAMPAIGN, NO_OFFER, NO_TOUCHPOINT, WITHHELD, Outputs, contacts_made, made_at_once, owners_of_marks,
)  # fmt: skip
from opportune.facts.persons import Persons
from opportune.facts.reasons import REASON_TEXTS, Reason
from opportune.facts.rows import first_byte, load8, lowest_bit, prefetch
from opportune.facts.scalars import (
    MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, PPM, Decimal, Duration, LocalTime, Rate, decode_scalar,
    encode_scalar, parse_duration, parse_rate, parse_scaled, schema_of_scalar,
)  # fmt: skip
from opportune.facts.values import NULL, SET_MEMBERS_MAX, TEXT_BYTES_MAX, VALUE_MAX, Kind, ValueType, value_type
from opportune.facts.zones import ZoneTable, local_moment, transitions, zone_change, zone_offset, zone_table

__all__ = [
    "COMPILED", "CONTACTED", "DECISION", "DERIVED", "DERIVED_VALUES_MAX", "FATE", "FORGOTTEN_EVERYWHERE",
    "FORGOTTEN_FROM_HERE", "GOAL", "LIMIT", "MAX_AGE_MS", "MOVE", "MS_PER_DAY", "MS_PER_HOUR", "MS_PER_MINUTE",
    "MS_PER_SECOND", "NOBODY", "NO_CAMPAIGN", "NO_OFFER", "NO_TOUCHPOINT", "NULL", "PPM", "REASON_TEXTS",
    "SET_MEMBERS_MAX", "TEXTS_MAX", "TEXT_BYTES_MAX", "VALUE_MAX", "WHEEL_HEAD", "WITHHELD", "Answer", "Arm",
    "Arrays", "BatchBuilder", "Catalogue", "Decimal", "DeploymentDefinition", "Duration", "EventDefinition",
    "EventSchema", "FactBatch", "FactKind", "GoalKind", "IdentifierDefinition", "IdentifierRule", "Kind", "LocalTime",
    "MoveKind", "Numbering", "Outcome", "Outputs", "Persons", "PropertyDefinition", "PropertySchema", "Rate",
    "Reason", "RetentionDefinition", "TagSchema", "TextDictionary", "Title", "ValueType", "ZoneTable", "bundle",
    "compiled", "compiled_leaf", "contacts_made", "decode_scalar", "encode_scalar", "first_byte", "in_lines",
    "join_slot", "leave_customer", "leave_slot", "load8", "local_moment", "lowest_bit", "made_at_once",
    "owners_of_marks", "parse_duration", "parse_rate", "parse_scaled", "point", "pointed", "prefetch", "record",
    "schema_of_scalar", "table", "transitions", "value_type", "zone_change", "zone_offset", "zone_table",
]  # fmt: skip
