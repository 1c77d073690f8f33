"""An event happens to a customer, and what detectors make of it happens in turn; what detectors wait for ends. Kernel functions."""

from typing import Any

from opportune.campaigns import HEAD_INSTANCES, heads_of
from opportune.engine.absorb import absorb_event, absorb_goals, absorb_tags
from opportune.engine.decide import decide
from opportune.engine.detect import detect, detect_before, detect_tags, reader_after
from opportune.engine.registers import load_moment
from opportune.engine.tables import derived_of, derived_values_of, events_of, regs_of
from opportune.facts import MS_PER_MINUTE, compiled_leaf
from opportune.profiles import NO_PENDING, PENDING_SLOTS, await_deadline, first_in_minute, over_pending, pending_of


@compiled_leaf
def happen(plan: Any, state: Any, room: Any, event: int, row: int, at_ms: int, told: int) -> None:
    """An event whose values are in the registers (event < 0: none), then every derived event from row `told` of the room on.

    Each is folded, decided on and listened to before the next; what is derived from it comes last.
    """
    derived = False
    while True:
        if event >= 0:
            e = events_of(plan)[event]
            load_moment(plan, state, room, row, at_ms)
            if e.listen_first < e.listen_end:
                detect_before(plan, state, room, event, row)
            absorb_event(plan, state, room, event, row, at_ms)
            if e.watched and heads_of(state.campaigns)[row, HEAD_INSTANCES] != 0:
                absorb_goals(plan, state, room, event, row, at_ms)
            decide(plan, state, room, event, row, at_ms)
            if e.listen_first < e.listen_end:
                detect(plan, state, room, event, row, at_ms, derived)
        if told >= room.used.derived:
            return
        derived = True
        event, row, at_ms = (
            int(derived_of(room)[told].event),
            int(derived_of(room)[told].customer),
            derived_of(room)[told].at_ms,
        )
        for slot in range(events_of(plan)[event].slots):
            regs_of(room)[slot] = derived_values_of(room)[told, slot]
        told += 1


@compiled_leaf
def set_tags(plan: Any, state: Any, room: Any, batch: Any, i: int, row: int) -> None:
    """A TAGS_SET fact, and what detectors that read its tags tell of it."""
    if plan.detection.tag_detectors_rows == 0 or reader_after(plan, batch, i, -1) < 0:
        absorb_tags(plan, state, batch, i, row)
        return
    detect_tags(plan, state, room, batch, i, row, True)
    absorb_tags(plan, state, batch, i, row)
    detect_tags(plan, state, room, batch, i, row, False)


@compiled_leaf
def over_on_wheel(state: Any) -> int:
    """What is over next by the wheel, minute by minute; of a customer who is met there all that is over of hers. NO_PENDING: nothing up to now."""
    memory, now_ms = state.detections, state.clock.now_ms
    last = now_ms // MS_PER_MINUTE
    if memory.minute < last - PENDING_SLOTS:
        memory.minute = last - PENDING_SLOTS  # once round, the wheel meets every record
    while True:
        # Whom it has met is remembered, for the room may be emptied in between.
        index = over_pending(memory, int(memory.met) - 1, now_ms) if memory.met else NO_PENDING
        if index != NO_PENDING:
            return index
        memory.met = 0
        if memory.many == 0 or memory.minute >= last:
            memory.minute = last
            return NO_PENDING
        index = first_in_minute(memory, memory.minute + 1)
        if index == NO_PENDING:
            memory.minute += 1
        elif pending_of(memory)[index].deadline > now_ms:
            deadline = pending_of(memory)[index].deadline
            await_deadline(memory, index, deadline)  # it was too far away; now it is nearer
        else:
            memory.met = int(pending_of(memory)[index].customer) + 1
