"""Merges and partings amid all that may be open: touchpoints that ask, deadlines, goals, detectors, changes of playbook."""

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from opportune.engine import Engine, members_of
from opportune.facts import BatchBuilder, FactBatch, FactKind, MoveKind, Outputs, Reason
from tests.engine.detector_worlds import DetectorWorld
from tests.engine.fixed_stream import hash_of
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import CUSTOMERS_MAX, batch_of, pieces

CUSTOMERS = 6


def joined(world: WaitingWorld, seed: int, publish: int = 0) -> FactBatch:
    """The world's facts, and now and then two of its customers are one, or one is parted."""
    r = np.random.default_rng(seed)
    world.customers = CUSTOMERS
    facts = batch_of(world.waiting_stream(250, publish))
    created = np.flatnonzero(facts.kind == FactKind.CUSTOMER)
    many, first = len(created), int(created[-1]) + 1
    builder = BatchBuilder()
    builder.texts, builder.bodies = facts.texts, list(facts.bodies)
    places = set(r.integers(first, len(facts), 12).tolist())
    for at in range(len(facts)):
        if at in places and many > 1:
            one, other = (int(number) for number in r.choice(many, 2, replace=False))
            now = int(facts.now_ms[at - 1])
            if r.random() < 0.65:
                builder.add(FactKind.MERGED, 0, one, now, now, (other,))
            else:
                builder.add_body(FactKind.UNMERGED, msgspec.json.encode([one, other]), now, now, one)
        values = facts.values[facts.first[at] : facts.first[at + 1]].tolist()
        builder.add(
            int(facts.kind[at]), int(facts.code[at]), int(facts.customer[at]), int(facts.at_ms[at]), int(facts.now_ms[at]), values
        )  # fmt: skip
    return builder.build()


class Run:
    """An engine that can look back."""

    def __init__(self) -> None:
        self.done: list[tuple[FactBatch, Outputs]] = []
        self.engine = Engine(customers_max=CUSTOMERS_MAX, history=lambda _: iter(list(self.done)))

    def process(self, batches: list[FactBatch]) -> Outputs:
        for batch in batches:
            self.done.append((batch, self.engine.process(batch)))
        return Outputs.concatenate([outputs for _, outputs in self.done])

    def state(self) -> dict[str, bytes]:
        return {name: array.tobytes() for name, array in self.engine.to_arrays().items()}


def listed(engine: Engine, heads: str, pool: str, column: int | None = None) -> Iterator[tuple[int, int]]:
    """(row, place) of everything in a pool's lists."""
    arrays = engine.memory.arrays
    for row in range(engine.customers):
        at = int(arrays[heads][row] if column is None else arrays[heads][row, column])
        while at:
            yield row, at
            at = int(arrays[pool]["next"][at])


def check_sound(engine: Engine) -> None:
    """Every list holds its customer's, as many as are counted; who was absorbed has nothing."""
    arrays = engine.memory.arrays
    for heads, pool, column, many in (
        ("open_heads", "open_pool", None, int(engine.memory.open.many)),
        ("pending_heads", "pending", None, int(engine.memory.detections.many)),
        ("heads", "instances", 1, None),
    ):
        found = list(listed(engine, heads, pool, column))
        assert all(int(arrays[pool]["customer"][at]) == row for row, at in found)
        assert len(found) == len({at for _, at in found})
        assert many is None or len(found) == many
        for row, _ in found:
            assert members_of(arrays["merged"], row)[0] == row
    for row in range(engine.customers):
        if members_of(arrays["merged"], row)[0] != row:
            assert not arrays["ledger"][row].any()


@pytest.mark.parametrize("kind", [WaitingWorld, DetectorWorld])
@pytest.mark.parametrize("seed", range(25))
def test_however_it_is_cut_the_same_follows(kind: type[WaitingWorld], seed: int) -> None:
    batch = joined(kind(seed), seed, publish=seed % 2)
    whole = Run()
    expected, state = hash_of(whole.process([batch])), whole.state()
    check_sound(whole.engine)
    r = np.random.default_rng(seed)
    for cuts in (list(range(1, len(batch))), list(range(7, len(batch), 7)), r.integers(1, len(batch), 20).tolist()):
        run = Run()
        assert hash_of(run.process(pieces(batch, cuts))) == expected
        assert run.state() == state


def test_they_meet_what_is_open() -> None:
    """The worlds are worth something: decisions of merged customers are shown, and some are withdrawn for being one too many."""
    moves = 0
    reasons: set[int] = set()
    for seed in range(40):
        run = Run()
        outputs = run.process([joined(WaitingWorld(seed), seed)])
        reasons |= set(outputs.moves["reason"].tolist())
        groups = {tuple(members_of(run.engine.memory.arrays["merged"], row)) for row in range(run.engine.customers)}
        roots = [group[0] for group in groups if len(group) > 1]
        shown = outputs.moves[outputs.moves["kind"] == MoveKind.PRESENTED]
        moves += int(np.isin(shown["customer"], roots).sum())
    assert moves > 20
    assert int(Reason.MERGED) in reasons
