"""What detectors do at a fact about a customer: begin, answer, compare, and tell derived events. Kernel functions.

A derived event that is told stands in the room's table; `happen.follow` then takes it like an event from outside.
"""

from typing import Any

from opportune.engine.conditions import first_failing
from opportune.engine.home_time import home_time
from opportune.engine.registers import load_moment, load_registers
from opportune.engine.tables import (
    asked_of,
    derived_of,
    derived_values_of,
    events_of,
    first_of,
    regs_of,
    values_of,
    zones_of,
)
from opportune.facts import (
    DERIVED_VALUES_MAX,
    MS_PER_DAY,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    NULL,
    compiled_leaf,
    local_moment,
)
from opportune.profiles import (
    ANSWERS,
    AREA,
    BEGINS,
    CROSSING,
    DATE,
    DATES,
    LOOKS,
    NO_PENDING,
    RULE,
    SEES,
    THEN,
    THEN_NOT,
    await_deadline,
    close_pending,
    corners_of,
    detector_of_of,
    detectors_of,
    find_pending,
    in_circle,
    in_polygon,
    kept_of,
    listens_of,
    load,
    looks_of,
    open_pending,
    pending_of,
    pending_values_of,
    roll_windows,
    tag_detectors_of,
    tag_first_of,
)


@compiled_leaf
def detect_before(plan: Any, state: Any, room: Any, event: int, row: int) -> None:
    """Before an event is counted: what time alone has changed of the customer is noticed now."""
    e = events_of(plan)[event]
    rolled = False
    for i in range(e.listen_first, e.listen_end):
        if listens_of(plan.detection)[i].role <= LOOKS:
            if not rolled:
                _roll(plan, state, room, row)
                rolled = True
            _compare(plan, state, room, int(listens_of(plan.detection)[i].detector), row, state.clock.now_ms)


@compiled_leaf
def detect(plan: Any, state: Any, room: Any, event: int, row: int, at_ms: int, derived: bool) -> None:
    """After an event was counted and decided on; its values are in the registers. `derived`: the engine told it itself."""
    e = events_of(plan)[event]
    at_ms = min(at_ms, state.clock.now_ms)
    for i in range(e.listen_first, e.listen_end):
        role = listens_of(plan.detection)[i].role
        if role == BEGINS:
            _begin(plan, state, room, i, row, at_ms, derived)
        elif role == ANSWERS:
            _answer(plan, state, room, i, row, at_ms)
        elif role == LOOKS:
            _compare(plan, state, room, int(listens_of(plan.detection)[i].detector), row, at_ms)
        elif role == SEES:
            _see(plan, state, room, i, row, at_ms)
        elif role == DATES:
            _set_day(plan, state, room, int(listens_of(plan.detection)[i].detector), row)


@compiled_leaf
def reader_after(plan: Any, batch: Any, i: int, last: int) -> int:
    """The first detector after `last` that reads a tag which a TAGS_SET fact sets; -1: none."""
    first, found = tag_first_of(plan.detection), -1
    for at in range(first_of(batch)[i], int(first_of(batch)[i + 1]) - 1, 2):
        tag = values_of(batch)[at]
        if tag + 1 < len(first):
            for place in range(first[tag], first[tag + 1]):
                d = int(tag_detectors_of(plan.detection)[place])
                if d > last and (found < 0 or d < found):
                    found = d
    return found


@compiled_leaf
def detect_tags(plan: Any, state: Any, room: Any, batch: Any, i: int, row: int, before: bool) -> None:
    """Before and after a TAGS_SET fact: the detectors that read its tags compare, and set their days anew."""
    now_ms = state.clock.now_ms
    load_moment(plan, state, room, row, now_ms)
    if before:
        _roll(plan, state, room, row)
    d = reader_after(plan, batch, i, -1)
    while d >= 0:
        if detectors_of(plan.detection)[d].form != DATE:
            _compare(plan, state, room, d, row, now_ms)
        elif not before:
            _set_day(plan, state, room, d, row)
        d = reader_after(plan, batch, i, d)


@compiled_leaf
def look_again(plan: Any, state: Any, room: Any, row: int, other: int) -> None:
    """Customer `other` became part of `row`: what is seen of her now was seen, and is not told; days follow from her tags."""
    if plan.detection.detectors_rows == 0:
        return
    load_moment(plan, state, room, row, state.clock.now_ms)
    looks = looks_of(state.detections)
    for d in range(plan.detection.detectors_rows):
        detector = detectors_of(plan.detection)[d]
        if detector.form == DATE:
            _set_day(plan, state, room, d, row)
        elif detector.form == AREA:
            looks[row, detector.look] = max(looks[row, detector.look], looks[other, detector.look])
        elif detector.form == RULE or detector.form == CROSSING:
            load_registers(plan, state, room, asked_of(plan)[detector.asked], row)
            if detector.form == CROSSING:
                looks[row, detector.look] = regs_of(room)[detector.ref] ^ NULL
            else:
                fits = _fits(plan, room, int(detector.clause_first), int(detector.clause_count))
                looks[row, detector.look] = int(fits)


@compiled_leaf
def _roll(plan: Any, state: Any, room: Any, row: int) -> None:
    now_local = home_time(plan, room, state.clock.now_ms)
    base, hour, day = row * plan.record_bytes, now_local // MS_PER_HOUR, now_local // MS_PER_DAY
    roll_windows(plan.profiles, state.records, state.wide, base, hour, day)


@compiled_leaf
def _fits(plan: Any, room: Any, first: int, count: int) -> bool:
    return count == 0 or first_failing(plan, room, first, count) < 0


@compiled_leaf
def _tell(state: Any, room: Any, event: int, row: int, at_ms: int) -> int:
    """A derived event, its values all NULL; returns its row."""
    at = room.used.derived
    room.used.derived += 1
    out = derived_of(room)[at]
    out.seq = state.clock.next_seq
    out.at_ms = at_ms
    out.now_ms = state.clock.now_ms
    out.marks = state.clock.marks
    out.customer = row
    out.event = event
    for slot in range(DERIVED_VALUES_MAX):
        derived_values_of(room)[at, slot] = NULL
    return int(at)


@compiled_leaf
def _compare(plan: Any, state: Any, room: Any, d: int, row: int, at_ms: int) -> None:
    """A rule or a crossing: is it otherwise than when it was looked at last?"""
    detector = detectors_of(plan.detection)[d]
    load_registers(plan, state, room, asked_of(plan)[detector.asked], row)
    looks = looks_of(state.detections)
    if detector.form == RULE:
        held = int(_fits(plan, room, int(detector.clause_first), int(detector.clause_count)))
        if held != looks[row, detector.look]:
            looks[row, detector.look] = held
            if held == detector.want:
                _tell(state, room, int(detector.event), row, at_ms)
    elif detector.form == CROSSING:
        # 0 stands for NULL, which is the smallest integer: so nothing need be written for a customer who was never looked at.
        before, value = looks[row, detector.look] ^ NULL, regs_of(room)[detector.ref]
        if value == before:
            return
        looks[row, detector.look] = value ^ NULL
        if not _fits(plan, room, int(detector.clause_first), int(detector.clause_count)):
            return
        regs_of(room)[detector.ref] = before
        if not _fits(plan, room, int(detector.clause_first), int(detector.clause_count)):
            at = _tell(state, room, int(detector.event), row, at_ms)
            derived_values_of(room)[at, 0] = value
            derived_values_of(room)[at, 1] = before


@compiled_leaf
def _see(plan: Any, state: Any, room: Any, i: int, row: int, at_ms: int) -> None:
    """A place: is the customer in the area, or no longer?"""
    listens, regs = listens_of(plan.detection)[i], regs_of(room)
    detector = detectors_of(plan.detection)[listens.detector]
    latitude, longitude = regs[listens.lat_slot], regs[listens.lon_slot]
    if (
        latitude == NULL
        or longitude == NULL
        or not _fits(plan, room, int(listens.clause_first), int(listens.clause_count))
    ):
        return
    latitude, longitude = latitude * listens.lat_factor, longitude * listens.lon_factor
    if detector.corner_count:
        corners = corners_of(plan.detection)
        inside = in_polygon(latitude, longitude, corners, int(detector.corner_first), int(detector.corner_count))
    else:
        inside = in_circle(
            latitude, longitude, detector.centre_lat, detector.centre_lon, detector.cosine, detector.radius
        )
    looks = looks_of(state.detections)
    if int(inside) != looks[row, detector.look]:
        looks[row, detector.look] = int(inside)
        if int(inside) == detector.want:
            at = _tell(state, room, int(detector.event), row, at_ms)
            for j in range(detector.keep_count):
                derived_values_of(room)[at, j] = regs[kept_of(plan.detection)[listens.keep_first + j]]


@compiled_leaf
def _begin(plan: Any, state: Any, room: Any, i: int, row: int, at_ms: int, derived: bool) -> None:
    """A first event: what is to follow, or not to follow, is waited for from here on."""
    listens, regs, memory = listens_of(plan.detection)[i], regs_of(room), state.detections
    detector = detectors_of(plan.detection)[listens.detector]
    key = regs[listens.key_slot] if listens.key_slot >= 0 else NULL
    if listens.key_slot >= 0 and key == NULL:
        return
    if not _fits(plan, room, int(listens.clause_first), int(listens.clause_count)):
        return
    deadline = at_ms + detector.window + 1
    index = find_pending(memory, row, int(detector.event), key)
    if index == NO_PENDING:
        if deadline <= state.clock.now_ms and not derived:  # who knows what came meanwhile
            memory.late += 1
            return
        index = open_pending(memory, row, int(detector.event), key)
        if index == NO_PENDING:
            return
    elif detector.form == THEN_NOT or at_ms < pending_of(memory)[index].since:
        return
    pending_of(memory)[index].since = at_ms
    for j in range(detector.keep_count):
        pending_values_of(memory)[index, j] = regs[kept_of(plan.detection)[listens.keep_first + j]]
    await_deadline(memory, index, deadline)


@compiled_leaf
def _answer(plan: Any, state: Any, room: Any, i: int, row: int, at_ms: int) -> None:
    """A second event: it came in time, or is none of the one that is waited for."""
    listens, memory = listens_of(plan.detection)[i], state.detections
    detector = detectors_of(plan.detection)[listens.detector]
    key = regs_of(room)[listens.key_slot] if listens.key_slot >= 0 else NULL
    index = find_pending(memory, row, int(detector.event), key)
    if index == NO_PENDING or not pending_of(memory)[index].since <= at_ms < pending_of(memory)[index].deadline:
        return
    if not _fits(plan, room, int(listens.clause_first), int(listens.clause_count)):
        return
    if detector.form == THEN:
        _tell_pending(plan, state, room, int(listens.detector), index, at_ms)
    close_pending(memory, index)


@compiled_leaf
def _tell_pending(plan: Any, state: Any, room: Any, d: int, index: int, at_ms: int) -> None:
    """The derived event of a record, with what it kept."""
    detector, memory = detectors_of(plan.detection)[d], state.detections
    record = pending_of(memory)[index]
    at = _tell(state, room, int(detector.event), int(record.customer), at_ms)
    values = derived_values_of(room)
    values[at, 0] = record.since
    if detector.keyed:
        values[at, 1] = record.key
    for j in range(detector.keep_count):
        values[at, 1 + detector.keyed + j] = pending_values_of(memory)[index, j]


@compiled_leaf
def end_pending(plan: Any, state: Any, room: Any, index: int) -> None:
    """The deadline of a record is over: what did not happen is told, at that very moment."""
    record = pending_of(state.detections)[index]
    d = int(detector_of_of(plan.detection)[record.event])
    if detectors_of(plan.detection)[d].form != THEN:
        deadline = record.deadline
        _tell_pending(plan, state, room, d, index, deadline)
    close_pending(state.detections, index)


@compiled_leaf
def _set_day(plan: Any, state: Any, room: Any, d: int, row: int) -> None:
    """Await the day of a date tag, as it is now and where the customer lives now. A day that is over already is never told."""
    detector, memory = detectors_of(plan.detection)[d], state.detections
    day = load(state.records, row * plan.record_bytes + detector.offset, int(detector.width))
    index = find_pending(memory, row, int(detector.event), NULL)
    due = NULL
    if day != NULL:
        local_ms = (day + int(detector.days)) * MS_PER_DAY + int(detector.minute) * MS_PER_MINUTE
        due = local_moment(zones_of(plan), int(regs_of(room)[plan.ref_zone]), local_ms)
    if due <= state.clock.now_ms:
        if index != NO_PENDING:
            close_pending(memory, index)
        return
    if index == NO_PENDING:
        index = open_pending(memory, row, int(detector.event), NULL)
        if index == NO_PENDING:
            return
    elif pending_of(memory)[index].deadline == due:
        pending_of(memory)[index].since = day
        return
    pending_of(memory)[index].since = day
    await_deadline(memory, index, due)
