"""Which customer an identifier means: 128-bit hash -> dense customer number, and which numbers are one person; rebuilt from the journal."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import NOBODY, Arrays, FactBatch, FactKind, IdentifierRule, Persons, compiled_leaf
from opportune.intake.fingerprints import FingerprintMap

CUSTOMERS_MAX = 20_000_000
IDENTIFIERS_PER_CUSTOMER = 4
KINDS_TOLD_APART = 16
MORE_MAX = 100
"""More identifiers of a kind than this are not counted: no limit may be higher."""
GROUP_MAX = 64
"""The most numbers that may be one person: far more than anybody has, and a bound for what a wrong rule can join."""


class Conflict(StrEnum):
    """Why two identifiers of one message are not one person's."""

    NOT_MERGED = "not_merged"
    TOO_MANY = "too_many"
    KEPT_APART = "kept_apart"
    GROUP_FULL = "group_full"


CONFLICT_TEXTS: dict[Conflict, tuple[str, str]] = {
    Conflict.NOT_MERGED: ("another customer has this identifier, and no kinds are defined that merge", "该标识已属于另一客户，且未定义可合并的标识类型"),
    Conflict.TOO_MANY: ("one person would have more identifiers of a kind than she may have", "同一客户的该类标识将超过允许的数量"),
    Conflict.KEPT_APART: ("the two were parted by hand, and stay apart", "两位客户曾被人工拆分，不再自动合并"),
    Conflict.GROUP_FULL: ("too many numbers would be one person", "合并到同一客户的编号过多"),
}  # fmt: skip


@compiled_leaf
def note_kind(kinds: Any, customer: int, kind: int) -> None:
    """Remember that the customer has an identifier of this kind."""
    kinds[customer] |= np.uint16(1 << min(kind, KINDS_TOLD_APART - 1))


@compiled_leaf
def _note_kinds(
    kinds: NDArray[np.uint16], customers: NDArray[np.uint32], codes: NDArray[np.uint16], fresh: NDArray[np.uint8]
) -> None:
    for i in range(len(customers)):
        slot = min(int(codes[i]), KINDS_TOLD_APART - 1)
        fresh[i] = 1 if (int(kinds[customers[i]]) >> slot) & 1 == 0 else 0
        note_kind(kinds, int(customers[i]), int(codes[i]))


@compiled_leaf
def _note_more(more: NDArray[np.int8], customers: NDArray[np.uint32], slots: NDArray[np.int64]) -> None:
    for i in range(len(customers)):
        if more[customers[i], slots[i]] < MORE_MAX:
            more[customers[i], slots[i]] += 1


def first_of_kind(
    kinds: NDArray[np.uint16], customers: NDArray[np.uint32], codes: NDArray[np.uint16]
) -> NDArray[np.uint8]:
    """Note what kinds of identifiers customers have; 1 for each that is told by a bit of its own from here on, 0 for each to be counted beside."""
    fresh = np.zeros(len(customers), np.uint8)
    _note_kinds(kinds, customers, codes, fresh)
    return fresh


MOVED_VALUES = 3
"""Values of an IDENTIFIER fact that moves a known identifier to another number: its hash, and a 1."""
_NONE: frozenset[int] = frozenset()


class IdentityIndex:
    """Identifiers and the customers they mean; customer numbers are dense from 0.

    `kinds` u2[customers_max] holds one bit per kind of identifier that the customer has (kinds from 15 on share one). `roots`
    u4[customers_max] holds the survivor's number + 1 of a number that was merged, 0 for one that was not (decision 0009).
    """

    def __init__(self, customers_max: int = CUSTOMERS_MAX, expected: int = 0) -> None:
        if not 0 < customers_max < NOBODY:
            raise ValueError(f"customers_max must lie between 1 and {NOBODY - 1:,}, not {customers_max:,}")
        self.customers_max = customers_max
        self.customers = 0
        self.map = FingerprintMap(IDENTIFIERS_PER_CUSTOMER * customers_max, expected)
        self.kinds = np.zeros(customers_max, np.uint16)
        self.roots = np.zeros(customers_max, np.uint32)
        self._persons = Persons()
        self._apart: dict[int, set[int]] = {}
        self._more = np.zeros(
            (customers_max, KINDS_TOLD_APART), np.int8
        )  # of each kind beyond the first, up to MORE_MAX

    def __len__(self) -> int:
        """How many identifiers are known."""
        return len(self.map)

    def find(self, fingerprint: tuple[int, int]) -> int:
        """The customer of an identifier's hash, or -1."""
        return self.map.get(fingerprint)

    def has_room(self, identifiers: int) -> bool:
        """Whether one more customer with that many new identifiers fits."""
        return self.customers < self.customers_max and len(self.map) + identifiers <= self.map.entries_max

    def create(self) -> int:
        """The number of a new customer. Raises OverflowError beyond `customers_max`."""
        if self.customers >= self.customers_max:
            raise OverflowError(
                f"more than {self.customers_max:,} customers; raise customers_max or start another shard"
            )
        self.customers += 1
        return self.customers - 1

    def link(self, fingerprint: tuple[int, int], kind: int, customer: int) -> None:
        """Let an unknown identifier mean `customer`. Raises OverflowError when the index is full."""
        self.map.add(fingerprint, customer)
        self._count(customer, kind)

    def _count(self, customer: int, kind: int) -> None:
        """One more identifier of a kind; the first of a kind that is told apart is its bit."""
        slot = min(kind, KINDS_TOLD_APART - 1)
        if int(self.kinds[customer]) >> slot & 1 and self._more[customer, slot] < MORE_MAX:
            self._more[customer, slot] += 1
        note_kind(self.kinds, customer, kind)

    def forget(self, customer: int) -> None:
        """Let no identifier mean this person any more, by any of her numbers; the same identifier later is another customer's."""
        for number in self.members(customer):
            self.map.remove(number)
            self.kinds[number] = 0
            self._more[number] = 0

    def root(self, customer: int) -> int:
        """The number of the person: the survivor's, where this one was merged."""
        root = int(self.roots[customer])
        return customer if root == 0 else root - 1

    def members(self, customer: int) -> list[int]:
        """All numbers of a person, ascending."""
        return self._persons.members(customer)

    @property
    def groups(self) -> Mapping[int, list[int]]:
        """The persons of several numbers: survivor -> all numbers, ascending."""
        return self._persons.groups

    def persons(self) -> list[list[int]]:
        """The numbers of everybody who was ever merged, those who were parted since among them."""
        return [*self.groups.values(), *([number] for number in self._apart if len(self.members(number)) == 1)]

    @property
    def parted(self) -> list[int]:
        """The numbers that are kept apart from others."""
        return sorted(self._apart)

    def kin(self) -> list[list[int]]:
        """The numbers that were ever joined, parted since or not, ascending."""
        found: list[list[int]] = []
        seen: set[int] = set()
        for start in sorted({*self.groups, *self._apart}):
            if start in seen:
                continue
            waiting, hers = [start], set()
            while waiting:
                number = waiting.pop()
                if number not in hers:
                    hers.add(number)
                    waiting += [*self.members(number), *self._apart.get(number, ())]
            seen |= hers
            found.append(sorted(hers))
        return found

    def how_many(self, customer: int, kind: int) -> int:
        """How many identifiers of a kind a person has."""
        slot = min(kind, KINDS_TOLD_APART - 1)
        return sum(
            (int(self.kinds[number]) >> slot & 1) + int(self._more[number, slot]) for number in self.members(customer)
        )

    def conflict(self, one: int, other: int, limits: Iterable[tuple[int, int]]) -> Conflict | None:
        """Why two persons must not become one, or None. `limits` are (kind, most) of the kinds that have a limit."""
        mine, theirs = self.members(one), self.members(other)
        if any(self._apart.get(number, _NONE) & set(theirs) for number in mine):
            return Conflict.KEPT_APART
        if len(mine) + len(theirs) > GROUP_MAX:
            return Conflict.GROUP_FULL
        for kind, most in limits:
            if self.how_many(one, kind) + self.how_many(other, kind) > most:
                return Conflict.TOO_MANY
        return None

    def merge(self, one: int, other: int) -> tuple[int, int]:
        """Let two persons be one: (survivor, absorbed). The survivor is the lower number."""
        low, high = self._persons.merge(one, other)
        self._note_roots(self.members(low))
        return low, high

    def part(self, customer: int, leaving: Iterable[int]) -> bool:
        """Let the numbers `leaving` be another person than the rest of the group, for good; False where either would be nobody."""
        parted = self._persons.part(customer, leaving)
        for some, others in (parted, parted[::-1]) if parted is not None else ():
            self._note_roots(some)
            for number in some:
                self._apart.setdefault(number, set()).update(others)
        return parted is not None

    def _note_roots(self, members: list[int]) -> None:
        self.roots[members] = members[0] + 1
        self.roots[members[0]] = 0

    def move(self, fingerprint: tuple[int, int], kind: int, customer: int) -> None:
        """Let a known identifier mean another number."""
        self._more[self.map.get(fingerprint), min(kind, KINDS_TOLD_APART - 1)] -= 1
        self.map.put(fingerprint, customer)
        self._count(customer, kind)

    def has_other_kind(self, customer: int, kind: int) -> bool:
        """Whether the customer is known by an identifier of another kind than this one."""
        return bool(int(self.kinds[customer]) & ~(1 << min(kind, KINDS_TOLD_APART - 1)))

    def learn(self, batch: FactBatch) -> None:
        """Fold the CUSTOMER, IDENTIFIER and FORGOTTEN facts of a replayed batch. Raises OverflowError when the index is full."""
        created = batch.customer[batch.kind == FactKind.CUSTOMER]
        if len(created):
            customers = int(created.max()) + 1
            if customers > self.customers_max:
                raise OverflowError(
                    f"the journal has {customers:,} customers, more than customers_max = {self.customers_max:,}"
                )
            self.customers = max(self.customers, customers)
        rows = np.flatnonzero(batch.kind == FactKind.IDENTIFIER)
        if len(rows):
            first = batch.first[rows].astype(np.int64)
            low, high = batch.values[first].view(np.uint64), batch.values[first + 1].view(np.uint64)
            there = np.flatnonzero(low | high)  # zeros were redacted: an identifier was here
            low, high, rows = low[there], high[there], rows[there]
            numbers, kinds = batch.customer[rows], batch.code[rows]
            more = first_of_kind(self.kinds, numbers, kinds) == 0
            slots = np.minimum(kinds[more], KINDS_TOLD_APART - 1)
            _note_more(self._more, numbers[more], slots.astype(np.int64))
            for at in np.flatnonzero(np.diff(batch.first)[rows] == MOVED_VALUES).tolist():
                fingerprint = int(low[at]), int(high[at])
                before = self.map.get(fingerprint)
                if before >= 0:  # else the number that had it was forgotten since, and its own fact redacted
                    self._more[before, min(int(kinds[at]), KINDS_TOLD_APART - 1)] -= 1
                    self.map.put(fingerprint, int(numbers[at]))
            self.map.add_all(low, high, numbers.astype(np.int64))
        for at in np.flatnonzero(np.isin(batch.kind, (FactKind.MERGED, FactKind.UNMERGED))).tolist():
            if batch.kind[at] == FactKind.MERGED:
                self.merge(int(batch.customer[at]), int(batch.values[batch.first[at]]))
            else:
                leaving = msgspec.json.decode(batch.bodies[int(batch.code[at])], type=list[int])
                self.part(int(batch.customer[at]), leaving)
        for customer in batch.customer[batch.kind == FactKind.FORGOTTEN].tolist():
            if self.kinds[customer]:
                self.forget(customer)

    def to_arrays(self) -> Arrays:
        """The index as named arrays, for a snapshot; equal indexes give equal arrays."""
        low, high, customer = self.map.entries()
        return {
            "identifier_low": low,
            "identifier_high": high,
            "identifier_customer": customer.astype(np.uint32),
            "customer_kinds": self.kinds[: self.customers].copy(),
            "groups": np.frombuffer(self._encoded(), np.uint8),
        }

    def _encoded(self) -> bytes:
        numbers, slots = np.nonzero(self._more[: self.customers])
        counts = self._more[numbers, slots]
        more = [one.tolist() for one in (numbers, slots, counts)]
        apart = [[number, sorted(others)] for number, others in sorted(self._apart.items())]
        return msgspec.msgpack.encode([sorted(self.groups.values()), apart, more])

    @classmethod
    def from_arrays(cls, arrays: Arrays, customers_max: int = CUSTOMERS_MAX) -> "IdentityIndex":
        """The index that `to_arrays` wrote. Raises OverflowError when it holds more than `customers_max` customers."""
        kinds = arrays["customer_kinds"]
        if len(kinds) > customers_max:
            raise OverflowError(
                f"the snapshot has {len(kinds):,} customers, more than customers_max = {customers_max:,}"
            )
        index = cls(customers_max, expected=len(arrays["identifier_low"]))
        index.customers = len(kinds)
        index.kinds[: len(kinds)] = kinds
        index.map.add_all(
            arrays["identifier_low"], arrays["identifier_high"], arrays["identifier_customer"].astype(np.int64)
        )
        if "groups" in arrays:
            groups, apart, more = msgspec.msgpack.decode(arrays["groups"].tobytes())
            for members in groups:
                index._persons.put(members)
                index._note_roots(members)
            index._apart = {number: set(others) for number, others in apart}
            index._more[np.array(more[0], np.intp), np.array(more[1], np.intp)] = more[2]
        return index


def limits_of(rules: Mapping[str, IdentifierRule], numbers: Mapping[str, int]) -> list[tuple[int, int]]:
    """(kind, most) of the kinds of which a person has at most so many."""
    return [(numbers[name], rule.most) for name, rule in rules.items() if rule.merges and rule.most]
