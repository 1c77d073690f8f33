"""Definitions back to YAML: what `load_folder` reads again as the same definitions."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from opportune.store.canonical import plain
from opportune.store.definitions import FAMILIES, Definitions
from opportune.store.yaml_folder import SUFFIXES

LINE_CHARACTERS = 120
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_FILES = {family: f"{family}s.yaml" for family in FAMILIES} | {"policy": "policies.yaml"}


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, numbers as they were written, and texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    if _NUMBER.fullmatch(text):
        return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


class _Document(dict[str, Any]):
    """A whole document: its keys stand below each other."""


def _document(dumper: yaml.SafeDumper, document: _Document) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", document.items(), flow_style=False)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Document, _document)


def document_of(family: str, name: str, definition: Any) -> dict[str, Any]:
    """A definition as one document of JSON values; its first key says the family."""
    return {family: name} | {key: value for key, value in plain(definition).items() if key != family}


def yaml_of(definitions: Iterable[tuple[str, str, Any]]) -> str:
    """Documents of YAML, parted by `---`."""
    documents = [_Document(document_of(*one)) for one in definitions]
    told: str = yaml.dump_all(
        documents, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=None, width=LINE_CHARACTERS
    )
    return told


def write_folder(definitions: Definitions, folder: Path) -> list[Path]:
    """Write a file for each family that has definitions; the files. Raises FileExistsError where the folder holds some already."""
    folder.mkdir(parents=True, exist_ok=True)
    there = next((path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES), None)
    if there is not None:
        raise FileExistsError(f"{folder} holds definitions already ({there.name}); name an empty folder")
    written = []
    for family in FAMILIES:
        found = [(family, name, definition) for name, definition in sorted(definitions.of(family).items())]
        if found:
            path = folder / _FILES[family]
            path.write_text(yaml_of(found), encoding="utf-8")
            written.append(path)
    return written
