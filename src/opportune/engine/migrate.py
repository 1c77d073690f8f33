"""Moving state from one playbook's layout to the next: what both know is copied, what is new is built from history."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import GOAL_PLAN, MASK_BITS, MASK_WANTED, WANTED_NOTHING, WATCHED, take_contacts
from opportune.engine.absorb import OPEN
from opportune.engine.known_columns import keep_known_columns
from opportune.engine.playbook import Playbook
from opportune.engine.state import Memory
from opportune.engine.tables import LIMIT_CLOSED, LIMIT_LEFT, REASONS, ledger_of, plan_at, state_at
from opportune.facts import (
    LIMIT,
    MS_PER_MINUTE,
    NULL,
    Arrays,
    FactBatch,
    FactKind,
    Outputs,
    compiled,
    compiled_leaf,
    contacts_made,
)
from opportune.policy import CONSENT_MOMENTS_FROM, CONSENTS, TIME_WORDS, refresh_every_block
from opportune.profiles import PENDING_SLOTS, RECORD_HEADER_BYTES, WIDE_HEADER_BYTES, WIDE_PLACE, adopt_pending


def needs_history(old: Memory, was: Playbook, new: Playbook) -> bool:
    """Whether something of the new playbook's state can only be built from history."""
    return int(old.clock.customers) > 0 and bool(
        _missing_columns(was, new)
        or _dates_anew(was, new)
        or _missing_campaign_caps(was, new)
        or _missing_rings(was, new)
        or _new_detectors(was, new)
    )


def migrated(old: Memory, was: Playbook, new: Playbook, rebuilt: Callable[[], Memory], *, whole: bool = True) -> Memory:
    """The state under the new playbook. `rebuilt()` folds all history under it; asked only where something is missing.

    Where retention left history not `whole`, columns that both playbooks have stay as they are.
    """
    customers = int(old.clock.customers)
    missing = _missing_columns(was, new) if customers else set[int]()
    if customers and whole and _dates_anew(was, new):
        missing |= set(new.layout.columns)
    capped = customers > 0 and _missing_campaign_caps(was, new)
    detecting = _new_detectors(was, new)
    aside = rebuilt() if needs_history(old, was, new) else None
    kept = _kept(old, was, new, bool(missing))
    memory = Memory(new, old.customers_max, kept)
    source, target = old.to_arrays(), memory.arrays
    if aside is not None and missing:
        for name, built in aside.to_arrays().items():
            if name in ("records", "wide"):
                target[name][: len(built)] = built
    elif customers and "records" not in kept:
        _copy_records(source["records"], was, target["records"], new, customers)
        _copy_wide(source["wide"], was, target["wide"], new)
    if "ledger" not in kept:
        _copy_ledger(source["ledger"], was, target["ledger"][:customers], new, aside)
    dated = new.moments.words and customers and "moments" not in kept
    if dated:
        _take_moments(
            source["moments"], was, memory, new, aside if missing or _dates_anew(was, new) else None, customers, whole
        )
    if "pairs" not in kept:
        memory.ensure_pools(len(source["pairs"]))
        width = min(source["pairs"].shape[1], target["pairs"].shape[1])
        target["pairs"][: len(source["pairs"]), :width] = source["pairs"][:, :width]
    _want_again(new, target["instances"][: len(source["instances"])], target["heads"])
    memory.set_figures(source["figures"].tolist())
    if aside is not None and missing:
        memory.wide.used, memory.wide.free = aside.wide.used, aside.wide.free
        if not whole:
            keep_known_columns(old, was, memory, new, missing)
    elif memory.wide_bytes == 0:
        memory.wide.used = memory.wide.free = 0
    if "pending" not in kept:
        _move_detections(old, was, memory, new, aside, detecting)
    if aside is not None and capped:
        memory.ensure_pools(int(aside.campaigns.pairs_used))
        take_contacts_at(new.address, memory.address, aside.address, customers)
    _move_limits(source["limits"], was, target["limits"], new)
    if old.clock.alone:  # nothing was counted, so what is closed is only what was told
        target["limits"][: len(source["limits"]), LIMIT_CLOSED] = source["limits"][:, LIMIT_CLOSED]
    _move_withheld(source, target, int(old.clock.touched))
    if was.definitions.policy != new.definitions.policy or dated:
        refresh_blocks_at(new.address, memory.address, customers)
    return memory


def _kept(old: Memory, was: Playbook, new: Playbook, missing: bool) -> Arrays:
    """What both playbooks lay out alike goes on as it is: most changes of a playbook copy nothing."""
    names = ["keys", "merged", "heads", "instances", "wheel", "open_heads", "open_pool", "open_wheel"]
    if was.layout == new.layout and not missing:
        names += ["records", "wide"]
    if was.ledger == new.ledger:
        names.append("ledger")
    if was.moments == new.moments and not missing:
        names.append("moments")
    if was.plan.campaigns.pair_words == new.plan.campaigns.pair_words:
        names.append("pairs")
    if was.watch == new.watch:
        names += ["pending_heads", "pending", "pending_values", "pending_wheel", "looks"]
    return {name: old.arrays[name] for name in names}


def _move_detections(
    old: Memory, was: Playbook, memory: Memory, new: Playbook, aside: Memory | None, detecting: set[int]
) -> None:
    """What detectors wait for and saw: of those that stay the same as it was, of the others as if they had always been there."""
    customers = int(old.clock.customers)
    detections = memory.detections
    detections.used = detections.free_head = detections.many = 0
    detections.minute = int(old.clock.now_ms) // MS_PER_MINUTE
    many = int(old.detections.many) + (int(aside.detections.many) if aside is not None else 0)
    memory.ensure_pools(many)
    for source, watch, fresh in ((old, was.watch, False), (aside, new.watch, True)):
        if source is None:
            continue
        taken = np.zeros(len(new.plan.detection.detector_of) + 1, np.uint8)
        for number in new.watch.marks:
            taken[number] = (number in detecting) == fresh
            word = watch.looks.get(number)
            if taken[number] and word is not None:
                target = memory.arrays["looks"][:customers, new.watch.looks[number]]
                target[:] = source.arrays["looks"][:customers, word]
        adopt_pending_at(memory.address, source.address, taken)


@compiled
def adopt_pending_at(state_address: int, source_address: int, taken: NDArray[np.uint8]) -> None:
    """Copy what the detectors of the events `taken` wait for, in the order of the wheel."""
    state, source = state_at(state_address), state_at(source_address)
    for step in range(1, PENDING_SLOTS + 1):
        adopt_pending(state.detections, source.detections, source.detections.minute + step, taken)


@compiled_leaf
def refresh_blocks_at(plan_address: int, state_address: int, customers: int) -> None:
    """Recompute until when each customer is blocked: the policy itself may have changed."""
    plan, state = plan_at(plan_address), state_at(state_address)
    refresh_every_block(plan.policy, ledger_of(state), customers)


@compiled_leaf
def take_contacts_at(plan_address: int, state_address: int, aside_address: int, customers: int) -> None:
    """Take the contact times of campaigns that have caps of their own from the state built aside."""
    plan, state, aside = plan_at(plan_address), state_at(state_address), state_at(aside_address)
    for row in range(customers):
        take_contacts(plan.campaigns, state.campaigns, aside.campaigns, row)


def _missing_campaign_caps(was: Playbook, new: Playbook) -> bool:
    """Whether some campaign's own caps look further back, or at more contacts, than its memory did so far."""
    for name, campaign in new.definitions.campaigns.items():
        before = was.definitions.campaigns.get(name)
        known = before.policy.caps if before else ()
        for cap in campaign.policy.caps:
            if cap.max > max((one.max for one in known), default=0):
                return True
            if cap.window > max((one.window for one in known), default=0):
                return True
    return False


def _want_again(new: Playbook, instances: NDArray[Any], heads: NDArray[np.int32]) -> None:
    """The goals of campaigns may have changed: what each instance waits for is told by the new playbook.

    Where a campaign lost its goal, its instances only lapse.
    """
    campaigns, goals = new.plan.campaigns.campaigns, new.plan.campaigns.goals
    goal = campaigns.goal[instances["campaign"]] if len(campaigns) else np.full(len(instances), -1)
    known = goals[np.maximum(goal, 0)] if len(goals) else np.zeros(len(goal), GOAL_PLAN)
    wanted = np.where(instances["state"] == WATCHED, known["regret_event"], known["event"])
    wanted = np.where((goal >= 0) & (wanted >= 0), wanted, WANTED_NOTHING)
    if np.array_equal(instances["wanted"], wanted):
        return
    instances["wanted"] = wanted
    live = instances[np.isin(instances["state"], (OPEN, WATCHED))]
    np.bitwise_or.at(heads[:, MASK_WANTED], live["customer"], 1 << (live["wanted"].astype(np.int32) % MASK_BITS))


def _new_detectors(was: Playbook, new: Playbook) -> set[int]:
    return {number for number, mark in new.watch.marks.items() if was.watch.marks.get(number) != mark}


def _dates_anew(was: Playbook, new: Playbook) -> bool:
    """Whether moments of what was said are kept from here on: what was said before is then ordered by them, too."""
    return bool(new.moments.words and not was.moments.words)


def _missing_columns(was: Playbook, new: Playbook) -> set[int]:
    """The tags whose column is not there as the new playbook means it; with other zones every counter may mean other hours and days."""
    found = set(new.layout.rings) if _zones(was) != _zones(new) else set[int]()
    for number, (_, width) in new.layout.columns.items():
        ring, known = new.layout.rings.get(number), was.layout.rings.get(number)
        there = was.layout.columns.get(number)
        if (
            there is None
            or there[1] != width
            or (ring is None) != (known is None)
            or (ring is not None and known is not None and ring[4] != known[4])
        ):
            found.add(number)
    return found


def _zones(playbook: Playbook) -> tuple[str, str | None]:
    policy = playbook.definitions.policy
    return playbook.definitions.deployment.zone, policy.time_zone if policy is not None else None


def _take_moments(
    source: NDArray[np.int64],
    was: Playbook,
    memory: Memory,
    new: Playbook,
    aside: Memory | None,
    customers: int,
    whole: bool,
) -> None:
    """When what was said was said; where history was folded aside for it, consents are those of that fold, by their moments.

    Where history is not `whole`, what is known already stays.
    """
    target = memory.arrays["moments"][:customers]
    if aside is not None:
        target[:] = aside.arrays["moments"][:customers]
        if whole or not was.moments.words:
            said = slice(CONSENTS, new.ledger.header)
            memory.arrays["ledger"][:customers, said] = aside.arrays["ledger"][:customers, said]
            return
    pairs = CONSENT_MOMENTS_FROM + min(was.moments.pairs, new.moments.pairs)
    target[:, :pairs] = source[:, :pairs]
    for number, word in new.moments.tags.items():
        if number in was.moments.tags:
            target[:, word] = source[:, was.moments.tags[number]]


def _missing_rings(was: Playbook, new: Playbook) -> bool:
    return any(size > was.ledger.rings.get(key, (0, 0))[1] for key, (_, size) in new.ledger.rings.items())


def _copy_records(
    before: NDArray[np.uint8], was: Playbook, after: NDArray[np.uint8], new: Playbook, customers: int
) -> None:
    source = before.reshape(customers, was.layout.record_bytes)
    target = after[: customers * new.layout.record_bytes].reshape(customers, new.layout.record_bytes)
    target[:] = new.plan.profiles.template.view(np.uint8)
    header = RECORD_HEADER_BYTES if new.layout.wide_bytes else WIDE_PLACE
    target[:, :header] = source[:, :header]
    for number, (offset, width) in new.layout.columns.items():
        there = was.layout.columns[number][0]
        target[:, offset : offset + width] = source[:, there : there + width]
    for number, (ring, width, buckets, stamp, _) in new.layout.rings.items():
        known = was.layout.rings[number]
        if ring >= 0:
            target[:, ring : ring + width * buckets] = source[:, known[0] : known[0] + width * buckets]
        if stamp >= 0:
            target[:, stamp : stamp + 8] = source[:, known[3] : known[3] + 8]


def _copy_wide(before: NDArray[np.uint8], was: Playbook, after: NDArray[np.uint8], new: Playbook) -> None:
    """Each place stays the same customer's; a counter that is asked for no more leaves it."""
    if new.layout.wide_bytes == 0:
        return
    source = before.reshape(-1, was.layout.wide_bytes)
    target = after[: len(source) * new.layout.wide_bytes].reshape(-1, new.layout.wide_bytes)
    target[:, :WIDE_HEADER_BYTES] = source[:, :WIDE_HEADER_BYTES]
    for number, (ring, size) in new.layout.wide_rings.items():
        there = was.layout.wide_rings[number][0]
        target[:, ring : ring + size] = source[:, there : there + size]


def _copy_ledger(
    source: NDArray[np.uint16], was: Playbook, target: NDArray[np.uint16], new: Playbook, aside: Memory | None
) -> None:
    header = min(was.ledger.header, new.ledger.header)
    target[:, :header] = source[:, :header]
    for key, (word, size) in new.ledger.rings.items():
        there, known = was.ledger.rings.get(key, (0, 0))
        if size > known and aside is not None:
            end = word + size * TIME_WORDS
            target[:, word:end] = aside.arrays["ledger"][: len(target), word:end]
        else:
            kept = min(size, known) * TIME_WORDS
            target[:, word : word + kept] = source[:, there : there + kept]


def _move_limits(before: NDArray[np.int64], was: Playbook, after: NDArray[np.int64], new: Playbook) -> None:
    """What was used stays used: a limit made larger or smaller has that much more or less left."""
    known = was.plan.campaigns.limits
    for number in range(len(before)):
        row = new.plan.campaigns.limits[number]
        used = known[number].most - before[number, LIMIT_LEFT]
        after[number, LIMIT_LEFT] = row.most - used
        after[number, LIMIT_CLOSED] = row.most - used < row.close_below


def limits_moved(old: Memory, new: Memory) -> NDArray[Any]:
    """The limits that a change of playbook closed or opened, as LIMIT outputs of the next fact; none where limits are told."""
    clock = new.clock
    closed = new.arrays["limits"][:, LIMIT_CLOSED]
    was = np.zeros_like(closed)
    was[: len(old.arrays["limits"])] = old.arrays["limits"][:, LIMIT_CLOSED]
    numbers = np.flatnonzero(closed != was) if not clock.alone else np.empty(0, np.intp)
    moved = np.zeros(len(numbers), LIMIT)
    moved["seq"], moved["now_ms"] = int(clock.next_seq), int(clock.now_ms)
    moved["limit"], moved["closed"] = numbers, closed[numbers]
    return moved


def _move_withheld(source: Arrays, target: Arrays, touched: int) -> None:
    """Counts of the hour so far; those made before matching stand in the last row."""
    last, end = len(source["withheld"]) - 1, len(target["withheld"]) - 1
    target["withheld"][:last] = source["withheld"][:last]
    target["withheld"][end] = source["withheld"][last]
    cells = source["touched"][:touched].astype(np.int64)
    target["touched"][:touched] = np.where(cells // REASONS == last, end * REASONS + cells % REASONS, cells)


def contacts_of(outputs: Outputs, first: int, end: int) -> tuple[NDArray[np.int64], FactBatch]:
    """The contacts that inputs first .. end-1 led to, as CONTACT facts in their order, to fold them into contact rings again; and those inputs."""
    made = contacts_made(outputs)
    made = made[(made["seq"] >= first) & (made["seq"] < end)]
    n = len(made)
    now_ms = made["now_ms"].copy()
    values = np.full((n, 2), NULL, np.int64)
    values[:, 0] = made["touchpoint"]
    return made["seq"].astype(np.int64), FactBatch(
        np.full(n, FactKind.CONTACT, np.uint8), made["campaign"].copy(), made["customer"].copy(), now_ms, now_ms.copy(),
        np.arange(0, 2 * n + 1, 2, dtype=np.uint32), values.reshape(-1), np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
    )  # fmt: skip
