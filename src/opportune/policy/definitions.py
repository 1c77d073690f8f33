"""Definition of the contact policy: what holds for every campaign, so that nobody is pestered."""

from typing import Literal

import msgspec

from opportune.facts import Duration, LocalTime, Rate, Title


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"window": "in"}):
    """At most `max` contacts in a rolling window, per customer, channel or category (`of` names one; without it, each).

    Every contact counts, inbound ones too; inbound contacts are *blocked* only with `inbound: true`. Service messages neither count nor are blocked.
    """

    per: Literal["customer", "channel", "category"]
    max: int
    window: Duration
    of: str | None = None
    inbound: bool = False


class PolicyQuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Local time of the customer in which nothing is pushed, from (included) to (excluded); may pass midnight."""

    since: LocalTime
    to: LocalTime


class CoolDown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long marketing is silent after a refusal or a complaint."""

    after_refused: Duration | None = None
    after_complaint: Duration | None = None


class PolicyDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contact policy of the deployment.

    `consent: required` withholds marketing where none is known; `assumed` only where it was withdrawn. `time_zone` names the tag that
    holds a customer's zone (unknown: the deployment's). `holidays` are local days (YYYY-MM-DD) without pushes.
    """

    policy: str
    title: Title = Title()
    caps: tuple[Cap, ...] = ()
    cool_down: CoolDown = CoolDown()
    quiet_hours: PolicyQuietHours | None = None
    holidays: tuple[str, ...] = ()
    consent: Literal["required", "assumed"] = "required"
    universal_control: Rate = Rate(0)
    time_zone: str | None = None
    note: str = ""
