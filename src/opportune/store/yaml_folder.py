"""A folder of YAML files to definitions; all problems of all files are found in one go."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from opportune.store.definitions import FAMILIES, NAME, NAME_CHARACTERS_MAX, WORD, WORD_FAMILIES, Definitions
from opportune.store.diagnosis import decode, diagnose
from opportune.store.problems import DefinitionProblem, ProblemCode, did_you_mean
from opportune.store.references import check_references
from opportune.store.soundness import check_soundness
from opportune.store.yaml_text import FILE_BYTES_MAX, Node, read_documents

FILES_MAX = 10_000
PROBLEMS_MAX = 1_000
SUFFIXES = (".yaml", ".yml")


def load_folder(folder: Path) -> Definitions:
    """Every definition under `folder` (*.yaml, *.yml, deep; hidden files are left out), checked on its own and against the others.

    File names in problems are relative to the folder. Raises NotADirectoryError.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"`{folder}` is no folder; name the folder that holds the definitions")
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    files = ((path.relative_to(folder).as_posix(), _head(path)) for path in paths[:FILES_MAX])
    loaded = load_files(files)
    if len(paths) <= FILES_MAX:
        return loaded
    message = f"more than {FILES_MAX:,} files of definitions"
    too_many = DefinitionProblem(
        "", 0, 0, "", "", "", ProblemCode.TOO_LARGE, message, "put several into one file, with ---"
    )
    return _with_problems(loaded, [too_many, *loaded.problems])


def load_files(files: Iterable[tuple[str, bytes]], onto: Definitions | None = None) -> Definitions:
    """The definitions of (file name, content) pairs, checked on their own and against each other.

    With `onto` they are added to that set, or stand in the place of those of the same name.
    """
    reading = _Reading()
    for file, content in files:
        reading.read(file, content)
    for family, name, definition in onto.all() if onto is not None else ():
        if (family, name) not in reading.broken:
            reading.found.of(family).setdefault(name, definition)
    loaded = replace(reading.found, broken=frozenset(reading.broken))
    return _with_problems(loaded, [*reading.problems, *check_definitions(loaded)])


def check_definitions(definitions: Definitions) -> list[DefinitionProblem]:
    """Problems of definitions that decode: values that make no sense, names that lead nowhere."""
    return [*check_soundness(definitions), *check_references(definitions)]


def _with_problems(loaded: Definitions, problems: list[DefinitionProblem]) -> Definitions:
    ordered = sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column, problem.path))
    if len(ordered) > PROBLEMS_MAX:
        message = f"{len(ordered):,} problems; the first {PROBLEMS_MAX:,} are shown"
        more = DefinitionProblem("", 0, 0, "", "", "", ProblemCode.TOO_LARGE, message, "correct these first")
        ordered = [*ordered[:PROBLEMS_MAX], more]
    return replace(loaded, problems=tuple(ordered))


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(FILE_BYTES_MAX + 1)


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.found = Definitions()
        self.problems: list[DefinitionProblem] = []
        self.broken: set[tuple[str, str]] = set()

    def read(self, file: str, content: bytes) -> None:
        documents, problems = read_documents(content, file)
        self.problems += problems
        self.found.places.add_file(file, content)
        for root in documents:
            # A list of definitions is what JSON has instead of several documents.
            for one in root.children.values() if isinstance(root.raw, list) and root.raw else (root,):
                self._document(file, one)

    def _document(self, file: str, root: Node) -> None:
        family = self._family(file, root)
        if family is None:
            return
        name = self._name(file, root, family)
        if name is None:
            return
        definition = self._decoded(file, root, family, name)
        if definition is None:
            self.broken.add((family, name))
        else:
            self.found.of(family)[name] = definition

    def _problem(self, file: str, node: Node, subject: tuple[str, str, str], *words: Any, at_key: bool = False) -> None:
        line, column = (node.key_line, node.key_column) if at_key and node.key_line else (node.line, node.column)
        self.problems.append(DefinitionProblem(file, line, column, *subject, *words))

    def _family(self, file: str, root: Node) -> str | None:
        nothing = ("", "", "")
        if not isinstance(root.raw, dict) or not root.raw:
            hint = "begin it with its kind and name, for example `campaign: spring-sale`; separate definitions with ---"
            self._problem(file, root, nothing, ProblemCode.WRONG_TYPE, "this document is no definition", hint)
            return None
        first = next(iter(root.raw))
        if first in FAMILIES:
            return first
        later = next((key for key in root.raw if key in FAMILIES), None)
        known = did_you_mean(first, FAMILIES) or "one of " + ", ".join(f"`{family}`" for family in FAMILIES)
        hint = f"put `{later}:` first" if later else known
        message = f"`{first}` is no kind of definition; the first key says the kind"
        self._problem(file, root.children[first], nothing, ProblemCode.UNKNOWN_FAMILY, message, hint, at_key=True)
        return None

    def _name(self, file: str, root: Node, family: str) -> str | None:
        node = root.children[family]
        name = node.raw
        pattern = WORD if family in WORD_FAMILIES else NAME
        if not isinstance(name, str) or not pattern.fullmatch(name):
            shown = name[:NAME_CHARACTERS_MAX] if isinstance(name, str) else ""
            message = f"`{shown}` cannot be the name of a {family}"
            hint = _name_hint(shown, family)
            self._problem(file, node, (family, shown, family), ProblemCode.BAD_NAME, message, hint)
            return None
        place = self.found.places.find(family, name)
        if place is not None:
            message = f"{family} `{name}` is defined twice: also in {place.file}, line {place.line}"
            subject = (family, name, family)
            self._problem(file, node, subject, ProblemCode.DUPLICATE_NAME, message, "rename or remove one of them")
            return None
        self.found.places.add(family, name, file, root)
        return name

    def _decoded(self, file: str, root: Node, family: str, name: str) -> Any:
        kind = FAMILIES[family]
        if kind is dict:
            return root.raw
        try:
            return decode(root.raw, kind)
        except msgspec.ValidationError:
            for finding in diagnose(root.raw, kind):
                place = self.found.places.find(family, name, finding.path, key=finding.at_key)
                assert place is not None
                self.problems.append(
                    DefinitionProblem(
                        place.file, place.line, place.column, family, name,
                        finding.path, finding.code, finding.message, finding.hint,
                    )
                )  # fmt: skip
            return None


def _name_hint(name: str, family: str) -> str:
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.lower()).strip("_")[:NAME_CHARACTERS_MAX]
    allowed = "small letters, digits and _" if family in WORD_FAMILIES else "small letters, digits, - and _"
    suggestion = f", for example `{plain}`" if plain and plain != name and WORD.fullmatch(plain) else ""
    return f"use {allowed}, a letter first, at most {NAME_CHARACTERS_MAX}{suggestion}"
