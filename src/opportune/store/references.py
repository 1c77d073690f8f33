"""Do the definitions fit each other? Names that lead nowhere, and pairs that contradict each other.

Rule texts are not read here: the engine's compiler checks those, and its findings are shown through `Definitions.problem`.
"""

from collections.abc import Collection, Iterator
from typing import Any

from opportune.campaigns import CampaignDefinition, OfferDefinition
from opportune.facts import EventDefinition, Kind
from opportune.policy import PolicyDefinition
from opportune.profiles import DetectorDefinition, TagDefinition
from opportune.store.approval import ApprovalDefinition
from opportune.store.definitions import Definitions
from opportune.store.problems import DefinitionProblem, ProblemCode, did_you_mean

_SUMMABLE = (Kind.INT, Kind.DECIMAL, Kind.MONEY)
_COMPARABLE = (*_SUMMABLE, Kind.DATE, Kind.TIMESTAMP)
_FITTING: dict[str, tuple[Kind, ...]] = {"sum": _SUMMABLE, "min": _COMPARABLE, "max": _COMPARABLE}

Found = Iterator[tuple[str, ProblemCode, str, str]]


def check_references(definitions: Definitions) -> list[DefinitionProblem]:
    """Every name without a definition and every contradiction between definitions, at its place."""
    known = _Known(definitions)
    checks: dict[str, Any] = {
        "event": known.event,
        "tag": known.tag,
        "detector": known.detector,
        "offer": known.offer,
        "campaign": known.campaign,
        "policy": known.policy,
        "approval": known.approval,
    }
    problems = [one for family in ("policy", "deployment", "approval") for one in _only_one(definitions, family)]
    for family, name, definition in definitions.all():
        if family in checks:
            problems += [definitions.problem(family, name, *found) for found in checks[family](definition)]
    return problems


def _only_one(definitions: Definitions, family: str) -> list[DefinitionProblem]:
    found = []
    for name in list(definitions.of(family))[1:]:
        first = next(iter(definitions.of(family)))
        message = f"there is already a {family}, `{first}`; a deployment has one"
        found.append(definitions.problem(family, name, family, ProblemCode.CONTRADICTION, message, "merge the two"))
    return found


class _Known:
    """The names that are defined, and the checks that look them up."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        touchpoints = definitions.touchpoints.values()
        self.channels = {touchpoint.channel or touchpoint.touchpoint for touchpoint in touchpoints}
        self.categories = {campaign.policy.category for campaign in definitions.campaigns.values()}
        self.broken_families = {family for family, _ in definitions.broken}

    def name(self, family: str, name: str, path: str) -> Found:
        names = self.definitions.of(family)
        if family == "event":  # detectors make events of their names
            names = names | self.definitions.detectors
        makers = ("event", "detector") if family == "event" else (family,)
        if name not in names and all((maker, name) not in self.definitions.broken for maker in makers):
            hint = did_you_mean(name, names, family)
            yield path, ProblemCode.UNKNOWN_NAME, f"there is no {family} `{name}`", hint

    def word(self, what: str, word: str, known: Collection[str], source: str, path: str) -> Found:
        if word not in known and source not in self.broken_families:
            yield (
                path,
                ProblemCode.UNKNOWN_NAME,
                f"no {source} has the {what} `{word}`",
                did_you_mean(word, known, what),
            )

    def event(self, event: EventDefinition) -> Found:
        if event.at is None:
            return
        yield from self.name("touchpoint", event.at, "at")
        touchpoint = self.definitions.touchpoints.get(event.at)
        if touchpoint is not None and touchpoint.direction == "out":
            message = f"no customer is ever at `{event.at}`, it is outbound only"
            yield "at", ProblemCode.CONTRADICTION, message, "name a touchpoint with `direction: in` or `both`"

    def tag(self, tag: TagDefinition) -> Found:
        counter = tag.counter
        if counter is None:
            return
        yield from self.name("event", counter.of, "counter.of")
        event = self.definitions.events.get(counter.of)
        if event is None or counter.value in (None, "at"):
            return
        value = event.properties.get(counter.value or "")
        if value is None:
            message = f"the event `{counter.of}` has no property `{counter.value}`"
            hint = did_you_mean(counter.value or "", [*event.properties, "at"])
            yield "counter.value", ProblemCode.UNKNOWN_NAME, message, hint
        elif value.type not in _FITTING.get(counter.measure, tuple(Kind)):
            message = f"`{counter.measure}` cannot be taken of `{counter.value}`, a {value.type.value}"
            fitting = [name for name, its in event.properties.items() if its.type in _FITTING[counter.measure]]
            hint = f"take one of {', '.join(fitting)}" if fitting else "count the events, or declare it as a number"
            yield "counter.value", ProblemCode.CONTRADICTION, message, hint

    def detector(self, detector: DetectorDefinition) -> Found:
        when = detector.when
        if detector.detector in self.definitions.events:
            message = f"there is an event `{detector.detector}` already, which others send"
            yield "detector", ProblemCode.CONTRADICTION, message, "give the detector another name"
        for key in ("event", "then", "then_not"):
            written = getattr(when, key)
            for index, name in enumerate((written,) if isinstance(written, str) else written or ()):
                yield from self.name("event", name, f"when.{key}" + ("" if isinstance(written, str) else f"[{index}]"))
        for key in ("tag", "date"):
            if getattr(when, key) is not None:
                yield from self.name("tag", getattr(when, key), f"when.{key}")

    def offer(self, offer: OfferDefinition) -> Found:
        for touchpoint in offer.content:
            yield from self.name("touchpoint", touchpoint, f"content.{touchpoint}")

    def campaign(self, campaign: CampaignDefinition) -> Found:
        if campaign.trigger is not None:
            yield from self.name("event", campaign.trigger.event, "trigger.event")
        goal = campaign.goal
        if goal is not None:
            yield from self.name("event", goal.event, "goal.event")
            if goal.regret is not None:
                yield from self.name("event", goal.regret.event, "goal.regret.event")
        if not campaign.propensity.endswith("%"):
            yield from self._propensity(campaign.propensity)
        yield from self._offers(campaign)
        yield from self._touchpoints(campaign)

    def _propensity(self, name: str) -> Found:
        yield from self.name("tag", name, "propensity")
        tag = self.definitions.tags.get(name)
        if tag is not None and tag.type not in (None, Kind.INT):
            message = (
                f"`{name}` is a {tag.type.value if tag.type else ''}, but a propensity is an int in parts per million"
            )
            yield "propensity", ProblemCode.CONTRADICTION, message, "name a tag with `type: int`, or write a percentage"

    def _offers(self, campaign: CampaignDefinition) -> Found:
        names = [choice.offer for choice in campaign.offers]
        for index, name in enumerate(names):
            yield from self.name("offer", name, f"offers[{index}].offer")
            if name in names[:index]:
                message = f"the offer `{name}` is there twice"
                yield f"offers[{index}].offer", ProblemCode.CONTRADICTION, message, "keep one, and set its `weight`"
        if names and not campaign.touchpoints:
            hint = "write for example `touchpoints: [{at: sms, push: now}]`"
            yield "offers", ProblemCode.CONTRADICTION, "there are offers, but no touchpoint to show them at", hint

    def _touchpoints(self, campaign: CampaignDefinition) -> Found:
        for index, step in enumerate(campaign.touchpoints):
            many = not isinstance(step.at, str)
            for inner, name in enumerate((step.at,) if isinstance(step.at, str) else step.at):
                path = f"touchpoints[{index}].at" + (f"[{inner}]" if many else "")
                yield from self.name("touchpoint", name, path)
                touchpoint = self.definitions.touchpoints.get(name)
                if touchpoint is None:
                    continue
                if step.push and touchpoint.direction == "in":
                    message = f"nothing can be pushed to `{name}`, it is inbound only"
                    yield path, ProblemCode.CONTRADICTION, message, "leave `push` out, or name an outbound touchpoint"
                if not step.push and touchpoint.direction == "out":
                    message = f"`{name}` is outbound only, so without `push: now` nothing is ever sent there"
                    yield path, ProblemCode.CONTRADICTION, message, "add `push: now`"

    def policy(self, policy: PolicyDefinition) -> Found:
        for index, cap in enumerate(policy.caps):
            path = f"caps[{index}].of"
            if cap.of is None:
                continue
            if cap.per == "customer":
                message = "a cap per customer counts all contacts and has no `of`"
                yield (
                    path,
                    ProblemCode.CONTRADICTION,
                    message,
                    "leave `of` out, or write `per: channel` or `per: category`",
                )
            elif cap.per == "channel":
                yield from self.word("channel", cap.of, self.channels, "touchpoint", path)
            else:
                yield from self.word("category", cap.of, self.categories, "campaign", path)
        if policy.time_zone is None:
            return
        yield from self.name("tag", policy.time_zone, "time_zone")
        tag = self.definitions.tags.get(policy.time_zone)
        if tag is not None and tag.type not in (None, Kind.TEXT):
            message = f"`{policy.time_zone}` is a {tag.type.value if tag.type else ''}, but a time zone is a text"
            yield "time_zone", ProblemCode.CONTRADICTION, message, "name a tag with `type: text`"

    def approval(self, approval: ApprovalDefinition) -> Found:
        names = [step.step for step in approval.steps]
        for index, step in enumerate(approval.steps):
            if step.step in names[:index]:
                message = f"the step `{step.step}` is there twice"
                yield f"steps[{index}].step", ProblemCode.CONTRADICTION, message, "rename or remove one of them"
            for inner, category in enumerate(step.when.categories if step.when is not None else ()):
                path = f"steps[{index}].when.categories[{inner}]"
                yield from self.word("category", category, self.categories, "campaign", path)
