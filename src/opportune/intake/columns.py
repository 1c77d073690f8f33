"""NDJSON to columns, compiled: the same facts, quarantine and counts as the reference decoder, many times as fast.

Plain lines of every type go from the buffer straight into a batch's columns. Every other line, and every line in doubt, goes
to the reference decoder at its place in the order.
"""

import os

import numpy as np
from numpy.typing import NDArray

from opportune.facts import VALUE_MAX, Catalogue, Kind
from opportune.intake.blocks import (
    BLOCK_LINES,
    LEFT,
    S_APPLIED,
    S_CLASHES,
    S_CUSTOMERS,
    S_CUSTOMERS_MAX,
    S_DRAWN,
    S_DUPLICATES,
    S_EARLIEST,
    S_KEYED,
    S_LATEST,
    S_LINE_NUMBER,
    S_LIVE,
    S_NEW,
    S_NEXT,
    S_RECEIVED_MS,
    S_ROWS,
    S_SEEDED,
    S_SIZE,
    S_VALUES,
    STATE_COLUMNS,
    Found,
    Limits,
    Memory,
    run,
)
from opportune.intake.bodies import TRAITS_MAX
from opportune.intake.fingerprints import FingerprintMap
from opportune.intake.hashing import hash_bytes, padded
from opportune.intake.messages import ANONYMOUS, USER, time_bounds
from opportune.intake.ndjson import LINE_BYTES_MAX, Decoder, Intake
from opportune.intake.rows import RowSink
from opportune.intake.scratch import KEY_COLUMNS, L_END, L_START, LINE_COLUMNS, NOTED_COLUMNS, PRINT_COLUMNS, Scratch
from opportune.intake.shapes import E_COUNT, hashing_of, shapes_of

TEXTS_KNOWN_MAX = 8_000_000
DRAWN_AT_ONCE = 1_024
IDENTIFIERS_PER_LINE_MAX = 4
ROWS_PER_LINE = 3
"""A compiled line makes at most CUSTOMER, IDENTIFIER and the fact it states."""


class ColumnDecoder(Decoder):
    """A Decoder that decodes in compiled code what it can; same arguments, same results."""

    def use(self, catalogue: Catalogue) -> None:
        """Read from now on by another catalogue (a new playbook came into force)."""
        super().use(catalogue)
        self._shapes = shapes_of(catalogue)
        self._hashing = hashing_of(catalogue, self.words, self.source)
        slots = max(1, int(self._shapes.events[:, E_COUNT].max(initial=0)))
        keys = max(
            (sum(p.type.kind is Kind.KEY for p in event.properties) for event in catalogue.events.values()), default=0
        )
        self._limits = Limits(LINE_BYTES_MAX, slots, max(1, keys))
        self._scratch = Scratch(
            np.zeros((BLOCK_LINES, LINE_COLUMNS), np.int64),
            np.zeros((BLOCK_LINES, PRINT_COLUMNS), np.uint64),
            np.zeros(BLOCK_LINES * max(slots, 2 * TRAITS_MAX), np.int64),
            np.zeros((BLOCK_LINES * self._limits.keys, KEY_COLUMNS), np.int64),
            np.zeros(NOTED_COLUMNS, np.int64),
        )
        if not hasattr(self, "_texts"):
            self._texts = FingerprintMap(TEXTS_KNOWN_MAX)
            self._texts_learnt = 0
            self._drawn = np.empty(0, np.int64)

    def decode(self, data: bytes, received_ms: int) -> Intake:
        """The facts of many lines. `received_ms` is when they arrived; blank lines are no messages."""
        known = len(self.dictionary)
        buffer = padded(data)
        lines = data.count(b"\n") + 1
        intake = Intake()
        sink = RowSink(ROWS_PER_LINE * lines, self._values_max(lines, len(data)))
        state = self._state(len(data), lines, received_ms)
        found = self._found(lines)
        while self._run(buffer, state, sink, found) == LEFT:
            self._collect(data, state, found, sink, intake)
            start, end = self._scratch.lines[state[S_NEXT] - 1, L_START : L_END + 1].tolist()
            line = data[start:end]
            self.decode_line(line, int(state[S_LINE_NUMBER]), received_ms, sink, intake)
        self._collect(data, state, found, sink, intake)
        intake.batch = sink.build(self.dictionary.since(known))
        return intake

    def _state(self, size: int, lines: int, received_ms: int) -> NDArray[np.int64]:
        state = np.zeros(STATE_COLUMNS, np.int64)
        state[S_SIZE], state[S_RECEIVED_MS], state[S_LIVE] = size, received_ms, self.live
        state[S_EARLIEST], state[S_LATEST] = time_bounds(received_ms, live=self.live)
        state[S_SEEDED] = self.seed_words is not None
        room = self.identity.map.entries_max - len(self.identity.map)
        if room >= IDENTIFIERS_PER_LINE_MAX * lines:  # near its limit the reference decoder alone creates customers
            state[S_CUSTOMERS_MAX] = self.identity.customers_max
        return state

    def _found(self, lines: int) -> Found:
        seed = self.words if self.seed_words is None else self.seed_words
        return Found(
            np.empty((lines, 4), np.int64),
            np.empty((lines * self._limits.keys, 1 + KEY_COLUMNS), np.int64),
            np.empty(0, np.int64),
            seed,
        )

    def _values_max(self, lines: int, size: int) -> int:
        """The values that `lines` lines of `size` bytes can have: an event's by its slots, a trait's two by its five bytes (`"":0,`)."""
        return (ROWS_PER_LINE + self._limits.slots) * lines + size // 2

    def _run(self, buffer: NDArray[np.uint8], state: NDArray[np.int64], sink: RowSink, found: Found) -> int:
        """One compiled pass with room for all that it can add."""
        self._learn_texts()
        lines = len(found.identifiers) - int(state[S_LINE_NUMBER])
        done = int(self._scratch.lines[state[S_NEXT] - 1, L_END]) if state[S_NEXT] else 0
        sink.reserve(ROWS_PER_LINE * lines, self._values_max(lines, int(state[S_SIZE]) - done))
        if state[S_CUSTOMERS_MAX]:
            self.identity.map.reserve(lines)
        self.repeats.reserve(lines)
        memory = Memory(self._texts.table, self.identity.map.table, self.identity.kinds, self.repeats.recent)
        state[S_ROWS], state[S_VALUES], state[S_CUSTOMERS] = sink.count, sink.value_count, self.identity.customers
        if self.seed_words is None:
            found = found._replace(drawn=self._random_keys())
        outcome = run(buffer, self._limits, state, self._shapes, self._hashing, memory, self._scratch, sink.rows, found)
        self._drawn = self._drawn[int(state[S_DRAWN]) :]
        state[S_DRAWN] = 0
        sink.count, sink.value_count = int(state[S_ROWS]), int(state[S_VALUES])
        self.identity.customers = int(state[S_CUSTOMERS])
        return outcome

    def _random_keys(self) -> NDArray[np.int64]:
        """Keys for customers to come, from the operating system; those not given away are kept for the next pass."""
        if not len(self._drawn):
            self._drawn = np.frombuffer(os.urandom(8 * DRAWN_AT_ONCE), np.int64) & VALUE_MAX
        return self._drawn

    def _learn_texts(self) -> None:
        if self._texts_learnt < len(self.dictionary):
            for text in self.dictionary.since(self._texts_learnt):
                self._texts_learnt += 1
                self._texts.add(hash_bytes(self.words, text.encode()), self._texts_learnt)

    def _collect(self, data: bytes, state: NDArray[np.int64], found: Found, sink: RowSink, intake: Intake) -> None:
        """Take over what the compiled pass has counted and found, and set it back."""
        applied, duplicates = int(state[S_APPLIED]), int(state[S_DUPLICATES])
        intake.received += applied + duplicates
        intake.applied += applied
        intake.duplicates += duplicates
        intake.clashes += int(state[S_CLASHES])
        for customer, start, end, is_anonymous in found.identifiers[: state[S_NEW]].tolist():
            kind = ANONYMOUS if is_anonymous else USER
            intake.identifiers.append((customer, kind, data[start:end].decode()))
        pairs: dict[int, list[bytes]] = {}
        for row, name, name_end, value, value_end in found.keyed[: state[S_KEYED]].tolist():
            pairs.setdefault(row, []).append(b'"%b":%b' % (data[name:name_end], data[value:value_end]))
        for row, members in pairs.items():
            sink.extras[row] = b"{%b}" % b",".join(members)
        state[S_APPLIED] = state[S_DUPLICATES] = state[S_CLASHES] = state[S_NEW] = state[S_KEYED] = 0
