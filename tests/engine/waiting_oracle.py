"""The oracle of decisions that wait: touches, leases, receipts, deferral, withdrawal; told in plain Python from the definitions.

There is no wheel and no pool here: a list of open decisions, looked through at every fact for what is over.
"""

from collections import Counter
from collections.abc import Sequence

from opportune.campaigns import CampaignDefinition, TouchpointDefinition
from opportune.facts import Answer, Arm, FactKind, MoveKind, Outcome, Reason, TextDictionary
from tests.engine.oracle import Oracle
from tests.engine.records import (
    DAY,
    INBOUND,
    MINUTE,
    PUSH,
    SERVICE,
    Candidate,
    Contact,
    Fact,
    Happening,
    Instance,
    Limit,
    Move,
    Open,
    Person,
    Usable,
    usable_steps,
)

ONLY_THE_HOUR = (Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.OUTSIDE_WORKING_HOURS, Reason.SENDING_STOPPED)
NEVER_AGAIN = (Reason.NOT_IN_AUDIENCE, Reason.CAMPAIGN_ENDED, Reason.NO_ELIGIBLE_OFFER)
OPEN_MAX = 48


class WaitingOracle(Oracle):
    """The Oracle, and `moves`: what became of every decision after it was made."""

    def __init__(self, dictionary: TextDictionary) -> None:
        super().__init__(dictionary)
        self.moves: list[Move] = []
        self.open: list[Open] = []
        self.puts = 0
        self.refused: Counter[int] = Counter()
        """Why waiting decisions were not leased at a touch."""

    # -- facts

    def tell(self, fact: Fact) -> None:
        """Take one fact."""
        if fact.kind is FactKind.SENDING:
            self._advance(fact.now)
            self._end_deadlines()
            self.stopped = fact.values[0] != 0
            self.seq += 1
        else:
            super().tell(fact)

    def _take(self, fact: Fact, customer: int) -> None:
        while mine := [one for one in self._of(customer) if one.deadline <= self.now]:
            self._end_deadline(min(mine, key=lambda one: one.number))
        super()._take(fact, customer)
        person = self.people[customer]
        if fact.kind is FactKind.TOUCH:
            self._touch(self.names["touchpoint"][fact.code], fact.values[0], customer)
        elif fact.kind is FactKind.RECEIPT:
            self._receipt(fact, customer, person)
        elif fact.kind is FactKind.CONSENT and fact.values[1] == 0:
            self._consent_gone(self.names["purpose"][fact.code], customer, person)
        elif fact.kind is FactKind.DO_NOT_DISTURB and fact.values[0]:
            for one in self._of(customer):
                if one.contact_class != SERVICE:
                    self._withdraw(one, Reason.DO_NOT_DISTURB)

    def _of(self, customer: int) -> list[Open]:
        """Newest first."""
        return sorted((one for one in self.open if one.customer == customer), key=lambda one: -one.number)

    # -- time

    def _end_deadlines(self) -> None:
        while due := [one for one in self.open if -(-one.deadline // MINUTE) * MINUTE <= self.now]:
            self._end_deadline(min(due, key=lambda one: (-(-one.deadline // MINUTE), one.put)))

    def _put(self, one: Open, deadline: int) -> None:
        self.puts += 1
        one.deadline, one.put = deadline, self.puts

    def _end_deadline(self, one: Open) -> None:
        match one.state:
            case "pushed":
                self._settle_open(one, MoveKind.UNKNOWN, Reason.LEASE_OVER)
            case "leased":
                self._give_again(one, Reason.LEASE_OVER)
            case "withdrawn":
                self._release(one, Reason.LEASE_OVER, 0)
                self.open.remove(one)
            case "waiting":
                self._go_on(one, [u for u in self._rows(one) if u.place > one.place], Reason.NOT_TOUCHED)
            case "deferred" if (
                self.stopped and one.reason is Reason.SENDING_STOPPED and _next_look(self.now) <= one.give_up
            ):
                self._put(one, _next_look(self.now))
            case "deferred":
                rows = self._rows(one)
                at = [i for i, u in enumerate(rows) if (u.place, u.name) == (one.place, one.deferred_for)]
                left = rows[at[0] :] if at else [u for u in rows if u.place > one.place]
                self._go_on(one, left, one.reason)

    def _rows(self, one: Open) -> list[Usable]:
        campaign = self.definitions.campaigns.get(one.campaign)
        return usable_steps(self.definitions, campaign) if campaign else []

    # -- telling

    def _move(
        self, one: Open, kind: MoveKind, reason: Reason, touchpoint: str | None, until: int = 0, cost: int = 0
    ) -> None:
        names = self.names
        self.moves.append(
            Move(
                self.seq, self.now, one.number, one.seq, until, cost, one.customer, names["campaign"].index(one.campaign),
                0xFFFF if one.offer is None else names["offer"].index(one.offer),
                0xFFFF if touchpoint is None else names["touchpoint"].index(touchpoint),
                int(reason), int(kind), one.contact_class,
            )
        )  # fmt: skip

    # -- what reserves

    def _reserved(self, person: Person) -> list[Contact]:
        found = []
        for one in self.open:
            over = one.deadline <= self.now
            if self.people[one.customer] is person and (
                one.state == "pushed" or (one.state in ("leased", "withdrawn") and not over)
            ):
                found.append(Contact(self.now, one.contact_class, one.channel, one.category, one.campaign))
        return found

    def _reserve(self, one: Open, usable: Usable, kind: int, move: MoveKind, until: int) -> None:
        d = self.definitions
        campaign = d.campaigns[one.campaign]
        one.contact_class, one.place, one.touchpoint = kind, usable.place, usable.name
        one.channel, one.category = usable.touchpoint.channel or usable.name, campaign.policy.category
        one.cost, one.day = self._money(usable.touchpoint.cost), self.day
        one.state = "leased" if move is MoveKind.LEASED else "pushed"
        one.taken = []
        if one.offer is not None:
            one.cost += self._money(d.offers[one.offer].cost)
            one.taken.append((f"offer/{one.offer}/stock", 1))
        one.taken += [
            (f"touchpoint/{usable.name}/day", 1),
            (f"campaign/{one.campaign}/contacts", 1),
            (f"campaign/{one.campaign}/money", one.cost),
        ]
        one.taken = [(name, amount) for name, amount in one.taken if self._is_limited(name)]
        if until:
            self._put(one, until)
        self._move(one, move, Reason.PROPOSED, usable.name, until, one.cost)
        for name, amount in one.taken:
            self._spend(name, amount, True)

    def _is_limited(self, name: str) -> bool:
        d, (family, of, what) = self.definitions, name.split("/")
        if family == "offer":
            return d.offers[of].stock is not None
        if family == "touchpoint":
            return d.touchpoints[of].capacity.per_day is not None
        budget = d.campaigns[of].policy.budget
        return (budget.contacts if what == "contacts" else budget.money) is not None

    def _release(self, one: Open, reason: Reason, until: int) -> None:
        self._move(one, MoveKind.RELEASED, reason, one.touchpoint, until)
        for name, amount in one.taken:
            limit = self.limits[name]
            if limit.per_day and one.day != self.day:
                continue
            limit.used = max(0, limit.used - amount)
            if limit.closed and limit.most - limit.used >= limit.close_below:
                limit.closed = False
                self.limits_told.append((self.seq, self.names["limit"].index(name), 0))
        one.taken, one.touchpoint = [], None

    def _settle_open(self, one: Open, kind: MoveKind, reason: Reason) -> None:
        contact = Contact(self.now, one.contact_class, one.channel, one.category, one.campaign)
        self.people[one.customer].contacts.append(contact)
        self._move(one, kind, reason, one.touchpoint, 0, one.cost)
        self.open.remove(one)

    # -- opening

    def _again(self, name: str, campaign: CampaignDefinition, person: Person) -> Reason | None:
        if any(one.campaign == name and self.people[one.customer] is person for one in self.open):
            return Reason.DECISION_OPEN
        return super()._again(name, campaign, person)

    def _touchpoint(
        self, campaign: CampaignDefinition, usable: Usable, person: Person, happening: Happening
    ) -> Reason | None:
        reason = super()._touchpoint(campaign, usable, person, happening)
        usable.deferred = None
        opens = usable.wait is not None or (usable.pushes and usable.lease is not None)
        if usable.pushes and campaign.policy.in_quiet_hours == "defer" and reason in ONLY_THE_HOUR:
            until = self._hour_comes(usable, happening.zone, self.now + 3 * DAY)
            if until:
                usable.deferred = (reason, until)
                opens, reason = True, None
        mine = sum(self.people[one.customer] is person for one in self.open)
        if reason is None and opens and mine + 2 > OPEN_MAX:
            return Reason.CAPACITY
        return reason

    def _hour_comes(self, usable: Usable, zone: str, latest: int) -> int:
        """The first whole minute after now at which the hour withholds nothing; 0 where there is none up to `latest`."""
        if self.stopped:
            look = _next_look(self.now)
            return look if look <= latest else 0
        at = (self.now // MINUTE + 1) * MINUTE
        marketing = usable.touchpoint.contact_class != "service"
        while at <= latest:
            quiet = marketing and self._quiet(usable.touchpoint, zone, at)
            if not quiet and self._works(usable.touchpoint, at):
                return at
            at += MINUTE
        return 0

    def _contact(self, best: Candidate, campaign: CampaignDefinition, customer: int, person: Person) -> int:
        usable = best.usable
        leased = usable.pushes and usable.lease is not None
        if usable.wait is None and usable.deferred is None and not leased:
            return super()._contact(best, campaign, customer, person)
        offer = best.choice.offer if best.choice else None
        one = Open(len(self.decisions), self.seq, customer, best.name, offer, best.priority)
        self.open.append(one)
        if usable.wait is not None:
            self._wait(one, usable)
        elif usable.deferred is not None:
            self._defer(one, usable, *usable.deferred)
        else:
            assert usable.lease is not None
            self._reserve(one, usable, usable.contact_class, MoveKind.PUSHED, self.now + usable.lease)
        return one.cost

    def _wait(self, one: Open, usable: Usable) -> None:
        assert usable.wait is not None
        one.state, one.place = "waiting", usable.place
        one.contact_class = _class_touched(usable.touchpoint)
        one.wait_until = self.now + usable.wait
        self._put(one, one.wait_until)
        self._move(one, MoveKind.OPENED, Reason.PROPOSED, None, one.wait_until)

    def _defer(self, one: Open, usable: Usable, reason: Reason, until: int) -> None:
        one.state, one.place, one.reason, one.deferred_for = "deferred", usable.place, reason, usable.name
        one.contact_class = _class_pushed(usable.touchpoint)
        one.give_up = one.give_up or self.now + 3 * DAY
        self._put(one, until)
        self._move(one, MoveKind.OPENED, reason, None, one.give_up if reason is Reason.SENDING_STOPPED else until)

    # -- going on

    def _refused(self, one: Open) -> Reason | None:
        """What the campaign says of its decision now."""
        d, person = self.definitions, self.people[one.customer]
        campaign = d.campaigns.get(one.campaign)
        if campaign is None or campaign.paused or not self._in_force(campaign):
            return Reason.CAMPAIGN_ENDED
        if not self._holds(campaign.audience, None, self._row(person, self._present(person))):
            return Reason.NOT_IN_AUDIENCE
        if self.now < person.campaign_refused.get(one.campaign, 0):
            return Reason.CAMPAIGN_COOL_DOWN
        mine = [contact.at for contact in person.contacts if contact.campaign == one.campaign]
        if any(sum(at + cap.window > self.now for at in mine) >= cap.max for cap in campaign.policy.caps):
            return Reason.CAP_CAMPAIGN
        if self._closed(f"campaign/{one.campaign}/contacts", campaign.policy.budget.contacts):
            return Reason.BUDGET_CONTACTS
        if self._closed(f"campaign/{one.campaign}/money", campaign.policy.budget.money):
            return Reason.BUDGET_MONEY
        if one.offer is not None:
            if one.offer not in [choice.offer for choice in campaign.offers]:
                return Reason.NO_ELIGIBLE_OFFER
            if self._closed(f"offer/{one.offer}/stock", d.offers[one.offer].stock):
                return Reason.OUT_OF_STOCK
        return None

    def _present(self, person: Person) -> Happening:
        return Happening("", self.now, self.now, self._zone_of(person), {})

    def _go_on(self, one: Open, rows: Sequence[Usable], cause: Reason) -> None:
        reason: Reason = cause
        one.state = "moving"
        if rows or not self._rows(one):
            said = self._refused(one)
            if said in NEVER_AGAIN:
                self._withdraw(one, said)
                return
            if said is not None:
                reason, rows = said, ()
            for usable in rows:
                if usable.wait is None and not usable.pushable:
                    continue
                found = self._go_to(one, usable)
                if found is None:
                    return
                reason = found
        self._move(one, MoveKind.CLOSED, reason, None)
        self.open.remove(one)

    def _go_to(self, one: Open, usable: Usable) -> Reason | None:
        campaign, person = self.definitions.campaigns[one.campaign], self.people[one.customer]
        pushes = usable.wait is None
        usable.pushes = pushes
        usable.contact_class = _class_pushed(usable.touchpoint) if pushes else _class_touched(usable.touchpoint)
        reason = Oracle._touchpoint(self, campaign, usable, person, self._present(person))
        if not pushes:
            if reason is None:
                self._wait(one, usable)
        elif reason is None:
            until = 0 if usable.lease is None else self.now + usable.lease
            self._reserve(one, usable, usable.contact_class, MoveKind.PUSHED, until)
            if not until:
                self._settle_open(one, MoveKind.PRESENTED, Reason.PROPOSED)
        elif campaign.policy.in_quiet_hours == "defer" and reason in ONLY_THE_HOUR:
            hour = self._hour_comes(usable, self._zone_of(person), one.give_up or self.now + 3 * DAY)
            if hour:
                self._defer(one, usable, reason, hour)
                return None
        return reason

    def _give_again(self, one: Open, reason: Reason) -> None:
        waits_on = one.wait_until > self.now
        self._release(one, reason, one.wait_until if waits_on else 0)
        one.state = "waiting"
        if waits_on:
            self._put(one, one.wait_until)
        else:
            self._go_on(one, [u for u in self._rows(one) if u.place > one.place], reason)

    def _withdraw(self, one: Open, reason: Reason) -> None:
        if one.state == "withdrawn":
            return
        self._move(one, MoveKind.WITHDRAWN, reason, one.touchpoint)
        if one.touchpoint is None:
            self.open.remove(one)
        else:
            one.state, one.reason = "withdrawn", reason

    # -- what else withdraws

    def _after_reaching(self, person: Person, one: Instance, at: int) -> None:
        super()._after_reaching(person, one, at)
        for record in list(self.open):
            if one.arm == Arm.TREATED and (record.campaign, record.seq) == (one.campaign, one.origin):
                self._withdraw(record, Reason.GOAL_REACHED)

    def _consent_gone(self, purpose: str, customer: int, person: Person) -> None:
        d = self.definitions
        for one in self._of(customer):
            campaign = d.campaigns.get(one.campaign)
            if campaign is None or one.contact_class == SERVICE or campaign.policy.purpose != purpose:
                continue
            if one.state in ("leased", "pushed"):
                lost = self._consent(person, purpose, one.channel)
            elif one.state == "withdrawn":
                continue
            else:
                said = [
                    self._consent(person, purpose, u.touchpoint.channel or u.name)
                    for u in self._rows(one)
                    if u.place >= one.place
                ]
                lost = said[-1] if said and all(said) else None
            if lost is not None:
                self._withdraw(one, lost)

    # -- what touchpoints say

    def _touch(self, name: str, slots: int, customer: int) -> None:
        touchpoint = self.definitions.touchpoints.get(name)
        if touchpoint is None or touchpoint.direction == "out":
            return
        slots = min(slots, touchpoint.slots)
        lease = 10 * MINUTE if touchpoint.lease is None else touchpoint.lease
        mine = self._of(customer)
        mine.sort(key=lambda one: one.number)
        if touchpoint.strategy == "best":
            mine.sort(key=lambda one: -one.priority)
        for one in [one for one in mine if one.state == "leased" and one.touchpoint == name]:
            if slots > 0:
                if one.wait_until > self.now:
                    self._put(one, self.now + lease)
                self._move(one, MoveKind.LEASED, Reason.PROPOSED, name, one.deadline, one.cost)
                slots -= 1
        for one in [one for one in mine if one.state == "waiting"]:
            here = [u for u in self._rows(one) if (u.place, u.name) == (one.place, name) and u.wait is not None]
            if slots > 0 and here and self._admit(one, here[0], lease):
                slots -= 1

    def _admit(self, one: Open, usable: Usable, lease: int) -> bool:
        campaign, person = self.definitions.campaigns.get(one.campaign), self.people[one.customer]
        reason = self._refused(one)
        if reason in NEVER_AGAIN:
            self._withdraw(one, reason)
            return False
        assert campaign is not None
        usable.contact_class = _class_touched(usable.touchpoint)
        reason = reason or Oracle._touchpoint(self, campaign, usable, person, self._present(person))
        if reason is not None:
            self._withhold(one.campaign, reason)
            self.refused[reason] += 1
            return False
        self._reserve(one, usable, usable.contact_class, MoveKind.LEASED, self.now + lease)
        return True

    def _receipt(self, fact: Fact, customer: int, person: Person) -> None:
        number, outcome, campaign, _ = fact.values
        if outcome == Outcome.REFUSED:
            self._response(fact._replace(code=campaign, values=(int(Answer.REFUSED),)), person)
        found = [one for one in self._of(customer) if one.number == number]
        if not found:
            return
        one, name = found[0], self.names["touchpoint"][fact.code]
        shown = outcome in (Outcome.PRESENTED, Outcome.ACCEPTED, Outcome.CONSIDERING, Outcome.REFUSED)
        if one.touchpoint == name:
            if shown:
                self._settle_open(one, MoveKind.PRESENTED, one.reason if one.state == "withdrawn" else Reason.PROPOSED)
            elif outcome == Outcome.UNKNOWN:
                self._settle_open(one, MoveKind.UNKNOWN, Reason.DELIVERY_FAILED)
            elif outcome == Outcome.FAILED:
                self._failed(one, name)
        elif shown and one.state != "withdrawn" and name in self.definitions.touchpoints:
            self._shown_late(one, self.definitions.touchpoints[name])

    def _failed(self, one: Open, name: str) -> None:
        if one.state == "leased":
            self._give_again(one, Reason.DELIVERY_FAILED)
            return
        self._release(one, Reason.DELIVERY_FAILED, 0)
        if one.state == "withdrawn":
            self.open.remove(one)
            return
        rows = self._rows(one)
        at = [i for i, u in enumerate(rows) if (u.place, u.name) == (one.place, name)]
        self._go_on(one, rows[at[0] + 1 :] if at else [u for u in rows if u.place > one.place], Reason.DELIVERY_FAILED)

    def _shown_late(self, one: Open, touchpoint: TouchpointDefinition) -> None:
        d, name = self.definitions, touchpoint.touchpoint
        campaign = d.campaigns.get(one.campaign)
        kind = SERVICE if touchpoint.contact_class == "service" else INBOUND if touchpoint.direction == "in" else PUSH
        category = campaign.policy.category if campaign else None
        contact = Contact(self.now, kind, touchpoint.channel or name, category, one.campaign)
        self.people[one.customer].contacts.append(contact)
        spent: list[tuple[str, int]] = []
        cost = 0
        if campaign and one.offer in [choice.offer for choice in campaign.offers]:
            cost += self._money(d.offers[one.offer].cost)
            spent.append((f"offer/{one.offer}/stock", 1))
        if campaign and name in [u.name for u in self._rows(one)]:
            cost += self._money(touchpoint.cost)
            spent.append((f"touchpoint/{name}/day", 1))
        if campaign:
            spent += [(f"campaign/{one.campaign}/contacts", 1), (f"campaign/{one.campaign}/money", cost)]
        reason = Reason.LEASE_OVER if one.touchpoint is None else Reason.PRESENTED_LATE
        self._move(one, MoveKind.PRESENTED, reason, name, 0, cost)
        for limit, amount in spent:
            if self._is_limited(limit):
                self._spend_late(self.limits[limit], limit, amount)
        if one.touchpoint is None:
            self.open.remove(one)
        else:
            self._withdraw(one, Reason.PRESENTED_LATE)

    def _spend_late(self, limit: Limit, name: str, amount: int) -> None:
        """What happened is counted, even beyond the limit."""
        limit.used += amount
        if not limit.closed and limit.most - limit.used < limit.close_below:
            limit.closed = True
            self.limits_told.append((self.seq, self.names["limit"].index(name), 1))


def _next_look(now: int) -> int:
    """A stop of all sending is looked at every ten minutes."""
    return (now // (10 * MINUTE) + 1) * 10 * MINUTE


def _class_touched(touchpoint: TouchpointDefinition) -> int:
    return SERVICE if touchpoint.contact_class == "service" else INBOUND


def _class_pushed(touchpoint: TouchpointDefinition) -> int:
    return SERVICE if touchpoint.contact_class == "service" else PUSH
