"""The canonical message: what its fields mean, checked against the catalogue, before anything is changed by it."""

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from opportune.facts import (
    MS_PER_DAY,
    MS_PER_HOUR,
    NULL,
    Answer,
    Catalogue,
    EventSchema,
    FactKind,
    Kind,
    PropertySchema,
    TagSchema,
)
from opportune.intake.moments import moment_of
from opportune.intake.personal import looks_personal
from opportune.intake.quarantine import QuarantineReason, RefusalError
from opportune.intake.readings import DIGITS_MAX, Number, Pairs, Reading, encode_json, plain_text, read_name, read_value

USER, ANONYMOUS = "user", "anonymous"
UNMAPPED = b'{"type":"unmapped_row","why":"%b","row":%b}'
"""How an import hands over a row that its mapping has no place for: to be quarantined with the rest."""
AHEAD_MS_MAX = MS_PER_HOUR
BEHIND_MS_MAX = 400 * MS_PER_DAY
IMPORT_MS_MIN, IMPORT_MS_MAX = 0, 4_102_444_800_000
"""An import's times lie from 1970 up to, not including, the year 2100."""

_TIMES = ("originalTimestamp", "timestamp")
"""The fields that say when it happened; the first that is present counts."""
SLOTS_MAX = 50
"""The most offers a touch may ask for."""

_ENVELOPE = ("type", "userId", "anonymousId", "identifier", "identifiers", *_TIMES, "sentAt", "messageId")
IDENTIFIERS_MAX = 8
"""The most identifiers that `identifiers` of a message may list."""
_FIELDS = {
    "track": ("event", "properties"),
    "identify": ("traits",),
    "contact": ("campaign", "touchpoint", "offer"),
    "response": ("campaign", "answer"),
    "consent": ("purpose", "channel", "given"),
    "do_not_disturb": ("on",),
    "touch": ("touchpoint", "slots"),
}
ANSWERS = {answer.name.lower(): answer for answer in Answer}


@dataclass(slots=True)
class Slot:
    """One value of the fact to be: an integer, or a text to be coded (kind text) or hashed (kind key)."""

    encoded: int = NULL
    text: str | None = None
    is_key: bool = False


@dataclass(slots=True)
class Message:
    """A message that fits the catalogue. Nothing has been learnt from it yet: no text, no customer, no id."""

    kind: FactKind
    code: int
    at_ms: int
    identifiers: list[tuple[str, int, str]]
    message_id: str | None
    slots: list[Slot] = field(default_factory=list)
    personal: list[tuple[str, str]] = field(default_factory=list)
    extras: list[tuple[str, Any]] = field(default_factory=list)
    rounded: int = 0
    set_aside: bool = False
    """Whether something of it is kept as extras that a strict source would have had quarantined."""


class MessageReader:
    """Reads parsed lines as messages of one catalogue.

    A `lenient` one takes aside what the catalogue does not know: an unknown event becomes a SIGHTING, undeclared traits and values
    that are not of their declared type become extras. What looks personal, or is declared so, is refused all the same.
    """

    def __init__(self, catalogue: Catalogue, *, live: bool, lenient: bool = False) -> None:
        self.catalogue = catalogue
        self.live = live
        self.lenient = lenient
        self.zone = ZoneInfo(catalogue.zone)
        self._properties = {
            name: {schema.name: schema for schema in event.properties} for name, event in catalogue.events.items()
        }
        self._bodies = {
            "track": self._track,
            "identify": self._identify,
            "contact": self._contact,
            "response": self._response,
            "consent": self._consent,
            "do_not_disturb": self._do_not_disturb,
            "touch": self._touch,
        }

    def read(self, parsed: Any, received_ms: int) -> Message:
        """The message of a parsed line. Raises RefusalError."""
        if type(parsed) is not Pairs:
            raise RefusalError(QuarantineReason.BROKEN_JSON, "the line is JSON, but no object")
        fields = dict(parsed)
        kind = fields.get("type")
        if kind is None:
            raise RefusalError(QuarantineReason.MISSING_FIELD, "type: say what the message is, for example track")
        if kind == "unmapped_row":
            raise RefusalError(QuarantineReason.UNMAPPED_ROW, f"row: {fields.get('why')}")
        if type(kind) is not str or kind not in _FIELDS:
            raise RefusalError(QuarantineReason.UNKNOWN_TYPE, f"type: known are {', '.join(_FIELDS)}")
        if len(fields) != len(parsed):
            _refuse_repeated(parsed, "", (*_ENVELOPE, *_FIELDS[kind]))
        identifiers = self._identifiers(fields)
        at_ms = self._at_ms(fields, received_ms)
        message_id = read_name(fields.get("messageId"), "messageId")
        message = Message(FactKind.EVENT, 0, at_ms, identifiers, message_id)
        self._bodies[kind](fields, message)
        return message

    def _identifiers(self, fields: dict[str, Any]) -> list[tuple[str, int, str]]:
        found = [(USER, "userId", fields.get("userId"))]
        other = fields.get("identifier")
        if other is not None:
            found.append(_kind_and_value(other, "identifier"))
        listed = fields.get("identifiers")
        if listed is not None:
            if type(listed) is not list or len(listed) > IDENTIFIERS_MAX:
                raise RefusalError(
                    QuarantineReason.WRONG_TYPE, f"identifiers: expected a list of at most {IDENTIFIERS_MAX} objects"
                )
            found += [_kind_and_value(one, f"identifiers[{at}]") for at, one in enumerate(listed)]
        found.append((ANONYMOUS, "anonymousId", fields.get("anonymousId")))
        rules = self.catalogue.linking
        found.sort(key=lambda one: one[0] in rules and rules[one[0]].anonymous)  # who is named goes before who is not
        identifiers = []
        for kind, path, value in found:
            text = read_name(value, path)
            if text is not None:
                number = self.catalogue.identifiers.get(kind)
                if number is None:
                    raise RefusalError(
                        QuarantineReason.UNKNOWN_IDENTIFIER_KIND, f"{path}: the catalogue has no such kind"
                    )
                identifiers.append((kind, number, text))
        if not identifiers:
            raise RefusalError(
                QuarantineReason.MISSING_CUSTOMER,
                "userId, anonymousId, identifier or identifiers must name the customer",
            )
        return list(dict.fromkeys(identifiers))

    def _at_ms(self, fields: dict[str, Any], received_ms: int) -> int:
        """When it happened by our clock: a live message with `sentAt` is late by as much as the client's clock was when it sent."""
        times = {name: self._moment(name, fields[name]) for name in _TIMES if fields.get(name) is not None}
        sent_at = self._moment("sentAt", fields["sentAt"]) if self.live and fields.get("sentAt") is not None else None
        path, at_ms = next(iter(times.items()), ("timestamp", received_ms))
        if times and sent_at is not None:
            at_ms = received_ms - (sent_at - at_ms)
        low, high = time_bounds(received_ms, live=self.live)
        if at_ms > high:
            raise RefusalError(
                QuarantineReason.FAR_FUTURE, f"{path}: {'more than an hour ahead' if self.live else 'after 2099'}"
            )
        if at_ms < low:
            raise RefusalError(
                QuarantineReason.FAR_PAST, f"{path}: {'more than 400 days ago' if self.live else 'before 1970'}"
            )
        return at_ms

    def _moment(self, path: str, value: Any) -> int:
        if type(value) is Number and value.lstrip("-").isdecimal() and len(value) <= DIGITS_MAX:
            return int(value)
        if type(value) is not str:
            raise RefusalError(
                QuarantineReason.INVALID_TIME, f"{path}: expected ISO 8601 text or whole milliseconds since 1970"
            )
        try:
            return moment_of(value, self.zone)
        except (ValueError, OverflowError):
            raise RefusalError(
                QuarantineReason.INVALID_TIME, f"{path}: no such moment; write 2026-12-01T08:00:00Z"
            ) from None

    def _track(self, fields: dict[str, Any], message: Message) -> None:
        name = fields.get("event")
        event = self.catalogue.events.get(name) if type(name) is str else None
        if event is None:
            if self.lenient and type(name) is str and name and name not in self.catalogue.derived:
                self._sight(name, fields, message)
                return
            reason = QuarantineReason.MISSING_FIELD if name is None else QuarantineReason.UNKNOWN_EVENT
            raise RefusalError(
                reason, "event: not in the catalogue" if name is not None else "event: say which event happened"
            )
        message.code = event.number
        message.slots = [Slot() for _ in event.properties]
        for name, value in _members(fields.get("properties"), "properties"):
            self._property(event, name, value, message)

    def _property(self, event: EventSchema, name: str, value: Any, message: Message) -> None:
        schema: PropertySchema | None = self._properties[event.name].get(name)
        path = f"properties.{name[:60]}"
        if schema is None:
            _refuse_personal(name, value, path, f"declare it for event {event.name}")
            message.extras.append((name, value))
            return
        try:
            reading = read_value(value, schema.type, path, self.zone)
        except RefusalError as refused:
            self._set_aside(name, value, schema.personal, refused, message)
            return
        message.rounded += reading.rounded
        if schema.personal:
            if value is not None:
                message.personal.append((name, plain_text(value)))
            return
        message.slots[schema.slot] = Slot(reading.encoded, reading.text, schema.type.kind is Kind.KEY)
        if schema.type.kind is Kind.KEY and reading.text is not None:
            message.extras.append((name, value))

    def _sight(self, name: str, fields: dict[str, Any], message: Message) -> None:
        """An event that nobody declared: kept as it is, for somebody to declare it."""
        read_name(name, "event")
        properties = _members(fields.get("properties"), "properties")
        for inner, value in (("event", name), *properties):
            _refuse_personal(inner, value, f"properties.{inner[:60]}", "declare the event with it")
        message.kind, message.set_aside = FactKind.SIGHTING, True
        message.extras = [("event", name), ("properties", properties)]

    def _set_aside(self, name: str, value: Any, personal: bool, refused: RefusalError, message: Message) -> None:
        """Keep a value that is not of its declared type among the extras. Raises what was `refused` where that may not be."""
        if not self.lenient or personal or _personal_within(value):
            raise refused
        message.extras.append((name, value))
        message.set_aside = True

    def _identify(self, fields: dict[str, Any], message: Message) -> None:
        message.kind = FactKind.TAGS_SET
        for name, value in _members(fields.get("traits"), "traits"):
            path = f"traits.{name[:60]}"
            tag: TagSchema | None = self.catalogue.tags.get(name)
            if tag is None:
                if self.lenient:
                    _refuse_personal(name, value, path, "declare it as a tag")
                refused = RefusalError(QuarantineReason.UNKNOWN_TAG, f"{path}: not in the catalogue")
                self._set_aside(name, value, False, refused, message)
            else:
                self._trait(tag, value, path, message)

    def _trait(self, tag: TagSchema, value: Any, path: str, message: Message) -> None:
        if not tag.settable and not tag.personal:
            raise RefusalError(QuarantineReason.TAG_NOT_SETTABLE, f"{path}: it is derived from other facts")
        try:
            reading: Reading = read_value(value, tag.type, path, self.zone)
        except RefusalError as refused:
            self._set_aside(tag.name, value, tag.personal, refused, message)
            return
        message.rounded += reading.rounded
        if tag.personal:
            if value is not None:
                message.personal.append((tag.name, plain_text(value)))
            return
        is_key = tag.type.kind is Kind.KEY
        message.slots += (Slot(tag.number), Slot(reading.encoded, reading.text, is_key))
        if is_key and reading.text is not None:
            message.extras.append((tag.name, value))

    def _contact(self, fields: dict[str, Any], message: Message) -> None:
        known = self.catalogue
        message.kind = FactKind.CONTACT
        message.code = _number(fields, "campaign", known.campaigns, QuarantineReason.UNKNOWN_CAMPAIGN)
        touchpoint = _number(fields, "touchpoint", known.touchpoints, QuarantineReason.UNKNOWN_TOUCHPOINT)
        offer = _number(fields, "offer", known.offers, QuarantineReason.UNKNOWN_OFFER, optional=True)
        message.slots = [Slot(touchpoint), Slot(offer)]

    def _response(self, fields: dict[str, Any], message: Message) -> None:
        message.kind = FactKind.RESPONSE
        message.code = _number(fields, "campaign", self.catalogue.campaigns, QuarantineReason.UNKNOWN_CAMPAIGN)
        message.slots = [Slot(_number(fields, "answer", ANSWERS, QuarantineReason.UNKNOWN_MEMBER))]

    def _consent(self, fields: dict[str, Any], message: Message) -> None:
        known = self.catalogue
        message.kind = FactKind.CONSENT
        message.code = _number(fields, "purpose", known.purposes, QuarantineReason.UNKNOWN_PURPOSE)
        channel = _number(fields, "channel", known.channels, QuarantineReason.UNKNOWN_CHANNEL, optional=True)
        message.slots = [Slot(channel), Slot(_flag(fields, "given"))]

    def _do_not_disturb(self, fields: dict[str, Any], message: Message) -> None:
        message.kind = FactKind.DO_NOT_DISTURB
        message.slots = [Slot(_flag(fields, "on"))]

    def _touch(self, fields: dict[str, Any], message: Message) -> None:
        message.kind = FactKind.TOUCH
        message.code = _number(fields, "touchpoint", self.catalogue.touchpoints, QuarantineReason.UNKNOWN_TOUCHPOINT)
        slots = fields.get("slots")
        if type(slots) is not Number or not slots.isdecimal() or not 1 <= int(slots) <= SLOTS_MAX:
            raise RefusalError(QuarantineReason.OUT_OF_RANGE, f"slots: a whole number from 1 to {SLOTS_MAX}")
        message.slots = [Slot(int(slots))]


def time_bounds(received_ms: int, *, live: bool) -> tuple[int, int]:
    """The earliest and the latest `at_ms` that is taken, both included."""
    return (received_ms - BEHIND_MS_MAX, received_ms + AHEAD_MS_MAX) if live else (IMPORT_MS_MIN, IMPORT_MS_MAX - 1)


def extras_json(extras: list[tuple[str, Any]]) -> bytes | None:
    """The `extras` of a fact: one JSON object, or None where there is nothing."""
    return encode_json(Pairs(extras)).encode() if extras else None


def _kind_and_value(found: Any, path: str) -> tuple[str, str, Any]:
    """(kind, path of the value, value) of an identifier."""
    if type(found) is not Pairs:
        raise RefusalError(QuarantineReason.WRONG_TYPE, f"{path}: expected an object with kind and value")
    _refuse_repeated(found, f"{path}.", ("kind", "value"))
    inner = dict(found)
    if type(inner.get("kind")) is not str:
        raise RefusalError(QuarantineReason.WRONG_TYPE, f"{path}.kind: expected text")
    return inner["kind"], f"{path}.value", inner.get("value")


def _members(value: Any, path: str) -> Pairs:
    if value is None:
        return Pairs()
    if type(value) is not Pairs:
        raise RefusalError(QuarantineReason.WRONG_TYPE, f"{path}: expected an object")
    if len(dict(value)) != len(value):
        _refuse_repeated(value, f"{path}.", None)
    return value


def _refuse_repeated(pairs: Pairs, path: str, watched: tuple[str, ...] | None) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen and (watched is None or name in watched):
            raise RefusalError(QuarantineReason.DUPLICATE_FIELD, f"{path}{name[:60]}: stands twice")
        seen.add(name)


def _number(
    fields: dict[str, Any], name: str, known: dict[str, Any], reason: QuarantineReason, *, optional: bool = False
) -> int:
    value = fields.get(name)
    if value is None:
        if optional:
            return NULL
        raise RefusalError(QuarantineReason.MISSING_FIELD, f"{name}: this message needs it")
    if type(value) is not str or value not in known:
        raise RefusalError(reason, f"{name}: not known here")
    return int(known[value])


def _flag(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if value is None:
        raise RefusalError(QuarantineReason.MISSING_FIELD, f"{name}: this message needs it")
    if value not in (True, False, "true", "false"):
        raise RefusalError(QuarantineReason.WRONG_TYPE, f"{name}: expected true or false")
    return int(value in (True, "true"))


def _refuse_personal(name: str, value: Any, path: str, remedy: str) -> None:
    seems = _personal_within(name) or _personal_within(value)
    if seems:
        raise RefusalError(QuarantineReason.UNCLASSIFIED_PERSONAL, f"{path[:30]}: looks like {seems}; {remedy}")


def _personal_within(value: Any) -> str:
    """What personal datum an undeclared value seems to hold, at any depth; "" for none."""
    if isinstance(value, str):
        return looks_personal(value)
    if type(value) is Pairs:
        return next(
            (found for name, inner in value if (found := _personal_within(name) or _personal_within(inner))), ""
        )
    if type(value) is list:
        return next((found for inner in value if (found := _personal_within(inner))), "")
    return ""
