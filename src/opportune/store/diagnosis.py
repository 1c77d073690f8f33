"""Why a definition does not decode: every problem of it, not only the first, each with its path and a hint.

Runs only on definitions that failed, so that reading thousands of good ones stays one call each.
"""

import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from opportune.facts import Decimal, Duration, LocalTime, Rate, decode_scalar
from opportune.store.problems import ProblemCode, did_you_mean

SHOWN_CHARACTERS_MAX = 40

_SCALARS: dict[Any, str] = {
    Duration: "a duration such as 7d",
    Rate: "a percentage such as 10%",
    LocalTime: 'a time of day such as "21:00"',
    Decimal: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
}


class Finding(msgspec.Struct, frozen=True):
    """One problem inside a definition; `at_key` when its place is the key rather than the value."""

    path: str
    code: ProblemCode
    message: str
    hint: str = ""
    at_key: bool = False


def decode(raw: Any, kind: Any) -> Any:
    """`raw` (texts, lists, mappings) as a definition of type `kind`. Raises msgspec.ValidationError."""
    return msgspec.convert(raw, kind, strict=False, dec_hook=decode_scalar)


def diagnose(raw: Any, kind: Any, path: str = "") -> Iterator[Finding]:
    """What keeps `raw` from being a `kind`, in the order of the text; nothing if it decodes."""
    try:
        decode(raw, kind)
        return
    except msgspec.ValidationError as error:
        problem = error
    found = False
    for finding in _inside(raw, kind, path):
        found = True
        yield finding
    if not found:
        yield _at(raw, kind, path, problem)


def _inside(raw: Any, kind: Any, path: str) -> Iterator[Finding]:
    for inner in _alternatives(kind):
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(raw, dict):
            yield from _struct(raw, inner, path)
        elif get_origin(inner) is dict and isinstance(raw, dict):
            for key, value in raw.items():
                yield from diagnose(value, get_args(inner)[1], f"{path}.{key}" if path else key)
        elif get_origin(inner) is tuple and isinstance(raw, list):
            kinds = get_args(inner)
            if kinds[-1] is Ellipsis or len(kinds) == len(raw):
                for index, value in enumerate(raw):
                    yield from diagnose(value, kinds[0] if kinds[-1] is Ellipsis else kinds[index], f"{path}[{index}]")


def _struct(raw: dict[str, Any], kind: type[msgspec.Struct], path: str) -> Iterator[Finding]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key, value in raw.items():
        inner = f"{path}.{key}" if path else key
        if key in fields:
            yield from diagnose(value, fields[key].type, inner)
        else:
            hint = did_you_mean(key, [name for name in fields if name not in raw])
            yield Finding(inner, ProblemCode.UNKNOWN_KEY, f"unknown key `{key}`", hint, at_key=True)
    for name, field in fields.items():
        if field.required and name not in raw:
            hint = f"write `{name}:` with {_expected(field.type)}"
            yield Finding(path, ProblemCode.MISSING_KEY, f"the key `{name}` is missing here", hint)


def _at(raw: Any, kind: Any, path: str, error: msgspec.ValidationError) -> Finding:
    key = f"`{path}`"
    expected = _expected(kind)
    if raw is None:
        return Finding(path, ProblemCode.WRONG_TYPE, f"{key} has no value", f"write {expected}, or leave the key out")
    words = _words(kind)
    if words and isinstance(raw, str):
        return Finding(
            path, ProblemCode.BAD_VALUE, f"`{_shown(raw)}` is not a value of {key}", did_you_mean(raw, words)
        )
    if isinstance(raw, str) and isinstance(error.__cause__, ValueError):
        message, _, hint = str(error.__cause__).partition("; ")
        return Finding(path, ProblemCode.BAD_VALUE, message, hint)
    given = (
        "a list"
        if isinstance(raw, list)
        else "a mapping"
        if isinstance(raw, dict)
        else f"the single value `{_shown(raw)}`"
    )
    message = f"{key} expects {expected}, not {given}"
    return Finding(path, ProblemCode.WRONG_TYPE, message, _hint(raw, kind))


def _hint(raw: Any, kind: Any) -> str:
    wants_list = any(get_origin(inner) is tuple for inner in _alternatives(kind))
    if wants_list and isinstance(raw, str):
        return f"write it as a list: [{_shown(raw)}]"
    if wants_list and isinstance(raw, dict):
        return "begin each item with `- `"
    if str in _alternatives(kind) and isinstance(raw, dict):
        return "put a text that begins with { in double quotes"
    if str in _alternatives(kind) and isinstance(raw, list):
        return "put a text that begins with [ in double quotes"
    if wants_list and isinstance(raw, list):
        return f"write {_expected(kind)}"
    return ""


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """The types of a union without None, else the type alone."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(inner for inner in get_args(kind) if inner is not type(None))
    return (kind,)


def _words(kind: Any) -> list[str]:
    """The words a Literal or an enum allows."""
    words: list[str] = []
    for inner in _alternatives(kind):
        if get_origin(inner) is Literal:
            words += [str(word) for word in get_args(inner)]
        elif isinstance(inner, type) and issubclass(inner, Enum):
            words += [str(member.value) for member in inner]
    return words


def _expected(kind: Any) -> str:
    return " or ".join(_expected_one(inner) for inner in _alternatives(kind))


def _expected_one(kind: Any) -> str:
    words = _words(kind)
    if words:
        return "one of " + ", ".join(words)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        return "a list" if kinds[-1] is Ellipsis else f"a list of exactly {len(kinds)} values"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        keys = [field.encode_name for field in msgspec.structs.fields(kind)]
        return "a mapping with keys such as " + ", ".join(f"`{key}`" for key in keys[:3])
    return "a mapping"


def _shown(raw: Any) -> str:
    text = str(raw)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 1] + "…"
