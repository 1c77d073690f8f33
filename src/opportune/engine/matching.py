"""Matching: which candidates of a block fit the values in the registers, all at once. Kernel functions.

The searches are counted out, not walked: which way a comparison falls is random, and a mispredicted branch costs more than all of them.
"""

from typing import Any

from opportune.engine.tables import SET_WORDS, blocks_of, bounds_of, columns_of, regs_of, sets_of
from opportune.facts import compiled_leaf


@compiled_leaf
def fitting(plan: Any, room: Any, index: int, blocked: int) -> tuple[int, int]:
    """The two words of the set of a block's candidates that fit and that the blocked classes leave a touchpoint.

    A block's columns stand by their steps, so that most searches have steps that are known when this is compiled.
    """
    block = blocks_of(plan)[index]
    bounds, sets, columns, regs = bounds_of(plan), sets_of(plan), columns_of(plan), regs_of(room)
    start = block.open + SET_WORDS * blocked
    low, high = sets[start], sets[start + 1]
    i, end = int(block.column_first), int(block.column_end)
    while i < end and columns[i].steps <= 2:
        column = columns[i]
        value, at = regs[column.ref], int(column.at)
        at += _step(bounds, at, 1, value)
        at += _step(bounds, at, 0, value)
        low &= sets[column.sets + SET_WORDS * at]
        high &= sets[column.sets + SET_WORDS * at + 1]
        i += 1
    while i < end and columns[i].steps <= 4:
        column = columns[i]
        value, at = regs[column.ref], int(column.at)
        if column.steps == 4:
            at += _step(bounds, at, 3, value)
        at += _step(bounds, at, 2, value)
        at += _step(bounds, at, 1, value)
        at += _step(bounds, at, 0, value)
        low &= sets[column.sets + SET_WORDS * at]
        high &= sets[column.sets + SET_WORDS * at + 1]
        i += 1
    while i < end:
        column = columns[i]
        value, at = regs[column.ref], int(column.at)
        for shift in range(column.steps - 1, -1, -1):
            at += _step(bounds, at, shift, value)
        low &= sets[column.sets + SET_WORDS * at]
        high &= sets[column.sets + SET_WORDS * at + 1]
        i += 1
    return low, high


@compiled_leaf
def _step(bounds: Any, at: int, shift: int, value: int) -> int:
    """How far the search goes on: over 2**shift bounds where the last of them is at or below the value."""
    return int(bounds[at + (1 << shift) - 1] <= value) << shift
