"""Ask: take in messages. Decode, keep people and the quarantine, fold, journal; acknowledge when durable."""

from collections.abc import Iterator
from dataclasses import dataclass

from opportune.facts import Outputs
from opportune.intake import Decoder, Intake
from opportune.journal import Commit
from opportune.operations.deployment import Deployment
from opportune.store import Quarantined

PIECE_BYTES = 600_000
"""Messages are folded and committed in pieces of about this size: some 4,000 of 150 bytes, one group commit each."""


@dataclass(slots=True)
class Ingested:
    """One piece taken in: what intake made of it, what the engine decided, and the promise of durability."""

    intake: Intake
    outputs: Outputs
    commit: Commit


def ingest(
    deployment: Deployment, decoder: Decoder, data: bytes, received_ms: int, position: int | None = None
) -> Ingested:
    """Take in one piece of canonical NDJSON. It may be acknowledged once `commit` is done.

    People's clear text and the quarantine are durable before this returns, so the journal never knows a number whose
    person is unknown. `position` is how many messages of the source have been handed in with this piece.
    """
    intake = decoder.decode(data, received_ms)
    if intake.identifiers or intake.personal:
        deployment.people.remember(intake.identifiers, intake.personal)
    account = deployment.accounting.add(decoder.source, intake)
    if intake.quarantined:
        before = account.received - intake.received
        deployment.people.quarantine(
            Quarantined(decoder.source, received_ms, q.reason.value, q.detail, q.raw, before + q.line_number)
            for q in intake.quarantined
        )
    if position is not None:
        account.position = position
    outputs, commit = deployment.commit(intake.batch, received_ms)
    return Ingested(intake, outputs, commit)


def pieces(data: bytes, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Cut NDJSON at line ends into pieces of about `piece_bytes`."""
    start = 0
    while start < len(data):
        end = len(data) if start + piece_bytes >= len(data) else data.rfind(b"\n", start, start + piece_bytes) + 1
        if end <= start:  # one line longer than a piece
            end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end
