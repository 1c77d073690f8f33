"""May an open decision be shown now? What is asked again before a lease is taken or a push begins. Kernel functions."""

from typing import Any

from opportune.campaigns import campaigns_of, find_pair, offers_of, open_of, pair_resting
from opportune.engine.candidates import BUDGET_CONTACTS, BUDGET_MONEY, audience_reason
from opportune.engine.home_time import home_time
from opportune.engine.registers import load_moment, load_registers
from opportune.engine.tables import LIMIT_CLOSED, admissions_of, limit_state_of
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NO_OFFER, Reason, compiled_leaf
from opportune.profiles import roll_windows

OK = int(Reason.PROPOSED)
NOT_IN_AUDIENCE = int(Reason.NOT_IN_AUDIENCE)
CAMPAIGN_ENDED = int(Reason.CAMPAIGN_ENDED)
NO_ELIGIBLE_OFFER = int(Reason.NO_ELIGIBLE_OFFER)
OUT_OF_STOCK = int(Reason.OUT_OF_STOCK)


@compiled_leaf
def prepare(plan: Any, state: Any, room: Any, row: int) -> None:
    """Fill the registers that audiences read, at engine time: a customer's decisions are asked after this."""
    now_ms = state.clock.now_ms
    load_moment(plan, state, room, row, now_ms)
    now_local = home_time(plan, room, now_ms)
    base, hour, day = row * plan.record_bytes, now_local // MS_PER_HOUR, now_local // MS_PER_DAY
    roll_windows(plan.profiles, state.records, state.wide, base, hour, day)
    load_registers(plan, state, room, admissions_of(plan)[0], row)


@compiled_leaf
def withdraws(reason: int) -> bool:
    """Whether a decision that meets this reason must not be shown any more, now or later."""
    return reason in (NOT_IN_AUDIENCE, CAMPAIGN_ENDED, NO_ELIGIBLE_OFFER)


@compiled_leaf
def campaign_reason(plan: Any, state: Any, room: Any, row: int, index: int) -> int:
    """What the campaign says of its open decision, wherever it is shown: OK, or why not. `prepare` came before."""
    record = open_of(state.open)[index]
    campaign, now_ms = int(record.campaign), state.clock.now_ms
    c = campaigns_of(plan.campaigns)[campaign]
    if now_ms < c.valid_from or now_ms >= c.valid_to:
        return CAMPAIGN_ENDED
    if audience_reason(plan, room, campaign) != OK:
        return NOT_IN_AUDIENCE
    pair = find_pair(state.campaigns, row, campaign)
    if pair:
        reason, _ = pair_resting(plan.campaigns, state.campaigns, pair, campaign, now_ms)
        if reason != OK:
            return reason
    if c.limit_contacts >= 0 and limit_state_of(state)[c.limit_contacts, LIMIT_CLOSED]:
        return BUDGET_CONTACTS
    if c.limit_money >= 0 and limit_state_of(state)[c.limit_money, LIMIT_CLOSED]:
        return BUDGET_MONEY
    if record.offer != NO_OFFER:
        choice = choice_of(plan, campaign, int(record.offer))
        if choice < 0:
            return NO_ELIGIBLE_OFFER
        stock = offers_of(plan.campaigns)[choice].stock
        if stock >= 0 and limit_state_of(state)[stock, LIMIT_CLOSED]:
            return OUT_OF_STOCK
    return OK


@compiled_leaf
def choice_of(plan: Any, campaign: int, offer: int) -> int:
    """The row of OFFER_CHOICE of a campaign's offer, -1 where it does not offer it (any more)."""
    c = campaigns_of(plan.campaigns)[campaign]
    for i in range(c.offer_first, c.offer_first + c.offer_count):
        if offers_of(plan.campaigns)[i].offer == offer:
            return i
    return -1
