"""What detectors wait for: a pool of records, linked per customer and on a minute wheel by deadline. Kernel functions.

A record is one (customer, detector, key). What it keeps of its first event stands in a row of values of the same number. Records
further away than the wheel is long are looked at again before it comes round.
"""

from typing import Any

import numpy as np

from opportune.facts import (
    MS_PER_DAY,
    MS_PER_MINUTE,
    WHEEL_HEAD,
    bundle,
    compiled,
    compiled_leaf,
    join_slot,
    leave_customer,
    leave_slot,
    table,
)  # fmt: skip
from opportune.profiles.detection import DATE, THEN_NOT, detector_of_of, detectors_of

PENDING = np.dtype(
    [
        ("deadline", "i8"),  # excluded
        ("since", "i8"),  # when it began; of a date the day
        ("key", "i8"),  # NULL without one
        ("next", "i4"),  # of the same customer; of the free list when free
        ("wheel_next", "i4"),
        ("wheel_before", "i4"),
        ("slot", "i4"),  # of the wheel, -1 on none
        ("customer", "u4"),
        ("event", "u2"),  # the number of the derived event, which is the detector's
        ("_", "u2"),
    ]
)
NO_PENDING = 0
PENDING_PER_CUSTOMER_MAX = 128
PENDING_SLOTS = 65_536
_AGAIN_MINUTES = 40 * MS_PER_DAY // MS_PER_MINUTE

DETECTIONS = bundle(
    {"pending_heads": 1, "pending": 1, "pending_values": 2, "pending_wheel": 2, "looks": 2},
    [
        ("used", "i8"),
        ("free_head", "i8"),
        ("many", "i8"),
        ("minute", "i8"),
        ("refused", "i8"),
        ("late", "i8"),
        ("met", "i8"),
    ],
)
"""pending_heads i4[customers]: the newest record; pending PENDING[pool], place 0 never used; pending_values i8[pool, words];
pending_wheel i4[PENDING_SLOTS, 2]: head and tail of each slot; looks i8[customers, words]: what each detector that compares saw last,
0 before it saw anything.

used: places ever used; many: waiting now; minute: the wheel has been looked at up to here; refused: not begun because a customer had
too many; late: not begun because their time was over when they arrived; met: one more than the customer whom the wheel has met and is not done
with, 0 between facts.
"""
pending_heads_of, pending_of = table("pending_heads", "i4"), table("pending", PENDING)
pending_values_of, looks_of = table("pending_values", "i8", 2), table("looks", "i8", 2)
_wheel_of = table("pending_wheel", "i4", 2)


@compiled_leaf
def first_pending(memory: Any, row: int) -> int:
    """The customer's newest record, or NO_PENDING. Where nothing is waited for at all no memory of hers is looked at."""
    return int(pending_heads_of(memory)[row]) if memory.many else NO_PENDING


@compiled_leaf
def find_pending(memory: Any, row: int, event: int, key: int) -> int:
    """The customer's record of a detector and key, or NO_PENDING."""
    at = first_pending(memory, row)
    while at != NO_PENDING:
        record = pending_of(memory)[at]
        if record.event == event and record.key == key:
            return at
        at = int(record.next)
    return NO_PENDING


@compiled_leaf
def open_pending(memory: Any, row: int, event: int, key: int) -> int:
    """A new record, on no wheel yet: `await_deadline` comes next. NO_PENDING, and counted, where the customer has too many."""
    if not _has_room(memory, row):
        return NO_PENDING
    index = int(memory.free_head)
    if index == NO_PENDING:
        memory.used += 1
        index = int(memory.used)
    else:
        memory.free_head = pending_of(memory)[index].next
    record = pending_of(memory)[index]
    record.next = pending_heads_of(memory)[row]
    record.customer = row
    record.event = event
    record.key = key
    record.slot = -1
    pending_heads_of(memory)[row] = index
    memory.many += 1
    return index


@compiled_leaf
def await_deadline(memory: Any, index: int, deadline: int) -> None:
    """Give a record a deadline, or another one; it goes to the end of that minute's list."""
    _take_off_wheel(memory, index)
    pool, wheel = pending_of(memory), _wheel_of(memory)
    # What is over already is met in the minute that comes next.
    minute = min(max(-(-deadline // MS_PER_MINUTE), memory.minute + 1), memory.minute + _AGAIN_MINUTES)
    slot = minute % PENDING_SLOTS
    pool[index].deadline = deadline
    pool[index].slot = slot
    join_slot(pool, wheel, slot, index)


@compiled_leaf
def _take_off_wheel(memory: Any, index: int) -> None:
    pool = pending_of(memory)
    slot = int(pool[index].slot)
    if slot >= 0:
        leave_slot(pool, _wheel_of(memory), slot, index)
        pool[index].slot = -1


@compiled_leaf
def close_pending(memory: Any, index: int) -> None:
    """Nothing is waited for any more: the record leaves the wheel and the customer's list, and its place is free."""
    _take_off_wheel(memory, index)
    pool = pending_of(memory)
    leave_customer(pool, pending_heads_of(memory), int(pool[index].customer), index)
    pool[index].next = memory.free_head
    memory.free_head = index
    memory.many -= 1


@compiled_leaf
def forget_pending(memory: Any, row: int) -> None:
    """Nothing of a customer is waited for, and nothing was ever seen of her."""
    index = first_pending(memory, row)
    while index != NO_PENDING:
        close_pending(memory, index)
        pending_of(memory)[index].key = 0
        for word in range(memory.pending_values_words):
            pending_values_of(memory)[index, word] = 0
        index = first_pending(memory, row)
    for word in range(memory.looks_words):
        looks_of(memory)[row, word] = 0


@compiled_leaf
def first_in_minute(memory: Any, minute: int) -> int:
    """The record that has been longest in the wheel's list of a minute, or NO_PENDING."""
    return int(_wheel_of(memory)[minute % PENDING_SLOTS, WHEEL_HEAD])


@compiled_leaf
def over_pending(memory: Any, row: int, now_ms: int) -> int:
    """The customer's record whose deadline was over first (equal ones: by detector, then by key), or NO_PENDING."""
    found = NO_PENDING
    at = first_pending(memory, row)
    while at != NO_PENDING:
        record = pending_of(memory)[at]
        if record.deadline <= now_ms:
            best = pending_of(memory)[found]
            sooner = found == NO_PENDING or record.deadline < best.deadline
            if not sooner and record.deadline == best.deadline:
                sooner = record.event < best.event or (record.event == best.event and record.key < best.key)
            if sooner:
                found = at
        at = int(record.next)
    return found


@compiled_leaf
def _has_room(memory: Any, row: int) -> bool:
    """Whether one more may be waited for of a customer; counted where not."""
    many = 0
    at = first_pending(memory, row)
    while at != NO_PENDING:
        many += 1
        at = int(pending_of(memory)[at].next)
    if many >= PENDING_PER_CUSTOMER_MAX:
        memory.refused += 1
    return many < PENDING_PER_CUSTOMER_MAX


@compiled_leaf
def adopt_hers(memory: Any, row: int, source: Any, other: int) -> None:
    """Copy what is waited for of one customer of another memory."""
    at = first_pending(source, other)
    while at != NO_PENDING:
        there = pending_of(source)[at]
        index = open_pending(memory, row, int(there.event), there.key)
        if index != NO_PENDING:
            _copy_first(memory, index, source, at)
        at = int(there.next)


@compiled_leaf
def take_over_pending(plan: Any, memory: Any, row: int, other: int) -> None:
    """What is waited for of customer `other` is waited for of `row`. Where both wait for the same, the first event that would have been kept rules.

    Days are not taken over: they follow from their tags. `plan` is the DETECTION bundle.
    """
    pool, heads = pending_of(memory), pending_heads_of(memory)
    index = first_pending(memory, other)
    while index != NO_PENDING:
        after, event = int(pool[index].next), int(pool[index].event)
        form = detectors_of(plan)[detector_of_of(plan)[event]].form
        known = find_pending(memory, row, event, pool[index].key)
        if form != DATE and known == NO_PENDING and _has_room(memory, row):
            leave_customer(pool, heads, other, index)
            pool[index].customer = row
            pool[index].next = heads[row]
            heads[row] = index
        else:
            ours, theirs = pool[known].since, pool[index].since
            rules = theirs < ours if form == THEN_NOT else theirs > ours
            if form != DATE and known != NO_PENDING and rules:
                _copy_first(memory, known, memory, index)
            close_pending(memory, index)
        index = after


@compiled_leaf
def _copy_first(memory: Any, index: int, source: Any, at: int) -> None:
    """The first event of record `at` of a memory stands in record `index` from here on, and its deadline."""
    pending_of(memory)[index].since = pending_of(source)[at].since
    for j in range(min(memory.pending_values_words, source.pending_values_words)):
        pending_values_of(memory)[index, j] = pending_values_of(source)[at, j]
    deadline = pending_of(source)[at].deadline
    await_deadline(memory, index, deadline)


@compiled
def adopt_pending(memory: Any, source: Any, minute: int, taken: Any) -> None:
    """Copy the records in a minute's list of another memory, of the events that are `taken` (u1[events])."""
    at = first_in_minute(source, minute)
    while at != NO_PENDING:
        there = pending_of(source)[at]
        if taken[there.event]:
            index = open_pending(memory, int(there.customer), int(there.event), there.key)
            if index != NO_PENDING:
                _copy_first(memory, index, source, at)
        at = int(there.wheel_next)
