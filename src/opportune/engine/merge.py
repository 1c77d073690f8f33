"""Two customers are one person: their rows become one (decision 0009). Kernel functions."""

from typing import Any

from opportune.campaigns import (
    LEASED,
    NO_RECORD,
    OPEN_PER_CUSTOMER_MAX,
    PUSHED,
    WITHDRAWN,
    combine_instances,
    combine_pairs,
    first_open,
    open_heads_of,
    open_of,
    take_over_open,
)
from opportune.engine.absorb import set_tag_at
from opportune.engine.detect import look_again
from opportune.engine.home_time import home_time
from opportune.engine.open_decisions import M_UNKNOWN, settle, withdraw, withdraw_marketing, withdraw_unconsented
from opportune.engine.tables import (
    GROUP_NEXT,
    GROUP_ROOT,
    ledger_of,
    merged_of,
    moments_of,
    tag_moments_of,
)
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, Reason, compiled_leaf
from opportune.policy import DO_NOT_DISTURB_BIT, bit_at, clear_ledger, combine_ledgers
from opportune.profiles import (
    columns_of,
    combine_counters,
    forget_record,
    load,
    looks_of,
    store,
    tag_columns_of,
    take_over_pending,
)

MERGED = int(Reason.MERGED)


@compiled_leaf
def root_of(state: Any, customer: int) -> int:
    """The survivor of a customer's group: the customer herself where she was never absorbed."""
    root = int(merged_of(state)[customer, GROUP_ROOT])
    return customer if root == 0 else root - 1


@compiled_leaf
def next_of(state: Any, customer: int) -> int:
    """The next number of the customer's group, in a ring; the customer herself where she is alone."""
    after = int(merged_of(state)[customer, GROUP_NEXT])
    return customer if after == 0 else after - 1


@compiled_leaf
def join(state: Any, row: int, other: int) -> None:
    """The group of `other` is part of the group of `row` from here on; both are their groups' survivors."""
    groups, at = merged_of(state), other
    while True:
        groups[at, GROUP_ROOT] = row + 1
        at = next_of(state, at)
        if at == other:
            break
    first, after = next_of(state, row), next_of(state, other)
    groups[row, GROUP_NEXT] = after + 1
    groups[other, GROUP_NEXT] = first + 1
    state.clock.merged += 1


@compiled_leaf
def absorb_merged(plan: Any, state: Any, room: Any, one: int, another: int) -> int:
    """MERGED: from here on `one` and `another`, survivors of their groups, are one customer; gives her number, the lower one."""
    row, other = min(one, another), max(one, another)
    if row == other or other >= state.clock.customers:
        return row
    now_local = home_time(plan, room, state.clock.now_ms)
    hour, day = now_local // MS_PER_HOUR, now_local // MS_PER_DAY
    size = plan.record_bytes
    _combine_tags(plan, state, row, other)
    combine_counters(plan.profiles, state.records, state.wide, row * size, other * size, hour, day)
    combine_ledgers(plan.policy, ledger_of(state), moments_of(state), row, other)
    combine_pairs(state.campaigns, row, other)
    combine_instances(state.campaigns, row, other)
    take_over_pending(plan.detection, state.detections, row, other)
    look_again(plan, state, room, row, other)
    join(state, row, other)
    _combine_open(plan, state, room, row, other)
    forget_row(plan, state, other)
    return row


@compiled_leaf
def forget_row(plan: Any, state: Any, row: int) -> None:
    """A customer's record, ledger, moments and looks as they were when she was new."""
    forget_record(plan.profiles, state.records, state.wide, row)
    clear_ledger(ledger_of(state), moments_of(state), row, state.ledger_words)
    for word in range(state.detections.looks_words):
        looks_of(state.detections)[row, word] = 0


@compiled_leaf
def _combine_tags(plan: Any, state: Any, row: int, other: int) -> None:
    """The later word rules; where no moments are kept, what the survivor has stays."""
    columns, dated = tag_columns_of(plan.profiles), len(moments_of(state)) != 0
    for tag in range(len(columns)):
        if columns[tag] < 0:
            continue
        column = columns_of(plan.profiles)[columns[tag]]
        width = int(column.width)
        theirs = load(state.records, other * plan.record_bytes + column.offset, width)
        if dated:
            moment = moments_of(state)[other, tag_moments_of(plan)[tag]]
            if moment:
                set_tag_at(plan, state, row, tag, theirs, moment)
        elif load(state.records, row * plan.record_bytes + column.offset, width) == NULL:
            store(state.records, row * plan.record_bytes + column.offset, width, theirs)


@compiled_leaf
def _combine_open(plan: Any, state: Any, room: Any, row: int, other: int) -> None:
    """Open decisions go on as hers, one of each campaign, as many as she may have, and none that she does not want."""
    pool = open_of(state.open)
    index = first_open(state.open, other)
    while index != NO_RECORD:
        after = int(pool[index].next)
        _withdraw_double(state, room, row, index)
        index = after
    many = take_over_open(state.open, row, other) if state.open.many else 0
    index = first_open(state.open, row)
    while index != NO_RECORD and many > OPEN_PER_CUSTOMER_MAX:
        after = int(pool[index].next)
        if pool[index].state in (LEASED, PUSHED, WITHDRAWN):
            settle(plan, state, room, index, M_UNKNOWN, MERGED)
        else:
            withdraw(state, room, index, MERGED)
        many -= 1
        index = after
    if bit_at(ledger_of(state), row, DO_NOT_DISTURB_BIT):
        withdraw_marketing(state, room, row)
    for purpose in range(plan.policy.consent_bits_rows):
        withdraw_unconsented(plan, state, room, row, purpose)


@compiled_leaf
def _withdraw_double(state: Any, room: Any, row: int, index: int) -> None:
    """Of two decisions of a campaign the one that a touchpoint has stays, else the older one; `index` is the absorbed customer's."""
    pool = open_of(state.open)
    if pool[index].state == WITHDRAWN:
        return
    ours = int(open_heads_of(state.open)[row])
    while ours != NO_RECORD and (pool[ours].campaign != pool[index].campaign or pool[ours].state == WITHDRAWN):
        ours = int(pool[ours].next)
    if ours == NO_RECORD:
        return
    held, theirs_held = pool[ours].state in (LEASED, PUSHED), pool[index].state in (LEASED, PUSHED)
    ours_first = pool[ours].number < pool[index].number
    ours_stays = ours_first if held == theirs_held else held
    goes = index if ours_stays else ours
    withdraw(state, room, goes, MERGED)
