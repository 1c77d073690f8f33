"""What the oracle and the generators speak of: facts, outputs, what a customer remembers; and small questions to definitions."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from opportune.campaigns import CampaignDefinition, OfferChoice, TouchpointDefinition
from opportune.engine import DefinitionSet, Playbook
from opportune.facts import NULL, FactKind, Reason, TextDictionary, ValueType, parse_scaled

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PUSH, INBOUND, SERVICE = 0, 1, 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fact(NamedTuple):
    """One input fact; `body` is the new playbook of a PLAYBOOK fact."""

    kind: FactKind
    code: int
    customer: int | None
    at: int
    now: int
    values: tuple[int, ...] = ()
    body: Playbook | None = None


class Decision(NamedTuple):
    """A decision as the journal tells it."""

    seq: int
    now: int
    priority: int
    cost: int
    customer: int
    propensity: int
    campaign: int
    offer: int
    touchpoint: int
    arm: int
    contact_class: int


class Move(NamedTuple):
    """What became of an open decision."""

    seq: int
    now: int
    decision: int
    decided_seq: int
    until: int
    cost: int
    customer: int
    campaign: int
    offer: int
    touchpoint: int
    reason: int
    kind: int
    contact_class: int


class GoalFact(NamedTuple):
    """What became of a goal instance."""

    seq: int
    at: int
    origin: int
    opened: int
    value: int
    customer: int
    campaign: int
    kind: int
    arm: int


class Fate(NamedTuple):
    """Why a candidate was or was not proposed."""

    seq: int
    campaign: int
    reason: int


@dataclass
class Happening:
    """An event as it was met: what a counter may ask for later, too."""

    event: str
    at: int
    now: int
    zone: str
    values: dict[str, int]
    home: int = NULL
    """The code of her zone tag then, whatever the policy asks for."""


@dataclass
class Contact:
    """One contact, ours or another system's."""

    at: int
    contact_class: int
    channel: str
    category: str | None
    campaign: str


@dataclass
class Instance:
    """A goal that is waited for."""

    campaign: str
    arm: int
    opened: int
    deadline: int
    origin: int
    forget_minute: int
    total: int = 0
    reached: int | None = None
    watch_until: int = 0


@dataclass
class Person:
    """A customer: only lists of what happened, and of what is waited for."""

    key: int
    tags: dict[str, int] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    consents: list[tuple[str, str | None, bool]] = field(default_factory=list)
    do_not_disturb: bool = False
    refused_until: int = 0
    complained_until: int = 0
    open_until: dict[str, int] = field(default_factory=dict)
    open_origin: dict[str, int] = field(default_factory=dict)
    again_from: dict[str, int] = field(default_factory=dict)
    campaign_refused: dict[str, int] = field(default_factory=dict)
    waiting: list[Instance] = field(default_factory=list)


@dataclass
class Open:
    """A decision that waits, or that a touchpoint has."""

    number: int
    seq: int
    customer: int
    campaign: str
    offer: str | None
    priority: int
    state: str = "waiting"
    deadline: int = 0
    put: int = 0
    wait_until: int = 0
    give_up: int = 0
    place: int = 0
    contact_class: int = 0
    touchpoint: str | None = None
    deferred_for: str | None = None
    channel: str = ""
    category: str = ""
    cost: int = 0
    reason: Reason = Reason.PROPOSED
    taken: list[tuple[str, int]] = field(default_factory=list)
    day: int = 0


@dataclass
class Limit:
    """A budget, stock or capacity."""

    most: int
    close_below: int
    per_day: bool
    used: int = 0
    closed: bool = False


@dataclass
class Usable:
    """A touchpoint of a campaign that can be used when its trigger happens."""

    name: str
    contact_class: int
    weight: int
    touchpoint: TouchpointDefinition
    place: int = 0
    wait: int | None = None
    pushes: bool = False
    pushable: bool = False
    deferred: tuple[Reason, int] | None = None

    @property
    def lease(self) -> int | None:
        """How long a push through it may take to be answered for; None where nobody answers."""
        if self.touchpoint.lease is not None:
            return self.touchpoint.lease
        return HOUR if self.touchpoint.delivery else None


@dataclass
class Candidate:
    """A campaign that passed every gate."""

    name: str
    usable: Usable
    choice: OfferChoice | None
    priority: int
    propensity: int


@cache
def info_of(zone: str) -> ZoneInfo:
    """The zone of a name."""
    return ZoneInfo(zone)


@lru_cache(maxsize=100_000)
def local_of(zone: str, at: int) -> int:
    """A moment in local ms, by the standard library."""
    moment = EPOCH + timedelta(milliseconds=at)
    offset = moment.astimezone(info_of(zone)).utcoffset() or timedelta()
    return at + round(offset.total_seconds() * 1000)


@cache
def is_zone(text: str) -> bool:
    """Whether a text names a time zone."""
    return text in available_timezones()


def available_zones(dictionary: TextDictionary) -> set[str]:
    """The texts known so far that name zones."""
    return {text for text in dictionary.since(0) if is_zone(text)}


def usable_steps(d: DefinitionSet, campaign: CampaignDefinition) -> list[Usable]:
    """The touchpoints that can be used when the campaign's trigger happens, in the order in which they are tried."""
    here = d.every_event[campaign.trigger.event].at if campaign.trigger else None
    found: list[Usable] = []
    for place, step in enumerate(campaign.touchpoints):
        for name in (step.at,) if isinstance(step.at, str) else step.at:
            touchpoint = d.touchpoints[name]
            inbound = step.wait is not None or (touchpoint.direction != "out" and here == name)
            pushable = touchpoint.direction != "in" and step.push is not None
            if not inbound and not pushable:
                continue
            marketing = INBOUND if inbound else PUSH
            kind = SERVICE if touchpoint.contact_class == "service" else marketing
            weight = parse_scaled(step.weight, 6)
            pushes = pushable and not inbound
            found.append(Usable(name, kind, weight, touchpoint, place, step.wait, pushes, pushable))
    return found


def clamp(value: int, kind: ValueType) -> int:
    """A figure within its declared range."""
    return min(max(value, kind.low), kind.high)


def measured(measure: str, values: list[int], kind: ValueType) -> int:
    """One measure of values in order; each partial figure stays within the declared range."""
    if measure in ("count", "sum"):
        total = 0
        for value in values:
            total = clamp(total + (1 if measure == "count" else clamp(value, kind)), kind)
        return total
    if not values:
        return NULL
    kept = [clamp(value, kind) for value in values]
    return {"min": min(kept), "max": max(kept), "first": kept[0], "last": kept[-1]}[measure]
