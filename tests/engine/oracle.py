"""The oracle: what should follow from facts, told slowly in plain Python from the definitions; shares no kernel code with the engine.

Only rules are evaluated by the reference of opportune.rules, and only places of customers in groups are taken from
opportune.campaigns. Everything else is a list of what happened and a question asked of the whole list.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from opportune.campaigns import (
    CampaignDefinition,
    Goal,
    OfferChoice,
    TouchpointDefinition,
    bucket,
    seed_of,
    weighted_bucket,
)
from opportune.engine import DefinitionSet, Playbook
from opportune.facts import NULL, PPM, Answer, Arm, FactKind, GoalKind, Reason, TextDictionary, parse_rate, parse_scaled
from opportune.policy import Cap
from opportune.rules import Ref, Scope, check_reach
from tests.engine.asking import Asking
from tests.engine.records import (
    DAY,
    HOUR,
    INBOUND,
    MINUTE,
    PUSH,
    SERVICE,
    Candidate,
    Contact,
    Decision,
    Fact,
    Fate,
    GoalFact,
    Happening,
    Instance,
    Limit,
    Person,
    Usable,
    local_of,
    usable_steps,
)  # fmt: skip


class Oracle(Asking):
    """The engine's outputs by brute force: `decisions`, `goals`, `fates`, `limits` and `withheld` of all facts told so far."""

    def __init__(self, dictionary: TextDictionary) -> None:
        super().__init__(dictionary)
        self.seq, self.day = 0, 0
        self.decisions: list[Decision] = []
        self.goals: list[GoalFact] = []
        self.fates: list[Fate] = []
        self.limits_told: list[tuple[int, int, int]] = []
        self.withheld: Counter[tuple[int, str | None, Reason]] = Counter()
        self.limits: dict[str, Limit] = {}
        self.stopped = False

    # -- telling facts

    def tell(self, fact: Fact) -> None:
        """Take one fact."""
        if fact.kind is FactKind.PLAYBOOK:
            assert fact.body is not None
            self._publish(fact.body)
        self._advance(fact.now)
        if fact.kind is not FactKind.PLAYBOOK:
            self._end_deadlines()
        if fact.customer is not None:
            self._take(fact, fact.customer)
        self.seq += 1

    def _end_deadlines(self) -> None:
        """Nothing waits here; see WaitingOracle."""

    def _reserved(self, _person: Person) -> list[Contact]:
        """Contacts that are reserved but did not happen yet: none here."""
        return []

    def _take(self, fact: Fact, customer: int) -> None:
        if fact.kind is FactKind.CUSTOMER:
            self.people[customer] = Person(fact.values[0] % 2**64)
            return
        person = self.people[customer]
        match fact.kind:
            case FactKind.EVENT:
                self._event(fact, customer, person)
            case FactKind.TAGS_SET:
                for number, value in zip(fact.values[::2], fact.values[1::2], strict=True):
                    person.tags[self.names["tag"][number]] = value
            case FactKind.CONTACT:
                self._imported(fact, person)
            case FactKind.CONSENT:
                channel = None if fact.values[0] == NULL else self.names["channel"][fact.values[0]]
                person.consents.append((self.names["purpose"][fact.code], channel, fact.values[1] != 0))
            case FactKind.DO_NOT_DISTURB:
                person.do_not_disturb = fact.values[0] != 0
            case FactKind.RESPONSE:
                self._response(fact, person)

    def _publish(self, playbook: Playbook) -> None:
        self._ask_under(playbook)
        known, self.limits = self.limits, self._limits_of(playbook.definitions)
        for name in known:  # a limit that is defined no more allows nothing more, but what was used of it stays used
            self.limits.setdefault(name, Limit(0, 0, False))
        for name, limit in self.limits.items():
            was = known.get(name)
            limit.used = was.used if was else 0
            limit.closed = limit.most - limit.used < limit.close_below
            if limit.closed != (was.closed if was else False):
                self.limits_told.append((self.seq, self.names["limit"].index(name), int(limit.closed)))

    def _limits_of(self, d: DefinitionSet) -> dict[str, Limit]:
        limits: dict[str, Limit] = {}
        for name, campaign in d.campaigns.items():
            budget, per_day = campaign.policy.budget, campaign.policy.budget.per == "day"
            steps = [self._money(u.touchpoint.cost) for u in usable_steps(d, campaign)]
            offers = [self._money(d.offers[choice.offer].cost) for choice in campaign.offers]
            dearest = max(steps, default=0) + max(offers, default=0)
            if budget.contacts is not None:
                limits[f"campaign/{name}/contacts"] = Limit(budget.contacts, 1, per_day)
            if budget.money is not None:
                limits[f"campaign/{name}/money"] = Limit(self._money(budget.money), max(1, dearest), per_day)
            for usable in usable_steps(d, campaign):
                if usable.touchpoint.capacity.per_day is not None:
                    limits[f"touchpoint/{usable.name}/day"] = Limit(usable.touchpoint.capacity.per_day, 1, True)
            for choice in campaign.offers:
                stock = d.offers[choice.offer].stock
                if stock is not None:
                    limits[f"offer/{choice.offer}/stock"] = Limit(stock, most_at_once(d, choice.offer), False)
        return limits

    def _money(self, text: str) -> int:
        return parse_scaled(text, self.definitions.deployment.money_scale)

    # -- time

    def _advance(self, now: int) -> None:
        if now <= self.now:
            return
        minute = now // MINUTE
        for customer, person in self.people.items():
            for one in list(person.waiting):
                if one.forget_minute < minute:
                    person.waiting.remove(one)
                    if one.reached is None:
                        self._goal(customer, one, GoalKind.LAPSED, one.deadline, NULL)
        day = local_of(self.zone, now) // DAY if self.names else 0
        if self.now and day > self.day:
            for name, limit in self.limits.items():
                if limit.per_day:
                    limit.used = 0
                    if limit.closed and limit.most >= limit.close_below:
                        limit.closed = False
                        self.limits_told.append((self.seq, self.names["limit"].index(name), 0))
        self.day = max(day, self.day)
        self.now = now

    # -- contacts, consents, responses

    def _imported(self, fact: Fact, person: Person) -> None:
        if fact.code >= len(self.names["campaign"]):
            return
        name = self.names["campaign"][fact.code]
        campaign = self.definitions.campaigns.get(name)
        touchpoint = self.definitions.touchpoints.get(self.names["touchpoint"][fact.values[0]])
        if touchpoint is not None:
            inbound = INBOUND if touchpoint.direction == "in" else PUSH
            contact_class = SERVICE if touchpoint.contact_class == "service" else inbound
            channel = touchpoint.channel or touchpoint.touchpoint
            category = campaign.policy.category if campaign else None
            person.contacts.append(Contact(fact.at, contact_class, channel, category, name))
        if campaign and campaign.goal:
            self._open(person, name, Arm.IMPORTED, fact.at)

    def _response(self, fact: Fact, person: Person) -> None:
        if fact.values[0] != Answer.REFUSED:
            return
        policy = self.definitions.policy
        after = (policy.cool_down.after_refused or 0) if policy else 0
        if after:
            person.refused_until = max(person.refused_until, fact.at + after)
        name = self.names["campaign"][fact.code]
        campaign = self.definitions.campaigns.get(name)
        if campaign and campaign.policy.cool_down_after_refusal:
            until = fact.at + campaign.policy.cool_down_after_refusal
            person.campaign_refused[name] = max(person.campaign_refused.get(name, 0), until)

    # -- goals

    def _open(self, person: Person, name: str, arm: int, opened: int) -> None:
        goal = self.definitions.campaigns[name].goal
        assert goal is not None
        deadline = opened + goal.within
        forget = max(deadline // MINUTE, self.now // MINUTE)
        person.waiting.append(Instance(name, arm, opened, deadline, self.seq, forget))

    def _goal(self, customer: int, one: Instance, kind: GoalKind, at: int, value: int) -> None:
        number = self.names["campaign"].index(one.campaign)
        self.goals.append(
            GoalFact(self.seq, at, one.origin, one.opened, value, customer, number, int(kind), int(one.arm))
        )

    def _move_goals(self, customer: int, person: Person, happening: Happening) -> None:
        row = self._row(person, happening)
        for one in reversed(list(person.waiting)):  # the newest first
            campaign = self.definitions.campaigns.get(one.campaign)
            goal = campaign.goal if campaign else None
            if goal is None or not one.opened <= happening.at:
                continue
            if one.reached is not None:
                regret = goal.regret
                in_time = one.reached <= happening.at <= one.watch_until
                if (
                    regret
                    and regret.event == happening.event
                    and in_time
                    and self._holds(regret.where, happening.event, row, False)
                ):
                    self._goal(customer, one, GoalKind.REGRETTED, happening.at, NULL)
                    person.waiting.remove(one)
                continue
            fits = goal.event == happening.event and happening.at <= one.deadline
            if fits and self._holds(goal.where, happening.event, row, False) and self._reached(one, goal, happening):
                value = NULL
                if goal.value is not None:
                    value = happening.values.get(goal.value.removeprefix("event."), NULL)
                self._goal(customer, one, GoalKind.REACHED, happening.at, value)
                self._after_reaching(person, one, happening.at)

    def _reached(self, one: Instance, goal: Goal, happening: Happening) -> bool:
        if goal.reach is None:
            return True
        scope = Scope({}, self.event_types[goal.event], self.definitions.deployment.money_scale, self.zone)
        reach = check_reach(goal.reach, scope)
        amount = 1 if reach.property is None else happening.values.get(reach.property, NULL)
        if amount == NULL:
            return False
        one.total += amount
        return one.total > reach.threshold if reach.strict else one.total >= reach.threshold

    def _after_reaching(self, person: Person, one: Instance, at: int) -> None:
        if one.arm != Arm.IMPORTED and person.open_origin.get(one.campaign) == one.origin:
            person.open_until.pop(one.campaign, None)
        goal = self.definitions.campaigns[one.campaign].goal
        if goal and goal.regret:
            one.reached = at
            one.watch_until = at + goal.regret.within
            one.forget_minute = max(one.forget_minute, one.watch_until // MINUTE)
        else:
            person.waiting.remove(one)

    # -- events and decisions

    def _event(self, fact: Fact, customer: int, person: Person) -> None:
        name = self.names["event"][fact.code]
        if name not in self.definitions.events:
            return
        values = dict(zip(self.event_types[name], fact.values, strict=False))
        self._happens(customer, person, Happening(name, fact.at, self.now, self._zone_of(person), values))

    def _happens(self, customer: int, person: Person, happening: Happening) -> None:
        definition = self.definitions.every_event[happening.event]
        happening.home = person.tags.get("zone", NULL)
        person.events.append(happening)
        policy = self.definitions.policy
        after = (policy.cool_down.after_complaint or 0) if policy else 0
        if definition.means == "complaint" and after:
            person.complained_until = max(person.complained_until, happening.at + after)
        self._move_goals(customer, person, happening)
        self._decide(customer, person, happening)

    def _decide(self, customer: int, person: Person, happening: Happening) -> None:
        d = self.definitions
        triggered = {
            name: usable_steps(d, campaign)
            for name in self.names["campaign"]
            if (campaign := d.campaigns.get(name)) and campaign.trigger
            if campaign.trigger.event == happening.event and not campaign.paused
        }
        classes = {usable.contact_class for steps in triggered.values() for usable in steps}
        blocks = {c: reason for c in (PUSH, INBOUND) if c in classes and (reason := self._block(person, c))}
        if blocks:
            self._withhold(None, blocks[min(blocks)])
        passed: list[Candidate] = []
        fates: dict[str, Reason] = {}
        for name, steps in triggered.items():
            reason = self._match(d.campaigns[name], person, happening)
            own = {usable.contact_class for usable in steps}
            if reason is None and own <= set(blocks):
                reason = blocks[min(own)]
            elif reason is None:
                reason = self._audience(d.campaigns[name], person, happening)
                if reason is None:
                    found = self._gate(name, steps, person, happening)
                    if isinstance(found, Candidate):
                        passed.append(found)
                    else:
                        reason = found
                        self._withhold(name, found)
            if reason is not None:
                fates[name] = reason
        for service in (False, True):
            group = [one for one in passed if (one.usable.contact_class == SERVICE) == service]
            if group:
                best = max(group, key=lambda one: one.priority)
                for other in group:
                    if other is not best:
                        self._withhold(other.name, Reason.OUTRANKED)
                        fates[other.name] = Reason.OUTRANKED
                fates[best.name] = self._settle(best, customer, person)
        self.fates += [Fate(self.seq, self.names["campaign"].index(name), int(fates[name])) for name in triggered]

    def _withhold(self, name: str | None, reason: Reason) -> None:
        self.withheld[self.now // HOUR, name, reason] += 1

    def _block(self, person: Person, contact_class: int) -> Reason | None:
        if contact_class == PUSH and person.do_not_disturb:
            return Reason.DO_NOT_DISTURB
        if person.refused_until > self.now:
            return Reason.COOL_DOWN_REFUSED
        if person.complained_until > self.now:
            return Reason.COOL_DOWN_COMPLAINT
        caps = self._caps("customer")
        contacts = [contact.at for contact in person.contacts if contact.contact_class != SERVICE]
        return Reason.CAP_CUSTOMER if self._capped(caps, contacts, contact_class) else None

    def _capped(self, caps: Sequence[Cap], contacts: list[int], contact_class: int) -> bool:
        return any(
            sum(at + cap.window > self.now for at in contacts) >= cap.max
            for cap in caps
            if contact_class == PUSH or cap.inbound
        )

    def _match(self, campaign: CampaignDefinition, person: Person, happening: Happening) -> Reason | None:
        trigger = campaign.trigger
        assert trigger is not None
        max_age = self.definitions.every_event[trigger.event].max_age if trigger.max_age is None else trigger.max_age
        if self.now - happening.at > max_age:
            return Reason.EVENT_TOO_OLD
        if not self._in_force(campaign):
            return Reason.CAMPAIGN_NOT_VALID
        if not self._holds(trigger.where, trigger.event, self._row(person, happening)):
            return Reason.TRIGGER_CONDITION
        return None

    def _in_force(self, campaign: CampaignDefinition) -> bool:
        today = date(1970, 1, 1) + timedelta(days=local_of(self.zone, self.now) // DAY)
        since, to = campaign.valid.since, campaign.valid.to
        early = since is not None and today < date.fromisoformat(since)
        return not early and not (to and today > date.fromisoformat(to))

    def _audience(self, campaign: CampaignDefinition, person: Person, happening: Happening) -> Reason | None:
        assert campaign.trigger is not None
        holds = self._holds(campaign.audience, campaign.trigger.event, self._row(person, happening))
        return None if holds else Reason.NOT_IN_AUDIENCE

    def _gate(self, name: str, steps: list[Usable], person: Person, happening: Happening) -> Candidate | Reason:
        campaign = self.definitions.campaigns[name]
        reason = self._again(name, campaign, person)
        if reason is not None:
            return reason
        if self._closed(f"campaign/{name}/contacts", campaign.policy.budget.contacts):
            return Reason.BUDGET_CONTACTS
        if self._closed(f"campaign/{name}/money", campaign.policy.budget.money):
            return Reason.BUDGET_MONEY
        reason, used = Reason.NO_TOUCHPOINT, None
        for usable in steps:
            found = self._touchpoint(campaign, usable, person, happening)
            if found is None:
                used = usable
                break
            reason = found
        if used is None:
            return reason
        return self._offer(name, campaign, used, person, happening)

    def _again(self, name: str, campaign: CampaignDefinition, person: Person) -> Reason | None:
        if self.now <= person.open_until.get(name, 0):
            return Reason.DECISION_OPEN
        if self.now < person.again_from.get(name, 0):
            return Reason.AGAIN_TOO_SOON
        if self.now < person.campaign_refused.get(name, 0):
            return Reason.CAMPAIGN_COOL_DOWN
        mine = [contact.at for contact in person.contacts if contact.campaign == name]
        if any(sum(at + cap.window > self.now for at in mine) >= cap.max for cap in campaign.policy.caps):
            return Reason.CAP_CAMPAIGN
        return None

    def _closed(self, name: str, asked: object) -> bool:
        return asked is not None and self.limits[name].closed

    def _touchpoint(
        self, campaign: CampaignDefinition, usable: Usable, person: Person, happening: Happening
    ) -> Reason | None:
        kind = usable.contact_class
        if kind != SERVICE:
            channel = usable.touchpoint.channel or usable.name
            reason = self._block(person, kind)
            if reason is None and self.stopped and usable.pushes:
                reason = Reason.SENDING_STOPPED
            reason = reason or self._consent(person, campaign.policy.purpose, channel)
            if reason is None and kind == PUSH:
                reason = self._quiet(usable.touchpoint, happening.zone, self.now)
            if reason is not None:
                return reason
            reserved = [one for one in self._reserved(person) if one.contact_class != SERVICE]
            counted = [one for one in person.contacts if one.contact_class != SERVICE] + reserved
            if reserved and self._capped(self._caps("customer"), [one.at for one in counted], kind):
                return Reason.CAP_CUSTOMER
            for per, own, capped in (
                ("channel", channel, Reason.CAP_CHANNEL),
                ("category", campaign.policy.category, Reason.CAP_CATEGORY),
            ):
                caps = [cap for cap in self._caps(per) if cap.of in (None, own)]
                times = [one.at for one in counted if (one.channel if per == "channel" else one.category) == own]
                if self._capped(caps, times, kind):
                    return capped
        elif self.stopped and usable.pushes:
            return Reason.SENDING_STOPPED
        if self._closed(f"touchpoint/{usable.name}/day", usable.touchpoint.capacity.per_day):
            return Reason.CAPACITY
        return None if self._works(usable.touchpoint, self.now) else Reason.OUTSIDE_WORKING_HOURS

    def _caps(self, per: str) -> list[Cap]:
        policy = self.definitions.policy
        return [cap for cap in (policy.caps if policy else ()) if cap.per == per]

    def _works(self, touchpoint: TouchpointDefinition, at: int) -> bool:
        hours = touchpoint.working_hours
        if hours is None:
            return True
        local = local_of(self.zone, at)
        today = (date(1970, 1, 1) + timedelta(days=local // DAY)).strftime("%a").lower()
        length = (hours.to - hours.since) % 1440
        return (not hours.days or today in hours.days) and (local % DAY // MINUTE - hours.since) % 1440 < length

    def _consent(self, person: Person, purpose: str, channel: str) -> Reason | None:
        """The last word for this channel, unless a later word was said for every channel."""
        for said_purpose, said_channel, given in reversed(person.consents):
            if said_purpose == purpose and said_channel in (channel, None):
                return None if given else Reason.CONSENT_WITHDRAWN
        policy = self.definitions.policy
        return Reason.NO_CONSENT if policy and policy.consent == "required" else None

    def _quiet(self, touchpoint: TouchpointDefinition, zone: str, at: int) -> Reason | None:
        policy = self.definitions.policy
        local = local_of(zone, at)
        minute = local % DAY // MINUTE
        for quiet in (policy.quiet_hours if policy else None, touchpoint.quiet_hours):
            if quiet is None:
                continue
            length = (quiet.to - quiet.since) % 1440
            if (minute - quiet.since) % 1440 < length:
                return Reason.QUIET_HOURS
        today = date(1970, 1, 1) + timedelta(days=local // DAY)
        return Reason.HOLIDAY if policy and today.isoformat() in policy.holidays else None

    def _offer(
        self, name: str, campaign: CampaignDefinition, usable: Usable, person: Person, happening: Happening
    ) -> Candidate | Reason:
        row = self._row(person, happening)
        choice, value = None, 1
        if campaign.offers:
            eligible: list[OfferChoice] = []
            sold_out = False
            for one in campaign.offers:
                offer = self.definitions.offers[one.offer]
                if not self._holds(one.when, happening.event, row) or not self._holds(
                    offer.eligible, happening.event, row
                ):
                    continue
                if self._closed(f"offer/{one.offer}/stock", offer.stock):
                    sold_out = True
                else:
                    eligible.append(one)
            if not eligible:
                return Reason.OUT_OF_STOCK if sold_out else Reason.NO_ELIGIBLE_OFFER
            seats = [one for one in eligible for _ in range(one.weight)]
            seed = np.uint64(seed_of("campaign", name))
            choice = seats[int(weighted_bucket(seed, np.uint64(person.key), len(seats)))]
            value = self._money(self.definitions.offers[choice.offer].value)
        if campaign.propensity.endswith("%"):
            propensity = int(parse_rate(campaign.propensity))
        else:
            found = row(Ref("tag", campaign.propensity))
            propensity = 0 if found is None or found == NULL else min(max(found, 0), PPM)
        lever = parse_scaled(campaign.lever, 6)
        priority = (propensity * usable.weight // PPM) * (value * lever // PPM)
        return Candidate(name, usable, choice, priority, propensity)

    def _settle(self, best: Candidate, customer: int, person: Person) -> Reason:
        campaign = self.definitions.campaigns[best.name]
        choice = best.choice
        policy = self.definitions.policy
        arm, fate = Arm.TREATED, Reason.PROPOSED
        if _place(seed_of("campaign", best.name), person.key) < campaign.control:
            arm, fate = Arm.CONTROL, Reason.CONTROL
        universal = policy.universal_control if policy else 0
        if best.usable.contact_class != SERVICE and _place(seed_of("universal control"), person.key) < universal:
            arm, fate = Arm.UNIVERSAL_CONTROL, Reason.UNIVERSAL_CONTROL
        window = campaign.goal.within if campaign.goal else 0
        if campaign.goal:
            person.open_until[best.name] = self.now + window
            person.open_origin[best.name] = self.seq
            self._open(person, best.name, arm, self.now)
        again = window if campaign.again_after is None else campaign.again_after
        person.again_from[best.name] = self.now + again
        cost = self._contact(best, campaign, customer, person) if arm is Arm.TREATED else 0
        names = self.names
        waits = best.usable.wait is not None or best.usable.deferred is not None
        self.decisions.append(
            Decision(
                self.seq, self.now, best.priority, cost, customer, best.propensity,
                names["campaign"].index(best.name), 0xFFFF if choice is None else names["offer"].index(choice.offer),
                0xFFFF if waits else names["touchpoint"].index(best.usable.name), int(arm), best.usable.contact_class,
            )
        )  # fmt: skip
        return fate

    def _contact(self, best: Candidate, campaign: CampaignDefinition, customer: int, person: Person) -> int:
        """The contact is made at once; gives its cost."""
        channel = best.usable.touchpoint.channel or best.usable.name
        kind = best.usable.contact_class
        person.contacts.append(Contact(self.now, kind, channel, campaign.policy.category, best.name))
        cost = self._money(best.usable.touchpoint.cost)
        if best.choice:
            cost += self._money(self.definitions.offers[best.choice.offer].cost)
            self._spend(
                f"offer/{best.choice.offer}/stock", 1, self.definitions.offers[best.choice.offer].stock is not None
            )
        self._spend(f"touchpoint/{best.usable.name}/day", 1, best.usable.touchpoint.capacity.per_day is not None)
        self._spend(f"campaign/{best.name}/contacts", 1, campaign.policy.budget.contacts is not None)
        self._spend(f"campaign/{best.name}/money", cost, campaign.policy.budget.money is not None)
        return cost

    def _spend(self, name: str, amount: int, limited: bool) -> None:
        if not limited:
            return
        limit = self.limits[name]
        limit.used += amount
        assert limit.used <= limit.most, f"{name} is overspent"
        if not limit.closed and limit.most - limit.used < limit.close_below:
            limit.closed = True
            self.limits_told.append((self.seq, self.names["limit"].index(name), 1))


def _place(seed: int, key: int) -> int:
    return int(bucket(np.uint64(seed), np.uint64(key)))


def most_at_once(d: DefinitionSet, offer: str) -> int:
    """How many of an offer one event can take: one for a marketing and one for a service decision."""
    takers = {
        (campaign.trigger and campaign.trigger.event, usable_steps(d, campaign)[0].contact_class == SERVICE)
        for campaign in d.campaigns.values()
        if any(choice.offer == offer for choice in campaign.offers)
    }
    return max(sum(event == one for event, _ in takers) for one, _ in takers)
