"""Making room for state: address space reserved up front (untouched pages cost nothing), saved and loaded as arrays."""

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from opportune.campaigns import INSTANCE, OPEN_DECISION, WHEEL_SLOTS
from opportune.engine.playbook import Playbook
from opportune.engine.tables import CLOCK, LIMIT_CLOSED, LIMIT_LEFT, LIMITS_TOLD_MAX, REASONS, STATE
from opportune.engine.turns import PLACES_PER_TURN_MAX
from opportune.facts import Arrays, point
from opportune.profiles import PENDING, PENDING_SLOTS, point_records

STATE_LAYOUT = 6
"""What the arrays of a state mean; a state of another layout cannot be loaded, only folded again from the journal.

1: contact times as 64-bit words. 2: contact times of 48 bits, narrow buckets.
3: open decisions. 4: what detectors wait for, and saw last. 5: customers who were forgotten.
6: customers merged, moments of what was said.
"""
CUSTOMERS_MAX = 16_000_000
POOL_START = 4_096
RESERVED_BYTES_MIN = 1 << 22
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
POOL_PER_CUSTOMER, POOL_RESERVED_MAX = 2, 2**25
"""Places of the pools whose address space is reserved: a pool that outgrows them is copied to a larger one, which takes time."""


_PLAIN = ("keys", "ledger", "moments", "merged", "limits", "withheld", "touched", "told")
_OPEN = ("open_heads", "open_pool", "open_wheel")
_OPEN_FIGURES = ("used", "free_head", "many", "refused")
_DETECTIONS = ("pending_heads", "pending", "pending_values", "pending_wheel", "looks")
_DETECTION_FIGURES = ("used", "free_head", "many", "minute", "refused", "late")


class StateLayoutError(ValueError):
    """A saved state was laid out by another version of this program."""


class Memory:
    """The arrays behind a STATE bundle. `arrays` holds them by name; pools are replaced by larger ones as they fill."""

    def __init__(self, playbook: Playbook, customers_max: int, kept: Arrays | None = None) -> None:
        """Reserve state for up to `customers_max` customers under this playbook; arrays `kept` from another are used as they are."""
        plan = playbook.plan
        self.customers_max = customers_max
        self.record_bytes, self.wide_bytes = playbook.layout.record_bytes, playbook.layout.wide_bytes
        campaigns, limits = len(plan.campaigns.campaigns), plan.campaigns.limits
        places = min(max(POOL_START, POOL_PER_CUSTOMER * customers_max), POOL_RESERVED_MAX)
        shapes: dict[str, tuple[int | tuple[int, ...], DTypeLike]] = {
            "keys": (customers_max, np.uint64),
            "records": (customers_max * self.record_bytes, np.uint8),
            "wide": ((customers_max + 1) * self.wide_bytes, np.uint8),
            "ledger": ((customers_max, playbook.ledger.words), np.uint16),
            "moments": ((customers_max if playbook.moments.words else 0, playbook.moments.words), np.int64),
            "merged": ((customers_max, 2), np.int32),
            "heads": ((customers_max, 4), np.int32),
            "pairs": ((places, plan.campaigns.pair_words), np.int64),
            "instances": (places, INSTANCE),
            "wheel": (WHEEL_SLOTS, np.int32),
            "open_heads": (customers_max, np.int32),
            "open_pool": (places, OPEN_DECISION),
            "open_wheel": ((WHEEL_SLOTS, 2), np.int32),
            "pending_heads": (customers_max, np.int32),
            "pending": (places, PENDING),
            "pending_values": ((places, playbook.watch.value_words), np.int64),
            "pending_wheel": ((PENDING_SLOTS, 2), np.int32),
            "looks": ((customers_max, playbook.watch.look_words), np.int64),
            "told": ((LIMITS_TOLD_MAX, 3), np.int64),
            "limits": ((len(limits), 2), np.int64),
            "withheld": ((campaigns + 1, REASONS), np.int32),
            "touched": ((campaigns + 1) * REASONS, np.int32),
        }
        kept = kept or {}
        self.arrays: Arrays = {
            name: kept[name] if name in kept else _reserved(shape, dtype) for name, (shape, dtype) in shapes.items()
        }
        self.arrays["limits"][:, LIMIT_LEFT] = limits.most
        self.arrays["limits"][:, LIMIT_CLOSED] = limits.most < limits.close_below
        self._bundle = np.zeros(1, STATE).view(np.recarray)
        pools = self._bundle["campaigns"]
        # Views: reading a record by name is slow.
        self._pools_used = (
            pools["pairs_used"], pools["instances_used"], self._bundle["open"]["used"], self._bundle["detections"]["used"],
        )  # fmt: skip
        self._open_many = self._bundle["open"]["many"]
        self.address = int(self._bundle.ctypes.data)
        """The address of the STATE bundle."""
        self._point()

    @property
    def clock(self) -> Any:
        """The record CLOCK: engine time and running numbers."""
        return self._bundle[0].clock

    @property
    def campaigns(self) -> Any:
        """The record CAMPAIGN_MEMORY: how much of the pools is used."""
        return self._bundle[0].campaigns

    @property
    def records(self) -> Any:
        """The bundle RECORDS of the customers' records."""
        return self._bundle[0].records

    @property
    def wide(self) -> Any:
        """The bundle RECORDS of the places of wide buckets: how many are used, and the first free one."""
        return self._bundle[0].wide

    @property
    def open(self) -> Any:
        """The record OPEN_MEMORY: how many decisions are open, how much of their pool is used."""
        return self._bundle[0].open

    @property
    def detections(self) -> Any:
        """The record DETECTIONS: how much detectors wait for, how much of their pool is used."""
        return self._bundle[0].detections

    def ensure_pools(self, facts: int) -> None:
        """Make sure that `facts` more facts find room in the pools; each open decision may need a pair when it is shown.

        Where detectors are at work facts may need more: then the kernel stops, and asks again.
        """
        more = 2 * facts + PLACES_PER_TURN_MAX + 1
        pairs, instances, opened, pending = (int(used.item()) + more for used in self._pools_used)
        needed = {"pairs": pairs + int(self._open_many.item()), "instances": instances, "open_pool": opened}
        needed |= {"pending": pending, "pending_values": pending}
        if all(places < len(self.arrays[pool]) for pool, places in needed.items()):
            return
        for pool, places in needed.items():
            self.arrays[pool] = _at_least(self.arrays[pool], places + 1)
        self._point()

    def to_arrays(self) -> Arrays:
        """The state in use, as named arrays (views, no copy), with the running figures."""
        customers, used = int(self.clock.customers), self.campaigns
        lengths = {
            "keys": customers,
            "records": customers * self.record_bytes,
            "wide": (int(self.wide.used) + 1) * self.wide_bytes,
            "ledger": customers,
            "moments": customers if len(self.arrays["moments"]) else 0,
            "merged": customers if self.clock.merged else 0,
            "heads": customers,
            "pairs": int(used.pairs_used) + 1,
            "instances": int(used.instances_used) + 1,
            "told": int(self.clock.told),
        }
        opened = int(self.open.used)
        lengths |= {"open_pool": opened + 1, "open_heads": customers} if opened else dict.fromkeys(_OPEN, 0)
        waiting = int(self.detections.used)
        lengths |= dict.fromkeys(_DETECTIONS, 0) if not waiting else {
            "pending_heads": customers, "pending": waiting + 1, "pending_values": waiting + 1,
        }  # fmt: skip
        lengths["looks"] = customers
        arrays: Arrays = {name: array[: lengths.get(name, len(array))] for name, array in self.arrays.items()}
        arrays["figures"] = np.array(
            [
                *self.clock.tolist(), used.pairs_used, used.instances_used, used.free_head, used.refused,
                self.wide.used, self.wide.free, *(self.open[name] for name in _OPEN_FIGURES),
                *(self.detections[name] for name in _DETECTION_FIGURES),
            ],
            np.int64,
        )  # fmt: skip
        arrays["layout"] = np.array([STATE_LAYOUT], np.int64)
        return arrays

    def load_arrays(self, arrays: Arrays) -> None:
        """Take over the state that `to_arrays` gave, under the same playbook. Raises StateLayoutError."""
        layout = int(arrays["layout"][0]) if "layout" in arrays else 1
        if layout != STATE_LAYOUT:
            raise StateLayoutError(
                f"the state has layout {layout}, this program reads layout {STATE_LAYOUT}; fold it again from the journal"
            )
        for pool in ("pairs", "instances", "open_pool", "pending", "pending_values"):
            self.arrays[pool] = _at_least(self.arrays[pool], len(arrays[pool]) + 1)
        for name, array in arrays.items():
            if name not in ("figures", "layout"):
                self.arrays[name][: len(array)] = array
        self.set_figures(arrays["figures"].tolist())

    def set_figures(self, figures: list[int]) -> None:
        """The clock's words, then the use of the pools, as `to_arrays` tells them."""
        names = CLOCK.names or ()
        for name, value in zip(names, figures, strict=False):
            self.clock[name] = value
        used = self.campaigns
        used.pairs_used, used.instances_used, used.free_head, used.refused, *places = figures[len(names) :]
        self.wide.used, self.wide.free, *places = places
        for name, value in zip(_OPEN_FIGURES, places, strict=False):
            self.open[name] = value
        for name, value in zip(_DETECTION_FIGURES, places[len(_OPEN_FIGURES) :], strict=True):
            self.detections[name] = value
        self._point()

    def _point(self) -> None:
        into = self._bundle[0]
        point(into, {name: self.arrays[name] for name in _PLAIN})
        point_records(into.records, self.arrays["records"])
        point_records(into.wide, self.arrays["wide"])
        point(into.open, {name: self.arrays[name] for name in _OPEN})
        point(into.detections, {name: self.arrays[name] for name in _DETECTIONS})
        point(into.campaigns, {name: self.arrays[name] for name in ("heads", "pairs", "instances", "wheel")})


def _reserved(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros of that shape. A large array is address space only, which no memory stands behind until it is touched.

    The kernel of the machine is told so (MAP_NORESERVE): it refuses an ordinary allocation beyond the memory it has.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    if size < RESERVED_BYTES_MIN:
        return np.zeros(shape, kind)
    space = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a machine without huge pages is only slower
            space.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(space, kind).reshape(shape)


def _at_least(pool: NDArray[Any], needed: int) -> NDArray[Any]:
    if needed <= len(pool):
        return pool
    wider = np.zeros((max(needed, 2 * len(pool)), *pool.shape[1:]), pool.dtype)
    wider[: len(pool)] = pool
    return wider
