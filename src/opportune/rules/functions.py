"""The function table: what a rule may call. `functions.json` is the law for every engine; its examples are run on all of them."""

import json
from importlib.resources import files

import msgspec


class Function(msgspec.Struct, frozen=True):
    """One function: how it is called, from `least` to `most` arguments, and what it means."""

    name: str
    signature: str
    least: int
    most: int
    en: str
    zh: str


def function_table() -> dict[str, object]:
    """The whole table as read from functions.json: its scope, its functions and their examples."""
    table: dict[str, object] = json.loads(files("opportune.rules").joinpath("functions.json").read_text("utf-8"))
    return table


def _functions() -> dict[str, Function]:
    table = function_table()
    found = msgspec.convert(table["functions"], list[Function])
    return {function.name: function for function in found if function.most}


FUNCTIONS = _functions()
