"""Moving state from one playbook's layout to the next: what both know is copied, what is new is built from history."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from opportune.engine.playbook import Playbook
from opportune.engine.state import Memory
from opportune.engine.tables import LIMIT_CLOSED, LIMIT_LEFT, REASONS, ledger_of, plan_at, state_at
from opportune.facts import NULL, Arm, Arrays, FactBatch, FactKind, Outputs, compiled
from opportune.policy import refresh_every_block


def migrated(old: Memory, was: Playbook, new: Playbook, rebuilt: Callable[[], Memory]) -> Memory:
    """The state under the new playbook. `rebuilt()` folds all history under it; asked only where something is missing."""
    customers = int(old.clock.customers)
    missing = customers > 0 and _missing_columns(was, new)
    aside = rebuilt() if missing or (customers and _missing_rings(was, new)) else None
    memory = Memory(new, old.customers_max)
    source, target = old.to_arrays(), memory.arrays
    if aside is not None and missing:
        size = customers * memory.record_bytes
        target["records"][:size] = aside.arrays["records"][:size]
    elif customers:
        _copy_records(source["records"], was, target["records"], new, customers)
    _copy_ledger(source["ledger"], was, target["ledger"][:customers], new, aside)
    target["keys"][:customers] = source["keys"]
    target["heads"][:customers] = source["heads"]
    target["wheel"][:] = source["wheel"]
    memory.ensure_pools(max(len(source["pairs"]), len(source["instances"])))
    width = min(source["pairs"].shape[1], target["pairs"].shape[1])
    target["pairs"][: len(source["pairs"]), :width] = source["pairs"][:, :width]
    target["instances"][: len(source["instances"])] = source["instances"]
    memory.set_figures(source["figures"].tolist())
    _move_limits(source["limits"], was, target["limits"], new)
    _move_withheld(source, target, int(old.clock.touched))
    refresh_blocks_at(new.address, memory.address, customers)
    return memory


@compiled
def refresh_blocks_at(plan_address: int, state_address: int, customers: int) -> None:
    """Recompute until when each customer is blocked: the policy itself may have changed."""
    plan, state = plan_at(plan_address), state_at(state_address)
    refresh_every_block(plan.policy, ledger_of(state), customers)


def _missing_columns(was: Playbook, new: Playbook) -> bool:
    for number in new.layout.columns:
        ring, known = new.layout.rings.get(number), was.layout.rings.get(number)
        if number not in was.layout.columns or (ring is None) != (known is None):
            return True
        if ring is not None and known is not None and ring[4] != known[4]:
            return True
        if new.layout.columns[number][1] != was.layout.columns[number][1]:
            return True
    return False


def _missing_rings(was: Playbook, new: Playbook) -> bool:
    return any(size > was.ledger.rings.get(key, (0, 0))[1] for key, (_, size) in new.ledger.rings.items())


def _copy_records(
    before: NDArray[np.uint8], was: Playbook, after: NDArray[np.uint8], new: Playbook, customers: int
) -> None:
    source = before.reshape(customers, was.layout.record_bytes)
    target = after[: customers * new.layout.record_bytes].reshape(customers, new.layout.record_bytes)
    target[:] = new.plan.profiles.template.view(np.uint8)
    target[:, :8] = source[:, :8]
    for number, (offset, width) in new.layout.columns.items():
        there = was.layout.columns[number][0]
        target[:, offset : offset + width] = source[:, there : there + width]
    for number, (ring, width, buckets, stamp, _) in new.layout.rings.items():
        known = was.layout.rings[number]
        if ring >= 0:
            target[:, ring : ring + width * buckets] = source[:, known[0] : known[0] + width * buckets]
        if stamp >= 0:
            target[:, stamp : stamp + 8] = source[:, known[3] : known[3] + 8]


def _copy_ledger(
    source: NDArray[np.int64], was: Playbook, target: NDArray[np.int64], new: Playbook, aside: Memory | None
) -> None:
    header = min((word for word, _ in new.ledger.rings.values()), default=new.ledger.words)
    target[:, :header] = source[:, :header]
    for key, (word, size) in new.ledger.rings.items():
        there, known = was.ledger.rings.get(key, (0, 0))
        if size > known and aside is not None:
            target[:, word : word + size] = aside.arrays["ledger"][: len(target), word : word + size]
        else:
            kept = min(size, known)
            target[:, word : word + kept] = source[:, there : there + kept]


def _move_limits(before: NDArray[np.int64], was: Playbook, after: NDArray[np.int64], new: Playbook) -> None:
    """What was used stays used: a limit made larger or smaller has that much more or less left."""
    known = was.plan.campaigns.limits
    for number in range(len(before)):
        row = new.plan.campaigns.limits[number]
        used = known[number].most - before[number, LIMIT_LEFT]
        after[number, LIMIT_LEFT] = row.most - used
        after[number, LIMIT_CLOSED] = row.most - used < row.close_below


def _move_withheld(source: Arrays, target: Arrays, touched: int) -> None:
    """Counts of the hour so far; those made before matching stand in the last row."""
    last, end = len(source["withheld"]) - 1, len(target["withheld"]) - 1
    target["withheld"][:last] = source["withheld"][:last]
    target["withheld"][end] = source["withheld"][last]
    cells = source["touched"][:touched].astype(np.int64)
    target["touched"][:touched] = np.where(cells // REASONS == last, end * REASONS + cells % REASONS, cells)


def contacts_of(outputs: Outputs) -> FactBatch:
    """The treated decisions of journaled outputs as CONTACT facts, to fold them into contact rings again."""
    made = outputs.decisions[outputs.decisions["arm"] == Arm.TREATED]
    n = len(made)
    values = np.full((n, 2), NULL, np.int64)
    values[:, 0] = made["touchpoint"]
    return FactBatch(
        np.full(n, FactKind.CONTACT, np.uint8), made["campaign"], made["customer"], made["now_ms"], made["now_ms"],
        np.arange(0, 2 * n + 1, 2, dtype=np.uint32), values.reshape(-1), np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
    )  # fmt: skip
