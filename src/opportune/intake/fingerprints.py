"""A map from 128-bit keyed hashes to numbers: open addressing in one table, which grows without a pause.

A larger table is filled step by step: each insertion moves a few slots of the old one, and look-ups ask both
until the move is done. Entries are removed only when a customer is forgotten; the move is then brought to its end first.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import bundle, compiled_leaf, point, pointed, prefetch, record, table

SLOTS_MIN = 1_024
MOVED_PER_INSERT = 16
UNKNOWN = -1

_LOW_32 = np.uint64(0xFFFF_FFFF)
_SHIFT_32 = np.uint64(32)

SLOT = record([("low", "u8"), ("high", "u8"), ("entry", "u8")])
"""A hash and its number + 1; entry 0 where free."""
FINGERPRINTS = bundle({"slots": 1, "old": 1}, [("count", "i8"), ("moved", "i8")])
"""The map for the compiled functions: `old` is the table being moved, up to slot `moved`."""
_slots_of, _old_of = table("slots", SLOT), table("old", SLOT)
fingerprints_at = pointed(FINGERPRINTS)


@compiled_leaf
def home(low: Any, slots: int) -> int:
    """The slot where the search for a hash begins; the hash is keyed, so its bits need no further mixing."""
    return int(np.int64(((low & _LOW_32) * np.uint64(slots)) >> _SHIFT_32))


@compiled_leaf
def _search(slots: Any, low: Any, high: Any) -> int:
    at = home(low, len(slots))
    while slots[at].entry != 0:
        if slots[at].low == low and slots[at].high == high:
            return int(np.int64(slots[at].entry)) - 1
        at += 1
        if at == len(slots):
            at = 0
    return UNKNOWN


@compiled_leaf
def _place(slots: Any, low: Any, high: Any, entry: Any) -> None:
    at = home(low, len(slots))
    while slots[at].entry != 0:
        if slots[at].low == low and slots[at].high == high:
            return
        at += 1
        if at == len(slots):
            at = 0
    slot = slots[at]
    slot.low = low
    slot.high = high
    slot.entry = entry


@compiled_leaf
def _move(known: Any, steps: int) -> None:
    slots, old = _slots_of(known), _old_of(known)
    first = known.moved
    last = min(first + steps, len(old))
    for at in range(first, last):
        if old[at].entry != 0:
            _place(slots, old[at].low, old[at].high, old[at].entry)
    known.moved = last


@compiled_leaf
def fetch(known: Any, low: Any) -> None:
    """Ask for the memory that `lookup` of a hash will need."""
    prefetch(_slots_of(known), home(low, known.slots_rows))


@compiled_leaf
def lookup(known: Any, low: Any, high: Any) -> int:
    """The number of a hash in FINGERPRINTS, or UNKNOWN."""
    number = _search(_slots_of(known), low, high)
    if number == UNKNOWN and known.moved < known.old_rows:
        number = _search(_old_of(known), low, high)
    return number


@compiled_leaf
def insert(known: Any, low: Any, high: Any, number: int) -> None:
    """Add a hash that `lookup` does not know; the caller has reserved room for it."""
    _place(_slots_of(known), low, high, np.uint64(number + 1))
    known.count += 1
    if known.moved < known.old_rows:
        _move(known, MOVED_PER_INSERT)


@compiled_leaf
def _free(slots: Any, hole: int) -> None:
    """Free a slot and close the gap, so that every chain stays whole."""
    count = len(slots)
    at = hole
    while True:
        at = at + 1 if at + 1 < count else 0
        moved, free = slots[at], slots[hole]
        if moved.entry == 0:
            break
        if (at - home(moved.low, count)) % count >= (at - hole) % count:
            free.low, free.high, free.entry = moved.low, moved.high, moved.entry
            hole = at
    free = slots[hole]
    free.low = free.high = free.entry = np.uint64(0)


@compiled_leaf
def _remove_number(address: int, number: int) -> int:
    """Remove all hashes of a number from a table that nothing is moved into; how many."""
    known = fingerprints_at(address)
    slots, entry = _slots_of(known), np.uint64(number + 1)
    gone, at = 0, 0
    while at < len(slots):
        if slots[at].entry == entry:
            _free(slots, at)  # what closes the gap may be another one of hers: look here again
            gone += 1
        else:
            at += 1
    known.count -= gone
    return gone


@compiled_leaf
def _replace(slots: Any, low: Any, high: Any, entry: Any) -> None:
    if len(slots) == 0:
        return
    at = home(low, len(slots))
    while slots[at].entry != 0:
        if slots[at].low == low and slots[at].high == high:
            slots[at].entry = entry
        at += 1
        if at == len(slots):
            at = 0


@compiled_leaf
def _replace_one(address: int, low: Any, high: Any, number: int) -> None:
    known = fingerprints_at(address)
    _replace(_slots_of(known), low, high, np.uint64(number + 1))
    _replace(_old_of(known), low, high, np.uint64(number + 1))


@compiled_leaf
def _look_up(address: int, low: Any, high: Any) -> int:
    return lookup(fingerprints_at(address), low, high)


@compiled_leaf
def _insert_one(address: int, low: Any, high: Any, number: int) -> None:
    insert(fingerprints_at(address), low, high, number)


@compiled_leaf
def _insert_all(
    address: int, low: NDArray[np.uint64], high: NDArray[np.uint64], number: NDArray[np.int64]
) -> None:  # fmt: skip
    """Add many hashes; one that is known keeps its number."""
    known = fingerprints_at(address)
    for i in range(len(low)):
        if lookup(known, low[i], high[i]) == UNKNOWN:
            insert(known, low[i], high[i], number[i])


@compiled_leaf
def _end_move(address: int) -> None:
    known = fingerprints_at(address)
    _move(known, known.old_rows)


class FingerprintMap:
    """128-bit hash -> number, at most `entries_max` entries of 24 bytes at 1/4 to 1/2 of the slots.

    `address` is that of the bundle FINGERPRINTS, and stays while the map grows.
    """

    def __init__(self, entries_max: int, expected: int = 0) -> None:
        self.entries_max = entries_max
        self._bundle = np.zeros(1, FINGERPRINTS)
        self._count, self._moved = self._bundle["count"], self._bundle["moved"]
        self.address = int(self._bundle.ctypes.data)
        self._use(np.zeros(max(SLOTS_MIN, 2 * expected), SLOT), np.zeros(0, SLOT))

    def _use(self, slots: NDArray[Any], old: NDArray[Any]) -> None:
        self._slots, self._old = slots, old
        point(self._bundle[0], {"slots": slots, "old": old})
        self._moved[0] = 0

    def __len__(self) -> int:
        return int(self._count.item())

    def reserve(self, more: int) -> None:
        """Make room for `more` insertions before compiled code makes them. Raises OverflowError beyond `entries_max`."""
        wanted = len(self) + more
        if wanted > self.entries_max:
            raise OverflowError(f"more than {self.entries_max:,} entries; raise the limit or start another shard")
        if len(self._old) and self._moved.item() == len(self._old):
            self._use(self._slots, np.zeros(0, SLOT))
        if 2 * wanted <= len(self._slots):
            return
        _end_move(self.address)
        self._use(np.zeros(max(2 * len(self._slots), 3 * wanted), SLOT), self._slots)

    def get(self, fingerprint: tuple[int, int]) -> int:
        """The number of a hash (low, high), or UNKNOWN."""
        return int(_look_up(self.address, np.uint64(fingerprint[0]), np.uint64(fingerprint[1])))

    def add(self, fingerprint: tuple[int, int], number: int) -> None:
        """Add a hash that is not known yet. Raises OverflowError beyond `entries_max`."""
        self.reserve(1)
        _insert_one(self.address, np.uint64(fingerprint[0]), np.uint64(fingerprint[1]), number)

    def put(self, fingerprint: tuple[int, int], number: int) -> None:
        """Let a hash that is known have another number."""
        _replace_one(self.address, np.uint64(fingerprint[0]), np.uint64(fingerprint[1]), number)

    def add_all(self, low: NDArray[np.uint64], high: NDArray[np.uint64], number: NDArray[np.int64]) -> None:
        """Add many; a hash that is known keeps its number. Raises OverflowError beyond `entries_max`."""
        self.reserve(min(len(low), self.entries_max - len(self)))
        if len(low) > self.entries_max - len(self):
            raise OverflowError(f"more than {self.entries_max:,} entries; raise the limit or start another shard")
        _insert_all(self.address, low, high, number)

    def remove(self, number: int) -> int:
        """Remove all hashes of a number; how many there were. Looks at the whole table: milliseconds per million entries."""
        _end_move(self.address)
        self._use(self._slots, np.zeros(0, SLOT))
        return int(_remove_number(self.address, number))

    def entries(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
        """All entries as (low, high, number), in order of number, then hash: the same for the same entries."""
        _end_move(self.address)
        used = self._slots[self._slots["entry"] != 0]
        used = used[np.lexsort((used["high"], used["low"], used["entry"]))]
        return used["low"].copy(), used["high"].copy(), used["entry"].astype(np.int64) - 1
