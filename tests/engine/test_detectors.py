"""Detectors: the engine tells the derived events that the oracle tells, however facts are batched, saved and replayed."""

from collections import Counter

import numpy as np
import pytest

from opportune.engine import Engine
from opportune.facts import Outputs
from tests.engine.detector_oracle import Derived
from tests.engine.detector_worlds import DetectorWorld
from tests.engine.test_batches import check_cut_anywhere, check_saved_and_loaded
from tests.engine.test_oracle import assert_agree
from tests.engine.test_publish import run_in_pieces
from tests.engine.test_waiting import moves_of
from tests.engine.worlds import CUSTOMERS_MAX, batch_of, pieces

SEEDS, DEEP_SEEDS = 120, 4_000


def derived_of(outputs: Outputs) -> list[Derived]:
    """The engine's derived events as the oracle tells them."""
    return [
        Derived(int(d["seq"]), int(d["at_ms"]), int(d["now_ms"]), int(d["customer"]), int(d["event"]), tuple(d["values"].tolist()))
        for d in outputs.derived
    ]  # fmt: skip


def check_detectors(seed: int, events: int) -> Counter[str]:
    """One world, traced and not; gives the forms of detectors whose events were told, and how deep they stood."""
    world = DetectorWorld(seed)
    batch = batch_of(world.waiting_stream(events))
    engine = Engine(customers_max=CUSTOMERS_MAX)
    outputs, fates = engine.trace(batch)
    oracle = world.oracle
    assert derived_of(outputs) == oracle.derived
    assert moves_of(outputs) == oracle.moves
    assert_agree(oracle, engine, outputs, fates)
    assert engine.counts["detections_waiting"] == sum(len(memory.waits) for memory in oracle.memories.values())
    assert engine.counts["detections_refused"] == oracle.refused_waits
    assert engine.counts["late_for_detectors"] == oracle.late
    met: Counter[str] = Counter()
    names = oracle.names["event"]
    for one in oracle.derived:
        when = world.playbook.definitions.detectors[names[one.event]].when
        met[when.form] += 1
        met[f"{when.form} {'then' if when.then else 'leaves' if when.leaves else 'keyed' if when.key else ''}"] += 1
        met[f"depth {world.playbook.vocabulary.depths[names[one.event]]}"] += 1
    derived_numbers = {names.index(name) for name in world.playbook.definitions.detectors}
    campaigns = world.playbook.definitions.campaigns
    for decision in oracle.decisions:
        trigger = campaigns[oracle.names["campaign"][decision.campaign]].trigger
        met["decisions"] += trigger is not None and names.index(trigger.event) in derived_numbers
    return met


def test_the_engine_tells_what_the_oracle_of_detectors_tells() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS):
        met += check_detectors(seed, 150)
    forms = {"sequence", "silence", "crossing", "rule", "area", "date"}
    kinds = {"sequence then", "sequence keyed", "rule leaves", "area leaves", "depth 1", "depth 2", "decisions"}
    assert met.keys() >= forms | kinds, f"never met: {(forms | kinds) - met.keys()}"


@pytest.mark.deep
@pytest.mark.parametrize("block", range(DEEP_SEEDS // 100))
def test_the_engine_tells_what_the_oracle_tells_in_thousands_of_worlds(block: int) -> None:
    for seed in range(30_000 + 100 * block, 30_100 + 100 * block):
        check_detectors(seed, int(np.random.default_rng(seed).integers(50, 400)))


@pytest.mark.parametrize("seed", range(10))
def test_batches_of_any_size_tell_the_same(seed: int) -> None:
    check_cut_anywhere(batch_of(DetectorWorld(seed).waiting_stream(200)), (1, 7, 64, 64_000), range(2))


@pytest.mark.parametrize("seed", range(10))
def test_saved_and_loaded_anywhere_goes_on_as_if_nothing_happened(seed: int) -> None:
    world = DetectorWorld(seed)
    check_saved_and_loaded(batch_of(world.waiting_stream(150)), world.playbook, seed)


def by_customer(derived: list[Derived]) -> list[Derived]:
    """In an order in which customers do not depend on each other; each one's own stays."""
    return sorted(derived, key=lambda one: (one.seq, one.customer))


def check_publishing(seed: int, events: int) -> int:
    """One world with changes of playbook, in one batch and in pieces; gives how much was told."""
    world = DetectorWorld(seed)
    facts = world.waiting_stream(events, 1 + seed % 3)
    batch = batch_of(facts)
    engine, outputs = run_in_pieces([batch])
    assert by_customer(derived_of(outputs)) == by_customer(world.oracle.derived)
    waiting = sum(len(memory.waits) for memory in world.oracle.memories.values())
    assert engine.counts["detections_waiting"] == waiting
    cuts = sorted(np.random.default_rng(seed).integers(1, len(batch), 6).tolist())
    _, split = run_in_pieces(pieces(batch, cuts))
    assert derived_of(split) == derived_of(outputs)
    return len(outputs.derived)


def test_a_new_detector_is_as_if_it_had_always_been_there() -> None:
    assert sum(check_publishing(seed, 70) for seed in range(40)) > 600


@pytest.mark.deep
@pytest.mark.parametrize("block", range(20))
def test_publishing_detectors_in_thousands_of_worlds(block: int) -> None:
    for seed in range(40_000 + 50 * block, 40_050 + 50 * block):
        check_publishing(seed, 40 + seed % 120)
