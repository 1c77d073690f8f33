"""One timeline over all sources: what a customer did, what was said of her, decided for her and became of it; the newest first."""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import (
    DERIVED,
    GOAL,
    NO_TOUCHPOINT,
    NULL,
    Answer,
    Arm,
    Arrays,
    FactKind,
    GoalKind,
    MoveKind,
    Outcome,
    Outputs,
    Reason,
    TextDictionary,
    ValueType,
)
from opportune.journal import JournalReader
from opportune.operations.kept_facts import KeptFacts
from opportune.operations.names import Names
from opportune.warehouse import CONTACT_KINDS, CONTACT_MOVES, CustomerReader, CustomerRows, StoredFact

Value = str | int | bool | list[str] | None
PAGE_MAX = 500
END = 2**63 - 1


class Entry(msgspec.Struct, frozen=True):
    """One thing that happened. `kind` says what `name` is: event (its type), tags, decision, move, goal, contact, response (their campaign),
    consent (its purpose), touch and receipt (the touchpoint), identifier (its kind), created, do_not_disturb. `at` is local time of the deployment.
    """

    seq: int
    at_ms: int
    at: str
    kind: str
    name: str
    title: str
    details: dict[str, Value]


class Types(msgspec.Struct, frozen=True):
    """The types that the playbook in force gives to events' properties and to tags."""

    events: dict[str, dict[str, ValueType]]
    tags: dict[str, ValueType]


class Telling:
    """Puts a customer's rows into words."""

    def __init__(self, names: Names, types: Types, dictionary: TextDictionary) -> None:
        self.names, self.types, self.dictionary = names, types, dictionary

    def entries(self, rows: CustomerRows) -> list[Entry]:
        """All that rows say, the newest first; what a fact led to comes before it."""
        found: list[tuple[tuple[int, int, int], Entry]] = []
        found += [((fact.seq, 0, 0), self.fact(fact)) for fact in rows.facts]
        for order, (array, tell) in enumerate(
            (
                (rows.derived, self.derived),
                (rows.decisions, self.decision),
                (rows.moves, self.move),
                (rows.goals, self.goal),
            ),
            1,
        ):
            found += [((int(row["seq"]), order, place), tell(row)) for place, row in enumerate(array)]
        return [entry for _, entry in sorted(found, key=lambda one: one[0], reverse=True)]

    def derived(self, row: Any) -> Entry:
        """An event that a detector made, in words."""
        values = tuple(row["values"].tolist())
        event = (int(row["seq"]), FactKind.EVENT, int(row["event"]), int(row["at_ms"]), int(row["now_ms"]), values)
        return self.fact(StoredFact(*event))

    def fact(self, fact: StoredFact) -> Entry:
        """A fact in words."""
        names, v, kind = self.names, fact.values, FactKind(fact.kind)
        match kind:
            case FactKind.EVENT:
                name = names.name("event", fact.code)
                types = self.types.events.get(name, {})
                found = zip(types.items(), v, strict=False)
                return self._said(
                    fact, "event", name, "event", {p: self._value(x, t) for (p, t), x in found if x != NULL}
                )
            case FactKind.TAGS_SET:
                tags = [(names.name("tag", number), value) for number, value in zip(v[::2], v[1::2], strict=True)]
                told = {
                    name: self._value(value, self.types.tags[name]) for name, value in tags if name in self.types.tags
                }
                return self._said(fact, "tags", "", "", told)
            case FactKind.CONTACT:
                told = {"touchpoint": names.touchpoint(v[0]), "offer": names.offer(v[1]) or None, "made": "elsewhere"}
                return self._said(fact, "contact", names.campaign(fact.code), "campaign", told)
            case FactKind.CONSENT:
                channel = "*" if v[0] == NULL else names.name("channel", v[0])
                return self._said(
                    fact, "consent", names.name("purpose", fact.code), "", {"channel": channel, "given": v[1] == 1}
                )
            case FactKind.RESPONSE:
                return self._said(
                    fact, "response", names.campaign(fact.code), "campaign", {"answer": Answer(v[0]).name.lower()}
                )
            case FactKind.TOUCH:
                return self._said(fact, "touch", names.touchpoint(fact.code), "touchpoint", {"slots": v[0]})
            case FactKind.RECEIPT:
                return self._said(fact, "receipt", names.touchpoint(fact.code), "touchpoint", self._receipt(v))
            case FactKind.IDENTIFIER:
                return self._said(fact, "identifier", names.name("identifier", fact.code), "", {})
            case FactKind.MERGED:
                return self._said(fact, "merged", "", "", {"absorbed": v[0]})
            case FactKind.DO_NOT_DISTURB:
                return self._said(fact, "do_not_disturb", "", "", {"listed": v[0] == 1})
        return self._said(fact, "created" if kind is FactKind.CUSTOMER else kind.name.lower(), "", "", {})

    def decision(self, row: Any) -> Entry:
        """A decision in words."""
        told: dict[str, Value] = {
            "number": int(row["number"]), "offer": self.names.offer(int(row["offer"])), "arm": Arm(int(row["arm"])).name.lower(),
            "touchpoint": self.names.touchpoint(int(row["touchpoint"])) or None, "cost": self.names.money(int(row["cost"])),
        }  # fmt: skip
        return self._output(row, "now_ms", "decision", told)

    def move(self, row: Any) -> Entry:
        """What became of a decision, in words."""
        told: dict[str, Value] = {
            "decision": int(row["decision"]), "move": MoveKind(int(row["kind"])).name.lower(), "reason": Reason(int(row["reason"])).name,
            "touchpoint": self.names.touchpoint(int(row["touchpoint"])) or None,
        }  # fmt: skip
        if int(row["until_ms"]):
            told["until"] = self.names.moment(int(row["until_ms"]))
        return self._output(row, "now_ms", "move", told)

    def goal(self, row: Any) -> Entry:
        """What became of a goal, in words."""
        told: dict[str, Value] = {
            "goal": GoalKind(int(row["kind"])).name.lower(),
            "arm": Arm(int(row["arm"])).name.lower(),
        }
        if int(row["value"]) != NULL:
            told["value"] = self.names.money(int(row["value"]))
        return self._output(row, "at_ms", "goal", told)

    def _receipt(self, v: tuple[int, ...]) -> dict[str, Value]:
        told: dict[str, Value] = {
            "decision": v[0],
            "outcome": Outcome(v[1]).name.lower(),
            "campaign": self.names.campaign(v[2]),
        }
        if v[3] != NULL and 1 <= v[3] <= len(self.dictionary):
            told["reason"] = self.dictionary.text(v[3])
        return told

    def _said(self, fact: StoredFact, kind: str, name: str, family: str, details: dict[str, Value]) -> Entry:
        title = self.names.title(family, name) if family else name
        return Entry(fact.seq, fact.at_ms, self.names.moment(fact.at_ms), kind, name, title, details)

    def _output(self, row: Any, at: str, kind: str, details: dict[str, Value]) -> Entry:
        name = self.names.campaign(int(row["campaign"]))
        at_ms = int(row[at])
        title = self.names.title("campaign", name)
        return Entry(int(row["seq"]), at_ms, self.names.moment(at_ms), kind, name, title, details)

    def _value(self, value: int, kind: ValueType) -> Value:
        return self.names.value(value, kind, self.dictionary)


def rows_in(
    arrays: Arrays, first_seq: int, customers: Sequence[int], end_seq: int = END, now_ms: int = 0
) -> CustomerRows:
    """A customer's rows in a journal group, up to a fact (excluded); `now_ms` is engine time before it."""
    kinds, codes, at = arrays["kind"], arrays["code"], arrays["at_ms"]
    now = np.maximum.accumulate(np.maximum(arrays.get("now_ms", at), now_ms))
    first, values = arrays["first"], arrays["values"]
    facts = [
        StoredFact(
            first_seq + row, int(kinds[row]), int(codes[row]), int(at[row]), int(now[row]),
            tuple(values[int(first[row]) : int(first[row + 1])].tolist()),
        )
        for row in np.flatnonzero(np.isin(arrays["customer"], customers)).tolist()
        if first_seq + row < end_seq
    ]  # fmt: skip
    outputs = Outputs.from_arrays(arrays)
    hers = [
        found[np.isin(found["customer"], customers) & (found["seq"] < end_seq)].copy()
        for found in (outputs.decisions, outputs.moves, outputs.goals, outputs.derived)
    ]
    return CustomerRows(facts, *hers)


def page(parts: Iterable[CustomerRows], telling: Telling, limit: int) -> tuple[list[Entry], int | None]:
    """The newest `limit` entries, or a few more: a fact and what it led to stay together. And the number to go on before, None at the end.

    `parts` give what came before what the last one gave.
    """
    entries: list[Entry] = []
    cut = limit
    for part in parts:
        entries += telling.entries(part)
        while 0 < cut < len(entries) and entries[cut].seq == entries[cut - 1].seq:
            cut += 1
        if cut < len(entries):
            return entries[:cut], entries[cut - 1].seq if cut else END
    return entries, None


_ANYTHING, _TAGS, _CONTACTS = 1, 2, 4


def _marks(arrays: Arrays) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """The customers of a group, and what kinds of rows each has in it."""
    kinds = arrays["kind"]
    told = [arrays["customer"]]
    marks = [_ANYTHING | _TAGS * (kinds == FactKind.TAGS_SET) | _CONTACTS * np.isin(kinds, CONTACT_KINDS)]
    for name, field, wanted in (
        ("decisions", "arm", (Arm.TREATED,)),
        ("moves", "kind", CONTACT_MOVES),
        ("goals", "kind", ()),
        ("derived", "event", ()),
    ):
        if name in arrays:
            told.append(arrays[name]["customer"])
            marks.append(_ANYTHING | _CONTACTS * np.isin(arrays[name][field], wanted))
    customers, place = np.unique(np.concatenate(told), return_inverse=True)
    found = np.zeros(len(customers), np.uint8)
    np.bitwise_or.at(found, place, np.concatenate(marks).astype(np.uint8))
    return customers.astype(np.uint32), found


class Tail:
    """Where the facts that are not exported yet speak of whom; read once, and remembered while it is a tail. For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._reader = JournalReader.open(folder / "journal")
        self._facts = KeptFacts(folder, self._reader.read)
        self._begin = self._end = 0
        self._seen = (-1, -1)
        self._firsts: list[int] = []
        self._customers = np.empty(0, np.uint32)
        self._marks = np.empty(0, np.uint8)
        self._groups = np.empty(0, np.int32)
        self._many = 0

    def catch_up(self, begin_seq: int) -> None:
        """Hear of what came since, and forget what is exported: facts before `begin_seq`."""
        seen = self._reader.first_seq, self._reader.bytes
        if begin_seq <= self._begin and seen == self._seen:
            return
        self._seen = seen
        if begin_seq > self._begin:
            self._forget(begin_seq)
        if not self._firsts:
            self._end = max(self._end, begin_seq)
        for group in self._facts.read(self._end):
            if group.first_seq < self._end:
                continue
            self._add(*_marks(group.arrays), group.first_seq)
            self._end = group.end_seq

    def newest(self, customers: Sequence[int], before_seq: int = END, mark: int = _ANYTHING) -> Iterator[CustomerRows]:
        """The rows of a customer's numbers group by group, the newest first; with `mark` of those groups only that have rows of that kind."""
        hers = np.isin(self._customers[: self._many], customers) & (self._marks[: self._many] & mark != 0)
        for at in np.unique(self._groups[: self._many][hers])[::-1].tolist():
            first_seq = self._firsts[at]
            if first_seq < before_seq:
                group = next(self._facts.read(first_seq))
                yield rows_in(group.arrays, group.first_seq, customers, before_seq)

    def _add(self, customers: NDArray[np.uint32], marks: NDArray[np.uint8], first_seq: int) -> None:
        needed = self._many + len(customers)
        if needed > len(self._customers):
            room = max(needed, 2 * len(self._customers), 1_024)
            self._customers, self._groups = np.resize(self._customers, room), np.resize(self._groups, room)
            self._marks = np.resize(self._marks, room)
        self._customers[self._many : needed] = customers
        self._marks[self._many : needed] = marks
        self._groups[self._many : needed] = len(self._firsts)
        self._firsts.append(first_seq)
        self._many = needed

    def _forget(self, begin_seq: int) -> None:
        gone = bisect.bisect_left(self._firsts, begin_seq)
        kept = self._groups[: self._many] >= gone
        self._customers, self._marks = self._customers[: self._many][kept], self._marks[: self._many][kept]
        self._groups = self._groups[: self._many][kept] - np.int32(gone)
        self._many = len(self._groups)
        self._firsts = self._firsts[gone:]
        self._begin = begin_seq


class History:
    """Everything that is known of customers, by all the numbers of each: the warehouse, and the journal's facts that are not there yet. For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._warehouse, self._tail = CustomerReader(folder), Tail(folder)

    def refresh(self) -> None:
        """Hear of what came since."""
        self._tail.catch_up(self._warehouse.refresh().end_seq)

    def newest(self, customers: Sequence[int], before_seq: int = END) -> Iterator[CustomerRows]:
        """Her rows, the newest first."""
        yield from self._tail.newest(customers, before_seq)
        yield from self._warehouse.newest(customers, before_seq)

    def contacts(self, customers: Sequence[int]) -> Iterator[CustomerRows]:
        """Those of her rows that may say that she was contacted or answered, the newest first."""
        yield from self._tail.newest(customers, mark=_CONTACTS)
        yield from self._warehouse.contacts(customers)

    def tags(self, customers: Sequence[int], wanted: set[int]) -> dict[int, tuple[int, int]]:
        """What was said last of the wanted tags: number -> (encoded value, ms when); those never said are left out."""
        found: dict[int, tuple[int, int]] = {}
        for rows in self._tail.newest(customers, mark=_TAGS):
            said: dict[int, tuple[int, int]] = {}
            for fact in rows.facts:
                if fact.kind == FactKind.TAGS_SET:
                    pairs = zip(fact.values[::2], fact.values[1::2], strict=True)
                    said |= {tag: (value, fact.at_ms) for tag, value in pairs}
            found = said | found
        for said in self._warehouse.tags(customers):
            found = said | found
            if wanted <= found.keys():
                break
        return found

    def close(self) -> None:
        """Let go of the files."""
        self._warehouse.close()


def contacts_in(rows: CustomerRows, telling: Telling) -> list[Entry]:
    """Contacts that counted and answers that came, the newest first: made elsewhere, with the decision itself, or shown or sent later."""
    moved = set(rows.moves["decision"].tolist())
    shown = np.isin(rows.moves["kind"], CONTACT_MOVES)
    answers = {Outcome.ACCEPTED, Outcome.CONSIDERING, Outcome.REFUSED}
    decisions = rows.decisions
    at_once = (
        (decisions["arm"] == Arm.TREATED)
        & (decisions["touchpoint"] != NO_TOUCHPOINT)
        & ~np.isin(decisions["number"], list(moved))
    )
    facts = [
        fact
        for fact in rows.facts
        if fact.kind in (FactKind.CONTACT, FactKind.RESPONSE)
        or (fact.kind == FactKind.RECEIPT and fact.values[1] in answers)
    ]
    return telling.entries(
        CustomerRows(facts, decisions[at_once], rows.moves[shown], np.empty(0, GOAL), np.empty(0, DERIVED))
    )
