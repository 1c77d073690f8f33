"""Small but nasty worlds, from a seed: playbooks of few events and many campaigns, and streams of facts to run through them."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Playbook
from opportune.facts import (
    NOBODY,
    NULL,
    BatchBuilder,
    DeploymentDefinition,
    EventDefinition,
    FactBatch,
    FactKind,
    TextDictionary,
    decode_scalar,
)
from opportune.policy import PolicyDefinition
from opportune.profiles import TagDefinition
from tests.engine.records import DAY, HOUR, MINUTE, Fact

START = 1_790_000_000_000
TEXTS = ["gold", "silver", "basic", "north", "south", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe",
         "Europe/London", "nowhere"]  # fmt: skip
CUSTOMERS_MAX = 64
DEPLOYMENT_ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"]

EVENTS: dict[str, dict[str, Any]] = {
    "recharge": {
        "properties": {"amount": {"type": "money"}, "shop": {"type": "text"}, "pct": {"type": "int", "range": [0, 100]}}
    },
    "buy": {"properties": {"product": {"type": "text"}, "units": {"type": "int"}, "amount": {"type": "money"}}},
    "app_open": {"properties": {"depth": {"type": "int"}}, "at": "app_home", "max_age": "10m"},
    "call": {"properties": {"amount": {"type": "money"}}, "at": "call_centre"},
    "complain": {"means": "complaint"},
    "cancel": {"properties": {"pct": {"type": "int"}}},
}
EVENT_RULES = {
    "recharge": ["event.amount >= 20", "event.shop = 'north'", "event.pct < 50 OR event.shop IS NULL",
                 "event.amount * 2 > 30", "local_hour(event.at) < 12"],
    "buy": ["event.amount >= 20", "event.units > 1", "event.product IN ('gold', 'silver')", "event.amount * 2 > 30"],
    "app_open": ["event.depth > 2", "event.depth IS NULL OR event.depth < 5"],
    "call": ["event.amount > 10", "event.amount * 2 > 30", "local_hour(event.at) >= 8"],
    "complain": ["event.at > TIMESTAMP '2026-09-22 00:00:00'"],
    "cancel": ["event.pct >= 10", "event.pct * 2 > 30"],
}  # fmt: skip
TAG_RULES = ["arpu > 50", "plan = 'gold'", "plan IS NULL OR plan <> 'basic'", "age BETWEEN 20 AND 60", "vip", "NOT vip",
             "contains(interests, 'music')", "days_since(joined) > 10", "arpu IS NOT NULL", "arpu - 20 > age",
             "hours_since(joined) > 300"]  # fmt: skip


def define(kind: type, **fields: Any) -> Any:
    """A definition from its YAML-like fields."""
    return msgspec.convert(fields, kind, strict=False, dec_hook=decode_scalar)


class World:
    """Definitions and facts drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.dictionary = TextDictionary(TEXTS)
        self.definitions = self._definitions()
        self.playbook = Playbook(self.definitions, dictionary=self.dictionary)
        self.customers = self.r.randint(2, 7)

    def republished(self, version: int, was: Playbook) -> Playbook:
        """Another playbook with the same events and plain tags, but other counters, campaigns, offers, caps and budgets."""
        d, policy, before = self._definitions(), self.policy(), was.definitions.policy
        if policy is not None and before is not None:
            policy = msgspec.structs.replace(policy, time_zone=before.time_zone)
        d = msgspec.structs.replace(d, policy=policy or before, deployment=was.definitions.deployment)
        kept = {name: one for name, one in was.definitions.campaigns.items() if self.r.random() < 0.4}
        if kept:  # campaigns that stay need the tags and offers they speak of
            tags, offers = {**was.definitions.tags, **self._more_counters(version)}, was.definitions.offers
            campaigns = kept | {"h": self.campaign("h", tags, offers)}
            d = msgspec.structs.replace(d, tags=tags, offers=offers, campaigns=campaigns)
        return Playbook(d, numbers=was.body().numbers, dictionary=self.dictionary, version=version)

    def _more_counters(self, version: int) -> dict[str, TagDefinition]:
        names = [f"more{version}_{i}" for i in range(self.r.randint(0, 2))]
        return {name: define(TagDefinition, tag=name, counter=self.counter()) for name in names}

    # -- definitions

    def _definitions(self) -> DefinitionSet:
        r = self.r
        tags = self._tags()
        touchpoints = self._touchpoints()
        offers = {name: self._offer(name, tags) for name in ("pack", "bonus", "gift", "film")[: r.randint(1, 4)]}
        campaigns = {name: self.campaign(name, tags, offers) for name in "abcdefg"[: r.randint(2, 7)]}
        return DefinitionSet(
            DeploymentDefinition("world", zone=r.choice(DEPLOYMENT_ZONES)), self.policy(),
            {name: define(EventDefinition, event=name, **fields) for name, fields in EVENTS.items()},
            tags, touchpoints, offers, campaigns,
        )  # fmt: skip

    def policy(self) -> PolicyDefinition | None:
        """A contact policy with tight caps, or none."""
        r = self.r
        if r.random() < 0.1:
            return None
        caps = []
        for _ in range(r.randint(0, 4)):
            cap: dict[str, Any] = {"per": r.choice(["customer", "channel", "category"]), "max": r.randint(1, 3),
                                   "in": r.choice(["1ms", "10m", "6h", "1d", "7d"]), "inbound": r.random() < 0.3}  # fmt: skip
            if cap["per"] == "channel" and r.random() < 0.5:
                cap["of"] = r.choice(["sms", "app"])
            if cap["per"] == "category" and r.random() < 0.5:
                cap["of"] = r.choice(["upsell", "care"])
            caps.append(cap)
        fields: dict[str, Any] = {"caps": caps, "consent": r.choice(["required", "assumed", "assumed"]),
                                  "universal_control": r.choice(["0%", "20%"])}  # fmt: skip
        if r.random() < 0.4:
            fields["quiet_hours"] = r.choice(
                [{"from": "21:00", "to": "09:00"}, {"from": "01:00", "to": "03:00"}, {"from": "05:00", "to": "05:00"}]
            )
        if r.random() < 0.5:
            fields["cool_down"] = {"after_refused": r.choice(["1h", "1d"]), "after_complaint": r.choice(["30m", "2d"])}
        if r.random() < 0.6:
            fields["time_zone"] = "zone"
        if r.random() < 0.3:
            fields["holidays"] = ["2026-09-22", "2026-09-25", "2026-11-01"]
        made: PolicyDefinition = define(PolicyDefinition, policy="default", **fields)
        return made

    def _tags(self) -> dict[str, TagDefinition]:
        r = self.r
        fields: dict[str, dict[str, Any]] = {
            "arpu": {"type": "money"}, "plan": {"type": "text"}, "age": {"type": "int", "range": [0, 120]},
            "vip": {"type": "bool"}, "score": {"type": "int", "score": "model"}, "zone": {"type": "text"},
            "interests": {"type": "set", "members": ["music", "sport"]}, "joined": {"type": "date"},
        }  # fmt: skip
        for i in range(r.randint(1, 4)):
            fields[f"n{i}"] = {"counter": self.counter()}
        rules = [f"n0 >= {r.randint(0, 3)} AND {r.choice(TAG_RULES)}", "coalesce(arpu, 0) + coalesce(n0, 0) * 100"]
        fields["regular"] = {"rule": rules[0]}
        fields["worth"] = {"rule": rules[1]} if "at" not in str(fields["n0"]) else {"rule": "coalesce(arpu, 0)"}
        return {name: define(TagDefinition, tag=name, **one) for name, one in fields.items()}

    def counter(self) -> dict[str, Any]:
        """A counter over any event, rolling or for life."""
        r = self.r
        of = r.choice(["recharge", "buy", "call", "app_open"])
        number = {"recharge": "pct", "buy": "units", "call": "amount", "app_open": "depth"}[of]
        counter: dict[str, Any] = {"of": of, "measure": r.choice(["count", "sum", "min", "max", "first", "last"])}
        if number == "amount":
            counter["measure"] = "count"  # keeps rules about n0 free of money
        if counter["measure"] != "count":
            counter["value"] = number
        if r.random() < 0.75:
            over, bucket = r.choice([("1h", "hour"), ("3h", "hour"), ("24h", None), ("2d", "hour"), ("2d", "day"),
                                     ("1d", "day"), ("7d", None)])  # fmt: skip
            counter["over"] = over
            if bucket:
                counter["bucket"] = bucket
        if r.random() < 0.4:
            counter["where"] = r.choice(EVENT_RULES[of])
        return counter

    def _touchpoints(self) -> dict[str, TouchpointDefinition]:
        r = self.r
        fields: dict[str, dict[str, Any]] = {
            "sms": {"direction": "out", "cost": "0.05"},
            "push": {"direction": "out", "channel": "app"},
            "app_home": {"direction": "in", "channel": "app"},
            "call_centre": {"direction": "both", "cost": "1.10"},
            "notice": {"direction": "out", "class": "service", "cost": "0.02"},
        }
        if r.random() < 0.4:
            fields["sms"]["capacity"] = {"per_day": r.randint(1, 4)}
        if r.random() < 0.3:
            fields["push"]["quiet_hours"] = {"from": "22:30", "to": "06:15"}
        if r.random() < 0.3:
            fields["notice"]["capacity"] = {"per_day": r.randint(0, 3)}
        return {name: define(TouchpointDefinition, touchpoint=name, **one) for name, one in fields.items()}

    def _offer(self, name: str, tags: dict[str, TagDefinition]) -> OfferDefinition:
        r = self.r
        fields: dict[str, Any] = {"value": r.choice(["1", "12.00", "12", "3.33"]), "cost": r.choice(["0", "1.5"])}
        if r.random() < 0.5:
            fields["stock"] = r.randint(0, 6)
        if r.random() < 0.4:
            fields["eligible"] = self.tag_rule(tags)
        made: OfferDefinition = define(OfferDefinition, offer=name, **fields)
        return made

    def tag_rule(self, tags: dict[str, TagDefinition]) -> str:
        """A condition over tags, counters and rule tags."""
        r = self.r
        counters = [name for name, tag in tags.items() if tag.counter]
        worth = ["regular", "worth > 30", "NOT regular OR regular IS NULL"]
        picks = [r.choice(TAG_RULES), f"{r.choice(counters)} >= {r.randint(0, 4)}", r.choice(worth)]
        return r.choice(picks) if r.random() < 0.7 else f"{picks[0]} {r.choice(['AND', 'OR'])} {picks[1]}"

    def campaign(
        self, name: str, tags: dict[str, TagDefinition], offers: dict[str, OfferDefinition]
    ) -> CampaignDefinition:
        """A campaign with every setting that a campaign can have, now and then."""
        r = self.r
        event = r.choice(["recharge", "recharge", "buy", "app_open", "call", "complain"])
        trigger: dict[str, Any] = {"event": event}
        if r.random() < 0.4:
            trigger["where"] = r.choice(EVENT_RULES[event])
        if r.random() < 0.3:
            trigger["max_age"] = r.choice(["0ms", "5m", "2d", "2d"])
        fields: dict[str, Any] = {"trigger": trigger, "touchpoints": self._steps(event), "offers": self._choices(offers, tags),
                                  "policy": self._own_policy(name), "control": r.choice(["0%", "0%", "30%"]),
                                  "lever": r.choice(["1", "1.5", "0.333"])}  # fmt: skip
        if r.random() < 0.6:
            fields["audience"] = self.tag_rule(tags)
        if r.random() < 0.8:
            fields["goal"] = self.goal()
        if r.random() < 0.4:
            fields["propensity"] = r.choice(["12.5%", "score"])
        if r.random() < 0.7:
            fields["again_after"] = r.choice(["0s", "1ms", "20m", "1d"])
        if r.random() < 0.15:
            fields["valid"] = r.choice(
                [{"from": "2026-09-23"}, {"to": "2026-09-24"}, {"from": "2026-09-22", "to": "2026-09-22"}]
            )
        if r.random() < 0.05:
            fields["paused"] = True
        made: CampaignDefinition = define(CampaignDefinition, campaign=name, **fields)
        return made

    def _steps(self, event: str) -> list[dict[str, Any]]:
        r = self.r
        if r.random() < 0.2:
            return [{"at": "notice", "push": "now"}]
        steps: list[dict[str, Any]] = []
        for _ in range(r.randint(1, 3)):
            step: dict[str, Any] = {
                "at": r.choice(["sms", "push", "call_centre", ["app_home", "sms"], ["push", "sms"]]),
                "push": "now",
            }
            if r.random() < 0.4:
                step["weight"] = r.choice(["0.5", "2", "1.75"])
            steps.append(step)
        if event == "app_open":
            steps.insert(0, {"at": "app_home"})
        if event == "call" and r.random() < 0.5:
            return [{"at": "call_centre"}]
        return steps

    def _choices(self, offers: dict[str, OfferDefinition], tags: dict[str, TagDefinition]) -> list[dict[str, Any]]:
        r = self.r
        choices: list[dict[str, Any]] = []
        for name in r.sample(list(offers), r.randint(0, min(3, len(offers)))):
            choice: dict[str, Any] = {"offer": name, "weight": r.randint(1, 3)}
            if r.random() < 0.3:
                choice["when"] = self.tag_rule(tags)
            choices.append(choice)
        return choices

    def _own_policy(self, name: str) -> dict[str, Any]:
        r = self.r
        fields: dict[str, Any] = {
            "category": ["upsell", "care", "general"][ord(name) % 3],
            "purpose": r.choice(["marketing", "care"]),
        }
        if r.random() < 0.4:
            fields["cool_down_after_refusal"] = r.choice(["10m", "2d"])
        if r.random() < 0.4:
            fields["caps"] = [
                {"max": r.randint(1, 3), "in": r.choice(["10m", "1d", "7d"])} for _ in range(r.randint(1, 2))
            ]
        if r.random() < 0.4:
            fields["budget"] = r.choice([{"contacts": r.randint(0, 5)}, {"money": r.choice(["0", "2.00", "7.77"]), "per": "day"},
                                         {"contacts": r.randint(1, 3), "money": "6", "per": r.choice(["day", "life"])}])  # fmt: skip
        return fields

    def goal(self) -> dict[str, Any]:
        """A goal: one event, a running total or a count; now and then with a value or a regret."""
        r = self.r
        event = r.choice(["buy", "recharge", "call"])
        goal: dict[str, Any] = {"event": event, "within": r.choice(["0ms", "10m", "6h", "2d", "60d"])}
        if r.random() < 0.4:
            goal["where"] = r.choice(EVENT_RULES[event])
        if r.random() < 0.5:
            goal["reach"] = r.choice(
                ["sum(event.amount) >= 30", "sum(event.amount) > 60.00", "count() >= 2", "count() > 2"]
            )
        if r.random() < 0.5:
            goal["value"] = "event.amount"
        if r.random() < 0.5:
            regret: dict[str, Any] = {
                "event": r.choice(["cancel", "complain", event]),
                "within": r.choice(["5m", "1d"]),
            }
            if r.random() < 0.4:
                regret["where"] = r.choice(EVENT_RULES[regret["event"]])
            goal["regret"] = regret
        return goal

    # -- facts

    def stream(
        self, events: int, start: int = START, *, begin: bool = True, playbook: Playbook | None = None
    ) -> list[Fact]:
        """A stream of facts; with `begin`, the playbook and the customers come first, and a tick closes it."""
        playbook = playbook or self.playbook
        facts: list[Fact] = []
        now = start
        if begin:
            facts.append(Fact(FactKind.PLAYBOOK, 0, None, now, now, (), playbook))
            for customer in range(self.customers):
                facts.append(Fact(FactKind.CUSTOMER, 0, customer, now, now, (self.r.randint(-(2**63), 2**63 - 1),)))
                facts.append(self._tag_fact(playbook, customer, now, everything=True))
        pace = self.r.choice([MINUTE, 10 * MINUTE, 10 * MINUTE, HOUR])
        for _ in range(events):
            now += self._pause(pace)
            facts.append(self._fact(playbook, now))
        now += 3 * HOUR
        facts.append(Fact(FactKind.TICK, 0, None, now, now))
        return facts

    def _pause(self, pace: int) -> int:
        r = self.r
        dice = r.random()
        if dice < 0.25:
            return 0
        if dice < 0.258:
            return r.choice([DAY, 5 * DAY, 50 * DAY])
        return r.randint(0, 2 * pace)

    def _fact(self, playbook: Playbook, now: int) -> Fact:
        r = self.r
        customer, at = r.randrange(self.customers), self._moment(now)
        names = playbook.numbering.names
        dice = r.random()
        if dice < 0.72:
            return self._event_fact(playbook, customer, at, now)
        if dice < 0.78:
            return self._tag_fact(playbook, customer, now)
        if dice < 0.83:
            return Fact(FactKind.TICK, 0, None, now, now)
        if dice < 0.88:
            values = (r.randrange(len(playbook.definitions.touchpoints)), NULL)
            return Fact(FactKind.CONTACT, r.randrange(len(names["campaign"])), customer, at, now, values)
        if dice < 0.94:
            channel = r.choice([NULL, *range(len(names["channel"]))])
            return Fact(
                FactKind.CONSENT,
                r.randrange(len(names["purpose"])),
                customer,
                at,
                now,
                (channel, int(r.random() < 0.7)),
            )
        if dice < 0.955:
            return Fact(FactKind.DO_NOT_DISTURB, 0, customer, at, now, (int(r.random() < 0.2),))
        return Fact(
            FactKind.RESPONSE, r.randrange(len(names["campaign"])), customer, at, now, (r.choice([1, 2, 3, 3]),)
        )

    def _moment(self, now: int) -> int:
        """Mostly now; now and then late, very late, or a little ahead."""
        r = self.r
        dice = r.random()
        if dice < 0.82:
            return now
        return now - r.choice([1, MINUTE, 30 * MINUTE, HOUR, 7 * HOUR, 2 * DAY, 9 * DAY, -1, -2 * MINUTE])

    def _event_fact(self, playbook: Playbook, customer: int, at: int, now: int) -> Fact:
        r = self.r
        name = r.choice(["recharge", "recharge", "recharge", "buy", "buy", "app_open", "call", "complain", "cancel"])
        schema = playbook.catalogue.events[name]
        draw: dict[str, Callable[[], int]] = {
            "money": lambda: r.randint(0, 4000), "text": lambda: r.randint(1, 5), "int": lambda: r.randint(0, 60),
        }  # fmt: skip
        small = {"units": 3, "depth": 7}
        values = tuple(
            NULL if r.random() < 0.15 else r.randint(0, small[p.name]) if p.name in small else draw[p.type.kind]()
            for p in schema.properties
        )
        return Fact(FactKind.EVENT, schema.number, customer, at, now, values)

    def _tag_fact(self, playbook: Playbook, customer: int, now: int, everything: bool = False) -> Fact:
        r = self.r
        draws: dict[str, Callable[[], int]] = {
            "arpu": lambda: r.randint(0, 12_000), "plan": lambda: r.randint(1, 3), "age": lambda: r.randint(0, 120),
            "vip": lambda: r.randint(0, 1), "score": lambda: r.randint(-5, 1_200_000), "zone": lambda: r.randint(6, 10),
            "interests": lambda: r.randint(0, 3), "joined": lambda: START // DAY - r.randint(0, 40),
        }  # fmt: skip
        values: list[int] = []
        for name in draws if everything else r.sample(list(draws), 2):
            values += [playbook.catalogue.tags[name].number, NULL if r.random() < 0.2 else draws[name]()]
        return Fact(FactKind.TAGS_SET, 0, customer, now, now, tuple(values))


def batch_of(facts: list[Fact]) -> FactBatch:
    """Facts as the batch that an engine takes; the texts of every world come with a batch that begins with a playbook."""
    builder = BatchBuilder()
    for fact in facts:
        if fact.body is not None:
            builder.add_body(fact.kind, fact.body.body().encode(), fact.now)
        else:
            customer = NOBODY if fact.customer is None else fact.customer
            builder.add(fact.kind, fact.code, customer, fact.at, fact.now, fact.values)
    batch = builder.build()
    if len(facts) and facts[0].body is not None:
        batch.texts = list(TEXTS)
    return batch


def pieces(batch: FactBatch, cuts: list[int]) -> list[FactBatch]:
    """The batch in pieces that end at the given places."""
    ends = sorted({*cuts, len(batch)} - {0})
    parts, start = [], 0
    for end in ends:
        part = batch.take(np.arange(start, end))
        if start:
            part.texts = []
        parts.append(part)
        start = end
    return parts
