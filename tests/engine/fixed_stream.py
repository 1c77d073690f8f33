"""A fixed set of streams and the hash of all that the engine makes of them; run as a program it prints that hash."""

import hashlib
import sys

import numpy as np

from opportune.engine import Engine
from opportune.facts import Outputs
from tests.engine.detector_worlds import DetectorWorld
from tests.engine.waiting_worlds import WaitingWorld
from tests.engine.worlds import CUSTOMERS_MAX, World, batch_of

_LIMIT = [("seq", "i8"), ("now_ms", "i8"), ("limit", "u4"), ("closed", "u4")]
"""What a limit's fact tells of the world; where in its input it stands is left out."""


def hash_of(outputs: Outputs) -> str:
    """A short hash of every byte of the outputs."""
    digest = hashlib.blake2b(digest_size=16)
    limits = outputs.limits[["seq", "now_ms", "limit", "closed"]].tolist()
    limit_rows = np.array(limits, _LIMIT)
    for array in (outputs.decisions, outputs.goals, outputs.withheld, limit_rows, outputs.moves, outputs.derived):
        digest.update(array.tobytes())
    return digest.hexdigest()


def hash_of_worlds(seeds: range, events: int) -> str:
    """The hash of the outputs of several worlds, each traced once and run once."""
    digest = hashlib.blake2b(digest_size=16)
    for seed in seeds:
        batch = batch_of(World(seed).stream(events))
        digest.update(hash_of(Engine(customers_max=CUSTOMERS_MAX).process(batch)).encode())
        outputs, fates = Engine(customers_max=CUSTOMERS_MAX).trace(batch)
        digest.update(hash_of(outputs).encode() + fates.tobytes())
    return digest.hexdigest()


def hash_of_waiting_worlds(seeds: range, events: int) -> str:
    """The hash of the outputs of several worlds whose decisions wait, and of others with detectors."""
    digest = hashlib.blake2b(digest_size=16)
    for world in (*map(WaitingWorld, seeds), *map(DetectorWorld, seeds)):
        batch = batch_of(world.waiting_stream(events))
        digest.update(hash_of(Engine(customers_max=CUSTOMERS_MAX).process(batch)).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    print(hash_of_worlds(range(int(sys.argv[1])), int(sys.argv[2])))
    print(hash_of_waiting_worlds(range(int(sys.argv[1])), int(sys.argv[2])))
