"""The pool of goal instances and its minute wheel: bounds, reuse of places, and jumps longer than the wheel."""

import numpy as np

from opportune.campaigns import INSTANCES_PER_CUSTOMER_MAX, WHEEL_SLOTS, CampaignDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import NULL, EventDefinition, FactKind, GoalKind
from tests.engine.records import DAY, MINUTE, Fact
from tests.engine.worlds import CUSTOMERS_MAX, START, batch_of, define


def watched(within: str, customers: int = 1, **goal: object) -> tuple[Playbook, list[Fact]]:
    """A playbook with one tracked goal, and its customers."""
    fields = {"event": "buy", "within": within, **goal}
    properties = {"amount": {"type": "int"}}
    definitions = DefinitionSet(
        events={
            "buy": define(EventDefinition, event="buy", properties=properties),
            "back": define(EventDefinition, event="back"),
        },
        touchpoints={"sms": define(TouchpointDefinition, touchpoint="sms", direction="out")},
        campaigns={"c": define(CampaignDefinition, campaign="c", goal=fields)},
    )
    playbook = Playbook(definitions)
    facts = [Fact(FactKind.PLAYBOOK, 0, None, START, START, (), playbook)]
    return playbook, facts + [Fact(FactKind.CUSTOMER, 0, c, START, START, (c,)) for c in range(customers)]


def contact(at: int, now: int | None = None, customer: int = 0) -> Fact:
    """A contact that opens the goal."""
    return Fact(FactKind.CONTACT, 0, customer, at, at if now is None else now, (0, NULL))


def tick(now: int) -> Fact:
    """Time passes."""
    return Fact(FactKind.TICK, 0, None, now, now)


def event(playbook: Playbook, name: str, at: int, now: int | None = None, value: int = NULL) -> Fact:
    """One event of customer 0."""
    number = playbook.catalogue.events[name].number
    return Fact(FactKind.EVENT, number, 0, at, at if now is None else now, (value,) if name == "buy" else ())


def goals(facts: list[Fact]) -> list[tuple[int, int, int]]:
    """(kind, at, opened) of every goal fact."""
    told = Engine(customers_max=CUSTOMERS_MAX).process(batch_of(facts)).goals
    return [(int(g["kind"]), int(g["at_ms"]) - START, int(g["opened_ms"]) - START) for g in told]


def test_more_instances_than_a_customer_may_have_are_refused_and_counted() -> None:
    _, facts = watched("1h", customers=2)
    facts += [contact(START + i) for i in range(INSTANCES_PER_CUSTOMER_MAX + 44)] + [contact(START, customer=1)]
    engine = Engine(customers_max=CUSTOMERS_MAX)
    outputs = engine.process(batch_of([*facts, tick(START + DAY)]))
    assert engine.counts["goal_instances_refused"] == 44
    assert np.bincount(outputs.goals["customer"]).tolist() == [INSTANCES_PER_CUSTOMER_MAX, 1]


def test_a_playbook_without_campaigns_only_folds() -> None:
    playbook = Playbook(DefinitionSet(events={"back": define(EventDefinition, event="back")}))
    facts = [
        Fact(FactKind.PLAYBOOK, 0, None, START, START, (), playbook),
        Fact(FactKind.CUSTOMER, 0, 0, START, START, (0,)),
    ]
    engine = Engine(customers_max=CUSTOMERS_MAX)
    outputs = engine.process(batch_of([*facts, event(playbook, "back", START)]))
    assert engine.counts["facts"] == 3
    assert not outputs.to_arrays()


def test_places_are_used_again() -> None:
    _, facts = watched("10m")
    engine = Engine(customers_max=CUSTOMERS_MAX)
    engine.process(batch_of(facts))
    for i in range(500):
        now = START + i * 20 * MINUTE
        engine.process(batch_of([contact(now), contact(now + 1)]))
    assert len(engine.to_arrays()["instances"]) <= 4, "an ended instance's place was not given back"


def test_deadlines_around_the_length_of_the_wheel() -> None:
    for minutes in (1, WHEEL_SLOTS - 1, WHEEL_SLOTS, WHEEL_SLOTS + 1, 3 * WHEEL_SLOTS + 5):
        for jumps in (1, 2, 7):
            _, facts = watched(f"{minutes}m")
            end = START + (minutes + 1) * MINUTE
            wait = end - 2 * MINUTE - START
            early = [contact(START), *(tick(START + wait * i // jumps) for i in range(1, jumps + 1))]
            assert goals([*facts, *early]) == []
            assert goals([*facts, *early, tick(end)]) == [(GoalKind.LAPSED, minutes * MINUTE, 0)]


def test_a_jump_of_years_lapses_everything_once() -> None:
    for minutes in (1, 70_000, 500_000):
        _, facts = watched(f"{minutes}m")
        found = goals([*facts, contact(START), tick(START + 3_000 * DAY), tick(START + 6_000 * DAY)])
        assert found == [(GoalKind.LAPSED, minutes * MINUTE, 0)]


def test_an_instance_opened_too_late_still_lapses() -> None:
    _, facts = watched("10m")
    facts += [tick(START + DAY), contact(START, START + DAY)]
    assert goals(facts) == []
    assert goals([*facts, tick(START + DAY + MINUTE)]) == [(GoalKind.LAPSED, 10 * MINUTE, 0)]


def test_both_ends_of_the_window_count() -> None:
    playbook, facts = watched("10m")
    facts.append(contact(START + 1_000))
    for offset, reached in ((999, False), (1_000, True), (10 * MINUTE + 1_000, True), (10 * MINUTE + 1_001, False)):
        found = goals([*facts, event(playbook, "buy", START + offset, START + 10 * MINUTE + 1_001)])
        assert found == ([(GoalKind.REACHED, offset, 1_000)] if reached else [])


def test_a_regret_is_one_after_the_goal_was_reached() -> None:
    playbook, facts = watched("1h", regret={"event": "back", "within": "5m"})
    facts += [contact(START), event(playbook, "buy", START + 30 * MINUTE)]
    for minute, regretted in ((29, False), (30, True), (35, True), (36, False)):
        found = goals([*facts, event(playbook, "back", START + minute * MINUTE, START + 36 * MINUTE)])
        assert (GoalKind.REGRETTED in [kind for kind, _, _ in found]) == regretted, minute


def test_a_running_total_cannot_wrap_round() -> None:
    playbook, facts = watched("1h", reach="sum(event.amount) >= 100")
    most = 2**63 - 1
    amounts = [-most, -most, most, most, most]
    facts.append(contact(START))
    facts += [event(playbook, "buy", START + i, value=amount) for i, amount in enumerate(amounts)]
    assert goals(facts) == [(GoalKind.REACHED, 3, 0)]
