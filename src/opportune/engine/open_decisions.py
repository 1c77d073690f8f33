"""The life of an open decision: opened, reserved, released, shown, withdrawn, and on to the next touchpoint. Kernel functions.

Every change of a record is a move that is told; the record is the reservation. What a deadline leads to is the same whether the wheel
comes by or a fact about the customer is taken first.
"""

from typing import Any

from opportune.campaigns import (
    DEFERRED,
    LEASED,
    MOVING,
    NO_RECORD,
    PUSHED,
    STEP_DEFERS,
    STEP_WAITS,
    WAITING,
    WITHDRAWN,
    campaigns_of,
    close_record,
    first_open,
    offers_of,
    open_of,
    open_pair,
    open_record,
    pair_contact,
    set_deadline,
    showings_of,
    steps_of,
)
from opportune.engine.admission import campaign_reason, choice_of, prepare, withdraws
from opportune.engine.candidates import DEFER_MAX_MS, step_reason
from opportune.engine.deferral import SENDING_STOPPED, deferrable, deferred_until, next_look
from opportune.engine.limits import give_back, spend
from opportune.engine.outputs import emit_move
from opportune.engine.tables import ledger_of
from opportune.facts import NO_OFFER, NO_TOUCHPOINT, MoveKind, Reason, compiled_leaf
from opportune.policy import CLASS_SERVICE, consent_reason, record_contact

OK = int(Reason.PROPOSED)
NOT_TOUCHED = int(Reason.NOT_TOUCHED)
LEASE_OVER = int(Reason.LEASE_OVER)
DELIVERY_FAILED = int(Reason.DELIVERY_FAILED)
GOAL_REACHED = int(Reason.GOAL_REACHED)
DO_NOT_DISTURB = int(Reason.DO_NOT_DISTURB)
FORGOTTEN = int(Reason.FORGOTTEN)
M_OPENED, M_LEASED, M_PUSHED = int(MoveKind.OPENED), int(MoveKind.LEASED), int(MoveKind.PUSHED)
M_PRESENTED, M_RELEASED, M_UNKNOWN = int(MoveKind.PRESENTED), int(MoveKind.RELEASED), int(MoveKind.UNKNOWN)
M_WITHDRAWN, M_CLOSED = int(MoveKind.WITHDRAWN), int(MoveKind.CLOSED)
NO_LIMIT = -1


@compiled_leaf
def new_record(state: Any, row: int, number: int, priority: int, campaign: int, offer: int) -> int:
    """The record of a decision just made, nothing reserved and on no wheel yet."""
    index = open_record(state.open, row)
    pool = open_of(state.open)
    pool[index].number = number
    pool[index].decided_seq = state.clock.next_seq
    pool[index].priority = priority
    pool[index].campaign = campaign
    pool[index].offer = offer
    pool[index].wait_until = 0
    pool[index].give_up = 0
    pool[index].counts = 0
    _hold_nothing(state, index)
    return index


@compiled_leaf
def _hold_nothing(state: Any, index: int) -> None:
    pool = open_of(state.open)
    pool[index].touchpoint = NO_TOUCHPOINT
    pool[index].cost = 0
    pool[index].stock = NO_LIMIT
    pool[index].capacity = NO_LIMIT
    pool[index].contacts = NO_LIMIT
    pool[index].money = NO_LIMIT


@compiled_leaf
def wait_at(plan: Any, state: Any, room: Any, index: int, i: int) -> None:
    """The decision waits for the customer to touch one of the touchpoints of step row `i`'s place."""
    pool, now_ms = open_of(state.open), state.clock.now_ms
    pool[index].state = WAITING
    pool[index].place = steps_of(plan.campaigns)[i].place
    pool[index].contact_class = showings_of(plan.campaigns)[i].touch_class
    pool[index].wait_until = now_ms + showings_of(plan.campaigns)[i].wait
    set_deadline(state.open, index, pool[index].wait_until)
    emit_move(state, room, index, M_OPENED, OK, NO_TOUCHPOINT, pool[index].wait_until, 0)


@compiled_leaf
def defer_at(plan: Any, state: Any, room: Any, index: int, i: int, reason: int, until_ms: int) -> None:
    """The push of step row `i` waits until the hour does not withhold it any more, or until sending goes on."""
    pool, now_ms = open_of(state.open), state.clock.now_ms
    step = steps_of(plan.campaigns)[i]
    pool[index].state = DEFERRED
    pool[index].place = step.place
    pool[index].touchpoint = step.touchpoint
    pool[index].contact_class = showings_of(plan.campaigns)[i].push_class
    pool[index].reason = reason
    if pool[index].give_up == 0:
        pool[index].give_up = now_ms + DEFER_MAX_MS
    set_deadline(state.open, index, until_ms)
    if reason == SENDING_STOPPED:
        until_ms = pool[index].give_up
    emit_move(state, room, index, M_OPENED, reason, NO_TOUCHPOINT, until_ms, 0)


@compiled_leaf
def reserve(plan: Any, state: Any, room: Any, index: int, i: int, contact_class: int, kind: int, until_ms: int) -> None:
    """Reserve the contact at step row `i` and all that it uses; the move (LEASED or PUSHED, until a time or 0) is told."""
    pool = open_of(state.open)
    campaign = int(pool[index].campaign)
    c, step = campaigns_of(plan.campaigns)[campaign], steps_of(plan.campaigns)[i]
    cost, stock = step.cost, NO_LIMIT
    if pool[index].offer != NO_OFFER:
        choice = choice_of(plan, campaign, int(pool[index].offer))
        cost += offers_of(plan.campaigns)[choice].cost
        stock = int(offers_of(plan.campaigns)[choice].stock)
    pool[index].place = step.place
    pool[index].touchpoint = step.touchpoint
    pool[index].channel = step.channel
    pool[index].category = c.category
    pool[index].contact_class = contact_class
    pool[index].counts = int(contact_class != CLASS_SERVICE)
    pool[index].cost = cost
    pool[index].day = state.clock.limits_day
    pool[index].stock = stock
    pool[index].capacity = step.capacity
    pool[index].contacts = c.limit_contacts
    pool[index].money = c.limit_money
    pool[index].state = LEASED if kind == M_LEASED else PUSHED
    if until_ms:
        set_deadline(state.open, index, until_ms)
    emit_move(state, room, index, kind, OK, int(step.touchpoint), until_ms, cost)
    spend(plan, state, room, stock, 1)
    spend(plan, state, room, int(step.capacity), 1)
    spend(plan, state, room, int(c.limit_contacts), 1)
    spend(plan, state, room, int(c.limit_money), cost)


@compiled_leaf
def release(plan: Any, state: Any, room: Any, index: int, reason: int, until_ms: int) -> None:
    """What was reserved is free again; the touchpoint does not have the decision any more. `until_ms`: it waits on until then, or 0."""
    pool = open_of(state.open)
    emit_move(state, room, index, M_RELEASED, reason, int(pool[index].touchpoint), until_ms, 0)
    day = int(pool[index].day)
    give_back(plan, state, room, int(pool[index].stock), 1, day)
    give_back(plan, state, room, int(pool[index].capacity), 1, day)
    give_back(plan, state, room, int(pool[index].contacts), 1, day)
    give_back(plan, state, room, int(pool[index].money), pool[index].cost, day)
    _hold_nothing(state, index)


@compiled_leaf
def settle(plan: Any, state: Any, room: Any, index: int, kind: int, reason: int) -> None:
    """The contact happened, or nobody can tell (PRESENTED, UNKNOWN): it counts from now on, and the decision is open no more."""
    pool, now_ms = open_of(state.open), state.clock.now_ms
    row, campaign = int(pool[index].customer), int(pool[index].campaign)
    record_contact(
        plan.policy, ledger_of(state), row, int(pool[index].contact_class), int(pool[index].channel),
        int(pool[index].category), now_ms,
    )  # fmt: skip
    count_own_contact(plan, state, row, campaign)
    emit_move(state, room, index, kind, reason, int(pool[index].touchpoint), 0, pool[index].cost)
    close_record(state.open, index)


@compiled_leaf
def count_own_contact(plan: Any, state: Any, row: int, campaign: int) -> None:
    """Count a contact into the campaign's own caps."""
    if campaigns_of(plan.campaigns)[campaign].cap_count:
        pair = open_pair(state.campaigns, row, campaign, state.clock.now_ms)
        pair_contact(plan.campaigns, state.campaigns, pair, campaign, state.clock.now_ms)


@compiled_leaf
def withdraw(state: Any, room: Any, index: int, reason: int) -> None:
    """It must not be shown any more. A touchpoint that has it may have shown it already: its record stays until that is known."""
    pool = open_of(state.open)
    if pool[index].state == WITHDRAWN:
        return
    held = pool[index].state in (LEASED, PUSHED)
    emit_move(state, room, index, M_WITHDRAWN, reason, int(pool[index].touchpoint) if held else NO_TOUCHPOINT, 0, 0)
    if held:
        pool[index].state = WITHDRAWN
        pool[index].reason = reason
    else:
        close_record(state.open, index)


@compiled_leaf
def withdraw_reached(state: Any, room: Any, row: int, campaign: int, decided_seq: int) -> None:
    """The goal of a decision is reached: what is still open of it is not needed."""
    index = first_open(state.open, row)
    while index != NO_RECORD:
        record = open_of(state.open)[index]
        after = int(record.next)
        if record.campaign == campaign and record.decided_seq == decided_seq:
            withdraw(state, room, index, GOAL_REACHED)
        index = after


@compiled_leaf
def withdraw_marketing(state: Any, room: Any, row: int) -> None:
    """The customer does not want to be disturbed: no marketing decision stays open."""
    index = first_open(state.open, row)
    while index != NO_RECORD:
        after = int(open_of(state.open)[index].next)
        if open_of(state.open)[index].contact_class != CLASS_SERVICE:
            withdraw(state, room, index, DO_NOT_DISTURB)
        index = after


@compiled_leaf
def withdraw_forgotten(plan: Any, state: Any, room: Any, row: int) -> None:
    """The customer is forgotten: nothing of hers stays open. A touchpoint's reservation is free again; what was pushed may have gone out, so it stays spent."""
    index = first_open(state.open, row)
    while index != NO_RECORD:
        pool = open_of(state.open)
        after, was = int(pool[index].next), pool[index].state
        withdraw(state, room, index, FORGOTTEN)
        if was == PUSHED:
            emit_move(state, room, index, M_UNKNOWN, FORGOTTEN, int(pool[index].touchpoint), 0, pool[index].cost)
            close_record(state.open, index)
        elif was in (LEASED, WITHDRAWN):
            release(plan, state, room, index, FORGOTTEN, 0)
            close_record(state.open, index)
        index = after


@compiled_leaf
def withdraw_unconsented(plan: Any, state: Any, room: Any, row: int, purpose: int) -> None:
    """Consent for a purpose was withdrawn: decisions go whose channel, or whose every touchpoint still to come, has lost it."""
    index = first_open(state.open, row)
    while index != NO_RECORD:
        record = open_of(state.open)[index]
        after = int(record.next)
        c = campaigns_of(plan.campaigns)[record.campaign]
        if record.contact_class != CLASS_SERVICE and c.purpose == purpose:
            reason = OK
            if record.state in (LEASED, PUSHED):
                reason = consent_reason(plan.policy, ledger_of(state), row, purpose, int(record.channel))
            elif record.state != WITHDRAWN:
                for i in range(c.step_first, c.step_first + c.step_count):
                    step = steps_of(plan.campaigns)[i]
                    if step.place >= record.place:
                        reason = consent_reason(plan.policy, ledger_of(state), row, purpose, int(step.channel))
                        if reason == OK:
                            break
            if reason != OK:
                withdraw(state, room, index, reason)
        index = after


@compiled_leaf
def give_again(plan: Any, state: Any, room: Any, index: int, reason: int) -> None:
    """The touchpoint that had leased the decision did not show it: it waits on for the next one, or moves on where the wait is over."""
    pool = open_of(state.open)
    wait_until = pool[index].wait_until
    if wait_until > state.clock.now_ms:
        release(plan, state, room, index, reason, wait_until)
        pool[index].state = WAITING
        set_deadline(state.open, index, wait_until)
    else:
        release(plan, state, room, index, reason, 0)
        move_on(state, index, NO_TOUCHPOINT, reason)


@compiled_leaf
def move_on(state: Any, index: int, touchpoint: int, reason: int) -> None:
    """What is to happen next is found when the deadline ends, which is now: one place in the kernel finds it."""
    pool = open_of(state.open)
    pool[index].state = MOVING
    pool[index].touchpoint = touchpoint
    pool[index].reason = reason
    set_deadline(state.open, index, state.clock.now_ms)


@compiled_leaf
def end_deadline(plan: Any, state: Any, room: Any, index: int) -> tuple[int, int]:
    """The deadline of a record is over: leases and pushes are settled. Gives the step row to go on at, and why; -1: nowhere."""
    pool = open_of(state.open)
    now, touchpoint, reason = pool[index].state, int(pool[index].touchpoint), int(pool[index].reason)
    if now == LEASED:
        give_again(plan, state, room, index, LEASE_OVER)
        if pool[index].state == WAITING:
            return -1, OK
        touchpoint, reason = NO_TOUCHPOINT, LEASE_OVER
    elif now == PUSHED:
        settle(plan, state, room, index, M_UNKNOWN, LEASE_OVER)
        return -1, OK
    elif now == WITHDRAWN:
        release(plan, state, room, index, LEASE_OVER, 0)
        close_record(state.open, index)
        return -1, OK
    elif now == WAITING:
        touchpoint, reason = NO_TOUCHPOINT, NOT_TOUCHED
    elif now == DEFERRED and _still_stopped(state, index):
        return -1, OK
    return first_after(plan, state, index, touchpoint, now == DEFERRED), reason


@compiled_leaf
def _still_stopped(state: Any, index: int) -> bool:
    """A stop lasts: look again later. Nothing else is asked meanwhile, so that it does not matter how often it was looked."""
    record = open_of(state.open)[index]
    until = next_look(state.clock.now_ms)
    if state.clock.stopped == 0 or record.reason != SENDING_STOPPED or until > record.give_up:
        return False
    set_deadline(state.open, index, until)
    return True


@compiled_leaf
def first_after(plan: Any, state: Any, index: int, touchpoint: int, inclusive: bool) -> int:
    """The step row behind a touchpoint of the record's place, or that row itself; without such a row the first of a later place."""
    record = open_of(state.open)[index]
    c = campaigns_of(plan.campaigns)[record.campaign]
    for i in range(c.step_first, c.step_first + c.step_count):
        step = steps_of(plan.campaigns)[i]
        if step.place > record.place:
            return i
        if step.place == record.place and step.touchpoint == touchpoint:
            return i if inclusive else i + 1
    return int(c.step_first + c.step_count)


@compiled_leaf
def go_on(plan: Any, state: Any, room: Any, index: int, first: int, cause: int) -> None:
    """The first step row from `first` on that may be used: the decision waits, is deferred or is pushed there; else it is closed.

    Closed with what withheld it last, or with `cause` where no row was left.
    """
    pool = open_of(state.open)
    row, campaign = int(pool[index].customer), int(pool[index].campaign)
    c = campaigns_of(plan.campaigns)[campaign]
    reason = cause
    if first < c.step_first + c.step_count or c.step_count == 0:
        prepare(plan, state, room, row)
        said = campaign_reason(plan, state, room, row, index)
        if withdraws(said):
            withdraw(state, room, index, said)
            return
        if said != OK:
            reason = said
        else:
            for i in range(first, c.step_first + c.step_count):
                if steps_of(plan.campaigns)[i].bits & STEP_WAITS or showings_of(plan.campaigns)[i].push_class >= 0:
                    reason = _go_to(plan, state, room, index, row, i)
                    if reason == OK:
                        return
    emit_move(state, room, index, M_CLOSED, reason, NO_TOUCHPOINT, 0, 0)
    close_record(state.open, index)


@compiled_leaf
def _go_to(plan: Any, state: Any, room: Any, index: int, row: int, i: int) -> int:
    """Wait, be deferred or be pushed at step row `i`: OK, or why not."""
    pool, now_ms = open_of(state.open), state.clock.now_ms
    c = campaigns_of(plan.campaigns)[pool[index].campaign]
    step, showing = steps_of(plan.campaigns)[i], showings_of(plan.campaigns)[i]
    waits = step.bits & STEP_WAITS != 0
    contact_class = int(showing.touch_class) if waits else int(showing.push_class)
    reason = step_reason(plan, state, room, row, i, contact_class, not waits, int(c.purpose), int(c.category), now_ms)
    if waits:
        if reason == OK:
            wait_at(plan, state, room, index, i)
        return reason
    if reason == OK:
        reserve(plan, state, room, index, i, contact_class, M_PUSHED, now_ms + showing.lease if showing.lease else 0)
        if showing.lease == 0:
            settle(plan, state, room, index, M_PRESENTED, OK)
    elif step.bits & STEP_DEFERS and deferrable(reason):
        latest = pool[index].give_up if pool[index].give_up else now_ms + DEFER_MAX_MS
        until = deferred_until(plan, state, room, i, now_ms, latest)
        if until:
            defer_at(plan, state, room, index, i, reason, until)
            reason = OK
    return reason
