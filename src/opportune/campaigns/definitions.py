"""Definitions of touchpoints, offers and campaigns: who, when, where, what, how often."""

from typing import Any, Literal

import msgspec

from opportune.facts import Decimal, Duration, LocalTime, Rate, Title


class Capacity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much a touchpoint can take; `per_day` is admitted in the engine, `per_second` throttles delivery."""

    per_second: int | None = None
    per_day: int | None = None


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Local time of day from (included) to (excluded); may pass midnight."""

    since: LocalTime
    to: LocalTime


class WorkingHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Local time of the deployment from (included) to (excluded) on `days` (mon … sun; all where none is given)."""

    since: LocalTime
    to: LocalTime
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an outbound touchpoint's messages leave: the kind of channel and the name of its account in the settings.

    `address` names the identifier kind or personal tag that holds the customer's address. `at_least_once` (service messages only)
    sends again what timed out; marketing never does. `tries` counts the first.
    """

    by: Literal["smtp", "smpp", "webhook", "apprise", "inbox", "work_items", "file"]
    account: str = "default"
    address: str | None = None
    tries: int = 5
    at_least_once: bool = False


class TouchpointDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"contact_class": "class"}):
    """A place where we meet the customer. Caps per channel count touchpoints that share a `channel` together.

    `lease`: how long a touchpoint that asked, or a channel that sends, may take to say that it was shown; until then what it uses
    is reserved. Absent: 10m at a touch, 1h for a channel with `delivery`, and elsewhere the decision itself is the contact.
    `slots`: the most offers shown at once. `strategy` orders waiting decisions at a touch. `event`: what a touch states to have happened.
    """

    touchpoint: str
    direction: Literal["in", "out", "both"]
    title: Title = Title()
    channel: str | None = None
    contact_class: Literal["marketing", "service"] = "marketing"
    capacity: Capacity = Capacity()
    cost: Decimal = Decimal("0")
    quiet_hours: QuietHours | None = None
    working_hours: WorkingHours | None = None
    lease: Duration | None = None
    slots: int = 1
    strategy: Literal["best", "oldest"] = "best"
    event: str | None = None
    content: tuple[Literal["text", "html", "image", "link", "script", "card"], ...] = ("text",)
    delivery: Delivery | None = None
    note: str = ""


class OfferDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is proposed: its worth to us, its cost, its stock, who may have it, and its content per touchpoint and language.

    `codes` names a pool of coupon codes, of which each customer who is shown the offer gets one.
    """

    offer: str
    title: Title = Title()
    value: Decimal = Decimal("1")
    cost: Decimal = Decimal("0")
    stock: int | None = None
    eligible: str | None = None
    content: dict[str, Any] = {}
    codes: str | None = None
    note: str = ""


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The event that makes the campaign a candidate. An event older than `max_age` (the event type's, if absent) does not."""

    event: str
    where: str | None = None
    max_age: Duration | None = None


class Regret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What undoes a success: this event within that time after the goal was reached."""

    event: str
    within: Duration
    where: str | None = None


class Goal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the campaign wants: one event that fits `where`, or a running total (`sum(event.amount) >= 10.00`), within a window whose ends both count."""

    event: str
    within: Duration
    where: str | None = None
    reach: str | None = None
    value: str | None = None
    regret: Regret | None = None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One or more touchpoints: inbound ones when the customer is there, outbound ones when `push: now`, tried in order.

    With `wait` the decision waits that long for the customer to come to one of them; the first that asks gets it, the others then
    keep silent. Only when nobody showed it does the next step begin.
    """

    at: str | tuple[str, ...]
    push: Literal["now"] | None = None
    wait: Duration | None = None
    weight: Decimal = Decimal("1")


class OfferChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An offer of the campaign: `weight` splits the customers among those eligible, `when` narrows who is."""

    offer: str
    weight: int = 1
    when: str | None = None


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most contacts and money of the campaign, for life or per day of the deployment's zone."""

    contacts: int | None = None
    money: Decimal | None = None
    per: Literal["life", "day"] = "life"


class CampaignCap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"window": "in"}):
    """At most `max` contacts of this campaign per customer in a rolling window."""

    max: int
    window: Duration


class CampaignPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The campaign's own limits, beside the contact policy that holds for all."""

    category: str = "general"
    purpose: str = "marketing"
    cool_down_after_refusal: Duration | None = None
    budget: Budget = Budget()
    caps: tuple[CampaignCap, ...] = ()
    in_quiet_hours: Literal["drop", "defer"] = "drop"


class Validity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Local days of the deployment's zone, YYYY-MM-DD, both included."""

    since: str | None = None
    to: str | None = None


class CampaignDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who (audience) x when (trigger) x where (touchpoints) x what (offers) x policy, and the goal it is measured by.

    Priority = propensity x touchpoint weight x offer value x lever. `propensity` is a percentage, or the name of a tag that
    holds one in parts per million. A campaign without trigger only tracks goals of contacts made elsewhere.
    """

    campaign: str
    title: Title = Title()
    audience: str | None = None
    trigger: Trigger | None = None
    goal: Goal | None = None
    touchpoints: tuple[Step, ...] = ()
    offers: tuple[OfferChoice, ...] = ()
    policy: CampaignPolicy = CampaignPolicy()
    control: Rate = Rate(0)
    propensity: str = "100%"
    lever: Decimal = Decimal("1")
    again_after: Duration | None = None
    valid: Validity = Validity()
    paused: bool = False
    owner: str = ""
    note: str = ""
