"""The filter of repeated messages: exact over a day of engine time, up to a stated number of ids.

Ids live in generations of 8 hours. The newest four are remembered, so an id is known for 24 to 32 hours. A generation
that gets a quarter of `repeats_max` ids ends early: the horizon shortens, and `horizon_ms` shows it. What has passed is
swept out in small steps, so neither a look-up nor an insertion ever pauses for a sweep.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import MS_PER_HOUR, NULL, Arrays, FactBatch, compiled_leaf
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
_STATE = 13
_TAG = np.uint64(0xFF)


class Recent(NamedTuple):
    """What the compiled functions take: `slots` u8[n,3] rows of (low, high, content with the generation's low byte in its own), zero where free;
    `state` i8[13]: generation, entries, sweep position, engine time, ids per generation, then start and size of the newest four."""

    slots: NDArray[np.uint64]
    state: NDArray[np.int64]


@compiled_leaf
def _alive(recent: Recent, tail: np.uint64) -> bool:
    age = (recent.state[_GENERATION] - np.int64(tail & _TAG)) & 0xFF
    return age < GENERATIONS


@compiled_leaf
def check(recent: Recent, low: np.uint64, high: np.uint64, content: np.uint64) -> int:
    """NEW, DUPLICATE, or CLASH where the id is known with another content."""
    slots = recent.slots
    at = home(low, len(slots))
    while slots[at, 0] != 0 or slots[at, 1] != 0:
        if slots[at, 0] == low and slots[at, 1] == high and _alive(recent, slots[at, 2]):
            return DUPLICATE if (slots[at, 2] | _TAG) == (content | _TAG) else CLASH
        at += 1
        if at == len(slots):
            at = 0
    return NEW


@compiled_leaf
def _remove(slots: NDArray[np.uint64], hole: int) -> None:
    """Free a slot and close the gap, so that every chain stays whole."""
    count = len(slots)
    at = hole
    while True:
        at = at + 1 if at + 1 < count else 0
        if slots[at, 0] == 0 and slots[at, 1] == 0:
            break
        start = home(slots[at, 0], count)
        if (at - start) % count >= (at - hole) % count:
            for word in range(3):
                slots[hole, word] = slots[at, word]
            hole = at
    for word in range(3):
        slots[hole, word] = np.uint64(0)


@compiled_leaf
def _sweep(recent: Recent, steps: int) -> None:
    slots, state = recent.slots, recent.state
    at = state[_SWEPT]
    for _ in range(steps):
        while (slots[at, 0] != 0 or slots[at, 1] != 0) and not _alive(recent, slots[at, 2]):
            _remove(slots, at)
            state[_ENTRIES] -= 1
        at += 1
        if at == len(slots):
            at = 0
    state[_SWEPT] = at


@compiled_leaf
def _turn(recent: Recent, now_ms: int) -> None:
    """Begin a new generation; the oldest one is forgotten."""
    state = recent.state
    state[_GENERATION] += 1
    for i in range(GENERATIONS - 1, 0, -1):
        state[_STARTED + i] = state[_STARTED + i - 1]
        state[_FILLED + i] = state[_FILLED + i - 1]
    state[_STARTED] = now_ms
    state[_FILLED] = 0
    if (
        state[_GENERATION] % 128 == 0
    ):  # before a generation's byte comes round again, nothing of its last use may be left
        _sweep(recent, len(recent.slots))


@compiled_leaf
def add(recent: Recent, low: np.uint64, high: np.uint64, content: np.uint64, now_ms: int) -> None:
    """Remember an id that `check` calls NEW; the caller has reserved room for it."""
    slots, state = recent.slots, recent.state
    now_ms = max(now_ms, state[_NOW])
    if state[_STARTED] == NULL:
        state[_STARTED] = now_ms
    state[_NOW] = now_ms
    if now_ms - state[_STARTED] >= GENERATION_MS or state[_FILLED] >= state[_QUOTA]:
        _turn(recent, now_ms)
    _sweep(recent, SWEPT_PER_INSERT)
    at = home(low, len(slots))
    while slots[at, 0] != 0 or slots[at, 1] != 0:
        at += 1
        if at == len(slots):
            at = 0
    slots[at, 0] = low
    slots[at, 1] = high
    slots[at, 2] = (content & ~_TAG) | np.uint64(state[_GENERATION] & 0xFF)
    state[_FILLED] += 1
    state[_ENTRIES] += 1


@compiled_leaf
def _add_all(
    recent: Recent, message: NDArray[np.uint64], content: NDArray[np.uint64], now_ms: NDArray[np.int64]
) -> None:
    for i in range(len(message)):
        if check(recent, message[i, 0], message[i, 1], content[i]) == NEW:
            add(recent, message[i, 0], message[i, 1], content[i], now_ms[i])


@compiled_leaf
def _rehash(old: Recent, new: Recent) -> None:
    slots = new.slots
    for i in range(len(old.slots)):
        if (old.slots[i, 0] != 0 or old.slots[i, 1] != 0) and _alive(old, old.slots[i, 2]):
            at = home(old.slots[i, 0], len(slots))
            while slots[at, 0] != 0 or slots[at, 1] != 0:
                at = at + 1 if at + 1 < len(slots) else 0
            for word in range(3):
                slots[at, word] = old.slots[i, word]
            new.state[_ENTRIES] += 1


class RepeatFilter:
    """Ids of messages of the last day, at most `repeats_max`; 24 bytes each at up to half of the slots.

    The table starts small and doubles (the last doubling of 4 million ids takes about 0.1 s); give `expected`
    to reserve it at once.
    """

    def __init__(self, repeats_max: int = REPEATS_MAX, expected: int = 0) -> None:
        if repeats_max < GENERATIONS:
            raise ValueError(f"repeats_max must be at least {GENERATIONS}, not {repeats_max}")
        self.repeats_max = repeats_max
        state = np.zeros(_STATE, np.int64)
        state[_QUOTA] = repeats_max // GENERATIONS
        state[_STARTED : _STARTED + GENERATIONS] = NULL
        slots = min(max(SLOTS_MIN, 2 * expected), self._slots_max)
        self.recent = Recent(np.zeros((slots, 3), np.uint64), state)

    @property
    def _slots_max(self) -> int:
        return max(SLOTS_MIN, 2 * self.repeats_max)

    def __len__(self) -> int:
        """How many ids are remembered now."""
        return int(self.recent.state[_FILLED : _FILLED + GENERATIONS].sum())

    @property
    def horizon_ms(self) -> int:
        """How far back repeats are certainly found: HORIZON_MS, or less once ids came faster than `repeats_max` a day."""
        state = self.recent.state
        started = int(state[_STARTED + GENERATIONS - 1])
        return HORIZON_MS if started == NULL else min(HORIZON_MS, int(state[_NOW]) - started)

    def reserve(self, more: int) -> None:
        """Make room for `more` insertions before compiled code makes them."""
        wanted = 2 * (int(self.recent.state[_ENTRIES]) + more)
        slots = len(self.recent.slots)
        if wanted <= slots or slots >= self._slots_max:
            return
        state = self.recent.state.copy()
        state[_ENTRIES] = state[_SWEPT] = 0
        larger = Recent(np.zeros((min(max(2 * slots, wanted), self._slots_max), 3), np.uint64), state)
        _rehash(self.recent, larger)
        self.recent = larger

    def check(self, message: tuple[int, int], content: int) -> int:
        """NEW, DUPLICATE, or CLASH (known with another content) for a message id's hash."""
        return int(check(self.recent, np.uint64(message[0]), np.uint64(message[1]), np.uint64(content)))

    def add(self, message: tuple[int, int], content: int, now_ms: int) -> None:
        """Remember an id that is NEW."""
        self.reserve(1)
        add(self.recent, np.uint64(message[0]), np.uint64(message[1]), np.uint64(content), now_ms)

    def learn(self, batch: FactBatch) -> None:
        """Remember the messages of a replayed batch, in its order."""
        rows = np.flatnonzero(batch.message.any(axis=1))
        self.reserve(len(rows))
        _add_all(self.recent, batch.message[rows], batch.content[rows], batch.now_ms[rows])

    def to_arrays(self) -> Arrays:
        """The filter as named arrays, for a snapshot; equal histories give equal arrays."""
        slots = self.recent.slots
        used = slots[slots[:, :2].any(axis=1)]
        generation = int(self.recent.state[_GENERATION])
        used = used[(generation - (used[:, 2] & _TAG).astype(np.int64)) & 0xFF < GENERATIONS]
        state = self.recent.state.copy()
        state[_ENTRIES], state[_SWEPT] = len(used), 0
        return {"repeats": used[np.lexsort((used[:, 1], used[:, 0]))], "repeats_state": state}

    @classmethod
    def from_arrays(cls, arrays: Arrays, repeats_max: int = REPEATS_MAX) -> "RepeatFilter":
        """The filter that `to_arrays` wrote, now with room for `repeats_max` ids."""
        used = arrays["repeats"]
        repeats = cls(repeats_max, expected=len(used))
        state = arrays["repeats_state"].copy()
        state[_QUOTA] = repeats_max // GENERATIONS
        larger = Recent(repeats.recent.slots, state)
        if 2 * len(used) > len(larger.slots):
            larger = Recent(np.zeros((2 * len(used), 3), np.uint64), state)
        state[_ENTRIES] = 0
        _rehash(Recent(used, arrays["repeats_state"]), larger)
        repeats.recent = larger
        return repeats
