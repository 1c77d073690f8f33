"""Compiled scanning of JSON text in a buffer: strings, numbers, moments, and whole values to be passed over.

Every function takes a position and gives the one after, or FAILED for anything that is not plainly right: escapes,
bad UTF-8, odd numbers, deep nesting. A failure is no error; the line goes to the reference decoder, which judges it.
The buffer ends with zero bytes, which fit nowhere, so nothing reads past its end.
"""

from typing import Any

import numpy as np

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, compiled_leaf, first_byte, load8

FAILED = -1
NOUGHT: Any = np.int64(0)
"""Zero as a variable begins with it: a literal 0 handed on would make Numba compile the callee once more, for that literal."""
DEPTH_MAX = 32
DIGITS_MAX = 18
QUOTE, BACKSLASH, COMMA, COLON, DOT = 0x22, 0x5C, 0x2C, 0x3A, 0x2E
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = 0x7B, 0x7D, 0x5B, 0x5D
SPACE, TAB, RETURN, NEWLINE = 0x20, 0x09, 0x0D, 0x0A
MINUS, PLUS, ZERO, NINE = 0x2D, 0x2B, 0x30, 0x39

_U = np.uint64
_ONES = _U(0x0101010101010101)
_HIGHS = _U(0x8080808080808080)
_QUOTES = _U(0x2222222222222222)
_SLASHES = _U(0x5C5C5C5C5C5C5C5C)
_SPACES = _U(0x2020202020202020)
_NEWLINES = _U(0x0A0A0A0A0A0A0A0A)
_ZEROS = _U(0x3030303030303030)
_ABOVE_NINE = _U(0x7676767676767676)
_PAIRS = _U(0x00FF00FF00FF00FF)
_FOURS = _U(0x0000FFFF0000FFFF)
_POWERS = np.array([10**n for n in range(DIGITS_MAX + 1)], np.int64)
_TRUE = _U(int.from_bytes(b"true", "little"))
_FALSE = _U(int.from_bytes(b"false", "little"))
_NULL = _U(int.from_bytes(b"null", "little"))
_FOUR_BYTES = _U(0xFFFF_FFFF)
_FIVE_BYTES = _U(0xFF_FFFF_FFFF)


@compiled_leaf
def find_newline(data: Any, at: int, size: int) -> int:
    """The position of the next newline, or `size`."""
    while at < size:
        word = load8(data, at) ^ _NEWLINES
        marks = (word - _ONES) & ~word & _HIGHS
        if marks != 0:
            return min(at + first_byte(marks), size)
        at += 8
    return size


@compiled_leaf
def skip_blanks(data: Any, at: int) -> int:
    """The next position that is no blank."""
    while data[at] <= SPACE:
        if data[at] != SPACE and data[at] != TAB and data[at] != RETURN:
            break
        at += 1
    return at


@compiled_leaf
def _within(byte: Any, low: int, high: int) -> bool:
    return byte >= low and byte <= high


@compiled_leaf
def _skip_character(data: Any, at: int) -> int:
    """Pass one character of two to four bytes, as UTF-8 allows them."""
    first, second = data[at], data[at + 1]
    if _within(first, 0xC2, 0xDF):
        return at + 2 if _within(second, 0x80, 0xBF) else FAILED
    third = data[at + 2]
    if _within(first, 0xE0, 0xEF):
        low = 0xA0 if first == 0xE0 else 0x80
        high = 0x9F if first == 0xED else 0xBF
        return at + 3 if _within(second, low, high) and _within(third, 0x80, 0xBF) else FAILED
    if _within(first, 0xF0, 0xF4):
        low = 0x90 if first == 0xF0 else 0x80
        high = 0x8F if first == 0xF4 else 0xBF
        last = data[at + 3]
        fits = _within(second, low, high) and _within(third, 0x80, 0xBF) and _within(last, 0x80, 0xBF)
        return at + 4 if fits else FAILED
    return FAILED


@compiled_leaf
def scan_string(data: Any, at: int) -> int:
    """The position of the closing quote of a string whose first character is at `at`."""
    while True:
        word = load8(data, at)
        quotes = word ^ _QUOTES
        slashes = word ^ _SLASHES
        marks = (quotes - _ONES) & ~quotes
        marks |= (slashes - _ONES) & ~slashes
        marks |= (word - _SPACES) & ~word
        marks |= word
        marks &= _HIGHS
        if marks == 0:
            at += 8
            continue
        at += first_byte(marks)
        byte = data[at]
        if byte == QUOTE:
            return at
        if byte < 0x80:
            return FAILED
        at = _skip_character(data, at)
        if at == FAILED:
            return FAILED


@compiled_leaf
def _skip_digits(data: Any, at: int) -> int:
    while _within(data[at], ZERO, NINE):
        at += 1
    return at


@compiled_leaf
def _skip_number(data: Any, at: int) -> int:
    if data[at] == MINUS:
        at += 1
    if data[at] == ZERO:
        at += 1
    else:
        end = _skip_digits(data, at)
        if end == at:
            return FAILED
        at = end
    if data[at] == DOT:
        end = _skip_digits(data, at + 1)
        if end == at + 1:
            return FAILED
        at = end
    if data[at] == 0x65 or data[at] == 0x45:
        at += 1
        if data[at] == PLUS or data[at] == MINUS:
            at += 1
        end = _skip_digits(data, at)
        if end == at:
            return FAILED
        at = end
    return at


@compiled_leaf
def is_null(data: Any, at: int) -> bool:
    """Whether `null` stands here."""
    return bool((load8(data, at) & _FOUR_BYTES) == _NULL)


@compiled_leaf
def scan_bool(data: Any, at: int) -> tuple[int, int]:
    """(position after, 0 or 1) of `true` or `false`."""
    word = load8(data, at)
    if (word & _FOUR_BYTES) == _TRUE:
        return at + 4, 1
    if (word & _FIVE_BYTES) == _FALSE:
        return at + 5, 0
    return FAILED, 0


@compiled_leaf
def _skip_scalar(data: Any, at: int) -> int:
    byte = data[at]
    if byte == QUOTE:
        end = scan_string(data, at + 1)
        return end if end == FAILED else end + 1
    if is_null(data, at):
        return at + 4
    if byte == 0x74 or byte == 0x66:
        return scan_bool(data, at)[0]
    return _skip_number(data, at)


@compiled_leaf
def skip_name(data: Any, at: int) -> int:
    """The position of the value after `"name":` at or after `at`."""
    at = skip_blanks(data, at)
    if data[at] != QUOTE:
        return FAILED
    at = scan_string(data, at + 1)
    if at == FAILED:
        return FAILED
    at = skip_blanks(data, at + 1)
    return at + 1 if data[at] == COLON else FAILED


@compiled_leaf
def skip_value(data: Any, at: int) -> int:
    """The position after the JSON value at or after `at`, whatever it is, checked in full."""
    objects, depth = np.int64(0), 0  # one bit per open bracket: 1 an object, 0 a list
    while True:
        at = skip_blanks(data, at)
        byte = data[at]
        if byte in (OPEN_OBJECT, OPEN_LIST):
            inner = skip_blanks(data, at + 1)
            if data[inner] == byte + 2:  # the closing bracket is two further in ASCII
                at = inner + 1
            elif depth == DEPTH_MAX:
                return FAILED
            else:
                depth += 1
                objects = (objects << 1) | (1 if byte == OPEN_OBJECT else 0)
                at = skip_name(data, inner) if byte == OPEN_OBJECT else inner
                if at == FAILED:
                    return FAILED
                continue
        else:
            at = _skip_scalar(data, at)
            if at == FAILED:
                return FAILED
        while depth > 0:
            at = skip_blanks(data, at)
            inside = objects & 1
            if data[at] == COMMA:
                at = skip_name(data, at + 1) if inside else at + 1
                if at == FAILED:
                    return FAILED
                break
            if data[at] != (CLOSE_OBJECT if inside else CLOSE_LIST):
                return FAILED
            at += 1
            depth -= 1
            objects >>= 1
        else:
            return at


@compiled_leaf
def _scan_digits(data: Any, at: int, value: int) -> tuple[int, int]:
    """(position after the digits, the number that they make behind those of `value`); what has too many digits wraps around."""
    while True:
        digits = load8(data, at) ^ _ZEROS
        marks = ((digits + _ABOVE_NINE) | digits) & _HIGHS  # a carry spoils only what stands behind the first mark
        count = first_byte(marks) if marks != 0 else 8
        if count > 0:
            eight = digits << _U(64 - 8 * count)  # zeros before the digits
            eight = (eight * _U(10) + (eight >> _U(8))) & _PAIRS
            eight = (eight * _U(100) + (eight >> _U(16))) & _FOURS
            eight = (eight * _U(10_000) + (eight >> _U(32))) & _FOUR_BYTES
            value = value * _POWERS[count] + np.int64(eight)
        at += count
        if count < 8:
            return at, int(value)


@compiled_leaf
def scan_scaled(data: Any, at: int, scale: int) -> tuple[int, int]:
    """(position after, value x 10**scale) of a plain number with at most `scale` decimals."""
    negative = data[at] == MINUS
    if negative:
        at += 1
    start = at
    at, value = _scan_digits(data, start, NOUGHT)
    digits, missing = at - start, scale
    if digits == 0 or digits > DIGITS_MAX or (digits > 1 and data[start] == ZERO):
        return FAILED, 0
    if data[at] == DOT:
        start = at + 1
        at, value = _scan_digits(data, start, value)
        digits += at - start
        missing = scale - (at - start)
        if at == start or missing < 0:
            return FAILED, 0
    if digits + missing > DIGITS_MAX:
        return FAILED, 0
    value *= _POWERS[missing]
    return at, int(-value if negative else value)


@compiled_leaf
def _two(data: Any, at: int) -> int:
    """The number of two digits, or a very negative one."""
    tens, ones = int(np.int64(data[at])) - ZERO, int(np.int64(data[at + 1])) - ZERO
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -100_000
    return tens * 10 + ones


@compiled_leaf
def _days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a civil date (years counted from March, eras of 400 years)."""
    shifted = year - (1 if month <= 2 else 0)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled_leaf
def scan_day(data: Any, at: int) -> tuple[int, int]:
    """(position after, days since 1970) of `YYYY-MM-DD`."""
    year = _two(data, at) * 100 + _two(data, at + 2)
    month, day = _two(data, at + 5), _two(data, at + 8)
    if year < 1 or month < 1 or month > 12 or day < 1 or data[at + 4] != MINUS or data[at + 7] != MINUS:
        return FAILED, 0
    longest = 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        longest = 29 if leap else 28
    return (at + 10, _days_of(year, month, day)) if day <= longest else (FAILED, 0)


@compiled_leaf
def _scan_offset(data: Any, at: int) -> tuple[int, int]:
    """(position after, ms east of Greenwich) of `Z` or `+hh:mm`."""
    if data[at] == 0x5A:
        return at + 1, 0
    if (data[at] != PLUS and data[at] != MINUS) or data[at + 3] != COLON:
        return FAILED, 0
    hours, minutes = _two(data, at + 1), _two(data, at + 4)
    if hours < 0 or hours > 14 or minutes < 0 or minutes > 59:
        return FAILED, 0
    offset = hours * MS_PER_HOUR + minutes * MS_PER_MINUTE
    return at + 6, -offset if data[at] == MINUS else offset


@compiled_leaf
def scan_moment(data: Any, at: int) -> tuple[int, int]:
    """(position after, ms since 1970) of `YYYY-MM-DDTHH:MM:SS[.fraction](Z|+hh:mm)`, without quotes."""
    at, days = scan_day(data, at)
    if at == FAILED or (data[at] != 0x54 and data[at] != SPACE) or data[at + 3] != COLON or data[at + 6] != COLON:
        return FAILED, 0
    hour, minute, second = _two(data, at + 1), _two(data, at + 4), _two(data, at + 7)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return FAILED, 0
    at += 9
    fraction = 0
    if data[at] == DOT:
        end = _skip_digits(data, at + 1)
        if end == at + 1 or end > at + 10:
            return FAILED, 0
        for i in range(at + 1, at + 4):
            fraction = fraction * 10 + (int(np.int64(data[i])) - ZERO if i < end else 0)
        at = end
    at, offset = _scan_offset(data, at)
    ms = days * MS_PER_DAY + hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_SECOND + fraction
    return at, ms - offset
