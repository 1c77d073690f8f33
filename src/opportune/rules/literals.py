"""Literals of rules, read digit by digit: numbers as exact fractions, dates as days, moments as milliseconds."""

import datetime
import re
from fractions import Fraction

import msgspec

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, transitions

_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EPOCH = datetime.date(1970, 1, 1).toordinal()


class Number(msgspec.Struct, frozen=True):
    """A number literal, not yet of a type: its text, sign included."""

    text: str

    @property
    def scale(self) -> int:
        """Decimals as written."""
        return len(self.text.partition(".")[2])

    @property
    def value(self) -> Fraction:
        """The exact number."""
        return Fraction(self.text if not self.text.endswith(".") else self.text[:-1])


class Words(msgspec.Struct, frozen=True):
    """A text literal, not yet known to be text, date or moment."""

    text: str


class Nothing(msgspec.Struct, frozen=True):
    """The literal NULL, not yet of a type."""


Literal = Number | Words | Nothing


def parse_date(text: str) -> int:
    """Days since 1970-01-01 of `YYYY-MM-DD`. Raises ValueError."""
    if not _DATE.fullmatch(text):
        raise ValueError(f"`{text[:40]}` is not a date; write for example '2026-01-31'")
    try:
        return datetime.date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        raise ValueError(f"`{text}` is no day of the calendar") from None


def parse_moment(text: str, zone: str) -> int:
    """Milliseconds since 1970 UTC of `YYYY-MM-DD HH:MM[:SS[.mmm]][Z|+08:00]`; without an offset in `zone`. Raises ValueError.

    A local time that comes twice (clocks set back) is the first of the two.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"`{text[:40]}` is not a moment; write for example '2026-01-31 09:30' or '2026-01-31T09:30:00+08:00'"
        )
    day, hour, minute, second = parse_date(match[1]), int(match[2]), int(match[3]), int(match[4] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"`{text}` is no time of day")
    local = day * MS_PER_DAY + hour * MS_PER_HOUR + minute * MS_PER_MINUTE + second * MS_PER_SECOND
    local += int((match[5] or "").ljust(3, "0"))
    offset = match[6]
    if offset == "Z":
        return local
    if offset:
        shift = int(offset[1:3]) * MS_PER_HOUR + int(offset[4:6]) * MS_PER_MINUTE
        return local + shift if offset[0] == "-" else local - shift
    return _from_local(local, zone)


def _from_local(local: int, zone: str) -> int:
    changes = transitions(zone)
    found = local - changes[0][1]
    for (start, shift), (end, _) in zip(changes, (*changes[1:], (2**62, 0)), strict=True):
        if start + shift <= local:
            found = local - shift
            if found < end:
                return found
    return found
