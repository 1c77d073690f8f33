"""Ask: what would a source's steps and mapping do? Rows before and after, counts by step; nothing is written."""

import itertools
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from opportune.facts import DeploymentDefinition
from opportune.intake import (
    FetchFailedError,
    Load,
    Reach,
    SourceDefinition,
    StepCount,
    Verdict,
    fetch,
    looks_personal,
    stored_row,
)
from opportune.operations.deployment import DeploymentError
from opportune.operations.names import mask
from opportune.operations.source_definitions import read_source, sources_of
from opportune.operations.source_loads import LoadBody
from opportune.store import Definitions, Loads

ROWS_MAX = 100_000


class PreviewRow(msgspec.Struct, frozen=True):
    """A row as it came and as it left the steps (values as JSON writes them; None: absent), what became of it and by which step, and its messages."""

    row: int
    before: dict[str, Any]
    after: dict[str, Any]
    fate: str
    step: str
    messages: tuple[Any, ...]


class Preview(msgspec.Struct, frozen=True):
    """What the steps do to so many rows: counts by step, and the first rows."""

    source: str
    label: str
    rows: int
    kept: int
    steps: tuple[StepCount, ...]
    shown: tuple[PreviewRow, ...]


def preview_new(
    definitions: Definitions, name: str, reach: Reach, *, rows: int, shown: int, reveal: bool = False
) -> Preview:
    """The first rows of what a source would bring from its beginning. Steps that learn do so from those rows alone.

    Raises DeploymentError, FetchFailedError, ValueError, ExtraMissingError.
    """
    source = _one(definitions, name)
    found = next(fetch(source, {}, reach), None)
    if found is None:
        raise FetchFailedError(f"source {name}: there is nothing to fetch")
    held = [stored_row(row) for row in itertools.islice(found.rows, min(rows, ROWS_MAX))]
    close = getattr(found.rows, "close", None)
    if close is not None:
        close()  # a connection or a file is let go of
    deployment = definitions.deployment or DeploymentDefinition("opportune")
    return _preview(source, found.label, held, deployment.zone, None, shown, reveal)


def preview_load(
    definitions: Definitions, loads: Loads, name: str, number: int, *, shown: int, reveal: bool = False, as_loaded: bool = False
) -> Preview:  # fmt: skip
    """A load that was taken in: its raw rows through the steps as they stand now, or (`as_loaded`) as they were then.

    Raises DeploymentError where the load or its raw rows are gone, ValueError, ExtraMissingError.
    """
    source = _one(definitions, name)
    row = loads.one(name, number)
    if row is None or not loads.has_rows(name, number):
        raise DeploymentError(f"source {name}: the raw rows of load {number} are not kept; see: opportune sources list")
    body = LoadBody.of(row)
    if as_loaded:
        source = read_source(name, body.document)
    held = list(itertools.islice(loads.rows(name, number), ROWS_MAX))
    same = as_loaded and len(held) == row.rows
    return _preview(source, body.label, held, body.zone, body.statistics if same else None, shown, reveal)


def _one(definitions: Definitions, name: str) -> SourceDefinition:
    return sources_of(definitions, [name])[0]


def _preview(
    source: SourceDefinition, label: str, held: list[bytes], zone: str, statistics: list[Any] | None, shown: int, reveal: bool
) -> Preview:  # fmt: skip
    load = Load(source, 0, ZoneInfo(zone), lambda: held, statistics)
    if statistics is None:
        load.learn()
    found: list[PreviewRow] = []
    kept = 0
    for row in load.shown():
        is_kept = row.verdict.value < Verdict.LEFT_OUT.value
        kept += is_kept and bool(row.messages)
        if len(found) < shown:
            fate = row.verdict.name.lower() if not is_kept or row.messages else "skipped"
            messages = tuple(_shown(msgspec.json.decode(line), reveal) for line in row.messages)
            found.append(
                PreviewRow(
                    row.number, _values(row.before, reveal), _values(row.after, reveal), fate, row.step, messages
                )
            )
    return Preview(source.source, label, len(held), kept, tuple(load.recipe.counts), tuple(found))


def _values(cells: dict[str, bytes], reveal: bool) -> dict[str, Any]:
    return {name: _shown(msgspec.json.decode(token), reveal) for name, token in cells.items()}


def _shown(value: Any, reveal: bool) -> Any:
    """A value with whatever looks personal masked."""
    if reveal:
        return value
    if isinstance(value, str):
        return mask(value) if looks_personal(value) else value
    if isinstance(value, dict):
        return {name: _shown(inner, reveal) for name, inner in value.items()}
    return [_shown(inner, reveal) for inner in value] if isinstance(value, list) else value
