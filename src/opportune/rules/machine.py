"""The rule machine: the kernel's functions that say whether a rule holds and what an expression is worth.

Compiled by Numba, or plain Python with NUMBA_DISABLE_JIT=1. Sums and products are tested before they are made, so that
neither wraps around.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, NULL, VALUE_MAX, ZoneTable, compiled_leaf, zone_offset
from opportune.rules.calendar import DAY_MAX, DAY_MIN, MOMENT_MAX, MOMENT_MIN
from opportune.rules.opcodes import (
    ABSOLUTE,
    AND,
    BIT,
    DAY,
    DAY_OF_MONTH,
    EQUAL,
    GREATEST,
    HOUR,
    INTERVAL,
    IS_FALSE,
    IS_NULL,
    IS_TRUE,
    JUMP,
    JUMP_KNOWN,
    JUMP_NOT_TRUE,
    JUMP_ONE,
    JUMP_ZERO,
    LEAST,
    LESS,
    LESS_EQUAL,
    LOAD,
    LOCAL,
    LOOK,
    LOOK_UP,
    MASK,
    MEMBER,
    MONTH,
    MULTIPLY,
    NEGATE,
    NOT,
    OR,
    PUSH,
    SUBTRACT,
    WEEKDAY,
    WITHIN,
    YEAR,
    RulePlan,
)

Registers = NDArray[np.int64]


@compiled_leaf
def failing_clause(plan: RulePlan, first: int, count: int, regs: Registers, zones: ZoneTable, stack: Registers) -> int:
    """Index (from 0) of the first clause of a rule that is not true, -1 when all hold.

    first, count: what RulePlanBuilder.add gave; regs: i8, one register per ref number; stack: i8[STACK_MAX] scratch.
    """
    for c in range(first, first + count):
        clause = plan.clauses[c]
        start = clause.first
        stop = start + clause.count
        holds = False
        for t in range(start, stop):
            term = plan.terms[t]
            kind = term.kind
            if kind == INTERVAL:
                value = regs[term.ref]
                holds = term.lo <= value and value <= term.hi
            elif kind == LOOK_UP:
                value = regs[term.ref]
                holds = term.hi == 1 if value == NULL else _look(plan, term.lo, value) == 1
            elif kind == MASK:
                value = regs[term.ref]
                holds = value != NULL and (value & term.lo) == term.hi
            else:
                holds = run_program(plan, term.lo, regs, zones, stack) == 1
            if holds:
                break
        if not holds:
            return c - first
    return -1


@compiled_leaf
def run_program(plan: RulePlan, program: int, regs: Registers, zones: ZoneTable, stack: Registers) -> int:
    """The encoded value of a program, NULL included; a condition gives 1, 0 or NULL. stack: i8[STACK_MAX] scratch."""
    code = plan.code
    base = int(plan.programs[program].first)
    at, end = base, base + plan.programs[program].count
    top = -1
    while at < end:
        op = code[at]
        if op <= LOAD:
            top += 1
            stack[top] = code[at + 1] if op == PUSH else regs[code[at + 1]]
            at += 2
        elif op <= OR:
            top -= 1
            stack[top] = _of_two(op, stack[top], stack[top + 1])
            at += 1
        elif op <= YEAR:
            if stack[top] != NULL:
                stack[top] = _of_one(op, stack[top])
            at += 1
        elif op <= IS_FALSE:
            wanted = NULL if op == IS_NULL else 1 if op == IS_TRUE else 0
            stack[top] = 1 if stack[top] == wanted else 0
            at += 1
        elif op <= JUMP_ONE:
            jumps = _jumps(op, stack[top])
            if op == JUMP_NOT_TRUE or (op == JUMP_KNOWN and not jumps):
                top -= 1
            at = base + code[at + 1] if jumps else at + 2
        else:
            if stack[top] != NULL:
                stack[top] = _tested(plan, at, stack[top], regs, zones)
            at += 2 if op <= LOCAL else 3 if op == WITHIN else 2 + code[at + 1]
    return stack[0]


@compiled_leaf
def _jumps(op: int, value: int) -> bool:
    if op == JUMP:
        return True
    if op == JUMP_NOT_TRUE:
        return value != 1
    if op == JUMP_KNOWN:
        return value != NULL
    return value == (0 if op == JUMP_ZERO else 1)


@compiled_leaf
def _tested(plan: RulePlan, at: int, value: int, regs: Registers, zones: ZoneTable) -> int:
    """What the operation at `at`, which has operands of its own, makes of a known value."""
    op, operand = plan.code[at], plan.code[at + 1]
    if op == WITHIN:
        return 1 if operand <= value and value <= plan.code[at + 2] else 0
    if op == LOOK:
        return _look(plan, operand, value)
    if op == BIT:
        return (value >> operand) & 1
    if op == MEMBER:
        return _member(plan.code, at + 2, operand, value)
    return _local(zones, regs[operand], value)


@compiled_leaf
def _look(plan: RulePlan, table: int, code: int) -> int:
    """The look-up of a text; a code beyond the table (the plan was not grown) is not found rather than read astray."""
    if code < 0 or code >= plan.luts.shape[1]:
        return 0
    return int(plan.luts[table, code])


@compiled_leaf
def _member(code: Any, first: int, size: int, value: int) -> int:
    low, high = first, first + size
    while low < high:
        middle = (low + high) >> 1
        if code[middle] < value:
            low = middle + 1
        else:
            high = middle
    return 1 if low < first + size and code[low] == value else 0


@compiled_leaf
def _local(zones: ZoneTable, zone: int, moment: int) -> int:
    if zone < 0 or zone >= len(zones.first) - 1 or moment < MOMENT_MIN or moment > MOMENT_MAX:
        return NULL
    return moment + zone_offset(zones, zone, moment)


@compiled_leaf
def _of_two(op: int, left: int, right: int) -> int:
    if op == AND:
        if left == 0 or right == 0:
            return 0
        return NULL if left == NULL or right == NULL else 1
    if op == OR:
        if left == 1 or right == 1:
            return 1
        return NULL if left == NULL or right == NULL else 0
    if left == NULL or right == NULL:
        if LEAST <= op <= GREATEST:
            return right if left == NULL else left
        return NULL
    if op == LEAST:
        return min(left, right)
    if op == GREATEST:
        return max(left, right)
    if op == EQUAL:
        return 1 if left == right else 0
    if op == LESS:
        return 1 if left < right else 0
    if op == LESS_EQUAL:
        return 1 if left <= right else 0
    return _calculate(op, left, right)


@compiled_leaf
def _calculate(op: int, left: int, right: int) -> int:
    if op == SUBTRACT:
        right = -right
    if op <= SUBTRACT:
        if (right > 0 and left > VALUE_MAX - right) or (right < 0 and left < -VALUE_MAX - right):
            return NULL
        return left + right
    if op == MULTIPLY:
        if right != 0 and abs(left) > VALUE_MAX // abs(right):
            return NULL
        return left * right
    if right == 0:
        return NULL
    size = abs(left) // abs(right)
    return size if (left < 0) == (right < 0) else -size


@compiled_leaf
def _of_one(op: int, value: int) -> int:
    if op == NOT:
        return 1 - value
    if op == NEGATE:
        return -value
    if op == ABSOLUTE:
        return abs(value)
    if op == DAY:
        return value // MS_PER_DAY
    if op == HOUR:
        return value % MS_PER_DAY // MS_PER_HOUR
    if value < DAY_MIN or value > DAY_MAX:
        return NULL
    if op == WEEKDAY:
        return (value + 3) % 7 + 1
    return _of_day(op, value)


@compiled_leaf
def _of_day(op: int, day: int) -> int:
    """Year, month or day of the month of a day number (proleptic Gregorian), counting years from March so that leap days come last."""
    since_march = day + 719_468
    era = since_march // 146_097
    in_era = since_march - era * 146_097
    year_in_era = (in_era - in_era // 1_460 + in_era // 36_524 - in_era // 146_096) // 365
    in_year = in_era - (365 * year_in_era + year_in_era // 4 - year_in_era // 100)
    month_from_march = (5 * in_year + 2) // 153
    if op == DAY_OF_MONTH:
        return in_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    if op == MONTH:
        return month
    return era * 400 + year_in_era + (1 if month <= 2 else 0)
