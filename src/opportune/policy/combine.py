"""Two customers' ledgers become one's; and consents by the moment they were said. Kernel functions.

`moments` i8[customers, words] holds when each statement was made, in ms + 1, 0 where there is none: do-not-disturb in word 0, then
a word for each pair of purpose and channel. It has no words where no kind of identifier merges.
"""

from typing import Any

from opportune.facts import compiled_leaf
from opportune.policy.gate import bit_at, push_time, put_bit, put_time, refresh_blocks, time_at
from opportune.policy.ledger import (
    COMPLAINED_UNTIL,
    CONSENT_BITS_FROM,
    DO_NOT_DISTURB_BIT,
    REFUSED_UNTIL,
    TIME_WORDS,
    category_rings_of,
    channel_rings_of,
    consent_bits_of,
    customer_ring_of,
)

DO_NOT_DISTURB_MOMENT, CONSENT_MOMENTS_FROM = 0, 1


@compiled_leaf
def _moment_word(bit: int) -> int:
    return CONSENT_MOMENTS_FROM + (int(bit) - CONSENT_BITS_FROM) // 2


@compiled_leaf
def record_consent_at(
    plan: Any, ledger: Any, moments: Any, row: int, purpose: int, channel: int, given: bool, moment: int
) -> None:
    """Consent as of a moment (ms + 1): an older statement changes nothing; of the same moment the withdrawal rules.

    channel < 0: for every channel, which replaces what was said of each before.
    """
    every = plan.consent_bits_words - 1
    if purpose >= plan.consent_bits_rows or channel >= every:
        return
    for_all = int(consent_bits_of(plan)[purpose, every])
    if not _rules(moments[row, _moment_word(for_all)], given, moment):
        return
    if channel < 0:
        for column in range(every):
            bit = int(consent_bits_of(plan)[purpose, column])
            word = _moment_word(bit)
            said = moments[row, word]
            if said < moment or (said == moment and bit_at(ledger, row, bit)):
                put_bit(ledger, row, bit, False)
                put_bit(ledger, row, bit + 1, False)
                moments[row, word] = 0
        channel = every
    bit = int(consent_bits_of(plan)[purpose, channel])
    word = _moment_word(bit)
    if _rules(moments[row, word], given, moment):
        put_bit(ledger, row, bit, given)
        put_bit(ledger, row, bit + 1, not given)
        moments[row, word] = moment


@compiled_leaf
def _rules(said: int, given: bool, moment: int) -> bool:
    """Whether a statement of `moment` holds beside one of the moment `said`."""
    return moment > said or (moment == said and not given)


@compiled_leaf
def record_do_not_disturb_at(plan: Any, ledger: Any, moments: Any, row: int, on: bool, moment: int) -> bool:
    """Do-not-disturb as of a moment (ms + 1): an older word changes nothing; of the same moment the wish rules. Gives whether it holds."""
    said = moments[row, DO_NOT_DISTURB_MOMENT]
    if moment < said or (moment == said and not on):
        return False
    put_bit(ledger, row, DO_NOT_DISTURB_BIT, on)
    moments[row, DO_NOT_DISTURB_MOMENT] = moment
    refresh_blocks(plan, ledger, row)
    return True


@compiled_leaf
def combine_ledgers(plan: Any, ledger: Any, moments: Any, row: int, other: int) -> None:
    """Add what the ledger knows of customer `other` to that of `row`."""
    for word in (REFUSED_UNTIL, COMPLAINED_UNTIL):
        put_time(ledger, row, word, max(time_at(ledger, row, word), time_at(ledger, other, word)))
    _combine_ring(ledger, row, other, customer_ring_of(plan)[0])
    for channel in range(len(channel_rings_of(plan))):
        _combine_ring(ledger, row, other, channel_rings_of(plan)[channel])
    for category in range(len(category_rings_of(plan))):
        _combine_ring(ledger, row, other, category_rings_of(plan)[category])
    if len(moments):
        if moments[other, DO_NOT_DISTURB_MOMENT]:
            on = bit_at(ledger, other, DO_NOT_DISTURB_BIT)
            record_do_not_disturb_at(plan, ledger, moments, row, on, moments[other, DO_NOT_DISTURB_MOMENT])
    elif bit_at(ledger, other, DO_NOT_DISTURB_BIT):
        put_bit(ledger, row, DO_NOT_DISTURB_BIT, True)
    every = plan.consent_bits_words - 1
    for purpose in range(plan.consent_bits_rows):
        for column in range(every, -1, -1):  # what was said of every channel first
            bit = int(consent_bits_of(plan)[purpose, column])
            given, withdrawn = bit_at(ledger, other, bit), bit_at(ledger, other, bit + 1)
            if not given and not withdrawn:
                continue
            if len(moments):
                channel = -1 if column == every else column
                moment = moments[other, _moment_word(bit)]
                record_consent_at(plan, ledger, moments, row, purpose, channel, given, moment)
            elif withdrawn or not bit_at(ledger, row, bit + 1):
                put_bit(ledger, row, bit, given)
                put_bit(ledger, row, bit + 1, withdrawn)
    refresh_blocks(plan, ledger, row)


@compiled_leaf
def _combine_ring(ledger: Any, row: int, other: int, ring: Any) -> None:
    """The latest contacts of both."""
    for contact in range(ring.length):
        at_ms = time_at(ledger, other, ring.word + contact * TIME_WORDS)
        if at_ms == 0:
            return
        push_time(ledger, row, ring.word, ring.length, at_ms)


@compiled_leaf
def clear_ledger(ledger: Any, moments: Any, row: int, words: int) -> None:
    """Nothing is known of a customer any more."""
    for word in range(words):
        ledger[row, word] = 0
    if len(moments):
        for word in range(moments.shape[1]):
            moments[row, word] = 0
