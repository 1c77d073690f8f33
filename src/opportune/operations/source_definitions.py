"""The source definitions in force, read and checked: what `check` and `apply` refuse, and what a run works by."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from opportune.facts import decode_scalar
from opportune.intake import ExtraMissingError, Load, SenderDefinition, SourceDefinition, is_sender
from opportune.operations.deployment import DeploymentError, journal_of
from opportune.operations.folder_key import read_key
from opportune.store import DefinitionProblem, Definitions, DefinitionStore, Loads, ProblemCode

Kind = TypeVar("Kind", SourceDefinition, SenderDefinition)


def read_source(name: str, document: dict[str, Any]) -> SourceDefinition:
    """A source definition. Raises DeploymentError with its name and what is wrong."""
    return _read(name, document, SourceDefinition)


def _read(name: str, document: dict[str, Any], kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(document, kind, strict=False, dec_hook=decode_scalar)
    except (msgspec.ValidationError, ValueError) as error:
        raise DeploymentError(f"source {name}: {error}") from error


def sources_of(definitions: Definitions, names: Sequence[str] = ()) -> list[SourceDefinition]:
    """The sources of a set that are fetched, by name or all. Raises DeploymentError for one that is missing or wrong, or sends by itself."""
    fetched = [name for name, document in definitions.sources.items() if not is_sender(document)]
    wanted = list(names) or fetched
    for name in wanted:
        if name not in definitions.sources:
            raise DeploymentError(f"no source `{name}`; there are: {', '.join(definitions.sources) or 'none'}")
        if name not in fetched:
            raise DeploymentError(f"source {name} sends by itself, with a write key; there is nothing to fetch")
    return [read_source(name, definitions.sources[name]) for name in wanted]


def check_sources(definitions: Definitions) -> list[DefinitionProblem]:
    """Every source that cannot work, at its place; a library that is missing here is no mistake of the definition."""
    problems = []
    for name, document in definitions.sources.items():
        try:
            if is_sender(document):
                _read(name, document, SenderDefinition)
                continue
            source = read_source(name, document)
            source.origin()
            Load(source, 0, ZoneInfo("UTC"), list)
        except ExtraMissingError:
            continue
        except (DeploymentError, ValueError) as error:
            told = str(error).removeprefix(f"source {name}: ")
            path, message = _placed(told)
            problems.append(definitions.problem("source", name, path, ProblemCode.BAD_VALUE, message))
    return problems


def _placed(told: str) -> tuple[str, str]:
    """(path, words) of what msgspec or a step says: `Expected ... - at `$.clean[0].type`` and `clean[0]: ...`."""
    words, sign, path = told.rpartition(" - at `$")
    if sign:
        return path.rstrip("`").lstrip("."), words
    path, sign, words = told.partition("]: ")
    return (f"{path}]", words) if sign and path.startswith("clean[") else ("", told)


def definitions_of(folder: Path, playbook: int | None = None) -> Definitions:
    """The definitions saved last in a data folder, or those of an earlier playbook. Raises DeploymentError where it is none or has none."""
    journal_of(folder)
    store = DefinitionStore(folder)
    try:
        latest = store.latest()
        if not latest:
            raise DeploymentError(f"{folder} has no definitions yet; put some in force first: opportune apply")
        return store.load(latest if playbook is None else playbook)
    except KeyError as error:
        raise DeploymentError(f"{folder}: {error.args[0]}") from error
    finally:
        store.close()


@contextmanager
def open_loads(folder: Path) -> Iterator[Loads]:
    """The loads of a data folder, in use or not. Raises DeploymentError where it is no data folder."""
    journal_of(folder)
    loads = Loads(folder, read_key(folder).secrets())
    try:
        yield loads
    finally:
        loads.close()
