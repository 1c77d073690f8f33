"""Ask: who is this customer? Tags, consents, contacts against every cap, open goals, last decisions and events; beside a writer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine
from opportune.facts import NULL, Arm, FactKind
from opportune.operations.decisions import DecisionLine, decision_line
from opportune.operations.names import Language, Names, mask, span
from opportune.operations.one_customer import CustomerFact, OneCustomer, Trail, read_trail
from opportune.operations.tag_values import hot_values, roll_to, row_of
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
from opportune.profiles import TagDefinition
from opportune.rules import Ref

LAST_SHOWN = 10
GOAL_STATES = {1: "open", 2: "reached, regret watched"}

Value = str | int | bool | list[str] | None


class TagLine(msgspec.Struct, frozen=True):
    """One tag: its value decoded (None where unknown), how it comes about, and for a set one when it was set last."""

    tag: str
    title: str
    category: str
    origin: str
    value: Value
    unit: str
    set_at: str = ""


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


class EventLine(msgspec.Struct, frozen=True):
    """One event of hers in words."""

    seq: int
    at: str
    event: str
    title: str
    properties: dict[str, Value]


class CustomerView(msgspec.Struct, frozen=True):
    """One customer as the engine knows her at `now`, the engine time of the journal's end."""

    customer: int
    identifiers: tuple[str, ...]
    personal: dict[str, str]
    since: str
    now: str
    facts: int
    tags: tuple[TagLine, ...]
    consents: tuple[ConsentLine, ...]
    do_not_disturb: bool
    refused_until: str
    complained_until: str
    caps: tuple[CapLine, ...]
    goals: tuple[GoalLine, ...]
    decisions: tuple[DecisionLine, ...]
    events: tuple[EventLine, ...]


def view_customer(
    folder: Path, customer: int, *, reveal: bool = False, last: int = LAST_SHOWN, language: Language = "en"
) -> CustomerView:
    """One customer's view. Identifiers and personal fields are masked unless `reveal`. Raises DeploymentError."""
    trail = read_trail(folder, customer)
    alone = OneCustomer(trail, every_tag=True)
    alone.play(trail.end_seq)
    engine = alone.engine
    roll_to(engine, trail.now_ms)
    names = Names(trail.body, language)
    ledger: NDArray[np.uint16] = engine.memory.arrays["ledger"][0]
    known, personal = _people(folder, customer, reveal)
    last = max(last, 0)
    newest = trail.decisions[max(0, len(trail.decisions) - last) :]
    return CustomerView(
        customer, known, personal, names.moment(trail.facts[0].at_ms), names.moment(trail.now_ms), len(trail.facts),
        tuple(_tags(engine, trail, names)), tuple(_consents(ledger, names)),
        bit_in(ledger, DO_NOT_DISTURB_BIT),
        _until(moment_in(ledger, REFUSED_UNTIL), trail, names), _until(moment_in(ledger, COMPLAINED_UNTIL), trail, names),
        tuple(_caps(engine, ledger, trail, names)), tuple(_goals(engine, names)),
        tuple(decision_line(row, names) for row in newest), tuple(_events(engine, trail, names, last)),
    )  # fmt: skip


def _people(folder: Path, customer: int, reveal: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    with open_people(folder) as people:
        if people is None:
            return (), {}
        known = tuple(f"{kind}:{text if reveal else mask(text)}" for kind, text in people.identifiers_of(customer))
        return known, {field: text if reveal else mask(text) for field, text in people.personal_of(customer).items()}


def _until(until_ms: int, trail: Trail, names: Names) -> str:
    return names.moment(until_ms) if until_ms > trail.now_ms else ""


def _tags(engine: Engine, trail: Trail, names: Names) -> Iterator[TagLine]:
    """Every tag of the catalogue: from its column, by its rule, or (without a column) as it was set last."""
    values, row = hot_values(engine), row_of(engine)
    said: dict[int, tuple[int, int]] = {}
    for fact in trail.facts:
        if fact.kind == FactKind.TAGS_SET:
            pairs = zip(fact.values[::2], fact.values[1::2], strict=False)
            said |= {number: (value, fact.at_ms) for number, value in pairs}
    vocabulary = engine.playbook.vocabulary
    for name, tag in engine.playbook.definitions.tags.items():
        number = engine.playbook.numbering.number("tag", name)
        value = values.get(name, said.get(number, (NULL, 0))[0])
        if tag.rule is not None:
            found = row.get(Ref("tag", name))
            value = NULL if found is None else found
        shown = names.value(value, vocabulary.tags[name], engine.dictionary)
        at = names.moment(said[number][1]) if number in said else ""
        yield TagLine(name, names.title("tag", name), tag.category, _origin(tag), shown, tag.unit, at)


def _origin(tag: TagDefinition) -> str:
    if tag.rule is not None:
        return "rule"
    if tag.counter is not None:
        return "counter"
    return "score" if tag.score is not None else "declared"


def _consents(ledger: NDArray[np.uint16], names: Names) -> Iterator[ConsentLine]:
    for pair, name in enumerate(names.of("consent")):
        purpose, _, channel = name.partition("/")
        given = said_in(ledger, pair)
        if given is not None:
            yield ConsentLine(purpose, channel, given)


def _caps(engine: Engine, ledger: NDArray[np.uint16], trail: Trail, names: Names) -> Iterator[CapLine]:
    """The policy's caps; those per channel or category only where a contact was counted or the cap names one."""
    policy = engine.playbook.definitions.policy
    for cap in policy.caps if policy is not None else ():
        for of, key in _keys(cap, names):
            word, size = engine.playbook.ledger.rings.get(key, (0, 0))
            places = range(word, word + min(size, cap.max) * TIME_WORDS, TIME_WORDS)
            times = [t for place in places if (t := moment_in(ledger, place)) > 0]
            used = sum(t + cap.window > trail.now_ms for t in times)
            until = times[cap.max - 1] + cap.window if used >= cap.max else 0
            if used or cap.of is not None or cap.per == "customer":
                yield CapLine(cap.per, of, used, cap.max, span(cap.window), _until(until, trail, names))


def _keys(cap: Cap, names: Names) -> Iterator[tuple[str, str]]:
    if cap.per == "customer":
        yield "", "customer"
        return
    for number, name in enumerate(names.of(cap.per)):
        if cap.of in (None, name):
            yield name, f"{cap.per}/{number}"


def _goals(engine: Engine, names: Names) -> Iterator[GoalLine]:
    arrays = engine.memory.arrays
    index = int(arrays["heads"][0, 1])
    while index:
        instance: Any = arrays["instances"][index]
        yield GoalLine(
            names.campaign(int(instance["campaign"])), Arm(int(instance["arm"])).name.lower(),
            names.moment(int(instance["opened"])), names.moment(int(instance["deadline"])),
            GOAL_STATES.get(int(instance["state"]), "ended"),
        )  # fmt: skip
        index = int(instance["next"])


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
