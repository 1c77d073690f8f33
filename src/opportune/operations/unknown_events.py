"""Ask: what did lenient sources say that nobody declared, how often, and of which type does it look? Out of the journal, beside a writer.

A sighting is a fact with the event's name and properties as extras; so are undeclared properties and values of another type than the
declared one. Nothing here shows a value: a name, a count and a guess are enough to declare it.
"""

import decimal
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from opportune.engine import PlaybookBody, decode_body
from opportune.facts import FactBatch, FactKind, Kind
from opportune.journal import Group
from opportune.operations.deployment import DeploymentError, journal_of, read_group
from opportune.operations.event_counts import GroupSources
from opportune.operations.names import Names

SIGHTINGS_MAX = 10_000
"""Different events by source that are told apart; the rest is counted together."""
PROPERTIES_MAX = 200
VALUES_TOLD_APART = 200
"""A text with more different values than this is called a key."""
MEMBERS_MAX = 63
TAGS = "(tags)"
"""Stands for the event where a message set undeclared tags."""
REST = "(others)"
SAYING = (FactKind.EVENT, FactKind.TAGS_SET, FactKind.SIGHTING)
"""Facts whose extras are what a source said beyond the catalogue."""

_EXTRAS = msgspec.json.Decoder(dict[str, Any], float_hook=decimal.Decimal)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PROPERTY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\S*")

OnProgress = Callable[[int, int], None]
"""(bytes of the journal read, bytes in all)."""


class UnknownProperty(msgspec.Struct, frozen=True):
    """A property that came undeclared, or (`mistyped`) not of its declared type: how often, and a first guess of its type, "" where there is none."""

    property: str
    count: int
    type: str
    scale: int = 0
    members: tuple[str, ...] = ()
    mistyped: bool = False


class UnknownEvent(msgspec.Struct, frozen=True):
    """What one source said of one event and nobody declared; of a `declared` event only its properties are. Local times of the deployment."""

    event: str
    source: str
    declared: bool
    count: int
    last: str
    received: str
    properties: tuple[UnknownProperty, ...]


class _Values:
    """What was seen of one property's values."""

    def __init__(self) -> None:
        self.count = self.decimals = 0
        self.forms: set[str] = set()
        self.members: set[str] = set()
        self.different: set[bytes] = set()
        self.mistyped = False

    def add(self, value: Any) -> None:
        """One more value, as JSON gave it."""
        self.count += 1
        form = _form(value)
        if form:
            self.forms.add(form)
        if isinstance(value, decimal.Decimal):
            exponent = value.as_tuple().exponent
            self.decimals = max(self.decimals, -exponent if isinstance(exponent, int) else 0)
        elif isinstance(value, str) and len(self.different) <= VALUES_TOLD_APART:
            self.different.add(blake2b(value.encode(), digest_size=8).digest())
        elif form == "set" and len(self.members) <= MEMBERS_MAX:
            self.members |= set(value)

    def guess(self) -> str:
        """The kind of value that takes all of them; "" where none does."""
        forms = self.forms
        if forms in ({"int"}, {"bool"}, {"date"}):
            return next(iter(forms))
        if forms and forms <= {"int", "decimal"}:
            return Kind.DECIMAL
        if forms and forms <= {"date", "timestamp"}:
            return Kind.TIMESTAMP
        if forms == {"set"}:
            return Kind.SET if len(self.members) <= MEMBERS_MAX else ""
        if forms and forms <= {"text", "date", "timestamp"}:
            return Kind.TEXT if len(self.different) <= VALUES_TOLD_APART else Kind.KEY
        return Kind.KEY if forms and forms <= {"text", "date", "timestamp", "int"} else ""


class _Sighting:
    """What was seen of one event from one source."""

    def __init__(self) -> None:
        self.count = self.last_ms = self.received_ms = 0
        self.values: dict[str, _Values] = {}

    def add(self, at_ms: int, received_ms: int, properties: dict[str, Any], mistyped: frozenset[str]) -> None:
        """One more message of it."""
        self.count += 1
        self.last_ms, self.received_ms = max(self.last_ms, at_ms), max(self.received_ms, received_ms)
        for name, value in properties.items():
            if name in self.values or len(self.values) < PROPERTIES_MAX:
                seen = self.values.setdefault(name, _Values())
                seen.add(value)
                seen.mistyped |= name in mistyped


class Sightings:
    """Unknown events of one journal. `end_seq` is the fact counted up to (excluded); `advance` goes on from there. Not for several threads at a time."""

    def __init__(self, folder: Path) -> None:
        """Of a data folder. Raises DeploymentError where it is none."""
        self._folder = folder
        self.end_seq = 0
        self._sources = GroupSources()
        self._names = Names(None)
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._seen: dict[tuple[str, str, bool], _Sighting] = {}

    def advance(self, seconds_max: float = float("inf"), on_progress: OnProgress | None = None) -> bool:
        """Count what the journal has got since; False where it took longer than it may, so that there is more to count."""
        reader, begun, done = journal_of(self._folder), time.monotonic(), 0
        for group in reader.read(self.end_seq):
            done += self._count(group)
            if on_progress is not None:
                on_progress(min(done, reader.bytes), reader.bytes)
            if time.monotonic() - begun > seconds_max:
                return False
        return True

    def seen(self) -> list[UnknownEvent]:
        """What was counted so far and is not declared by now, by event and source."""
        names = self._names
        found = []
        for (event, source, declared), one in self._seen.items():
            if not declared and event in self._kinds:
                continue
            properties = tuple(
                UnknownProperty(name, v.count, v.guess(), v.decimals, tuple(sorted(v.members)), v.mistyped)
                for name, v in sorted(one.values.items()) if v.mistyped or not declared or name not in self._kinds.get(event, {})
            )  # fmt: skip
            if properties or not declared:
                moments = names.moment(one.last_ms), names.moment(one.received_ms)
                found.append(UnknownEvent(event, source, declared, one.count, *moments, properties))
        return sorted(found, key=lambda one: (one.event, one.source))

    def _count(self, group: Group) -> int:
        """Count one group; returns its bytes."""
        batch, _ = read_group(group)
        source = self._sources.of(group)
        for at in batch.code[batch.kind == FactKind.PLAYBOOK].tolist():
            self._use(decode_body(batch.bodies[at]))
        for row, extra in batch.extras.items():
            if batch.kind[row] in SAYING:  # elsewhere extras are what the house notes
                self._add(batch, row, _EXTRAS.decode(extra), source, group.received_ms)
        self.end_seq = group.end_seq
        return sum(array.nbytes for array in group.arrays.values())

    def _use(self, body: PlaybookBody) -> None:
        self._names = Names(body)
        self._kinds = {
            name: {inner: one.type for inner, one in event.properties.items()}
            for name, event in body.definitions.events.items()
        }
        self._kinds[TAGS] = {name: tag.type for name, tag in body.definitions.tags.items() if tag.type is not None}

    def _add(self, batch: FactBatch, row: int, extras: dict[str, Any], source: str, received_ms: int) -> None:
        kind, at_ms = int(batch.kind[row]), int(batch.at_ms[row])
        declared, mistyped = kind != FactKind.SIGHTING, frozenset[str]()
        if not declared:
            event, extras = str(extras.get("event")), extras.get("properties") or {}
        else:
            event = self._names.name("event", int(batch.code[row])) if kind == FactKind.EVENT else TAGS
            known = self._kinds.get(event, {})
            extras = {name: value for name, value in extras.items() if known.get(name) is not Kind.KEY}
            mistyped = frozenset(extras.keys() & known.keys())
        if not declared or extras:
            key = (event, source, declared)
            if key not in self._seen and len(self._seen) >= SIGHTINGS_MAX:
                key, extras = (REST, source, declared), {}
            self._seen.setdefault(key, _Sighting()).add(at_ms, received_ms, extras, mistyped)


def definitions_for(found: Sequence[UnknownEvent]) -> str:
    """YAML that declares unknown events; what has to be added to events or tags that are there, and what cannot be declared, as remarks.

    An event seen from several sources is declared once, from the source that sent it most.
    """
    parts, done = [], set()
    for one in sorted(found, key=lambda one: (one.event, -one.count)):
        if one.event == REST or (one.event, one.declared) in done:
            continue
        done.add((one.event, one.declared))
        parts.append("\n".join(_added(one) if one.declared else _declared(one)))
    return "\n---\n".join(part for part in parts if part) + "\n"


def write_definitions(found: Sequence[UnknownEvent], path: Path) -> None:
    """Write `definitions_for` into a new file. Raises DeploymentError where it is there already, OSError."""
    if path.exists():
        raise DeploymentError(f"{path} is there already; name a new file, to be looked at before it is applied")
    path.write_text(definitions_for(found), encoding="utf-8")


def _declared(one: UnknownEvent) -> Iterator[str]:
    name = one.event if _WORD.fullmatch(one.event) else _word_of(one.event)
    if name != one.event:
        yield f"# sent as {_quoted(one.event)}: a name has small letters, digits and _, so let the sender say {name}"
    yield f"event: {name}"
    yield f"note: {_quoted(f'seen {one.count} times from {one.source}, last {one.last}')}"
    if one.properties:
        yield "properties:"
        yield from (f"  {line}" for line in _properties(one.properties))


def _added(one: UnknownEvent) -> Iterator[str]:
    if one.event == TAGS:
        yield "# undeclared or mistyped tags; declare each as a tag of its own, or mend the sender:"
    else:
        yield f"# undeclared or mistyped properties of the event {one.event}; add them to its definition, or mend the sender:"
    yield from (f"#   {line.lstrip('# ')}" for line in _properties(one.properties))


def _properties(properties: Sequence[UnknownProperty]) -> Iterator[str]:
    for one in properties:
        kind = f"type: {one.type}"
        kind += f", scale: {one.scale}" if one.type == Kind.DECIMAL else ""
        kind += f", members: [{', '.join(map(_quoted, one.members))}]" if one.type == Kind.SET else ""
        if not one.type:
            yield f"# {_quoted(one.property)}: of no one type that a property can have"
        elif one.mistyped:
            yield f"# {_quoted(one.property)}: comes as {{{kind}}}, which is not what is declared"
        elif not _PROPERTY.fullmatch(one.property) or one.property == "at":
            yield f"# {_quoted(one.property)}: {{{kind}}}, under a name with letters, digits and _"
        else:
            yield f"{one.property}: {{{kind}}}"


def _word_of(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    return plain[:63] if plain[:1].isalpha() else f"event_{plain}"[:63].rstrip("_")


def _quoted(text: str) -> str:
    """A text as YAML takes it in double quotes."""
    return msgspec.json.encode(text).decode()


def _form(value: Any) -> str:
    """What a JSON value looks like; "" for null."""
    match value:
        case None:
            return ""
        case bool():
            return Kind.BOOL
        case int():
            return Kind.INT
        case decimal.Decimal():
            return Kind.DECIMAL
        case str():
            return _form_of_text(value)
        case list() if all(isinstance(one, str) for one in value):
            return Kind.SET
    return "object"


def _form_of_text(text: str) -> str:
    try:
        if _ISO_DAY.fullmatch(text):
            date.fromisoformat(text)
            return Kind.DATE
        if _ISO_TIME.fullmatch(text):
            datetime.fromisoformat(text)
            return Kind.TIMESTAMP
    except ValueError:
        pass
    return Kind.TEXT
