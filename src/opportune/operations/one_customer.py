"""One customer's facts out of the journal, and an engine in which she lives alone: what explain and the customer view stand on.

The journal is read without its lock, so both work beside a writer. Limits are told by what was journaled of them, and time by the
engine time that the other customers' facts had brought it to; so nothing of them is needed to decide for her again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import GROUP_ROOT, Engine, History, Playbook, PlaybookBody, decode_body, numbers_parted
from opportune.facts import (
    DECISION,
    DERIVED,
    GOAL,
    MOVE,
    MS_PER_MINUTE,
    NOBODY,
    Arrays,
    BatchBuilder,
    FactBatch,
    FactKind,
    Outputs,
    TextDictionary,
    contacts_made,
    owners_of_marks,
)
from opportune.journal import Group
from opportune.operations.deployment import DeploymentError, journal_of
from opportune.operations.who import open_people
from opportune.profiles import RECORD_BYTES_ALONE_MAX

ALONE = 0
"""Her number in an engine of her own: that of the number known longest, where several are hers."""
_BEFORE, _FACT, _AFTER = range(3)


class CustomerFact(NamedTuple):
    """One fact: its number, the columns of FactBatch, and the engine time it was met at (which never goes back).

    `place` is which of her numbers it names, in their order; `leaving` the places that an UNMERGED fact parts from the others.
    """

    seq: int
    kind: int
    code: int
    at_ms: int
    now_ms: int
    values: tuple[int, ...]
    place: int = ALONE
    leaving: tuple[int, ...] = ()


class Publishing(NamedTuple):
    """A PLAYBOOK fact."""

    seq: int
    now_ms: int
    body: bytes


class Trail(msgspec.Struct):
    """All that the journal says of one customer up to `end_seq` (excluded), and what it takes to replay her.

    `members` are all the numbers that were ever hers, or of whom she was parted from, ascending; `customer` the one that is asked about, `hers`
    the places of the numbers that are hers now.
    """

    customer: int
    members: tuple[int, ...] = ()
    hers: tuple[int, ...] = (ALONE,)
    end_seq: int = 0
    now_ms: int = 0
    settled_minute: int = 0
    customers: int = 0
    facts: list[CustomerFact] = []
    playbooks: list[Publishing] = []
    limits: list[tuple[int, int, int, int]] = []  # seq, limit, closed, after how many of her marks in that fact
    sendings: list[CustomerFact] = []
    moved: dict[
        int, int
    ] = {}  # seq of each fact at which her open decisions moved, or a detector told of her -> engine time
    derived: NDArray[Any] = np.empty(0, DERIVED)
    minutes: dict[int, int] = {}  # seq of the first fact in each minute, in which deadlines end -> engine time
    texts: list[str] = []
    decisions: NDArray[Any] = np.empty(0, DECISION)
    moves: NDArray[Any] = np.empty(0, MOVE)
    goals: NDArray[Any] = np.empty(0, GOAL)

    def names(self, customers: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of these numbers are hers."""
        if len(self.members) == 1:
            return customers == self.members[0]
        return np.isin(customers, np.array(self.members, np.uint32))

    @property
    def events(self) -> list[CustomerFact]:
        """Her events, those that detectors made among them, by the fact at which they were met."""
        derived = [
            CustomerFact(int(row["seq"]), FactKind.EVENT, int(row["event"]), int(row["at_ms"]), int(row["now_ms"]), tuple(row["values"].tolist()), self.members.index(row["customer"]))
            for row in self.derived
        ]  # fmt: skip
        told = [fact for fact in self.facts if fact.kind == FactKind.EVENT] + derived
        return sorted((fact for fact in told if fact.place in self.hers), key=lambda fact: fact.seq)

    @property
    def own_facts(self) -> list[CustomerFact]:
        """Her facts, as the journal has them, without those of numbers that were hers once."""
        return [
            fact._replace(values=(self.members[fact.values[0]],)) if self._joins(fact) else fact
            for fact in self.facts
            if fact.place in self.hers
        ]

    def _joins(self, fact: CustomerFact) -> bool:
        return fact.kind == FactKind.MERGED and len(self.members) > 1

    def own(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Those of these outputs that name a number of hers."""
        return rows[np.isin(rows["customer"], np.array(self.members, np.uint32)[list(self.hers)])]

    @property
    def body(self) -> PlaybookBody | None:
        """The playbook in force at the end, or None where none was published."""
        return decode_body(self.playbooks[-1].body) if self.playbooks else None


def read_trail(folder: Path, customer: int, end_seq: int | None = None) -> Trail:
    """Read a customer's trail out of a data folder's journal, up to `end_seq` if given (she may not be known by then).

    Raises DeploymentError where there is no such customer in the whole journal, or retention has dropped facts of her time.
    """
    trail = Trail(customer, *related(folder, customer))
    outputs = []
    kept = journal_of(folder)
    for group in kept.read():
        if end_seq is not None and group.first_seq >= end_seq:
            break
        outputs.append(_read_group(trail, group, end_seq))
    for name in ("decisions", "moves", "goals"):
        setattr(trail, name, np.concatenate([getattr(trail, name), *(getattr(one, name) for one in outputs)]))
    if end_seq is None and not any(fact.kind == FactKind.CUSTOMER for fact in trail.facts):
        raise DeploymentError(f"{folder} has no customer #{customer}; it has {trail.customers:,}, from #0 on")
    if trail.facts and trail.facts[0].seq < kept.whole_seq:
        raise DeploymentError(
            f"customer #{customer} cannot be replayed: retention has dropped facts of the time since she is known; "
            "a running service shows her as she is (GET /v1/customers)"
        )
    return trail


def related(folder: Path, customer: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers that merges ever joined with a customer's, parted since or not, ascending; and the places of those that are hers now."""
    with open_people(folder) as people:
        if people is None:
            return (customer,), (ALONE,)
        members = people.related_to(customer)
        return tuple(members), tuple(members.index(number) for number in people.members_of(customer))


def row_in(engine: Engine, place: int) -> int:
    """The row in which a customer's number is by now, in an engine of her own."""
    root = int(engine.memory.arrays["merged"][place, GROUP_ROOT])
    return place if root == 0 else root - 1


def _read_group(trail: Trail, group: Group, end_seq: int | None) -> Outputs:
    """Take what is hers out of a group; returns her journaled decisions, moves and goals."""
    arrays = group.arrays
    count = group.count if end_seq is None else min(group.count, end_seq - group.first_seq)
    kind, customer = arrays["kind"][:count], arrays["customer"][:count]
    now_ms = np.maximum.accumulate(np.maximum(arrays.get("now_ms", arrays["at_ms"])[:count], trail.now_ms))
    settled = np.flatnonzero(kind != FactKind.PLAYBOOK)
    entered = now_ms[settled] // MS_PER_MINUTE
    first_of = settled[np.diff(entered, prepend=trail.settled_minute) > 0]
    trail.minutes |= dict(zip((group.first_seq + first_of).tolist(), now_ms[first_of].tolist(), strict=True))
    trail.settled_minute = int(entered[-1]) if len(entered) else trail.settled_minute
    rows = np.flatnonzero(trail.names(customer))
    publishings = np.flatnonzero(kind == FactKind.PLAYBOOK)
    if "texts" in arrays or len(publishings):
        read = FactBatch.from_arrays({name: array for name, array in arrays.items() if not name.startswith("extras")})
        trail.texts += read.texts
        for at in publishings.tolist():
            body = read.bodies[int(arrays["code"][at])]
            trail.playbooks.append(Publishing(group.first_seq + at, int(now_ms[at]), body))
    first, values = arrays["first"], arrays["values"]
    for told, facts in ((rows, trail.facts), (np.flatnonzero(kind == FactKind.SENDING), trail.sendings)):
        for at in told.tolist():
            found = tuple(values[int(first[at]) : int(first[at + 1])].tolist())
            fact = CustomerFact(group.first_seq + at, int(kind[at]), int(arrays["code"][at]), int(arrays["at_ms"][at]), int(now_ms[at]), found)  # fmt: skip
            facts.append(_placed(trail, fact, int(customer[at]), arrays) if len(trail.members) > 1 else fact)
    created = customer[kind == FactKind.CUSTOMER]
    trail.customers = max(trail.customers, int(created.max()) + 1 if len(created) else 0)
    trail.end_seq = group.first_seq + count
    trail.now_ms = int(now_ms[-1]) if count else trail.now_ms
    return _outputs_of(trail, arrays, group.first_seq, trail.end_seq)


def _placed(trail: Trail, fact: CustomerFact, customer: int, arrays: Arrays) -> CustomerFact:
    """A fact of a customer with several numbers: by the places of those it names."""
    places = {number: place for place, number in enumerate(trail.members)}
    if fact.kind == FactKind.MERGED:
        return fact._replace(place=places[customer], values=(places[fact.values[0]],))
    if fact.kind == FactKind.UNMERGED:
        read = FactBatch.from_arrays({name: array for name, array in arrays.items() if not name.startswith("extras")})
        leaving = numbers_parted(read.bodies[fact.code])
        return fact._replace(place=places[customer], leaving=tuple(places[one] for one in leaving if one in places))
    return fact._replace(place=places.get(customer, ALONE))


def _outputs_of(trail: Trail, arrays: Arrays, first_seq: int, end_seq: int) -> Outputs:
    outputs = Outputs.from_arrays(arrays)
    for rows in (outputs.moves, outputs.derived):
        hers = rows[(rows["seq"] < end_seq) & trail.names(rows["customer"])]
        trail.moved |= dict(zip(hers["seq"].tolist(), hers["now_ms"].tolist(), strict=True))
        if rows is outputs.derived:
            trail.derived = np.concatenate([trail.derived, hers])
    for row in outputs.limits[outputs.limits["seq"] < end_seq]:
        seq, marks = int(row["seq"]), int(row["marks"])
        owners = owners_of_marks(outputs, seq, int(arrays["customer"][seq - first_seq]))
        # A version that told no places wrote 0: a closing came of the fact, so of its first decision.
        place = sum(owner in trail.members for owner in owners[:marks]) if marks else int(row["closed"])
        trail.limits.append((seq, int(row["limit"]), int(row["closed"]), place))
    own = {
        name: rows[trail.names(rows["customer"]) & (rows["seq"] < end_seq)].copy()
        for name in ("decisions", "moves", "goals")
        if len(rows := getattr(outputs, name))
    }
    return Outputs.from_arrays(own)


class OneCustomer:
    """An engine that replays a trail. `play` goes on up to a fact; `trace` takes that fact and tells every candidate's fate.

    `decisions` and `moves` are what came of it, with the numbers of the journal (those of decisions are told by their order).
    """

    def __init__(self, trail: Trail, *, every_tag: bool = False) -> None:
        """With `every_tag` the last playbook gets a column for each tag of the catalogue, not only for those its rules use."""
        self.trail = trail
        self._done: list[tuple[FactBatch, Outputs]] = []
        history: History = lambda _before: iter(self._done)  # noqa: E731 - a name for its type
        self.engine = Engine(TextDictionary(trail.texts), customers_max=len(trail.members), history=history)
        self.engine.replay_alone()
        self.decisions: list[NDArray[Any]] = []
        self.moves: list[NDArray[Any]] = []
        self._every_tag = every_tag
        self._seqs: list[int] = []
        self._numbers = {int(number): alone for alone, number in enumerate(trail.decisions["number"])}
        self._steps = list(_steps(trail))
        self._at = 0

    @property
    def row(self) -> int:
        """The row of the customer who is asked about, where she is by now."""
        return row_in(self.engine, self.trail.members.index(self.trail.customer))

    def play(self, before_seq: int) -> None:
        """Process everything before the fact `before_seq`, closings of limits that it caused not included."""
        builder = BatchBuilder()
        while self._at < len(self._steps) and self._steps[self._at][:2] < (before_seq, _FACT):
            seq, _, step = self._steps[self._at]
            if isinstance(step, Publishing):
                self._process(builder)
                builder = BatchBuilder()
                self._publish(step)
            else:
                self._add(builder, seq, step)
            self._at += 1
        self._process(builder)

    @property
    def waiting(self) -> CustomerFact:
        """The fact that `play` stopped before."""
        step = self._steps[self._at][2]
        assert isinstance(step, CustomerFact)
        return step

    def trace(self) -> tuple[Outputs, NDArray[Any]]:
        """Take the fact that `play` stopped before: its outputs, and the fate of every candidate (array FATE)."""
        seq, step = self._steps[self._at][0], self.waiting
        builder = BatchBuilder()
        self._add(builder, seq, step)
        batch = builder.build()
        outputs, fates = self.engine.trace(batch)
        self._keep(batch, outputs)
        self._at += 1
        return outputs, fates

    @property
    def contacts(self) -> int:
        """How many contacts of hers have counted so far, those that another system stated among them."""
        stated = sum(int((batch.kind == FactKind.CONTACT).sum()) for batch, _ in self._done)
        return stated + sum(len(contacts_made(outputs)) for _, outputs in self._done)

    def _publish(self, step: Publishing) -> None:
        if self._every_tag and step.seq == self.trail.playbooks[-1].seq:
            wide = with_every_tag(step.body, self.engine.dictionary)
            if wide is not None:
                self.engine.prepare(wide)
        builder = BatchBuilder()
        builder.add_body(FactKind.PLAYBOOK, step.body, step.now_ms)
        self._seqs.append(step.seq)
        self._process(builder)

    def _add(self, builder: BatchBuilder, seq: int, step: "CustomerFact | LimitTold") -> None:
        self._seqs.append(seq)
        if isinstance(step, LimitTold):
            builder.add(FactKind.LIMIT, step.limit, NOBODY, 0, 0, (step.closed, step.after))
            return
        values = step.values
        if step.kind == FactKind.UNMERGED:
            body = msgspec.json.encode(step.leaving)
            builder.add_body(step.kind, body, step.at_ms, step.now_ms, step.place)
            return
        if step.kind == FactKind.RECEIPT:  # her decisions are numbered from 0 here
            values = (self._numbers.get(values[0], -1), *values[1:])
        nobody = step.kind in (FactKind.TICK, FactKind.SENDING)
        builder.add(step.kind, step.code, NOBODY if nobody else step.place, step.at_ms, step.now_ms, values)

    def _process(self, builder: BatchBuilder) -> None:
        if len(builder):
            batch = builder.build()
            self._keep(batch, self.engine.process(batch))

    def _keep(self, batch: FactBatch, outputs: Outputs) -> None:
        self._done.append((batch, outputs))
        seqs, numbers = np.array(self._seqs, np.int64), self.trail.decisions["number"]
        if len(outputs.decisions):
            made = outputs.decisions.copy()
            made["seq"] = seqs[made["seq"]]
            made["customer"] = np.array(self.trail.members, np.uint32)[made["customer"]]
            self.decisions.append(made)
        if len(outputs.moves):
            moved = outputs.moves.copy()
            moved["seq"], moved["decided_seq"] = seqs[moved["seq"]], seqs[moved["decided_seq"]]
            known = moved["decision"] < len(numbers)
            moved["decision"][known] = numbers[moved["decision"][known]]
            moved["customer"] = np.array(self.trail.members, np.uint32)[moved["customer"]]
            self.moves.append(moved)


class LimitTold(NamedTuple):
    """A limit that closed or opened, after how many of her moves and decisions within the next step."""

    limit: int
    closed: int
    after: int


Step = tuple[int, int, CustomerFact | Publishing | LimitTold]


def _steps(trail: Trail) -> Iterator[Step]:
    """What to process, in order: a limit is told before the fact that it is journaled with, and takes effect at its place in that fact.

    Where another's fact ended a deadline of hers, time passes. Of the time before she was known only the playbook then in force, the
    limits then closed and a stop of all sending matter.
    """
    born = trail.facts[0].seq
    first = max((step.seq for step in trail.playbooks if step.seq < born), default=-1)
    publishings = [step for step in trail.playbooks if step.seq >= first]
    published = {step.seq for step in publishings}
    steps: list[Step] = [(step.seq, _FACT, step) for step in publishings]
    steps += [(fact.seq, _FACT, fact) for fact in (*trail.facts, *trail.sendings)]
    known = {seq for seq, _, _ in steps}
    # What a detector that is published later would have told before follows from when it would have been noticed.
    later = any(step.seq > born and decode_body(step.body).definitions.detectors for step in publishings)
    passing = trail.moved | ({seq: now for seq, now in trail.minutes.items() if seq > born} if later else {})
    for seq, now_ms in passing.items():
        if seq not in known:
            steps.append((seq, _FACT, CustomerFact(seq, FactKind.TICK, 0, now_ms, now_ms, ())))
    known |= passing.keys()
    told: dict[int, int] = {}
    for seq, limit, closed, after in trail.limits:
        if seq <= first:
            told[limit] = closed
        elif seq in published:
            steps.append((seq, _AFTER, LimitTold(limit, closed, 0)))
        else:
            steps.append((seq, _BEFORE, LimitTold(limit, closed, after if seq in known else 0)))
    steps += [(first, _AFTER, LimitTold(limit, closed, 0)) for limit, closed in told.items()]
    return iter(sorted(steps, key=lambda step: step[:2]))


def with_every_tag(body: bytes, dictionary: TextDictionary) -> Playbook | None:
    """A playbook with a column for every tag; None where a record would become too large for that."""
    decoded = decode_body(body)
    tags = tuple(decoded.definitions.tags)
    try:
        playbook = Playbook(
            decoded.definitions, numbers=decoded.numbers, dictionary=dictionary, version=decoded.version, also_hot=tags,
            record_bytes_max=RECORD_BYTES_ALONE_MAX,
        )  # fmt: skip
    except ValueError:
        return None
    playbook.fingerprint = decoded.fingerprint  # an earlier version's, of definitions that had fewer keys
    return playbook


def same_decisions(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays hold the same decisions, their running numbers (which count all customers') aside."""
    names = [name for name in DECISION.names or () if name != "number"]
    return len(one) == len(other) and all(np.array_equal(one[name], other[name]) for name in names)
