"""The gates: may this customer be contacted now, on this channel, for this category? Kernel functions; no = a reason code."""

from typing import Any

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
def capped_until(plan: Any, ledger: Any, row: int, first: int, last: int, inbound_only: bool) -> int:
    """Until when (ms, excluded) the caps first..last withhold this customer; 0 where none has been used up."""
    until = 0
    for i in range(first, last):
        cap = caps_of(plan)[i]
        if inbound_only and cap.inbound == 0:
            continue
        oldest = ledger[row, cap.word + cap.most - 1]
        if oldest > 0:
            until = max(until, oldest + cap.window)
    return until


@compiled_leaf
def refresh_blocks(plan: Any, ledger: Any, row: int) -> None:
    """Recompute until when each class of contact is blocked, after anything it depends on has changed."""
    cool = max(ledger[row, REFUSED_UNTIL], ledger[row, COMPLAINED_UNTIL])
    push = max(cool, capped_until(plan, ledger, row, 0, plan.customer_caps, False))
    if (ledger[row, CONSENTS] >> DO_NOT_DISTURB_BIT) & 1:
        push = FOREVER
    ledger[row, PUSH_UNTIL] = push
    ledger[row, INBOUND_UNTIL] = max(cool, capped_until(plan, ledger, row, 0, plan.customer_caps, True))


@compiled_leaf
def refresh_every_block(plan: Any, ledger: Any, customers: int) -> None:
    """`refresh_blocks` for all customers: after the policy itself has changed."""
    for row in range(customers):
        refresh_blocks(plan, ledger, row)


@compiled_leaf
def blocked_until(ledger: Any, row: int, contact_class: int) -> int:
    """Until when (ms, excluded) the class is blocked for this customer; service never is."""
    if contact_class == CLASS_PUSH:
        return ledger[row, PUSH_UNTIL]
    if contact_class == CLASS_INBOUND:
        return ledger[row, INBOUND_UNTIL]
    return 0


@compiled_leaf
def block_reason(ledger: Any, row: int, contact_class: int, now_ms: int) -> int:
    """Why a class is blocked now (asked only when it is)."""
    if contact_class == CLASS_PUSH and (ledger[row, CONSENTS] >> DO_NOT_DISTURB_BIT) & 1:
        return DO_NOT_DISTURB
    if ledger[row, REFUSED_UNTIL] > now_ms:
        return COOL_DOWN_REFUSED
    if ledger[row, COMPLAINED_UNTIL] > now_ms:
        return COOL_DOWN_COMPLAINT
    return CAP_CUSTOMER


@compiled_leaf
def consent_reason(plan: Any, ledger: Any, row: int, purpose: int, channel: int) -> int:
    """OK, NO_CONSENT or CONSENT_WITHDRAWN. What is said of one channel goes before what is said of all."""
    said = _said(plan, ledger[row, CONSENTS], purpose, channel)
    if said == UNSAID:
        said = _said(plan, ledger[row, CONSENTS], purpose, plan.consent_bits_words - 1)
    if said == UNSAID:
        return NO_CONSENT if plan.consent_required else OK
    return said


@compiled_leaf
def _said(plan: Any, consents: int, purpose: int, column: int) -> int:
    bit = int(consent_bits_of(plan)[purpose, column])
    if (consents >> (bit + 32)) & 1:
        return CONSENT_WITHDRAWN
    return OK if (consents >> bit) & 1 else UNSAID


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
def push_time(ledger: Any, row: int, word: int, size: int, at_ms: int) -> None:
    """Keep the `size` latest times of a ring, newest first, with one more."""
    if size == 0 or at_ms <= ledger[row, word + size - 1]:
        return
    i = size - 1
    while i > 0 and ledger[row, word + i - 1] < at_ms:
        ledger[row, word + i] = ledger[row, word + i - 1]
        i -= 1
    ledger[row, word + i] = at_ms


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
    word = ledger[row, CONSENTS]
    every = plan.consent_bits_words - 1
    if purpose >= plan.consent_bits_rows or channel >= every:
        return
    if channel < 0:
        for column in range(every + 1):
            bit = int(consent_bits_of(plan)[purpose, column])
            word &= ~((1 << bit) | (1 << (bit + 32)))
        channel = every
    bit = int(consent_bits_of(plan)[purpose, channel])
    word &= ~((1 << bit) | (1 << (bit + 32)))
    ledger[row, CONSENTS] = word | ((1 << bit) if given else (1 << (bit + 32)))


@compiled_leaf
def record_do_not_disturb(plan: Any, ledger: Any, row: int, on: bool) -> None:
    """The customer joins or leaves the do-not-disturb list."""
    word = ledger[row, CONSENTS] & ~(1 << DO_NOT_DISTURB_BIT)
    ledger[row, CONSENTS] = word | (1 << DO_NOT_DISTURB_BIT) if on else word
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def record_refusal(plan: Any, ledger: Any, row: int, at_ms: int) -> None:
    """Start the cool-down after a refusal, where the policy has one."""
    if plan.after_refused <= 0:
        return
    ledger[row, REFUSED_UNTIL] = max(ledger[row, REFUSED_UNTIL], at_ms + plan.after_refused)
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def record_complaint(plan: Any, ledger: Any, row: int, at_ms: int) -> None:
    """Start the cool-down after a complaint, where the policy has one."""
    if plan.after_complaint <= 0:
        return
    ledger[row, COMPLAINED_UNTIL] = max(ledger[row, COMPLAINED_UNTIL], at_ms + plan.after_complaint)
    refresh_blocks(plan, ledger, row)
