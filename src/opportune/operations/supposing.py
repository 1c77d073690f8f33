"""One fact decided again, as often as asked, each time from the state before it and with something changed.

It goes through the same kernel entry as production and replay, on a copy of what one customer's own engine held; nothing is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Memory
from opportune.facts import NOBODY, NULL, Arrays, BatchBuilder, FactKind
from opportune.operations.one_customer import CustomerFact, OneCustomer, row_in
from opportune.operations.tag_values import hot_values, roll_to
from opportune.policy import DO_NOT_DISTURB_BIT, TIME_WORDS, bit_in

AGAIN_MAX = 5_000
"""Decisions that one explanation takes again; each takes some milliseconds."""
_FOR_ALL = (FactKind.LIMIT, FactKind.SENDING)


class Supposed(msgspec.Struct, frozen=True):
    """What is supposed to have been different when the fact came; by default nothing.

    `later_ms`: it happened and came so much later. `younger_ms`: it only happened so much later. `event`: value by slot. `tags`: what a tag's
    column held before, by number. `told`: facts stated just before it, as (kind, code, values). `fewer`: contacts fewer, by the ledger's
    key. Of the playbook: `levers` and `shares` (of the control group) in ppm and `valid_to` in ms by campaign, `universal` in ppm.
    """

    later_ms: int = 0
    younger_ms: int = 0
    event: dict[int, int] = {}
    tags: dict[int, int] = {}
    told: tuple[tuple[FactKind, int, tuple[int, ...]], ...] = ()
    fewer: dict[str, int] = {}
    levers: dict[int, int] = {}
    shares: dict[int, int] = {}
    valid_to: dict[int, int] = {}
    universal: int | None = None


class TooManyError(Exception):
    """AGAIN_MAX is used up."""


class Supposing:
    """Decides the fact that a customer's replay has stopped before; afterwards her engine stands behind the last decision taken so."""

    def __init__(self, alone: OneCustomer) -> None:
        self.engine, self.fact = alone.engine, alone.waiting
        self.row = row_in(self.engine, self.fact.place)
        """Where she is by then."""
        self._kept: Arrays = {name: array.copy() for name, array in self.engine.memory.to_arrays().items()}
        self.taken = 0

    def fates(self, supposed: Supposed) -> NDArray[Any]:
        """Every candidate's fate (array FATE) when the fact is decided so. Raises TooManyError."""
        if self.taken >= AGAIN_MAX:
            raise TooManyError
        self.taken += 1
        fact = self.supposed_fact(supposed)
        self._begin(supposed)
        builder = BatchBuilder()
        builder.add(fact.kind, fact.code, fact.place, fact.at_ms, fact.now_ms, fact.values)
        with self._playbook(supposed):
            _, fates = self.engine.trace(builder.build())
        return fates

    def supposed_fact(self, supposed: Supposed) -> CustomerFact:
        """The fact as it would have come."""
        fact = self.fact
        values = list(fact.values)
        for slot, value in supposed.event.items():
            values += [NULL] * (slot + 1 - len(values))
            values[slot] = value
        at_ms = fact.at_ms + supposed.later_ms + supposed.younger_ms
        return fact._replace(at_ms=at_ms, now_ms=fact.now_ms + supposed.later_ms, values=tuple(values))

    def tags_before(self, supposed: Supposed) -> dict[str, int]:
        """The values of her tags just before the fact, counters brought to its moment."""
        self._begin(supposed)
        roll_to(self.engine, self.supposed_fact(supposed).now_ms, self.row)
        return hot_values(self.engine, self.row)

    def ledger_before(self) -> NDArray[np.uint16]:
        """Her row of the contact ledger before the fact."""
        row: NDArray[np.uint16] = self._kept["ledger"][self.row]
        return row

    def _begin(self, supposed: Supposed) -> None:
        engine = self.engine
        engine.memory = Memory(engine.playbook, engine.memory.customers_max)
        engine.memory.load_arrays(self._kept)
        if supposed.tags:
            roll_to(engine, self.supposed_fact(supposed).now_ms, self.row)
            base = self.row * engine.playbook.layout.record_bytes
            for tag, value in supposed.tags.items():
                offset, width = engine.playbook.layout.columns[tag]
                narrow = -(2 ** (8 * width - 1)) if value == NULL else value
                written = np.frombuffer(narrow.to_bytes(width, "little", signed=True), np.uint8)
                engine.memory.arrays["records"][base + offset : base + offset + width] = written
        told = supposed.told
        if supposed.fewer:
            self._take_contacts(supposed.fewer)
            silent = int(bit_in(self.ledger_before(), DO_NOT_DISTURB_BIT))
            told += ((FactKind.DO_NOT_DISTURB, 0, (silent,)),)  # said again: so her blocks are worked out anew
        clock = engine.memory.clock
        limits_told, clock.told = int(clock.told), 0  # limits told of the fact itself wait for it
        for kind, code, values in told:
            builder = BatchBuilder()
            builder.add(
                kind, code, NOBODY if kind in _FOR_ALL else self.fact.place, engine.now_ms, engine.now_ms, values
            )
            engine.suppose(builder.build())
        clock.told = limits_told

    def _take_contacts(self, fewer: dict[str, int]) -> None:
        """Take so many of the newest contacts out of the rings."""
        ledger = self.engine.memory.arrays["ledger"][self.row]
        for key, many in fewer.items():
            word, length = self.engine.playbook.ledger.rings[key]
            ring = ledger[word : word + length * TIME_WORDS].copy()
            ring[: (length - many) * TIME_WORDS] = ring[many * TIME_WORDS :]
            ring[(length - many) * TIME_WORDS :] = 0
            ledger[word : word + length * TIME_WORDS] = ring

    @contextmanager
    def _playbook(self, supposed: Supposed) -> Iterator[None]:
        """Her engine's playbook with other figures, for as long as one decision takes."""
        plan, policy = self.engine.playbook.plan, self.engine.playbook.bundle[0].policy
        kept = plan.candidates.copy(), plan.campaigns.campaigns.copy(), int(policy.universal_ppm)
        try:
            for campaign, lever in supposed.levers.items():
                plan.candidates.lever_ppm[plan.candidates.campaign == campaign] = lever
            for campaign, share in supposed.shares.items():
                plan.campaigns.campaigns.control_ppm[campaign] = share
            for campaign, valid_to in supposed.valid_to.items():
                plan.campaigns.campaigns.valid_to[campaign] = valid_to
            policy.universal_ppm = kept[2] if supposed.universal is None else supposed.universal
            yield
        finally:
            plan.candidates[:], plan.campaigns.campaigns[:], policy.universal_ppm = kept
