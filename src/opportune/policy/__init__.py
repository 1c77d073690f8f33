"""Contact policy: consent, caps, quiet hours, cool-down, do-not-disturb. Pure; every no is a reason code."""

from opportune.policy.combine import (
    CONSENT_MOMENTS_FROM, clear_ledger, combine_ledgers, record_consent_at, record_do_not_disturb_at,
)  # fmt: skip
from opportune.policy.definitions import Cap, CoolDown, PolicyDefinition, PolicyQuietHours
from opportune.policy.gate import (
    bit_at, block_reason, blocked_until, capped_until, closed_for, consent_reason, in_quiet, quiet_for, quiet_reason,
    record_complaint, record_consent, record_contact, record_do_not_disturb, record_refusal, refresh_blocks,
    refresh_every_block,
)  # fmt: skip
from opportune.policy.ledger import (
    CLASS_INBOUND, CLASS_PUSH, CLASS_SERVICE, COMPLAINED_UNTIL, CONSENTS, CONSENT_BITS_FROM, DO_NOT_DISTURB_BIT, POLICY, REFUSED_UNTIL, TIME_WORDS,
    LedgerLayout, PolicyPlan, bit_in, category_caps_of, channel_caps_of, moment_in, plan_policy, point_policy, said_in,
)  # fmt: skip

__all__ = [
    "CLASS_INBOUND", "CLASS_PUSH", "CLASS_SERVICE", "COMPLAINED_UNTIL", "CONSENTS", "CONSENT_BITS_FROM", "CONSENT_MOMENTS_FROM", "DO_NOT_DISTURB_BIT", "POLICY", "REFUSED_UNTIL",
    "TIME_WORDS", "Cap", "CoolDown", "LedgerLayout", "PolicyDefinition", "PolicyPlan", "PolicyQuietHours", "bit_at", "bit_in",
    "block_reason", "blocked_until", "capped_until", "category_caps_of", "channel_caps_of", "clear_ledger", "closed_for", "combine_ledgers", "consent_reason", "in_quiet",
    "moment_in", "plan_policy", "point_policy", "quiet_for", "quiet_reason", "record_complaint", "record_consent", "record_consent_at", "record_contact",
    "record_do_not_disturb", "record_do_not_disturb_at", "record_refusal", "refresh_blocks", "refresh_every_block", "said_in",
]  # fmt: skip
