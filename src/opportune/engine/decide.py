"""Deciding: match the campaigns an event triggers, gate them, let the best win, keep the control group silent. Kernel functions."""

from typing import Any

from opportune.campaigns import (
    STEP_DEFERS,
    STEP_LEASED,
    STEP_WAITS,
    bucket,
    campaigns_of,
    fetch_plan,
    offers_of,
    open_instance,
    open_of,
    open_pair,
    pair_contact,
    pair_decided,
    showings_of,
    steps_of,
)
from opportune.engine.candidates import (
    BEST_ARG,
    BEST_CAMPAIGN,
    BEST_CHOICE,
    BEST_DEFERRED,
    BEST_PRIORITY,
    BEST_PROPENSITY,
    BEST_STEP,
    BEST_UNTIL,
    BEST_WORDS,
    audience_reason,
    gate_reason,
    match_reason,
    offer_reason,
)
from opportune.engine.conditions import first_failing
from opportune.engine.limits import mark, spend
from opportune.engine.matching import fitting
from opportune.engine.open_decisions import M_PUSHED, defer_at, new_record, reserve, wait_at
from opportune.engine.outputs import count_withheld, write_fate
from opportune.engine.registers import load_registers
from opportune.engine.tables import (
    CANDIDATE_WORDS,
    REASONS,
    SET_BITS,
    best_of,
    blocks_of,
    candidate_words_of,
    candidates_of,
    decisions_of,
    events_of,
    fates_of,
    keys_of,
    ledger_of,
    regs_of,
    withheld_of,
)
from opportune.facts import NO_OFFER, NO_TOUCHPOINT, Arm, Reason, compiled_leaf, lowest_bit, prefetch
from opportune.policy import CLASS_INBOUND, CLASS_PUSH, CLASS_SERVICE, block_reason, blocked_until, record_contact

OK = int(Reason.PROPOSED)
CAP_CHANNEL = int(Reason.CAP_CHANNEL)
CONTROL = int(Reason.CONTROL)
UNIVERSAL_CONTROL = int(Reason.UNIVERSAL_CONTROL)
OUTRANKED = int(Reason.OUTRANKED)
TREATED_ARM = int(Arm.TREATED)
CONTROL_ARM = int(Arm.CONTROL)
UNIVERSAL_ARM = int(Arm.UNIVERSAL_CONTROL)
MARKETING, SERVICE = 1, 2
"""Rows of Room.best: the winner of marketing (pushed or inbound) and of service messages; each may have one per event."""


@compiled_leaf
def decide(plan: Any, state: Any, room: Any, event: int, row: int, at_ms: int) -> None:
    """Decide what this event means for this customer: at most one marketing and one service decision, or silence with a reason."""
    e = events_of(plan)[event]
    if e.trigger_count == 0:
        return
    now_ms = state.clock.now_ms
    trace = len(fates_of(room)) > 0
    blocked = _blocked_classes(state, row, int(e.classes), now_ms)
    if blocked:
        lowest = CLASS_PUSH if blocked & (1 << CLASS_PUSH) else CLASS_INBOUND
        count_withheld(plan, state, -1, block_reason(ledger_of(state), row, lowest, now_ms))
        if blocked == e.classes and not trace:
            return
    load_registers(plan, state, room, e, row)
    for group in (MARKETING, SERVICE):
        best_of(room)[group, BEST_CAMPAIGN] = -1
        best_of(room)[group, BEST_PRIORITY] = -1
    fates_from = room.used.fates
    if trace:
        for i in range(e.trigger_first, e.trigger_first + e.trigger_count):
            _examine(plan, state, room, row, i, blocked, at_ms)
    else:
        for index in range(e.block_first, e.block_end):
            first = int(blocks_of(plan)[index].first)
            low, high = fitting(plan, room, index, blocked)
            _fetch_candidates(plan, low, first)
            _fetch_candidates(plan, high, first + SET_BITS)
            low = _matching(plan, state, room, low, first, now_ms - at_ms)
            high = _matching(plan, state, room, high, first + SET_BITS, now_ms - at_ms)
            _propose(plan, state, room, row, low, first)
            _propose(plan, state, room, row, high, first + SET_BITS)
    for group in (MARKETING, SERVICE):
        if best_of(room)[group, BEST_CAMPAIGN] >= 0:
            _settle(plan, state, room, group, row, fates_from)


@compiled_leaf
def _propose(plan: Any, state: Any, room: Any, row: int, matching: int, first: int) -> None:
    """The candidates of a set that match, of which the lowest bit is candidate `first`: the gates, the challenge."""
    now_ms = state.clock.now_ms
    while matching:
        index = first + lowest_bit(matching)
        matching &= matching - 1
        c = candidates_of(plan)[index]
        reason = gate_reason(plan, state, room, row, index, now_ms)
        if reason == OK and c.bound <= best_of(room)[_group_of(int(c.classes)), BEST_PRIORITY]:
            reason = OUTRANKED  # whatever offer she would get
        if reason == OK:
            reason = offer_reason(plan, state, room, row, index)
        if reason == OK:
            _challenge(plan, state, room, int(c.campaign))
            fetch_plan(plan.campaigns, int(c.campaign), int(c.goal))
        else:
            count_withheld(plan, state, int(c.campaign), reason)


@compiled_leaf
def _fetch_candidates(plan: Any, fit: int, first: int) -> None:
    """Ask memory for both lines of the rows of a set's candidates."""
    while fit:
        word = (first + lowest_bit(fit)) * CANDIDATE_WORDS
        fit &= fit - 1
        prefetch(candidate_words_of(plan), word)
        prefetch(candidate_words_of(plan), word + CANDIDATE_WORDS // 2)


@compiled_leaf
def _matching(plan: Any, state: Any, room: Any, fit: int, first: int, age_ms: int) -> int:
    """Those of a set that match in what no bit set knows too. Memory is asked for all that their gates will read."""
    candidates, regs = candidates_of(plan), regs_of(room)
    matching = 0
    while fit:
        index = lowest_bit(fit)
        fit &= fit - 1
        c = candidates[first + index]
        a, b = regs[c.ref_a], regs[c.ref_b]
        # Without branches, like the sets: half of these clauses hold.
        either = ((c.lo_a <= a) & (a <= c.hi_a)) | ((c.lo_b <= b) & (b <= c.hi_b))
        matching |= int(either & (age_ms <= c.max_age)) << index
    ahead = matching
    while ahead:
        lowest = ahead & -ahead
        ahead ^= lowest
        c = candidates[first + lowest_bit(lowest)]
        if c.rest_count and first_failing(plan, room, c.rest_first, c.rest_count) >= 0:
            matching ^= lowest
            continue
        prefetch(offers_of(plan.campaigns), int(c.offer_first))
        prefetch(offers_of(plan.campaigns), int(c.offer_first + c.offer_count - 1))
        prefetch(withheld_of(state), int(c.campaign) * REASONS + CAP_CHANNEL)
        prefetch(withheld_of(state), int(c.campaign) * REASONS + OUTRANKED)
    return matching


@compiled_leaf
def _examine(plan: Any, state: Any, room: Any, row: int, index: int, blocked: int, at_ms: int) -> None:
    """One candidate with a trace: match, gate, challenge the best; its fate is written."""
    now_ms = state.clock.now_ms
    campaign = int(candidates_of(plan)[index].campaign)
    classes = candidates_of(plan)[index].classes
    reason = match_reason(plan, room, campaign, at_ms, now_ms)
    if reason == OK and classes and classes & ~blocked == 0:
        contact_class = CLASS_PUSH if classes & (1 << CLASS_PUSH) else CLASS_INBOUND
        reason = block_reason(ledger_of(state), row, contact_class, now_ms)
        best_of(room)[0, BEST_ARG] = blocked_until(ledger_of(state), row, contact_class)
    if reason == OK:
        reason = audience_reason(plan, room, campaign)
        if reason == OK:
            reason = gate_reason(plan, state, room, row, index, now_ms)
            if reason == OK:
                reason = offer_reason(plan, state, room, row, index)
            if reason == OK:
                _challenge(plan, state, room, campaign)
            else:
                count_withheld(plan, state, campaign, reason)
    _trace(plan, state, room, campaign, reason)


@compiled_leaf
def _blocked_classes(state: Any, row: int, classes: int, now_ms: int) -> int:
    blocked = 0
    for contact_class in (CLASS_PUSH, CLASS_INBOUND):
        if (classes >> contact_class) & 1 and blocked_until(ledger_of(state), row, contact_class) > now_ms:
            blocked |= 1 << contact_class
    return blocked


@compiled_leaf
def _challenge(plan: Any, state: Any, room: Any, campaign: int) -> None:
    """A candidate that passed every gate against the best so far; equal priority: the campaign defined first stays."""
    best = best_of(room)
    group = _group_of(1 << int(steps_of(plan.campaigns)[best[0, BEST_STEP]].contact_class))
    if best[0, BEST_PRIORITY] > best[group, BEST_PRIORITY]:
        if best[group, BEST_CAMPAIGN] >= 0:
            count_withheld(plan, state, best[group, BEST_CAMPAIGN], OUTRANKED)
        for word in range(BEST_WORDS):
            best[group, word] = best[0, word]
    else:
        count_withheld(plan, state, campaign, OUTRANKED)


@compiled_leaf
def _trace(plan: Any, state: Any, room: Any, campaign: int, reason: int) -> None:
    best = best_of(room)
    if reason == OK:
        choice = best[0, BEST_CHOICE]
        offer = NO_OFFER if choice < 0 else offers_of(plan.campaigns)[choice].offer
        touchpoint = steps_of(plan.campaigns)[best[0, BEST_STEP]].touchpoint
        write_fate(state, room, campaign, reason, 0, best[0, BEST_PRIORITY], offer, touchpoint)
    else:
        write_fate(state, room, campaign, reason, best[0, BEST_ARG], 0, NO_OFFER, 0)


@compiled_leaf
def _settle(plan: Any, state: Any, room: Any, group: int, row: int, fates_from: int) -> None:
    """The winner: control stays silent and uses no cap or budget; the goal opens for treated and control alike."""
    best = best_of(room)
    campaign, now_ms = int(best[group, BEST_CAMPAIGN]), state.clock.now_ms
    c = campaigns_of(plan.campaigns)[campaign]
    key = keys_of(state)[row]
    arm, arm_reason, place = TREATED_ARM, OK, 0
    if group == MARKETING:
        place = bucket(plan.policy.universal_seed, key)
        if place < plan.policy.universal_ppm:
            arm, arm_reason = UNIVERSAL_ARM, UNIVERSAL_CONTROL
    if arm == TREATED_ARM and c.control_ppm:
        place = bucket(c.seed, key)
        if place < c.control_ppm:
            arm, arm_reason = CONTROL_ARM, CONTROL
    for i in range(fates_from, room.used.fates):
        fate = fates_of(room)[i]
        if fate.campaign == campaign and fate.reason == OK:
            fate.reason = arm_reason
            fate.arg = place if arm_reason != OK else fate.priority
        elif fate.reason == OK and _group_of(int(campaigns_of(plan.campaigns)[fate.campaign].classes)) == group:
            fate.reason = OUTRANKED
            fate.arg = best[group, BEST_PRIORITY]
    pair = open_pair(state.campaigns, row, campaign, now_ms)
    pair_decided(plan.campaigns, state.campaigns, pair, campaign, now_ms)
    if c.goal >= 0:
        open_instance(
            plan.campaigns, state.campaigns, row, campaign, arm, now_ms, state.clock.next_seq, state.clock.wheel_minute,
        )  # fmt: skip
    step = steps_of(plan.campaigns)[best[group, BEST_STEP]]
    waits = step.bits & STEP_WAITS != 0 or (step.bits & STEP_DEFERS != 0 and best[group, BEST_DEFERRED] != OK)
    cost = 0
    if arm == TREATED_ARM:
        if waits or step.bits & STEP_LEASED:
            cost = _open(plan, state, room, group, row, campaign)
        else:
            cost = _contact(plan, state, room, group, row, campaign, pair)
    _emit(plan, state, room, group, row, arm, cost, waits)


@compiled_leaf
def _group_of(classes: int) -> int:
    return SERVICE if classes & (1 << CLASS_SERVICE) else MARKETING


@compiled_leaf
def _contact(plan: Any, state: Any, room: Any, group: int, row: int, campaign: int, pair: int) -> int:
    """Count the contact into every cap and limit it uses; returns its cost in minor units."""
    mark(state)
    c = campaigns_of(plan.campaigns)[campaign]
    step = steps_of(plan.campaigns)[best_of(room)[group, BEST_STEP]]
    now_ms = state.clock.now_ms
    record_contact(
        plan.policy, ledger_of(state), row, int(step.contact_class), int(step.channel), int(c.category), now_ms
    )
    pair_contact(plan.campaigns, state.campaigns, pair, campaign, now_ms)
    cost = step.cost
    choice = best_of(room)[group, BEST_CHOICE]
    if choice >= 0:
        cost += offers_of(plan.campaigns)[choice].cost
        spend(plan, state, room, int(offers_of(plan.campaigns)[choice].stock), 1)
    spend(plan, state, room, int(step.capacity), 1)
    spend(plan, state, room, int(c.limit_contacts), 1)
    spend(plan, state, room, int(c.limit_money), cost)
    return cost


@compiled_leaf
def _open(plan: Any, state: Any, room: Any, group: int, row: int, campaign: int) -> int:
    """The decision stays open: it waits, is deferred or is leased to a channel; returns the cost reserved."""
    best = best_of(room)
    i, choice = int(best[group, BEST_STEP]), best[group, BEST_CHOICE]
    offer = NO_OFFER if choice < 0 else int(offers_of(plan.campaigns)[choice].offer)
    step = steps_of(plan.campaigns)[i]
    index = new_record(state, row, state.clock.next_decision, best[group, BEST_PRIORITY], campaign, offer)
    if step.bits & STEP_WAITS:
        wait_at(plan, state, room, index, i)
    elif step.bits & STEP_DEFERS and best[group, BEST_DEFERRED] != OK:
        defer_at(plan, state, room, index, i, int(best[group, BEST_DEFERRED]), best[group, BEST_UNTIL])
    else:
        until_ms = state.clock.now_ms + showings_of(plan.campaigns)[i].lease
        reserve(plan, state, room, index, i, int(step.contact_class), M_PUSHED, until_ms)
    return open_of(state.open)[index].cost


@compiled_leaf
def _emit(plan: Any, state: Any, room: Any, group: int, row: int, arm: int, cost: int, waits: bool) -> None:
    best = best_of(room)
    step = steps_of(plan.campaigns)[best[group, BEST_STEP]]
    choice = best[group, BEST_CHOICE]
    out = decisions_of(room)[room.used.decisions]
    room.used.decisions += 1
    out.number = state.clock.next_decision
    state.clock.next_decision += 1
    out.seq = state.clock.next_seq
    out.now_ms = state.clock.now_ms
    out.priority = best[group, BEST_PRIORITY]
    out.cost = cost
    out.customer = row
    out.propensity_ppm = best[group, BEST_PROPENSITY]
    out.campaign = best[group, BEST_CAMPAIGN]
    out.offer = NO_OFFER if choice < 0 else offers_of(plan.campaigns)[choice].offer
    out.touchpoint = NO_TOUCHPOINT if waits else step.touchpoint
    out.arm = arm
    out.contact_class = step.contact_class
