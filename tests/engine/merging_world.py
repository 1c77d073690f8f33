"""Generated people with several identifiers, their messages in any order, and what an engine knows of each person at the end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from opportune.campaigns import CampaignDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import (
    BatchBuilder,
    DeploymentDefinition,
    EventDefinition,
    FactBatch,
    FactKind,
    IdentifierDefinition,
    Outputs,
    TextDictionary,
)
from opportune.intake import ColumnDecoder, Decoder, IdentityIndex, Intake, RepeatFilter, hash_identifier, key_words
from opportune.policy import PolicyDefinition
from opportune.profiles import TagDefinition, read_column, roll_rows
from tests.engine.records import DAY, HOUR
from tests.engine.worlds import START, define

KEY = bytes(range(16))
CUSTOMERS_MAX = 400
COUNTERS = {
    "spend_life": {"of": "paid", "measure": "sum", "value": "amount"},
    "paid_3d": {"of": "paid", "measure": "count", "over": "3d", "bucket": "hour"},
    "spend_10d": {"of": "paid", "measure": "sum", "value": "amount", "over": "10d", "bucket": "day"},
    "most_5d": {"of": "paid", "measure": "max", "value": "amount", "over": "5d", "bucket": "day"},
    "least": {"of": "paid", "measure": "min", "value": "amount"},
    "first_paid": {"of": "paid", "measure": "first", "value": "amount"},
    "last_paid": {"of": "paid", "measure": "last", "value": "amount"},
    "last_hour_paid": {"of": "paid", "measure": "last", "value": "amount", "over": "48h", "bucket": "hour"},
    "shops": {"of": "paid", "measure": "distinct", "value": "shop"},
    "shops_4d": {"of": "paid", "measure": "distinct", "value": "shop", "over": "4d", "bucket": "day"},
}
"""One of each measure, for life and over windows."""
SAID = ("colour", "size", "vip")


def playbook(**also: Any) -> Playbook:
    """Kinds that merge, tags, counters of every measure, caps, consents; the one campaign is never triggered."""
    kinds: dict[str, dict[str, Any]] = {
        "user": {"merges": True, "most": 1},
        "phone": {"merges": True},
        "anonymous": {"merges": True, "anonymous": True},
        "device": {},
    }
    tags: dict[str, Any] = {"colour": {"type": "text"}, "size": {"type": "int"}, "vip": {"type": "bool"}}
    tags |= {name: {"counter": counter} for name, counter in COUNTERS.items()}
    tags["shops"] |= {"range": ["0", "100"]}
    tags["shops_4d"] |= {"range": ["0", "100"]}
    tags["paid_3d"] |= {"range": ["0", "30000"]}
    caps = [{"per": "customer", "max": 3, "in": "7d"}, {"per": "channel", "max": 2, "in": "3d"}]
    caps.append({"per": "category", "of": "upsell", "max": 2, "in": "5d"})
    parts: dict[str, Any] = {
        "identifiers": {name: define(IdentifierDefinition, identifier=name, **rule) for name, rule in kinds.items()},
        "events": {
            "paid": define(
                EventDefinition, event="paid", properties={"amount": {"type": "int"}, "shop": {"type": "key"}}
            ),
            "asked": define(EventDefinition, event="asked"),
            "complained": define(EventDefinition, event="complained", means="complaint"),
        },
        "tags": {name: define(TagDefinition, tag=name, **tag) for name, tag in tags.items()},
        "touchpoints": {
            name: define(TouchpointDefinition, touchpoint=name, direction="out", cost="0.10")
            for name in ("sms", "mail")
        },
        "campaigns": {
            "pack": define(
                CampaignDefinition, campaign="pack", trigger={"event": "asked"}, audience="size > 1000000",
                touchpoints=[{"at": "sms", "push": "now"}],
                policy={"category": "upsell", "caps": [{"max": 2, "in": "4d"}], "cool_down_after_refusal": "9d"},
            )
        },
    }  # fmt: skip
    policy = define(
        PolicyDefinition, policy="default", caps=caps, consent="required",
        cool_down={"after_refused": "5d", "after_complaint": "20d"},
    )  # fmt: skip
    parts |= also
    return Playbook(
        DefinitionSet(DeploymentDefinition("people", zone="Asia/Shanghai"), policy, **parts),
        also_hot=tuple(parts["tags"]),
    )


Message = dict[str, Any]


@dataclass
class Person:
    """Somebody with her identifiers, by which messages name her."""

    identifiers: list[tuple[str, str]]


def people_of(r: np.random.Generator, many: int) -> list[Person]:
    """People with a user id, phones, and ids of visits in which nobody knew them."""
    found = []
    for i in range(many):
        known = [("user", f"u-{i}")]
        known += [("phone", f"+86138{i:04}{j}") for j in range(int(r.integers(0, 3)))]
        known += [("anonymous", f"visit-{i}-{j}") for j in range(int(r.integers(0, 4)))]
        found.append(Person([known[at] for at in r.permutation(len(known))]))
    return found


def story(r: np.random.Generator, people: Sequence[Person], each: int) -> list[tuple[int, Message]]:
    """(person, message without identifiers) at hours of their own, over twelve days."""
    told: list[tuple[int, Message]] = []
    for i in range(len(people)):
        for hour in r.choice(12 * 24, each, replace=False).tolist():
            at = START + hour * HOUR + int(r.integers(HOUR))
            told.append((i, {"timestamp": at, **_said(r)}))
    return sorted(told, key=lambda one: one[1]["timestamp"])


def _said(r: np.random.Generator) -> Message:
    what = r.choice(["paid", "identify", "consent", "contact", "dnd", "refused", "complained"], p=[0.5, 0.2, 0.1, 0.14, 0.03, 0.02, 0.01])  # fmt: skip
    if what == "paid":
        amount = int(r.integers(1, 5_000)) * (300 if r.random() < 0.02 else 1)
        return {"type": "track", "event": "paid", "properties": {"amount": amount, "shop": f"s{int(r.integers(12))}"}}
    if what == "identify":
        values = {
            "colour": str(r.choice(["red", "green", "blue"])),
            "size": int(r.integers(9)) if r.random() < 0.9 else None,
            "vip": bool(r.random() < 0.5),
        }
        return {"type": "identify", "traits": {name: values[name] for name in SAID if r.random() < 0.6}}
    if what == "consent":
        channel = {"channel": str(r.choice(["sms", "mail"]))} if r.random() < 0.6 else {}
        return {"type": "consent", "purpose": "marketing", "given": bool(r.random() < 0.6), **channel}
    if what == "contact":
        return {"type": "contact", "campaign": "pack", "touchpoint": str(r.choice(["sms", "mail"]))}
    if what == "dnd":
        return {"type": "do_not_disturb", "on": bool(r.random() < 0.5)}
    if what == "refused":
        return {"type": "response", "campaign": "pack", "answer": "refused"}
    return {"type": "track", "event": "complained"}


def named(r: np.random.Generator, people: Sequence[Person], told: Sequence[tuple[int, Message]]) -> list[Message]:
    """Each message by one identifier or two; and, somewhere, messages that show which belong together."""
    messages = []
    for person, message in told:
        known = people[person].identifiers
        some = [known[at] for at in r.permutation(len(known))[: 1 + int(r.random() < 0.15)]]
        messages.append({**message, "identifiers": [{"kind": kind, "value": value} for kind, value in some]})
    for i, one in enumerate(people):
        for before, after in zip(one.identifiers, one.identifiers[1:], strict=False):
            pair = [{"kind": kind, "value": value} for kind, value in (before, after)]
            at = START + int(r.integers(12 * DAY))
            messages.append(
                {"type": "identify", "timestamp": at, "traits": {}, "identifiers": pair, "messageId": f"{i}/{after}"}
            )
    return sorted(messages, key=lambda message: int(message["timestamp"]))


def named_once(people: Sequence[Person], told: Sequence[tuple[int, Message]]) -> list[Message]:
    """The same as if everybody had had one identifier from the start."""
    return [{**message, "userId": f"u-{person}"} for person, message in told]


class Shop:
    """An engine and its intake, in memory; `taken` keeps what went through, for replays."""

    def __init__(self, made: Playbook, *, compiled: bool = False) -> None:
        self.playbook = made
        self.dictionary = TextDictionary()
        self.taken: list[tuple[FactBatch, Outputs]] = []
        self.engine = Engine(self.dictionary, customers_max=CUSTOMERS_MAX, history=lambda _: iter(list(self.taken)))
        self.identity = IdentityIndex(CUSTOMERS_MAX)
        self.conflicts: list[str] = []
        start = BatchBuilder()
        start.add_body(FactKind.PLAYBOOK, made.body().encode(), START)
        self.engine.prepare(made)
        self.process(start.build())
        kind = ColumnDecoder if compiled else Decoder
        self.decoder = kind(
            made.catalogue,
            self.dictionary,
            self.identity,
            RepeatFilter(),
            key=KEY,
            source="s",
            clock="import",
            seed=b"s",
        )

    def take(self, messages: Sequence[Message], size: int = 1_000_000) -> Intake:
        """Take in messages, in batches of `size`."""
        intake = Intake()
        for at in range(0, len(messages), size):
            data = b"".join(json.dumps(one).encode() + b"\n" for one in messages[at : at + size])
            intake = self.decoder.decode(data, START)
            assert not intake.quarantined, intake.quarantined[0]
            self.conflicts += [reason.value for reason in intake.conflicts.elements()]
            self.process(intake.batch)
        return intake

    def process(self, batch: FactBatch) -> Outputs:
        """Process a batch."""
        outputs = self.engine.process(batch)
        self.taken.append((batch, outputs))
        return outputs

    def state(self, fact: BatchBuilder) -> Outputs:
        """Process facts that came from no message."""
        batch = fact.build()
        self.identity.learn(batch)
        return self.process(batch)

    def number(self, kind: str, text: str) -> int:
        """The number of an identifier."""
        return self.identity.find(hash_identifier(key_words(KEY), kind, text))

    def rows(self, people: Sequence[Person]) -> list[int]:
        """The row of each person; all of her identifiers must lead to it."""
        rows = []
        for person in people:
            found = {self.identity.root(self.number(*one)) for one in person.identifiers if self.number(*one) >= 0}
            assert len(found) == 1, (person, found)
            rows.append(found.pop())
        return rows

    def known(self, rows: Sequence[int], until: int) -> list[tuple[Any, ...]]:
        """What is known of each row at `until` and on some days after: tags, counters, ledger, the campaign's own contacts."""
        memory, made = self.engine.memory, self.playbook
        customers = self.engine.customers
        tick = BatchBuilder()
        tick.add(FactKind.TICK, 0, 2**32 - 1, until, until)
        self.process(tick.build())
        found: list[list[Any]] = [[] for _ in rows]
        for later in (0, HOUR, 20 * HOUR, 2 * DAY, 3 * DAY, 7 * DAY, 30 * DAY):
            local = until + later + 8 * HOUR
            roll_rows(
                made.bundle[0].profiles, memory.records, memory.wide, customers,
                made.layout.record_bytes, local // HOUR, local // DAY,
            )  # fmt: skip
            for number, (offset, width) in made.layout.columns.items():
                name = made.numbering.names["tag"][number]
                column = read_column(memory.arrays["records"], customers, made.layout.record_bytes, offset, width)
                for at, row in enumerate(rows):
                    value: Any = int(column[row])
                    found[at].append((name, self.dictionary.text(value) if name == "colour" and value > 0 else value))
        for at, row in enumerate(rows):
            found[at].append(memory.arrays["ledger"][row].tolist())
            found[at].append(self._pairs(row))
        return [tuple(one) for one in found]

    def _pairs(self, row: int) -> list[Any]:
        heads, pool = self.engine.memory.arrays["heads"], self.engine.memory.arrays["pairs"]
        at, found = int(heads[row, 0]), []
        while at:
            words = pool[at].tolist()
            if any(words[2:]):
                found.append((words[1], words[4], words[6:]))
            at = words[0]
        return sorted(found)
