"""Ask: which campaigns run when, and which of them are in each other's way?"""

from collections.abc import Iterator
from datetime import date
from itertools import combinations

import msgspec

from opportune.campaigns import CampaignDefinition
from opportune.operations.drafting.campaign_life import CampaignState, state_of
from opportune.store import Definitions

PAIRS_MAX = 10_000
FIRST_DAY, LAST_DAY = "0000-00-00", "9999-99-99"


class CalendarEntry(msgspec.Struct, frozen=True):
    """A campaign and its local days, both included; None where it has no beginning or no end."""

    campaign: str
    title_en: str
    title_zh: str
    state: CampaignState
    since: str | None
    to: str | None
    event: str | None
    touchpoints: tuple[str, ...]
    category: str


class CalendarConflict(msgspec.Struct, frozen=True):
    """Two campaigns that meet in the same days at the same touchpoints. `code`: `same_audience` (the same event and audience: only one wins, always),
    `same_event` (one wins where both fit), `same_cap` (what one uses of a cap of their category, the other lacks)."""

    code: str
    campaign: str
    other: str
    since: str | None
    to: str | None
    touchpoints: tuple[str, ...]
    detail: str


class Calendar(msgspec.Struct, frozen=True):
    """Campaigns by their beginning, and their conflicts; `complete` is False where there are more than PAIRS_MAX of those."""

    campaigns: tuple[CalendarEntry, ...]
    conflicts: tuple[CalendarConflict, ...]
    complete: bool


def calendar(
    definitions: Definitions,
    today: date,
    since: str | None = None,
    to: str | None = None,
    campaigns: tuple[str, ...] = (),
) -> Calendar:
    """Campaigns that run on some day from `since` to `to` (local, both included); conflicts of `campaigns` only, or of all that show offers."""
    entries = [
        _entry(one, today) for one in definitions.campaigns.values()
        if _meet((one.valid.since, one.valid.to), (since, to)) and one.touchpoints
    ]  # fmt: skip
    entries.sort(key=lambda one: (one.since or FIRST_DAY, one.to or LAST_DAY, one.campaign))
    conflicts: list[CalendarConflict] = []
    for one, other in combinations([entry for entry in entries if entry.state in ("planned", "running")], 2):
        if campaigns and one.campaign not in campaigns and other.campaign not in campaigns:
            continue
        conflicts += _conflict(definitions, one, other)
        if len(conflicts) >= PAIRS_MAX:
            return Calendar(tuple(entries), tuple(conflicts[:PAIRS_MAX]), complete=False)
    return Calendar(tuple(entries), tuple(conflicts), complete=True)


def _entry(campaign: CampaignDefinition, today: date) -> CalendarEntry:
    at = [name for step in campaign.touchpoints for name in ((step.at,) if isinstance(step.at, str) else step.at)]
    return CalendarEntry(
        campaign.campaign, campaign.title.en, campaign.title.zh, state_of(campaign, today), campaign.valid.since, campaign.valid.to,
        campaign.trigger.event if campaign.trigger is not None else None, tuple(dict.fromkeys(at)), campaign.policy.category,
    )  # fmt: skip


def _meet(one: tuple[str | None, str | None], other: tuple[str | None, str | None]) -> bool:
    """Whether two stretches of days have one in common."""
    return (one[0] or FIRST_DAY) <= (other[1] or LAST_DAY) and (other[0] or FIRST_DAY) <= (one[1] or LAST_DAY)


def _conflict(definitions: Definitions, one: CalendarEntry, other: CalendarEntry) -> Iterator[CalendarConflict]:
    shared = tuple(name for name in one.touchpoints if name in other.touchpoints)
    if not shared or not _meet((one.since, one.to), (other.since, other.to)):
        return
    days = max(one.since or FIRST_DAY, other.since or FIRST_DAY), min(one.to or LAST_DAY, other.to or LAST_DAY)
    since, to = None if days[0] == FIRST_DAY else days[0], None if days[1] == LAST_DAY else days[1]
    audiences = [
        " ".join((definitions.campaigns[name].audience or "").split()) for name in (one.campaign, other.campaign)
    ]
    if one.event is not None and one.event == other.event:
        same = audiences[0] == audiences[1]
        detail = f"{one.event}: {audiences[0] or '*'}" + ("" if same else f" / {audiences[1] or '*'}")
        code = "same_audience" if same else "same_event"
        yield CalendarConflict(code, one.campaign, other.campaign, since, to, shared, detail)
    caps = [cap for policy in definitions.policies.values() for cap in policy.caps if cap.per == "category"]
    if one.category == other.category and any(cap.of in (None, one.category) for cap in caps):
        yield CalendarConflict("same_cap", one.campaign, other.campaign, since, to, shared, one.category)
