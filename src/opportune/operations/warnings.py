"""What definitions say that could be put in force, and yet cannot be meant: told with place, cause and hint, never refused."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import CampaignDefinition, TouchpointDefinition
from opportune.engine import Playbook
from opportune.facts import MS_PER_DAY, MS_PER_MINUTE, PPM
from opportune.operations.names import Names, span
from opportune.operations.source_definitions import sources_of
from opportune.rules import Rule, Verdict, all_of, check, conjuncts, disjuncts, read, verdict, written_out
from opportune.store import DefinitionProblem, Definitions, ProblemCode

MINUTES_PER_DAY = MS_PER_DAY // MS_PER_MINUTE
GOAL_DAYS_LONG = 366
WARNINGS_MAX = 1_000
"""Warnings that are told of one set of definitions."""
Minutes = NDArray[np.bool_]
"""For every minute of a day."""
_Found = tuple[str, str, str, ProblemCode, str, str]
"""Family, name, path, code, message and hint."""


class Written(NamedTuple):
    """A condition where it stands; `event` is what triggers it, `tags` whether it may speak of tags."""

    family: str
    name: str
    path: str
    text: str
    event: str | None = None
    tags: bool = True


def warn(definitions: Definitions, playbook: Playbook) -> list[DefinitionProblem]:
    """Every warning at its place, at most WARNINGS_MAX. `playbook`: the definitions, compiled."""
    found: list[_Found] = []
    for written in _written(definitions):
        found += _condition(written, playbook)
    for name, campaign in definitions.campaigns.items():
        found += _campaign(name, campaign, definitions, playbook)
    found += _closed_from_the_start(definitions, playbook)
    found += _unused_hours(definitions)
    found += _unfed(definitions, playbook)
    return [definitions.problem(*one) for one in dict.fromkeys(found)][:WARNINGS_MAX]


# -- conditions ------------------------------------------------------------------------------


def _written(d: Definitions) -> Iterator[Written]:
    for name, campaign in d.campaigns.items():
        event = campaign.trigger.event if campaign.trigger is not None else None
        if campaign.audience is not None:
            yield Written("campaign", name, "audience", campaign.audience, event)
        if campaign.trigger is not None and campaign.trigger.where is not None:
            yield Written("campaign", name, "trigger.where", campaign.trigger.where, event)
        goal = campaign.goal
        if goal is not None and goal.where is not None:
            yield Written("campaign", name, "goal.where", goal.where, goal.event, False)
        if goal is not None and goal.regret is not None and goal.regret.where is not None:
            yield Written("campaign", name, "goal.regret.where", goal.regret.where, goal.regret.event, False)
        for index, choice in enumerate(campaign.offers):
            if choice.when is not None:
                yield Written("campaign", name, f"offers[{index}].when", choice.when, event)
    for name, tag in d.tags.items():
        if tag.rule is not None:
            yield Written("tag", name, "rule", tag.rule)
        if tag.counter is not None and tag.counter.where is not None:
            yield Written("tag", name, "counter.where", tag.counter.where, tag.counter.of, False)
    for name, segment in d.segments.items():
        yield Written("segment", name, "where", segment.where)


def _condition(written: Written, playbook: Playbook) -> Iterator[_Found]:
    rule = _checked(written, playbook)
    if rule is None:
        return
    place = written.family, written.name, written.path
    told = _verdict(rule, playbook)
    if told is not None:
        yield *place, *_words(told, "this condition")
        return
    for part in disjuncts(rule):
        if part is not rule and _verdict(part, playbook) is Verdict.NEVER:
            yield *place, *_words(Verdict.NEVER, f"the part `{read(part, 'en', {})}`")
    for part in conjuncts(rule):
        if part is not rule and _verdict(part, playbook) is Verdict.ALWAYS:
            yield *place, *_words(Verdict.ALWAYS, f"the part `{read(part, 'en', {})}`")


def _checked(written: Written, playbook: Playbook) -> Rule | None:
    """The condition, typed; None for a rule that is no condition (of a tag that is a number, say)."""
    rule = check(written.text, playbook.vocabulary.scope(written.event, written.tags))
    return rule if rule.type.kind == "bool" else None


def _verdict(rule: Rule, playbook: Playbook) -> Verdict | None:
    return verdict(written_out(rule, playbook.vocabulary.rules))


def _words(told: Verdict, what: str) -> tuple[ProblemCode, str, str]:
    if told is Verdict.NEVER:
        hint = "compare it with the ranges that the tags and properties declare; bounds may exclude each other"
        return ProblemCode.NEVER_TRUE, f"{what} is never true", hint
    if told is Verdict.ALWAYS:
        return ProblemCode.ALWAYS_TRUE, f"{what} is always true", "leave it out, or say what is meant"
    message = f"{what} is true of everybody of whom what it reads is known"
    return (
        ProblemCode.ALWAYS_TRUE,
        message,
        "write IS NOT NULL if that is meant, or move the bound into the declared range",
    )


# -- campaigns -------------------------------------------------------------------------------


def _campaign(name: str, campaign: CampaignDefinition, d: Definitions, playbook: Playbook) -> Iterator[_Found]:
    for path, code, message, hint in (
        *_together(name, playbook), *_lengths(campaign), *_shares(campaign, d), *_words_to_say(campaign, d),
    ):  # fmt: skip
        yield "campaign", name, path, code, message, hint


_Placed = tuple[str, ProblemCode, str, str]


def _together(name: str, playbook: Playbook) -> Iterator[_Placed]:
    """Conditions that are possible each, and not together."""
    rules = playbook.campaign_rules[name]
    basis = [rule for rule in (rules.where, rules.audience) if rule is not None]
    if any(_verdict(rule, playbook) is Verdict.NEVER for rule in basis):
        return
    both = all_of(basis)
    if both is not None and len(basis) == 2 and _verdict(both, playbook) is Verdict.NEVER:
        yield (
            "audience",
            ProblemCode.NEVER_TRUE,
            "nobody in the audience can meet the trigger's condition",
            "compare the two",
        )
        return
    for index, conditions in enumerate(rules.offers):
        if any(_verdict(rule, playbook) is Verdict.NEVER for rule in conditions):
            continue
        all_in = all_of([*basis, *conditions])
        if conditions and all_in is not None and _verdict(all_in, playbook) is Verdict.NEVER:
            message = "nobody in the audience can have this offer"
            yield (
                f"offers[{index}].offer",
                ProblemCode.NEVER_TRUE,
                message,
                "compare the audience with `eligible` and `when`",
            )


def _lengths(campaign: CampaignDefinition) -> Iterator[_Placed]:
    """Times that do not go together."""
    waits = sum(step.wait or 0 for step in campaign.touchpoints)
    goal, valid = campaign.goal, campaign.valid
    if valid.since and valid.to:
        days = (date.fromisoformat(valid.to) - date.fromisoformat(valid.since)).days + 1
        if waits >= days * MS_PER_DAY:
            message = f"decisions wait {span(waits)}, and the campaign is valid for {days}d"
            yield "touchpoints", ProblemCode.NO_EFFECT, message, "shorten `wait`, or lengthen `valid`"
    if goal is None:
        return
    if waits >= goal.within:
        message = f"decisions wait {span(waits)}, and the goal's window of {span(goal.within)} is over by then"
        yield "goal.within", ProblemCode.NO_EFFECT, message, "shorten `wait`, or lengthen `within`"
    if goal.within > GOAL_DAYS_LONG * MS_PER_DAY:
        message = (
            f"the goal is waited for during {span(goal.within)}, and each customer has one open decision till then"
        )
        yield "goal.within", ProblemCode.NO_EFFECT, message, f"write at most {GOAL_DAYS_LONG}d"
    if campaign.again_after is not None and 0 < campaign.again_after < goal.within:
        message = (
            f"a decision stays open for the goal's {span(goal.within)}, so {span(campaign.again_after)} has no effect"
        )
        yield "again_after", ProblemCode.NO_EFFECT, message, "lengthen it, or leave it out"


def _shares(campaign: CampaignDefinition, d: Definitions) -> Iterator[_Placed]:
    universal = d.policy.universal_control if d.policy is not None else 0
    if campaign.control >= PPM:
        yield (
            "control",
            ProblemCode.NEVER_HAPPENS,
            "everybody is in the control group, so nobody is contacted",
            "lower it",
        )
    elif universal >= PPM:
        message = "everybody is in the universal control group, so nobody is contacted"
        yield "", ProblemCode.NEVER_HAPPENS, message, "lower the policy's `universal_control`"


def _words_to_say(campaign: CampaignDefinition, d: Definitions) -> Iterator[_Placed]:
    """An offer that has words for some touchpoints, and none for one where it may be shown."""
    for index, choice in enumerate(campaign.offers):
        content = d.offers[choice.offer].content
        places = [at for step in campaign.touchpoints for at in ((step.at,) if isinstance(step.at, str) else step.at)]
        silent = [name for name in dict.fromkeys(places) if name not in content]
        if content and silent:
            message = f"`{choice.offer}` has no content for {', '.join(f'`{name}`' for name in silent)}"
            yield f"offers[{index}].offer", ProblemCode.NO_EFFECT, message, "write some, or leave the touchpoint out"


# -- limits, hours, and what comes in --------------------------------------------------------


def _closed_from_the_start(d: Definitions, playbook: Playbook) -> Iterator[_Found]:
    """Budgets, stocks and capacities that are closed before anything has been spent: less than the dearest contact costs."""
    names = Names(playbook.body())
    for number, name in enumerate(names.of("limit")):
        row = playbook.plan.campaigns.limits[number]
        family, _, rest = name.partition("/")
        owner, _, what = rest.rpartition("/")
        if not row.active or row.most >= row.close_below or owner not in d.of(family):
            continue
        path = {"contacts": "policy.budget.contacts", "money": "policy.budget.money", "stock": "stock"}
        place, need = path.get(what, "capacity.per_day"), int(row.close_below)
        if what == "money":
            message = (
                f"the budget of {names.money(int(row.most))} is less than one contact may cost, {names.money(need)}"
            )
        else:
            message = f"{int(row.most)} is less than the {need} that one event may need"
        yield family, owner, place, ProblemCode.NEVER_HAPPENS, message + ": it is closed from the start", "raise it"


def _unused_hours(d: Definitions) -> Iterator[_Found]:
    """Touchpoints to which nothing can be pushed, because quiet hours cover all the hours at which they work."""
    pushed = {
        at for campaign in d.campaigns.values() for step in campaign.touchpoints if step.push for at in _places(step.at)
    }
    for name, touchpoint in d.touchpoints.items():
        if (
            name in pushed
            and touchpoint.contact_class == "marketing"
            and not (_works(touchpoint) & ~_quiet(touchpoint, d)).any()
        ):
            path = "working_hours" if touchpoint.working_hours is not None else "quiet_hours"
            message = "quiet hours cover every hour at which it works, so nothing can ever be pushed to it"
            yield (
                "touchpoint",
                name,
                path,
                ProblemCode.NEVER_HAPPENS,
                message,
                "move its hours, or the policy's quiet hours",
            )


def _places(at: str | tuple[str, ...]) -> tuple[str, ...]:
    return (at,) if isinstance(at, str) else at


def _works(touchpoint: TouchpointDefinition) -> Minutes:
    hours = touchpoint.working_hours
    return np.ones(MINUTES_PER_DAY, np.bool_) if hours is None else _minutes(hours.since, hours.to)


def _quiet(touchpoint: TouchpointDefinition, d: Definitions) -> Minutes:
    quiet = np.zeros(MINUTES_PER_DAY, np.bool_)
    for hours in (touchpoint.quiet_hours, d.policy.quiet_hours if d.policy is not None else None):
        quiet |= _minutes(hours.since, hours.to) if hours is not None else False
    return quiet


def _minutes(since: int, to: int) -> Minutes:
    minute = np.arange(MINUTES_PER_DAY)
    return (minute >= since) & (minute < to) if since <= to else (minute >= since) | (minute < to)


def _unfed(d: Definitions, playbook: Playbook) -> Iterator[_Found]:
    """Where the deployment says by `sources` all that comes in: events and tags that none of them brings."""
    if not d.sources:
        return
    sources = sources_of(d)
    rows = [row for source in sources for row in source.rows]
    events = {row.event for row in rows} | {t.event for t in d.touchpoints.values()} | d.detectors.keys()
    tags = {tag for source in sources for tag in source.tags} | {tag for row in rows for tag in row.tags}
    tags |= {name for name, tag in d.tags.items() if tag.rule or tag.counter or tag.score or tag.source}
    for name, campaign in d.campaigns.items():
        if campaign.trigger is not None and campaign.trigger.event not in events:
            message = f"no source and no detector brings `{campaign.trigger.event}`"
            hint = "map it in a source's `rows`; messages sent over HTTP would bring it too"
            yield "campaign", name, "trigger.event", ProblemCode.NEVER_HAPPENS, message, hint
    for name, rules in playbook.campaign_rules.items():
        if rules.audience is None:
            continue
        wanted = {
            ref.name for ref in written_out(rules.audience, playbook.vocabulary.rules).refs if ref.source == "tag"
        }
        for tag in sorted(wanted - tags):
            message, hint = (
                f"no source sets the tag `{tag}`",
                "map it in a source, or say in the tag's `source` who sets it",
            )
            yield "campaign", name, "audience", ProblemCode.NEVER_HAPPENS, message, hint
