"""Definitions of import mappings, as they stand in YAML."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from opportune.facts import Decimal, Duration, Rate, Title, parse_duration
from opportune.intake.cleaning import StepDefinition
from opportune.intake.origins import ApiDefinition, DatabaseDefinition, FileDefinition, PagesDefinition

Unit = Literal["ms", "second", "minute", "hour", "day"]
Action = Literal["event", "tags", "contact", "response", "consent", "do_not_disturb", "skip"]
FieldPath = str | tuple[str, ...]
"""A column, or the way into a nested object: `amount` or `[value, amount]`."""


class FieldDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """A value taken from a row: `missing` texts count as absent, `map` replaces texts, `format` is a strptime pattern of a date or time."""

    source: FieldPath
    map: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    format: str | None = None


Field = str | tuple[str, ...] | FieldDefinition


class TimeDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """When a row happened: ISO 8601 or epoch milliseconds in `from`; a count of `unit` since `since`; a `format`; or one moment `at` for all."""

    source: FieldPath | None = None
    unit: Unit | None = None
    since: str | None = None
    format: str | None = None
    at: str | None = None


class CustomerDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """Whom a row is about: the kind of identifier and where it stands."""

    kind: str
    source: FieldPath


class ContactMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact made elsewhere; a plain text is the name itself."""

    campaign: str | FieldDefinition
    touchpoint: str | FieldDefinition
    offer: str | FieldDefinition | None = None


class ResponseMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A response; a plain text is the name itself."""

    campaign: str | FieldDefinition
    answer: str | FieldDefinition


class ConsentMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A consent; a plain text is the value itself."""

    purpose: str | FieldDefinition
    given: str | FieldDefinition
    channel: str | FieldDefinition | None = None


class DoNotDisturbMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of a do-not-disturb list: `on` is true, or says which rows join and which leave it."""

    on: str | FieldDefinition = "true"


class RowMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the rows mean in which every field of `when` has the text given (or one of the texts). The first that fits counts."""

    when: dict[str, str | tuple[str, ...]] = {}
    event: str | None = None
    properties: dict[str, Field] = {}
    tags: dict[str, Field] = {}
    contact: ContactMapping | None = None
    response: ResponseMapping | None = None
    consent: ConsentMapping | None = None
    do_not_disturb: DoNotDisturbMapping | None = None
    skip: bool = False

    def action(self) -> Action:
        """The one thing a row becomes. Raises ValueError unless exactly one is given."""
        parts: tuple[tuple[Action, object], ...] = (
            ("event", self.event),
            ("tags", self.tags),
            ("contact", self.contact),
            ("response", self.response),
            ("consent", self.consent),
            ("do_not_disturb", self.do_not_disturb),
            ("skip", self.skip),
        )
        found = [name for name, given in parts if given]
        if len(found) != 1:
            raise ValueError(
                f"a row mapping says one of event, tags, contact, response, consent, do_not_disturb or skip, not {found or 'none'}"
            )
        return found[0]


class QualityDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a load of the source is held to; a figure beyond its threshold is an alert.

    `complete` is the least share of rows that have a field, per field; `valid` the least share of rows that are not refused, `unique`
    the least share that repeat no other; `fresh` the greatest age of the newest row; `drift` the greatest population stability index of
    a field against the first load of a hundred rows or more (0.1 is a slight move, 0.25 a great one).
    """

    complete: dict[str, Rate] = {}
    valid: Rate | None = None
    unique: Rate | None = None
    fresh: Duration | None = None
    drift: Decimal | None = None


class SourceDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where rows come from, how they are cleaned, and how they become messages.

    Exactly one of `read` (files), `database`, `api` and `pages` says where. `every` is how often; a source without it runs when it is
    named. `tags` beside `rows` are set by each row of a message whenever they differ from the customer's row before, in the load.
    `order` breaks ties: of rows at one moment, those of the action named first are applied first. `sort` sorts rows that do not
    come in order of time. `message_id` names a field that identifies a row, so that a repeated row is dropped. Raw rows are kept for `keep`.
    Of a `lenient` source, events and values that the catalogue does not know are taken aside, not into the quarantine.
    """

    source: str
    time: TimeDefinition
    customer: CustomerDefinition
    title: Title = Title()
    read: FileDefinition | None = None
    database: DatabaseDefinition | None = None
    api: ApiDefinition | None = None
    pages: PagesDefinition | None = None
    every: Duration | None = None
    clean: tuple[StepDefinition, ...] = ()
    rows: tuple[RowMapping, ...] = ()
    tags: dict[str, Field] = {}
    message_id: FieldPath | None = None
    order: tuple[Action, ...] = ()
    sort: bool = False
    quality: QualityDefinition = QualityDefinition()
    keep: Duration = parse_duration("90d")
    lenient: bool = False
    note: str = ""

    def origin(self) -> FileDefinition | DatabaseDefinition | ApiDefinition | PagesDefinition:
        """Where the rows come from. Raises ValueError unless exactly one place is given."""
        found = [place for place in (self.read, self.database, self.api, self.pages) if place is not None]
        if len(found) != 1:
            raise ValueError(f"source {self.source}: say one of read, database, api and pages")
        return found[0]


class SenderDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source that sends by itself, with a write key of its name: a document without a place to read from.

    Of a `lenient` one, events and values that the catalogue does not know are taken aside, not into the quarantine.
    """

    source: str
    title: Title = Title()
    lenient: bool = False
    note: str = ""


_SENDERS_KEYS = frozenset(SenderDefinition.__struct_fields__)


def is_sender(document: Mapping[str, Any]) -> bool:
    """Whether a source document has nothing but what a source that sends by itself may say."""
    return _SENDERS_KEYS.issuperset(document)


def is_lenient(document: Mapping[str, Any]) -> bool:
    """Whether a source document, as it is written, says `lenient`. Raises msgspec.ValidationError where it is no yes or no."""
    return msgspec.convert(document.get("lenient", False), bool, strict=False)
