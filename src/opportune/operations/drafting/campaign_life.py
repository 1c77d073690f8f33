"""Ask: pause, resume or end a campaign at once. It is a change of the playbook like any other, so a replay sees it at the same fact.

Stopping needs no approval; it is recorded as a draft that was launched as it was made, with who and why. Waiting decisions of a campaign that
is not in force are never shown: each is withdrawn when it is next looked at (a touch, a deadline).
"""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from opportune.campaigns import DEFERRED, LEASED, PUSHED, WAITING, CampaignDefinition, Validity
from opportune.engine import Engine
from opportune.operations.deployment import Deployment
from opportune.operations.drafting.asks import Drafting, DraftRefusedError, DraftView
from opportune.operations.drafting.binding import changes_of, with_changes
from opportune.operations.publish import Publication, put_definitions_in_force
from opportune.store import Definitions, did_you_mean

Verb = Literal["pause", "resume", "end"]
CampaignState = Literal["planned", "running", "paused", "ended"]


class InFlight(msgspec.Struct, frozen=True):
    """Decisions of a campaign that are on their way: `waiting` for a touch or a later hour, `at_touchpoint` on a lease, `being_sent`."""

    waiting: int
    at_touchpoint: int
    being_sent: int


class LifeChange(msgspec.Struct, frozen=True):
    """What pausing, resuming or ending led to: the publication, or the draft that waits for approval; neither in a preview.

    `in_flight` are the decisions that were on their way; of a campaign that stops, those that wait are withdrawn.
    """

    campaign: str
    state: CampaignState
    in_flight: InFlight
    publication: Publication | None = None
    draft: DraftView | None = None


def state_of(campaign: CampaignDefinition, today: date) -> CampaignState:
    """Where a campaign stands on a local day of the deployment."""
    if campaign.valid.to is not None and campaign.valid.to < today.isoformat():
        return "ended"
    if campaign.paused:
        return "paused"
    return "planned" if campaign.valid.since is not None and campaign.valid.since > today.isoformat() else "running"


def local_day(definitions: Definitions, at_ms: int) -> date:
    """The deployment's local day of a moment."""
    zone = ZoneInfo(definitions.deployment.zone if definitions.deployment is not None else "UTC")
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def in_flight_of(engine: Engine, campaign: str) -> InFlight:
    """Counts the decisions of a campaign that are on their way; with the engine at rest."""
    pool = engine.memory.arrays["open_pool"]
    number = engine.playbook.numbering.known("campaign", campaign)
    states = pool["state"][pool["campaign"] == (-1 if number is None else number)]
    waiting = int(np.isin(states, (WAITING, DEFERRED)).sum())
    return InFlight(waiting, int((states == LEASED).sum()), int((states == PUSHED).sum()))


def change_life(
    deployment: Deployment,
    drafting: Drafting,
    campaign: str,
    verb: Verb,
    actor: str,
    note: str = "",
    *,
    dry_run: bool = False,
) -> LifeChange:
    """Pause, resume or end a campaign from the next fact on. Raises DraftRefusedError, and what publishing raises."""
    deployment.settle()
    before = deployment.store.in_force()
    today = local_day(before, deployment.engine.now_ms)
    changed = _changed(before, campaign, verb, today)
    after = with_changes(before, (("campaign", campaign, changed),))
    state, flying = state_of(changed, today), in_flight_of(deployment.engine, campaign)
    if dry_run:
        return LifeChange(campaign, state, flying)
    if verb == "resume" and drafting.approval_on():
        made = drafting.make(after, actor, f"resume {campaign}", note)
        return LifeChange(campaign, state, flying, draft=made)
    base, content = deployment.playbook.version, changes_of(before, after)
    done = put_definitions_in_force(deployment, after, actor)
    drafting.record(f"{verb} {campaign}", content, base, actor, note, done.playbook)
    return LifeChange(campaign, state, flying, done)


def _changed(definitions: Definitions, name: str, verb: Verb, today: date) -> CampaignDefinition:
    found = definitions.campaigns.get(name)
    if found is None:
        hint = did_you_mean(name, definitions.campaigns, "campaign")
        raise DraftRefusedError("no_campaign", f"there is no campaign `{name}`; {hint}".rstrip("; "))
    state = state_of(found, today)
    fitting = {"pause": ("planned", "running"), "resume": ("paused",), "end": ("running", "paused", "planned")}
    if state not in fitting[verb]:
        raise DraftRefusedError("wrong_state", f"campaign `{name}` is {state}, so it cannot {verb}")
    if verb != "end":
        return msgspec.structs.replace(found, paused=verb == "pause")
    yesterday = (today - timedelta(days=1)).isoformat()
    if found.valid.since is not None and found.valid.since > yesterday:
        raise DraftRefusedError(
            "wrong_state",
            f"campaign `{name}` begins on {found.valid.since}, so it cannot have ended before today; pause it",
        )
    return msgspec.structs.replace(found, valid=Validity(found.valid.since, yesterday))


def now_ms() -> int:
    """The wall clock, for states that are told."""
    return time.time_ns() // 1_000_000
