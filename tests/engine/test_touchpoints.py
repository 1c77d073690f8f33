"""A model of touchpoints that ask at once, fail, die, answer twice or late: no offer is shown twice, none is stuck, no cap exceeded.

The touchpoints know only what the engine told them in its moves. What was really shown is counted here, by them.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import (
    NOBODY,
    NULL,
    BatchBuilder,
    DeploymentDefinition,
    EventDefinition,
    FactKind,
    MoveKind,
    Outcome,
    Reason,
)
from opportune.policy import PolicyDefinition
from tests.engine.records import DAY, HOUR, MINUTE
from tests.engine.worlds import START, define

IN, OUT = ("app", "shop", "call"), ("sms", "email")
LEASES = {"app": 10 * MINUTE, "shop": HOUR, "call": MINUTE, "sms": HOUR, "email": 5 * MINUTE}
CAP, STOCK, CAMPAIGNS = 2, 6, 4


def playbook_of(cap: int, campaigns: int, stock: int | None = None) -> Playbook:
    """Campaigns that wait for any of three touchpoints, then push; at most `cap` contacts in 30 days, what she comes for included."""
    touchpoints = {name: {"direction": "in", "slots": 3} for name in IN} | {name: {"direction": "out"} for name in OUT}
    fields: dict[str, Any] = {
        "touchpoints": [
            {"at": list(IN), "wait": "2h"},
            {"at": "sms", "push": "now"},
            {"at": ["shop", "app"], "wait": "30m"},
            {"at": "email", "push": "now"},
        ],
        "offers": [{"offer": "pack"}],
        "again_after": "0s",
    }
    caps = [{"per": "customer", "max": cap, "in": "30d", "inbound": True}]
    return Playbook(
        DefinitionSet(
            DeploymentDefinition("touchpoints", zone="UTC"),
            define(PolicyDefinition, policy="default", caps=caps, consent="assumed"),
            {f"e{i}": define(EventDefinition, event=f"e{i}") for i in range(campaigns)},
            {},
            {
                name: define(TouchpointDefinition, touchpoint=name, lease=f"{LEASES[name]}ms", **one)
                for name, one in touchpoints.items()
            },
            {"pack": define(OfferDefinition, offer="pack", stock=stock, value="12")},
            {
                f"c{i}": define(CampaignDefinition, campaign=f"c{i}", trigger={"event": f"e{i}"}, **fields)
                for i in range(campaigns)
            },
        )
    )


@dataclass
class Held:
    """What a touchpoint believes it may show: a decision, until when."""

    decision: int
    customer: int
    touchpoint: str
    until: int


@dataclass
class Desk:
    """An engine, the touchpoints around it, and what they have really shown."""

    playbook: Playbook
    customers: int
    cap: int
    now: int = START
    held: list[Held] = field(default_factory=list)
    in_time: Counter[int] = field(default_factory=Counter)
    shown: Counter[int] = field(default_factory=Counter)
    late: int = 0
    contacts: Counter[int] = field(default_factory=Counter)
    ended: set[int] = field(default_factory=set)
    made: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.engine = Engine(customers_max=self.customers)
        self.names = self.playbook.numbering.names
        builder = BatchBuilder()
        builder.add_body(FactKind.PLAYBOOK, self.playbook.body().encode(), self.now)
        for customer in range(self.customers):
            builder.add(FactKind.CUSTOMER, 0, customer, self.now, self.now, (customer,))
        self._process(builder)

    def fact(self, kind: FactKind, code: int, customer: int, values: tuple[int, ...] = ()) -> None:
        """One fact now."""
        builder = BatchBuilder()
        builder.add(kind, code, customer, self.now, self.now, values)
        self._process(builder)

    def _process(self, builder: BatchBuilder) -> None:
        outputs = self.engine.process(builder.build())
        self.made |= set(outputs.decisions["number"].tolist())
        for move in outputs.moves:
            kind, decision, customer = MoveKind(int(move["kind"])), int(move["decision"]), int(move["customer"])
            assert decision not in self.ended
            touchpoint = "" if move["touchpoint"] == 0xFFFF else self.names["touchpoint"][int(move["touchpoint"])]
            if kind in (MoveKind.LEASED, MoveKind.PUSHED):
                others = [one for one in self.held if one.decision == decision and one.touchpoint != touchpoint]
                assert all(one.until <= self.now for one in others), "two touchpoints have one decision"
                self.held = [one for one in self.held if (one.decision, one.touchpoint) != (decision, touchpoint)]
                self.held.append(Held(decision, customer, touchpoint, int(move["until_ms"])))
            if kind in (MoveKind.PRESENTED, MoveKind.UNKNOWN):
                self.contacts[customer] += 1
                assert self.contacts[customer] <= self.cap + self.late, "more contacts than the cap allows"
            goes_on = kind is MoveKind.PRESENTED and move["reason"] == Reason.PRESENTED_LATE
            if kind in (MoveKind.PRESENTED, MoveKind.UNKNOWN, MoveKind.CLOSED) and not goes_on:
                self.ended.add(decision)

    def event(self, customer: int, campaign: int) -> None:
        """What makes a campaign decide."""
        self.fact(FactKind.EVENT, self.names["event"].index(f"e{campaign}"), customer)

    def touch(self, customer: int, touchpoint: str, slots: int = 3) -> None:
        """A customer comes to a touchpoint."""
        self.fact(FactKind.TOUCH, self.names["touchpoint"].index(touchpoint), customer, (slots,))

    def answer(self, one: Held, outcome: Outcome) -> None:
        """A touchpoint tells what became of what it held."""
        values = (one.decision, int(outcome), 0, NULL)
        self.fact(FactKind.RECEIPT, self.names["touchpoint"].index(one.touchpoint), one.customer, values)

    def show(self, one: Held) -> None:
        """A touchpoint shows what it may show, and says so at once. If its lease is over it lets it be."""
        if one.until <= self.now or one not in self.held:
            return
        self.held.remove(one)
        self.in_time[one.decision] += 1
        assert self.in_time[one.decision] == 1, "shown twice by touchpoints that kept to their leases"
        self.shown[one.customer] += 1
        assert self.shown[one.customer] <= self.cap, "more was shown than the cap allows"
        self.answer(one, Outcome.PRESENTED)

    def show_late(self, one: Held) -> None:
        """A touchpoint whose lease is over shows it all the same."""
        if one.until <= self.now:
            self.held.remove(one)
            self.late += 1
            self.answer(one, Outcome.PRESENTED)

    def pass_time(self, length: int) -> None:
        """Nothing happens for a while."""
        self.now += length
        self.fact(FactKind.TICK, 0, NOBODY)


class Touchpoints(RuleBasedStateMachine):
    """Hypothesis plays the customers and the touchpoints."""

    @initialize()
    def begin(self) -> None:
        self.desk = Desk(playbook_of(CAP, CAMPAIGNS, STOCK), 2, CAP)

    @rule(customer=st.integers(0, 1), campaign=st.integers(0, CAMPAIGNS - 1))
    def event(self, customer: int, campaign: int) -> None:
        self.desk.event(customer, campaign)

    @rule(customer=st.integers(0, 1), touchpoint=st.sampled_from(IN), slots=st.integers(0, 4))
    def touch(self, customer: int, touchpoint: str, slots: int) -> None:
        self.desk.touch(customer, touchpoint, slots)

    @precondition(lambda self: self.desk.held)
    @rule(pick=st.integers(0, 99))
    def show(self, pick: int) -> None:
        self.desk.show(self.desk.held[pick % len(self.desk.held)])

    @precondition(lambda self: self.desk.held)
    @rule(pick=st.integers(0, 99))
    def show_late(self, pick: int) -> None:
        self.desk.show_late(self.desk.held[pick % len(self.desk.held)])

    @precondition(lambda self: self.desk.held)
    @rule(pick=st.integers(0, 99), twice=st.booleans())
    def fail(self, pick: int, twice: bool) -> None:
        one = self.desk.held.pop(pick % len(self.desk.held))
        for _ in range(1 + twice):
            self.desk.answer(one, Outcome.FAILED)

    @precondition(lambda self: self.desk.held)
    @rule(pick=st.integers(0, 99))
    def die(self, pick: int) -> None:
        del self.desk.held[pick % len(self.desk.held)]

    @rule(length=st.sampled_from([1, MINUTE, 10 * MINUTE, HOUR, 2 * HOUR]))
    def wait(self, length: int) -> None:
        self.desk.pass_time(length)

    @rule(stopped=st.booleans())
    def stop(self, stopped: bool) -> None:
        self.desk.fact(FactKind.SENDING, 0, NOBODY, (int(stopped),))

    @invariant()
    def nothing_is_oversold(self) -> None:
        if hasattr(self, "desk"):
            assert (self.desk.engine.to_arrays()["limits"][:, 0] >= -self.desk.late).all()

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        self.desk.held.clear()
        for _ in range(8):
            self.desk.pass_time(DAY)
        assert self.desk.engine.counts["open_decisions"] == 0, "a decision is stuck"
        left = int(self.desk.engine.to_arrays()["limits"][0, 0])
        assert left == STOCK - sum(self.desk.contacts.values()), "stock was lost, or given back twice"


TestTouchpoints = Touchpoints.TestCase
TestTouchpoints.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("cap", [1, CAP])
def test_sixty_four_touches_for_one_customer_never_make_one_contact_more_than_the_cap(cap: int) -> None:
    desk = Desk(playbook_of(cap, 8), 1, cap)
    for campaign in range(8):
        desk.event(0, campaign)
    assert desk.engine.counts["open_decisions"] == 8
    chance = random.Random(cap)
    for _ in range(64):
        desk.touch(0, chance.choice(IN))
    leased = [one for one in desk.held if one.until > desk.now]
    assert len({one.decision for one in leased}) == cap
    for one in leased:
        desk.show(one)
    for _ in range(64):
        desk.touch(0, chance.choice(IN))
    desk.pass_time(3 * HOUR)
    assert desk.contacts[0] == cap
    for _ in range(4):
        desk.pass_time(DAY)
    assert desk.contacts[0] == cap
    assert desk.engine.counts["open_decisions"] == 0


def test_a_reservation_that_is_released_makes_room_for_another() -> None:
    desk = Desk(playbook_of(1, 2), 1, 1)
    desk.event(0, 0)
    desk.event(0, 1)
    desk.touch(0, "app", 1)
    first = desk.held[0]
    desk.touch(0, "shop", 1)
    assert desk.held == [first], "the one contact allowed is reserved"
    desk.answer(desk.held.pop(), Outcome.FAILED)
    desk.touch(0, "shop", 3)
    assert [one.touchpoint for one in desk.held] == ["shop"]
    desk.show(desk.held[0])
    assert desk.contacts[0] == 1


def test_more_decisions_than_a_customer_may_have_open_are_refused_and_counted() -> None:
    desk = Desk(playbook_of(1, 60), 1, 1)
    for campaign in range(60):
        desk.event(0, campaign)
    counts = desk.engine.counts
    assert (counts["open_decisions"], counts["open_decisions_refused"]) == (47, 13)
