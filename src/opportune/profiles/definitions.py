"""Definitions of tags (declared, rule, counter and score) and of detectors."""

from typing import Literal

import msgspec

from opportune.facts import MAX_AGE_MS, Decimal, Duration, Kind, LocalTime, Title

Measure = Literal["count", "sum", "min", "max", "first", "last", "distinct"]


class CounterDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure over one event type: `measure` of `value` over the events that fit `where`.

    `over` is a rolling window of whole buckets in the deployment's zone, the newest one partial; without it the counter is for
    life. `value` is a property of the event, or `at` (when it happened).
    `distinct` counts different values, up to the upper end of the tag's `range` (20 without one): that many are remembered.
    """

    of: str
    measure: Measure
    value: str | None = None
    where: str | None = None
    over: Duration | None = None
    bucket: Literal["hour", "day"] | None = None


class TagDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A typed fact about a customer.

    With `rule` it is derived from other tags, with `counter` from events, with `score` it is written by a
    model; with none of them it is declared (set from outside). A rule's or counter's type follows from its text.
    """

    tag: str
    title: Title = Title()
    category: str = ""
    type: Kind | None = None
    scale: int = 0
    range: tuple[Decimal, Decimal] | None = None
    members: tuple[str, ...] = ()
    rule: str | None = None
    counter: CounterDefinition | None = None
    score: str | None = None
    unit: str = ""
    owner: str = ""
    freshness: str = ""
    source: str = ""
    sensitivity: Literal["public", "internal", "personal"] = "internal"
    note: str = ""


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An area of the earth: a circle (`centre` and `radius` in metres) or a `polygon` of at least three corners.

    A place is latitude, then longitude, in degrees with up to six decimals.
    """

    centre: tuple[Decimal, Decimal] | None = None
    radius: int | None = None
    polygon: tuple[tuple[Decimal, Decimal], ...] = ()


class Detection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a detector waits for, in one of six forms.

    `event` and `then_not` (or `then`) `within` a time: after such an event none (or one) of the others came in time.
    `silent`: for that long no `event` (without one: nothing at all) came after the last one. `tag` and `crosses`: the tag
    begins to meet a comparison. `enters` or `leaves` a rule: it becomes true, or is true no more. `event` and `enters` or `leaves` an area:
    the event's `position` (names of its latitude and longitude) is the first one inside, or outside again. `date`: the day of a
    date tag, `days` later (or, negative, earlier), `at` a time of day where the customer lives.

    `event`, `then` and `then_not` name one event or several. `key` (`event.order_id`) tells apart what belongs together. `keep` copies
    properties of the first event (of the latest one where `then` or `silent` is waited for).
    """

    event: str | tuple[str, ...] | None = None
    where: str | None = None
    then: str | tuple[str, ...] | None = None
    then_not: str | tuple[str, ...] | None = None
    then_where: str | None = None
    within: Duration | None = None
    silent: Duration | None = None
    key: str | None = None
    keep: tuple[str, ...] = ()
    tag: str | None = None
    crosses: str | None = None
    enters: str | Area | None = None
    leaves: str | Area | None = None
    position: tuple[str, str] = ("latitude", "longitude")
    date: str | None = None
    days: int = 0
    at: LocalTime = LocalTime(0)

    @property
    def form(self) -> str:
        """Its form: `sequence`, `silence`, `crossing`, `rule`, `area` or `date`."""
        if self.silent is not None:
            return "silence"
        if self.then is not None or self.then_not is not None:
            return "sequence"
        if self.tag is not None:
            return "crossing"
        if self.date is not None:
            return "date"
        return "area" if isinstance(self.enters or self.leaves, Area) else "rule"

    @property
    def events(self) -> tuple[str, ...]:
        """The events that begin it, or that say where the customer is."""
        return _several(self.event)

    @property
    def then_events(self) -> tuple[str, ...]:
        """The events that are waited for after one of `events`."""
        return _several(self.then_not if self.then is None else self.then)

    @property
    def key_property(self) -> str | None:
        """The name of the property that is the key."""
        return None if self.key is None else self.key.removeprefix("event.")


def _several(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else names


class DetectorDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Makes a derived event of its own name whenever `when` is met; that event may be used like any other, but nobody can send it.

    Its properties follow from the form: `since` (when the first event happened), the key and what is kept of it; of a crossing `value` and
    `before`; of a date `date`.
    """

    detector: str
    when: Detection
    title: Title = Title()
    category: str = ""
    max_age: Duration = Duration(MAX_AGE_MS)
    owner: str = ""
    note: str = ""
