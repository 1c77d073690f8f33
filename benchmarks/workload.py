"""The fixed workload of every benchmark: customers, campaigns, policy and events, the same for the same sizes. Run it to see its figures.

A telecom-like deployment with its names left out. Everything is made from seeds, as definitions and as messages; the playbook
is compiled by the public API. Sketches (Term, Sketch) say the campaigns in a form that other rule engines can be given too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import (
    NOBODY,
    NULL,
    DeploymentDefinition,
    EventDefinition,
    FactBatch,
    FactKind,
    TextDictionary,
    decode_scalar,
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
WORDS = 12
METHODS = tuple(f"method_{i}" for i in range(8))
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York")
HISTORY = "earlier"
"""The campaign of contacts made before the benchmark: no trigger and no goal."""
EARLIER_CONTACTS_HOT, EARLIER_CONTACTS = 9.0, 1.2
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
    tags += [Tag(f"level_{i}", "int", 0, 100) for i in range(13)]
    tags += [Tag(f"usage_{i}", "int", 0, 10_000) for i in range(8)]
    tags += [Tag(f"spend_{i}", "money", 0, 2_000_000) for i in range(4)]
    tags += [Tag(f"since_{i}", "date", 15_000, 20_000) for i in range(2)]
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
    """A term that about half of the customers fit."""
    if tag.kind == "bool":
        return Term(tag.name, "true" if rng.random() < 0.5 else "false")
    if tag.kind == "text":
        chosen = rng.choice(len(tag.words), size=max(1, len(tag.words) // 2), replace=False)
        return Term(tag.name, "in", words=tuple(tag.words[i] for i in sorted(chosen)))
    if tag.kind == "date":  # dates are compared through days_since in rules; presence keeps the column hot
        return Term(tag.name, "known")
    span = tag.high - tag.low
    scale = 2 if tag.kind == "money" else 0
    op = ("between", ">=", "<", "not >")[int(rng.integers(4))]
    if op == "between":
        low = tag.low + int(span * rng.uniform(0, 0.6))
        return Term(tag.name, op, low, low + int(span * 0.4), (), scale)
    cut = tag.low + int(span * rng.uniform(0.35, 0.65))
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
    pool = [tag for tag in TAGS if tag.name not in ("zone", "score") and tag.kind != "date"]
    for i in range(campaigns):
        terms = int(rng.integers(2, 6))
        # The first tag goes round, so that every tag is hot under a hundred campaigns too.
        picked = [pool[i % len(pool)], *(pool[int(j)] for j in rng.integers(len(pool), size=terms - 1))]
        conditions = [_tag_term(rng, tag) for tag in picked]
        if rng.random() < 0.2:
            least = int(rng.integers(1, 3))
            conditions[-1] = Term(counter_name(int(rng.choice(COUNTED))), ">=", least, least)
        clauses = [(term,) for term in conditions]
        if rng.random() < 0.2 and terms > 2:
            clauses = [(clauses[0][0], clauses[1][0]), *clauses[2:]]
        where = _event_term(rng) if rng.random() < 0.4 else None
        made.append(Sketch(f"campaign_{i:05}", int(events[i]), where, tuple(clauses)))
    return made


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


def _campaign(sketch: Sketch, i: int, rng: np.random.Generator) -> CampaignDefinition:
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


def definitions(campaigns: int, seed: int = 1) -> DefinitionSet:
    """All definitions of the workload with that many campaigns."""
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
    # Dates cannot be compared with a literal's number; a rule tag makes them hot, as tenure does in life.
    for i, event in enumerate(COUNTED):
        measure: dict[str, object] = {"of": EVENT_NAMES[event], "measure": "count", "over": "7d"}
        if i % 2:
            measure |= {"measure": "sum", "value": "quantity"}
        name = counter_name(event)
        tags[name] = _define(TagDefinition, tag=name, counter=measure, range=("0", "30000"))
    touchpoints = {
        "sms": _define(TouchpointDefinition, touchpoint="sms", direction="out", cost="0.05"),
        "email": _define(TouchpointDefinition, touchpoint="email", direction="out", cost="0.01"),
        "app_push": _define(TouchpointDefinition, touchpoint="app_push", direction="out", channel="app"),
        "app_home": _define(TouchpointDefinition, touchpoint="app_home", direction="in", channel="app"),
    }
    offers = {
        f"offer_{i:02}": _define(OfferDefinition, offer=f"offer_{i:02}", value=f"{5 + i}.00", cost="1.50")
        for i in range(60)
    }
    made = {s.name: _campaign(s, i, rng) for i, s in enumerate(sketches(campaigns, seed))}
    made[HISTORY] = _define(CampaignDefinition, campaign=HISTORY)
    return DefinitionSet(
        DeploymentDefinition("benchmark", zone="Asia/Shanghai"), policy_definition(), events, tags, touchpoints, offers, made
    )
