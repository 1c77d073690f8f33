"""A map from 128-bit keyed hashes to numbers: open addressing in one array, which grows without a pause.

A larger table is filled step by step: each insertion moves a few slots of the old one, and look-ups ask both
until the move is done. Entries are never removed, so no slot of the old table has to be cleared.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import compiled_leaf

SLOTS_MIN = 1_024
MOVED_PER_INSERT = 16
UNKNOWN = -1

_COUNT, _MOVED = 0, 1
_LOW_32 = np.uint64(0xFFFF_FFFF)
_SHIFT_32 = np.uint64(32)


class Table(NamedTuple):
    """What the compiled functions take: `slots` u8[n,3] rows of (low, high, number + 1), zero where free; `old` the table being moved; `state` i8[2]."""

    slots: NDArray[np.uint64]
    old: NDArray[np.uint64]
    state: NDArray[np.int64]


@compiled_leaf
def home(low: np.uint64, slots: int) -> int:
    """The slot where the search for a hash begins; the hash is keyed, so its bits need no further mixing."""
    return int(np.int64(((low & _LOW_32) * np.uint64(slots)) >> _SHIFT_32))


@compiled_leaf
def _search(slots: NDArray[np.uint64], low: np.uint64, high: np.uint64) -> int:
    at = home(low, len(slots))
    while slots[at, 2] != 0:
        if slots[at, 0] == low and slots[at, 1] == high:
            return int(np.int64(slots[at, 2])) - 1
        at += 1
        if at == len(slots):
            at = 0
    return UNKNOWN


@compiled_leaf
def _place(slots: NDArray[np.uint64], low: np.uint64, high: np.uint64, entry: np.uint64) -> None:
    at = home(low, len(slots))
    while slots[at, 2] != 0:
        if slots[at, 0] == low and slots[at, 1] == high:
            return
        at += 1
        if at == len(slots):
            at = 0
    slots[at, 0] = low
    slots[at, 1] = high
    slots[at, 2] = entry


@compiled_leaf
def _move(table: Table, steps: int) -> None:
    first = table.state[_MOVED]
    last = min(first + steps, len(table.old))
    for at in range(first, last):
        if table.old[at, 2] != 0:
            _place(table.slots, table.old[at, 0], table.old[at, 1], table.old[at, 2])
    table.state[_MOVED] = last


@compiled_leaf
def lookup(table: Table, low: np.uint64, high: np.uint64) -> int:
    """The number of a hash, or UNKNOWN."""
    number = _search(table.slots, low, high)
    if number == UNKNOWN and table.state[_MOVED] < len(table.old):
        number = _search(table.old, low, high)
    return number


@compiled_leaf
def insert(table: Table, low: np.uint64, high: np.uint64, number: int) -> None:
    """Add a hash that `lookup` does not know; the caller has reserved room for it."""
    _place(table.slots, low, high, np.uint64(number + 1))
    table.state[_COUNT] += 1
    if table.state[_MOVED] < len(table.old):
        _move(table, MOVED_PER_INSERT)


@compiled_leaf
def insert_all(table: Table, low: NDArray[np.uint64], high: NDArray[np.uint64], number: NDArray[np.int64]) -> None:
    """Add many hashes; one that is known keeps its number."""
    for i in range(len(low)):
        if lookup(table, low[i], high[i]) == UNKNOWN:
            insert(table, low[i], high[i], number[i])


class FingerprintMap:
    """128-bit hash -> number, at most `entries_max` entries of 24 bytes at 1/4 to 1/2 of the slots."""

    def __init__(self, entries_max: int, expected: int = 0) -> None:
        self.entries_max = entries_max
        self.table = self._empty(max(SLOTS_MIN, 2 * expected))

    @staticmethod
    def _empty(slots: int) -> Table:
        return Table(np.zeros((slots, 3), np.uint64), np.zeros((0, 3), np.uint64), np.zeros(2, np.int64))

    def __len__(self) -> int:
        return int(self.table.state[_COUNT])

    def reserve(self, more: int) -> None:
        """Make room for `more` insertions before compiled code makes them. Raises OverflowError beyond `entries_max`."""
        wanted = len(self) + more
        if wanted > self.entries_max:
            raise OverflowError(f"more than {self.entries_max:,} entries; raise the limit or start another shard")
        if len(self.table.old) and self.table.state[_MOVED] == len(self.table.old):
            self.table = Table(self.table.slots, self.table.old[:0].copy(), np.array([len(self), 0], np.int64))
        if 2 * wanted <= len(self.table.slots):
            return
        _move(self.table, len(self.table.old))
        slots = max(2 * len(self.table.slots), 3 * wanted)
        state = np.array([len(self), 0], np.int64)
        self.table = Table(np.zeros((slots, 3), np.uint64), self.table.slots, state)

    def get(self, fingerprint: tuple[int, int]) -> int:
        """The number of a hash (low, high), or UNKNOWN."""
        return int(lookup(self.table, np.uint64(fingerprint[0]), np.uint64(fingerprint[1])))

    def add(self, fingerprint: tuple[int, int], number: int) -> None:
        """Add a hash that is not known yet. Raises OverflowError beyond `entries_max`."""
        self.reserve(1)
        insert(self.table, np.uint64(fingerprint[0]), np.uint64(fingerprint[1]), number)

    def add_all(self, low: NDArray[np.uint64], high: NDArray[np.uint64], number: NDArray[np.int64]) -> None:
        """Add many; a hash that is known keeps its number. Raises OverflowError beyond `entries_max`."""
        self.reserve(min(len(low), self.entries_max - len(self)))
        if len(low) > self.entries_max - len(self):
            raise OverflowError(f"more than {self.entries_max:,} entries; raise the limit or start another shard")
        insert_all(self.table, low, high, number)

    def entries(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
        """All entries as (low, high, number), in order of number, then hash: the same for the same entries."""
        _move(self.table, len(self.table.old))
        used = self.table.slots[self.table.slots[:, 2] != 0]
        used = used[np.lexsort((used[:, 1], used[:, 0], used[:, 2]))]
        return used[:, 0].copy(), used[:, 1].copy(), used[:, 2].astype(np.int64) - 1
