"""Definitions of the vocabulary: the deployment and its events. A definition is frozen once read."""

from typing import Literal

import msgspec

from opportune.facts.scalars import Decimal, Duration
from opportune.facts.values import Kind

MAX_AGE_MS = 3_600_000


class Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Display names, side by side."""

    en: str = ""
    zh: str = ""


class RetentionDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long history stays where it is; what is not said stays for ever.

    `journal`: its segments, since they were last written to. They go once the warehouse has them, read back and found to be the same, and a
    snapshot covers them. In the warehouse, by the engine's clock, and only of facts that the journal has let go of: `events` (what customers
    did, and where they came and asked), `tags` (what was said of them), `decisions` (what was decided, shown and answered).
    """

    journal: Duration | None = None
    events: Duration | None = None
    tags: Duration | None = None
    decisions: Duration | None = None


class DeploymentDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for the whole deployment: default time zone, currency and its minor digits, languages in the order of preference.

    `public_url` is where customers reach the service (https://…), for links in messages. `categories` are the titles of categories of
    tags and events, by the whole path (`data`, `data/volume`). `retention` says how long history is kept.
    """

    deployment: str
    title: Title = Title()
    zone: str = "UTC"
    currency: str = "USD"
    money_scale: int = 2
    languages: tuple[str, ...] = ("en", "zh")
    public_url: str = ""
    categories: dict[str, Title] = {}
    retention: RetentionDefinition = RetentionDefinition()
    note: str = ""


class IdentifierDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of identifier, by which sources name customers.

    `merges`: customers seen with it in one message are one person, up to `most` values of it per person (a phone may merge, a shared device
    may not). `anonymous`: it names a visitor of whom nothing else is known. Where no kind is defined, no two known customers are merged.
    """

    identifier: str
    title: Title = Title()
    anonymous: bool = False
    merges: bool = False
    most: int | None = None
    owner: str = ""
    note: str = ""


class PropertyDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One property of an event: its type and, for numbers, the range a value must lie in."""

    type: Kind
    scale: int = 0
    range: tuple[Decimal, Decimal] | None = None
    members: tuple[str, ...] = ()
    unit: str = ""
    title: Title = Title()
    personal: bool = False
    note: str = ""


class EventDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a customer does or that happens to them.

    `at` names the touchpoint where the customer is when this happens (an app opened: app_home), so a
    campaign can answer there. `means: complaint` starts the policy's complaint cool-down.
    """

    event: str
    title: Title = Title()
    category: str = ""
    properties: dict[str, PropertyDefinition] = {}
    at: str | None = None
    means: Literal["complaint"] | None = None
    max_age: Duration = Duration(MAX_AGE_MS)
    owner: str = ""
    note: str = ""
