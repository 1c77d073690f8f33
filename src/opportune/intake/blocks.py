"""The compiled pass over NDJSON: blocks of lines are scanned, then applied in order, until a line needs the reference decoder.

A block is scanned whole before its first line is applied, so that the memory its customers and message ids lie in
can be asked for at once, and waited for once, not line by line.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import VALUE_MAX, FactKind, compiled_leaf
from opportune.intake.envelopes import read_line
from opportune.intake.fingerprints import UNKNOWN, Table, home, insert, lookup
from opportune.intake.hashing import content_hash, siphash_after
from opportune.intake.identity import note_kind
from opportune.intake.repeats import CLASH, NEW, Recent, add, check
from opportune.intake.rows import Rows
from opportune.intake.scanner import FAILED, NEWLINE, NOUGHT, OPEN_OBJECT, find_newline, skip_blanks
from opportune.intake.scratch import (
    A_HIGH,
    A_LOW,
    L_ANONYMOUS,
    L_ANONYMOUS_END,
    L_AT,
    L_CODE,
    L_COUNT,
    L_END,
    L_FIRST,
    L_KEY_COUNT,
    L_KEY_FIRST,
    L_KIND,
    L_MESSAGE,
    L_START,
    L_STATUS,
    L_USER,
    L_USER_END,
    M_CONTENT,
    M_HIGH,
    M_LOW,
    U_HIGH,
    U_LOW,
    Scratch,
)
from opportune.intake.shapes import Hashing, Shapes

BLOCK_LINES = 512
_READ, _BLANK, _LEFT = 0, 1, 2
DONE, LEFT = 0, 1

# The state of a pass: where it is, what it has counted.
(
    S_AT, S_SIZE, S_LINES, S_NEXT, S_LINE_NUMBER, S_ROWS, S_VALUES, S_CUSTOMERS, S_CUSTOMERS_MAX, S_RECEIVED_MS,
    S_EARLIEST, S_LATEST, S_LIVE, S_APPLIED, S_DUPLICATES, S_CLASHES, S_NEW, S_KEYED, S_DRAWN, S_SEEDED, S_TOUCHED,
) = range(21)  # fmt: skip
STATE_COLUMNS = 21

_CUSTOMER: Any = np.int64(FactKind.CUSTOMER)
_IDENTIFIER: Any = np.int64(FactKind.IDENTIFIER)
_MASK = np.uint64(VALUE_MAX)


class Limits(NamedTuple):
    """Bounds of a line: `line_bytes_max`; the slots of its event and the keys, at most."""

    line_bytes_max: int
    slots: int
    keys: int


class Found(NamedTuple):
    """What a pass hands back beside rows: `identifiers` i8 (customer, start, end, is anonymous) of new customers, `keyed` i8 (row, places
    of a key's name and text); `drawn` i8 random keys to give away; `seed` u8[2] the key that derives them instead."""

    identifiers: NDArray[np.int64]
    keyed: NDArray[np.int64]
    drawn: NDArray[np.int64]
    seed: NDArray[np.uint64]


class Memory(NamedTuple):
    """What intake has learnt: texts, identifiers with the kinds per customer, recent message ids."""

    texts: Table
    identifiers: Table
    kinds: NDArray[np.uint16]
    recent: Recent


@compiled_leaf
def _scan_line(
    data: NDArray[np.uint8], start: int, line: int, limits: Limits, state: NDArray[np.int64],
    shapes: Shapes, hashing: Hashing, memory: Memory, scratch: Scratch,
) -> int:  # fmt: skip
    """Scan one line from `start`; the position after its end."""
    size = state[S_SIZE]
    row = scratch.lines[line]
    row[:] = 0
    row[L_AT] = state[S_RECEIVED_MS]
    if line > 0:  # close behind the values of the line before, which keeps the block's values in the cache
        before = scratch.lines[line - 1]
        row[L_FIRST] = before[L_FIRST] + before[L_COUNT]
    row[L_KEY_FIRST] = line * limits.keys
    at = skip_blanks(data, start)
    if at >= size or data[at] == NEWLINE:
        row[L_STATUS] = _BLANK
        return min(at, size) + 1
    if data[at] == OPEN_OBJECT:
        end = read_line(data, at + 1, line, shapes, hashing, memory.texts, scratch)
        if end != FAILED:
            after = skip_blanks(data, end)
            if (
                (after >= size or data[after] == NEWLINE)
                and end - at <= limits.line_bytes_max
                and row[L_AT] >= state[S_EARLIEST]
                and row[L_AT] <= state[S_LATEST]
            ):
                row[L_START], row[L_END] = start, min(after, size)
                if row[L_MESSAGE]:
                    scratch.prints[line, M_CONTENT] = content_hash(hashing.words, data, at, end)
                return min(after, size) + 1
    end = find_newline(data, start, size)
    row[L_START], row[L_END], row[L_STATUS] = start, end, _LEFT
    return end + 1


@compiled_leaf
def _scan_block(
    data: NDArray[np.uint8], limits: Limits, state: NDArray[np.int64], shapes: Shapes, hashing: Hashing,
    memory: Memory, scratch: Scratch,
) -> None:  # fmt: skip
    lines, at = NOUGHT, state[S_AT]
    while lines < len(scratch.lines) and at <= state[S_SIZE]:
        at = _scan_line(data, at, lines, limits, state, shapes, hashing, memory, scratch)
        lines += 1
    state[S_AT] = at
    state[S_LINES], state[S_NEXT] = lines, 0
    touched = np.uint64(0)
    for line in range(lines):  # ask for all the memory the block needs, without waiting in between
        low = scratch.prints[line, U_LOW if scratch.lines[line, L_USER] else A_LOW]
        touched ^= memory.identifiers.slots[home(low, len(memory.identifiers.slots)), 0]
        if scratch.lines[line, L_MESSAGE]:
            low = scratch.prints[line, M_LOW]
            touched ^= memory.recent.slots[home(low, len(memory.recent.slots)), 0]
    state[S_TOUCHED] = np.int64(touched & _MASK)


@compiled_leaf
def _customer_of(line: int, memory: Memory, scratch: Scratch, state: NDArray[np.int64], drawn: int) -> int:
    """The customer of a scanned line; its number to be where there is none yet; FAILED where it takes more thought."""
    row, prints = scratch.lines[line], scratch.prints[line]
    user = row[L_USER] != 0
    known = lookup(
        memory.identifiers, prints[U_LOW] if user else prints[A_LOW], prints[U_HIGH] if user else prints[A_HIGH]
    )
    if user and row[L_ANONYMOUS] != 0:
        other = lookup(memory.identifiers, prints[A_LOW], prints[A_HIGH])
        return known if known == other and known != UNKNOWN else FAILED
    if known != UNKNOWN:
        return known
    may_create = state[S_CUSTOMERS] < state[S_CUSTOMERS_MAX] and (state[S_SEEDED] or state[S_DRAWN] < drawn)
    return state[S_CUSTOMERS] if may_create else FAILED


@compiled_leaf
def _put(rows: Rows, state: NDArray[np.int64], kind: int, code: int, customer: int, at_ms: int) -> int:
    """Begin a row, all but its values and message; its index."""
    i = state[S_ROWS]
    rows.kind[i], rows.code[i], rows.customer[i], rows.at_ms[i] = kind, code, customer, at_ms
    rows.now_ms[i] = state[S_RECEIVED_MS] if state[S_LIVE] else at_ms
    rows.message[i, 0] = rows.message[i, 1] = rows.content[i] = np.uint64(0)
    state[S_ROWS] = i + 1
    return i


@compiled_leaf
def _end_row(rows: Rows, state: NDArray[np.int64], row: int, values: int) -> None:
    state[S_VALUES] += values
    rows.first[row + 1] = state[S_VALUES]


@compiled_leaf
def _create(
    data: NDArray[np.uint8], line: int, customer: int, state: NDArray[np.int64], hashing: Hashing, memory: Memory,
    scratch: Scratch, rows: Rows, found: Found,
) -> None:  # fmt: skip
    """A customer met for the first time: the facts CUSTOMER and IDENTIFIER."""
    line_row, prints = scratch.lines[line], scratch.prints[line]
    user = line_row[L_USER] != 0
    start, end = (
        (line_row[L_USER], line_row[L_USER_END]) if user else (line_row[L_ANONYMOUS], line_row[L_ANONYMOUS_END])
    )
    low, high = (prints[U_LOW], prints[U_HIGH]) if user else (prints[A_LOW], prints[A_HIGH])
    if state[S_SEEDED]:
        prefix = hashing.user if user else hashing.anonymous
        word, _ = siphash_after(found.seed, prefix, hashing.lengths[0 if user else 1], data, start, end)
        random = np.int64(word & _MASK)
    else:
        random = found.drawn[state[S_DRAWN]]
        state[S_DRAWN] += 1
    row = _put(rows, state, _CUSTOMER, NOUGHT, customer, line_row[L_AT])
    rows.values[state[S_VALUES]] = random
    _end_row(rows, state, row, NOUGHT + 1)
    kind = hashing.kinds[0 if user else 1]
    row = _put(rows, state, _IDENTIFIER, kind, customer, line_row[L_AT])
    rows.values[state[S_VALUES]] = np.int64(low)
    rows.values[state[S_VALUES] + 1] = np.int64(high)
    _end_row(rows, state, row, NOUGHT + 2)
    insert(memory.identifiers, low, high, customer)
    note_kind(memory.kinds, customer, kind)
    new = found.identifiers[state[S_NEW]]
    new[0], new[1], new[2], new[3] = customer, start, end, 0 if user else 1
    state[S_NEW] += 1
    state[S_CUSTOMERS] += 1


@compiled_leaf
def _apply(
    data: NDArray[np.uint8], line: int, state: NDArray[np.int64], hashing: Hashing, memory: Memory,
    scratch: Scratch, rows: Rows, found: Found,
) -> bool:  # fmt: skip
    """Apply a scanned line; False where the reference decoder has to."""
    line_row, prints = scratch.lines[line], scratch.prints[line]
    customer = _customer_of(line, memory, scratch, state, len(found.drawn))
    if customer == FAILED:
        return False
    has_message = line_row[L_MESSAGE] != 0
    if has_message:
        outcome = check(memory.recent, prints[M_LOW], prints[M_HIGH], prints[M_CONTENT])
        if outcome != NEW:
            state[S_DUPLICATES] += 1
            state[S_CLASHES] += 1 if outcome == CLASH else 0
            return True
    if customer == state[S_CUSTOMERS]:
        _create(data, line, customer, state, hashing, memory, scratch, rows, found)
    row = _put(rows, state, line_row[L_KIND], line_row[L_CODE], customer, line_row[L_AT])
    base = state[S_VALUES]
    for i in range(line_row[L_COUNT]):
        rows.values[base + i] = scratch.values[line_row[L_FIRST] + i]
    _end_row(rows, state, row, line_row[L_COUNT])
    if has_message:
        rows.message[row, 0], rows.message[row, 1] = prints[M_LOW], prints[M_HIGH]
        rows.content[row] = prints[M_CONTENT]
        add(memory.recent, prints[M_LOW], prints[M_HIGH], prints[M_CONTENT], rows.now_ms[row])
    for i in range(line_row[L_KEY_COUNT]):
        place = found.keyed[state[S_KEYED]]
        place[0] = row
        for k in range(4):
            place[1 + k] = scratch.keys[line_row[L_KEY_FIRST] + i, k]
        state[S_KEYED] += 1
    state[S_APPLIED] += 1
    return True


@compiled_leaf
def run(
    data: NDArray[np.uint8], limits: Limits, state: NDArray[np.int64], shapes: Shapes, hashing: Hashing,
    memory: Memory, scratch: Scratch, rows: Rows, found: Found,
) -> int:  # fmt: skip
    """Scan and apply until the data ends (DONE) or a line is LEFT: line S_NEXT - 1 of `scratch`, from L_START to L_END."""
    while True:
        while state[S_NEXT] < state[S_LINES]:
            line = state[S_NEXT]
            state[S_NEXT] += 1
            state[S_LINE_NUMBER] += 1
            status = scratch.lines[line, L_STATUS]
            if status == _LEFT or (
                status == _READ and not _apply(data, line, state, hashing, memory, scratch, rows, found)
            ):
                return LEFT
        if state[S_AT] > state[S_SIZE]:
            return DONE
        _scan_block(data, limits, state, shapes, hashing, memory, scratch)
