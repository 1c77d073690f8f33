"""NDJSON to columns, compiled: the same facts, quarantine and counts as the reference decoder, many times as fast.

Plain lines of every type go from the buffer straight into a batch's columns. Every other line, and every line in doubt, goes
to the reference decoder at its place in the order.
"""

import os

import numpy as np

from opportune.facts import VALUE_MAX, Catalogue, Kind
from opportune.intake.blocks import LEFT, run
from opportune.intake.bodies import TRAITS_MAX
from opportune.intake.fingerprints import FingerprintMap
from opportune.intake.hashing import hash_bytes
from opportune.intake.messages import ANONYMOUS, USER, time_bounds
from opportune.intake.ndjson import LINE_BYTES_MAX, Decoder, Intake
from opportune.intake.passes import PassRoom, State
from opportune.intake.rows import RowSink
from opportune.intake.shapes import Shapes

TEXTS_KNOWN_MAX = 8_000_000
DRAWN_AT_ONCE = 1_024
IDENTIFIERS_PER_LINE_MAX = 4
ROWS_PER_LINE = 3
"""A compiled line makes at most CUSTOMER, IDENTIFIER and the fact it states."""


class ColumnDecoder(Decoder):
    """A Decoder that decodes in compiled code what it can; same arguments, same results."""

    def use(self, catalogue: Catalogue, *, lenient: bool = False) -> None:
        """Read from now on by another catalogue, leniently or not (a new playbook came into force)."""
        super().use(catalogue, lenient=lenient)
        if not hasattr(self, "_texts"):
            self._texts, self._texts_learnt = FingerprintMap(TEXTS_KNOWN_MAX), 0
            self._drawn, self._drawn_used = np.zeros(DRAWN_AT_ONCE, np.int64), DRAWN_AT_ONCE
            self._sink = RowSink()
        keys = (sum(p.type.kind is Kind.KEY for p in event.properties) for event in catalogue.events.values())
        shapes = Shapes(catalogue)
        self._slots_max = max(2, shapes.slots_max)
        self._room = PassRoom(shapes, max(self._slots_max, 2 * TRAITS_MAX), max(keys, default=0), LINE_BYTES_MAX)
        kinds = dict(catalogue.identifiers)
        merges = [name in catalogue.linking and catalogue.linking[name].merges for name in (USER, ANONYMOUS)]
        if catalogue.linking and merges == [False, True]:  # then an anonymous id goes before a name
            del kinds[ANONYMOUS]
        self._room.hash_by(self.words, self.seed_words, self.source, kinds)
        self._room.know(
            self.identity.kinds,
            self.identity.roots,
            self._drawn,
            texts=self._texts.address,
            identifiers=self.identity.map.address,
            recent=self.repeats.address,
            rows=self._sink.address,
        )

    def decode(self, data: bytes, received_ms: int) -> Intake:
        """The facts of many lines. `received_ms` is when they arrived; blank lines are no messages."""
        known = len(self.dictionary)
        intake, sink, room = Intake(), self._sink, self._room
        sink.clear()
        lines = room.take(data)
        state = self._begun(len(data), lines, received_ms)
        outcome = LEFT
        while outcome == LEFT:
            outcome, state = self._run(state, lines - state.line_number)
            self._collect(data, state, intake)
            if outcome == LEFT:
                line = room.lines[state.next - 1]
                start, end = int(line["start"]), int(line["end"])
                self.decode_line(data[start:end], state.line_number, received_ms, sink, intake)
        intake.batch = sink.build(self.dictionary.since(known))
        return intake

    def _begun(self, size: int, lines: int, received_ms: int) -> State:
        earliest, latest = time_bounds(received_ms, live=self.live)
        room = self.identity.map.entries_max - len(self.identity.map)
        is_roomy = (
            room >= IDENTIFIERS_PER_LINE_MAX * lines
        )  # near its limit the reference decoder alone creates customers
        return State(
            data_bytes=size,
            received_ms=received_ms,
            earliest=earliest,
            latest=latest,
            live=self.live,
            seeded=self.seed_words is not None,
            customers_max=self.identity.customers_max if is_roomy else 0,
        )

    def _run(self, state: State, lines: int) -> tuple[int, State]:
        """One compiled pass over the `lines` left, with room for all that it can add; what it counted is in the state."""
        self._learn_texts()
        done = int(self._room.lines[state.next - 1]["end"]) if state.next else 0
        # An event has a value per slot, a trait of five bytes at least (`"":0,`) has two.
        self._sink.reserve(
            ROWS_PER_LINE * lines, (ROWS_PER_LINE + self._slots_max) * lines + (state.data_bytes - done) // 2
        )
        if state.customers_max:
            self.identity.map.reserve(lines)
        self.repeats.reserve(lines)
        if self.seed_words is None and self._drawn_used == DRAWN_AT_ONCE:
            self._drawn[:] = np.frombuffer(os.urandom(8 * DRAWN_AT_ONCE), np.int64) & VALUE_MAX
            self._drawn_used = 0
        counted = dict.fromkeys(("applied", "duplicates", "clashes", "newcomers", "keyed"), 0)
        self._room.begin(state._replace(customers=self.identity.customers, drawn=self._drawn_used, **counted))
        outcome = run(self._room.address)
        state = self._room.state()
        self.identity.customers, self._drawn_used = state.customers, state.drawn
        return outcome, state

    def _learn_texts(self) -> None:
        if self._texts_learnt < len(self.dictionary):
            for text in self.dictionary.since(self._texts_learnt):
                self._texts_learnt += 1
                self._texts.add(hash_bytes(self.words, text.encode()), self._texts_learnt)

    def _collect(self, data: bytes, state: State, intake: Intake) -> None:
        """Take over what the compiled pass has counted and found."""
        intake.received += state.applied + state.duplicates
        intake.applied += state.applied
        intake.duplicates += state.duplicates
        intake.clashes += state.clashes
        for customer, start, end, is_anonymous in self._room.found("newcomers", state.newcomers):
            kind = ANONYMOUS if is_anonymous else USER
            intake.identifiers.append((customer, kind, data[start:end].decode()))
        pairs: dict[int, list[bytes]] = {}
        for row, name, name_end, value, value_end in self._room.found("keyed", state.keyed):
            pairs.setdefault(row, []).append(b'"%b":%b' % (data[name:name_end], data[value:value_end]))
        for row, members in pairs.items():
            self._sink.extras[row] = b"{%b}" % b",".join(members)
