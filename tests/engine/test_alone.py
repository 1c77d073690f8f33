"""One customer replayed alone, with the limits as facts, gets the decisions of the full run."""

import numpy as np
import pytest

from opportune.engine import Engine
from opportune.facts import FactKind, Outputs
from tests.engine.records import Decision, Fact, GoalFact
from tests.engine.test_oracle import decisions_of, goals_of
from tests.engine.test_publish import journaled, published_stream
from tests.engine.worlds import CUSTOMERS_MAX, World, batch_of


def facts_for(customer: int, facts: list[Fact], outputs: Outputs) -> list[Fact]:
    """The customer's own facts, the playbooks, and each limit that closed or opened, in the order in which they took effect.

    A day's openings come before the fact that began the day; closings, and what a playbook changed, come after theirs.
    """
    told: dict[int, list[Fact]] = {}
    before: dict[int, list[Fact]] = {}
    for row in outputs.limits:
        seq, limit, closed = int(row["seq"]), int(row["limit"]), int(row["closed"])
        now = int(row["now_ms"])
        first = not closed and facts[seq].kind is not FactKind.PLAYBOOK
        (before if first else told).setdefault(seq, []).append(Fact(FactKind.LIMIT, limit, None, now, now, (closed,)))
    found: list[Fact] = []
    for seq, fact in enumerate(facts):
        found += before.get(seq, [])
        if fact.customer == customer or fact.kind in (FactKind.PLAYBOOK, FactKind.TICK):
            found.append(fact)
        found += told.get(seq, [])
    return found


def without_seq(rows: list[Decision] | list[GoalFact]) -> list[tuple[int, ...]]:
    """Rows without the numbers of facts, which differ in a replay of fewer facts."""
    return [tuple(v for name, v in row._asdict().items() if name not in ("seq", "origin")) for row in rows]


def check_alone(seed: int, facts: list[Fact], customers: int) -> int:
    """Every customer of a world; gives how many decisions were compared."""
    outputs = Engine(customers_max=CUSTOMERS_MAX).process(batch_of(facts))
    compared = 0
    for customer in range(customers):
        mine = facts_for(customer, facts, outputs)
        engine = Engine(customers_max=CUSTOMERS_MAX)
        engine.replay_alone()
        alone, fates = engine.trace(batch_of(mine))
        decided = [d for d in decisions_of(outputs) if d.customer == customer]
        assert without_seq(decisions_of(alone)) == without_seq(decided)
        goals = [g for g in goals_of(outputs) if g.customer == customer]
        assert sorted(without_seq(goals_of(alone))) == sorted(without_seq(goals))
        assert not len(alone.withheld)
        assert not len(alone.limits)
        assert int(np.isin(fates["reason"], (0, 1, 2)).sum()) == len(decided)
        compared += len(decided)
    return compared


def test_each_customer_alone_decides_as_in_the_full_run() -> None:
    compared = 0
    for seed in range(25):
        world = World(seed)
        compared += check_alone(seed, world.stream(200), world.customers)
    assert compared > 200


def test_each_customer_alone_across_playbooks() -> None:
    compared = 0
    for seed in range(10):
        world = World(seed)
        compared += check_alone(seed, published_stream(world, 2, 80), world.customers)
    assert compared > 100


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(20_000, 20_300))
def test_each_customer_alone_in_many_worlds(seed: int) -> None:
    world = World(seed)
    check_alone(seed, published_stream(world, seed % 3, 150), world.customers)


def test_history_is_told_up_to_the_fact_asked_for() -> None:
    world = World(2)
    batch = batch_of(world.stream(10))
    outputs = Engine(customers_max=CUSTOMERS_MAX).process(batch)
    assert [len(one) for one, _ in journaled([(batch, outputs)])(len(batch))] == [len(batch)]
    with pytest.raises(AssertionError):
        list(journaled([(batch, outputs)])(len(batch) - 1))
