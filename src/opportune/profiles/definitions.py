"""Definitions of tags: declared, rule, counter and score."""

from typing import Literal

import msgspec

from opportune.facts import Decimal, Duration, Kind, Title

Measure = Literal["count", "sum", "min", "max", "first", "last"]


class CounterDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure over one event type: `measure` of `value` over the events that fit `where`.

    `over` is a rolling window of whole buckets in the deployment's zone, the newest one partial; without it the counter is for
    life. `value` is a property of the event, or `at` (when it happened).
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
