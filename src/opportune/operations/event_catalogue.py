"""Ask: which events are there, what does each carry, since when, and what is it used for? Out of the definitions saved last, beside a writer."""

from typing import Any

import msgspec

from opportune.engine import DefinitionSet
from opportune.operations.definition_history import DefinitionChange, history_of
from opportune.operations.deployment import DeploymentError
from opportune.operations.lineage import Lineage, Node, Related
from opportune.operations.publish import definition_set
from opportune.operations.tag_catalogue import SEPARATOR, has_words, in_category, type_text
from opportune.store import DefinitionStore, did_you_mean, written


class EventEntry(msgspec.Struct, frozen=True):
    """An event as the catalogue lists it: `origin` is `sent` (from outside) or `detector`; `used_by` how many definitions use it directly."""

    event: str
    title_en: str
    title_zh: str
    category: str
    origin: str
    owner: str
    at: str
    properties: int
    used_by: int


class PropertyEntry(msgspec.Struct, frozen=True):
    """A property of an event, with the type that rules read it by; `low` and `high` as they are written, empty without a range."""

    property: str
    title_en: str
    title_zh: str
    type: str
    unit: str
    low: str
    high: str
    members: tuple[str, ...]
    personal: bool


class EventFilter(msgspec.Struct, frozen=True):
    """Which events are asked for; what is empty does not narrow. `search`: as for tags, and in the names of properties."""

    search: str = ""
    category: str = ""
    owner: str = ""
    origin: str = ""


class EventPage(msgspec.Struct, frozen=True):
    """All that the definitions say of an event: `definition` as it is written (of a derived event its detector's)."""

    entry: EventEntry
    properties: tuple[PropertyEntry, ...]
    definition: dict[str, Any]
    comes_from: tuple[Related, ...]
    used_by: tuple[Related, ...]
    changes: tuple[DefinitionChange, ...]


def list_events(lineage: Lineage, wanted: EventFilter | None = None) -> list[EventEntry]:
    """The events that fit, by category and name."""
    by, known = wanted or EventFilter(), definition_set(lineage.definitions)
    found = []
    for name, event in known.every_event.items():
        one = _entry(lineage, known, name)
        texts = (name, one.title_en, one.title_zh, one.category, event.note, *lineage.vocabulary.events[name])
        if (
            in_category(one.category, by.category)
            and by.owner in ("", one.owner)
            and by.origin in ("", one.origin)
            and has_words(by.search, texts)
        ):
            found.append(one)
    return sorted(found, key=lambda one: (one.category.split(SEPARATOR), one.event))


def event_page(lineage: Lineage, store: DefinitionStore, event: str) -> EventPage:
    """All about one event. Raises DeploymentError for an unknown one."""
    known = definition_set(lineage.definitions)
    if event not in known.every_event:
        hint = did_you_mean(event, known.every_event, "event")
        raise DeploymentError(f"no event `{event}`; {hint or 'look for it: opportune events --search WORD'}")
    entry = _entry(lineage, known, event)
    node = Node("detector" if entry.origin == "detector" else "event", event)
    return EventPage(
        entry, tuple(_properties(lineage, event)), written(lineage.definitions.of(node.family)[event]),
        tuple(lineage.comes_from(node)), tuple(lineage.used_by(node)), tuple(history_of(store, *node)),
    )  # fmt: skip


def _entry(lineage: Lineage, known: DefinitionSet, name: str) -> EventEntry:
    event, derived = known.every_event[name], name in known.detectors
    node = Node("detector" if derived else "event", name)
    return EventEntry(
        name, event.title.en, event.title.zh, event.category, "detector" if derived else "sent", event.owner, event.at or "",
        len(lineage.vocabulary.events[name]), lineage.uses_of(node),
    )  # fmt: skip


def _properties(lineage: Lineage, event: str) -> list[PropertyEntry]:
    declared = lineage.definitions.events.get(event)
    found = []
    for name, kind in lineage.vocabulary.events[event].items():
        said = declared.properties[name] if declared is not None else None
        low, high = (
            (str(said.range[0]), str(said.range[1])) if said is not None and said.range is not None else ("", "")
        )
        title_en, title_zh = (said.title.en, said.title.zh) if said is not None else ("", "")
        unit, personal = (said.unit, said.personal) if said is not None else ("", False)
        found.append(PropertyEntry(name, title_en, title_zh, type_text(kind), unit, low, high, kind.members, personal))
    return found
