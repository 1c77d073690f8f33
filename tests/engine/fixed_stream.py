"""A fixed set of streams and the hash of all that the engine makes of them; run as a program it prints that hash."""

import hashlib
import sys

from opportune.engine import Engine
from opportune.facts import Outputs
from tests.engine.worlds import CUSTOMERS_MAX, World, batch_of


def hash_of(outputs: Outputs) -> str:
    """A short hash of every byte of the outputs."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (outputs.decisions, outputs.goals, outputs.withheld, outputs.limits):
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


if __name__ == "__main__":
    print(hash_of_worlds(range(int(sys.argv[1])), int(sys.argv[2])))
