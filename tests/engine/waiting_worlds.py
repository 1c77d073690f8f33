"""Worlds whose campaigns wait: touchpoints that ask, answer late, twice, wrongly or never, stops of all sending, changes of playbook."""

from typing import Any

import msgspec

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition, Validity
from opportune.engine import Playbook
from opportune.facts import NULL, Duration, FactKind, Outcome
from opportune.policy import Cap, PolicyDefinition
from opportune.profiles import TagDefinition
from tests.engine.records import DAY, HOUR, MINUTE, Fact, Open
from tests.engine.waiting_oracle import WaitingOracle
from tests.engine.worlds import START, World, define

PLACES = ["app_home", "call_centre", "shop"]
ODD_DECISION = 10**6


class WaitingWorld(World):
    """A World with touches, receipts and stops. Its oracle is told each fact as it is drawn: receipts speak of what is open."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.customers = min(self.customers, 3)
        self.oracle = WaitingOracle(self.dictionary)

    def waiting_stream(self, events: int, publish: int = 0) -> list[Fact]:
        """A stream that begins with a playbook, changed `publish` times on the way; a tick closes it."""
        playbook = self.playbook
        facts: list[Fact] = []
        now = START
        for version in range(publish + 1):
            if version:
                playbook = self.republished(version + 1, playbook)
                now += self.r.choice([0, MINUTE, 3 * HOUR])
                self._add(facts, Fact(FactKind.PLAYBOOK, 0, None, now, now, (), playbook))
            else:
                for fact in self.stream(0, START)[:-1]:
                    self._add(facts, fact)
            pace = self.r.choice([MINUTE, 5 * MINUTE, 20 * MINUTE])
            for _ in range(events):
                now += self._pause(pace)
                self._add(facts, self._any_fact(playbook, now))
        for pause in (self.r.choice([0, 3 * HOUR, 60 * DAY]), 2 * HOUR):
            now += pause
            self._add(facts, Fact(FactKind.TICK, 0, None, now, now))
        return facts

    def _add(self, facts: list[Fact], fact: Fact) -> None:
        facts.append(fact)
        self.oracle.tell(fact)

    def _any_fact(self, playbook: Playbook, now: int) -> Fact:
        r = self.r
        dice = r.random()
        if dice < 0.25:
            return self._touch(playbook, now)
        if dice < 0.40:
            return self._receipt(playbook, now)
        if dice < 0.408:
            return Fact(FactKind.SENDING, 0, None, now, now, (int(r.random() < 0.4),))
        return self._fact(playbook, now)

    def _touch(self, playbook: Playbook, now: int) -> Fact:
        r, names = self.r, playbook.numbering.names["touchpoint"]
        waiting = [one for one in self.oracle.open if one.state == "waiting"]
        customer = r.choice(waiting).customer if waiting and r.random() < 0.7 else r.randrange(self.customers)
        name = r.choice([*PLACES, *PLACES, "desk", "sms"])
        return Fact(FactKind.TOUCH, names.index(name), customer, now, now, (r.choice([0, 1, 1, 2, 5]),))

    def _receipt(self, playbook: Playbook, now: int) -> Fact:
        """Mostly of the touchpoint that has a decision; now and then of another one, of another customer's, or of none."""
        r, names = self.r, playbook.numbering.names
        held: list[Open] = [one for one in self.oracle.open if one.touchpoint]
        places = list(playbook.definitions.touchpoints)
        customer, number, campaign = r.randrange(self.customers), r.choice([0, 1, ODD_DECISION]), 0
        touchpoint = r.choice(places)
        if self.oracle.open and r.random() < 0.9:
            one = r.choice(held) if held and r.random() < 0.8 else r.choice(self.oracle.open)
            customer, number, campaign = one.customer, one.number, names["campaign"].index(one.campaign)
            if one.touchpoint and r.random() < 0.85:
                touchpoint = one.touchpoint
        elif self.oracle.moves:
            move = r.choice(self.oracle.moves)
            customer, number, campaign = move.customer, move.decision, move.campaign
        outcome = r.choice([Outcome.PRESENTED, Outcome.PRESENTED, Outcome.FAILED, Outcome.FAILED, *Outcome])
        values = (number, int(outcome), campaign, NULL)
        return Fact(FactKind.RECEIPT, names["touchpoint"].index(touchpoint), customer, self._moment(now), now, values)

    def campaign(
        self, name: str, tags: dict[str, TagDefinition], offers: dict[str, OfferDefinition]
    ) -> CampaignDefinition:
        """Mostly one that soon decides, and decides again."""
        made = super().campaign(name, tags, offers)
        if self.r.random() < 0.25 or made.trigger is None:
            return made
        trigger = msgspec.structs.replace(made.trigger, where=None, max_age=Duration(2 * DAY))
        goal = made.goal and msgspec.structs.replace(made.goal, within=Duration(self.r.choice([10 * MINUTE, 6 * HOUR])))
        audience = made.audience if self.r.random() < 0.3 else None
        valid = made.valid if self.r.random() < 0.5 else Validity()
        return msgspec.structs.replace(
            made, trigger=trigger, goal=goal, audience=audience, valid=valid, again_after=Duration(0)
        )

    def policy(self) -> PolicyDefinition | None:
        """Mostly a policy that lets decisions come about, with caps that reservations meet."""
        policy = super().policy()
        if policy is None or self.r.random() < 0.3:
            return policy
        caps = [
            define(Cap, per=per, max=self.r.randint(1, 2), inbound=self.r.random() < 0.7, **{"in": self.r.choice(["6h", "2d"])})
            for per in self.r.sample(["customer", "channel", "category"], self.r.randint(0, 3))
        ]  # fmt: skip
        return msgspec.structs.replace(policy, caps=tuple(caps), consent="assumed")

    def _touchpoints(self) -> dict[str, TouchpointDefinition]:
        r = self.r
        sms: dict[str, Any] = {"direction": "out", "cost": "0.05"}
        push: dict[str, Any] = {"direction": "out", "channel": "app"}
        notice: dict[str, Any] = {"direction": "out", "class": "service", "cost": "0.02"}
        app: dict[str, Any] = {"direction": "in", "channel": "app", "slots": r.randint(1, 3)}
        call: dict[str, Any] = {"direction": "both", "cost": "1.10", "slots": r.randint(1, 2)}
        shop: dict[str, Any] = {"direction": "in", "lease": r.choice(["20s", "1h"]), "cost": "0.40"}
        desk: dict[str, Any] = {"direction": "in", "class": "service", "slots": 2}
        if r.random() < 0.6:
            sms["delivery"] = {"by": "smpp"}
        if r.random() < 0.4:
            push["lease"] = r.choice(["30s", "5m"])
        if r.random() < 0.5:
            notice["delivery"] = {"by": "smtp"}
        if r.random() < 0.4:
            call["working_hours"] = r.choice([
                {"from": "08:00", "to": "18:00", "days": ["mon", "tue", "thu"]}, {"from": "20:00", "to": "04:30"},
            ])  # fmt: skip
        if r.random() < 0.3:
            call["lease"] = "2m"
        for one in (sms, app, call, desk):
            if r.random() < 0.4:
                one["capacity"] = {"per_day": r.randint(1, 3)}
            if r.random() < 0.4:
                one["strategy"] = "oldest"
        if r.random() < 0.3:
            sms["quiet_hours"] = {"from": "22:30", "to": "06:15"}
        fields = {
            "sms": sms, "push": push, "app_home": app, "call_centre": call, "notice": notice, "shop": shop, "desk": desk,
        }  # fmt: skip
        return {name: define(TouchpointDefinition, touchpoint=name, **one) for name, one in fields.items()}

    def _steps(self, event: str) -> list[dict[str, Any]]:
        r = self.r
        dice = r.random()
        if dice < 0.15:
            service: list[dict[str, Any]] = [{"at": "notice", "push": "now"}]
            return [{"at": "desk", "wait": "30m"}, *service] if r.random() < 0.5 else service
        if dice < 0.3:
            return super()._steps(event)
        steps: list[dict[str, Any]] = []
        for _ in range(r.randint(1, 4)):
            if r.random() < (0.6 if steps else 0.8):
                places = r.sample(PLACES, r.randint(1, 3))
                steps.append({"at": places, "wait": r.choice(["1m", "30m", "2h", "1d"])})
            else:
                at = r.choice(["sms", "push", "call_centre", ["push", "sms"], ["sms", "call_centre"]])
                steps.append({"at": at, "push": "now"})
            if r.random() < 0.3:
                steps[-1]["weight"] = r.choice(["0.5", "2"])
        return steps

    def _own_policy(self, name: str) -> dict[str, Any]:
        fields = super()._own_policy(name)
        if self.r.random() < 0.5:
            fields["in_quiet_hours"] = "defer"
        return fields
