"""Ask: take a source's quarantined messages in again, or clean a load's raw rows anew by the steps as they stand now.

A fact is never edited. What comes out of a load differently is stated anew where that is possible, for tags; an event that
was taken in stays, and is counted.
"""

import itertools
import time
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

import msgspec

from opportune.intake import BodyRefusedError, Load, Shown, Verdict, is_sender, redriven_line, require_object
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.ingest import ingest
from opportune.operations.source_definitions import definitions_of, open_loads, read_source
from opportune.operations.source_loads import MESSAGES_AT_ONCE, LoadBody
from opportune.store import Definitions, Loads, Quarantined

PAGE = 1_000
UNMAPPED_TYPE = b'"unmapped_row"'
IDENTIFY = b'{"type":"identify"'


class SourceRedriven(msgspec.Struct):
    """What became of quarantined messages that were taken in again; `reasons` of those that were quarantined again, `unreadable` are left as they are."""

    taken: int = 0
    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    unreadable: int = 0
    reasons: dict[str, int] = {}


class SourceReworked(msgspec.Struct):
    """What the steps as they stand now make of a load: messages that are the same, tags stated anew, messages of rows that had been left
    out, and others that would be different now but stay as they were taken in. Rows in the quarantine wait to be redriven."""

    source: str
    load: int
    same: int = 0
    restated: int = 0
    added: int = 0
    kept_as_they_are: int = 0


def is_row(document: bytes) -> bool:
    """Whether a quarantined message is a row that could not be cleaned or mapped. Raises BodyRefusedError where it is no JSON object."""
    return bytes(require_object(document).get("type", msgspec.Raw())) == UNMAPPED_TYPE


def rows_again(document: bytes, item: Quarantined, definitions: Definitions, loads: Loads, zone: str) -> list[bytes]:
    """The messages that a quarantined message is now: of a source's row that could not be cleaned or mapped, the row cleaned and mapped anew.

    Raises BodyRefusedError where it is no JSON object, DeploymentError for a source definition that is wrong.
    """
    if not is_row(document) or is_sender(definitions.sources.get(item.source, {})):
        return [document]
    members = require_object(document)
    row = bytes(members.get("row", msgspec.Raw(b"null")))
    require_object(row)
    source = read_source(item.source, definitions.sources[item.source])
    kept = loads.one(item.source, int(bytes(members.get("load", msgspec.Raw(b'"0"'))).strip(b'"')))
    body = LoadBody.of(kept) if kept is not None else None
    same = body is not None and body.document == definitions.sources[item.source]
    load = Load(source, 0, ZoneInfo(zone), lambda: [row], body.statistics if body is not None and same else None)
    return [line for shown in load.shown() for line in shown.messages] or [document]


def redrive_source(deployment: Deployment, source: str, numbers: Iterable[int] = ()) -> SourceRedriven:
    """Take the waiting quarantined messages of a source in again (all, or by number), each in a group of its own.

    They keep the time at which they happened, and get an id, so that a crash in between makes no second one. Raises DeploymentError, JournalError.
    """
    definitions = definitions_of(deployment.folder)
    zone = deployment.catalogue.zone
    decoder = deployment.decoder(source, "import")
    found = SourceRedriven()
    with open_loads(deployment.folder) as loads:
        for item in _waiting(deployment, source, set(numbers)):
            try:
                told = item.body if item.mended is None else item.mended
                lines = [
                    redriven_line(line, item.received_ms, f"quarantine:{item.id}:{place}", ZoneInfo(zone))
                    for place, line in enumerate(rows_again(told, item, definitions, loads, zone))
                ]  # fmt: skip
            except BodyRefusedError:
                found.unreadable += 1
                continue
            taken = ingest(deployment, decoder, b"\n".join(lines), time.time_ns() // 1_000_000)
            deployment.flush()
            deployment.people.note_redriven(item.id, time.time_ns() // 1_000_000)
            found.taken += 1
            found.applied += taken.intake.applied
            found.duplicates += taken.intake.duplicates
            found.quarantined += len(taken.intake.quarantined)
            for again in taken.intake.quarantined:
                found.reasons[again.reason.value] = found.reasons.get(again.reason.value, 0) + 1
    return found


def _waiting(deployment: Deployment, source: str, numbers: set[int]) -> Iterator[Quarantined]:
    """Oldest first. What is quarantined again meanwhile is not among them. Only their numbers are held at once."""
    found: list[int] = []
    before = None
    while page := deployment.people.quarantined(before=before, limit=PAGE, source=source):
        found += [item.id for item in page if item.redriven_ms is None and (not numbers or item.id in numbers)]
        before = page[-1].id
    missing = numbers - set(found)
    if missing:
        raise DeploymentError(
            f"message {min(missing)} of source {source} is not in the quarantine, or was taken in again before"
        )
    for number in reversed(found):
        item = deployment.people.quarantined_one(number)
        if item is not None:
            yield item


def rework_load(deployment: Deployment, source: str, number: int, *, apply: bool) -> SourceReworked:
    """Clean a load's raw rows by the steps as they stand now, and state the tags that come out differently (with `apply`; else only count).

    To undo a step, take it out of the definition and rework the load. Raises DeploymentError where the raw rows are gone, JournalError.
    """
    definitions = definitions_of(deployment.folder)
    if source not in definitions.sources:
        raise DeploymentError(f"no source `{source}`; there are: {', '.join(definitions.sources) or 'none'}")
    with open_loads(deployment.folder) as loads:
        row = loads.one(source, number)
        if row is None or row.ended_ms is None or not loads.has_rows(source, number):
            raise DeploymentError(f"source {source}: load {number} is not taken in, or its raw rows are not kept")
        body = LoadBody.of(row)
        zone = ZoneInfo(body.zone)

        def made(document: dict[str, object], statistics: list[dict[str, object] | None] | None) -> Load:
            return Load(
                read_source(source, document),
                number,
                zone,
                lambda: loads.rows(source, number),
                statistics,
                row.begun_ms,
            )

        then, now = made(body.document, body.statistics), made(definitions.sources[source], None)
        statistics = now.learn()
        found = SourceReworked(source, number)
        decoder = deployment.decoder(source, "import")
        lines = (
            line
            for before, after in zip(then.shown(), now.shown(), strict=True)
            if before.verdict is not Verdict.REFUSED
            for line in _stated(before, after, f"{source}:{number}:{before.number}", found)
        )
        while chunk := list(itertools.islice(lines, MESSAGES_AT_ONCE)):
            if apply:
                ingest(deployment, decoder, b"\n".join(chunk), time.time_ns() // 1_000_000)
        if apply:
            deployment.flush()
            body.document, body.statistics = definitions.sources[source], statistics
            loads.note(source, number, body.encode())
    return found


def _stated(before: Shown, after: Shown, message_id: str, found: SourceReworked) -> list[bytes]:
    """The messages of a row to be taken in now; counts them and the others."""
    new = [line for line in after.messages if line not in before.messages]
    found.same += len(after.messages) - len(new)
    if not before.messages:
        found.added += len(new)
        return [_with_id(line, f"{message_id}:{place}") for place, line in enumerate(new)]
    tags = [line for line in new if line.startswith(IDENTIFY)]
    found.restated += len(tags)
    found.kept_as_they_are += len(new) - len(tags)
    return [_with_id(line, None) for line in tags]


def _with_id(line: bytes, message_id: str | None) -> bytes:
    """A message with an id if it has none, so that a second time it is a repeat; or, stated anew, without one."""
    members: dict[str, msgspec.Raw | str] = {**require_object(line)}
    if message_id is None:
        members.pop("messageId", None)
    else:
        members.setdefault("messageId", message_id)
    return msgspec.json.encode(members)
