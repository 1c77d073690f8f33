"""One candidate: the gates a campaign must pass for this customer and event, in the order that gives the reason. Kernel functions."""

from typing import Any

from opportune.campaigns import (
    NO_RECORD,
    STEP_DEFERS,
    STEP_HOURS,
    STEP_LEASED,
    STEP_PUSHES,
    STEP_WAITS,
    campaigns_of,
    choose_weighted,
    find_open,
    find_pair,
    first_open,
    offers_of,
    open_of,
    pair_reason,
    priority_of,
    reserved_of,
    room_for_open,
    showings_of,
    steps_of,
)
from opportune.engine.conditions import first_failing
from opportune.engine.deferral import deferrable, deferred_until
from opportune.engine.home_time import home_time
from opportune.engine.tables import (
    LIMIT_CLOSED,
    best_of,
    candidates_of,
    keys_of,
    ledger_of,
    limit_state_of,
    regs_of,
)
from opportune.facts import MS_PER_DAY, PPM, Reason, compiled_leaf
from opportune.policy import (
    CLASS_PUSH,
    CLASS_SERVICE,
    block_reason,
    blocked_until,
    capped_until,
    category_caps_of,
    channel_caps_of,
    closed_for,
    consent_reason,
    quiet_reason,
)

(
    BEST_CAMPAIGN, BEST_STEP, BEST_CHOICE, BEST_PRIORITY, BEST_PROPENSITY, BEST_ARG, BEST_DEFERRED, BEST_UNTIL, BEST_WORDS,
) = range(9)  # fmt: skip
"""Columns of Room.best; its rows are the candidate under examination, then the best so far of each group.

BEST_DEFERRED is why its push is deferred (OK: it is not), BEST_UNTIL until when.
"""
DEFER_MAX_MS = 3 * MS_PER_DAY
OPENED_PER_EVENT_MAX = 2

OK = int(Reason.PROPOSED)
EVENT_TOO_OLD = int(Reason.EVENT_TOO_OLD)
CAMPAIGN_NOT_VALID = int(Reason.CAMPAIGN_NOT_VALID)
TRIGGER_CONDITION = int(Reason.TRIGGER_CONDITION)
NOT_IN_AUDIENCE = int(Reason.NOT_IN_AUDIENCE)
BUDGET_CONTACTS = int(Reason.BUDGET_CONTACTS)
BUDGET_MONEY = int(Reason.BUDGET_MONEY)
NO_TOUCHPOINT = int(Reason.NO_TOUCHPOINT)
DECISION_OPEN = int(Reason.DECISION_OPEN)
SENDING_STOPPED = int(Reason.SENDING_STOPPED)
OUTSIDE_WORKING_HOURS = int(Reason.OUTSIDE_WORKING_HOURS)
CAP_CUSTOMER = int(Reason.CAP_CUSTOMER)
CAP_CHANNEL = int(Reason.CAP_CHANNEL)
CAP_CATEGORY = int(Reason.CAP_CATEGORY)
CAPACITY = int(Reason.CAPACITY)
NO_ELIGIBLE_OFFER = int(Reason.NO_ELIGIBLE_OFFER)
OUT_OF_STOCK = int(Reason.OUT_OF_STOCK)


@compiled_leaf
def match_reason(plan: Any, room: Any, campaign: int, at_ms: int, now_ms: int) -> int:
    """Does the event trigger the campaign? OK, or why not; the key figure goes into best[0, BEST_ARG]."""
    c = campaigns_of(plan.campaigns)[campaign]
    if now_ms - at_ms > c.max_age:
        best_of(room)[0, BEST_ARG] = now_ms - at_ms
        return EVENT_TOO_OLD
    if now_ms < c.valid_from or now_ms >= c.valid_to:
        best_of(room)[0, BEST_ARG] = c.valid_from if now_ms < c.valid_from else c.valid_to
        return CAMPAIGN_NOT_VALID
    if c.where_count:
        failed = first_failing(plan, room, c.where_first, c.where_count)
        if failed >= 0:
            best_of(room)[0, BEST_ARG] = failed
            return TRIGGER_CONDITION
    return OK


@compiled_leaf
def audience_reason(plan: Any, room: Any, campaign: int) -> int:
    """Is the customer in the campaign's audience? OK or NOT_IN_AUDIENCE with the clause that failed."""
    c = campaigns_of(plan.campaigns)[campaign]
    if c.audience_count:
        failed = first_failing(plan, room, c.audience_first, c.audience_count)
        if failed >= 0:
            best_of(room)[0, BEST_ARG] = failed
            return NOT_IN_AUDIENCE
    return OK


@compiled_leaf
def gate_reason(plan: Any, state: Any, room: Any, row: int, index: int, now_ms: int) -> int:
    """May a candidate that fits contact the customer now? OK and the step in best[0], or why not."""
    c = candidates_of(plan)[index]
    campaign = int(c.campaign)
    opened = find_open(state.open, row, campaign)
    if opened != NO_RECORD:
        best_of(room)[0, BEST_ARG] = open_of(state.open)[opened].deadline
        return DECISION_OPEN
    pair = find_pair(state.campaigns, row, campaign)
    if pair:
        reason, until = pair_reason(plan.campaigns, state.campaigns, pair, campaign, now_ms)
        if reason != OK:
            best_of(room)[0, BEST_ARG] = until
            return reason
    if c.limit_contacts >= 0 and limit_state_of(state)[c.limit_contacts, LIMIT_CLOSED]:
        best_of(room)[0, BEST_ARG] = c.limit_contacts
        return BUDGET_CONTACTS
    if c.limit_money >= 0 and limit_state_of(state)[c.limit_money, LIMIT_CLOSED]:
        best_of(room)[0, BEST_ARG] = c.limit_money
        return BUDGET_MONEY
    reason = NO_TOUCHPOINT
    for i in range(c.step_first, c.step_first + c.step_count):
        step = steps_of(plan.campaigns)[i]
        pushes = step.bits & STEP_PUSHES != 0
        reason = step_reason(
            plan, state, room, row, i, int(step.contact_class), pushes, int(c.purpose), int(c.category), now_ms
        )
        if step.bits:
            reason = _may_open(plan, state, room, row, i, reason, now_ms)
        if reason == OK:
            best_of(room)[0, BEST_STEP] = i
            break
    if reason == CAPACITY and not room_for_open(state.open, row, OPENED_PER_EVENT_MAX):
        state.open.refused += 1
    return reason


@compiled_leaf
def _may_open(plan: Any, state: Any, room: Any, row: int, i: int, reason: int, now_ms: int) -> int:
    """What becomes of a step's reason where its decision would be an open one: OK too where only the hour withholds a push."""
    bits = steps_of(plan.campaigns)[i].bits
    best_of(room)[0, BEST_DEFERRED] = OK
    opens = bits & (STEP_WAITS | STEP_LEASED) != 0
    if bits & STEP_DEFERS and bits & STEP_PUSHES and deferrable(reason):
        until = deferred_until(plan, state, room, i, now_ms, now_ms + DEFER_MAX_MS)
        if until:
            best_of(room)[0, BEST_DEFERRED] = reason
            best_of(room)[0, BEST_UNTIL] = until
            opens, reason = True, OK
    if reason == OK and opens and not room_for_open(state.open, row, OPENED_PER_EVENT_MAX):
        return CAPACITY
    return reason


@compiled_leaf
def step_reason(
    plan: Any, state: Any, room: Any, row: int, i: int, contact_class: int, pushes: bool, purpose: int, category: int,
    now_ms: int,
) -> int:  # fmt: skip
    """May step row `i` contact the customer now, as that class? OK, or the first gate that says no."""
    step = steps_of(plan.campaigns)[i]
    best_of(room)[0, BEST_ARG] = step.touchpoint
    channel = int(step.channel)
    if contact_class != CLASS_SERVICE:
        until = blocked_until(ledger_of(state), row, contact_class)
        if until > now_ms:
            best_of(room)[0, BEST_ARG] = until
            return block_reason(ledger_of(state), row, contact_class, now_ms)
    if pushes and state.clock.stopped:
        return SENDING_STOPPED
    if contact_class != CLASS_SERVICE:
        reason = consent_reason(plan.policy, ledger_of(state), row, purpose, channel)
        if reason != OK:
            return reason
        push = contact_class == CLASS_PUSH
        if push:
            reason = quiet_reason(plan.policy, int(step.quiet_from), int(step.quiet_to), room.local_ms)
            if reason != OK:
                return reason
        reason = _cap_reason(plan, state, row, channel, category, not push, now_ms)
        if reason != OK:
            return reason
    if step.capacity >= 0 and limit_state_of(state)[step.capacity, LIMIT_CLOSED]:
        return CAPACITY
    if step.bits & STEP_HOURS:
        showing = showings_of(plan.campaigns)[i]
        local_ms = home_time(plan, room, now_ms)
        if closed_for(int(showing.hours_from), int(showing.hours_to), int(showing.hours_days), local_ms):
            return OUTSIDE_WORKING_HOURS
    return OK


@compiled_leaf
def _cap_reason(plan: Any, state: Any, row: int, channel: int, category: int, inbound: bool, now_ms: int) -> int:
    """Do caps withhold a contact? What is reserved for open decisions counts like contacts."""
    p, ledger = plan.policy, ledger_of(state)
    every, same_channel, same_category = 0, 0, 0
    if first_open(state.open, row) != NO_RECORD:
        every, same_channel, same_category = reserved_of(state.open, row, channel, category, now_ms)
        if every and capped_until(p, ledger, row, 0, p.customer_caps, inbound, every) > now_ms:
            return CAP_CUSTOMER
    first, last = channel_caps_of(p)[channel], channel_caps_of(p)[channel + 1]
    if capped_until(p, ledger, row, first, last, inbound, same_channel) > now_ms:
        return CAP_CHANNEL
    first, last = category_caps_of(p)[category], category_caps_of(p)[category + 1]
    if capped_until(p, ledger, row, first, last, inbound, same_category) > now_ms:
        return CAP_CATEGORY
    return OK


@compiled_leaf
def offer_reason(plan: Any, state: Any, room: Any, row: int, index: int) -> int:
    """With what offer, once the gates are passed? OK fills best[0]; else the reason."""
    c = candidates_of(plan)[index]
    choice = -1
    value = 1
    if c.offer_count:
        eligible = 0
        sold_out = -1
        for i in range(c.offer_count):
            offer = offers_of(plan.campaigns)[c.offer_first + i]
            if offer.clause_count and (first_failing(plan, room, offer.clause_first, offer.clause_count) >= 0):
                continue
            if offer.stock >= 0 and limit_state_of(state)[offer.stock, LIMIT_CLOSED]:
                sold_out = int(offer.offer)
                continue
            eligible |= 1 << i
        if eligible == 0:
            best_of(room)[0, BEST_ARG] = sold_out
            return OUT_OF_STOCK if sold_out >= 0 else NO_ELIGIBLE_OFFER
        choice = choose_weighted(
            plan.campaigns, eligible, int(c.offer_first), int(c.offer_count), c.seed, keys_of(state)[row]
        )
        value = offers_of(plan.campaigns)[choice].value
    propensity = int(c.propensity_ppm)
    if c.propensity_ref >= 0:
        propensity = min(max(regs_of(room)[c.propensity_ref], 0), PPM)
    weight = steps_of(plan.campaigns)[best_of(room)[0, BEST_STEP]].weight_ppm
    best_of(room)[0, BEST_CAMPAIGN] = c.campaign
    best_of(room)[0, BEST_CHOICE] = choice
    best_of(room)[0, BEST_PROPENSITY] = propensity
    best_of(room)[0, BEST_PRIORITY] = priority_of(propensity, weight, value, int(c.lever_ppm))
    return OK
