"""Worlds with detectors of every form, one upon the other, and campaigns, goals and counters over what they derive."""

from typing import Any

import msgspec

from opportune.campaigns import CampaignDefinition, Step
from opportune.engine import DefinitionSet, Playbook
from opportune.facts import NULL, Decimal, EventDefinition, FactKind
from opportune.profiles import DetectorDefinition, TagDefinition
from tests.engine.detector_oracle import DetectorOracle
from tests.engine.records import DAY, HOUR, Fact
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import EVENT_RULES, define

MORE_EVENTS: dict[str, dict[str, Any]] = {
    "order": {"properties": {"number": {"type": "key"}, "amount": {"type": "money"}, "shop": {"type": "text"}}},
    "pay": {"properties": {"amount": {"type": "money"}, "number": {"type": "key"}}},
    "seen": {"properties": {"latitude": {"type": "decimal", "scale": 6}, "longitude": {"type": "decimal", "scale": 6}}},
    "coarse": {"properties": {"cell": {"type": "int"}, "lon": {"type": "decimal", "scale": 3}, "lat": {"type": "decimal", "scale": 2}}},
}  # fmt: skip
WHERES = EVENT_RULES | {"order": ["event.amount >= 20"], "pay": ["event.amount > 5"]}
PLAIN = ["recharge", "buy", "app_open", "call", "complain", "cancel", "order", "pay"]
AREAS: list[dict[str, Any]] = [
    {"centre": ["31.230400", "121.473700"], "radius": 500},
    {"centre": ["31.23", "121.47"], "radius": 2000},
    {"centre": ["-17.7", "179.999"], "radius": 900},
    {
        "polygon": [
            ["31.22", "121.46"],
            ["31.24", "121.46"],
            ["31.24", "121.49"],
            ["31.23", "121.47"],
            ["31.22", "121.49"],
        ]
    },
    {"polygon": [["31.23", "121.47"], ["31.24", "121.48"], ["31.22", "121.48"]]},
]


class DetectorWorld(WaitingWorld):
    """A WaitingWorld with detectors. Its oracle is told each fact as it is drawn."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.oracle: DetectorOracle = DetectorOracle(self.dictionary)

    def _definitions(self) -> DefinitionSet:
        r, d = self.r, super()._definitions()
        events = d.events | {name: define(EventDefinition, event=name, **one) for name, one in MORE_EVENTS.items()}
        few = (Decimal("0"), Decimal(str(r.choice([1, 3, 20]))))
        for name, tag in d.tags.items():
            if tag.counter is not None and tag.counter.measure == "distinct":
                d.tags[name] = msgspec.structs.replace(tag, range=few)
        tags = d.tags | {"due": define(TagDefinition, tag="due", type="date")}
        made: dict[str, DetectorDefinition] = {}
        for i in range(r.randint(1, 6)):
            made[f"d{i}"] = define(DetectorDefinition, detector=f"d{i}", when=self._when(tags, [*made]))
            if r.random() < 0.4:
                counter = {"of": f"d{i}", "measure": "count"}
                if r.random() < 0.6:
                    counter["over"] = r.choice(["3h", "2d"])
                tags = tags | {f"c{i}": define(TagDefinition, tag=f"c{i}", counter=counter)}
        campaigns = dict(d.campaigns)
        for name in r.sample([*made], r.randint(0, min(2, len(made)))):
            letter = chr(ord("p") + int(name[1:]))
            campaigns[letter] = self._campaign_of(letter, name, d, tags)
        return msgspec.structs.replace(d, events=events, tags=tags, campaigns=campaigns, detectors=made)

    def counter(self) -> dict[str, Any]:
        """One of the usual counters; now and then one of different values, over a few hours, days, or for life."""
        r = self.r
        if r.random() < 0.8:
            return super().counter()
        made = {"of": "order", "measure": "distinct", "value": r.choice(["shop", "number", "amount"])}
        return made | r.choice([{}, {"over": "3h"}, {"over": "2d"}, {"over": "1d", "bucket": "day"}])

    def republished(self, version: int, was: Playbook) -> Playbook:
        """Other definitions of the same events and plain tags; or the same ones with one more detector, or with one changed."""
        r, d, policy = self.r, self._definitions(), was.definitions.policy
        if d.policy is not None and policy is not None:
            policy = msgspec.structs.replace(d.policy, time_zone=policy.time_zone)
        d = msgspec.structs.replace(d, deployment=was.definitions.deployment, policy=policy)
        if r.random() < 0.6:
            known = was.definitions
            name = r.choice([f"e{version}", *known.detectors])
            below = [one for one in known.detectors if one < name]
            new = define(DetectorDefinition, detector=name, when=self._when(dict(known.tags), below))
            if not any(c.counter and c.counter.of == name for c in known.tags.values()) or name == f"e{version}":
                d = msgspec.structs.replace(known, detectors=known.detectors | {name: new})
        return Playbook(d, numbers=was.body().numbers, dictionary=self.dictionary, version=version)

    def _campaign_of(
        self, name: str, detector: str, d: DefinitionSet, tags: dict[str, TagDefinition]
    ) -> CampaignDefinition:
        """One of the usual campaigns, but triggered by what a detector makes; now and then such an event is its goal."""
        r = self.r
        made = self.campaign(name, tags, d.offers)
        assert made.trigger is not None
        trigger = msgspec.structs.replace(made.trigger, event=detector, where=None)
        goal = made.goal
        if goal is not None and goal.reach is None and goal.value is None and r.random() < 0.5:
            goal = msgspec.structs.replace(goal, event=detector, where=None)
        steps = made.touchpoints
        if not any(step.push or step.wait is not None for step in steps):  # nobody is anywhere when it happens
            steps = (define(Step, at="sms", push="now"),)
        return msgspec.structs.replace(made, trigger=trigger, goal=goal, touchpoints=steps)

    def _when(self, tags: dict[str, TagDefinition], below: list[str]) -> dict[str, Any]:
        r = self.r
        form = r.choice(["sequence", "sequence", "sequence", "silence", "crossing", "rule", "area", "date"])
        if form == "sequence":
            return self._sequence(below)
        if form == "silence":
            when: dict[str, Any] = {"silent": r.choice(["5m", "2h", "1d", "45d"])}
            if r.random() < 0.6:
                when |= self._named("event", "where", below)
                if when["event"] == "order":
                    when |= {"key": "event.number", "keep": ["amount"]}
            return when
        if form == "crossing":
            numbers = ["age", "score", *(name for name, tag in tags.items() if tag.counter)]
            return {"tag": r.choice(numbers), "crosses": r.choice([">= 2", "> 0", "< 3", "= 1", "IS NOT NULL"])}
        if form == "rule":
            counters = [name for name, tag in tags.items() if tag.counter and tag.counter.measure == "count"]
            rule = self.tag_rule(tags)
            if counters and r.random() < 0.5:
                rule = f"{r.choice(counters)} >= {r.randint(1, 3)}"
            return {r.choice(["enters", "leaves"]): rule}
        if form == "area":
            area = {"event": r.choice(["seen", "coarse"]), r.choice(["enters", "leaves"]): r.choice(AREAS)}
            if area["event"] == "coarse":
                area |= {"position": ["lat", "lon"], "keep": ["cell"]}
            return area
        return {"date": "due", "days": r.choice([-1, 0, 0, 2]), "at": r.choice(["00:00", "02:30", "10:00", "23:59"])}

    def _named(self, key: str, where: str, below: list[str]) -> dict[str, Any]:
        r = self.r
        names = r.sample(PLAIN + below * 2, r.choice([1, 1, 2]))
        found: dict[str, Any] = {key: names[0] if len(names) == 1 else names}
        if len(names) == 1 and names[0] in WHERES and r.random() < 0.4:
            found[where] = r.choice(WHERES[names[0]])
        return found

    def _sequence(self, below: list[str]) -> dict[str, Any]:
        r = self.r
        then = r.choice(["then", "then_not", "then_not"])
        when: dict[str, Any] = {"within": r.choice(["1ms", "5m", "30m", "6h", "3d", "50d"])}
        if r.random() < 0.5:
            when |= {"event": "order", then: r.choice(["pay", "pay", "order", ["pay", "order"]]), "key": "event.number"}
            if r.random() < 0.5:
                when["keep"] = ["amount", "shop"]
            return when
        return when | self._named("event", "where", below) | self._named(then, "then_where", below)

    # -- facts

    def waiting_stream(self, events: int, publish: int = 0) -> list[Fact]:
        """A stream that ends with ticks far apart: nothing is waited for any more, and the last hour's counts are told."""
        facts = super().waiting_stream(events, publish)
        for pause in (80 * DAY, 80 * DAY, 80 * DAY, 2 * HOUR):
            now = facts[-1].now + pause
            self._add(facts, Fact(FactKind.TICK, 0, None, now, now))
        return facts

    def _any_fact(self, playbook: Playbook, now: int) -> Fact:
        return super()._any_fact(playbook, now) if self.r.random() < 0.5 else self._own_fact(playbook, now)

    def _own_fact(self, playbook: Playbook, now: int) -> Fact:
        r = self.r
        customer, at = r.randrange(self.customers), self._moment(now)
        if r.random() < 0.15:
            tag = playbook.catalogue.tags["due"].number
            day = r.choice([NULL, *range(now // DAY - 1, now // DAY + 4), now // DAY + 70])
            return Fact(FactKind.TAGS_SET, 0, customer, now, now, (tag, day))
        name = r.choice(["order", "order", "pay", "pay", "seen", "coarse"])
        number = r.choice([NULL, 1, 1, 2, 3])
        amount = r.randint(0, 4000)
        values: tuple[int, ...] = (number, amount, r.randint(1, 5)) if name == "order" else (amount, number)
        if name in ("seen", "coarse"):
            lat, lon = 31_230_000 + 500 * r.randint(-25, 25), 121_470_000 + 500 * r.randint(-40, 40)
            if r.random() < 0.1:
                lat, lon = -17_700_000, r.choice([-179_999_000, 179_995_000, NULL])
            values = (lat, lon)
            if name == "coarse":
                values = (r.randint(0, 9), NULL if lon == NULL else lon // 1000, lat // 10_000)
        return Fact(FactKind.EVENT, playbook.catalogue.events[name].number, customer, at, now, values)

    def _pause(self, pace: int) -> int:
        pause = super()._pause(pace)
        return self.r.choice([pause, 5 * 60_000, 5 * 60_000 + 1, 30 * 60_000, 6 * HOUR]) if pause > 5 * DAY else pause
