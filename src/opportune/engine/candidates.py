"""One candidate: the gates a campaign must pass for this customer and event, in the order that gives the reason. Kernel functions."""

from typing import Any

from opportune.campaigns import campaigns_of, choose_weighted, find_pair, offers_of, pair_reason, priority_of, steps_of
from opportune.engine.conditions import first_failing
from opportune.engine.tables import (
    LIMIT_CLOSED,
    best_of,
    candidates_of,
    keys_of,
    ledger_of,
    limit_state_of,
    regs_of,
)
from opportune.facts import PPM, Reason, compiled_leaf
from opportune.policy import (
    CLASS_PUSH,
    CLASS_SERVICE,
    block_reason,
    blocked_until,
    capped_until,
    category_caps_of,
    channel_caps_of,
    consent_reason,
    quiet_reason,
)

BEST_CAMPAIGN, BEST_STEP, BEST_CHOICE, BEST_PRIORITY, BEST_PROPENSITY, BEST_ARG, BEST_WORDS = range(7)
"""Columns of Room.best; its rows are the candidate under examination, then the best so far of each group."""

OK = int(Reason.PROPOSED)
EVENT_TOO_OLD = int(Reason.EVENT_TOO_OLD)
CAMPAIGN_NOT_VALID = int(Reason.CAMPAIGN_NOT_VALID)
TRIGGER_CONDITION = int(Reason.TRIGGER_CONDITION)
NOT_IN_AUDIENCE = int(Reason.NOT_IN_AUDIENCE)
BUDGET_CONTACTS = int(Reason.BUDGET_CONTACTS)
BUDGET_MONEY = int(Reason.BUDGET_MONEY)
NO_TOUCHPOINT = int(Reason.NO_TOUCHPOINT)
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
        reason = _step_reason(plan, state, room, row, i, int(c.purpose), int(c.category), now_ms)
        if reason == OK:
            best_of(room)[0, BEST_STEP] = i
            break
    return reason


@compiled_leaf
def _step_reason(plan: Any, state: Any, room: Any, row: int, i: int, purpose: int, category: int, now_ms: int) -> int:
    step = steps_of(plan.campaigns)[i]
    best_of(room)[0, BEST_ARG] = step.touchpoint
    contact_class, channel = int(step.contact_class), int(step.channel)
    if contact_class != CLASS_SERVICE:
        until = blocked_until(ledger_of(state), row, contact_class)
        if until > now_ms:
            best_of(room)[0, BEST_ARG] = until
            return block_reason(ledger_of(state), row, contact_class, now_ms)
        reason = consent_reason(plan.policy, ledger_of(state), row, purpose, channel)
        if reason != OK:
            return reason
        push = contact_class == CLASS_PUSH
        if push:
            reason = quiet_reason(plan.policy, int(step.quiet_from), int(step.quiet_to), room.local_ms)
            if reason != OK:
                return reason
        p = plan.policy
        first, last = channel_caps_of(p)[channel], channel_caps_of(p)[channel + 1]
        if capped_until(p, ledger_of(state), row, first, last, not push) > now_ms:
            return CAP_CHANNEL
        first, last = category_caps_of(p)[category], category_caps_of(p)[category + 1]
        if capped_until(p, ledger_of(state), row, first, last, not push) > now_ms:
            return CAP_CATEGORY
    if step.capacity >= 0 and limit_state_of(state)[step.capacity, LIMIT_CLOSED]:
        return CAPACITY
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
