"""Decisions that wait: a pool of records, linked per customer and on a minute wheel of their own by deadline. Kernel functions.

A record is all there is of an open decision, so only one touchpoint can have it. Those that LEASED or PUSHED are reservations: they
count against caps like contacts. Unlike goal instances, records leave the wheel at once (its lists run both ways), and a slot keeps
the order in which they came: who waited first is served first.
"""

from typing import Any

import numpy as np

from opportune.campaigns.memory import WHEEL_SLOTS
from opportune.facts import (
    MS_PER_MINUTE,
    WHEEL_HEAD,
    bundle,
    compiled_leaf,
    join_slot,
    leave_customer,
    leave_slot,
    table,
)  # fmt: skip

OPEN_DECISION = np.dtype(
    [
        ("number", "i8"),
        ("decided_seq", "i8"),
        ("priority", "i8"),
        ("deadline", "i8"),  # excluded: of the wait, the deferral or the lease
        ("wait_until", "i8"),  # of the step's wait, while a touchpoint has it
        ("give_up", "i8"),  # no deferral goes beyond; 0 where none was needed yet
        ("cost", "i8"),  # reserved, minor units
        ("next", "i4"),  # of the same customer; of the free list when free
        ("wheel_next", "i4"),
        ("wheel_before", "i4"),
        ("day", "i4"),  # local day of the reservation: daily limits of another day get nothing back
        ("stock", "i4"),  # limits of which units are reserved, or -1
        ("capacity", "i4"),
        ("contacts", "i4"),
        ("money", "i4"),
        ("customer", "u4"),
        ("campaign", "u2"),
        ("offer", "u2"),
        ("place", "u2"),  # the campaign's step it is at
        ("touchpoint", "u2"),  # that has it, or that it is deferred for; else NO_TOUCHPOINT
        ("channel", "u2"),  # under which it is reserved
        ("category", "u2"),
        ("reason", "u2"),  # why it is deferred or withdrawn
        ("contact_class", "u1"),
        ("counts", "u1"),  # 1: its contact counts into caps (service messages do not)
        ("state", "u1"),
        ("_", "u1"),
        ("__", "u2"),
    ]
)

FREE, WAITING, DEFERRED, LEASED, PUSHED, WITHDRAWN, MOVING = range(7)
"""States of a record. MOVING: within a fact, on the way to the next touchpoint. WITHDRAWN: a touchpoint still has it and may have shown it; its word, or the end of its lease, ends it."""

NO_RECORD = 0
OPEN_PER_CUSTOMER_MAX = 48
OPEN_IN_ALL_MAX = 2**25
OPEN_DAYS_MAX = 40
"""No deadline is further away, so that a slot of the wheel (45 days round) never holds one that is not due."""

OPEN_MEMORY = bundle(
    {"open_heads": 1, "open_pool": 1, "open_wheel": 2},
    [("used", "i8"), ("free_head", "i8"), ("many", "i8"), ("refused", "i8")],
)
"""open_heads i4[customers]: the newest open decision; open_pool OPEN_DECISION[pool], place 0 never used; open_wheel i4[WHEEL_SLOTS, 2]:
head and tail of each slot. used: places ever used; many: open now; refused: because a bound was met.
"""
open_heads_of, open_of = table("open_heads", "i4"), table("open_pool", OPEN_DECISION)
_wheel_of = table("open_wheel", "i4", 2)


@compiled_leaf
def first_open(memory: Any, row: int) -> int:
    """The customer's newest open decision, or NO_RECORD. Where nothing is open at all no memory of hers is looked at."""
    return int(open_heads_of(memory)[row]) if memory.many else NO_RECORD


@compiled_leaf
def room_for_open(memory: Any, row: int, more: int) -> bool:
    """Whether `more` decisions can be opened for a customer."""
    many = more
    at = first_open(memory, row)
    while at != NO_RECORD:
        many += 1
        at = int(open_of(memory)[at].next)
    return many <= OPEN_PER_CUSTOMER_MAX and memory.many + more <= OPEN_IN_ALL_MAX


@compiled_leaf
def open_record(memory: Any, row: int) -> int:
    """A new record in the customer's list, on no wheel yet: `set_deadline` comes next. The caller has asked `room_for_open`."""
    index = int(memory.free_head)
    if index == NO_RECORD:
        memory.used += 1
        index = int(memory.used)
    else:
        memory.free_head = open_of(memory)[index].next
    open_of(memory)[index].next = open_heads_of(memory)[row]
    open_of(memory)[index].customer = row
    open_of(memory)[index].deadline = 0
    open_heads_of(memory)[row] = index
    memory.many += 1
    return index


@compiled_leaf
def find_open(memory: Any, row: int, campaign: int) -> int:
    """The customer's open decision of a campaign, or NO_RECORD."""
    at = first_open(memory, row)
    while at != NO_RECORD and open_of(memory)[at].campaign != campaign:
        at = int(open_of(memory)[at].next)
    return at


@compiled_leaf
def find_number(memory: Any, row: int, number: int) -> int:
    """The customer's open decision of that number, or NO_RECORD."""
    at = first_open(memory, row)
    while at != NO_RECORD and open_of(memory)[at].number != number:
        at = int(open_of(memory)[at].next)
    return at


@compiled_leaf
def slot_minute(deadline: int) -> int:
    """The minute of the wheel at which a deadline is noticed: the first at or after it."""
    return -(-deadline // MS_PER_MINUTE)


@compiled_leaf
def set_deadline(memory: Any, index: int, deadline: int) -> None:
    """Give a record another deadline, after now and at most OPEN_DAYS_MAX away; it goes to the end of that minute's list."""
    _take_off_wheel(memory, index)
    pool, wheel = open_of(memory), _wheel_of(memory)
    pool[index].deadline = deadline
    join_slot(pool, wheel, slot_minute(deadline) % WHEEL_SLOTS, index)


@compiled_leaf
def _take_off_wheel(memory: Any, index: int) -> None:
    pool = open_of(memory)
    if pool[index].deadline != 0:
        leave_slot(pool, _wheel_of(memory), slot_minute(pool[index].deadline) % WHEEL_SLOTS, index)
        pool[index].deadline = 0


@compiled_leaf
def close_record(memory: Any, index: int) -> None:
    """The decision is open no more: its record leaves the wheel and the customer's list, and its place is free."""
    _take_off_wheel(memory, index)
    pool = open_of(memory)
    leave_customer(pool, open_heads_of(memory), int(pool[index].customer), index)
    pool[index].state = FREE
    pool[index].next = memory.free_head
    memory.free_head = index
    memory.many -= 1


@compiled_leaf
def due_in_slot(memory: Any, minute: int, now_ms: int) -> int:
    """The first record of the wheel's minute whose deadline is over, or NO_RECORD."""
    index = int(_wheel_of(memory)[minute % WHEEL_SLOTS, WHEEL_HEAD])
    while index != NO_RECORD and open_of(memory)[index].deadline > now_ms:
        index = int(open_of(memory)[index].wheel_next)
    return index


@compiled_leaf
def due_of(memory: Any, row: int, now_ms: int) -> int:
    """The customer's oldest open decision whose deadline is over, or NO_RECORD."""
    due = NO_RECORD
    at = first_open(memory, row)
    while at != NO_RECORD:
        record = open_of(memory)[at]
        if record.deadline <= now_ms and (due == NO_RECORD or record.number < open_of(memory)[due].number):
            due = at
        at = int(record.next)
    return due


@compiled_leaf
def next_in_order(memory: Any, row: int, state: int, oldest: bool, priority: int, number: int) -> int:
    """The next open decision in that state after (priority, number): highest priority first, or with `oldest` lowest number first."""
    found, best = NO_RECORD, 0
    at = first_open(memory, row)
    while at != NO_RECORD:
        record = open_of(memory)[at]
        worth = 0 if oldest else record.priority
        later = worth < priority or (worth == priority and record.number > number)
        if record.state == state and later:
            better = found == NO_RECORD or worth > best
            if better or (worth == best and record.number < open_of(memory)[found].number):
                found, best = at, worth
        at = int(record.next)
    return found


@compiled_leaf
def reserved_of(memory: Any, row: int, channel: int, category: int, now_ms: int) -> tuple[int, int, int]:
    """How many marketing contacts are reserved for a customer: in all, on a channel, in a category.

    A lease that is over reserves nothing; a push whose lease is over does, until it is settled as unknown.
    """
    every, same_channel, same_category = 0, 0, 0
    at = first_open(memory, row)
    while at != NO_RECORD:
        record = open_of(memory)[at]
        held = record.state == PUSHED or (record.state in (LEASED, WITHDRAWN) and record.deadline > now_ms)
        if held and record.counts:
            every += 1
            same_channel += int(record.channel == channel)
            same_category += int(record.category == category)
        at = int(record.next)
    return every, same_channel, same_category
