"""The compiled pass over NDJSON: blocks of lines are scanned, then applied in order, until a line needs the reference decoder.

A block is scanned whole before its first line is applied: what memory a line's customer and message id lie in is asked for
when they are known, and has arrived by the time it is needed.
"""

from typing import Any

import numpy as np

from opportune.facts import NULL, VALUE_MAX, FactKind, compiled_leaf
from opportune.intake.envelopes import read_line
from opportune.intake.fingerprints import UNKNOWN, fetch, fingerprints_at, insert, lookup
from opportune.intake.hashing import content_hash, siphash_after
from opportune.intake.identity import note_kind
from opportune.intake.passes import (
    LINE_WORDS,
    data_of,
    drawn_of,
    keyed_of,
    keys_of,
    kinds_of,
    lines_of,
    newcomers_of,
    pass_at,
    roots_of,
    values_of,
    words_of,
)
from opportune.intake.repeats import CLASH, NEW, add, check, fetch_id, recent_at
from opportune.intake.rows import end_row, put_message, put_row, row_values_of, rows_at
from opportune.intake.scanner import FAILED, NEWLINE, NOUGHT, OPEN_OBJECT, find_newline, skip_blanks

_READ, _BLANK, _LEFT = 0, 1, 2
DONE, LEFT = 0, 1

_CUSTOMER: Any = np.int64(FactKind.CUSTOMER)
_IDENTIFIER: Any = np.int64(FactKind.IDENTIFIER)
_MASK = np.uint64(VALUE_MAX)


@compiled_leaf
def _scan_line(p: Any, data: Any, start: int, number: int) -> int:
    """Scan one line from `start` into the block's record of that number; the position after its end."""
    line, size = lines_of(p)[number], p.state.data_bytes
    words = words_of(p)
    for word in range(LINE_WORDS):
        words[number, word] = 0
    if number > 0:  # close behind the values of the line before, which keeps the block's values in the cache
        line.first = lines_of(p)[number - 1].first + lines_of(p)[number - 1].count
    line.key_first = number * p.keys_per_line
    line.start = start
    at = skip_blanks(data, start)
    if at >= size or data[at] == NEWLINE:
        line.status = _BLANK
        return int(min(at, size)) + 1
    end = read_line(p, line, data, at + 1) if data[at] == OPEN_OBJECT else FAILED
    if end != FAILED:
        after = skip_blanks(data, end)
        if (after >= size or data[after] == NEWLINE) and end - at <= p.line_bytes_max:
            line.end = min(after, size)
            if line.message != 0:
                line.content = _content_of(p, line, data, at, end)
            _fetch_ahead(p, line, number)
            return int(line.end) + 1
    line.end, line.status = find_newline(data, start, size), _LEFT
    return int(line.end) + 1


@compiled_leaf
def _content_of(p: Any, line: Any, data: Any, start: int, end: int) -> Any:
    """The hash of a line but for its `sentAt`: a client that sends it again says another one."""
    if line.sent == NULL:
        return content_hash(p.hashing.key0, p.hashing.key1, data, start, end)
    before = content_hash(p.hashing.key0, p.hashing.key1, data, start, line.sent_start)
    return content_hash(before, p.hashing.key1, data, line.sent_end, end)


@compiled_leaf
def _fetch_ahead(p: Any, line: Any, number: int) -> None:
    fetch(fingerprints_at(p.identifiers), line.user_low if line.user != 0 else line.anonymous_low)
    if line.message != 0:
        fetch_id(recent_at(p.recent), line.message_low, number)


@compiled_leaf
def _scan_block(p: Any, data: Any) -> None:
    lines, at = NOUGHT, p.state.at
    while lines < p.lines_rows and at <= p.state.data_bytes:
        at = _scan_line(p, data, at, lines)
        lines += 1
    p.state.at = at
    p.state.lines, p.state.next = lines, 0


@compiled_leaf
def _root_of(p: Any, customer: int) -> int:
    """The survivor's number of one that may have been merged."""
    root = int(roots_of(p)[customer])
    return customer if root == 0 else root - 1


@compiled_leaf
def _customer_of(p: Any, line: Any) -> int:
    """The customer of a scanned line; its number to be where there is none yet; FAILED where it takes more thought."""
    identifiers, state = fingerprints_at(p.identifiers), p.state
    if line.user == 0:
        known = lookup(identifiers, line.anonymous_low, line.anonymous_high)
    else:
        known = lookup(identifiers, line.user_low, line.user_high)
        if line.anonymous != 0:
            other = lookup(identifiers, line.anonymous_low, line.anonymous_high)
            if known == UNKNOWN or other == UNKNOWN:
                return FAILED
            return known if known == other or _root_of(p, known) == _root_of(p, other) else FAILED
    if known != UNKNOWN:
        return known
    may_create = state.customers < state.customers_max and (state.seeded != 0 or state.drawn < p.drawn_rows)
    return int(state.customers) if may_create else FAILED


@compiled_leaf
def _put(p: Any, kind: int, code: int, customer: int, at_ms: int) -> int:
    return put_row(rows_at(p.rows), kind, code, customer, at_ms, p.state.received_ms if p.state.live else at_ms)


@compiled_leaf
def _create(p: Any, line: Any, data: Any, customer: int) -> None:
    """A customer met for the first time: the facts CUSTOMER and IDENTIFIER."""
    hashing, state, rows = p.hashing, p.state, rows_at(p.rows)
    user = line.user != 0
    start, end = (line.user, line.user_end) if user else (line.anonymous, line.anonymous_end)
    low, high = (line.user_low, line.user_high) if user else (line.anonymous_low, line.anonymous_high)
    if state.seeded:
        prefix = hashing.user_random if user else hashing.anonymous_random
        word, _ = siphash_after(prefix, data, start, end)
        random = np.int64(word & _MASK)
    else:
        random = drawn_of(p)[state.drawn]
        state.drawn += 1
    _put(p, _CUSTOMER, NOUGHT, customer, line.at_ms)
    row_values_of(rows)[rows.value_count] = random
    end_row(rows, NOUGHT + 1)
    kind = hashing.user_kind if user else hashing.anonymous_kind
    _put(p, _IDENTIFIER, kind, customer, line.at_ms)
    row_values_of(rows)[rows.value_count] = np.int64(low)
    row_values_of(rows)[rows.value_count + 1] = np.int64(high)
    end_row(rows, NOUGHT + 2)
    insert(fingerprints_at(p.identifiers), low, high, customer)
    note_kind(kinds_of(p), customer, kind)
    found = newcomers_of(p)[state.newcomers]
    found.customer, found.start, found.end, found.anonymous = customer, start, end, 0 if user else 1
    state.newcomers += 1
    state.customers += 1


@compiled_leaf
def _apply(p: Any, line: Any, data: Any) -> bool:
    """Apply a scanned line; False where the reference decoder has to."""
    state, rows, recent = p.state, rows_at(p.rows), recent_at(p.recent)
    customer = _customer_of(p, line)
    if customer == FAILED:
        return False
    if line.message != 0:
        outcome = check(recent, line.message_low, line.message_high, line.content)
        if outcome != NEW:
            state.duplicates += 1
            state.clashes += 1 if outcome == CLASH else 0
            return True
    if customer == state.customers:
        _create(p, line, data, customer)
    row = _put(p, line.kind, line.code, customer, line.at_ms)
    values, base, first = values_of(p), rows.value_count, line.first
    for i in range(line.count):
        row_values_of(rows)[base + i] = values[first + i]
    end_row(rows, line.count)
    if line.message != 0:
        put_message(rows, row, line.message_low, line.message_high, line.content)
        now_ms = state.received_ms if state.live else line.at_ms
        add(recent, line.message_low, line.message_high, line.content, now_ms)
    for i in range(line.key_count):
        key, found = keys_of(p)[line.key_first + i], keyed_of(p)[state.keyed]
        found.row, found.name, found.name_end, found.value, found.value_end = (
            row,
            key.name,
            key.name_end,
            key.value,
            key.value_end,
        )
        state.keyed += 1
    state.applied += 1
    return True


@compiled_leaf
def run(address: int) -> int:
    """Scan and apply by the PASS at `address` until its data ends (DONE) or a line is LEFT: the one before `next` of the block."""
    p = pass_at(address)
    data, state = data_of(p), p.state
    while True:
        while state.next < state.lines:
            line = lines_of(p)[state.next]
            state.next += 1
            state.line_number += 1
            if line.status == _LEFT or (line.status == _READ and not _apply(p, line, data)):
                return LEFT
        if state.at > state.data_bytes:
            return DONE
        _scan_block(p, data)
