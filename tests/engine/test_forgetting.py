"""A customer is forgotten in the middle of waits, leases, goals and detectors: her row is nobody's, what was spent stays spent, others go on."""

import random
from collections import Counter

import numpy as np
import pytest

from opportune.engine import Engine
from opportune.facts import FactKind, MoveKind, Outputs, Reason
from tests.engine.detector_worlds import DetectorWorld
from tests.engine.records import Fact
from tests.engine.test_batches import check_cut_anywhere, check_saved_and_loaded, run
from tests.engine.test_publish import run_in_pieces
from tests.engine.test_waiting import moves_of
from tests.engine.test_waiting_alone import facts_alone, plain
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import CUSTOMERS_MAX, batch_of, pieces

WORLDS = [WaitingWorld, DetectorWorld]
OF_NOBODY = (FactKind.RECEIPT, FactKind.TOUCH, FactKind.CONSENT, FactKind.DO_NOT_DISTURB, FactKind.RESPONSE)
"""What is still said of a number when its customer is forgotten."""
HELD = (MoveKind.LEASED, MoveKind.PUSHED)
ENDS = (MoveKind.RELEASED, MoveKind.PRESENTED, MoveKind.UNKNOWN)


def forgetful(
    kind: type[WaitingWorld], seed: int, events: int = 200, publish: int = 0
) -> tuple[WaitingWorld, list[Fact], int, int]:
    """A world in which one customer is forgotten on the way: (world, facts, who, at which fact)."""
    world = kind(seed)
    facts = world.waiting_stream(events, publish)
    chance = random.Random(seed)
    her = chance.randrange(world.customers)
    born = next(at for at, fact in enumerate(facts) if fact.kind is FactKind.CUSTOMER and fact.customer == her)
    at = chance.randrange(max(born + 1, len(facts) // 3), len(facts))
    rest = [fact for fact in facts[at:] if fact.customer != her or fact.kind in OF_NOBODY]
    forgotten = Fact(FactKind.FORGOTTEN, 0, her, facts[at - 1].now, facts[at - 1].now)
    return world, [*facts[:at], forgotten, *rest], her, at


def check_forgotten(engine: Engine, outputs: Outputs, her: int, at: int) -> Counter[str]:
    """Nothing is known of her, nothing of hers is open or happens later; gives what was met."""
    memory, met = engine.memory, Counter[str]()
    size = engine.playbook.layout.record_bytes
    template = engine.playbook.plan.profiles.template.view(np.uint8)
    np.testing.assert_array_equal(memory.arrays["records"][her * size : (her + 1) * size], template)
    for name in ("keys", "ledger", "heads", "open_heads", "pending_heads", "looks"):
        assert not np.any(memory.arrays[name][her]), name
    assert engine.forgotten(0, engine.customers).tolist() == [her]
    for name in ("decisions", "moves", "goals", "derived"):
        rows = getattr(outputs, name)
        hers = rows[rows["customer"] == her]
        assert not len(hers) or hers["seq"].max() <= at, name
    moves = outputs.moves[outputs.moves["customer"] == her]
    for decision in np.unique(moves["decision"]).tolist():
        told = moves[moves["decision"] == decision]
        assert told["kind"][-1] in (*ENDS, MoveKind.WITHDRAWN, MoveKind.CLOSED)
        held, ended = np.flatnonzero(np.isin(told["kind"], HELD)), np.flatnonzero(np.isin(told["kind"], ENDS))
        assert not len(held) or ended[-1:] > held[-1]  # what was reserved has its end
    last = moves[(moves["seq"] == at) & (moves["reason"] == Reason.FORGOTTEN)]
    met.update(MoveKind(kind).name for kind in last["kind"].tolist())
    return met


@pytest.mark.parametrize("kind", WORLDS)
def test_nothing_is_known_of_her_and_nothing_of_hers_goes_on(kind: type[WaitingWorld]) -> None:
    met: Counter[str] = Counter()
    for seed in range(120):
        _, facts, her, at = forgetful(kind, seed)
        engine = Engine(customers_max=CUSTOMERS_MAX)
        met += check_forgotten(engine, engine.process(batch_of(facts)), her, at)
    assert {"WITHDRAWN", "RELEASED", "UNKNOWN"} <= met.keys(), met


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("seed", range(8))
def test_batches_of_any_size_give_the_same(kind: type[WaitingWorld], seed: int) -> None:
    _, facts, _, _ = forgetful(kind, seed)
    check_cut_anywhere(batch_of(facts), (1, 7, 64), [seed])


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("seed", range(8))
def test_it_is_saved_and_loaded(kind: type[WaitingWorld], seed: int) -> None:
    world, facts, _, _ = forgetful(kind, seed)
    check_saved_and_loaded(batch_of(facts), world.playbook, seed)


@pytest.mark.parametrize("kind", WORLDS)
def test_a_playbook_published_later_builds_nothing_of_her(kind: type[WaitingWorld]) -> None:
    for seed in range(25):
        _, facts, her, at = forgetful(kind, seed, 70, 1 + seed % 2)
        batch = batch_of(facts)
        cuts = np.random.default_rng(seed).integers(1, len(batch), 6).tolist()
        engine, outputs = run_in_pieces(pieces(batch, cuts))
        check_forgotten(engine, outputs, her, at)


@pytest.mark.parametrize("kind", WORLDS)
def test_forgetting_twice_is_forgetting_once(kind: type[WaitingWorld]) -> None:
    for seed in range(20):
        _, facts, her, at = forgetful(kind, seed)
        again = [
            *facts[: at + 1],
            Fact(FactKind.FORGOTTEN, 1, her, facts[at].now, facts[at].now, (3,)),
            *facts[at + 1 :],
        ]
        once, twice = run([batch_of(facts)]), run([batch_of(again)])
        for name in ("decisions", "moves", "goals", "derived"):
            assert len(getattr(once, name)) == len(getattr(twice, name)), name


def test_what_others_may_still_use_is_what_was_not_spent() -> None:
    """Units left = most - spent by contacts that count - held: told by limits, whatever was forgotten."""
    for seed in range(60):
        _, facts, her, at = forgetful(WaitingWorld, seed)
        before, after = Engine(customers_max=CUSTOMERS_MAX), Engine(customers_max=CUSTOMERS_MAX)
        before.process(batch_of(facts[:at]))
        outputs = after.process(batch_of(facts[: at + 1]))
        pool, index = before.memory.arrays["open_pool"], int(before.memory.arrays["open_heads"][her])
        freed: Counter[int] = Counter()
        limits = before.playbook.plan.campaigns.limits
        released = {int(m["decision"]) for m in outputs.moves if m["seq"] == at and m["kind"] == MoveKind.RELEASED}
        while index:
            record = pool[index]
            if int(record["number"]) in released:
                for held, units in (("stock", 1), ("capacity", 1), ("contacts", 1), ("money", int(record["cost"]))):
                    same_day = record["day"] == before.memory.clock.limits_day
                    if record[held] >= 0 and (same_day or not limits["per_day"][record[held]]):
                        freed[int(record[held])] += units
            index = int(record["next"])
        left = before.memory.arrays["limits"][:, 0].copy()
        for limit, units in freed.items():
            left[limit] = min(left[limit] + units, limits["most"][limit])
        np.testing.assert_array_equal(after.memory.arrays["limits"][:, 0], left)


def test_each_customer_alone_moves_as_in_the_full_run_and_she_until_she_was_forgotten() -> None:
    compared = 0
    for seed in range(40):
        world, facts, _, _ = forgetful(WaitingWorld, seed)
        outputs = Engine(customers_max=CUSTOMERS_MAX).process(batch_of(facts))
        for customer in range(world.customers):
            engine = Engine(customers_max=CUSTOMERS_MAX)
            engine.replay_alone()
            alone = engine.process(batch_of(facts_alone(customer, facts, outputs)))
            numbers = outputs.decisions["number"][outputs.decisions["customer"] == customer].tolist()
            moves = [move for move in moves_of(outputs) if move.customer == customer]
            assert plain(moves_of(alone), alone.decisions["number"].tolist()) == plain(moves, numbers)
            compared += len(moves)
    assert compared > 500
