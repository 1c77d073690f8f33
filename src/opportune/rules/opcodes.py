"""The words of the rule machine: kinds of terms and operations of programs. Numbers are stored in plans; append, never renumber."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

INTERVAL, LOOK_UP, MASK, PROGRAM = 0, 1, 2, 3
"""Kinds of terms, see RulePlan."""

(
    PUSH,          # value: a constant
    LOAD,          # register: regs[register]
    ADD, SUBTRACT, MULTIPLY, DIVIDE,           # two numbers -> one; overflow and x / 0 -> NULL
    LEAST, GREATEST,                           # two -> one, skipping NULL
    EQUAL, LESS, LESS_EQUAL,                   # two -> 1, 0, NULL
    AND, OR,                                   # two -> one, Kleene's logic
    NOT, NEGATE, ABSOLUTE,                     # one -> one
    DAY, HOUR,                                 # local milliseconds -> day number, hour of the day
    WEEKDAY, DAY_OF_MONTH, MONTH, YEAR,        # day number -> number
    IS_NULL, IS_TRUE, IS_FALSE,                # one -> 1 or 0
    JUMP,          # to: go on at `to`, counted from the program's start
    JUMP_NOT_TRUE,  # to: take the top; go to `to` unless it is 1
    JUMP_KNOWN,    # to: go to `to` if the top is not NULL, else drop it
    JUMP_ZERO,     # to: go to `to` if the top is 0, keeping it
    JUMP_ONE,      # to: go to `to` if the top is 1, keeping it
    BIT,           # bit: the set x holds it
    LOOK,          # table: luts[table, x]
    LOCAL,         # register of the zone: a moment -> local milliseconds
    WITHIN,        # low, high: low <= x <= high
    MEMBER,        # n, v1 .. vn sorted: x is one of them
) = range(35)  # fmt: skip

STACK_MAX = 128
"""Values a program may hold at once; the length of the scratch array that callers pass."""

TERM = np.dtype([("kind", np.int32), ("ref", np.int32), ("lo", np.int64), ("hi", np.int64)], align=True)
SPAN = np.dtype([("first", np.int32), ("count", np.int32)], align=True)


class RulePlan(NamedTuple):
    """Rules as tables for the kernel.

    terms     kind INTERVAL: lo <= regs[ref] <= hi (IS NULL is lo = hi = NULL; an interval with lo = NULL lets NULL pass)
              kind LOOK_UP:  luts[lo, regs[ref]], and hi (0 or 1) where the register is NULL
              kind MASK:     regs[ref] is not NULL and regs[ref] & lo == hi
              kind PROGRAM:  program lo gives 1 (ref is -1)
    clauses   true where any of terms[first : first + count] is; a rule is true where all of its clauses are
    programs  code[first : first + count]
    code      operations and their operands, see this file
    luts      one row per look-up of texts, indexed by dictionary code; capacity is a power of two above the codes

    A clause whose terms all have kind INTERVAL and the same `ref` is a union of disjoint ascending intervals over that one
    register: such clauses can be indexed.
    """

    terms: NDArray[np.void]
    clauses: NDArray[np.void]
    programs: NDArray[np.void]
    code: NDArray[np.int64]
    luts: NDArray[np.uint8]
