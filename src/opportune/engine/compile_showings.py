"""From the steps of a campaign to what matters where decisions wait: waits, leases, working hours; and what a touch may get."""

from opportune.campaigns import (
    OPEN_DAYS_MAX,
    OPEN_PER_CUSTOMER_MAX,
    STEP_DEFERS,
    STEP_HOURS,
    STEP_LEASED,
    STEP_PUSHES,
    STEP_WAITS,
    CampaignDefinition,
    Step,
    TouchpointDefinition,
    WorkingHours,
)
from opportune.engine.vocabulary import Vocabulary
from opportune.facts import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from opportune.policy import CLASS_INBOUND, CLASS_PUSH, CLASS_SERVICE

TOUCH_LEASE_MS = 10 * MS_PER_MINUTE
PUSH_LEASE_MS = MS_PER_HOUR
LEASE_MIN_MS, LEASE_MAX_MS = MS_PER_SECOND, 7 * MS_PER_DAY
WAIT_MIN_MS, WAIT_MAX_MS = MS_PER_MINUTE, OPEN_DAYS_MAX * MS_PER_DAY
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def may_wait(campaign: CampaignDefinition, touchpoints: dict[str, TouchpointDefinition]) -> bool:
    """Whether decisions of the campaign can be open: they wait for a touch, are deferred, or are leased to a channel."""
    if campaign.policy.in_quiet_hours == "defer" or any(step.wait is not None for step in campaign.touchpoints):
        return True
    names = {name for step in campaign.touchpoints if step.push for name in places_of(step)}
    return any(_push_lease(touchpoints[name]) is not None for name in names & touchpoints.keys())


def places_of(step: Step) -> tuple[str, ...]:
    """The names of a step's touchpoints."""
    return (step.at,) if isinstance(step.at, str) else step.at


def check_steps(vocabulary: Vocabulary, name: str, campaign: CampaignDefinition) -> None:
    """Note what is wrong with the waits of a campaign's steps."""
    for i, step in enumerate(campaign.touchpoints):
        path = f"touchpoints[{i}]"
        places = places_of(step)
        if len(set(places)) < len(places):
            vocabulary.problem("campaign", name, f"{path}.at", "a touchpoint stands twice in one step")
        if step.wait is None:
            continue
        if not WAIT_MIN_MS <= step.wait <= WAIT_MAX_MS:
            vocabulary.problem("campaign", name, f"{path}.wait", f"must lie between 1m and {OPEN_DAYS_MAX}d")
        if step.push is not None:
            hint = "let the push be a step of its own, after this one"
            vocabulary.problem("campaign", name, path, "a step that waits for the customer pushes nothing", hint)
        for place in places:
            touchpoint = vocabulary.definitions.touchpoints.get(place)
            if touchpoint and touchpoint.direction == "out":
                vocabulary.problem("campaign", name, f"{path}.at", f"nobody can touch `{place}`: its direction is out")


def check_touchpoint(vocabulary: Vocabulary, name: str, touchpoint: TouchpointDefinition) -> None:
    """Note what is wrong with a touchpoint's lease, slots and working hours."""
    lease, hours = touchpoint.lease, touchpoint.working_hours
    if lease is not None and not LEASE_MIN_MS <= lease <= LEASE_MAX_MS:
        vocabulary.problem("touchpoint", name, "lease", f"must lie between 1s and {LEASE_MAX_MS // MS_PER_DAY}d")
    if not 1 <= touchpoint.slots <= OPEN_PER_CUSTOMER_MAX:
        vocabulary.problem("touchpoint", name, "slots", f"must lie between 1 and {OPEN_PER_CUSTOMER_MAX}")
    if hours is not None and hours.since == hours.to:
        vocabulary.problem(
            "touchpoint", name, "working_hours", "begin and end at the same time", "leave them out for always"
        )


def showing_of(
    campaign: CampaignDefinition, place: int, touchpoint: TouchpointDefinition, here: str | None
) -> tuple[int, ...]:
    """The columns of STEP and SHOWING that tell how a decision waits, of a campaign whose trigger happens at `here`:

    place, bits; wait, lease, push class, touch class, working hours.
    """
    step = campaign.touchpoints[place]
    service = touchpoint.contact_class == "service"
    waits = step.wait is not None
    push_class = -1
    if step.push is not None and touchpoint.direction != "in":
        push_class = CLASS_SERVICE if service else CLASS_PUSH
    touch_class = touch_class_of(touchpoint) if waits else -1
    lease = _push_lease(touchpoint)
    inbound = touchpoint.direction != "out" and here == touchpoint.touchpoint
    pushes = push_class >= 0 and not inbound
    bits = STEP_PUSHES * pushes | STEP_WAITS * waits
    bits |= STEP_LEASED * (lease is not None and pushes) | STEP_HOURS * (touchpoint.working_hours is not None)
    bits |= STEP_DEFERS * (campaign.policy.in_quiet_hours == "defer")
    return place, bits, step.wait or 0, lease or 0, push_class, touch_class, *_hours(touchpoint.working_hours), 0


def touch_of(touchpoint: TouchpointDefinition | None) -> tuple[int, int, int, int, int]:
    """The row of TOUCHPOINT."""
    if touchpoint is None:
        return 0, 0, 0, -1, 0
    lease = TOUCH_LEASE_MS if touchpoint.lease is None else touchpoint.lease
    return lease, touchpoint.slots, int(touchpoint.strategy == "oldest"), touch_class_of(touchpoint), 0


def touch_class_of(touchpoint: TouchpointDefinition) -> int:
    """The contact class of what a touch is shown; -1 where nobody can touch it."""
    if touchpoint.direction == "out":
        return -1
    return CLASS_SERVICE if touchpoint.contact_class == "service" else CLASS_INBOUND


def _push_lease(touchpoint: TouchpointDefinition) -> int | None:
    if touchpoint.direction == "in":
        return None
    if touchpoint.lease is not None:
        return touchpoint.lease
    return None if touchpoint.delivery is None else PUSH_LEASE_MS


def _hours(hours: WorkingHours | None) -> tuple[int, int, int]:
    if hours is None:
        return -1, -1, 0
    days = hours.days or _WEEKDAYS
    return hours.since, hours.to, sum(1 << _WEEKDAYS.index(day) for day in set(days))
