"""Ask: everything that is known of one person, for her to have: profile, identifiers, consents with proof, every fact, decision, contact and
answer with where it came from, and what other doors keep of her. Beside a writer.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from opportune.engine import Playbook, PlaybookBody
from opportune.facts import Arrays, FactBatch, TextDictionary
from opportune.operations.accounting import Accounting
from opportune.operations.customer import CustomerView, view_customer
from opportune.operations.deployment import journal_of
from opportune.operations.event_counts import DETECTOR, HOUSE
from opportune.operations.folder_key import read_key
from opportune.operations.names import Language, Names
from opportune.operations.one_customer import read_trail
from opportune.operations.timeline import Entry, Telling, Types, rows_in
from opportune.operations.who import open_people
from opportune.store import AuditLine, Inbox, Loads, Outbox, People, Traces, WorkItems
from opportune.warehouse import CustomerRows

AUDITED_AS = "export-person"
AUDIT_LINES_MAX = 1_000
CONTACTS_MAX = 1_000


class HistoryLine(msgspec.Struct, frozen=True):
    """One thing that is known, in words, with where it came from; `more` is what the message held beyond the catalogue, a consent's proof too."""

    seq: int
    at: str
    kind: str
    name: str
    title: str
    details: dict[str, Any]
    source: str
    received: str
    more: Any = None


class KeptMessage(msgspec.Struct, frozen=True):
    """A message to her, or about her: `where` it is kept, its state, and what it says."""

    where: str
    key: str
    touchpoint: str
    campaign: str
    offer: str
    state: str
    at: str
    content: Any


class RawMessage(msgspec.Struct, frozen=True):
    """What a source sent in which she is named: a row as it came (`load` of the source), or a message nobody understood (`reason`)."""

    source: str
    load: int | None
    reason: str
    received: str
    text: str


class PersonExport(msgspec.Struct, frozen=True):
    """All there is. Moments are local time of the deployment; `history` is told the oldest first."""

    customer: int
    made: str
    identifiers: tuple[tuple[str, str], ...]
    personal: dict[str, str]
    profile: CustomerView
    history: tuple[HistoryLine, ...]
    messages: tuple[KeptMessage, ...]
    raw: tuple[RawMessage, ...]
    audit: tuple[AuditLine, ...]


def export_person(folder: Path, customer: int, *, by: str, why: str = "", language: Language = "en") -> PersonExport:
    """All that is known of a customer; who asked (`by`) and `why` go into the audit.

    Raises DeploymentError where there is no such customer, SealBrokenError, JournalCorrupt.
    """
    view = view_customer(folder, customer, reveal=True, last=CONTACTS_MAX, language=language)
    view = msgspec.structs.replace(view, decisions=(), events=(), timeline=(), next=None)  # `history` has them all
    trail = read_trail(folder, customer)
    names = Names(trail.body, language)
    telling = _telling(trail.body, names, trail.texts)
    with open_people(folder) as people:
        if people is not None:
            people.note_access(time.time_ns() // 1_000_000, by, AUDITED_AS, [customer], why)
        numbers = people.members_of(customer) if people is not None else [customer]
        identifiers = people.identifiers_of(customer) if people is not None else []
        personal = people.personal_of(customer) if people is not None else {}
        traces = Traces(people.traces_of(customer) if people is not None else [])
        raw = [
            RawMessage(one.source, None, one.reason, names.moment(one.received_ms), one.body.decode("utf-8", "replace"))
            for one in (people.quarantined_with(traces) if people is not None else ())
        ]
        audit = (
            [line for number in numbers for line in people.audit(number, AUDIT_LINES_MAX)] if people is not None else []
        )
        audit.sort(key=lambda line: -line.at_ms)
        messages = (
            tuple(one for number in numbers for one in _messages(folder, people, number, names))
            if people is not None
            else ()
        )
    raw += _raw_rows(folder, traces)
    made = names.moment(time.time_ns() // 1_000_000)
    return PersonExport(
        customer, made, tuple(identifiers), personal, view, tuple(_history(folder, numbers, names, telling)),
        messages, tuple(raw), tuple(audit),
    )  # fmt: skip


def _history(folder: Path, numbers: Sequence[int], names: Names, telling: Telling) -> Iterator[HistoryLine]:
    """Every fact of hers, by any of her numbers, and what it led to, in the order of the journal."""
    received: dict[str, int] = {}
    now_ms = 0
    for group in journal_of(folder).read(0):
        arrays = group.arrays
        source, received = _source(arrays, received)
        rows = rows_in(arrays, group.first_seq, numbers, now_ms=now_ms)
        now_ms = max(now_ms, int(arrays.get("now_ms", arrays["at_ms"]).max()))
        if not rows.facts and not any(map(len, (rows.decisions, rows.moves, rows.goals, rows.derived))):
            continue
        extras, at = FactBatch.from_arrays(arrays).extras, names.moment(group.received_ms)
        lines = [
            _line(telling.fact(fact), source, at, extras.get(fact.seq - group.first_seq)) for fact in rows.facts
        ]  # fmt: skip
        made = telling.entries(CustomerRows([], rows.decisions, rows.moves, rows.goals, rows.derived))
        lines += [_line(one, DETECTOR if one.kind == "event" else HOUSE, at, None) for one in made[::-1]]
        yield from sorted(lines, key=lambda line: line.seq)


def _line(entry: Entry, source: str, received: str, more: bytes | None) -> HistoryLine:
    return HistoryLine(
        entry.seq, entry.at, entry.kind, entry.name, entry.title, dict(entry.details), source, received,
        None if more is None else msgspec.json.decode(more),
    )  # fmt: skip


def _telling(body: PlaybookBody | None, names: Names, texts: list[str]) -> Telling:
    """The words for her rows under the playbook in force at the end."""
    dictionary = TextDictionary(texts)
    if body is None:
        return Telling(names, Types({}, {}), dictionary)
    vocabulary = Playbook(
        body.definitions, numbers=body.numbers, dictionary=dictionary, version=body.version
    ).vocabulary
    events = {name: dict(types) for name, types in vocabulary.events.items()}
    return Telling(names, Types(events, dict(vocabulary.tags)), dictionary)


def _source(arrays: Arrays, before: dict[str, int]) -> tuple[str, dict[str, int]]:
    """Which source a group's messages came from: the one of which more was received with it; we ourselves where there is none."""
    if "accounting" not in arrays:
        return HOUSE, before
    sources = Accounting.decode(arrays["accounting"].tobytes()).sources
    after = {name: account.received for name, account in sources.items()}
    grown = [name for name, many in after.items() if many > before.get(name, 0)]
    return (", ".join(grown) or HOUSE), after


def _messages(folder: Path, people: People, customer: int, names: Names) -> Iterator[KeptMessage]:
    """What lies in the outbox, in her inbox and on work lists."""
    if not (folder / "outbox.db").exists():
        return
    with closing(Outbox(folder)) as outbox:
        for row in outbox.of_customer(customer):
            said: dict[str, Any] = {"variables": row.variables, "reason": row.reason}
            yield KeptMessage(
                "outbox", row.key, row.touchpoint, row.campaign, row.offer, row.state.value, names.moment(row.changed_ms), said
            )  # fmt: skip
    with closing(Inbox(folder, people)) as inbox:
        for item in inbox.of_customer(customer):
            at = names.moment(item.placed_ms)
            yield KeptMessage("inbox", item.key, item.touchpoint, "", "", item.state.value, at, item.body)
    with closing(WorkItems(folder, people)) as items:
        for work in items.of_customer(customer):
            at, content = names.moment(work.placed_ms), {**work.body, "note": work.note}
            yield KeptMessage("work items", work.key, work.touchpoint, "", "", work.state.value, at, content)


def _raw_rows(folder: Path, traces: Traces) -> Iterator[RawMessage]:
    if not (folder / "loads.db").exists():
        return
    with closing(Loads(folder, read_key(folder).secrets())) as loads:
        for source, number, row in loads.holding(traces):
            yield RawMessage(source, number, "", "", row.decode("utf-8", "replace"))
