"""YAML text to trees whose every key and scalar knows its line and column. Scalars stay text; nothing is guessed.

Read event by event rather than by PyYAML's composer: the composer recurses in C, so 100 kB of `[` would end the process.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import yaml

from opportune.store.problems import DefinitionProblem, ProblemCode

NESTING_MAX = 24
FILE_BYTES_MAX = 8_000_000
DOCUMENTS_MAX = 50_000

_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BLOCK_STYLES = ("|", ">")

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ESCAPED_SPACE = re.compile(r"\\[ntrvfNLP_ \t]")

Report = Callable[[int, int, ProblemCode, str, str], None]


class Node(msgspec.Struct):
    """One YAML node. `raw` is its plain value (text, None, list or dict), `children` the nodes inside it by key or index.

    `line` and `column` count from 1; `key_line` and `key_column` are those of the key it stands under, 0 if none.
    """

    raw: Any
    line: int
    column: int
    style: str = ""
    children: dict[Any, "Node"] = {}
    key_line: int = 0
    key_column: int = 0


class _Builder:
    """Builds the trees of one file from YAML's events, without recursion."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.documents: list[Node] = []
        self.stack: list[Node] = []
        self.keys: list[tuple[str, int, int] | None] = []

    def add(self, event: Any) -> None:
        """Take one event in. Raises OverflowError when the text is nested too deeply."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open(event, Node({}, *_place(event), children={}))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open(event, Node([], *_place(event), children={}))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
            self.keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            hint = "write it out, or put the text in quotes if it begins with *"
            self.report(*_place(event), ProblemCode.YAML, f"aliases (`*{event.anchor}`) are not read", hint)
            self._attach(Node(None, *_place(event)))

    def _scalar(self, event: Any) -> None:
        line, column = _place(event)
        if self.stack and isinstance(self.stack[-1].raw, dict) and self.keys[-1] is None:
            self._key(event.value, line, column)
            return
        self._refuse_tag(event)
        absent = not event.style and event.value in _NULLS
        self._attach(Node(None if absent else event.value, line, column, event.style or ""))

    def _key(self, key: str, line: int, column: int) -> None:
        earlier = self.stack[-1].children.get(key)
        if earlier is not None:
            message = f"the key `{key}` stands here twice; the first one is on line {earlier.key_line}"
            self.report(line, column, ProblemCode.DUPLICATE_KEY, message, "keep one of them")
        self.keys[-1] = (key, line, column)

    def _open(self, event: Any, node: Node) -> None:
        if len(self.stack) >= NESTING_MAX:
            raise OverflowError
        self._refuse_tag(event)
        if self.stack and isinstance(self.stack[-1].raw, dict) and self.keys[-1] is None:
            message, hint = (
                "a key must be plain text",
                "if this is a text such as {{event.amount}}, put it in double quotes",
            )
            self.report(node.line, node.column, ProblemCode.YAML, message, hint)
            # The list or mapping is read for its own problems, but belongs to nothing; its value goes to a key nobody can write.
            self.keys[-1] = ("\0", node.line, node.column)
        else:
            self._attach(node)
        self.stack.append(node)
        self.keys.append(None)

    def _attach(self, node: Node) -> None:
        if not self.stack:
            self.documents.append(node)
            return
        parent = self.stack[-1]
        if isinstance(parent.raw, list):
            parent.children[len(parent.raw)] = node
            parent.raw.append(node.raw)
            return
        key = self.keys[-1]
        if key is None:
            self.report(node.line, node.column, ProblemCode.YAML, "a key must be plain text", "")
            self.keys[-1] = ("\0", node.line, node.column)
            return
        self.keys[-1] = None
        if key[0] != "\0" and key[0] not in parent.children:
            node.key_line, node.key_column = key[1], key[2]
            parent.children[key[0]] = node
            parent.raw[key[0]] = node.raw

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None and event.tag != "!":
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.report(*_place(event), ProblemCode.YAML, f"YAML tags (`{tag}`) are not read", "leave the tag out")


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def read_documents(content: bytes, file: str) -> tuple[list[Node], list[DefinitionProblem]]:
    """The documents of one YAML file as trees, and what is wrong with it as YAML.

    Documents before a syntax error are kept; empty ones are left out.
    """
    problems: list[DefinitionProblem] = []

    def report(line: int, column: int, code: ProblemCode, message: str, hint: str = "") -> None:
        problems.append(DefinitionProblem(file, line, column, "", "", "", code, message, hint))

    if len(content) > FILE_BYTES_MAX:
        report(
            1, 1, ProblemCode.TOO_LARGE, f"the file is larger than {FILE_BYTES_MAX:,} bytes", "split it into several"
        )
        return [], problems
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rpartition(b"\n")[2].decode()) + 1
        report(
            before.count(b"\n") + 1, column, ProblemCode.UNREADABLE, "this byte is no UTF-8", "save the file as UTF-8"
        )
        return [], problems
    builder = _Builder(report)
    _feed(builder, text, report)
    documents = [node for node in builder.documents if node.raw is not None]
    return documents, problems


def _feed(builder: _Builder, text: str, report: Report) -> None:
    complete = 0
    event: Any = None
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.add(event)
            if isinstance(event, yaml.DocumentEndEvent):
                complete = len(builder.documents)
                if complete > DOCUMENTS_MAX:
                    report(
                        *_place(event),
                        ProblemCode.TOO_LARGE,
                        f"more than {DOCUMENTS_MAX:,} documents in one file",
                        "split it",
                    )
                    return
        return
    except OverflowError:
        message = f"nested more than {NESTING_MAX} levels deep"
        report(
            *_place(event), ProblemCode.TOO_LARGE, message, "no definition needs that; is a bracket or quote missing?"
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = ", ".join(part for part in (error.context, error.problem) if part)
        report(line, column, ProblemCode.YAML, f"no valid YAML: {message}", _yaml_hint(message))
    except yaml.reader.ReaderError as error:
        # The C reader counts bytes, the Python one characters.
        c_reader = _LOADER is not yaml.BaseLoader
        before = text.encode()[: error.position].decode(errors="ignore") if c_reader else text[: error.position]
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
        report(line, column, ProblemCode.UNREADABLE, f"no valid YAML: {error.reason}", "remove the character")
    del builder.documents[complete:]


def _yaml_hint(message: str) -> str:
    if "mapping values are not allowed" in message:
        return "put a text that holds `: ` in double quotes"
    if "cannot start any token" in message:
        return "indent with spaces, not tabs, and put a text that begins with @, ` or % in double quotes"
    if "quoted scalar" in message:
        return "close the quotes"
    if "flow" in message:
        return "close the bracket, or put the text in double quotes"
    return "look at the indentation here and in the line before"


def position_in_scalar(content: bytes, node: Node, offset: int) -> tuple[int, int]:
    """(line, column), from 1, of character `offset` of a text scalar as it stands in the file.

    Follows folding, indentation and quotes by matching the value's visible characters against the source.
    """
    lines = _LINE_BREAK.split(content.decode("utf-8-sig"))
    row, at = node.line - 1, node.column - 1
    value = node.raw if isinstance(node.raw, str) else ""
    if node.style in _BLOCK_STYLES:
        row, at = row + 1, 0
    elif node.style:
        at += 1
    for index, wanted in enumerate(value[: offset + 1]):
        if wanted.isspace():
            if node.style == '"' and _ESCAPED_SPACE.match(lines[row], at):
                at += 2
            continue
        found = _seek(lines, row, at, wanted)
        if found is None:
            break
        row, at = found
        if index == offset:
            return row + 1, at + 1
        at += 1
        if wanted == "'" == node.style and lines[row][at : at + 1] == "'":
            at += 1
    return row + 1, at + 1


def _seek(lines: list[str], row: int, at: int, wanted: str) -> tuple[int, int] | None:
    while row < len(lines):
        place = lines[row].find(wanted, at)
        if place >= 0 and lines[row][at:place].strip(" \t\\") == "":
            return row, place
        if lines[row][at:].strip(" \t\\") != "":
            return None
        row, at = row + 1, 0
    return None
