"""The engine: state and playbook, and one pure step from a batch of facts to what follows from it."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.engine.candidates import BEST_WORDS
from opportune.engine.definitions import DefinitionSet, decode_body
from opportune.engine.forget import NO_KEY
from opportune.engine.migrate import contacts_of, limits_moved, migrated, needs_history
from opportune.engine.parting import Causes, Steps, numbers_parted, part
from opportune.engine.playbook import Playbook
from opportune.engine.state import CUSTOMERS_MAX, Memory
from opportune.engine.step import step
from opportune.engine.tables import BATCH, GROUP_ROOT, ROOM, batch_at
from opportune.engine.turns import (
    DECISIONS_PER_TURN_MAX,
    DERIVED_PER_TURN_MAX,
    GOALS_PER_TURN_MAX,
    LIMITS_PER_TURN_MAX,
    MOVES_PER_TURN_MAX,
)
from opportune.facts import (
    DECISION,
    DERIVED,
    DERIVED_VALUES_MAX,
    FATE,
    GOAL,
    LIMIT,
    MOVE,
    NOBODY,
    WITHHELD,
    Arrays,
    BatchBuilder,
    FactBatch,
    FactKind,
    Outputs,
    TextDictionary,
    compiled,
    point,
)
from opportune.rules import STACK_MAX

History = Callable[[int], Iterator[tuple[FactBatch, Outputs]]]
"""Gives the batches and outputs before a sequence number, oldest first: what new columns are built from."""

ROOM_ROWS = 16_384
FATE_ROWS = 65_536


class CapacityError(RuntimeError):
    """More customers than address space was reserved for."""


class Engine:
    """Folds facts into state and decisions. Nothing here reads a clock, a file or chance."""

    def __init__(
        self,
        dictionary: TextDictionary | None = None,
        *,
        customers_max: int = CUSTOMERS_MAX,
        history: History | None = None,
    ) -> None:
        """An engine with an empty playbook; a PLAYBOOK fact brings the first."""
        self.dictionary = dictionary if dictionary is not None else TextDictionary()
        self.history = history
        self.history_is_whole = True
        """False where retention dropped facts of it: what is known then stays as it is, only what is new is built."""
        self.playbook = Playbook(DefinitionSet(), dictionary=self.dictionary, version=0)
        self.memory = Memory(self.playbook, customers_max)
        self._known_texts = len(self.dictionary)
        self._prepared: tuple[Playbook, Rebuilding | None] | None = None
        self._unread: tuple[FactBatch, int, Outputs] | None = None
        self._batch = BatchPointer()
        self._room = Room(self.playbook)

    @property
    def next_seq(self) -> int:
        """The number of the next input fact."""
        return int(self.memory.clock.next_seq)

    @property
    def now_ms(self) -> int:
        """Engine time."""
        return int(self.memory.clock.now_ms)

    @property
    def customers(self) -> int:
        """How many customers there are; their numbers are 0 .. customers-1."""
        return int(self.memory.clock.customers)

    @property
    def counts(self) -> dict[str, int]:
        """Running totals since the journal began."""
        clock = self.memory.clock
        return {
            "facts": int(clock.next_seq),
            "customers": int(clock.customers),
            "decisions": int(clock.next_decision),
            "late_for_counters": int(clock.late),
            "counter_range_ends_met": int(clock.overflowed),
            "goal_instances_refused": int(self.memory.campaigns.refused),
            "open_decisions": int(self.memory.open.many),
            "open_decisions_refused": int(self.memory.open.refused),
            "detections_waiting": int(self.memory.detections.many),
            "detections_refused": int(self.memory.detections.refused),
            "forgotten": int(self.memory.clock.forgotten),
            "late_for_detectors": int(self.memory.detections.late),
        }

    def forgotten(self, first: int, rows: int) -> NDArray[np.intp]:
        """Those of the numbers first .. first+rows-1 whose customers were forgotten."""
        if not self.memory.clock.forgotten:
            return np.empty(0, np.intp)
        return np.flatnonzero(self.memory.arrays["keys"][first : first + rows] == NO_KEY) + first

    def without_customer(self, first: int, rows: int) -> NDArray[np.intp]:
        """Those of the numbers first .. first+rows-1 that are nobody's own: of customers who were forgotten, or merged into another's. They are in no audience."""
        gone = self.forgotten(first, rows)
        if not self.memory.clock.merged:
            return gone
        absorbed = self.memory.arrays["merged"][first : first + rows, GROUP_ROOT] != 0
        return np.union1d(gone, np.flatnonzero(absorbed) + first).astype(np.intp)

    def to_arrays(self) -> Arrays:
        """The state, for a snapshot; views of live memory, to be copied or written before the next batch."""
        return self.memory.to_arrays()

    def load_arrays(self, body: bytes, arrays: Arrays) -> None:
        """Start from a snapshot: the body of the playbook in force, and what `to_arrays` gave under it. Raises StateLayoutError."""
        decoded = decode_body(body)
        self.playbook = Playbook(
            decoded.definitions, numbers=decoded.numbers, dictionary=self.dictionary, version=decoded.version
        )
        self.memory = Memory(self.playbook, self.memory.customers_max)
        self.memory.load_arrays(arrays)
        self._known_texts = len(self.dictionary)
        self._room = Room(self.playbook)

    def rebuilding(self, playbook: Playbook) -> "Rebuilding | None":
        """What a playbook will need of history, to be folded ahead, beside this engine; None where nothing is missing. With the engine at rest."""
        if not needs_history(self.memory, self.playbook, playbook):
            return None
        copied = TextDictionary(self.dictionary.since(0))
        return Rebuilding(playbook, copied, self.memory.customers_max, self._groups())

    def prepare(self, playbook: Playbook, rebuilding: "Rebuilding | None" = None) -> None:
        """A playbook that has been compiled already, to be used when its PLAYBOOK fact comes; and what was folded for it up to that fact."""
        self._prepared = playbook, rebuilding

    def replay_alone(self) -> None:
        """From here on limits are told by LIMIT facts instead of counted: for the replay of a single customer."""
        self.memory.clock.alone = 1

    def process(self, batch: FactBatch) -> Outputs:
        """Process all facts of a batch, in order. Raises CapacityError before any fact since the batch's last playbook is taken in."""
        return self._process(batch, self._room)

    def trace(self, batch: FactBatch) -> tuple[Outputs, NDArray[Any]]:
        """Like `process`, and the fate of every candidate (array FATE): the same kernel entry, told to write more."""
        traced: list[NDArray[Any]] = []
        outputs = self._process(batch, Room(self.playbook, traced))
        return outputs, np.concatenate([np.empty(0, FATE), *traced])

    def suppose(self, batch: FactBatch) -> Outputs:
        """Like `process`, for facts that nobody stated: they take no number, so that those that follow keep theirs."""
        seq = self.next_seq
        outputs = self.process(batch)
        self.memory.clock.next_seq = seq
        return outputs

    def _process(self, batch: FactBatch, room: "Room") -> Outputs:
        self._admit(batch)
        if not batch.bodies:  # only PLAYBOOK and UNMERGED facts have them
            return self._run(batch, 0, len(batch), room)
        apart = np.flatnonzero(np.isin(batch.kind, (FactKind.PLAYBOOK, FactKind.UNMERGED)))
        parts, start = [], 0
        for at in apart.tolist():
            parts.append(self._run(batch, start, at, room))
            self._unread = (batch, at, Outputs.concatenate(parts))
            body = batch.bodies[int(batch.code[at])]
            if batch.kind[at] == FactKind.PLAYBOOK:
                parts.append(self.publish(body))
                room = self._room if room.traced is None else Room(self.playbook, room.traced)
            else:
                self._part(int(batch.customer[at]), numbers_parted(body))
            self._unread = None
            parts.append(self._run(batch, at, at + 1, room))
            start = at + 1
        parts.append(self._run(batch, start, len(batch), room))
        return Outputs.concatenate(parts)

    def _admit(self, batch: FactBatch) -> None:
        for text in batch.texts:
            self.dictionary.intern(text)
        if len(self.dictionary) != self._known_texts:
            self.playbook.grow()
            self._known_texts = len(self.dictionary)

    def publish(self, body: bytes) -> Outputs:
        """Put the playbook of a PLAYBOOK fact in force; state moves to its layout. Returns the limits that it closed or opened."""
        decoded = decode_body(body)
        playbook, rebuilding = self._prepared or (None, None)
        if playbook is None or (playbook.version, playbook.fingerprint) != (decoded.version, decoded.fingerprint):
            rebuilding = None
            playbook = Playbook(
                decoded.definitions, numbers=decoded.numbers, dictionary=self.dictionary, version=decoded.version
            )
        self._prepared = None
        before, to_be = self.memory, playbook
        self.memory = migrated(
            before, self.playbook, playbook, lambda: self._rebuilt(to_be, rebuilding), whole=self.history_is_whole
        )
        self.playbook = playbook
        playbook.grow()
        self._known_texts = len(self.dictionary)
        self._room = Room(self.playbook)
        return Outputs.from_arrays({"limits": limits_moved(before, self.memory)})

    def _part(self, customer: int, leaving: list[int]) -> None:
        """The numbers `leaving` are another person than the rest of the group of `customer`; both are derived from history anew.

        Who was forgotten stays so: of her nothing is derived.
        """
        if len(self.forgotten(customer, 1)):
            return
        first = self.next_seq - (self._unread[1] if self._unread is not None else 0)

        def fold(many: int, merged: NDArray[np.int32], steps: Steps) -> Memory:
            aside = folding_aside(self.playbook, self.dictionary, many, merged)
            for one in steps:
                if isinstance(one, bytes):
                    aside.playbook.count_contacts_by(decode_body(one))
                else:
                    aside._run(one, 0, len(one), aside._room)
            aside._run(tick(self.now_ms), 0, 1, aside._room)
            return aside.memory

        past = itertools.chain(
            ((batch, len(batch), outputs) for batch, outputs in (self.history(first) if self.history else ())),
            () if self._unread is None else (self._unread,),
        )
        part(self.playbook, self.memory, customer, leaving, past, fold)

    def _groups(self) -> NDArray[np.int32]:
        """The groups of now, i4[customers, 2] (GROUP_ROOT, GROUP_NEXT); no rows while nobody was merged."""
        return self.memory.arrays["merged"][: self.customers if self.memory.clock.merged else 0].copy()

    def _rebuilt(self, playbook: Playbook, rebuilding: "Rebuilding | None") -> Memory:
        """The state that all history folds to under this playbook's columns: what new counters and rings are taken from.

        What was folded ahead counts only where nobody was merged or parted since it began: whose a fact is must not depend on when one began.
        """
        first = self.next_seq - (self._unread[1] if self._unread is not None else 0)
        groups = self._groups()
        if rebuilding is None or rebuilding.end_seq != first or not rebuilding.folds(groups):
            rebuilding = Rebuilding(playbook, self.dictionary, self.memory.customers_max, groups)
            for batch, outputs in self.history(first) if self.history is not None else ():
                rebuilding.take(batch, outputs)
        if self._unread is not None:  # what this batch held before the playbook is not in the journal yet
            batch, end, outputs = self._unread
            rebuilding.take(batch, outputs, end)
        return rebuilding.memory

    def _refold(self, batch: FactBatch, end: int, outputs: Outputs) -> None:
        """Fold the first `end` facts of a batch and the contacts made then, each as the playbook then in force meant it."""
        start = 0
        for at in [*np.flatnonzero(batch.kind[:end] == FactKind.PLAYBOOK).tolist(), end]:
            seq = self.next_seq
            self._run(batch, start, at, self._room)
            self._fold_contacts(outputs, seq, self.next_seq)
            if at < end:
                self.playbook.count_contacts_by(decode_body(batch.bodies[int(batch.code[at])]))
            start = at

    def _fold_contacts(self, outputs: Outputs, first: int, end: int) -> None:
        """Fold the contacts that inputs first .. end-1 led to; they are no inputs, so they take no number."""
        _, contacts = contacts_of(outputs, first, end)
        if self.memory.clock.forgotten:  # who was forgotten among these facts has had none
            contacts = contacts.take(np.flatnonzero(self.memory.arrays["keys"][contacts.customer] != NO_KEY))
        if len(contacts):
            self._run(contacts, 0, len(contacts), self._room)
            self.memory.clock.next_seq = end

    def _run(self, batch: FactBatch, start: int, end: int, room: "Room") -> Outputs:
        if start == end:
            return _NOTHING
        self.memory.ensure_pools(end - start)
        self._batch.point(batch)
        done = step(self.playbook.address, self.memory.address, self._batch.address, room.address, start, end)
        if done < 0:
            raise CapacityError(
                f"room for {self.memory.customers_max:,} customers is reserved; set customers_max higher and start again"
            )
        outputs = room.empty()
        if done == end:
            return outputs
        parts = [outputs]
        while done < end:
            self.memory.ensure_pools(end - done)
            done = step(self.playbook.address, self.memory.address, self._batch.address, room.address, done, end)
            parts.append(room.empty())
        return Outputs.concatenate(parts)


def folding_aside(
    playbook: Playbook, dictionary: TextDictionary, customers_max: int, groups: NDArray[np.int32]
) -> Engine:
    """An engine that folds history under this playbook without deciding, with these `groups`: whose a fact is does not depend on when they merged."""
    aside = Engine(dictionary, customers_max=customers_max)
    aside.playbook = playbook.without_decisions(dictionary)
    aside.playbook.grow()
    aside.memory = Memory(playbook, customers_max)
    aside._room = Room(aside.playbook)
    aside.memory.arrays["merged"][: len(groups)] = groups
    aside.memory.clock.merged = int(groups.any())
    return aside


class Rebuilding:
    """All history folded under a playbook that is not in force yet, batch after batch: beside the engine, where `dictionary` is a copy.

    `groups` i4[customers, 2] are the groups of numbers that are one person each, when it began.
    """

    def __init__(
        self, playbook: Playbook, dictionary: TextDictionary, customers_max: int, groups: NDArray[np.int32]
    ) -> None:
        self._aside = folding_aside(playbook, dictionary, customers_max, groups)
        self._groups = groups
        self._causes = Causes()

    @property
    def end_seq(self) -> int:
        """The number of the fact to be taken next."""
        return self._aside.next_seq

    @property
    def memory(self) -> Memory:
        """The state so far."""
        return self._aside.memory

    def folds(self, groups: NDArray[np.int32]) -> bool:
        """Whether these are still the groups that it began with."""
        known = len(self._groups)
        return np.array_equal(self._groups, groups[:known]) and not groups[known:].any()

    def take(self, batch: FactBatch, outputs: Outputs, end: int | None = None) -> None:
        """Fold the next batch, or the first `end` facts of it, with what the engine made of it then."""
        self._aside._admit(batch)
        told = self._causes.attribute(batch, outputs, self.end_seq)
        self._aside._refold(batch, len(batch) if end is None else end, told)


@compiled
def point_batch(
    address: int,
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    customer: NDArray[np.uint32],
    at_ms: NDArray[np.int64],
    now_ms: NDArray[np.int64],
    first: NDArray[np.uint32],
    values: NDArray[np.int64],
) -> None:
    """Fill a BATCH bundle: the addresses of a batch's columns."""
    batch = batch_at(address)
    batch.kind, batch.kind_rows = kind.ctypes.data, len(kind)
    batch.code, batch.code_rows = code.ctypes.data, len(code)
    batch.customer, batch.customer_rows = customer.ctypes.data, len(customer)
    batch.at_ms, batch.at_ms_rows = at_ms.ctypes.data, len(at_ms)
    batch.now_ms, batch.now_ms_rows = now_ms.ctypes.data, len(now_ms)
    batch.first, batch.first_rows = first.ctypes.data, len(first)
    batch.values, batch.values_rows = values.ctypes.data, len(values)


class BatchPointer:
    """The BATCH bundle, pointed at one FactBatch after the other."""

    def __init__(self) -> None:
        self._bundle = np.zeros(1, BATCH)
        self.address = int(self._bundle.ctypes.data)

    def point(self, batch: FactBatch) -> None:
        """Point at a batch, which must be kept alive while the kernel reads it. Raises ValueError for a column of another type."""
        columns: tuple[NDArray[Any], ...] = (
            batch.kind,
            batch.code,
            batch.customer,
            batch.at_ms,
            batch.now_ms,
            batch.first,
            batch.values,
        )
        for column, dtype in zip(columns, _COLUMN_TYPES, strict=True):
            if column.dtype != dtype or not column.flags.c_contiguous:
                raise ValueError(f"a column of the batch is not contiguous {dtype}")
        point_batch(self.address, *columns)


_COLUMN_TYPES = tuple(np.dtype(kind) for kind in ("u1", "u2", "u4", "i8", "i8", "u4", "i8"))


class Room:
    """The arrays behind a ROOM bundle: where the kernel writes outputs, and its scratch."""

    def __init__(self, playbook: Playbook, traced: list[NDArray[Any]] | None = None) -> None:
        """Room under a playbook; with `traced`, fates are written and appended to that list."""
        limits = len(playbook.plan.campaigns.limits) + LIMITS_PER_TURN_MAX
        fates = max(FATE_ROWS, playbook.plan.figures["fates_per_turn"]) if traced is not None else 0
        derived = ROOM_ROWS + DERIVED_PER_TURN_MAX
        self.arrays: dict[str, NDArray[Any]] = {
            "decisions": np.zeros(ROOM_ROWS + DECISIONS_PER_TURN_MAX, DECISION),
            "goals": np.zeros(ROOM_ROWS + GOALS_PER_TURN_MAX, GOAL),
            "withheld": np.zeros(ROOM_ROWS, WITHHELD),
            "limits": np.zeros(max(ROOM_ROWS, limits), LIMIT),
            "moves": np.zeros(ROOM_ROWS + MOVES_PER_TURN_MAX, MOVE),
            "derived": np.zeros(derived, DERIVED),
            "derived_values": np.zeros((derived, DERIVED_VALUES_MAX), np.int64),
            "fates": np.zeros(fates, FATE),
            "regs": np.zeros(playbook.registers_size, np.int64),
            "stack": np.zeros(STACK_MAX, np.int64),
            "best": np.zeros((3, BEST_WORDS), np.int64),
        }
        self.traced = traced
        self._bundle = np.zeros(1, ROOM).view(np.recarray)
        point(self._bundle[0], self.arrays)
        self._used = self._bundle["used"].view(np.int64)
        self.address = int(self._bundle.ctypes.data)

    def empty(self) -> Outputs:
        """Take out what the kernel has written."""
        used = self._used.tolist()
        if not any(used):
            return _NOTHING
        decisions, goals, withheld, limits, moves, derived, fates = used
        told: NDArray[Any] = self.arrays["derived"][:derived].copy()
        told["values"] = self.arrays["derived_values"][:derived]
        outputs = Outputs(
            self.arrays["decisions"][:decisions].copy(),
            self.arrays["goals"][:goals].copy(),
            self.arrays["withheld"][:withheld].copy(),
            self.arrays["limits"][:limits].copy(),
            self.arrays["moves"][:moves].copy(),
            told,
        )
        if fates and self.traced is not None:
            self.traced.append(self.arrays["fates"][:fates].copy())
        self._used[:] = 0
        return outputs


def tick(now_ms: int) -> FactBatch:
    """A batch of one TICK."""
    builder = BatchBuilder()
    builder.add(FactKind.TICK, 0, NOBODY, now_ms, now_ms)
    return builder.build()


_NOTHING = Outputs.from_arrays({})
