"""Ask: which wanted field has which source, how complete, and what is missing?"""

import msgspec

from opportune.facts import PPM
from opportune.intake import SourceDefinition
from opportune.operations.source_definitions import sources_of
from opportune.operations.source_loads import LoadBody
from opportune.store import Definitions, Loads


class FieldSource(msgspec.Struct, frozen=True):
    """A source that has a field: under which name there, and in what share of the newest load's rows (millionths; None before the first load)."""

    source: str
    column: str
    complete: int | None


class WantedField(msgspec.Struct, frozen=True):
    """A field that the catalogue wants: a declared tag (`tag`), or a property of an event (`event.property`), with its display names.

    It is missing where `sources` is empty: no source definition brings it (client libraries may).
    """

    kind: str
    name: str
    en: str
    zh: str
    sources: tuple[FieldSource, ...]


def source_inventory(loads: Loads, definitions: Definitions) -> list[WantedField]:
    """Every declared tag and every event property, in the order of the alphabet. Raises DeploymentError for a wrong source definition."""
    having: dict[tuple[str, str], list[FieldSource]] = {}
    for source in sources_of(definitions):
        filled = _filled(loads, source.source)
        for kind, name, column in _brought(source):
            having.setdefault((kind, name), []).append(
                FieldSource(source.source, column, filled.get(column.split(".")[0]))
            )
    wanted = []
    for tag, definition in sorted(definitions.tags.items()):
        if definition.rule is None and definition.counter is None and definition.score is None:
            found = tuple(having.get(("tag", tag), ()))
            wanted.append(WantedField("tag", tag, definition.title.en, definition.title.zh, found))
    for event, schema in sorted(definitions.events.items()):
        for name, given in schema.properties.items():
            found = tuple(having.get(("property", f"{event}.{name}"), ()))
            wanted.append(WantedField("property", f"{event}.{name}", given.title.en, given.title.zh, found))
    return wanted


def _brought(source: SourceDefinition) -> list[tuple[str, str, str]]:
    """(kind, name, column) of all that a source's mapping sets."""
    found = [("tag", tag, _column(field)) for tag, field in source.tags.items()]
    for row in source.rows:
        found += [("tag", tag, _column(field)) for tag, field in row.tags.items()]
        found += [("property", f"{row.event}.{name}", _column(field)) for name, field in row.properties.items()]
    return list(dict.fromkeys(found))


def _column(field: object) -> str:
    path = getattr(field, "source", field)
    return path if isinstance(path, str) else ".".join(path) if isinstance(path, tuple) else str(path)


def _filled(loads: Loads, source: str) -> dict[str, int]:
    """Column -> the share of the newest load's rows that have it after cleaning, in millionths."""
    newest = next(iter(loads.of(source, 1, rows_min=1)), None)
    if newest is None:
        return {}
    body = LoadBody.of(newest)
    profile = body.result.profile if body.result is not None else body.raw
    return {name: field.filled * PPM // profile.rows for name, field in profile.fields.items()} if profile.rows else {}
