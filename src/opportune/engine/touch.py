"""What touchpoints say: a customer is here (TOUCH), this became of a decision (RECEIPT). Kernel functions."""

from typing import Any

from opportune.campaigns import (
    LEASED,
    NO_RECORD,
    PUSHED,
    STEP_WAITS,
    WAITING,
    WITHDRAWN,
    campaigns_of,
    close_record,
    find_number,
    first_open,
    next_in_order,
    offers_of,
    open_of,
    set_deadline,
    showings_of,
    steps_of,
    touches_of,
    touchpoints_of,
)
from opportune.engine.absorb import absorb_response
from opportune.engine.admission import campaign_reason, choice_of, prepare, withdraws
from opportune.engine.candidates import step_reason
from opportune.engine.limits import spend
from opportune.engine.open_decisions import (
    DELIVERY_FAILED,
    LEASE_OVER,
    M_LEASED,
    M_PRESENTED,
    M_UNKNOWN,
    OK,
    count_own_contact,
    give_again,
    move_on,
    release,
    reserve,
    settle,
    withdraw,
)
from opportune.engine.outputs import count_withheld, emit_move
from opportune.engine.tables import at_ms_of, code_of, first_of, ledger_of, values_of
from opportune.facts import NO_OFFER, VALUE_MAX, Answer, Outcome, Reason, compiled_leaf
from opportune.policy import record_contact

PRESENTED_LATE = int(Reason.PRESENTED_LATE)
SHOWN = (int(Outcome.PRESENTED), int(Outcome.ACCEPTED), int(Outcome.CONSIDERING), int(Outcome.REFUSED))
"""Outcomes that say that it was shown: an answer implies it."""
FAILED, UNKNOWN, REFUSED = int(Outcome.FAILED), int(Outcome.UNKNOWN), int(Outcome.REFUSED)
ANSWER_REFUSED = int(Answer.REFUSED)


@compiled_leaf
def absorb_touch(plan: Any, state: Any, room: Any, batch: Any, fact: int, row: int) -> None:
    """TOUCH: what the touchpoint has of the customer's decisions is leased on, then the best that wait for it are leased to it."""
    touchpoint = int(code_of(batch)[fact])
    if touchpoint >= len(touches_of(plan.campaigns)) or first_open(state.open, row) == NO_RECORD:
        return
    t = touches_of(plan.campaigns)[touchpoint]
    if t.touch_class < 0:
        return
    slots = min(values_of(batch)[first_of(batch)[fact]], int(t.slots))
    until_ms, oldest = state.clock.now_ms + t.lease, t.oldest != 0
    taken = _lease_on(state, room, touchpoint, slots, until_ms, oldest, row)
    if taken >= slots:
        return
    prepare(plan, state, room, row)
    pool = open_of(state.open)
    index = next_in_order(state.open, row, WAITING, oldest, VALUE_MAX, -1)
    while index != NO_RECORD and taken < slots:
        worth, number = 0 if oldest else int(pool[index].priority), int(pool[index].number)
        i = _row_touched(plan, state, index, touchpoint)
        if i >= 0:
            taken += _admit(plan, state, room, index, row, i, until_ms)
        index = next_in_order(state.open, row, WAITING, oldest, worth, number)


@compiled_leaf
def _lease_on(state: Any, room: Any, touchpoint: int, slots: int, until_ms: int, oldest: bool, row: int) -> int:
    """Lease what the touchpoint has already for longer, while the decision's wait lasts: asking again is harmless. Gives how many."""
    pool, taken = open_of(state.open), 0
    index = next_in_order(state.open, row, LEASED, oldest, VALUE_MAX, -1)
    while index != NO_RECORD and taken < slots:
        worth, number = 0 if oldest else int(pool[index].priority), int(pool[index].number)
        if pool[index].touchpoint == touchpoint:
            if pool[index].wait_until > state.clock.now_ms:
                set_deadline(state.open, index, until_ms)
            emit_move(state, room, index, M_LEASED, OK, touchpoint, pool[index].deadline, pool[index].cost)
            taken += 1
        index = next_in_order(state.open, row, LEASED, oldest, worth, number)
    return taken


@compiled_leaf
def _row_touched(plan: Any, state: Any, index: int, touchpoint: int) -> int:
    """The step row at which a waiting decision waits for this touchpoint; -1: it does not."""
    record = open_of(state.open)[index]
    c = campaigns_of(plan.campaigns)[record.campaign]
    for i in range(c.step_first, c.step_first + c.step_count):
        step = steps_of(plan.campaigns)[i]
        if step.place == record.place and step.touchpoint == touchpoint and step.bits & STEP_WAITS:
            return i
    return -1


@compiled_leaf
def _admit(plan: Any, state: Any, room: Any, index: int, row: int, i: int, until_ms: int) -> int:
    """Lease a waiting decision where every gate lets it: 1, or 0 where it stays waiting or must be withdrawn."""
    campaign = int(open_of(state.open)[index].campaign)
    reason = campaign_reason(plan, state, room, row, index)
    if withdraws(reason):
        withdraw(state, room, index, reason)
        return 0
    contact_class = int(showings_of(plan.campaigns)[i].touch_class)
    if reason == OK:
        c = campaigns_of(plan.campaigns)[campaign]
        reason = step_reason(
            plan, state, room, row, i, contact_class, False, int(c.purpose), int(c.category), state.clock.now_ms
        )
    if reason != OK:
        count_withheld(plan, state, campaign, reason)
        return 0
    reserve(plan, state, room, index, i, contact_class, M_LEASED, until_ms)
    return 1


@compiled_leaf
def absorb_receipt(plan: Any, state: Any, room: Any, batch: Any, fact: int, row: int) -> None:
    """RECEIPT: what became of a decision. The word of the touchpoint that has it counts; of another only that it was shown after all."""
    touchpoint, first, values = int(code_of(batch)[fact]), int(first_of(batch)[fact]), values_of(batch)
    number, outcome, campaign = values[first], values[first + 1], values[first + 2]
    if outcome == REFUSED:
        absorb_response(plan, state, campaign, ANSWER_REFUSED, row, at_ms_of(batch)[fact])
    index = find_number(state.open, row, number)
    if index == NO_RECORD:
        return
    record = open_of(state.open)[index]
    shown = outcome in SHOWN
    now = record.state
    if record.touchpoint == touchpoint and now in (LEASED, PUSHED, WITHDRAWN):
        if shown:
            settle(plan, state, room, index, M_PRESENTED, int(record.reason) if now == WITHDRAWN else OK)
        elif outcome == UNKNOWN:
            settle(plan, state, room, index, M_UNKNOWN, DELIVERY_FAILED)
        elif outcome == FAILED:
            _failed(plan, state, room, index)
    elif shown and now != WITHDRAWN and _known(plan, touchpoint):
        _shown_late(plan, state, room, index, touchpoint)


@compiled_leaf
def _known(plan: Any, touchpoint: int) -> bool:
    known = touchpoints_of(plan.campaigns)
    return touchpoint < len(known) and known[touchpoint, 0] >= 0


@compiled_leaf
def _failed(plan: Any, state: Any, room: Any, index: int) -> None:
    """The touchpoint that has the decision could not show or send it: back to the wait, or on to the next touchpoint in order."""
    pool = open_of(state.open)
    now, touchpoint = pool[index].state, int(pool[index].touchpoint)
    if now == LEASED:
        give_again(plan, state, room, index, DELIVERY_FAILED)
        return
    release(plan, state, room, index, DELIVERY_FAILED, 0)
    if now == PUSHED:
        move_on(state, index, touchpoint, DELIVERY_FAILED)
    else:
        close_record(state.open, index)


@compiled_leaf
def _shown_late(plan: Any, state: Any, room: Any, index: int, touchpoint: int) -> None:
    """A touchpoint whose lease was over showed it all the same: it happened, so it counts, and nobody else shall show it."""
    record = open_of(state.open)[index]
    row, campaign, now_ms = int(record.customer), int(record.campaign), state.clock.now_ms
    c = campaigns_of(plan.campaigns)[campaign]
    cost, stock, capacity = 0, -1, -1
    for i in range(c.step_first, c.step_first + c.step_count):
        if steps_of(plan.campaigns)[i].touchpoint == touchpoint:
            cost, capacity = int(steps_of(plan.campaigns)[i].cost), int(steps_of(plan.campaigns)[i].capacity)
            break
    choice = choice_of(plan, campaign, int(record.offer)) if record.offer != NO_OFFER else -1
    if choice >= 0:
        cost += offers_of(plan.campaigns)[choice].cost
        stock = int(offers_of(plan.campaigns)[choice].stock)
    channel, contact_class = (
        touchpoints_of(plan.campaigns)[touchpoint, 0],
        touchpoints_of(plan.campaigns)[touchpoint, 1],
    )
    record_contact(plan.policy, ledger_of(state), row, int(contact_class), int(channel), int(c.category), now_ms)
    count_own_contact(plan, state, row, campaign)
    held = record.state in (LEASED, PUSHED)
    emit_move(state, room, index, M_PRESENTED, PRESENTED_LATE if held else LEASE_OVER, touchpoint, 0, cost)
    spend(plan, state, room, stock, 1)
    spend(plan, state, room, capacity, 1)
    spend(plan, state, room, int(c.limit_contacts), 1)
    spend(plan, state, room, int(c.limit_money), cost)
    if held:
        withdraw(state, room, index, PRESENTED_LATE)
    else:
        close_record(state.open, index)
