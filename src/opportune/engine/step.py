"""The kernel: one loop over a batch in order. The order of the stages is written here and nowhere else:

    time -> deadlines -> fold -> goals -> match -> gate -> arbitrate -> control -> emit -> detect

What is detected is an event again, within the same fact, and goes the same way. The loop's order is the meaning: however inputs are batched, the outputs are the same, bit for bit.
"""

from typing import Any

from opportune.campaigns import (
    NO_RECORD,
    fetch_lists,
    first_open,
    heads_of,
    open_heads_of,
)
from opportune.engine.absorb import (
    absorb_consent,
    absorb_contact,
    absorb_do_not_disturb,
    absorb_response,
)
from opportune.engine.advance import advance, end_deadlines
from opportune.engine.detect import end_pending
from opportune.engine.forget import absorb_forgotten, is_forgotten
from opportune.engine.happen import happen, over_on_wheel, set_tags
from opportune.engine.limits import drive_limit, end_marks
from opportune.engine.merge import absorb_merged, root_of
from opportune.engine.tables import (
    at_ms_of,
    batch_at,
    code_of,
    customer_of,
    events_of,
    first_of,
    keys_of,
    kind_of,
    ledger_of,
    now_ms_of,
    plan_at,
    regs_of,
    room_at,
    state_at,
    values_of,
)
from opportune.engine.touch import absorb_receipt, absorb_touch
from opportune.engine.turns import room_for_merge, room_for_turn
from opportune.facts import NOBODY, NULL, FactKind, compiled_leaf, prefetch
from opportune.profiles import NO_PENDING, create_record, i8_of, over_pending, pending_heads_of

EVENT = int(FactKind.EVENT)
TAGS_SET = int(FactKind.TAGS_SET)
CONTACT = int(FactKind.CONTACT)
CONSENT = int(FactKind.CONSENT)
DO_NOT_DISTURB = int(FactKind.DO_NOT_DISTURB)
RESPONSE = int(FactKind.RESPONSE)
CUSTOMER = int(FactKind.CUSTOMER)
LIMIT = int(FactKind.LIMIT)
PLAYBOOK = int(FactKind.PLAYBOOK)
TOUCH = int(FactKind.TOUCH)
RECEIPT = int(FactKind.RECEIPT)
SENDING = int(FactKind.SENDING)
FORGOTTEN = int(FactKind.FORGOTTEN)
MERGED = int(FactKind.MERGED)

EVERY_ROW = -1
AHEAD, AHEAD_LISTS = 6, 3
FETCHED_WORDS_MAX = 64
LINE_BYTES = 64


@compiled_leaf
def step(plan_address: int, state_address: int, batch_address: int, room_address: int, start: int, end: int) -> int:
    """Process the facts start .. end-1. Returns the number of facts done; less than `end`: empty the room and call again.

    -1: a customer's number is beyond the reserved state; nothing was changed. The addresses are those of PLAN, STATE, BATCH
    and ROOM bundles.
    """
    plan, state = plan_at(plan_address), state_at(state_address)
    batch, room = batch_at(batch_address), room_at(room_address)
    for i in range(start, end):
        if customer_of(batch)[i] >= state.keys_rows and customer_of(batch)[i] != NOBODY:
            return -1
    for i in range(start, min(start + AHEAD, end)):
        fetch_ahead(plan, state, int(customer_of(batch)[i]))
    for i in range(start, end):
        if i + AHEAD < end:
            fetch_ahead(plan, state, int(customer_of(batch)[i + AHEAD]))
        if i + AHEAD_LISTS < end and customer_of(batch)[i + AHEAD_LISTS] < state.clock.customers:
            fetch_lists(state.campaigns, int(customer_of(batch)[i + AHEAD_LISTS]))
        if not room_for_turn(plan, state, room):
            return i
        if not advance(plan, state, room, now_ms_of(batch)[i]):
            return i
        kind, customer = int(kind_of(batch)[i]), int(customer_of(batch)[i])
        absorbed = customer
        if state.clock.merged != 0 and customer != NOBODY and kind != CUSTOMER:
            absorbed = customer = root_of(state, customer)
        if kind == MERGED:
            absorbed = root_of(state, int(values_of(batch)[first_of(batch)[i]]))
            if not room_for_merge(room):
                return i
        # A fact that publishes, or tells a limit, ends no deadlines: they end at the next one, when limits are settled.
        settled = kind != PLAYBOOK and kind != LIMIT
        if settled and not end_deadlines(plan, state, room, EVERY_ROW):
            return i
        detecting = settled and plan.detection.detectors_rows != 0
        taken = False
        while not taken:
            # What a detector waited for and is over is a turn of its own: first everybody's, then hers, then the fact itself.
            index, row = NO_PENDING, customer
            if detecting:
                index = over_on_wheel(state)
                detecting = index != NO_PENDING
            if index == NO_PENDING and customer != NOBODY:
                if first_open(state.open, customer) != NO_RECORD:
                    end_deadlines(plan, state, room, customer)
                index = over_pending(state.detections, customer, state.clock.now_ms)
            if index == NO_PENDING and absorbed != customer:  # what is over of hers was hers alone
                if first_open(state.open, absorbed) != NO_RECORD:
                    end_deadlines(plan, state, room, absorbed)
                index = over_pending(state.detections, absorbed, state.clock.now_ms)
            event, told = -1, int(room.used.derived)
            if index != NO_PENDING:
                if not room_for_turn(plan, state, room):
                    return i
                end_pending(plan, state, room, index)
            elif customer != NOBODY:
                if not room_for_turn(plan, state, room):
                    return i
                event = take(plan, state, batch, room, i, customer)
                taken = True
            else:
                take_for_all(state, batch, i)
                taken = True
            happen(plan, state, room, event, row, at_ms_of(batch)[i], told)
        if state.clock.told and kind != LIMIT:
            end_marks(state)
        state.clock.marks = 0
        state.clock.next_seq += 1
    return end


@compiled_leaf
def fetch_ahead(plan: Any, state: Any, row: int) -> None:
    """Ask memory for a customer's record, ledger and heads some facts before they are needed."""
    if row >= state.clock.customers:
        return
    prefetch(heads_of(state.campaigns), row * 4)
    if state.open.many:
        prefetch(open_heads_of(state.open), row)
    if state.detections.many:
        prefetch(pending_heads_of(state.detections), row)
    words = plan.record_bytes // 8
    for line in range(0, min(words, FETCHED_WORDS_MAX), LINE_BYTES // 8):
        prefetch(i8_of(state.records), row * words + line)
    prefetch(i8_of(state.records), row * words + words - 1)
    for line in range(0, state.ledger_words, LINE_BYTES // 2):
        prefetch(ledger_of(state), row * state.ledger_words + line)
    prefetch(ledger_of(state), row * state.ledger_words + state.ledger_words - 1)


@compiled_leaf
def take_for_all(state: Any, batch: Any, i: int) -> None:
    """One fact about nobody."""
    kind, first = int(kind_of(batch)[i]), int(first_of(batch)[i])
    if kind == LIMIT:
        after = values_of(batch)[first + 1] if first_of(batch)[i + 1] > first + 1 else 0
        drive_limit(state, int(code_of(batch)[i]), values_of(batch)[first], after)
    elif kind == SENDING:
        state.clock.stopped = int(values_of(batch)[first] != 0)


@compiled_leaf
def take(plan: Any, state: Any, batch: Any, room: Any, i: int, row: int) -> int:
    """One fact about one customer. An event is only put into the registers: its number is returned, and -1 for other facts."""
    kind, code = int(kind_of(batch)[i]), int(code_of(batch)[i])
    at_ms = at_ms_of(batch)[i]
    first = int(first_of(batch)[i])
    values = values_of(batch)
    if kind == EVENT:
        if code < len(events_of(plan)):
            given = int(first_of(batch)[i + 1]) - first
            for slot in range(events_of(plan)[code].slots):  # an older fact may lack properties declared since
                regs_of(room)[slot] = values[first + slot] if slot < given else NULL
            return code
    elif kind != CUSTOMER and is_forgotten(state, row):
        pass  # a late receipt, an old link: it is about nobody
    elif kind == TOUCH:
        absorb_touch(plan, state, room, batch, i, row)
    elif kind == RECEIPT:
        opened = first_open(state.open, row) != NO_RECORD
        absorb_receipt(plan, state, room, batch, i, row)
        if opened:  # what failed moves on
            end_deadlines(plan, state, room, row)
    elif kind == TAGS_SET:
        set_tags(plan, state, room, batch, i, row)
    elif kind == CONTACT:
        absorb_contact(plan, state, code, values[first], row, at_ms)
    elif kind == CONSENT:
        absorb_consent(plan, state, room, code, values[first], values[first + 1], row, at_ms)
    elif kind == DO_NOT_DISTURB:
        absorb_do_not_disturb(plan, state, room, values[first] != 0, row, at_ms)
    elif kind == RESPONSE:
        absorb_response(plan, state, code, values[first], row, at_ms)
    elif kind == CUSTOMER:
        keys_of(state)[row] = values[first]
        create_record(plan.profiles, state.records, row)
        state.clock.customers = max(state.clock.customers, row + 1)
    elif kind == FORGOTTEN:
        absorb_forgotten(plan, state, room, row)
    elif kind == MERGED:
        other = root_of(state, int(values[first]))
        if is_forgotten(state, other):
            return -1  # nobody can be merged with her any more
        survivor = absorb_merged(plan, state, room, row, other)
        if first_open(state.open, survivor) != NO_RECORD:
            end_deadlines(plan, state, room, survivor)
    return -1
