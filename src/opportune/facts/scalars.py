"""Scalars of definitions: durations, money, rates, local times. All become integers when they are read.

A definition's scalars arrive as text (the YAML loader keeps them so), which lets money be read
digit by digit and never through a binary float.
"""

import re
from typing import Any

MS_PER_SECOND = 1_000
MS_PER_MINUTE = 60_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 86_400_000
PPM = 1_000_000

_UNITS_MS = {
    "ms": 1,
    "s": MS_PER_SECOND,
    "m": MS_PER_MINUTE,
    "h": MS_PER_HOUR,
    "d": MS_PER_DAY,
    "w": 7 * MS_PER_DAY,
}
_DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d|w)")
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,4}))?%")
_LOCAL_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_NUMBER = re.compile(r"([+-]?)(\d{0,30})(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,3}))?")


class Duration(int):
    """A length of time in milliseconds; written `15m`, `24h`, `7d`."""


class Rate(int):
    """A share in parts per million; written `10%` or `2.5%`."""


class Decimal(str):
    """A decimal number kept as its text, until a declared scale makes it an integer."""


class LocalTime(int):
    """A time of day in minutes after local midnight; written `"21:00"`."""


def parse_duration(text: str) -> Duration:
    """Milliseconds of `15m`, `24h`, `7d`, `2w`, or a sum such as `1d12h`. Raises ValueError."""
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"`{text}` is not a duration; write for example 15m, 24h or 7d")
    return Duration(sum(int(n) * _UNITS_MS[u] for n, u in parts))


def parse_rate(text: str) -> Rate:
    """Parts per million of `10%`. Raises ValueError above 100 % or without the percent sign."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a percentage; write for example 10% or 2.5%")
    ppm = int(match[1]) * 10_000 + int((match[2] or "").ljust(4, "0"))
    if ppm > PPM:
        raise ValueError(f"`{text}` is more than 100%")
    return Rate(ppm)


def parse_local_time(text: str) -> LocalTime:
    """Minutes after midnight of `"21:00"`. Raises ValueError."""
    match = _LOCAL_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f'`{text}` is not a time of day; write for example "21:00"')
    return LocalTime(int(match[1]) * 60 + int(match[2]))


def parse_scaled(text: str, scale: int) -> int:
    """`text` x 10**scale as an integer; digits beyond the scale are rounded half away from zero.

    Reads the digits themselves ("34.56" at scale 2 is 3456), so no binary float is met.
    Raises ValueError where `text` is no decimal number.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise ValueError(f"`{text[:40]}` is not a number")
    whole, part, exponent = match[2], match[3] or "", int(match[4] or 0)
    digits = whole + part
    shift = scale + exponent - len(part)
    value = int(digits)
    if shift >= 0:
        value *= 10**shift
    else:
        unit = 10**-shift
        value = (2 * value + unit) // (2 * unit)
    return -value if match[1] == "-" else value


def decode_scalar(kind: type, raw: Any) -> Any:
    """msgspec's `dec_hook` for the scalar types of this file. Raises ValueError with a hint."""
    text = str(raw)
    if kind is Duration:
        return parse_duration(text)
    if kind is Rate:
        return parse_rate(text)
    if kind is LocalTime:
        return parse_local_time(text)
    if kind is Decimal:
        parse_scaled(text, 0)
        return Decimal(text)
    raise NotImplementedError(f"no decoder for {kind}")


def encode_scalar(value: Any) -> str:
    """msgspec's `enc_hook` for the scalar types of this file; `decode_scalar` reads it back."""
    if isinstance(value, Duration):
        return f"{int(value)}ms"
    if isinstance(value, Rate):
        return f"{int(value) // 10_000}.{int(value) % 10_000:04}%"
    if isinstance(value, LocalTime):
        return f"{int(value) // 60:02}:{int(value) % 60:02}"
    if isinstance(value, Decimal):
        return str.__str__(value)
    raise NotImplementedError(f"no encoder for {type(value)}")


def schema_of_scalar(kind: type) -> dict[str, Any]:
    """msgspec's `schema_hook`: the JSON Schema of a scalar type."""
    if kind is Duration:
        return {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w))+$", "description": "duration, for example 7d"}
    if kind is Rate:
        return {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,4})?%$", "description": "percentage, for example 10%"}
    if kind is LocalTime:
        return {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "description": "local time of day"}
    if kind is Decimal:
        pattern = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
        return {"type": ["number", "string"], "pattern": pattern, "description": "decimal number, read digit by digit"}
    raise NotImplementedError(f"no schema for {kind}")
