"""The doors of intake: what other protocols send, as canonical messages. Translation only; nothing is read, written or kept here."""

from opportune.intake.doors.canonical import BATCH_EVENTS_MAX, BodyRefusedError, Translated
from opportune.intake.doors.cloudevents import translate_cloudevents
from opportune.intake.doors.inflate import BODY_BYTES_MAX, INFLATE_RATIO_MAX, inflated
from opportune.intake.doors.posthog import posthog_key, translate_posthog
from opportune.intake.doors.redrive import redriven_line, require_object
from opportune.intake.doors.sensors import translate_sensors
from opportune.intake.doors.tracking import BATCH_ROUTES, SINGLE_ROUTES, translate_batch, translate_single

__all__ = [
    "BATCH_EVENTS_MAX",
    "BATCH_ROUTES",
    "BODY_BYTES_MAX",
    "INFLATE_RATIO_MAX",
    "SINGLE_ROUTES",
    "BodyRefusedError",
    "Translated",
    "inflated",
    "posthog_key",
    "redriven_line",
    "require_object",
    "translate_batch",
    "translate_cloudevents",
    "translate_posthog",
    "translate_sensors",
    "translate_single",
]
