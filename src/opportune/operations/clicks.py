"""Ask: a person followed a tracked link of a message. Where the playbook declares the event, it happened like any other."""

import time

from opportune.facts import NULL, BatchBuilder, FactBatch, FactKind, Kind
from opportune.intake import hash_message, key_words
from opportune.operations.deployment import Deployment
from opportune.operations.door import Door
from opportune.store import OutboxRow

EVENT = "link_clicked"
"""The event by which a playbook hears of clicks. Of its properties those that are texts and named `campaign`, `offer`, `touchpoint` or
`link` (the address) are filled."""


def click_batch(deployment: Deployment, row: OutboxRow, number: int, url: str) -> FactBatch:
    """The EVENT fact of a click on address `number` of a message, for the door's thread; once per message and address.

    Empty where it was stated before, or the playbook has no such event.
    """
    builder = BatchBuilder()
    event = deployment.catalogue.events.get(EVENT)
    stamp = hash_message(key_words(deployment.key), "click", f"{row.key}/{number}")
    if event is None or deployment.repeats.check(stamp, 0):
        return builder.build()
    now_ms = time.time_ns() // 1_000_000
    deployment.repeats.add(stamp, 0, now_ms)
    known = {"campaign": row.campaign, "offer": row.offer, "touchpoint": row.touchpoint, "link": url}
    texts = [known.get(one.name, "") if one.type.kind is Kind.TEXT else "" for one in event.properties]
    values = [deployment.dictionary.intern(text) if text else NULL for text in texts]
    builder.add(FactKind.EVENT, event.number, row.customer, now_ms, now_ms, values, stamp)
    return builder.build()


async def state_click(door: Door, row: OutboxRow, number: int, url: str) -> None:
    """State a click; durable when it returns. Raises DeploymentError, JournalFailed."""
    if EVENT in door.deployment.catalogue.events and not row.is_test:
        await door.state(lambda deployment: click_batch(deployment, row, number, url))
