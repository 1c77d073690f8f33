"""Decisions that wait: the engine does what the oracle of waiting decisions says, however facts are batched, saved and replayed."""

from collections import Counter

import numpy as np
import pytest

from opportune.engine import Engine
from opportune.facts import MoveKind, Outputs, Reason
from tests.engine.records import Move
from tests.engine.test_batches import check_cut_anywhere, check_saved_and_loaded
from tests.engine.test_oracle import assert_agree
from tests.engine.test_publish import run_in_pieces
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import CUSTOMERS_MAX, batch_of, pieces

SEEDS, DEEP_SEEDS = 150, 4_000


def moves_of(outputs: Outputs) -> list[Move]:
    """The engine's moves as the oracle tells them."""
    return [
        Move(int(m["seq"]), int(m["now_ms"]), int(m["decision"]), int(m["decided_seq"]), int(m["until_ms"]), int(m["cost"]),
             int(m["customer"]), int(m["campaign"]), int(m["offer"]), int(m["touchpoint"]), int(m["reason"]), int(m["kind"]),
             int(m["contact_class"]))
        for m in outputs.moves
    ]  # fmt: skip


def check_waiting(seed: int, events: int, publish: int = 0) -> Counter[tuple[str, int]]:
    """One world, traced and not; gives the kinds and reasons of moves met."""
    world = WaitingWorld(seed)
    batch = batch_of(world.waiting_stream(events, publish))
    if publish:
        cuts = np.random.default_rng(seed).integers(1, len(batch), 6).tolist()
        engine, outputs = run_in_pieces(pieces(batch, cuts))
    else:
        engine = Engine(customers_max=CUSTOMERS_MAX)
        outputs, fates = engine.trace(batch)
        told = [(int(f["seq"]), int(f["campaign"]), int(f["reason"])) for f in fates]
        assert told == [tuple(fate) for fate in world.oracle.fates]
    assert moves_of(outputs) == world.oracle.moves
    assert_agree(world.oracle, engine, outputs)
    assert engine.counts["open_decisions"] == len(world.oracle.open)
    met = Counter(("move", move.kind) for move in world.oracle.moves)
    met.update(("reason", move.reason) for move in world.oracle.moves)
    met.update(("reason", reason) for reason in world.oracle.refused)
    met.update(("withheld", reason) for _, _, reason in world.oracle.withheld)
    return met


def test_the_engine_does_what_the_oracle_of_waiting_says() -> None:
    met: Counter[tuple[str, int]] = Counter()
    for seed in range(SEEDS):
        met += check_waiting(seed, 200)
    assert {kind for family, kind in met if family == "move"} == set(MoveKind)
    told = {Reason(code) for family, code in met if family == "reason"}
    why = {Reason.NOT_TOUCHED, Reason.LEASE_OVER, Reason.DELIVERY_FAILED, Reason.GOAL_REACHED, Reason.PRESENTED_LATE,
           Reason.CAMPAIGN_ENDED, Reason.SENDING_STOPPED, Reason.OUTSIDE_WORKING_HOURS, Reason.QUIET_HOURS,
           Reason.NOT_IN_AUDIENCE, Reason.CONSENT_WITHDRAWN, Reason.DO_NOT_DISTURB, Reason.CAP_CHANNEL, Reason.CAPACITY,
           Reason.OUT_OF_STOCK, Reason.CAP_CUSTOMER, Reason.CAP_CATEGORY}  # fmt: skip
    assert why <= told, f"nothing ever met {why - told}"
    assert ("withheld", Reason.SENDING_STOPPED) in met
    assert ("withheld", Reason.OUTSIDE_WORKING_HOURS) in met


def test_playbooks_change_while_decisions_wait() -> None:
    for seed in range(30):
        check_waiting(seed, 70, 1 + seed % 2)


def test_a_policy_that_first_names_a_time_zone_counts_local_hours_anew() -> None:
    check_waiting(4_349, 229, 2)


@pytest.mark.deep
@pytest.mark.parametrize("block", range(DEEP_SEEDS // 100))
def test_thousands_of_waiting_worlds(block: int) -> None:
    for seed in range(1_000 + 100 * block, 1_100 + 100 * block):
        check_waiting(seed, int(np.random.default_rng(seed).integers(50, 400)), seed % 3)


@pytest.mark.parametrize("seed", range(10))
def test_batches_of_any_size_give_the_same_moves(seed: int) -> None:
    check_cut_anywhere(batch_of(WaitingWorld(seed).waiting_stream(250)), (1, 7, 64), [seed])


@pytest.mark.parametrize("seed", range(10))
def test_open_decisions_are_saved_and_loaded(seed: int) -> None:
    world = WaitingWorld(seed)
    check_saved_and_loaded(batch_of(world.waiting_stream(200)), world.playbook, seed)
