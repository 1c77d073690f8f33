"""Writes docs/reference/ from the code, so that the tables in the docs cannot drift from what runs.

`python docs/build_reference.py` writes (`make docs`); with `--check` it writes nothing and fails where a file is stale.
A part whose room is not built yet is left out.
"""

import argparse
import importlib
import importlib.util
import inspect
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from opportune import facts

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
FUNCTION_TABLE = Path(facts.__file__).parents[1] / "rules" / "functions.json"
COMMAND = "make docs"
GENERATED = "<!-- Generated from the code by docs/build_reference.py; do not edit: run `make docs`. -->"
DEFINING_ROOMS = ("facts", "profiles", "campaigns", "policy", "store", "intake")

SCALARS = {
    facts.Duration: "duration, such as `7d`",
    facts.Rate: "percentage, such as `10%`",
    facts.LocalTime: 'local time, such as `"21:00"`',
    facts.Decimal: "decimal number",
}


def room(name: str) -> ModuleType | None:
    """The front of a room, or None where the room is not built."""
    if importlib.util.find_spec(f"opportune.{name}") is None:
        return None
    return importlib.import_module(f"opportune.{name}")


def page(title: str, lead: str, body: Iterable[str]) -> str:
    """A generated Markdown page."""
    return "\n".join([f"# {title}", "", GENERATED, "", lead, "", *body]).rstrip() + "\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a Markdown table; bars and line ends inside a cell are made harmless."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"


def reasons() -> str:
    """Every reason code with its number, both readings and its key figure."""
    lead = (
        "Every candidate has a fate, and every silence a reason. The gates are asked in this order; the first that says no gives\n"
        "the reason. A code's number never changes its meaning. The key figure stands beside the reason in an explanation."
    )
    rows = [(str(reason.value), f"`{reason.name}`", *facts.REASON_TEXTS[reason]) for reason in sorted(facts.Reason)]
    return page("Reason codes", lead, table(("Number", "Code", "Meaning", "含义", "Key figure"), rows))


def functions(file: Path = FUNCTION_TABLE) -> str | None:
    """The rule language's functions from the function table, or None where there is no table."""
    if not file.is_file():
        return None
    known = json.loads(file.read_text(encoding="utf-8"))
    entries = known["functions"] if isinstance(known, dict) else known
    rows = []
    for entry in entries:
        rows.append((f"`{entry['name']}`", f"`{_signature(entry)}`", entry["en"], entry["zh"], _example(entry)))
    lead = (
        "What a rule may call. One table is the law for the kernel and for every SQL engine; its examples are run on all of them.\n"
        "NULL follows SQL everywhere: see [decision 0003](../decisions/0003-nulls.md)."
    )
    return page(
        "Functions of the rule language", lead, table(("Name", "Signature", "Meaning", "含义", "Example"), rows)
    )


def _signature(entry: dict[str, Any]) -> str:
    signature = entry["signature"]
    return signature if isinstance(signature, str) else "; ".join(signature)


def _example(entry: dict[str, Any]) -> str:
    examples = entry.get("examples", [])
    if not examples:
        return ""
    first = examples[0]
    answer = json.dumps(first["answer"], ensure_ascii=False) if first["answer"] is not None else "NULL"
    row = f" with `{json.dumps(first['row'], ensure_ascii=False)}`" if first.get("row") else ""
    return f"`{first['rule']}` is `{answer}`{row}"


def definitions() -> str:
    """Every kind of definition with its keys, from the structs that the rooms' fronts offer."""
    families = [
        struct for name in DEFINING_ROOMS for struct in _structs(room(name)) if struct.__name__.endswith("Definition")
    ]
    named: list[type[msgspec.Struct]] = []
    for family in families:
        _reach(family, named)
    heads = [struct for struct in families if _is_document(struct)]
    lead = (
        "A definition is one YAML document; its first key says what it is, and an unknown key is an error. Money is read digit\n"
        "by digit, never through a binary float."
    )
    body = [f"- [`{_fields(head)[0].encode_name}:`](#{_word(head).lower()})" for head in heads]
    for struct in [*heads, *(struct for struct in named if struct not in heads)]:
        body += ["", f"## {_word(struct)}", "", inspect.cleandoc(struct.__doc__ or ""), ""]
        body += table(("Key", "Type", "Default"), [_key(field) for field in _fields(struct)])
    return page("Definitions", lead, body)


def _structs(front: ModuleType | None) -> list[type[msgspec.Struct]]:
    offered = [getattr(front, name) for name in getattr(front, "__all__", ())]
    return [thing for thing in offered if isinstance(thing, type) and issubclass(thing, msgspec.Struct)]


def _fields(struct: type[msgspec.Struct]) -> tuple[msgspec.inspect.Field, ...]:
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    return info.fields


def _is_document(struct: type[msgspec.Struct]) -> bool:
    """Whether the struct is a whole document: its first key is its family's name."""
    return _fields(struct)[0].encode_name == _word(struct).lower()


def _word(struct: type) -> str:
    return struct.__name__.removesuffix("Definition")


def _reach(struct: type[msgspec.Struct], found: list[type[msgspec.Struct]]) -> None:
    """Collect a struct and all those its fields hold, in reading order."""
    if struct in found:
        return
    found.append(struct)
    for field in _fields(struct):
        for part in _parts(field.type):
            if isinstance(part, msgspec.inspect.StructType):
                _reach(part.cls, found)


def _parts(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.Type]:
    yield kind
    inner: list[Any] = [*getattr(kind, "types", ()), *getattr(kind, "item_types", ())]
    inner += [getattr(kind, name) for name in ("item_type", "key_type", "value_type") if hasattr(kind, name)]
    for part in inner:
        yield from _parts(part)


def _key(field: msgspec.inspect.Field) -> tuple[str, str, str]:
    return f"`{field.encode_name}`", _type_text(field.type), "required" if field.required else _default(field)


def _default(field: msgspec.inspect.Field) -> str:
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory() if callable(field.default_factory) else None
    if (
        value is None
        or value == ""
        or isinstance(value, msgspec.Struct)
        or (isinstance(value, tuple | list | dict) and not value)
    ):
        return ""
    return f"`{written(value)}`"


def written(value: Any) -> str:
    """A scalar as one writes it in YAML."""
    if isinstance(value, facts.Duration):
        units = (
            ("d", facts.MS_PER_DAY),
            ("h", facts.MS_PER_HOUR),
            ("m", facts.MS_PER_MINUTE),
            ("s", facts.MS_PER_SECOND),
        )
        return next(
            (f"{value // size}{unit}" for unit, size in units if value and value % size == 0), f"{int(value)}ms"
        )
    if isinstance(value, facts.Rate):
        whole, rest = divmod(int(value), facts.PPM // 100)
        return f"{whole}{f'.{rest:04}'.rstrip('0') if rest else ''}%"
    if isinstance(value, facts.LocalTime):
        return f'"{value // 60:02}:{value % 60:02}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_text(kind: msgspec.inspect.Type) -> str:
    match kind:
        case msgspec.inspect.CustomType(cls):
            return SCALARS[cls]
        case msgspec.inspect.StructType(cls):
            return f"[{_word(cls)}](#{_word(cls).lower()})"
        case msgspec.inspect.LiteralType(values):
            return " or ".join(f"`{value}`" for value in values)
        case msgspec.inspect.EnumType(cls):
            return " or ".join(f"`{member.value}`" for member in cls)
        case msgspec.inspect.UnionType(types):
            return ", or ".join(_type_text(part) for part in types if not isinstance(part, msgspec.inspect.NoneType))
        case msgspec.inspect.VarTupleType(item) | msgspec.inspect.ListType(item):
            return f"list of {_type_text(item)}"
        case msgspec.inspect.TupleType(items):
            return "[" + ", ".join(_type_text(item) for item in items) + "]"
        case msgspec.inspect.DictType(key, value):
            return f"mapping of {_type_text(key)} to {_type_text(value)}"
    plain = {"StrType": "text", "IntType": "whole number", "BoolType": "`true` or `false`", "AnyType": "anything"}
    return plain[type(kind).__name__]


def commands() -> str | None:
    """Every command of the command line, or None where there is no command line."""
    if room("entrypoints") is None or importlib.util.find_spec("opportune.entrypoints.cli") is None:
        return None
    app = importlib.import_module("opportune.entrypoints.cli").app
    root = importlib.import_module("typer.main").get_command(app)
    lead = "The commands of `opportune`. `--help` after any of them says the same."
    return page("Commands", lead, command_pages("opportune", root))


def command_pages(name: str, command: Any) -> Iterator[str]:
    """The lines on a Typer (Click) command and all that hang from it."""
    yield from (f"## `{name}`", "", inspect.cleandoc(command.help or command.short_help or "").replace("\f", ""), "")
    rows = [
        (_parameter(parameter), getattr(parameter, "help", None) or "", _parameter_default(parameter))
        for parameter in command.params
        if not {"--help", "--install-completion", "--show-completion"} & set(parameter.opts)
    ]
    if rows:
        yield from (*table(("Argument or option", "Meaning", "Default"), rows), "")
    for child in sorted(getattr(command, "commands", {})):
        if not command.commands[child].hidden:
            yield from command_pages(f"{name} {child}", command.commands[child])


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name}`"
    return ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])


def _parameter_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    return "" if value in (None, "", False) or callable(value) or isinstance(value, tuple | list) else f"`{value}`"


def schemas() -> dict[str, str]:
    """The JSON Schemas of the definitions, by file name; empty where the store cannot write them."""
    write: Callable[[Path], object] | None = getattr(room("store"), "write_schemas", None)
    if write is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.json"))}


def build() -> dict[str, str]:
    """All generated files: path under docs/reference -> text."""
    pages = {
        "reasons.md": reasons(),
        "functions.md": functions(),
        "definitions.md": definitions(),
        "commands.md": commands(),
    }
    built = {name: text for name, text in pages.items() if text is not None}
    return built | {f"schemas/{name}": text for name, text in schemas().items()}


def stale(built: dict[str, str], folder: Path) -> list[str]:
    """What in `folder` differs from `built`: one line per file, naming it and the command that mends it."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    problems = [
        f"{name} is generated by nothing; delete it or run `{COMMAND}`" for name in sorted(present - built.keys())
    ]
    for name, text in built.items():
        if name not in present:
            problems.append(f"{name} is missing; run `{COMMAND}`")
        elif (folder / name).read_text(encoding="utf-8") != text:
            problems.append(f"{name} is stale; run `{COMMAND}`")
    return problems


def write(built: dict[str, str], folder: Path) -> None:
    """Make `folder` hold exactly the built files."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in built:
            path.unlink()
    for name, text in built.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the reference, or with `--check` compare it; 1 if a file is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is stale")
    parser.add_argument("--folder", type=Path, default=REFERENCE, help="where the reference lies")
    options = parser.parse_args(arguments)
    built = build()
    if not options.check:
        write(built, options.folder)
        print(f"wrote {len(built)} files to {options.folder}")
        return 0
    problems = stale(built, options.folder)
    for problem in problems:
        print(f"docs/reference/{problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
