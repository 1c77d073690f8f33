"""The JSON Schemas of the definitions, for editors (`# yaml-language-server: $schema=...`) and the console's forms.

Built from the structs' types; what a struct cannot say (a name that leads nowhere, a contradiction) only `load_folder` finds.
"""

import inspect
import json
import types
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from opportune.facts import Decimal, Duration, LocalTime, Rate, schema_of_scalar
from opportune.store.canonical import default_of, plain
from opportune.store.definitions import FAMILIES, NAME_CHARACTERS_MAX, WORD_FAMILIES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ANY_DOCUMENT = "definition"

_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Any: {},
}
_MAPPINGS = {
    "source": "Where messages are imported from; its keys are checked when the import is set up.",
    "matching": "How customers are found who are probably one person; its keys are checked when it is applied.",
}
"""Family -> what its documents are, where they stay mappings."""
_SCALARS = (Duration, Rate, LocalTime, Decimal)


def schema_of(family: str) -> dict[str, Any]:
    """The JSON Schema of one family's documents. Raises KeyError for an unknown family."""
    parts: dict[str, Any] = {}
    reference = _document(family, parts)
    return {"$schema": DIALECT, "title": family, **reference, "$defs": parts}


def schema_of_any() -> dict[str, Any]:
    """The JSON Schema of any document: its first key says which family's it is."""
    parts: dict[str, Any] = {}
    choices = [{"if": _telling(family), "then": _document(family, parts)} for family in FAMILIES]
    names = [{"required": [family]} for family in FAMILIES]
    return {
        "$schema": DIALECT,
        "title": ANY_DOCUMENT,
        "type": "object",
        "anyOf": names,
        "allOf": choices,
        "$defs": parts,
    }


def write_schemas(folder: Path) -> list[Path]:
    """Write `<family>.schema.json` for each family and `definition.schema.json` for any document; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    schemas = {family: schema_of(family) for family in FAMILIES} | {ANY_DOCUMENT: schema_of_any()}
    written = []
    for name, schema in schemas.items():
        path = folder / f"{name}.schema.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def _document(family: str, parts: dict[str, Any]) -> dict[str, Any]:
    kind = FAMILIES[family]
    if kind is dict:
        return {
            "type": "object",
            "description": _MAPPINGS[family],
            "properties": {family: _name(family)},
            "required": [family],
        }
    return _struct(kind, parts) | {"$comment": "the first key says the kind"}


def _name(family: str) -> dict[str, Any]:
    characters = "a-z0-9_" if family in WORD_FAMILIES else "a-z0-9_-"
    return {
        "type": "string",
        "pattern": f"^[a-z][{characters}]{{0,{NAME_CHARACTERS_MAX - 1}}}$",
        "description": f"the name of the {family}",
    }


def _telling(family: str) -> dict[str, Any]:
    """When a document is of this family: it has the key, and no other key of it says that it is of another one.

    A campaign has a `policy` too and a tag a `source`, so the mere presence of a key does not tell.
    """
    others = [
        other for other in FAMILIES
        if other != family and family in _keys(other) and other not in _keys(family)
    ]  # fmt: skip
    condition: dict[str, Any] = {"required": [family]}
    if others:
        condition["not"] = {"anyOf": [{"required": [other]} for other in others]}
    return condition


def _keys(family: str) -> set[str]:
    kind = FAMILIES[family]
    if kind is dict:
        return set(FAMILIES)
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def _struct(kind: type[msgspec.Struct], parts: dict[str, Any]) -> dict[str, Any]:
    properties = {}
    required = []
    fields = msgspec.structs.fields(kind)
    for field in fields:
        names_it = FAMILIES.get(field.encode_name) is kind
        schema = _name(field.encode_name) if names_it else _schema(field.type, parts)
        if field.required:
            required.append(field.encode_name)
        elif default_of(field) not in (None, "", (), {}):
            schema = schema | {"default": plain(default_of(field))}
        properties[field.encode_name] = schema
    return {
        "type": "object",
        "description": inspect.cleandoc(kind.__doc__ or ""),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _schema(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if kind in _SCALARS:
        return schema_of_scalar(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if one is type(None) else _schema(one, parts) for one in inner]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(inner[1], parts)}
    if origin is tuple and inner[-1] is Ellipsis:
        return {"type": "array", "items": _schema(inner[0], parts)}
    if origin is tuple:
        items = [_schema(one, parts) for one in inner]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        raise NotImplementedError(f"no schema for {kind}; say in schemas.py how a definition writes it")
    if kind.__name__ not in parts:
        parts[kind.__name__] = {}  # a place in the order of meeting, before its own parts
        parts[kind.__name__] = _struct(kind, parts)
    return {"$ref": f"#/$defs/{kind.__name__}"}
