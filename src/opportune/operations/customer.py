"""Ask: who is this customer? Tags, consents, contacts against every cap, open decisions and goals, one timeline; beside a writer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import DEFERRED, LEASED, PUSHED, WAITING, WITHDRAWN
from opportune.engine import Engine, Playbook
from opportune.facts import NULL, Arm, FactKind
from opportune.operations.decisions import DecisionLine, decision_line
from opportune.operations.names import Language, Names, mask, span
from opportune.operations.one_customer import CustomerFact, OneCustomer, Trail, read_trail
from opportune.operations.tag_catalogue import origin_of
from opportune.operations.tag_values import roll_to, row_of
from opportune.operations.timeline import Entry, Telling, Types, contacts_in, page
from opportune.operations.who import open_people
from opportune.policy import (
    COMPLAINED_UNTIL,
    DO_NOT_DISTURB_BIT,
    REFUSED_UNTIL,
    TIME_WORDS,
    Cap,
    bit_in,
    moment_in,
    said_in,
)  # fmt: skip
from opportune.store import People
from opportune.warehouse import CustomerRows, StoredFact

LAST_SHOWN = 10
GOAL_STATES = {1: "open", 2: "reached, regret watched"}
OPEN_STATES = {WAITING: "waiting", DEFERRED: "deferred", LEASED: "leased", PUSHED: "pushed", WITHDRAWN: "withdrawn"}

Value = str | int | bool | list[str] | None


class TagLine(msgspec.Struct, frozen=True):
    """One tag: its value decoded (None where unknown), how it comes about, and for a set one when it was set last.

    `freshness` is how often its owner promises to set it anew. Not `at_hand`: a counter or a rule that nothing decides by, which was not
    worked out here; the warehouse knows it.
    """

    tag: str
    title: str
    category: str
    origin: str
    value: Value
    unit: str
    set_at: str = ""
    freshness: str = ""
    at_hand: bool = True


class ConsentLine(msgspec.Struct, frozen=True):
    """What was said of a purpose and channel (`*`: every channel)."""

    purpose: str
    channel: str
    given: bool


class CapLine(msgspec.Struct, frozen=True):
    """One cap: contacts used in its window of the most allowed; `until` says when it lets go, where it is used up."""

    per: str
    of: str
    used: int
    most: int
    window: str
    until: str


class GoalLine(msgspec.Struct, frozen=True):
    """A goal instance that is still being watched."""

    campaign: str
    arm: str
    opened: str
    deadline: str
    state: str


class OpenLine(msgspec.Struct, frozen=True):
    """A decision that nobody has shown yet: it waits, is deferred, or a touchpoint has it; until then."""

    decision: int
    campaign: str
    offer: str
    state: str
    touchpoint: str
    until: str


class EventLine(msgspec.Struct, frozen=True):
    """One event of hers in words."""

    seq: int
    at: str
    event: str
    title: str
    properties: dict[str, Value]


class CustomerView(msgspec.Struct, frozen=True):
    """One customer as the engine knows her at `now`, its own time. `contacts` are the last ones that counted, with the answers to them.

    `timeline`: everything over all sources, the newest first; `next` is where its next page begins (None: there is none). `since` and
    `facts` are told where the whole journal was read for her.
    """

    customer: int
    identifiers: tuple[str, ...]
    personal: dict[str, str]
    since: str
    now: str
    facts: int | None
    tags: tuple[TagLine, ...]
    consents: tuple[ConsentLine, ...]
    do_not_disturb: bool
    refused_until: str
    complained_until: str
    caps: tuple[CapLine, ...]
    goals: tuple[GoalLine, ...]
    decisions: tuple[DecisionLine, ...]
    events: tuple[EventLine, ...]
    open: tuple[OpenLine, ...] = ()
    contacts: tuple[Entry, ...] = ()
    timeline: tuple[Entry, ...] = ()
    next: int | None = None


class Held(msgspec.Struct, frozen=True):
    """What an engine holds of one customer at a moment: values of tags by name, her row of the ledger, her goal instances and open decisions."""

    playbook: Playbook
    now_ms: int
    values: Mapping[str, int]
    ledger: NDArray[np.uint16]
    goals: Sequence[Any]
    open: Sequence[Any]


def view_customer(
    folder: Path,
    customer: int,
    *,
    reveal: bool = False,
    last: int = LAST_SHOWN,
    before: int | None = None,
    language: Language = "en",
) -> CustomerView:
    """One customer's view, with `last` decisions, events and entries of the timeline (of facts before `before` where given).

    Identifiers and personal fields are masked unless `reveal`. Raises DeploymentError.
    """
    trail = read_trail(folder, customer)
    alone = OneCustomer(trail, every_tag=True)
    alone.play(trail.end_seq)
    engine = alone.engine
    roll_to(engine, trail.now_ms, alone.row)
    names = Names(trail.body, language)
    with open_people(folder) as people:
        known, personal = people_of(people, customer, reveal)
    last = max(last, 0)
    rows = CustomerRows(
        [StoredFact(*fact[:6]) for fact in trail.own_facts],
        *(trail.own(rows) for rows in (trail.decisions, trail.moves, trail.goals, trail.derived)),
    )
    telling = telling_of(engine, names)
    earlier = rows if before is None else _before(rows, before)
    timeline, following = page([earlier], telling, last)
    row = row_of(engine, at=alone.row)
    values = {ref.name: NULL if value is None else value for ref, value in row.items() if ref.source == "tag"}
    goals, waiting = held_of(engine, alone.row)
    for record in waiting:  # alone her decisions are numbered from 0
        record["number"] = trail.decisions["number"][record["number"]]
    held = Held(engine.playbook, trail.now_ms, values, engine.memory.arrays["ledger"][alone.row], goals, waiting)
    newest = rows.decisions[max(0, len(rows.decisions) - last) :]
    view = tell(customer, held, said_in_facts(rows.facts), telling)
    return msgspec.structs.replace(
        view, identifiers=known, personal=personal, since=names.moment(rows.facts[0].at_ms), facts=len(rows.facts),
        decisions=tuple(decision_line(row, names) for row in newest), events=tuple(_events(engine, trail, names, last)),
        contacts=tuple(contacts_in(rows, telling)[:last]), timeline=tuple(timeline), next=following,
    )  # fmt: skip


def _before(rows: CustomerRows, seq: int) -> CustomerRows:
    return CustomerRows(
        [fact for fact in rows.facts if fact.seq < seq],
        *(array[array["seq"] < seq] for array in (rows.decisions, rows.moves, rows.goals, rows.derived)),
    )


def telling_of(engine: Engine, names: Names) -> Telling:
    """The words for rows under an engine's playbook."""
    vocabulary = engine.playbook.vocabulary
    events = {name: dict(types) for name, types in vocabulary.events.items()}
    return Telling(names, Types(events, dict(vocabulary.tags)), engine.dictionary)


def said_in_facts(facts: Iterable[CustomerFact | StoredFact]) -> dict[int, tuple[int, int]]:
    """What facts said last of each tag: number -> (encoded value, ms when)."""
    said: dict[int, tuple[int, int]] = {}
    for fact in facts:
        if fact.kind == FactKind.TAGS_SET:
            pairs = zip(fact.values[::2], fact.values[1::2], strict=False)
            said |= {number: (value, fact.at_ms) for number, value in pairs}
    return said


def held_of(engine: Engine, row: int) -> tuple[list[Any], list[Any]]:
    """Copies of a customer's goal instances and of her open decisions, the newest first."""
    arrays = engine.memory.arrays
    found: tuple[list[Any], list[Any]] = ([], [])
    heads = int(arrays["heads"][row, 1]), int(arrays["open_heads"][row])
    for index, pool, rows in zip(heads, ("instances", "open_pool"), found, strict=True):
        while index:
            rows.append(arrays[pool][index].copy())
            index = int(arrays[pool][index]["next"])
    return found


def tell(customer: int, held: Held, said: Mapping[int, tuple[int, int]], telling: Telling) -> CustomerView:
    """What is held of a customer, in words; what else a view has is empty."""
    names, ledger, now_ms = telling.names, held.ledger, held.now_ms
    return CustomerView(
        customer, (), {}, "", names.moment(now_ms), None, tuple(_tags(held, said, telling)), tuple(_consents(ledger, names)),
        bit_in(ledger, DO_NOT_DISTURB_BIT),
        _until(moment_in(ledger, REFUSED_UNTIL), now_ms, names), _until(moment_in(ledger, COMPLAINED_UNTIL), now_ms, names),
        tuple(_caps(held, names)), tuple(_goals(held, names)), (), (), tuple(_open(held, names)),
    )  # fmt: skip


def people_of(people: People | None, customer: int, reveal: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Her identifiers (`kind:text`) and personal fields, masked unless `reveal`."""
    if people is None:
        return (), {}
    known = tuple(f"{kind}:{text if reveal else mask(text)}" for kind, text in people.identifiers_of(customer))
    return known, {field: text if reveal else mask(text) for field, text in people.personal_of(customer).items()}


def _until(until_ms: int, now_ms: int, names: Names) -> str:
    return names.moment(until_ms) if until_ms > now_ms else ""


def _tags(held: Held, said: Mapping[int, tuple[int, int]], telling: Telling) -> Iterator[TagLine]:
    """Every tag of the catalogue: from its column or by its rule, or (without a column) as it was set last."""
    names, playbook = telling.names, held.playbook
    for name, tag in playbook.definitions.tags.items():
        number = playbook.numbering.number("tag", name)
        value = held.values.get(name, said.get(number, (NULL, 0))[0])
        shown = names.value(value, playbook.vocabulary.tags[name], telling.dictionary)
        at, origin = names.moment(said[number][1]) if number in said else "", origin_of(tag)
        at_hand = name in held.values or origin in ("declared", "score")
        yield TagLine(name, names.title("tag", name), tag.category, origin, shown, tag.unit, at, tag.freshness, at_hand)


def _consents(ledger: NDArray[np.uint16], names: Names) -> Iterator[ConsentLine]:
    for pair, name in enumerate(names.of("consent")):
        purpose, _, channel = name.partition("/")
        given = said_in(ledger, pair)
        if given is not None:
            yield ConsentLine(purpose, channel, given)


def _caps(held: Held, names: Names) -> Iterator[CapLine]:
    """The policy's caps; those per channel or category only where a contact was counted or the cap names one."""
    policy, ledger = held.playbook.definitions.policy, held.ledger
    for cap in policy.caps if policy is not None else ():
        for of, key in _keys(cap, names):
            word, size = held.playbook.ledger.rings.get(key, (0, 0))
            places = range(word, word + min(size, cap.max) * TIME_WORDS, TIME_WORDS)
            times = [t for place in places if (t := moment_in(ledger, place)) > 0]
            used = sum(t + cap.window > held.now_ms for t in times)
            until = times[cap.max - 1] + cap.window if used >= cap.max else 0
            if used or cap.of is not None or cap.per == "customer":
                yield CapLine(cap.per, of, used, cap.max, span(cap.window), _until(until, held.now_ms, names))


def _keys(cap: Cap, names: Names) -> Iterator[tuple[str, str]]:
    if cap.per == "customer":
        yield "", "customer"
        return
    for number, name in enumerate(names.of(cap.per)):
        if cap.of in (None, name):
            yield name, f"{cap.per}/{number}"


def _goals(held: Held, names: Names) -> Iterator[GoalLine]:
    for instance in held.goals:
        if int(instance["deadline"]) < held.now_ms:
            continue  # over, and not noticed yet: nothing has happened since that would
        yield GoalLine(
            names.campaign(int(instance["campaign"])), Arm(int(instance["arm"])).name.lower(),
            names.moment(int(instance["opened"])), names.moment(int(instance["deadline"])),
            GOAL_STATES.get(int(instance["state"]), "ended"),
        )  # fmt: skip


def _open(held: Held, names: Names) -> Iterator[OpenLine]:
    for record in held.open:
        yield OpenLine(
            int(record["number"]), names.campaign(int(record["campaign"])), names.offer(int(record["offer"])),
            OPEN_STATES.get(int(record["state"]), "open"), names.touchpoint(int(record["touchpoint"])), names.moment(int(record["deadline"])),
        )  # fmt: skip


def _events(engine: Engine, trail: Trail, names: Names, last: int) -> Iterator[EventLine]:
    events = trail.events
    for fact in events[max(0, len(events) - last) :]:
        yield event_line(engine, fact, names)


def event_line(engine: Engine, fact: CustomerFact, names: Names) -> EventLine:
    """An event in words; properties by the types that the playbook in force gives them."""
    name = names.name("event", fact.code)
    types = engine.playbook.vocabulary.events.get(name, {})
    found = zip(types.items(), fact.values, strict=False)
    properties = {key: names.value(value, kind, engine.dictionary) for (key, kind), value in found if value != NULL}
    return EventLine(fact.seq, names.moment(fact.at_ms), name, names.title("event", name), properties)
