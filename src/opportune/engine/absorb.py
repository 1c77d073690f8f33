"""Folding inputs into the state: one function per kind of fact. Kernel functions."""

from typing import Any

from opportune.campaigns import (
    HEAD_INSTANCES,
    MASK_WANTED,
    campaigns_of,
    goals_of,
    heads_of,
    instances_of,
    may_hold,
    note_held,
    open_instance,
    open_pair,
    pair_contact,
    pair_refused,
    progress,
    reach,
    touchpoints_of,
    unlink,
)
from opportune.engine.conditions import first_failing
from opportune.engine.home_time import home_time
from opportune.engine.open_decisions import withdraw_marketing, withdraw_reached, withdraw_unconsented
from opportune.engine.outputs import emit_goal
from opportune.engine.tables import (
    at_ms_of,
    events_of,
    first_of,
    ledger_of,
    moments_of,
    regs_of,
    tag_moments_of,
    values_of,
)
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, Answer, Arm, GoalKind, compiled_leaf
from opportune.policy import (
    record_complaint,
    record_consent,
    record_consent_at,
    record_contact,
    record_do_not_disturb,
    record_do_not_disturb_at,
    record_refusal,
)
from opportune.profiles import (
    FOLDED_LATE,
    FOLDED_OVERFLOW,
    SLOT_AT,
    columns_of,
    count_event,
    counters_of,
    event_counters_of,
    load,
    roll_windows,
    set_tag,
    store,
    tag_columns_of,
)

OPEN = 1
REFUSED = int(Answer.REFUSED)
IMPORTED = int(Arm.IMPORTED)
TREATED = int(Arm.TREATED)
REACHED = int(GoalKind.REACHED)
REGRETTED = int(GoalKind.REGRETTED)


@compiled_leaf
def absorb_event(plan: Any, state: Any, room: Any, event: int, row: int, at_ms: int) -> None:
    """Count an event into the customer's counters; its values are in the registers. A moment ahead of now counts as now."""
    now_ms = state.clock.now_ms
    base = row * plan.record_bytes
    profiles = plan.profiles
    now_local = home_time(plan, room, now_ms)
    hour, day = now_local // MS_PER_HOUR, now_local // MS_PER_DAY
    roll_windows(profiles, state.records, state.wide, base, hour, day)
    first, last = event_counters_of(profiles)[event], event_counters_of(profiles)[event + 1]
    if first < last:
        at = min(at_ms, now_ms)
        at_local = home_time(plan, room, at)
        # Local time may go back past the start of an hour or a day: what then lies ahead counts as now.
        age_hours, age_days = max(hour - at_local // MS_PER_HOUR, 0), max(day - at_local // MS_PER_DAY, 0)
        for i in range(first, last):
            counter = counters_of(profiles)[i]
            if counter.clause_count and first_failing(plan, room, counter.clause_first, counter.clause_count) >= 0:
                continue
            value = 0
            if counter.slot >= 0:
                value = regs_of(room)[counter.slot]
            elif counter.slot == SLOT_AT:
                value = at_ms
            folded = count_event(profiles, state.records, state.wide, base, i, value, at_ms, age_hours, age_days)
            if folded == FOLDED_LATE:
                state.clock.late += 1
            elif folded == FOLDED_OVERFLOW:
                state.clock.overflowed += 1
    if events_of(plan)[event].complaint:
        record_complaint(plan.policy, ledger_of(state), row, at_ms)


@compiled_leaf
def absorb_goals(plan: Any, state: Any, room: Any, event: int, row: int, at_ms: int) -> None:
    """Move the customer's goal instances on by one event: reached or regretted. Newest instance first."""
    memory = state.campaigns
    if not may_hold(memory, row, MASK_WANTED, event):
        return
    index = int(heads_of(memory)[row, HEAD_INSTANCES])
    while index != 0:
        instance = instances_of(memory)[index]
        after = int(instance.next)
        if instance.wanted == event and instance.opened <= at_ms <= instance.deadline:
            goal = goals_of(plan.campaigns)[campaigns_of(plan.campaigns)[instance.campaign].goal]
            if instance.state == OPEN:
                if _fits(plan, room, int(goal.where_first), int(goal.where_count)):
                    amount = regs_of(room)[goal.slot] if goal.slot >= 0 else NULL
                    if progress(plan.campaigns, memory, index, amount):
                        value = regs_of(room)[goal.value_slot] if goal.value_slot >= 0 else NULL
                        emit_goal(state, room, index, REACHED, at_ms, value)
                        reach(plan.campaigns, memory, row, index, at_ms)
                        if instance.arm == TREATED:
                            withdraw_reached(state, room, row, int(instance.campaign), instance.origin_seq)
            elif at_ms >= instance.reached and _fits(plan, room, int(goal.regret_first), int(goal.regret_count)):
                emit_goal(state, room, index, REGRETTED, at_ms, NULL)
                unlink(memory, row, index)
        index = after
    _note_wanted(memory, row)


@compiled_leaf
def _note_wanted(memory: Any, row: int) -> None:
    """Make the mask of wanted events exact again."""
    heads_of(memory)[row, MASK_WANTED] = 0
    index = int(heads_of(memory)[row, HEAD_INSTANCES])
    while index != 0:
        note_held(memory, row, MASK_WANTED, int(instances_of(memory)[index].wanted))
        index = int(instances_of(memory)[index].next)


@compiled_leaf
def _fits(plan: Any, room: Any, first: int, count: int) -> bool:
    return count == 0 or first_failing(plan, room, first, count) < 0


@compiled_leaf
def absorb_tags(plan: Any, state: Any, batch: Any, i: int, row: int) -> None:
    """TAGS_SET: pairs of tag number and value."""
    base = row * plan.record_bytes
    if len(moments_of(state)):
        moment = moment_of(state, at_ms_of(batch)[i])
        for at in range(first_of(batch)[i], int(first_of(batch)[i + 1]) - 1, 2):
            set_tag_at(plan, state, row, values_of(batch)[at], values_of(batch)[at + 1], moment)
        return
    for at in range(first_of(batch)[i], int(first_of(batch)[i + 1]) - 1, 2):
        set_tag(plan.profiles, state.records, base, values_of(batch)[at], values_of(batch)[at + 1])


@compiled_leaf
def moment_of(state: Any, at_ms: int) -> int:
    """When something was said, as moments are kept: in ms + 1. A moment ahead of now counts as now."""
    return int(min(at_ms, state.clock.now_ms)) + 1


@compiled_leaf
def set_tag_at(plan: Any, state: Any, row: int, tag: int, value: int, moment: int) -> None:
    """Set a tag as of a moment: an older value changes nothing; of the same moment the greater one rules."""
    if tag >= len(tag_moments_of(plan)) or tag_moments_of(plan)[tag] < 0:
        return
    column = columns_of(plan.profiles)[tag_columns_of(plan.profiles)[tag]]
    at, word = row * plan.record_bytes + column.offset, int(tag_moments_of(plan)[tag])
    said = moments_of(state)[row, word]
    if moment > said or (moment == said and value > load(state.records, at, int(column.width))):
        store(state.records, at, int(column.width), value)
        moments_of(state)[row, word] = moment


@compiled_leaf
def absorb_contact(plan: Any, state: Any, campaign: int, touchpoint: int, row: int, at_ms: int) -> None:
    """CONTACT: another system contacted the customer; it counts into caps and opens the campaign's goal."""
    if campaign >= len(campaigns_of(plan.campaigns)):
        return
    c = campaigns_of(plan.campaigns)[campaign]
    if 0 <= touchpoint < len(touchpoints_of(plan.campaigns)) and touchpoints_of(plan.campaigns)[touchpoint, 0] >= 0:
        channel = int(touchpoints_of(plan.campaigns)[touchpoint, 0])
        contact_class = int(touchpoints_of(plan.campaigns)[touchpoint, 1])
        record_contact(plan.policy, ledger_of(state), row, contact_class, channel, int(c.category), at_ms)
    if c.cap_count:
        pair = open_pair(state.campaigns, row, campaign, state.clock.now_ms)
        pair_contact(plan.campaigns, state.campaigns, pair, campaign, at_ms)
    if c.goal >= 0:
        open_instance(
            plan.campaigns, state.campaigns, row, campaign, IMPORTED, at_ms, state.clock.next_seq, state.clock.wheel_minute,
        )  # fmt: skip


@compiled_leaf
def absorb_consent(
    plan: Any, state: Any, room: Any, purpose: int, channel: int, given: int, row: int, at_ms: int
) -> None:
    """CONSENT: given or withdrawn for a purpose, for one channel or (NULL) for all. What is open goes with it."""
    if len(moments_of(state)):
        moment = moment_of(state, at_ms)
        record_consent_at(plan.policy, ledger_of(state), moments_of(state), row, purpose, channel, given != 0, moment)
    else:
        record_consent(plan.policy, ledger_of(state), row, purpose, channel, given != 0)
    if given == 0:
        withdraw_unconsented(plan, state, room, row, purpose)


@compiled_leaf
def absorb_do_not_disturb(plan: Any, state: Any, room: Any, on: bool, row: int, at_ms: int) -> None:
    """DO_NOT_DISTURB: the customer joins or leaves the list. Joining it takes back what is open."""
    holds = True
    if len(moments_of(state)):
        moment = moment_of(state, at_ms)
        holds = record_do_not_disturb_at(plan.policy, ledger_of(state), moments_of(state), row, on, moment)
    else:
        record_do_not_disturb(plan.policy, ledger_of(state), row, on)
    if on and holds:
        withdraw_marketing(state, room, row)


@compiled_leaf
def absorb_response(plan: Any, state: Any, campaign: int, answer: int, row: int, at_ms: int) -> None:
    """RESPONSE: a refusal starts the cool-downs of the policy and of the campaign."""
    if answer != REFUSED:
        return
    record_refusal(plan.policy, ledger_of(state), row, at_ms)
    if campaign < len(campaigns_of(plan.campaigns)) and campaigns_of(plan.campaigns)[campaign].refusal_cool > 0:
        pair = open_pair(state.campaigns, row, campaign, state.clock.now_ms)
        pair_refused(plan.campaigns, state.campaigns, pair, campaign, at_ms)
