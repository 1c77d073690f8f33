"""Answers: written by msgspec out of the operations' own structs, described to OpenAPI by models made of those, so that none is written twice."""

import functools
import operator
import types
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field, create_model


@functools.cache
def described(struct: type[msgspec.Struct], without: tuple[str, ...] = ()) -> type[BaseModel]:
    """A model with the name, the words and the fields of a struct, but for those it is told `without`; structs within become models too."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        if field.encode_name in without:
            continue
        given: Any = ...
        if field.default_factory is not msgspec.NODEFAULT:
            given = Field(default_factory=field.default_factory)
        elif field.default is not msgspec.NODEFAULT:
            given = field.default
        fields[field.encode_name] = (_told(field.type), given)
    return create_model(struct.__name__, __doc__=struct.__doc__, __module__=struct.__module__, **fields)


def listed(struct: type[msgspec.Struct]) -> types.GenericAlias:
    """A list of what `described` makes."""
    return types.GenericAlias(list, (described(struct),))


def _told(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return described(kind)
    origin, inside = get_origin(kind), get_args(kind)
    if origin is None or origin is Literal:
        return kind
    told = tuple(_told(one) for one in inside)
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, told)
    return origin[told]


def answered(value: object, without: tuple[str, ...] = (), status: int = 200) -> Response:
    """A struct, or several, as JSON; `without` as for `described`."""
    if without:
        told = msgspec.to_builtins(value)
        value = {name: one for name, one in told.items() if name not in without}
    return Response(msgspec.json.encode(value), status, media_type="application/json")
