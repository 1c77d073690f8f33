"""Who belongs to a control group, and which of several offers: by seeded hash of the customer's random key, never by chance."""

import hashlib
from typing import Any

import numpy as np

from opportune.facts import PPM, compiled_leaf


def seed_of(*words: str) -> int:
    """A 64-bit seed from names, the same on every machine."""
    return int.from_bytes(hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest(), "little")


@compiled_leaf
def mix(seed: Any, key: Any) -> Any:
    """64 well-mixed bits of (seed, key): the finaliser of SplitMix64 (Steele, Lea, Flood 2014) over their sum and product."""
    z = np.uint64(seed) ^ (np.uint64(key) * np.uint64(0x9E3779B97F4A7C15))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled_leaf
def bucket(seed: Any, key: Any) -> int:
    """The customer's place in [0, 1,000,000) for this seed. A share of s ppm is bucket < s, so changing it moves only the boundary."""
    return int(mix(seed, key) % np.uint64(PPM))


@compiled_leaf
def weighted_bucket(seed: Any, key: Any, total: int) -> int:
    """The customer's place in [0, total) for this seed, independent of `bucket`."""
    return int(mix(seed ^ np.uint64(0xD1B54A32D192ED03), key) % np.uint64(total))
