"""The filter of repeated messages: exact over a day of engine time, up to a stated number of ids.

Ids live in generations of 8 hours. The newest four are remembered, so an id is known for 24 to 32 hours. A generation
that gets a quarter of `repeats_max` ids ends early: the horizon shortens, and `horizon_ms` shows it. What has passed is
swept out in small steps, so neither a look-up nor an insertion ever pauses for a sweep.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import (
    MS_PER_HOUR,
    NULL,
    Arrays,
    FactBatch,
    bundle,
    compiled_leaf,
    point,
    pointed,
    prefetch,
    record,
    table,
)
from opportune.intake.fingerprints import home

REPEATS_MAX = 4_000_000
GENERATIONS = 4
GENERATION_MS = 8 * MS_PER_HOUR
HORIZON_MS = (GENERATIONS - 1) * GENERATION_MS
SLOTS_MIN = 1_024
SWEPT_PER_INSERT = 8

NEW, DUPLICATE, CLASH = 0, 1, 2

_GENERATION, _ENTRIES, _SWEPT, _NOW, _QUOTA = range(5)
_STARTED, _FILLED = 5, 9
_FIGURES = 13
_TAG = np.uint64(0xFF)


_SEEN = record([("low", "u8"), ("high", "u8"), ("content", "u8")])
"""A message id and its content with the generation's low byte in its own; low and high are 0 where free."""
_RECENT = bundle({"slots": 1, "figures": 1})
"""The filter for the compiled functions. `figures` i8[13]: generation, entries, sweep position, engine time, ids per generation,
then start and size of the newest four."""
_slots_of, _figures_of = table("slots", _SEEN), table("figures", "i8")
recent_at = pointed(_RECENT)


@compiled_leaf
def _alive(generation: int, content: Any) -> bool:
    return bool(((generation - np.int64(content & _TAG)) & 0xFF) < GENERATIONS)


@compiled_leaf
def fetch_id(recent: Any, low: Any, before: int) -> None:
    """Ask for the memory that `check` and `add` of an id will need, when `before` other ids have been added."""
    slots, swept = _slots_of(recent), _figures_of(recent)[_SWEPT] + before * SWEPT_PER_INSERT
    prefetch(slots, home(low, recent.slots_rows))
    for at in range(
        swept, swept + SWEPT_PER_INSERT, 2
    ):  # 24 bytes each, a cache line has 64; behind the end it does no harm
        prefetch(slots, at)


@compiled_leaf
def check(recent: Any, low: Any, high: Any, content: Any) -> int:
    """NEW, DUPLICATE, or CLASH where the id is known with another content."""
    slots, generation = _slots_of(recent), _figures_of(recent)[_GENERATION]
    at = home(low, len(slots))
    while slots[at].low != 0 or slots[at].high != 0:
        slot = slots[at]
        if slot.low == low and slot.high == high and _alive(generation, slot.content):
            return DUPLICATE if (slot.content | _TAG) == (content | _TAG) else CLASH
        at += 1
        if at == len(slots):
            at = 0
    return NEW


@compiled_leaf
def _put(slots: Any, low: Any, high: Any, content: Any) -> None:
    at = home(low, len(slots))
    while slots[at].low != 0 or slots[at].high != 0:
        at += 1
        if at == len(slots):
            at = 0
    slot = slots[at]
    slot.low, slot.high, slot.content = low, high, content


@compiled_leaf
def _remove(slots: Any, hole: int) -> None:
    """Free a slot and close the gap, so that every chain stays whole."""
    count = len(slots)
    at = hole
    while True:
        at = at + 1 if at + 1 < count else 0
        moved, free = slots[at], slots[hole]
        if moved.low == 0 and moved.high == 0:
            break
        start = home(moved.low, count)
        if (at - start) % count >= (at - hole) % count:
            free.low, free.high, free.content = moved.low, moved.high, moved.content
            hole = at
    free = slots[hole]
    free.low = free.high = free.content = np.uint64(0)


@compiled_leaf
def _sweep(recent: Any, steps: int) -> None:
    slots, figures = _slots_of(recent), _figures_of(recent)
    generation, at = figures[_GENERATION], figures[_SWEPT]
    for _ in range(steps):
        while (slots[at].low != 0 or slots[at].high != 0) and not _alive(generation, slots[at].content):
            _remove(slots, at)
            figures[_ENTRIES] -= 1
        at += 1
        if at == len(slots):
            at = 0
    figures[_SWEPT] = at


@compiled_leaf
def _turn(recent: Any, now_ms: int) -> None:
    """Begin a new generation; the oldest one is forgotten."""
    figures = _figures_of(recent)
    figures[_GENERATION] += 1
    for i in range(GENERATIONS - 1, 0, -1):
        figures[_STARTED + i] = figures[_STARTED + i - 1]
        figures[_FILLED + i] = figures[_FILLED + i - 1]
    figures[_STARTED] = now_ms
    figures[_FILLED] = 0
    if (
        figures[_GENERATION] % 128 == 0
    ):  # before a generation's byte comes round again, nothing of its last use may be left
        _sweep(recent, recent.slots_rows)


@compiled_leaf
def add(recent: Any, low: Any, high: Any, content: Any, now_ms: int) -> None:
    """Remember an id that `check` calls NEW; the caller has reserved room for it."""
    figures = _figures_of(recent)
    now_ms = max(now_ms, figures[_NOW])
    if figures[_STARTED] == NULL:
        figures[_STARTED] = now_ms
    figures[_NOW] = now_ms
    if now_ms - figures[_STARTED] >= GENERATION_MS or figures[_FILLED] >= figures[_QUOTA]:
        _turn(recent, now_ms)
    _sweep(recent, SWEPT_PER_INSERT)
    _put(_slots_of(recent), low, high, (content & ~_TAG) | np.uint64(figures[_GENERATION] & 0xFF))
    figures[_FILLED] += 1
    figures[_ENTRIES] += 1


@compiled_leaf
def _check_one(address: int, low: Any, high: Any, content: Any) -> int:
    return check(recent_at(address), low, high, content)


@compiled_leaf
def _add_one(address: int, low: Any, high: Any, content: Any, now_ms: int) -> None:
    add(recent_at(address), low, high, content, now_ms)


@compiled_leaf
def _add_all(
    address: int, message: NDArray[np.uint64], content: NDArray[np.uint64], now_ms: NDArray[np.int64]
) -> None:  # fmt: skip
    recent = recent_at(address)
    for i in range(len(message)):
        if check(recent, message[i, 0], message[i, 1], content[i]) == NEW:
            add(recent, message[i, 0], message[i, 1], content[i], now_ms[i])


@compiled_leaf
def _refill(address: int, seen: NDArray[np.uint64], generation: int) -> None:
    """Put the rows of another table that are alive in its generation into an empty one."""
    slots, figures = _slots_of(recent_at(address)), _figures_of(recent_at(address))
    for i in range(len(seen)):
        if (seen[i, 0] != 0 or seen[i, 1] != 0) and _alive(generation, seen[i, 2]):
            _put(slots, seen[i, 0], seen[i, 1], seen[i, 2])
            figures[_ENTRIES] += 1


class RepeatFilter:
    """Ids of messages of the last day, at most `repeats_max`; 24 bytes each at up to half of the slots.

    The table starts small and doubles (the last doubling of 4 million ids takes about 0.1 s); give `expected`
    to reserve it at once. `address` is that of the bundle for the compiled functions, and stays while the filter grows.
    """

    def __init__(self, repeats_max: int = REPEATS_MAX, expected: int = 0) -> None:
        if repeats_max < GENERATIONS:
            raise ValueError(f"repeats_max must be at least {GENERATIONS}, not {repeats_max}")
        self.repeats_max = repeats_max
        figures = np.zeros(_FIGURES, np.int64)
        figures[_QUOTA] = repeats_max // GENERATIONS
        figures[_STARTED : _STARTED + GENERATIONS] = NULL
        self._bundle = np.zeros(1, _RECENT)
        self.address = int(self._bundle.ctypes.data)
        self._use(min(max(SLOTS_MIN, 2 * expected), self._slots_max), figures)

    def _use(self, slots: int, figures: NDArray[np.int64]) -> None:
        self._slots, self._figures = np.zeros((slots, 3), np.uint64), figures
        point(self._bundle[0], {"slots": self._slots.view(_SEEN)[:, 0], "figures": figures})

    @property
    def _slots_max(self) -> int:
        return max(SLOTS_MIN, 2 * self.repeats_max)

    def __len__(self) -> int:
        """How many ids are remembered now."""
        return int(self._figures[_FILLED : _FILLED + GENERATIONS].sum())

    @property
    def horizon_ms(self) -> int:
        """How far back repeats are certainly found: HORIZON_MS, or less once ids came faster than `repeats_max` a day."""
        started = int(self._figures[_STARTED + GENERATIONS - 1])
        return HORIZON_MS if started == NULL else min(HORIZON_MS, int(self._figures[_NOW]) - started)

    def reserve(self, more: int) -> None:
        """Make room for `more` insertions before compiled code makes them."""
        wanted = 2 * (int(self._figures[_ENTRIES]) + more)
        seen = self._slots
        if wanted <= len(seen) or len(seen) >= self._slots_max:
            return
        figures = self._figures.copy()
        figures[_ENTRIES] = figures[_SWEPT] = 0
        self._use(min(max(2 * len(seen), wanted), self._slots_max), figures)
        _refill(self.address, seen, int(figures[_GENERATION]))

    def reserve_all(self) -> None:
        """Take the memory of all `repeats_max` ids now (48 bytes each), for a service that must not pause for it later."""
        self.reserve(self.repeats_max)
        self._slots[self._slots[:, 2] == 0] = (
            0  # memory that was never written to is given page by page, at its first use
        )

    def check(self, message: tuple[int, int], content: int) -> int:
        """NEW, DUPLICATE, or CLASH (known with another content) for a message id's hash."""
        return int(_check_one(self.address, np.uint64(message[0]), np.uint64(message[1]), np.uint64(content)))

    def add(self, message: tuple[int, int], content: int, now_ms: int) -> None:
        """Remember an id that is NEW."""
        self.reserve(1)
        _add_one(self.address, np.uint64(message[0]), np.uint64(message[1]), np.uint64(content), now_ms)

    def learn(self, batch: FactBatch) -> None:
        """Remember the messages of a replayed batch, in its order."""
        rows = np.flatnonzero(batch.message.any(axis=1))
        self.reserve(len(rows))
        _add_all(self.address, batch.message[rows], batch.content[rows], batch.now_ms[rows])

    def to_arrays(self) -> Arrays:
        """The filter as named arrays, for a snapshot; equal histories give equal arrays."""
        used = self._slots[self._slots[:, :2].any(axis=1)]
        generation = int(self._figures[_GENERATION])
        used = used[(generation - (used[:, 2] & _TAG).astype(np.int64)) & 0xFF < GENERATIONS]
        figures = self._figures.copy()
        figures[_ENTRIES], figures[_SWEPT] = len(used), 0
        return {"repeats": used[np.lexsort((used[:, 1], used[:, 0]))], "repeats_state": figures}

    @classmethod
    def from_arrays(cls, arrays: Arrays, repeats_max: int = REPEATS_MAX) -> "RepeatFilter":
        """The filter that `to_arrays` wrote, now with room for `repeats_max` ids."""
        used = arrays["repeats"]
        repeats = cls(repeats_max, expected=len(used))
        figures = arrays["repeats_state"].copy()
        figures[_QUOTA] = repeats_max // GENERATIONS
        figures[_ENTRIES] = 0
        repeats._use(max(len(repeats._slots), 2 * len(used)), figures)
        _refill(repeats.address, np.ascontiguousarray(used), int(figures[_GENERATION]))
        return repeats
