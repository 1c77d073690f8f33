"""Ask: take a quarantined message in again, as it is or mended. It goes through intake like any other, and its item is marked."""

import asyncio
import time
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from opportune.intake import redriven_line
from opportune.operations.deployment import DeploymentError
from opportune.operations.serving import Service
from opportune.operations.source_definitions import definitions_of, open_loads
from opportune.operations.source_redrive import is_row, rows_again
from opportune.store import Quarantined

Outcome = Literal["applied", "duplicate", "quarantined"]


class Redriven(msgspec.Struct, frozen=True):
    """What became of a message that was taken in again; `reason` and `detail` where it went into the quarantine again."""

    id: int
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None


class GoneError(DeploymentError):
    """There is no such message in the quarantine, or it was taken in already."""


async def redrive(service: Service, number: int) -> Redriven:
    """Take message `number` of the quarantine in again; durable when it returns.

    A crash before the item is marked does no harm: the message then has an id, and is a duplicate the next time.
    Raises GoneError, BodyRefusedError where it is no JSON object, OverloadedError, DeploymentError, JournalError.
    """
    people = service.deployment.people
    item = await asyncio.to_thread(people.quarantined_one, number)
    if item is None or item.redriven_ms is not None:
        raise GoneError(f"message {number} is not in the quarantine, or was taken in again before")
    body = item.body if item.mended is None else item.mended
    lines = await asyncio.to_thread(_lines, service, item, body)
    taken = await service.door.take(item.source, b"\n".join(lines), len(lines))
    await asyncio.to_thread(people.note_redriven, number, time.time_ns() // 1_000_000)
    intake = taken.intake
    assert intake is not None, "messages of a source always have an intake"
    if intake.quarantined:
        again = intake.quarantined[0]
        return Redriven(number, "quarantined", again.reason.value, again.detail)
    return Redriven(number, "applied" if intake.applied else "duplicate")


def _lines(service: Service, item: Quarantined, body: bytes) -> list[bytes]:
    """The canonical lines of a quarantined message; a source's row is cleaned and mapped anew."""
    deployment = service.deployment
    zone = deployment.catalogue.zone
    if is_row(body) and deployment.store.latest():
        with open_loads(deployment.folder) as loads:
            found = rows_again(body, item, definitions_of(deployment.folder), loads, zone)
    else:
        found = [body]
    ids = [f"quarantine:{item.id}", *(f"quarantine:{item.id}:{place}" for place in range(1, len(found)))]
    return [redriven_line(line, item.received_ms, one, ZoneInfo(zone)) for line, one in zip(found, ids, strict=True)]
