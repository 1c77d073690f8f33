"""One customer replayed alone, with the limits as facts, gets the moves of the full run: waits, leases and receipts included."""

import numpy as np
import pytest

from opportune.engine import Engine
from opportune.facts import NOBODY, FactKind, Outputs, owners_of_marks
from tests.engine.records import MINUTE, Fact, Move
from tests.engine.test_alone import without_seq
from tests.engine.test_oracle import decisions_of
from tests.engine.test_waiting import moves_of
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import CUSTOMERS_MAX, batch_of

FOR_ALL = (FactKind.PLAYBOOK, FactKind.TICK, FactKind.SENDING)


def facts_alone(customer: int, facts: list[Fact], outputs: Outputs, every_minute: bool = False) -> list[Fact]:
    """The customer's own facts; time where another's fact ended a deadline of hers; and each limit at its place among her marks.

    With `every_minute` time passes as it did: a detector that is published later would have noticed then.
    """
    minute = 0
    numbers = outputs.decisions["number"][outputs.decisions["customer"] == customer].tolist()
    found: list[Fact] = []
    for seq, fact in enumerate(facts):
        rows = [table[table["seq"] == seq] for table in (outputs.moves, outputs.derived)]
        hers = np.concatenate([one["customer"] for one in rows]) == customer
        own = fact.customer == customer or fact.kind in FOR_ALL
        entered = every_minute and fact.kind is not FactKind.PLAYBOOK and fact.now // MINUTE > minute
        minute = fact.now // MINUTE if entered else minute
        limits = []
        for row in outputs.limits[outputs.limits["seq"] == seq]:
            about = NOBODY if fact.customer is None else fact.customer
            after = owners_of_marks(outputs, seq, about)[: int(row["marks"])].count(customer)
            values = (int(row["closed"]), after if own or hers.any() or entered else 0)
            limits.append(Fact(FactKind.LIMIT, int(row["limit"]), None, 0, 0, values))
        if fact.kind is not FactKind.PLAYBOOK:
            found += limits
        if fact.kind is FactKind.RECEIPT and own:
            number = fact.values[0]
            known = numbers.index(number) if number in numbers else -1
            fact = fact._replace(values=(known, *fact.values[1:]))
        if own:
            found.append(fact)
        elif hers.any() or entered:
            found.append(Fact(FactKind.TICK, 0, None, fact.now, fact.now))
        if fact.kind is FactKind.PLAYBOOK:
            found += [told._replace(values=(told.values[0], 0)) for told in limits]
    return found


def plain(moves: list[Move], numbers: list[int]) -> list[tuple[int, ...]]:
    """Moves without the numbers of facts, their decisions counted from 0."""
    return [
        (numbers.index(move.decision), *(v for name, v in move._asdict().items() if name not in ("seq", "decided_seq", "decision")))
        for move in moves
    ]  # fmt: skip


def check_waiting_alone(seed: int, events: int, publish: int = 0) -> int:
    """Every customer of a world; gives how many moves were compared."""
    world = WaitingWorld(seed)
    facts = world.waiting_stream(events, publish)
    outputs = Engine(customers_max=CUSTOMERS_MAX).process(batch_of(facts))
    compared = 0
    for customer in range(world.customers):
        engine = Engine(customers_max=CUSTOMERS_MAX)
        engine.replay_alone()
        alone = engine.process(batch_of(facts_alone(customer, facts, outputs)))
        decided = [d for d in decisions_of(outputs) if d.customer == customer]
        numbers = outputs.decisions["number"][outputs.decisions["customer"] == customer].tolist()
        moves = [m for m in moves_of(outputs) if m.customer == customer]
        assert plain(moves_of(alone), alone.decisions["number"].tolist()) == plain(moves, numbers)
        assert without_seq(decisions_of(alone)) == without_seq(decided)
        assert not len(alone.limits)
        compared += len(moves)
    return compared


def test_each_customer_alone_moves_as_in_the_full_run() -> None:
    assert sum(check_waiting_alone(seed, 200) for seed in range(60)) > 1_000


def test_each_customer_alone_waits_across_playbooks() -> None:
    assert sum(check_waiting_alone(seed, 80, 2) for seed in range(100, 115)) > 100


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(30_000, 30_300))
def test_each_customer_alone_in_many_waiting_worlds(seed: int) -> None:
    check_waiting_alone(seed, 200, seed % 3)
