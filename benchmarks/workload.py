"""The fixed workload of every benchmark: customers, campaigns, policy and events, the same for the same sizes. Run it to see its figures.

A telecom-like deployment with its names left out. Everything is made from seeds, as definitions and as messages; the playbook
is compiled by the public API. Sketches (Term, Sketch) say the campaigns in a form that other rule engines can be given too.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Report, options
from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import (
    NO_CAMPAIGN,
    NOBODY,
    NULL,
    DeploymentDefinition,
    EventDefinition,
    FactBatch,
    FactKind,
    Outputs,
    decode_scalar,
    encode_scalar,
)
from opportune.policy import PolicyDefinition
from opportune.profiles import TagDefinition

START_MS = 1_790_000_000_000
SPACING_MS = 20
"""Between two events of a million customers: four events per customer and day."""
EVENT_TYPES = 112
HOT_CUSTOMER_STEP = 50
"""Every fiftieth customer (2 %) is hot: together they send half of the events."""
NULL_SHARE = 0.03
TAG_SHARE = 0.17
COUNTER_SHARE = 0.31
CONSENT_SHARE = 0.9
CHUNK_CUSTOMERS = 50_000
DOCUMENTS_PER_FILE = 100
WORDS = 12
METHODS = tuple(f"method_{i}" for i in range(8))
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York")
CONTENT = {"content": {"app_home": {"en": "{{title}}: you spent {{event.amount}}, here is something for you"}}}
HISTORY = "earlier"
"""The campaign of contacts made before the benchmark: no trigger and no goal."""
EARLIER_CONTACTS_HOT, EARLIER_CONTACTS = 14.0, 2.0
"""Contacts of the last 30 days per hot and per other customer, on average: what a deployment at work has in its caps."""

Ints = NDArray[np.int64]


class Tag(NamedTuple):
    """One declared tag: its kind and range (encoded), and its words where it is a text."""

    name: str
    kind: str
    low: int
    high: int
    words: tuple[str, ...] = ()


class Term(NamedTuple):
    """A condition on one tag or property; bounds are encoded integers (money in minor units), both included."""

    name: str
    op: str
    low: int = 0
    high: int = 0
    words: tuple[str, ...] = ()
    scale: int = 0

    def text(self) -> str:
        """The term as a rule's text."""
        low, high = (f"{v / 100:.2f}" if self.scale else str(v) for v in (self.low, self.high))
        listed = ", ".join(f"'{word}'" for word in self.words)
        return {
            ">=": f"{self.name} >= {low}",
            "<": f"{self.name} < {high}",
            "not >": f"NOT ({self.name} > {high})",
            "between": f"{self.name} BETWEEN {low} AND {high}",
            "in": f"{self.name} IN ({listed})",
            "true": self.name,
            "false": f"NOT {self.name}",
        }[self.op]


class Sketch(NamedTuple):
    """A campaign's matching part: trigger event (its index), condition on the event, and an AND of ORs on the customer."""

    name: str
    event: int
    where: Term | None
    clauses: tuple[tuple[Term, ...], ...]

    def audience(self) -> str:
        """The audience as a rule's text."""
        parts = [" OR ".join(term.text() for term in clause) for clause in self.clauses]
        return " AND ".join(f"({part})" if len(c) > 1 else part for part, c in zip(parts, self.clauses, strict=True))


def _tags() -> tuple[Tag, ...]:
    tags = [Tag(f"flag_{i}", "bool", 0, 1) for i in range(6)]
    tags += [Tag(f"level_{i}", "int", 0, 100) for i in range(15)]
    tags += [Tag(f"usage_{i}", "int", 0, 10_000) for i in range(8)]
    tags += [Tag(f"spend_{i}", "money", 0, 2_000_000) for i in range(4)]
    tags += [Tag(f"plan_{i}", "text", 1, WORDS, tuple(f"plan_{i}_{w}" for w in range(WORDS))) for i in range(5)]
    return (*tags, Tag("score", "int", 0, 1_000_000), Tag("zone", "text", 1, len(ZONES), ZONES))


TAGS = _tags()
"""The 40 hot tags."""
EVENT_NAMES = tuple(f"event_{i:03}" for i in range(EVENT_TYPES))
_ranks = 1.0 / np.arange(1, EVENT_TYPES + 1)
EVENT_SHARES = _ranks / _ranks.sum()
"""Zipf: the first event type is a fifth of all."""


def _counted_events() -> tuple[int, ...]:
    """Event types that together make up COUNTER_SHARE of all messages, one counter each."""
    chosen, share = [], 0.0
    for i in range(1, EVENT_TYPES):
        grown = share + float(EVENT_SHARES[i]) * (1 - TAG_SHARE)
        if grown <= COUNTER_SHARE:
            chosen.append(i)
            share = grown
        if share > COUNTER_SHARE - 0.005:
            break
    return tuple(chosen)


COUNTED = _counted_events()


def counter_name(event: int) -> str:
    """The 7-day counter over one event type."""
    return f"{EVENT_NAMES[event]}_7d"


# -- campaigns ---------------------------------------------------------------------------------


def _tag_term(rng: np.random.Generator, tag: Tag) -> Term:
    """A term that a little less than half of the customers fit."""
    if tag.kind == "bool":
        return Term(tag.name, "true" if rng.random() < 0.5 else "false")
    if tag.kind == "text":
        chosen = rng.choice(len(tag.words), size=max(1, len(tag.words) // 2), replace=False)
        return Term(tag.name, "in", words=tuple(tag.words[i] for i in sorted(chosen)))
    span = tag.high - tag.low
    scale = 2 if tag.kind == "money" else 0
    op = ("between", ">=", "<", "not >")[int(rng.integers(4))]
    if op == "between":
        low = tag.low + int(span * rng.uniform(0, 0.6))
        return Term(tag.name, op, low, low + int(span * 0.4), (), scale)
    share = rng.uniform(0.2, 0.5)
    cut = tag.low + int(span * (1 - share if op == ">=" else share))
    return Term(tag.name, op, cut, cut, (), scale)


def _event_term(rng: np.random.Generator) -> Term:
    kind = int(rng.integers(3))
    if kind == 0:
        return Term("event.amount", ">=", int(rng.integers(4_000, 16_000)), 0, (), 2)
    if kind == 1:
        low = int(rng.integers(0, 50))
        return Term("event.quantity", "between", low, low + 50)
    return Term("event.method", "in", words=tuple(METHODS[i] for i in sorted(rng.choice(8, 4, replace=False))))


def sketches(campaigns: int, seed: int = 1) -> list[Sketch]:
    """The matching parts of that many campaigns; fewer are not a prefix of more, their triggers are spread over all event types."""
    rng = np.random.default_rng([seed, campaigns])
    made: list[Sketch] = []
    events = rng.permutation(max(campaigns, EVENT_TYPES)) % EVENT_TYPES
    pool = [tag for tag in TAGS if tag.name not in ("zone", "score")]
    for i in range(campaigns):
        terms = int(rng.integers(2, 6))
        # The first tag goes round, so that every tag is hot under a hundred campaigns too.
        picked = [pool[i % len(pool)], *(pool[int(j)] for j in rng.integers(len(pool), size=terms - 1))]
        conditions = [_tag_term(rng, tag) for tag in picked]
        if rng.random() < 0.2:
            least = int(rng.integers(1, 3))
            conditions[-1] = Term(counter_name(int(rng.choice(COUNTED))), ">=", least, least)
        clauses: list[tuple[Term, ...]] = [(term,) for term in conditions]
        if rng.random() < 0.2 and terms > 2:
            clauses = [(clauses[0][0], clauses[1][0]), *clauses[2:]]
        where = _event_term(rng) if rng.random() < 0.4 else None
        made.append(Sketch(f"campaign_{i:05}", int(events[i]), where, tuple(clauses)))
    return made


def write_definitions(found: DefinitionSet, folder: Path) -> None:
    """The definitions as YAML files (each document in flow style), to be published like anybody's."""
    plain = msgspec.to_builtins(found, enc_hook=encode_scalar)
    documents = [plain["deployment"], plain["policy"]]
    for family in ("events", "tags", "touchpoints", "offers", "campaigns"):
        documents += plain[family].values()
    for start in range(0, len(documents), DOCUMENTS_PER_FILE):
        texts = [json.dumps(document) for document in documents[start : start + DOCUMENTS_PER_FILE]]
        (folder / f"definitions_{start:06}.yaml").write_text("\n---\n".join(texts) + "\n")


def _define(kind: type[Any], **fields: object) -> Any:
    return msgspec.convert(fields, kind, strict=False, dec_hook=decode_scalar)


def _tag_definition(tag: Tag) -> TagDefinition:
    fields: dict[str, object] = {"tag": tag.name, "type": tag.kind}
    if tag.kind == "int":
        fields["range"] = (str(tag.low), str(tag.high))
    if tag.kind == "money":
        fields["range"] = ("0", f"{tag.high // 100}")
    if tag.name == "score":
        fields["score"] = "propensity"
    definition: TagDefinition = _define(TagDefinition, **fields)
    return definition


def _campaign(sketch: Sketch, i: int, rng: np.random.Generator, waiting_every: int) -> CampaignDefinition:
    trigger: dict[str, object] = {"event": EVENT_NAMES[sketch.event]}
    if sketch.where is not None:
        trigger["where"] = sketch.where.text()
    goal: dict[str, object] = {"event": EVENT_NAMES[int(rng.integers(20, EVENT_TYPES))], "within": "7d"}
    if i % 2:
        goal |= {"reach": "sum(event.amount) >= 150.00"}
    else:
        goal |= {"where": "event.amount >= 100", "value": "event.amount"}
    steps: list[dict[str, object]] = [{"at": ("sms", "email", "app_push")[int(rng.integers(3))], "push": "now"}]
    if sketch.event % 10 == 0:
        steps.insert(0, {"at": "app_home", "weight": "1.2"})
    if waiting_every and i % waiting_every == 0:
        steps = [{"at": "app_home", "wait": "24h"}, steps[-1]]
    offers = sorted(rng.choice(60, size=int(rng.integers(1, 4)), replace=False).tolist())
    policy: dict[str, object] = {"category": f"category_{i % 6}"}
    if i % 10 == 3:
        policy["budget"] = {"contacts": 50_000, "per": "day"}
    definition: CampaignDefinition = _define(
        CampaignDefinition,
        campaign=sketch.name,
        audience=sketch.audience(),
        trigger=trigger,
        goal=goal,
        touchpoints=steps,
        offers=[{"offer": f"offer_{number:02}"} for number in offers],
        policy=policy,
        control="10%",
        propensity="score" if i % 10 == 7 else f"{1 + i % 20}%",
        lever=f"{rng.uniform(0.5, 2):.2f}",
    )
    return definition


def policy_definition(consent: str = "required") -> PolicyDefinition:
    """Caps per 7 and 30 days overall and per channel, quiet hours of the customer's zone, cool-down, universal control."""
    caps = [
        {"per": "customer", "max": 3, "in": "7d"},
        {"per": "customer", "max": 8, "in": "30d"},
        {"per": "channel", "max": 2, "in": "7d"},
        {"per": "channel", "max": 4, "in": "30d"},
    ]
    definition: PolicyDefinition = _define(
        PolicyDefinition,
        policy="default",
        caps=caps,
        quiet_hours={"from": "21:00", "to": "09:00"},
        cool_down={"after_refused": "30d", "after_complaint": "60d"},
        consent=consent,
        universal_control="2%",
        time_zone="zone",
    )
    return definition


def definitions(campaigns: int, seed: int = 1, *, waiting_every: int = 0) -> DefinitionSet:
    """All definitions of the workload with that many campaigns; every `waiting_every`-th waits a day for the customer's touch."""
    rng = np.random.default_rng([seed, campaigns, 2])
    properties = {
        "amount": {"type": "money", "range": ["0", "10000"]},
        "quantity": {"type": "int", "range": ["0", "1000"]},
        "method": {"type": "text"},
    }
    events: dict[str, EventDefinition] = {}
    for i, name in enumerate(EVENT_NAMES):
        here = {"at": "app_home"} if i % 10 == 0 else {}
        events[name] = _define(EventDefinition, event=name, properties=properties, **here)
    tags = {tag.name: _tag_definition(tag) for tag in TAGS}
    for i, event in enumerate(COUNTED):
        measure: dict[str, object] = {"of": EVENT_NAMES[event], "measure": "count", "over": "7d"}
        if i % 2:
            measure |= {"measure": "sum", "value": "quantity"}
        name = counter_name(event)
        tags[name] = _define(TagDefinition, tag=name, type="int", counter=measure, range=("0", "30000"))
    touchpoints = {
        "sms": _define(TouchpointDefinition, touchpoint="sms", direction="out", cost="0.05"),
        "email": _define(TouchpointDefinition, touchpoint="email", direction="out", cost="0.01"),
        "app_push": _define(TouchpointDefinition, touchpoint="app_push", direction="out", channel="app"),
        "app_home": _define(TouchpointDefinition, touchpoint="app_home", direction="in", channel="app"),
    }
    offers = {
        f"offer_{i:02}": _define(
            OfferDefinition,
            offer=f"offer_{i:02}",
            value=f"{5 + i}.00",
            cost="1.50",
            **(CONTENT if waiting_every else {}),
        )
        for i in range(60)
    }
    made = {s.name: _campaign(s, i, rng, waiting_every) for i, s in enumerate(sketches(campaigns, seed))}
    made[HISTORY] = _define(CampaignDefinition, campaign=HISTORY)
    return DefinitionSet(
        DeploymentDefinition("benchmark", zone="Asia/Shanghai"),
        policy_definition(),
        events,
        tags,
        touchpoints,
        offers,
        made,
    )


# -- customers ---------------------------------------------------------------------------------


class World:
    """A playbook of the workload, and what is needed to state facts under it."""

    def __init__(self, customers: int, playbook: Playbook) -> None:
        """Customers under a playbook of the workload; the words that events and tags use join its dictionary."""
        self.customers = customers
        self.playbook = playbook
        self.dictionary = playbook.dictionary
        for word in (*METHODS, *(word for tag in TAGS for word in tag.words)):
            self.dictionary.intern(word)
        playbook.grow()
        catalogue = self.playbook.catalogue
        self.event_numbers = np.array([catalogue.events[name].number for name in EVENT_NAMES], np.uint16)
        self.tag_numbers = np.array([catalogue.tags[tag.name].number for tag in TAGS], np.int64)
        self.method_codes = np.array([self.dictionary.code(word) for word in METHODS], np.int64)
        self.word_codes = [np.array([self.dictionary.code(w) for w in tag.words], np.int64) for tag in TAGS]

    def opening(self) -> FactBatch:
        """The first fact: the playbook is in force. Brings the dictionary's texts."""
        none = np.zeros(1, np.uint64)
        return FactBatch(
            np.full(1, FactKind.PLAYBOOK, np.uint8), np.zeros(1, np.uint16), np.full(1, NOBODY, np.uint32),
            np.full(1, START_MS), np.full(1, START_MS), np.zeros(2, np.uint32), np.zeros(0, np.int64),
            np.zeros((1, 2), np.uint64), none, self.dictionary.since(0), [self.playbook.body().encode()],
        )  # fmt: skip

    def engine(self, customers_max: int | None = None) -> Engine:
        """An engine with the playbook in force and all customers in it."""
        engine = Engine(self.dictionary, customers_max=customers_max or self.customers)
        engine.prepare(self.playbook)
        engine.process(self.opening())
        for batch in self.population():
            engine.process(batch)
        return engine

    def population(self) -> Iterator[FactBatch]:
        """The customers as facts: creation, all tags, consent, earlier contacts; CHUNK_CUSTOMERS at a time."""
        for start in range(0, self.customers, CHUNK_CUSTOMERS):
            yield self._chunk(start, min(CHUNK_CUSTOMERS, self.customers - start))

    def values(self, rng: np.random.Generator, tag: int, size: int) -> Ints:
        """Random encoded values of a tag, NULL_SHARE of them NULL (the zone always known)."""
        known = TAGS[tag]
        drawn = rng.integers(known.low, known.high + 1, size)
        if known.kind == "text":
            drawn = self.word_codes[tag][drawn - 1]
        if known.name != "zone":
            drawn[rng.random(size) < NULL_SHARE] = NULL
        return drawn

    def _chunk(self, start: int, size: int) -> FactBatch:
        rng = np.random.default_rng([3, start])
        numbers = np.arange(start, start + size)
        pairs = np.empty((size, len(TAGS), 2), np.int64)
        pairs[:, :, 0] = self.tag_numbers
        for i in range(len(TAGS)):
            pairs[:, i, 1] = self.values(rng, i, size)
        keys = rng.integers(0, 2**62, size)
        consenting = numbers[rng.random(size) < CONSENT_SHARE]
        consents = np.tile(np.array([NULL, 1], np.int64), (len(consenting), 1))
        contacted, contacts, contact_ms = self._earlier(rng, numbers)
        purpose = self.playbook.catalogue.purposes["marketing"]
        history = self.playbook.catalogue.campaigns[HISTORY]
        parts = [
            _Part(FactKind.CUSTOMER, 0, numbers, keys[:, None]),
            _Part(FactKind.TAGS_SET, 0, numbers, pairs.reshape(size, -1)),
            _Part(FactKind.CONSENT, purpose, consenting, consents),
            _Part(FactKind.CONTACT, history, contacted, contacts),
        ]
        batch = _facts_of(parts)
        batch.at_ms[len(batch) - len(contacted) :] = contact_ms
        return batch

    def _earlier(self, rng: np.random.Generator, numbers: Ints) -> tuple[Ints, Ints, Ints]:
        many = rng.poisson(np.where(numbers % HOT_CUSTOMER_STEP == 0, EARLIER_CONTACTS_HOT, EARLIER_CONTACTS))
        contacted = np.repeat(numbers, many)
        known = self.playbook.catalogue.touchpoints
        at = np.array([known["sms"], known["email"], known["app_push"]])
        values = np.full((len(contacted), 2), NULL, np.int64)
        values[:, 0] = at[rng.integers(3, size=len(contacted))]
        return contacted, values, START_MS - rng.integers(0, 30 * 86_400_000, len(contacted))

    def facts(self, events: "Events") -> FactBatch:
        """Messages as the facts that intake would make of them, without message ids."""
        n = len(events.customer)
        sets = events.tag >= 0
        first = np.zeros(n + 1, np.uint32)
        np.cumsum(np.where(sets, 2, 3), out=first[1:])
        values = np.empty(int(first[-1]), np.int64)
        at, tagged = first[:-1].astype(np.int64), np.flatnonzero(sets)
        plain = np.flatnonzero(~sets)
        values[at[plain]] = events.amount[plain]
        values[at[plain] + 1] = events.quantity[plain]
        values[at[plain] + 2] = self.method_codes[events.method[plain]]
        values[at[tagged]] = self.tag_numbers[events.tag[tagged]]
        values[at[tagged] + 1] = events.value[tagged]
        return FactBatch(
            np.where(sets, FactKind.TAGS_SET, FactKind.EVENT).astype(np.uint8),
            np.where(sets, 0, self.event_numbers[events.event]).astype(np.uint16),
            events.customer.astype(np.uint32), events.at_ms, events.at_ms, first, values,
            np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
        )  # fmt: skip

    def events(
        self, count: int, seed: int = 4, *, tag_share: float = TAG_SHARE, after: "Events | None" = None
    ) -> "Events":
        """That many messages in order of time, after those of `after`; twice as many customers send twice as many per second."""
        rng = np.random.default_rng([seed, self.customers])
        hot = rng.integers(0, max(1, self.customers // HOT_CUSTOMER_STEP), count) * HOT_CUSTOMER_STEP
        customer = np.where(rng.random(count) < 0.5, hot, rng.integers(0, self.customers, count))
        tag = np.where(rng.random(count) < tag_share, rng.integers(0, len(TAGS) - 1, count), -1)
        value = np.full(count, NULL, np.int64)
        for i in range(len(TAGS)):
            rows = np.flatnonzero(tag == i)
            value[rows] = self.values(rng, i, len(rows))
        begin = START_MS if after is None else int(after.at_ms[-1])
        at_ms = begin + np.arange(count) * SPACING_MS * 1_000_000 // self.customers
        return Events(
            customer, rng.choice(EVENT_TYPES, count, p=EVENT_SHARES), at_ms, rng.integers(0, 20_000, count),
            rng.integers(0, 100, count), rng.integers(0, len(METHODS), count), tag, value,
        )  # fmt: skip

    def line(self, events: "Events", i: int, number: int = 0) -> bytes:
        """Message i as a line of NDJSON, about 150 bytes, without its line feed; ids count from `number`."""
        head = f'"userId":"{user_of(int(events.customer[i]))}","timestamp":{events.at_ms[i]},"messageId":"m{number + i:010}"'
        if events.tag[i] >= 0:
            tag = TAGS[int(events.tag[i])]
            return f'{{"type":"identify",{head},"traits":{{"{tag.name}":{self._json(tag, int(events.value[i]))}}}}}'.encode()
        amount, method = int(events.amount[i]), METHODS[int(events.method[i])]
        properties = f'"amount":{amount // 100}.{amount % 100:02},"quantity":{events.quantity[i]},"method":"{method}"'
        return f'{{"type":"track","event":"{EVENT_NAMES[int(events.event[i])]}",{head},"properties":{{{properties}}}}}'.encode()

    def ndjson(self, events: "Events", size: int, number: int = 0) -> list[tuple[bytes, int]]:
        """The messages in groups of `size`: (bytes, when the group was received); ids count from `number`."""
        groups = []
        for start in range(0, len(events.customer), size):
            end = min(start + size, len(events.customer))
            lines = [self.line(events, i, number) for i in range(start, end)]
            groups.append((b"\n".join(lines) + b"\n", int(events.at_ms[end - 1])))
        return groups

    def _json(self, tag: Tag, value: int) -> str:
        if value == NULL:
            return "null"
        if tag.kind == "bool":
            return "true" if value else "false"
        if tag.kind == "money":
            return f"{value // 100}.{value % 100:02}"
        return f'"{self.dictionary.text(value)}"' if tag.kind == "text" else str(value)


class Events(NamedTuple):
    """Messages as columns; `tag` (index into TAGS) is -1 where the message is an event, else it sets that tag to `value`."""

    customer: Ints
    event: Ints
    at_ms: Ints
    amount: Ints
    quantity: Ints
    method: Ints
    tag: Ints
    value: Ints


def user_of(customer: int) -> str:
    """The identifier of a customer."""
    return f"u{customer:08}"


class _Part(NamedTuple):
    kind: int
    code: int
    customers: Ints
    values: Ints  # [facts, values per fact]


def _facts_of(parts: list[_Part]) -> FactBatch:
    """Facts of START_MS, part after part."""
    sizes = [len(part.customers) for part in parts]
    n = sum(sizes)
    counts = np.concatenate([np.full(size, p.values.shape[1]) for p, size in zip(parts, sizes, strict=True)])
    first = np.zeros(n + 1, np.uint32)
    np.cumsum(counts, out=first[1:])
    return FactBatch(
        np.repeat([part.kind for part in parts], sizes).astype(np.uint8),
        np.repeat([part.code for part in parts], sizes).astype(np.uint16),
        np.concatenate([part.customers for part in parts]).astype(np.uint32),
        np.full(n, START_MS), np.full(n, START_MS), first, np.concatenate([part.values.reshape(-1) for part in parts]),
        np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
    )  # fmt: skip


def contacts_with_goals(world: World) -> Iterator[FactBatch]:
    """One more earlier contact for every customer, of a campaign that has a goal: each opens a goal instance."""
    catalogue = world.playbook.catalogue
    campaigns = [number for name, number in catalogue.campaigns.items() if name != HISTORY]
    for start in range(0, world.customers, CHUNK_CUSTOMERS):
        numbers = np.arange(start, min(start + CHUNK_CUSTOMERS, world.customers))
        values = np.full((len(numbers), 2), NULL, np.int64)
        values[:, 0] = catalogue.touchpoints["sms"]
        batch = _facts_of([_Part(FactKind.CONTACT, 0, numbers, values)])
        batch.code[:] = np.array(campaigns, np.uint16)[numbers % len(campaigns)]
        yield batch


def batches_of(batch: FactBatch, size: int) -> list[FactBatch]:
    """The facts cut into batches of `size`, in order; texts stay with the opening."""
    cut = [batch.take(np.arange(i, min(i + size, len(batch)))) for i in range(0, len(batch), size)]
    for part in cut:
        part.texts = []
    return cut


def main() -> None:
    """Show what the workload is like: definitions, bytes, decisions, and how often the kernel has to match."""
    asked = options(__doc__).parse_args()
    customers, count = (20_000, 40_000) if asked.quick else (1_000_000, 2_000_000)
    world = World(customers, Playbook(definitions(1_000)))
    report = Report(f"workload: {customers:,} customers, 1,000 campaigns, {count:,} messages")
    events = world.events(count)
    lines = [world.line(events, i) for i in range(0, count, max(1, count // 10_000))]
    engine = world.engine()
    outputs = Outputs.concatenate([engine.process(part) for part in batches_of(world.facts(events), 4_000)])
    tracks = int((events.tag < 0).sum())
    blocked = int(outputs.withheld["count"][outputs.withheld["campaign"] == NO_CAMPAIGN].sum())
    report.figure("message_bytes", float(np.mean([len(line) + 1 for line in lines])), "bytes")
    report.figure("record_bytes", world.playbook.layout.record_bytes, "bytes per customer")
    report.figure("ledger_bytes", 8 * world.playbook.ledger.words, "bytes per customer")
    report.figure("tag_share", 1 - tracks / count, "of messages")
    report.figure("counter_share", float(np.isin(events.event[events.tag < 0], COUNTED).sum()) / count, "of messages")
    report.figure("decision_share", len(outputs.decisions) / count, "of messages", goal="0.07 to 0.09")
    report.figure("contactable_share", (tracks - blocked) / count, "of messages")
    report.close()


if __name__ == "__main__":
    main()
