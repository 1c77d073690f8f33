"""One integer of 1, 2, 4 or 8 bytes in a buffer, read and written as a value with NULL. Kernel functions."""

from typing import Any

from opportune.facts import NULL, compiled_leaf
from opportune.profiles.columns import i1_of, i2_of, i4_of, i8_of


@compiled_leaf
def load(records: Any, at: int, width: int) -> int:
    """The value of `width` bytes at byte `at`, as int64 with NULL."""
    if width == 4:
        v4 = i4_of(records)[at >> 2]
        return NULL if v4 == -2147483648 else int(v4)
    if width == 2:
        v2 = i2_of(records)[at >> 1]
        return NULL if v2 == -32768 else int(v2)
    if width == 1:
        v1 = i1_of(records)[at]
        return NULL if v1 == -128 else int(v1)
    return int(i8_of(records)[at >> 3])


@compiled_leaf
def store(records: Any, at: int, width: int, value: int) -> None:
    """Write `value` (NULL or within the width's range) as `width` bytes at byte `at`."""
    if width == 4:
        i4_of(records)[at >> 2] = -2147483648 if value == NULL else value
    elif width == 2:
        i2_of(records)[at >> 1] = -32768 if value == NULL else value
    elif width == 1:
        i1_of(records)[at] = -128 if value == NULL else value
    else:
        i8_of(records)[at >> 3] = value


@compiled_leaf
def fits(value: int, width: int) -> bool:
    """Whether a value can be kept in `width` bytes (the smallest integer means NULL)."""
    end = 1 << (8 * int(width) - 1)
    return -end < value < end
