"""From a JSON value to the one 64-bit integer of its declared type, exactly: a number is read by its digits."""

import json
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from opportune.facts import NULL, TEXT_BYTES_MAX, VALUE_MAX, Kind, ValueType, parse_scaled
from opportune.intake.moments import day_of, moment_of
from opportune.intake.quarantine import QuarantineReason, RefusalError

KEY_BYTES_MAX = 200
"""The longest identifier, message id or value of kind key, in bytes of UTF-8."""
DIGITS_MAX = 20
_WORDS = {"true": 1, "false": 0}


class Number(str):
    """A JSON number as its text."""

    __slots__ = ()


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object as its pairs, so that a repeated name is seen."""

    __slots__ = ()


class Reading(NamedTuple):
    """A value read: `encoded`, or for texts the `text` still to be coded; `rounded` when digits beyond the scale were dropped."""

    encoded: int = NULL
    text: str | None = None
    rounded: bool = False


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_float=Number, parse_int=Number, parse_constant=_no_constant, strict=True
)


def parse_json(line: str) -> Any:
    """A line as Python values: objects as Pairs, numbers as Number, lists, str, bool, None. Raises ValueError or RecursionError."""
    return _DECODER.decode(line)


def encode_json(value: Any) -> str:
    """Compact JSON of a value of `parse_json`, every number by its own digits."""
    kind = type(value)
    if kind is Number:
        return str(value)
    if kind is Pairs:
        return "{" + ",".join(f"{_quote(name)}:{encode_json(inner)}" for name, inner in value) + "}"
    if kind is list:
        return "[" + ",".join(encode_json(inner) for inner in value) + "]"
    return _quote(value)


_quote = json.JSONEncoder(ensure_ascii=False).encode


def plain_text(value: Any) -> str:
    """The text of a scalar, or the JSON of what is none."""
    return str(value) if isinstance(value, str) else encode_json(value)


def _wrong(path: str, wanted: str, value: Any) -> RefusalError:
    found = {str: "text", Number: "a number", bool: "a boolean", list: "a list", Pairs: "an object"}[type(value)]
    return RefusalError(QuarantineReason.WRONG_TYPE, f"{path}: expected {wanted}, found {found}")


def _scaled(value: Any, scale: int, path: str, wanted: str) -> int:
    if type(value) not in (Number, str):
        raise _wrong(path, wanted, value)
    try:
        return parse_scaled(value, scale)
    except ValueError:
        if type(value) is str:
            raise _wrong(path, wanted, value) from None
        raise RefusalError(
            QuarantineReason.NUMBER_OVERFLOW, f"{path}: more digits than a number here can have"
        ) from None


def _is_exact(text: str, encoded: int, scale: int) -> bool:
    """Whether `encoded` holds every digit of the number `text`."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return decimals <= scale or parse_scaled(text, decimals) == encoded * 10 ** (decimals - scale)


def _read_number(value: Any, kind: ValueType, path: str) -> Reading:
    if kind.kind is Kind.INT:
        encoded = _scaled(value, 0, path, "a whole number")
        if not _is_exact(value, encoded, 0):
            raise RefusalError(QuarantineReason.WRONG_TYPE, f"{path}: expected a whole number, found a fraction")
        return Reading(encoded)
    encoded = _scaled(value, kind.scale, path, f"a decimal number ({kind.kind}, {kind.scale} decimals)")
    return Reading(encoded, rounded=not _is_exact(value, encoded, kind.scale))


def _read_time(value: Any, kind: ValueType, path: str, zone: ZoneInfo) -> int:
    if kind.kind is Kind.TIMESTAMP and type(value) is Number and value.lstrip("-").isdecimal():
        return int(value) if len(value) <= DIGITS_MAX else VALUE_MAX + 1
    wanted = "a date" if kind.kind is Kind.DATE else "a time"
    if type(value) is not str:
        raise _wrong(path, wanted, value)
    try:
        return day_of(value) if kind.kind is Kind.DATE else moment_of(value, zone)
    except (ValueError, OverflowError) as error:
        raise RefusalError(QuarantineReason.WRONG_TYPE, f"{path}: {_plain(error)}") from None


def _plain(error: Exception) -> str:
    message = str(error)
    return message if message.startswith(("expected", "no such")) else "no such day or time of day"


def _read_set(value: Any, kind: ValueType, path: str) -> int:
    if type(value) is not list:
        raise _wrong(path, "a list of members", value)
    mask = 0
    for i, member in enumerate(value):
        if type(member) is not str:
            raise RefusalError(QuarantineReason.WRONG_TYPE, f"{path}[{i}]: expected a member's name")
        if member not in kind.members:
            raise RefusalError(
                QuarantineReason.UNKNOWN_MEMBER, f"{path}[{i}]: declared are {', '.join(kind.members[:10])}"
            )
        mask |= 1 << kind.members.index(member)
    return mask


def read_name(value: Any, path: str, bytes_max: int = KEY_BYTES_MAX) -> str | None:
    """An identifier, message id or key: text or a whole number as its digits; None for null or empty. Raises RefusalError."""
    if value is None or value == "":
        return None
    if type(value) is not str and not (type(value) is Number and value.lstrip("-").isdecimal()):
        raise _wrong(path, "text", value)
    if len(value.encode()) > bytes_max:
        raise RefusalError(QuarantineReason.TEXT_TOO_LONG, f"{path}: more than {bytes_max:,} bytes")
    return str(value)


def read_value(value: Any, kind: ValueType, path: str, zone: ZoneInfo) -> Reading:
    """The reading of a JSON value as `kind`; null is NULL. Texts and keys come back as `text`. Raises RefusalError with `path`."""
    if value is None:
        return Reading()
    match kind.kind:
        case Kind.TEXT | Kind.KEY:
            if kind.kind is Kind.KEY:
                return Reading(text=read_name(value, path))
            if type(value) is not str:
                raise _wrong(path, "text", value)
            if len(value.encode()) > TEXT_BYTES_MAX:
                raise RefusalError(QuarantineReason.TEXT_TOO_LONG, f"{path}: more than {TEXT_BYTES_MAX:,} bytes")
            return Reading(text=value)
        case Kind.BOOL:
            encoded = _WORDS.get(value, -1) if type(value) is str else int(value) if type(value) is bool else -1
            if encoded < 0:
                raise _wrong(path, "true or false", value)
            return Reading(encoded)
        case Kind.DATE | Kind.TIMESTAMP:
            reading = Reading(_read_time(value, kind, path, zone))
        case Kind.SET:
            reading = Reading(_read_set(value, kind, path))
        case _:
            reading = _read_number(value, kind, path)
    if not NULL < reading.encoded <= VALUE_MAX:
        raise RefusalError(QuarantineReason.NUMBER_OVERFLOW, f"{path}: the number does not fit in 64 bits")
    if not kind.low <= reading.encoded <= kind.high:
        raise RefusalError(
            QuarantineReason.OUT_OF_RANGE, f"{path}: the declared range is {kind.low:,} to {kind.high:,} (encoded)"
        )
    return reading
