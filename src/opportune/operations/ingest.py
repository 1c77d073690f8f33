"""Ask: take in messages. Decode, keep people and the quarantine, fold, journal; acknowledge when durable."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from opportune.facts import Outputs
from opportune.intake import BLANKS, Decoder, Intake
from opportune.journal import Commit
from opportune.operations.deployment import Deployment, Folding
from opportune.store import Quarantined

PIECE_BYTES = 600_000
"""Messages are folded and committed in pieces of about this size: some 4,000 of 150 bytes, one group commit each."""


@dataclass(slots=True)
class Ingested:
    """One piece taken in: what intake made of it, and what the engine is still making of it in a thread of its own."""

    intake: Intake
    folding: Folding

    @property
    def outputs(self) -> Outputs:
        """What the engine decided, once it has."""
        return self.folding.result()[0]

    @property
    def commit(self) -> Commit:
        """The promise of durability, once the piece is on its way to the disk."""
        return self.folding.result()[1]


def ingest(
    deployment: Deployment, decoder: Decoder, data: bytes, received_ms: int, position: int | None = None
) -> Ingested:
    """Take in one piece of canonical NDJSON. It may be acknowledged once `commit` is done.

    People's clear text and the quarantine are durable before this returns, so the journal never knows a number whose
    person is unknown. `position` is how many messages of the source have been handed in with this piece. A quarantined message's
    position is its number among all that the source has sent, so that a start can drop those of pieces that a crash kept from
    the journal: they will be sent again. Raises DeploymentError and JournalError, after which the folder must be opened again.
    """
    with deployment.changing():
        intake = decoder.decode(data, received_ms)
        if intake.identifiers or intake.personal or intake.merged:
            deployment.remember(intake.identifiers, intake.personal, intake.merged)
        account = deployment.accounting.add(decoder.source, intake)
        if intake.quarantined:
            before = account.received - intake.received
            places = message_numbers(data, intake)
            deployment.people.quarantine(
                Quarantined(decoder.source, received_ms, q.reason.value, q.detail, q.raw, before + place)
                for q, place in zip(intake.quarantined, places, strict=True)
            )
        if position is not None:
            account.position = position
        return Ingested(intake, deployment.submit(intake.batch, received_ms))


def message_numbers(data: bytes, intake: Intake) -> list[int]:
    """Which message of its piece each quarantined one is, from 1: its line, less the blank lines before it."""
    numbers = [q.line_number for q in intake.quarantined]
    if intake.received == data.count(b"\n") + (not data.endswith(b"\n")):
        return numbers  # no line is blank
    counted = list(itertools.accumulate(bool(line.strip(BLANKS)) for line in data.split(b"\n")))
    return [counted[number - 1] for number in numbers]


def pieces(data: bytes, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Cut NDJSON at line ends into pieces of about `piece_bytes`."""
    start = 0
    while start < len(data):
        end = len(data) if start + piece_bytes >= len(data) else data.rfind(b"\n", start, start + piece_bytes) + 1
        if end <= start:  # one line longer than a piece
            end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end
