"""A customer read out of the journal and replayed alone waits, is leased, sent to and answered for as she was among all others."""

from pathlib import Path

import numpy as np

from opportune.engine import Engine
from opportune.journal import Group, Journal
from opportune.operations.folder_key import KEY_FILE
from opportune.operations.one_customer import OneCustomer, read_trail, same_decisions
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import CUSTOMERS_MAX, batch_of, pieces


def journaled_world(folder: Path, seed: int) -> int:
    """Write a world's facts, and what the engine made of them, as a data folder's journal; gives its customers."""
    world = WaitingWorld(seed)
    batch = batch_of(world.waiting_stream(150))
    engine = Engine(customers_max=CUSTOMERS_MAX)
    folder.mkdir()
    (folder / KEY_FILE).write_bytes(b"of no use here")
    (folder / "journal").mkdir()
    with Journal.open(folder / "journal") as journal:
        for part in pieces(batch, list(range(40, len(batch), 40))):
            first = engine.next_seq
            arrays = part.to_arrays() | engine.process(part).to_arrays()
            journal.append(Group(first, len(part), 0, arrays)).wait(60)
    return world.customers


def test_every_customer_of_a_waiting_world_is_replayed_from_the_journal(tmp_path: Path) -> None:
    moved = 0
    for seed in range(24):
        folder = tmp_path / str(seed)
        for customer in range(journaled_world(folder, seed)):
            trail = read_trail(folder, customer)
            alone = OneCustomer(trail)
            alone.play(trail.end_seq)
            made = np.concatenate([np.empty(0, trail.decisions.dtype), *alone.decisions])
            assert same_decisions(made, trail.decisions)
            assert sorted({int(seq) for moves in alone.moves for seq in moves["seq"]}) == sorted(trail.moved)
            moved += sum(map(len, alone.moves))
    assert moved > 100
