"""A change of playbook when retention has thinned history out: what was known stays, only what is new comes from the history that is left."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.engine.playbook import Playbook
from opportune.engine.state import Memory
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, zone_offset
from opportune.profiles import RECORDS, WIDE_PLACE, point_records, roll_rows, widen_rows


class Rolled:
    """Customers' records, brought to the buckets of a moment, so that those of two states can be put together."""

    def __init__(
        self, playbook: Playbook, records: NDArray[np.uint8], wide: NDArray[np.uint8], places: Any, now_ms: int
    ) -> None:
        """`records` and `wide` (room for everybody) are changed; `places` tells how many wide ones are used, and the first free one."""
        self.layout, self.size = playbook.layout, playbook.layout.record_bytes
        self._profiles = playbook.bundle[0].profiles
        self.many = len(records) // self.size
        self.records, self.wide = records, wide
        self._bundles = np.zeros(2, RECORDS).view(np.recarray)
        point_records(self._bundles[0], records)
        point_records(self._bundles[1], wide)
        self._bundles[1].used, self._bundles[1].free = places.used, places.free
        local = now_ms + int(zone_offset(playbook.plan.zones, 0, now_ms))
        roll_rows(
            self._profiles,
            self._bundles[0],
            self._bundles[1],
            self.many,
            self.size,
            local // MS_PER_HOUR,
            local // MS_PER_DAY,
        )

    @property
    def places(self) -> NDArray[np.int32]:
        """The wide place of each customer, 0 for none."""
        words: NDArray[np.int32] = self.records.view(np.int32).reshape(self.many, self.size >> 2)[:, WIDE_PLACE >> 2]
        return words

    @property
    def used(self) -> tuple[int, int]:
        """How many wide places are used, and the first free one."""
        return int(self._bundles[1].used), int(self._bundles[1].free)

    def widen(self, rows: NDArray[np.int64]) -> None:
        """Give these customers wide places."""
        widen_rows(self._profiles, self._bundles[0], self._bundles[1], self.size, rows)

    def columns(self) -> NDArray[np.uint8]:
        """The records as u1[customers, bytes]."""
        return self.records.reshape(self.many, self.size)


def keep_known_columns(old: Memory, was: Playbook, memory: Memory, new: Playbook, missing: set[int]) -> None:
    """Put the old state's columns, but for the `missing` ones, into a memory that was built from what is left of history."""
    customers, now_ms = int(old.clock.customers), int(old.clock.now_ms)
    arrays = old.to_arrays()
    wide = np.zeros((customers + 1) * was.layout.wide_bytes, np.uint8)
    wide[: len(arrays["wide"])] = arrays["wide"]
    source = Rolled(was, arrays["records"].copy(), wide, old.wide, now_ms)
    target = Rolled(
        new, memory.arrays["records"][: customers * new.layout.record_bytes], memory.arrays["wide"], memory.wide, now_ms
    )
    known = [number for number in new.layout.columns if number not in missing]
    if was.layout.wide_bytes and new.layout.wide_bytes:
        source.widen(np.flatnonzero((source.places == 0) & (target.places != 0)))
        target.widen(np.flatnonzero((target.places == 0) & (source.places != 0)))
        _copy_wide_rings(source, target, [number for number in known if number in new.layout.wide_rings])
    before, after = source.columns(), target.columns()
    for number in known:
        (there, width), (offset, _) = was.layout.columns[number], new.layout.columns[number]
        after[:, offset : offset + width] = before[:, there : there + width]
        if number not in new.layout.rings:
            continue
        (first, narrow, buckets, stamp, _), (old_first, _, _, old_stamp, _) = (
            new.layout.rings[number],
            was.layout.rings[number],
        )
        if first >= 0:
            after[:, first : first + narrow * buckets] = before[:, old_first : old_first + narrow * buckets]
        if stamp >= 0:
            after[:, stamp : stamp + 8] = before[:, old_stamp : old_stamp + 8]
    memory.wide.used, memory.wide.free = target.used


def _copy_wide_rings(source: Rolled, target: Rolled, known: list[int]) -> None:
    rows = np.flatnonzero(target.places)
    theirs, ours = source.places[rows], target.places[rows]
    before = source.wide.reshape(-1, source.layout.wide_bytes)
    after = target.wide.reshape(-1, target.layout.wide_bytes)
    for number in known:
        (there, size), (offset, _) = source.layout.wide_rings[number], target.layout.wide_rings[number]
        after[ours, offset : offset + size] = before[theirs, there : there + size]
