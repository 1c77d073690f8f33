"""Encoded integers as SQL values: money as DECIMAL, moments as local TIMESTAMP, texts out of the dictionary, sets as lists of names."""

from opportune.facts import Kind, ValueType
from opportune.rules import ZONE_MACRO
from opportune.warehouse.files import quoted

_DIGITS_MAX = 19


def moment(milliseconds: str, zone: str) -> str:
    """The local time of a moment, as TIMESTAMP; NULL beyond the calendar. By the very transitions that the engine uses."""
    return f"TRY(epoch_ms({milliseconds} + {ZONE_MACRO}({quoted(zone)}, {milliseconds})))"


def scaled(value: str, scale: int, magnitude: int = 2**63) -> str:
    """value / 10**scale as DECIMAL, exactly; `magnitude` bounds the integer."""
    digits = min(len(str(magnitude)), _DIGITS_MAX)
    whole = f"CAST({value} AS DECIMAL({digits}, 0))"
    if scale == 0:
        return whole
    unit = "0." + "1".rjust(scale, "0")
    return f"({whole} * CAST('{unit}' AS DECIMAL({scale + 1}, {scale})))"


def decoded(value: str, kind: ValueType, zone: str, text: str) -> str:
    """A value of a type as SQL; `value` is the BIGINT column, `text` the column of the dictionary's text that belongs to it."""
    match kind.kind:
        case Kind.BOOL:
            return f"({value} = 1)"
        case Kind.INT:
            return value
        case Kind.DECIMAL | Kind.MONEY:
            return scaled(value, kind.scale, max(abs(kind.low), abs(kind.high)))
        case Kind.DATE:
            return f"TRY(DATE '1970-01-01' + CAST({value} AS INTEGER))"
        case Kind.TIMESTAMP:
            return moment(value, zone)
        case Kind.TEXT:
            return text
        case Kind.KEY:
            return f"format('{{:016x}}', {value})"
        case Kind.SET:
            return members(value, kind)


def members(value: str, kind: ValueType) -> str:
    """The names of a set's members as a list."""
    if not kind.members:
        return f"CASE WHEN {value} IS NOT NULL THEN CAST([] AS VARCHAR[]) END"
    each = ", ".join(
        f"CASE WHEN {value} & {1 << bit} <> 0 THEN {quoted(name)} END" for bit, name in enumerate(kind.members)
    )
    return f"CASE WHEN {value} IS NOT NULL THEN list_filter([{each}], lambda one: one IS NOT NULL) END"


def as_text(value: str, kind: ValueType, zone: str, text: str) -> str:
    """Like `decoded`, as VARCHAR, for a column that holds values of many types."""
    if kind.kind is Kind.SET:
        return f"array_to_string({members(value, kind)}, ', ')"
    return f"CAST({decoded(value, kind, zone, text)} AS VARCHAR)"
