"""From one row of a file to one canonical message, by a source's definition."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND, parse_scaled
from opportune.intake.mappings import FieldDefinition, FieldPath, RowMapping, SourceDefinition, TimeDefinition, Unit
from opportune.intake.messages import ANONYMOUS, UNMAPPED, USER
from opportune.intake.moments import moment_by_format, moment_of
from opportune.intake.tables import ABSENT, Row, json_text, text_of

_UNITS_MS: dict[Unit, int] = {
    "ms": 1,
    "second": MS_PER_SECOND,
    "minute": MS_PER_MINUTE,
    "hour": MS_PER_HOUR,
    "day": MS_PER_DAY,
}
_UNIT_DIGITS = 6
REMEMBERED_TEXTS_MAX = 65_536
REMEMBERED_CUSTOMERS_MAX = 5_000_000
TAGS = "tags"

Cell = Callable[[Row], bytes]
"""The JSON of one value of a row; ABSENT (null) where there is none."""


class MappedRow(NamedTuple):
    """A canonical line, when it happened, and its place among the rows of that moment."""

    at_ms: int
    rank: int
    line: bytes


def _path(path: FieldPath) -> tuple[str, ...]:
    return (path,) if isinstance(path, str) else path


def _cell(field: str | tuple[str, ...] | FieldDefinition) -> Cell:
    """How to take a field from a row."""
    if not isinstance(field, FieldDefinition):
        plain = _path(field)
        return lambda row: row.cell(plain)
    path = _path(field.source)
    replaced = {text: json_text(value) for text, value in field.map.items()} | dict.fromkeys(field.missing, ABSENT)
    pattern = field.format
    dated = lru_cache(REMEMBERED_TEXTS_MAX)(lambda text: json_text(_iso(text, pattern))) if pattern else None

    def take(row: Row) -> bytes:
        token = row.cell(path)
        if token == ABSENT:
            return token
        text = text_of(token)
        return replaced.get(text) or (dated(text) if dated else token)

    return take


def _constant_or_cell(field: str | FieldDefinition) -> Cell:
    if isinstance(field, FieldDefinition):
        return _cell(field)
    constant = json_text(field)
    return lambda row: constant


def _iso(text: str, pattern: str) -> str:
    """An ISO day, or moment where the pattern tells hours; what does not fit stays as it is, for the decoder to refuse."""
    try:
        moment = datetime.strptime(text, pattern)
    except ValueError:
        return text
    has_time = any(part in pattern for part in ("%H", "%I", "%c", "%X"))
    return moment.isoformat(timespec="milliseconds") if has_time else moment.date().isoformat()


def _when(time: TimeDefinition, zone: ZoneInfo) -> Callable[[str], int]:
    """How the text of the time field becomes milliseconds; raises ValueError for what it cannot read."""
    if time.unit is not None:
        since = moment_of(time.since, zone) if time.since else 0
        scale, unit = 10**_UNIT_DIGITS, _UNITS_MS[time.unit]
        return lambda text: since + parse_scaled(text, _UNIT_DIGITS) * unit // scale
    if time.format is not None:
        pattern = time.format
        return lambda text: moment_by_format(text, pattern, zone)
    return lambda text: int(text) if text.lstrip("-").isdecimal() else moment_of(text, zone)


class Mapping:
    """A source's definition, ready to map rows. Raises ValueError when the definition contradicts itself."""

    def __init__(self, source: SourceDefinition, zone: ZoneInfo, load: int = 0, latest_ms: int | None = None) -> None:
        """`load` is told with every row that cannot be mapped, so that it can be cleaned again as its load was.

        A row later than `latest_ms` is one of them: it would carry the engine's time along.
        """
        time = source.time
        self._load, self._latest_ms = load, latest_ms
        if (time.source is None) == (time.at is None):
            raise ValueError(
                f"source {source.source}: time has either `from` (a field) or `at` (one moment for all rows)"
            )
        if not (source.rows or source.tags):
            raise ValueError(f"source {source.source}: give `rows`, or `tags` alone when every row sets the same tags")
        self._at = moment_of(time.at, zone) if time.at else None
        self._time_path = _path(time.source or "")
        self._when = lru_cache(REMEMBERED_TEXTS_MAX)(_when(time, zone))
        self._customer_path = _path(source.customer.source)
        self._customer = _customer_pieces(source.customer.kind)
        self._message_path = _path(source.message_id) if source.message_id else None
        rows = source.rows or (RowMapping(tags=source.tags),)
        self._rows = [_RowPlan(row, source) for row in rows]
        self._tags = _RowPlan(RowMapping(tags=source.tags), source) if source.rows and source.tags else None
        self._tags_before: dict[bytes, bytes] = {}
        self._last_ms = 0
        self.actions: dict[str, int] = {}
        """How many rows became what; one that is left out stands under `skip` and its conditions."""

    def messages(self, row: Row) -> list[MappedRow]:
        """The messages of a row: none for one to be skipped, and the customer's tags before the message itself where they are new.

        A row that cannot be mapped becomes one that the decoder quarantines, at the time of the row before.
        """
        if row.fields is None:
            return [MappedRow(self._last_ms, 0, row.raw.strip() or UNMAPPED % (b"no bytes", b"null"))]
        plan = next((plan for plan in self._rows if plan.fits(row)), None)
        if plan is None:
            return [self.unmapped(row, b"no `when` of the mapping fits")]
        if plan.skips:
            self._count(plan.label)
            return []
        at_ms = self._at if self._at is not None else self._moment(row)
        if at_ms is None:
            return [self.unmapped(row, b"the time cannot be read")]
        if self._latest_ms is not None and at_ms > self._latest_ms:
            return [self.unmapped(row, b"the time lies in the future")]
        self._last_ms = at_ms
        self._count(plan.label)
        before, after = self._customer
        customer = row.cell(self._customer_path)
        head = b',"timestamp":%d' % at_ms + before + customer + after
        message_id = b',"messageId":' + row.cell(self._message_path) if self._message_path else b""
        found = MappedRow(at_ms, plan.rank, plan.body(row) + head + message_id + b"}")
        if self._tags is None:
            return [found]
        tags = self._tags.body(row)
        if not self._differ(customer, tags):
            return [found]
        self._count(TAGS)
        return [MappedRow(at_ms, self._tags.rank, tags + head + b"}"), found]

    def _count(self, label: str) -> None:
        self.actions[label] = self.actions.get(label, 0) + 1

    def _differ(self, customer: bytes, tags: bytes) -> bool:
        """Whether a customer's tags are others than in her row before; of more than REMEMBERED_CUSTOMERS_MAX they are always stated."""
        if self._tags_before.get(customer) == tags:
            return False
        if customer in self._tags_before or len(self._tags_before) < REMEMBERED_CUSTOMERS_MAX:
            self._tags_before[customer] = tags
        return True

    def _moment(self, row: Row) -> int | None:
        try:
            return self._when(text_of(row.cell(self._time_path)))
        except (ValueError, OverflowError):
            return None

    def unmapped(self, row: Row, why: bytes) -> MappedRow:
        """What the decoder quarantines with the whole row; `why` is a part of JSON text."""
        fields = row.raw or b"{%b}" % b",".join(
            json_text(name) + b":" + bytes(token) for name, token in (row.fields or {}).items()
        )
        told = why + (b'","load":"%d' % self._load if self._load else b"")
        return MappedRow(self._last_ms, 0, UNMAPPED % (told, fields))


def _customer_pieces(kind: str) -> tuple[bytes, bytes]:
    if kind in (USER, ANONYMOUS):
        return (b',"userId":' if kind == USER else b',"anonymousId":'), b""
    return b',"identifier":{"kind":' + json_text(kind) + b',"value":', b"}"


class _RowPlan:
    """One row mapping with its names and constants already written as JSON."""

    def __init__(self, row: RowMapping, source: SourceDefinition) -> None:
        action = row.action()
        self.rank = source.order.index(action) if action in source.order else len(source.order)
        self._conditions = [
            ((name,), frozenset((wanted,) if isinstance(wanted, str) else wanted)) for name, wanted in row.when.items()
        ]
        self.skips = action == "skip"
        told = ", ".join(f"{name} = {wanted}" for name, wanted in row.when.items())
        self.label = row.event or (f"skip {told}".rstrip() if self.skips else action)
        self._skips_absent = action == "event"
        self._opening, self._closing, fields = _plan(row)
        self._fields = [(json_text(name) + b":", take) for name, take in fields]

    def fits(self, row: Row) -> bool:
        """Whether every field of `when` has one of its texts."""
        return all(text_of(row.cell(path)) in wanted for path, wanted in self._conditions)

    def body(self, row: Row) -> bytes:
        """The message but for time, customer and the closing brace."""
        pairs = [(name, take(row)) for name, take in self._fields]
        found = b",".join(name + token for name, token in pairs if token != ABSENT or not self._skips_absent)
        return self._opening + found + self._closing


def _plan(row: RowMapping) -> tuple[bytes, bytes, list[tuple[str, Cell]]]:
    """(text before the fields, text after them, the fields) of a row mapping's message."""
    if row.event is not None:
        opening = b'{"type":"track","event":' + json_text(row.event) + b',"properties":{'
        return opening, b"}", [(name, _cell(field)) for name, field in row.properties.items()]
    if row.tags:
        return b'{"type":"identify","traits":{', b"}", [(name, _cell(field)) for name, field in row.tags.items()]
    for kind, part in (
        ("contact", row.contact), ("response", row.response), ("consent", row.consent), ("do_not_disturb", row.do_not_disturb),
    ):  # fmt: skip
        if part is not None:
            given = [(name, getattr(part, name)) for name in part.__struct_fields__]
            fields = [(name, _constant_or_cell(field)) for name, field in given if field is not None]
            return b'{"type":"%b",' % kind.encode(), b"", fields
    return b"", b"", []
