"""What is remembered of (campaign, customer): the last decision, how long it is open, refusals, contact times. Kernel functions.

Kept only for pairs that had a decision, a contact or a refusal: a linked list per customer in a pool. A stale entry is used again.
"""

from typing import Any

from opportune.campaigns.memory import (
    AGAIN_FROM,
    HEAD_PAIRS,
    MASK_PAIRS,
    NEXT,
    OPEN_UNTIL,
    PAIR_CAMPAIGN,
    PAIR_HEADER_WORDS,
    PAIR_REFUSED_UNTIL,
    STALE_FROM,
    heads_of,
    may_hold,
    note_held,
    pairs_of,
)
from opportune.campaigns.plan import campaign_caps_of, campaigns_of, goals_of
from opportune.facts import Reason, compiled_leaf

NO_PAIR = 0
STALE_LOOKED_AT_MAX = 4

OK = int(Reason.PROPOSED)
DECISION_OPEN = int(Reason.DECISION_OPEN)
AGAIN_TOO_SOON = int(Reason.AGAIN_TOO_SOON)
CAMPAIGN_COOL_DOWN = int(Reason.CAMPAIGN_COOL_DOWN)
CAP_CAMPAIGN = int(Reason.CAP_CAMPAIGN)


@compiled_leaf
def find_pair(memory: Any, row: int, campaign: int) -> int:
    """The pool index of (campaign, customer), or NO_PAIR."""
    if not may_hold(memory, row, MASK_PAIRS, campaign):
        return NO_PAIR
    pair = int(heads_of(memory)[row, HEAD_PAIRS])
    while pair != NO_PAIR and pairs_of(memory)[pair, PAIR_CAMPAIGN] != campaign:
        pair = pairs_of(memory)[pair, NEXT]
    return pair


@compiled_leaf
def open_pair(memory: Any, row: int, campaign: int, now_ms: int) -> int:
    """The pool index of (campaign, customer), made if needed; NO_PAIR when the pool is full."""
    pair = find_pair(memory, row, campaign)
    if pair != NO_PAIR:
        return pair
    stale = int(heads_of(memory)[row, HEAD_PAIRS])
    looked = 1
    while stale != NO_PAIR and pairs_of(memory)[stale, STALE_FROM] > now_ms:
        stale = int(pairs_of(memory)[stale, NEXT]) if looked < STALE_LOOKED_AT_MAX else NO_PAIR
        looked += 1
    if stale == NO_PAIR:
        if memory.pairs_used + 1 >= len(pairs_of(memory)):
            return NO_PAIR
        memory.pairs_used += 1
        stale = memory.pairs_used
        pairs_of(memory)[stale, NEXT] = heads_of(memory)[row, HEAD_PAIRS]
        heads_of(memory)[row, HEAD_PAIRS] = stale
    pairs_of(memory)[stale, PAIR_CAMPAIGN] = campaign
    note_held(memory, row, MASK_PAIRS, campaign)
    for word in range(AGAIN_FROM, memory.pairs_words):
        pairs_of(memory)[stale, word] = 0
    return stale


@compiled_leaf
def keep_until(memory: Any, pair: int, until_ms: int) -> None:
    """The entry is needed at least until then."""
    pairs_of(memory)[pair, STALE_FROM] = max(pairs_of(memory)[pair, STALE_FROM], until_ms)


@compiled_leaf
def pair_capped_until(plan: Any, memory: Any, pair: int, campaign: int) -> int:
    """Until when the campaign's own caps withhold this customer; 0 where they do not."""
    until = 0
    first = campaigns_of(plan)[campaign].cap_first
    for i in range(first, first + campaigns_of(plan)[campaign].cap_count):
        oldest = pairs_of(memory)[pair, PAIR_HEADER_WORDS + campaign_caps_of(plan)[i].most - 1]
        if oldest > 0:
            until = max(until, oldest + campaign_caps_of(plan)[i].window)
    return until


@compiled_leaf
def pair_contact(plan: Any, memory: Any, pair: int, campaign: int, at_ms: int) -> None:
    """Count one contact of the campaign into its own caps."""
    first, count = campaigns_of(plan)[campaign].cap_first, campaigns_of(plan)[campaign].cap_count
    if count == 0:
        return
    at = at_ms
    for word in range(PAIR_HEADER_WORDS, memory.pairs_words):
        if at > pairs_of(memory)[pair, word]:
            at, pairs_of(memory)[pair, word] = pairs_of(memory)[pair, word], at
    for i in range(first, first + count):
        keep_until(memory, pair, at_ms + campaign_caps_of(plan)[i].window)


@compiled_leaf
def take_contacts(plan: Any, memory: Any, other: Any, row: int) -> None:
    """Take a customer's contact times, of campaigns that have caps, from another memory that knows them all."""
    pair = int(heads_of(other)[row, HEAD_PAIRS])
    while pair != NO_PAIR:
        campaign = int(pairs_of(other)[pair, PAIR_CAMPAIGN])
        if campaigns_of(plan)[campaign].cap_count:
            ours = open_pair(memory, row, campaign, 0)
            for word in range(PAIR_HEADER_WORDS, memory.pairs_words):
                pairs_of(memory)[ours, word] = pairs_of(other)[pair, word]
            keep_until(memory, ours, pairs_of(other)[pair, STALE_FROM])
        pair = int(pairs_of(other)[pair, NEXT])


@compiled_leaf
def pair_reason(plan: Any, memory: Any, pair: int, campaign: int, now_ms: int) -> tuple[int, int]:
    """May the campaign decide for this customer again? (reason or OK, until when ms)."""
    if now_ms <= pairs_of(memory)[pair, OPEN_UNTIL]:
        return DECISION_OPEN, pairs_of(memory)[pair, OPEN_UNTIL]
    if now_ms < pairs_of(memory)[pair, AGAIN_FROM]:
        return AGAIN_TOO_SOON, pairs_of(memory)[pair, AGAIN_FROM]
    return pair_resting(plan, memory, pair, campaign, now_ms)


@compiled_leaf
def pair_resting(plan: Any, memory: Any, pair: int, campaign: int, now_ms: int) -> tuple[int, int]:
    """May the campaign contact this customer, open decision or not? (reason or OK, until when ms)."""
    if now_ms < pairs_of(memory)[pair, PAIR_REFUSED_UNTIL]:
        return CAMPAIGN_COOL_DOWN, pairs_of(memory)[pair, PAIR_REFUSED_UNTIL]
    if campaigns_of(plan)[campaign].cap_count:
        until = pair_capped_until(plan, memory, pair, campaign)
        if now_ms < until:
            return CAP_CAMPAIGN, until
    return OK, 0


@compiled_leaf
def pair_decided(plan: Any, memory: Any, pair: int, campaign: int, now_ms: int) -> None:
    """The campaign decided for this customer: open until its goal's deadline, back only after `again_after`."""
    goal = campaigns_of(plan)[campaign].goal
    if goal >= 0:
        pairs_of(memory)[pair, OPEN_UNTIL] = now_ms + goals_of(plan)[goal].window
    pairs_of(memory)[pair, AGAIN_FROM] = now_ms + campaigns_of(plan)[campaign].again_after
    keep_until(memory, pair, max(pairs_of(memory)[pair, OPEN_UNTIL] + 1, pairs_of(memory)[pair, AGAIN_FROM]))


@compiled_leaf
def pair_refused(plan: Any, memory: Any, pair: int, campaign: int, at_ms: int) -> None:
    """The customer refused this campaign: its own cool-down."""
    until = at_ms + campaigns_of(plan)[campaign].refusal_cool
    pairs_of(memory)[pair, PAIR_REFUSED_UNTIL] = max(pairs_of(memory)[pair, PAIR_REFUSED_UNTIL], until)
    keep_until(memory, pair, until)
