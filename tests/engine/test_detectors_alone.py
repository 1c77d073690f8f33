"""One customer replayed alone is told the same derived events, and they lead to the same decisions and moves."""

import pytest

from opportune.engine import Engine
from tests.engine.detector_worlds import DetectorWorld
from tests.engine.test_alone import without_seq
from tests.engine.test_detectors import derived_of
from tests.engine.test_oracle import decisions_of
from tests.engine.test_waiting import moves_of
from tests.engine.test_waiting_alone import facts_alone, plain
from tests.engine.worlds import CUSTOMERS_MAX, batch_of


def check_detectors_alone(seed: int, events: int, publish: int = 0) -> int:
    """Every customer of a world; gives how many derived events were compared."""
    world = DetectorWorld(seed)
    facts = world.waiting_stream(events, publish)
    outputs = Engine(customers_max=CUSTOMERS_MAX).process(batch_of(facts))
    compared = 0
    for customer in range(world.customers):
        engine = Engine(customers_max=CUSTOMERS_MAX)
        engine.replay_alone()
        alone = engine.process(batch_of(facts_alone(customer, facts, outputs, publish > 0)))
        told = [one[1:] for one in derived_of(outputs) if one.customer == customer]
        assert [one[1:] for one in derived_of(alone)] == told
        numbers = outputs.decisions["number"][outputs.decisions["customer"] == customer].tolist()
        moves = [m for m in moves_of(outputs) if m.customer == customer]
        assert plain(moves_of(alone), alone.decisions["number"].tolist()) == plain(moves, numbers)
        assert without_seq(decisions_of(alone)) == without_seq(
            [d for d in decisions_of(outputs) if d.customer == customer]
        )
        assert not len(alone.limits)
        compared += len(told)
    return compared


def test_each_customer_alone_is_told_what_she_is_told_in_the_full_run() -> None:
    assert sum(check_detectors_alone(seed, 150) for seed in range(80)) > 1_000


def test_each_customer_alone_across_playbooks_with_other_detectors() -> None:
    assert sum(check_detectors_alone(seed, 70, 2) for seed in range(100, 120)) > 200


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(50_000, 50_300))
def test_each_customer_alone_in_many_worlds_with_detectors(seed: int) -> None:
    check_detectors_alone(seed, 150, seed % 3)
