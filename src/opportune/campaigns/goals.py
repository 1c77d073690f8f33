"""Goal instances: opened by a decision or an imported contact, then reached, lapsed or regretted. Kernel functions.

Instances live in a pool: linked per customer (to be found by an event) and in the slots of a minute wheel (to lapse in time).
An instance that ends early stays in its slot until the wheel comes by, then its place is free again.
"""

from typing import Any

from opportune.campaigns.memory import (
    HEAD_INSTANCES,
    HEAD_PAIRS,
    HEAD_WORDS,
    MASK_WANTED,
    NEXT,
    OPEN_UNTIL,
    WHEEL_SLOTS,
    heads_of,
    instances_of,
    note_held,
    pairs_of,
    wheel_of,
)
from opportune.campaigns.pairs import NO_PAIR, find_pair
from opportune.campaigns.plan import GOAL_EVENT, GOAL_SUM, campaigns_of, goals_of
from opportune.facts import MS_PER_MINUTE, NULL, Arm, compiled_leaf

FREE, OPEN, WATCHED, ENDED = range(4)
NO_INSTANCE = 0
IMPORTED = int(Arm.IMPORTED)
TOTAL_MAX = 2**62
INSTANCES_PER_CUSTOMER_MAX = 256


@compiled_leaf
def open_instance(
    plan: Any, memory: Any, row: int, campaign: int, arm: int, opened_ms: int, origin_seq: int, minute: int
) -> None:
    """Open an instance of the campaign's goal for a customer; refused and counted where a bound is met.

    `minute` is the wheel's: an instance whose deadline has passed already goes into the slot that comes next.
    """
    goal = goals_of(plan)[campaigns_of(plan)[campaign].goal]
    many = 0
    at = int(heads_of(memory)[row, HEAD_INSTANCES])
    while at != NO_INSTANCE:
        many += 1
        at = int(instances_of(memory)[at].next)
    index = memory.free_head
    if many >= INSTANCES_PER_CUSTOMER_MAX or (
        index == NO_INSTANCE and memory.instances_used + 1 >= len(instances_of(memory))
    ):
        memory.refused += 1
        return
    if index == NO_INSTANCE:
        memory.instances_used += 1
        index = memory.instances_used
    else:
        memory.free_head = instances_of(memory)[index].next
    instances_of(memory)[index].opened = opened_ms
    instances_of(memory)[index].deadline = opened_ms + goal.window
    instances_of(memory)[index].total = 0
    instances_of(memory)[index].reached = NULL
    instances_of(memory)[index].origin_seq = origin_seq
    instances_of(memory)[index].next = heads_of(memory)[row, HEAD_INSTANCES]
    instances_of(memory)[index].customer = row
    instances_of(memory)[index].campaign = campaign
    instances_of(memory)[index].arm = arm
    instances_of(memory)[index].state = OPEN
    instances_of(memory)[index].wanted = goal.event
    note_held(memory, row, MASK_WANTED, int(goal.event))
    heads_of(memory)[row, HEAD_INSTANCES] = index
    put_on_wheel(memory, index, minute)


@compiled_leaf
def put_on_wheel(memory: Any, index: int, minute: int) -> None:
    """Put an instance into the slot of its deadline, or of `minute` where that is later."""
    slot = max(instances_of(memory)[index].deadline // MS_PER_MINUTE, minute) % WHEEL_SLOTS
    instances_of(memory)[index].wheel_next = wheel_of(memory)[slot]
    wheel_of(memory)[slot] = index


@compiled_leaf
def unlink(memory: Any, row: int, index: int) -> None:
    """Take an instance out of its customer's list; the wheel frees it later."""
    instances_of(memory)[index].state = ENDED
    at = int(heads_of(memory)[row, HEAD_INSTANCES])
    if at == index:
        heads_of(memory)[row, HEAD_INSTANCES] = instances_of(memory)[index].next
        return
    while int(instances_of(memory)[at].next) != index:
        at = int(instances_of(memory)[at].next)
    instances_of(memory)[at].next = instances_of(memory)[index].next


@compiled_leaf
def forget_campaigns(memory: Any, row: int) -> None:
    """Nothing is remembered of a customer's decisions, contacts and goals. A goal still open is told neither as reached nor as lapsed."""
    index = int(heads_of(memory)[row, HEAD_INSTANCES])
    while index != NO_INSTANCE:
        after = int(instances_of(memory)[index].next)
        instances_of(memory)[index].state = ENDED  # the wheel frees it when it comes by
        instances_of(memory)[index].total = 0
        instances_of(memory)[index].opened = 0
        instances_of(memory)[index].reached = NULL
        instances_of(memory)[index].origin_seq = 0
        index = after
    pair = int(heads_of(memory)[row, HEAD_PAIRS])
    while pair != NO_PAIR:
        after = int(pairs_of(memory)[pair, NEXT])
        for word in range(memory.pairs_words):
            pairs_of(memory)[pair, word] = 0  # its place stays empty: nobody else's pair comes here
        pair = after
    for word in range(HEAD_WORDS):
        heads_of(memory)[row, word] = 0


@compiled_leaf
def reach(plan: Any, memory: Any, row: int, index: int, at_ms: int) -> None:
    """The goal is reached: the decision closes, and a regret is watched for where the campaign names one."""
    campaign = int(instances_of(memory)[index].campaign)
    goal = goals_of(plan)[campaigns_of(plan)[campaign].goal]
    pair = find_pair(memory, row, campaign)
    ours = instances_of(memory)[index].arm != IMPORTED
    if pair and ours and instances_of(memory)[index].deadline == pairs_of(memory)[pair, OPEN_UNTIL]:
        pairs_of(memory)[pair, OPEN_UNTIL] = 0
    if goal.regret_event >= 0:
        instances_of(memory)[index].state = WATCHED
        instances_of(memory)[index].wanted = goal.regret_event
        instances_of(memory)[index].reached = at_ms
        instances_of(memory)[index].deadline = at_ms + goal.regret_window
    else:
        unlink(memory, row, index)


@compiled_leaf
def progress(plan: Any, memory: Any, index: int, amount: int) -> bool:
    """One fitting event of `amount` (NULL: none) for an open instance: is the goal reached now?"""
    goal = goals_of(plan)[campaigns_of(plan)[instances_of(memory)[index].campaign].goal]
    if goal.measure == GOAL_EVENT:
        return True
    if goal.measure == GOAL_SUM:
        if amount == NULL:
            return False
        # Both stay within +-2**62, so that their sum cannot wrap round.
        amount = min(max(amount, -TOTAL_MAX), TOTAL_MAX)
        total = instances_of(memory)[index].total + amount
        instances_of(memory)[index].total = min(max(total, -TOTAL_MAX), TOTAL_MAX)
    else:
        instances_of(memory)[index].total += 1
    total = instances_of(memory)[index].total
    return total > goal.threshold if goal.strict else total >= goal.threshold


@compiled_leaf
def free_instance(memory: Any, index: int) -> None:
    """Give a place back to the pool; it must be out of the customer's list and of the wheel."""
    instances_of(memory)[index].state = FREE
    instances_of(memory)[index].next = memory.free_head
    memory.free_head = index


@compiled_leaf
def due_instance(memory: Any, minute: int, keep_open: bool) -> int:
    """Clear the wheel's slot of `minute` up to the next instance that lapses; returns it still linked, or NO_INSTANCE when the slot is done.

    With `keep_open` nothing is cleared beyond it: the caller has no room to tell of a lapse.
    """
    slot = minute % WHEEL_SLOTS
    before = NO_INSTANCE
    index = int(wheel_of(memory)[slot])
    while index != NO_INSTANCE:
        after = int(instances_of(memory)[index].wheel_next)
        state = int(instances_of(memory)[index].state)
        due = instances_of(memory)[index].deadline // MS_PER_MINUTE <= minute
        if state != ENDED and not due and instances_of(memory)[index].deadline // MS_PER_MINUTE % WHEEL_SLOTS == slot:
            before = index
            index = after
            continue
        if state == OPEN and due:
            if keep_open:
                return index
            _take_off_wheel(memory, slot, before, after)
            return index
        _take_off_wheel(memory, slot, before, after)
        if state != ENDED and not due:
            put_on_wheel(memory, index, minute)
        else:
            if state != ENDED:
                unlink(memory, int(instances_of(memory)[index].customer), index)
            free_instance(memory, index)
        index = after
    return NO_INSTANCE


@compiled_leaf
def _take_off_wheel(memory: Any, slot: int, before: int, after: int) -> None:
    if before == NO_INSTANCE:
        wheel_of(memory)[slot] = after
    else:
        instances_of(memory)[before].wheel_next = after
