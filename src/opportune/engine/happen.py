"""An event happens to a customer, from outside or derived, and what detectors make of it happens in turn. Kernel functions."""

from typing import Any

from opportune.campaigns import HEAD_INSTANCES, heads_of
from opportune.engine.absorb import absorb_event, absorb_goals, absorb_tags
from opportune.engine.decide import decide
from opportune.engine.detect import detect, detect_before, detect_tags, end_pending, reads_tags
from opportune.engine.registers import load_moment
from opportune.engine.tables import derived_of, derived_values_of, events_of, regs_of
from opportune.engine.turns import room_for_turn
from opportune.facts import MS_PER_MINUTE, compiled_leaf
from opportune.profiles import (
    NO_PENDING,
    PENDING_SLOTS,
    await_deadline,
    first_in_minute,
    over_pending,
    pending_of,
)


@compiled_leaf
def happen(plan: Any, state: Any, room: Any, event: int, row: int, at_ms: int, derived: bool) -> None:
    """One event, its values in the registers: fold, goals, decide, detect. What is derived from it is only told: `follow` comes next."""
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


@compiled_leaf
def follow(plan: Any, state: Any, room: Any, first: int) -> None:
    """Take the derived events from row `first` of the room on, each in turn, and those that come of them."""
    at = first
    while at < room.used.derived:
        told = derived_of(room)[at]
        event = int(told.event)
        for slot in range(events_of(plan)[event].slots):
            regs_of(room)[slot] = derived_values_of(room)[at, slot]
        happen(plan, state, room, event, int(told.customer), told.at_ms, True)
        at += 1


@compiled_leaf
def set_tags(plan: Any, state: Any, room: Any, batch: Any, i: int, row: int) -> None:
    """A TAGS_SET fact, and what detectors that read its tags make of it."""
    if plan.detection.tag_detectors_rows == 0 or not reads_tags(plan, batch, i):
        absorb_tags(plan, state, batch, i, row)
        return
    first = room.used.derived
    detect_tags(plan, state, room, batch, i, row, True)
    absorb_tags(plan, state, batch, i, row)
    detect_tags(plan, state, room, batch, i, row, False)
    follow(plan, state, room, first)


@compiled_leaf
def end_over(plan: Any, state: Any, room: Any, row: int) -> bool:
    """End what detectors wait for of a customer and is over, the oldest deadline first. False where there is no room: call again."""
    while True:
        index = over_pending(state.detections, row, state.clock.now_ms)
        if index == NO_PENDING:
            return True
        if not room_for_turn(plan, state, room):
            return False
        first = room.used.derived
        end_pending(plan, state, room, index)
        follow(plan, state, room, first)


@compiled_leaf
def end_every_over(plan: Any, state: Any, room: Any) -> bool:
    """The same for all customers, minute by minute of the wheel; whoever is met there has all of hers ended that is over."""
    memory, now_ms = state.detections, state.clock.now_ms
    last = now_ms // MS_PER_MINUTE
    if memory.many and memory.minute < last - PENDING_SLOTS:
        memory.minute = last - PENDING_SLOTS  # once round the wheel meets every record
    while memory.many and memory.minute < last:
        index = first_in_minute(memory, memory.minute + 1)
        if index == NO_PENDING:
            memory.minute += 1
        elif pending_of(memory)[index].deadline > now_ms:
            deadline = pending_of(memory)[index].deadline
            await_deadline(memory, index, deadline)  # it was too far away; now it is nearer
        elif not end_over(plan, state, room, int(pending_of(memory)[index].customer)):
            return False
    memory.minute = last
    return True
