"""Definitions as plain JSON values: one form for storing, hashing and comparing them."""

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from opportune.facts import (
    MS_PER_DAY,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    MS_PER_SECOND,
    Decimal,
    Duration,
    LocalTime,
    Rate,
)

_UNITS = (("d", MS_PER_DAY), ("h", MS_PER_HOUR), ("m", MS_PER_MINUTE), ("s", MS_PER_SECOND))
_PLAIN_DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")
_IDENTITIES = ("offer",)


def scalar_text(value: Any) -> Any:
    """A scalar as a definition writes it: `7d`, `2.5%`, `21:00`; numbers, texts and None stay."""
    if isinstance(value, Duration):
        for unit, ms in _UNITS:
            if value and value % ms == 0:
                return f"{value // ms}{unit}"
        return f"{int(value)}ms"
    if isinstance(value, Rate):
        whole, rest = divmod(int(value), 10_000)
        return f"{whole}.{rest:04}".rstrip("0").rstrip(".") + "%"
    if isinstance(value, LocalTime):
        return f"{value // 60:02}:{value % 60:02}"
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value


def same_number(text: str) -> str:
    """The text of a decimal such that equal numbers have equal texts: `12.00` is `12`, `+.5` is `0.5`."""
    match = _PLAIN_DECIMAL.fullmatch(text)
    if match is None:
        return text.lower()
    whole, part = match[2].lstrip("0") or "0", (match[3] or "").rstrip("0")
    sign = "-" if match[1] == "-" and (whole != "0" or part) else ""
    return sign + whole + (f".{part}" if part else "")


def plain(value: Any, exact_text: bool = True) -> Any:
    """A definition (or a part of it) as JSON values, keys at their default left out.

    With `exact_text` decimals keep the text they were written with, else equal numbers have one text.
    """
    if isinstance(value, msgspec.Struct):
        return {
            field.encode_name: plain(getattr(value, field.name), exact_text)
            for field in fields_of(type(value))
            if field.required or not _equal(getattr(value, field.name), default_of(field))
        }
    if isinstance(value, dict):
        return {str(key): plain(inner, exact_text) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, exact_text) for inner in value]
    if isinstance(value, Decimal) and not exact_text:
        return same_number(value)
    return scalar_text(value)


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, Decimal) and isinstance(default, Decimal):
        return same_number(value) == same_number(default)
    return bool(value == default)


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[Any, ...]:
    """The fields of a struct type (msgspec works them out anew at each call)."""
    return msgspec.structs.fields(kind)


def default_of(field: Any) -> Any:
    """The default of a struct's field; msgspec.NODEFAULT where it is required."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, scalar) of everything in a definition, defaults included; decimals in one text per number.

    An item of a list stands under its index; an offer of a campaign under its name (`offers[pack_10g].weight`), and the list
    itself then gives their names in order, so that moving an offer shows as that alone.
    """
    if isinstance(value, msgspec.Struct):
        for field in fields_of(type(value)):
            yield from leaves(getattr(value, field.name), f"{path}.{field.encode_name}" if path else field.encode_name)
    elif isinstance(value, dict):
        for key, inner in sorted(value.items()):
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        names = [_identity(inner, index) for index, inner in enumerate(value)]
        if names != list(range(len(names))):
            yield path, names
        for name, inner in zip(names, value, strict=True):
            yield from leaves(inner, f"{path}[{name}]")
    else:
        yield path, same_number(value) if isinstance(value, Decimal) else scalar_text(value)


def _identity(item: Any, index: int) -> Any:
    for key in _IDENTITIES:
        if isinstance(item, msgspec.Struct) and hasattr(item, key):
            return getattr(item, key)
    return index


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values, equal bytes."""
    return msgspec.json.encode(value, order="sorted")
