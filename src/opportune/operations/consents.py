"""Ask: a consent given or withdrawn by the customer herself, from a link or a page; a fact with its proof, once per message."""

import time
from typing import Any

import msgspec

from opportune.facts import NULL, BatchBuilder, FactBatch, FactKind
from opportune.intake import hash_message, key_words
from opportune.operations.deployment import Deployment
from opportune.operations.door import Door


def consent_batch(
    deployment: Deployment, customer: int, purpose: str, channel: str, given: bool, message_id: str, proof: dict[str, Any]
) -> FactBatch:  # fmt: skip
    """A CONSENT fact, for the door's thread; `channel` empty for every channel. `proof` (no personal data) is kept beside the fact.

    Empty where it was stated before, or the playbook knows no such purpose or channel.
    """
    builder = BatchBuilder()
    catalogue = deployment.catalogue
    code = catalogue.purposes.get(purpose)
    place = catalogue.channels.get(channel) if channel else NULL
    stamp = hash_message(key_words(deployment.key), "consent", message_id)
    if code is None or place is None or deployment.repeats.check(stamp, 0):
        return builder.build()
    now_ms = time.time_ns() // 1_000_000
    deployment.repeats.add(stamp, 0, now_ms)
    extra = msgspec.json.encode({"proof": proof})
    builder.add(FactKind.CONSENT, code, customer, now_ms, now_ms, (place, int(given)), stamp, extra=extra)
    return builder.build()


async def state_consent(
    door: Door, customer: int, purpose: str, channel: str, given: bool, proof: dict[str, Any]
) -> None:
    """State a consent given or withdrawn, with its proof; durable when it returns. Each is a fact of its own."""
    message_id = f"{customer}/{purpose}/{channel}/{given}/{proof.get('at_ms')}"
    await door.state(lambda deployment: consent_batch(deployment, customer, purpose, channel, given, message_id, proof))
