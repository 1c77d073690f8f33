"""Chance as a hash: the same seed and the same question always give the same answer, whatever else was asked before."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint64]
Units = NDArray[np.float64]

_MASK = 2**64 - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _mix_one(x: int) -> int:
    x = (x + _STEP) & _MASK
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return x ^ (x >> 31)


def mix(x: Bits) -> Bits:
    """A well-mixed 64-bit word per word (the finaliser of splitmix64)."""
    x = x + np.uint64(_STEP)
    x ^= x >> np.uint64(30)
    x *= np.uint64(_FIRST)
    x ^= x >> np.uint64(27)
    x *= np.uint64(_SECOND)
    x ^= x >> np.uint64(31)
    return x


class Chance:
    """Draws of one world. A `stream` names the question, `keys` what it is asked about (integers or one array of them)."""

    def __init__(self, seed: int) -> None:
        self._seed = _mix_one(seed & _MASK)

    def bits(self, stream: int, of: NDArray[Any], *keys: int) -> Bits:
        """One 64-bit word per element of `of` (integers)."""
        state = _mix_one(self._seed ^ stream)
        for key in keys:
            state = _mix_one(state ^ (key & _MASK))
        return mix((of.astype(np.uint64) * np.uint64(_STEP)) ^ np.uint64(state))

    def units(self, stream: int, of: NDArray[Any], *keys: int) -> Units:
        """One number in [0, 1) per element of `of`."""
        return unit(self.bits(stream, of, *keys))


def unit(bits: Bits) -> Units:
    """Words as numbers in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(bits: Bits, count: int, shift: int = 0) -> NDArray[np.int64]:
    """Words as numbers 0 .. count-1; `shift` chooses other bits of the same word (count up to 65,536)."""
    return (((bits >> np.uint64(shift)) & np.uint64(0xFFFF)) * np.uint64(count) >> np.uint64(16)).astype(np.int64)
