"""Which customer an identifier means: 128-bit hash -> dense customer number, bounded and rebuilt from the journal."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import NOBODY, Arrays, FactBatch, FactKind, compiled_leaf
from opportune.intake.fingerprints import FingerprintMap

CUSTOMERS_MAX = 20_000_000
IDENTIFIERS_PER_CUSTOMER = 4
KINDS_TOLD_APART = 16


@compiled_leaf
def note_kind(kinds: Any, customer: int, kind: int) -> None:
    """Remember that the customer has an identifier of this kind."""
    kinds[customer] |= np.uint16(1 << min(kind, KINDS_TOLD_APART - 1))


@compiled_leaf
def _note_kinds(kinds: NDArray[np.uint16], customers: NDArray[np.uint32], codes: NDArray[np.uint16]) -> None:
    for i in range(len(customers)):
        note_kind(kinds, int(customers[i]), int(codes[i]))


class IdentityIndex:
    """Identifiers and the customers they mean; customer numbers are dense from 0.

    `kinds` u2[customers_max] holds one bit per kind of identifier that the customer has (kinds from 15 on share one).
    """

    def __init__(self, customers_max: int = CUSTOMERS_MAX, expected: int = 0) -> None:
        if not 0 < customers_max < NOBODY:
            raise ValueError(f"customers_max must lie between 1 and {NOBODY - 1:,}, not {customers_max:,}")
        self.customers_max = customers_max
        self.customers = 0
        self.map = FingerprintMap(IDENTIFIERS_PER_CUSTOMER * customers_max, expected)
        self.kinds = np.zeros(customers_max, np.uint16)

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
        note_kind(self.kinds, customer, kind)

    def forget(self, customer: int) -> None:
        """Let no identifier mean this customer any more; the same identifier later is another customer's."""
        self.map.remove(customer)
        self.kinds[customer] = 0

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
            self.map.add_all(low, high, batch.customer[rows].astype(np.int64))
            _note_kinds(self.kinds, batch.customer[rows], batch.code[rows])
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
        }

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
        return index
