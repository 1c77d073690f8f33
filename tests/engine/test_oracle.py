"""The engine against the oracle: same facts, same decisions, goals, limits, withheld counts and fates."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from opportune.engine import Engine
from opportune.facts import NO_CAMPAIGN, Outputs, Reason
from tests.engine.oracle import Oracle
from tests.engine.records import Decision, Fact, GoalFact
from tests.engine.worlds import CUSTOMERS_MAX, World, batch_of

SEEDS, DEEP_SEEDS = 100, 4_000


def decisions_of(outputs: Outputs) -> list[Decision]:
    """The engine's decisions as the oracle tells them."""
    return [
        Decision(int(d["seq"]), int(d["now_ms"]), int(d["priority"]), int(d["cost"]), int(d["customer"]), int(d["propensity_ppm"]),
                 int(d["campaign"]), int(d["offer"]), int(d["touchpoint"]), int(d["arm"]), int(d["contact_class"]))
        for d in outputs.decisions
    ]  # fmt: skip


def goals_of(outputs: Outputs) -> list[GoalFact]:
    """The engine's goal facts as the oracle tells them; the order within one input is no promise."""
    return sorted(
        GoalFact(int(g["seq"]), int(g["at_ms"]), int(g["origin_seq"]), int(g["opened_ms"]), int(g["value"]), int(g["customer"]),
                 int(g["campaign"]), int(g["kind"]), int(g["arm"]))
        for g in outputs.goals
    )  # fmt: skip


def withheld_of(outputs: Outputs, names: list[str]) -> Counter[tuple[int, str | None, Reason]]:
    """The engine's withheld counts per hour, campaign and reason."""
    found: Counter[tuple[int, str | None, Reason]] = Counter()
    for row in outputs.withheld:
        name = None if row["campaign"] == NO_CAMPAIGN else names[int(row["campaign"])]
        found[int(row["hour"]), name, Reason(int(row["reason"]))] += int(row["count"])
    return found


def limits_of(outputs: Outputs) -> list[tuple[int, int, int]]:
    """The engine's closings and openings of limits."""
    return sorted((int(row["seq"]), int(row["limit"]), int(row["closed"])) for row in outputs.limits)


def assert_agree(oracle: Oracle, engine: Engine, outputs: Outputs, fates: NDArray[Any] | None = None) -> None:
    """All outputs of the engine equal the oracle's."""
    assert decisions_of(outputs) == oracle.decisions
    assert list(outputs.decisions["number"]) == list(range(len(oracle.decisions)))
    assert goals_of(outputs) == sorted(oracle.goals)
    assert withheld_of(outputs, oracle.names["campaign"]) == oracle.withheld
    assert limits_of(outputs) == sorted(oracle.limits_told)
    assert engine.counts["facts"] == oracle.seq
    if fates is not None:
        told = [(int(f["seq"]), int(f["campaign"]), int(f["reason"])) for f in fates]
        assert told == [tuple(fate) for fate in oracle.fates]


def told(world: World, facts: list[Fact]) -> Oracle:
    """An oracle that has been told the facts."""
    oracle = Oracle(world.dictionary)
    for fact in facts:
        oracle.tell(fact)
    return oracle


def check_seed(seed: int, events: int) -> Counter[int]:
    """One world, traced and not; gives the reasons met."""
    world = World(seed)
    facts = world.stream(events)
    oracle = told(world, facts)
    engine = Engine(customers_max=CUSTOMERS_MAX)
    assert_agree(oracle, engine, engine.process(batch_of(facts)))
    traced = Engine(customers_max=CUSTOMERS_MAX)
    outputs, fates = traced.trace(batch_of(facts))
    assert_agree(oracle, traced, outputs, fates)
    reasons = Counter(fate.reason for fate in oracle.fates)
    reasons.update({1000 + goal.kind: 1 for goal in oracle.goals})
    return reasons


def test_the_engine_does_what_the_oracle_says() -> None:
    reasons: Counter[int] = Counter()
    for seed in range(SEEDS):
        reasons += check_seed(seed, 200)
    met = {Reason(code) for code in reasons if code < 1000}
    # A triggered campaign without a usable touchpoint is refused when it is compiled; the others are met in worlds that wait.
    elsewhere = {Reason.NO_TOUCHPOINT, Reason.SENDING_STOPPED, Reason.OUTSIDE_WORKING_HOURS}
    possible = {reason for reason in Reason if reason < Reason.NOT_TOUCHED} - elsewhere
    assert met == possible, f"the worlds never met {possible - met}"
    assert all(reasons[1000 + kind] for kind in (1, 2, 3)), "some kind of goal fact was never met"


@pytest.mark.deep
@pytest.mark.parametrize("block", range(DEEP_SEEDS // 100))
def test_the_engine_does_what_the_oracle_says_in_thousands_of_worlds(block: int) -> None:
    for seed in range(1_000 + 100 * block, 1_100 + 100 * block):
        check_seed(seed, int(np.random.default_rng(seed).integers(50, 500)))
