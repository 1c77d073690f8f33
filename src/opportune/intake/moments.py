"""Points in time as text: ISO 8601 with or without a zone, days, and epoch numbers, all exact in milliseconds."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from opportune.facts import MS_PER_MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MS = timedelta(milliseconds=1)
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
OFFSET_MINUTES_MAX = 15 * 60


def day_of(text: str) -> int:
    """Days since 1970-01-01 of `YYYY-MM-DD`. Raises ValueError."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError("expected a date such as 2026-12-01")
    return date(int(match[1]), int(match[2]), int(match[3])).toordinal() - _EPOCH_DAY


def moment_of(text: str, zone: ZoneInfo) -> int:
    """Milliseconds since 1970 of an ISO 8601 moment; without an offset it is local time of `zone`. Raises ValueError.

    Digits beyond the millisecond are dropped. A local time that the clocks skip or repeat is read with the offset before the change.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("expected a time such as 2026-12-01T08:00:00Z")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    ms = int((match[7] or "0").ljust(3, "0")[:3])
    local = datetime(year, month, day, hour, minute, second)
    if match[8] is None:
        return (local.replace(tzinfo=zone) - _EPOCH) // _MS + ms
    return (local.replace(tzinfo=UTC) - _EPOCH) // _MS + ms - _offset_ms(match[8])


def moment_by_format(text: str, pattern: str, zone: ZoneInfo) -> int:
    """Milliseconds since 1970 of `text` read by a strptime `pattern`, local time of `zone` unless it holds an offset. Raises ValueError."""
    moment = datetime.strptime(text, pattern)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=zone)) - _EPOCH) // _MS


def text_of_moment(ms: int) -> str:
    """ISO 8601 in UTC, with milliseconds where there are any."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{ms % 1000:03d}Z" if ms % 1000 else "Z")


def _offset_ms(text: str) -> int:
    if text in "Zz":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59 or hours * 60 + minutes > OFFSET_MINUTES_MAX:
        raise ValueError("no such offset from UTC")
    offset = (hours * 60 + minutes) * MS_PER_MINUTE
    return -offset if text[0] == "-" else offset
