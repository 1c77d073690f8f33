"""The gates: may this customer be contacted now, on this channel, for this category? Kernel functions; no = a reason code."""

from typing import Any

import numpy as np

from opportune.facts import Reason, compiled_leaf
from opportune.policy.ledger import (
    CLASS_INBOUND,
    CLASS_PUSH,
    CLASS_SERVICE,
    COMPLAINED_UNTIL,
    CONSENTS,
    DO_NOT_DISTURB_BIT,
    FOREVER,
    INBOUND_UNTIL,
    PUSH_UNTIL,
    REFUSED_UNTIL,
    TIME_MAX,
    TIME_WORDS,
    WORD_BITS,
    caps_of,
    category_rings_of,
    channel_rings_of,
    consent_bits_of,
    customer_ring_of,
    holidays_of,
)

UNSAID = -1

OK = int(Reason.PROPOSED)
DO_NOT_DISTURB = int(Reason.DO_NOT_DISTURB)
COOL_DOWN_REFUSED = int(Reason.COOL_DOWN_REFUSED)
COOL_DOWN_COMPLAINT = int(Reason.COOL_DOWN_COMPLAINT)
CAP_CUSTOMER = int(Reason.CAP_CUSTOMER)
NO_CONSENT = int(Reason.NO_CONSENT)
CONSENT_WITHDRAWN = int(Reason.CONSENT_WITHDRAWN)
QUIET_HOURS = int(Reason.QUIET_HOURS)
HOLIDAY = int(Reason.HOLIDAY)


@compiled_leaf
def time_at(ledger: Any, row: int, word: int) -> int:
    """The time (ms) that begins at a word of a customer's ledger; 0 where there is none."""
    at_ms: Any = np.int64(ledger[row, word])
    at_ms |= np.int64(ledger[row, word + 1]) << WORD_BITS
    return at_ms | np.int64(ledger[row, word + 2]) << 2 * WORD_BITS


@compiled_leaf
def put_time(ledger: Any, row: int, word: int, at_ms: int) -> None:
    """Write a time of 0 .. TIME_MAX."""
    ledger[row, word] = at_ms & 0xFFFF
    ledger[row, word + 1] = at_ms >> WORD_BITS & 0xFFFF
    ledger[row, word + 2] = at_ms >> 2 * WORD_BITS & 0xFFFF


@compiled_leaf
def bit_at(ledger: Any, row: int, bit: int) -> bool:
    """A consent bit of a customer's ledger."""
    return ledger[row, CONSENTS + bit // WORD_BITS] >> bit % WORD_BITS & 1 != 0


@compiled_leaf
def put_bit(ledger: Any, row: int, bit: int, on: bool) -> None:
    """Set or clear it."""
    mask = 1 << bit % WORD_BITS
    word = np.int64(ledger[row, CONSENTS + bit // WORD_BITS])
    ledger[row, CONSENTS + bit // WORD_BITS] = word | mask if on else word & ~mask


@compiled_leaf
def capped_until(plan: Any, ledger: Any, row: int, first: int, last: int, inbound_only: bool, reserved: int) -> int:
    """Until when (ms, excluded) the caps first..last withhold this customer; 0 where none has been used up.

    Each contact `reserved` counts like one that was made a moment ago; FOREVER where reservations alone use a cap up.
    """
    until = 0
    for i in range(first, last):
        cap = caps_of(plan)[i]
        if inbound_only and cap.inbound == 0:
            continue
        if reserved >= cap.most:
            return FOREVER
        oldest = time_at(ledger, row, cap.word - reserved * TIME_WORDS)
        if oldest > 0:
            until = max(until, oldest + cap.window)
    return until


@compiled_leaf
def refresh_blocks(plan: Any, ledger: Any, row: int) -> None:
    """Recompute until when each class of contact is blocked, after anything it depends on has changed."""
    cool = max(time_at(ledger, row, REFUSED_UNTIL), time_at(ledger, row, COMPLAINED_UNTIL))
    push = max(cool, capped_until(plan, ledger, row, 0, plan.customer_caps, False, 0))
    if bit_at(ledger, row, DO_NOT_DISTURB_BIT):
        push = TIME_MAX
    inbound = max(cool, capped_until(plan, ledger, row, 0, plan.customer_caps, True, 0))
    put_time(ledger, row, PUSH_UNTIL, min(push, TIME_MAX))
    put_time(ledger, row, INBOUND_UNTIL, min(inbound, TIME_MAX))


@compiled_leaf
def refresh_every_block(plan: Any, ledger: Any, customers: int) -> None:
    """`refresh_blocks` for all customers: after the policy itself has changed."""
    for row in range(customers):
        refresh_blocks(plan, ledger, row)


@compiled_leaf
def blocked_until(ledger: Any, row: int, contact_class: int) -> int:
    """Until when (ms, excluded; FOREVER) the class is blocked for this customer; service never is."""
    if contact_class == CLASS_PUSH:
        until = time_at(ledger, row, PUSH_UNTIL)
        return FOREVER if until == TIME_MAX else until
    if contact_class == CLASS_INBOUND:
        return time_at(ledger, row, INBOUND_UNTIL)
    return 0


@compiled_leaf
def block_reason(ledger: Any, row: int, contact_class: int, now_ms: int) -> int:
    """Why a class is blocked now (asked only when it is)."""
    if contact_class == CLASS_PUSH and bit_at(ledger, row, DO_NOT_DISTURB_BIT):
        return DO_NOT_DISTURB
    if time_at(ledger, row, REFUSED_UNTIL) > now_ms:
        return COOL_DOWN_REFUSED
    if time_at(ledger, row, COMPLAINED_UNTIL) > now_ms:
        return COOL_DOWN_COMPLAINT
    return CAP_CUSTOMER


@compiled_leaf
def consent_reason(plan: Any, ledger: Any, row: int, purpose: int, channel: int) -> int:
    """OK, NO_CONSENT or CONSENT_WITHDRAWN. What is said of one channel goes before what is said of all."""
    said = _said(plan, ledger, row, purpose, channel)
    if said == UNSAID:
        said = _said(plan, ledger, row, purpose, plan.consent_bits_words - 1)
    if said == UNSAID:
        return NO_CONSENT if plan.consent_required else OK
    return said


@compiled_leaf
def _said(plan: Any, ledger: Any, row: int, purpose: int, column: int) -> int:
    bit = int(consent_bits_of(plan)[purpose, column])
    if bit_at(ledger, row, bit + 1):
        return CONSENT_WITHDRAWN
    return OK if bit_at(ledger, row, bit) else UNSAID


@compiled_leaf
def in_quiet(since: int, to: int, minute: int) -> bool:
    """Whether a local minute lies in quiet time [since, to), which may pass midnight; since < 0: there is none."""
    if since < 0:
        return False
    if since <= to:
        return since <= minute < to
    return minute >= since or minute < to


@compiled_leaf
def quiet_reason(plan: Any, since: int, to: int, local_ms: int) -> int:
    """OK, QUIET_HOURS or HOLIDAY at a customer's local time in ms; `since`, `to` are the touchpoint's own quiet minutes."""
    minute = local_ms % 86_400_000 // 60_000
    if in_quiet(plan.quiet_from, plan.quiet_to, minute) or in_quiet(since, to, minute):
        return QUIET_HOURS
    for i in range(plan.holidays_rows):
        if holidays_of(plan)[i] == local_ms // 86_400_000:
            return HOLIDAY
    return OK


@compiled_leaf
def push_time(ledger: Any, row: int, ring: int, contacts: int, at_ms: int) -> None:
    """Keep the `contacts` latest times of the ring that begins at a word, newest first, with one more."""
    at_ms = min(at_ms, TIME_MAX)
    word = ring + (contacts - 1) * TIME_WORDS
    if contacts == 0 or at_ms <= time_at(ledger, row, word):
        return
    while word > ring:
        earlier = time_at(ledger, row, word - TIME_WORDS)
        if earlier >= at_ms:
            break
        put_time(ledger, row, word, earlier)
        word -= TIME_WORDS
    put_time(ledger, row, word, at_ms)


@compiled_leaf
def record_contact(
    plan: Any, ledger: Any, row: int, contact_class: int, channel: int, category: int, at_ms: int
) -> None:
    """Count one contact into every cap it belongs to (category < 0: it is not known any more). Service messages do not count."""
    if contact_class == CLASS_SERVICE:
        return
    ring = customer_ring_of(plan)[0]
    push_time(ledger, row, ring.word, ring.length, at_ms)
    ring = channel_rings_of(plan)[channel]
    push_time(ledger, row, ring.word, ring.length, at_ms)
    if category >= 0:
        ring = category_rings_of(plan)[category]
        push_time(ledger, row, ring.word, ring.length, at_ms)
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def record_consent(plan: Any, ledger: Any, row: int, purpose: int, channel: int, given: bool) -> None:
    """Consent given or withdrawn for one channel; channel < 0: for every channel, which replaces what was said of each."""
    every = plan.consent_bits_words - 1
    if purpose >= plan.consent_bits_rows or channel >= every:
        return
    if channel < 0:
        for column in range(every):
            bit = int(consent_bits_of(plan)[purpose, column])
            put_bit(ledger, row, bit, False)
            put_bit(ledger, row, bit + 1, False)
        channel = every
    bit = int(consent_bits_of(plan)[purpose, channel])
    put_bit(ledger, row, bit, given)
    put_bit(ledger, row, bit + 1, not given)


@compiled_leaf
def record_do_not_disturb(plan: Any, ledger: Any, row: int, on: bool) -> None:
    """The customer joins or leaves the do-not-disturb list."""
    put_bit(ledger, row, DO_NOT_DISTURB_BIT, on)
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def record_refusal(plan: Any, ledger: Any, row: int, at_ms: int) -> None:
    """Start the cool-down after a refusal, where the policy has one."""
    if plan.after_refused <= 0:
        return
    until = max(time_at(ledger, row, REFUSED_UNTIL), at_ms + plan.after_refused)
    put_time(ledger, row, REFUSED_UNTIL, min(until, TIME_MAX))
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def record_complaint(plan: Any, ledger: Any, row: int, at_ms: int) -> None:
    """Start the cool-down after a complaint, where the policy has one."""
    if plan.after_complaint <= 0:
        return
    until = max(time_at(ledger, row, COMPLAINED_UNTIL), at_ms + plan.after_complaint)
    put_time(ledger, row, COMPLAINED_UNTIL, min(until, TIME_MAX))
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def quiet_for(plan: Any, since: int, to: int, local_ms: int) -> int:
    """For how many more minutes of local time a quiet time or holiday lasts that withholds at `local_ms`; 0: none does."""
    minute = local_ms % 86_400_000 // 60_000
    if in_quiet(plan.quiet_from, plan.quiet_to, minute):
        return (plan.quiet_to - minute) % 1_440
    if in_quiet(since, to, minute):
        return (to - minute) % 1_440
    for i in range(plan.holidays_rows):
        if holidays_of(plan)[i] == local_ms // 86_400_000:
            return 1_440 - minute
    return 0


@compiled_leaf
def closed_for(since: int, to: int, days: int, local_ms: int) -> int:
    """For how many minutes at least working hours [since, to) on the weekdays of the bits `days` are over; 0: they are not."""
    minute = local_ms % 86_400_000 // 60_000
    weekday = (local_ms // 86_400_000 + 3) % 7
    if since < 0 or ((days >> weekday) & 1 and in_quiet(since, to, minute)):
        return 0
    if (days >> weekday) & 1 and minute < since:
        return since - minute
    return 1_440 - minute
