"""Ask: why, or why not, and what would change it? One customer is replayed alone up to one event, through the kernel entry that decided then."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine, Playbook
from opportune.facts import NO_OFFER, NULL, REASON_TEXTS, FactKind, Reason
from opportune.operations.decisions import DecisionLine, decision_line
from opportune.operations.deployment import DeploymentError
from opportune.operations.flips import Flip, Flips
from opportune.operations.names import Language, Names, scaled, span
from opportune.operations.one_customer import CustomerFact, OneCustomer, Trail, read_trail, row_in, same_decisions
from opportune.operations.supposing import Supposing, TooManyError
from opportune.operations.tag_values import row_of
from opportune.rules import Ref, Rule, conjuncts, evaluate, read

PRIORITY_DECIMALS = 6
"""A priority is in millionths of a minor unit."""
_TOUCHPOINT_REASONS = (
    Reason.NO_TOUCHPOINT, Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN, Reason.QUIET_HOURS, Reason.HOLIDAY, Reason.CAP_CHANNEL,
    Reason.CAP_CATEGORY, Reason.CAPACITY,
)  # fmt: skip
_MOMENT_REASONS = (
    Reason.CAMPAIGN_NOT_VALID, Reason.COOL_DOWN_REFUSED, Reason.COOL_DOWN_COMPLAINT, Reason.CAP_CUSTOMER,
    Reason.DECISION_OPEN, Reason.AGAIN_TOO_SOON, Reason.CAMPAIGN_COOL_DOWN, Reason.CAP_CAMPAIGN,
)  # fmt: skip

_IN_THE_RUNNING = (Reason.PROPOSED, Reason.CONTROL, Reason.UNIVERSAL_CONTROL, Reason.OUTRANKED)
SILENCE = {
    "no candidate": ("no campaign in force waits for this event", "没有执行中的营销案等待该事件"),
    "withheld": ("every campaign that waits for this event was withheld, each for its reason", "等待该事件的营销案均未推荐，原因逐一列出"),
}  # fmt: skip


class UnmetCondition(msgspec.Struct, frozen=True):
    """A condition that was not true, in words, and the values it looked at (None where unknown)."""

    condition: str
    values: dict[str, str | int | bool | list[str] | None]


class Candidate(msgspec.Struct, frozen=True):
    """The fate of one campaign that the event triggers. `figure` is the reason's key figure in words, `arg` as a number.

    `rank` is its place among those that could win, by priority; 0 for the others. `flips` are the smallest changes after which, all together,
    its fate would be the other one (none where none was found), `instead` other changes that would open its first gate.
    """

    campaign: str
    title: str
    reason: str
    code: int
    text: str
    figure: str
    arg: int
    priority: str
    offer: str
    touchpoint: str
    unmet: tuple[UnmetCondition, ...] = ()
    rank: int = 0
    flips: tuple[Flip, ...] = ()
    instead: tuple[Flip, ...] = ()


class Explanation(msgspec.Struct, frozen=True):
    """What an event meant for a customer and why. `agrees`: deciding again gave exactly what was journaled then.

    `history_agrees` says the same of all her earlier decisions, `differs_at` where the first one differs. `derived` are the events
    that detectors made at the same fact. `silence` says why where nothing was decided. Of the last `unsearched` candidates no change was
    searched for, because too many had been tried by then.
    """

    customer: int
    seq: int
    event: str
    title: str
    properties: dict[str, str | int | bool | list[str] | None]
    at_ms: int
    at: str
    now_ms: int
    now: str
    playbook: int
    candidates: tuple[Candidate, ...]
    decisions: tuple[DecisionLine, ...]
    agrees: bool
    history_agrees: bool
    differs_at: int | None
    derived: tuple[str, ...] = ()
    silence: str = ""
    unsearched: int = 0


def explain(
    folder: Path, customer: int, seq: int | None = None, *, at_ms: int | None = None, language: Language = "en"
) -> Explanation:
    """Explain what was decided for a customer at her event `seq`, or at her last event not after `at_ms`.

    Without both: at her last event that any campaign is triggered by. Writes nothing; works beside a writer. Raises
    DeploymentError where there is no such customer or event.
    """
    trail = read_trail(folder, customer, None if seq is None else seq + 1)
    if seq is not None and not any(fact.seq == seq for fact in (*trail.facts, *trail.events)):
        trail = read_trail(folder, customer)  # to say which events there are
    event = _event_asked(trail, seq, at_ms)
    alone = OneCustomer(trail)
    alone.play(event.seq)
    before = np.concatenate([np.empty(0, trail.decisions.dtype), *alone.decisions])
    again, contacts = Supposing(alone), alone.contacts
    outputs, fates = alone.trace()
    journaled = trail.decisions
    made = outputs.decisions.copy()
    made["seq"], made["customer"] = event.seq, np.array(trail.members, np.uint32)[made["customer"]]
    differs_at = _first_difference(before, journaled[journaled["seq"] < event.seq])
    then = journaled[journaled["seq"] == event.seq]
    names = Names(trail.body, language)
    playbook = alone.engine.playbook
    name = names.name("event", event.code)
    telling = _Telling(alone.engine, names, event)
    told = [
        CustomerFact(event.seq, FactKind.EVENT, int(row["event"]), int(row["at_ms"]), int(row["now_ms"]), tuple(row["values"].tolist()), event.place)
        for row in outputs.derived
    ]  # fmt: skip
    tellings = {one.code: _Telling(alone.engine, names, one) for one in told} | {event.code: telling}
    candidates = _ranked([_telling_of(fate, names, tellings, telling).candidate(fate) for fate in fates], fates)
    events = [_telling_of(fate, names, tellings, telling).event for fate in fates]
    turned = _turned(candidates, fates, events, Flips(again, names, contacts))
    lines = tuple(decision_line(row, names) for row in (then if len(then) else made))
    return Explanation(
        customer, event.seq, name, names.title("event", name), telling.properties(),
        event.at_ms, names.moment(event.at_ms), event.now_ms, names.moment(event.now_ms), playbook.version,
        (*turned, *candidates[len(turned) :]), lines, same_decisions(made, then), differs_at is None, differs_at,
        tuple(names.name("event", one.code) for one in told), _silence(candidates, lines, names), len(candidates) - len(turned),
    )  # fmt: skip


def _ranked(candidates: list[Candidate], fates: NDArray[Any]) -> list[Candidate]:
    """With the place of each that passed every gate; of equals the first one named is before."""
    running = [at for at in range(len(fates)) if Reason(int(fates["reason"][at])) in _IN_THE_RUNNING]
    order = sorted(running, key=lambda at: (-int(fates["priority"][at]), int(fates["campaign"][at])))
    ranks = {at: rank for rank, at in enumerate(order, 1)}
    return [msgspec.structs.replace(one, rank=ranks.get(at, 0)) for at, one in enumerate(candidates)]


def _turned(
    candidates: list[Candidate], fates: NDArray[Any], events: list[CustomerFact], flips: Flips
) -> list[Candidate]:
    """The candidates with what would turn their fates round, as far as the search got."""
    found: list[Candidate] = []
    for one, fate, event in zip(candidates, fates, events, strict=True):
        try:
            turn = flips.turn(int(fate["campaign"]), event)
        except TooManyError:
            break
        found.append(msgspec.structs.replace(one, flips=turn.flips, instead=turn.instead))
    return found


def _silence(candidates: list[Candidate], lines: tuple[DecisionLine, ...], names: Names) -> str:
    """Why nothing was decided."""
    if lines:
        return ""
    return SILENCE["withheld" if candidates else "no candidate"][0 if names.language == "en" else 1]


def _telling_of(fate: Any, names: Names, tellings: "dict[int, _Telling]", asked: "_Telling") -> "_Telling":
    """A candidate is told by the event that triggered it: the one asked about, or one that detectors made at the same fact."""
    campaign = asked.playbook.definitions.campaigns[names.campaign(int(fate["campaign"]))]
    event = campaign.trigger.event if campaign.trigger is not None else ""
    return tellings.get(asked.playbook.numbering.number("event", event), asked)


def _first_difference(one: NDArray[Any], other: NDArray[Any]) -> int | None:
    """The fact of the first decision in which two lists differ."""
    for at in range(min(len(one), len(other))):
        if not same_decisions(one[at : at + 1], other[at : at + 1]):
            return int(min(one["seq"][at], other["seq"][at]))
    if len(one) == len(other):
        return None
    longer = one if len(one) > len(other) else other
    return int(longer[min(len(one), len(other))]["seq"])


def _event_asked(trail: Trail, seq: int | None, at_ms: int | None) -> CustomerFact:
    events = trail.events
    if not events:
        raise DeploymentError(f"customer #{trail.customer} has no events, so nothing was decided for her")
    if seq is not None:
        found = next((fact for fact in events if fact.seq == seq), None)
        if found is None:
            near = min(events, key=lambda fact: abs(fact.seq - seq)).seq
            raise DeploymentError(
                f"fact {seq} is no event of customer #{trail.customer}; the nearest of hers is {near}"
            )
        return found
    if at_ms is not None:
        events = [fact for fact in events if fact.at_ms <= at_ms]
        if not events:
            raise DeploymentError(f"customer #{trail.customer} has no event up to that moment; give a later --at")
    return next((fact for fact in reversed(events) if _triggers(trail, fact)), events[-1])


def _triggers(trail: Trail, fact: CustomerFact) -> bool:
    """Whether a campaign of the last playbook waits for this event."""
    body = trail.body
    if body is None:
        return False
    names = body.numbers.get("event", [])
    name = names[fact.code] if fact.code < len(names) else ""
    return any(c.trigger is not None and c.trigger.event == name for c in body.definitions.campaigns.values())


class _Telling:
    """Puts fates into words: reasons, key figures, and the conditions that were not met with the values they saw."""

    def __init__(self, engine: Engine, names: Names, event: CustomerFact) -> None:
        self.engine, self.names, self.event = engine, names, event
        self.playbook: Playbook = engine.playbook
        self.row = row_of(engine, event, row_in(engine, event.place))
        self.side = 0 if names.language == "en" else 1

    def properties(self) -> dict[str, str | int | bool | list[str] | None]:
        """The event's declared properties by name."""
        types = self.playbook.vocabulary.events.get(self.names.name("event", self.event.code), {})
        found = zip(types.items(), self.event.values, strict=False)
        return {name: self.names.value(value, kind, self.engine.dictionary) for (name, kind), value in found}

    def candidate(self, fate: Any) -> Candidate:
        """One candidate's fate in words."""
        reason, arg = Reason(int(fate["reason"])), int(fate["arg"])
        name = self.names.campaign(int(fate["campaign"]))
        chosen = reason in _IN_THE_RUNNING
        priority = int(fate["priority"])
        return Candidate(
            name, self.names.title("campaign", name), reason.name, reason.value, REASON_TEXTS[reason][self.side],
            self.figure(reason, arg, name), arg,
            self.money(priority) if chosen else "",
            self.names.offer(int(fate["offer"])) if chosen and int(fate["offer"]) != NO_OFFER else "",
            self.names.touchpoint(int(fate["touchpoint"])) if chosen else "",
            self.unmet(reason, name),
        )  # fmt: skip

    def money(self, priority: int) -> str:
        """A priority as the expected value that it is, in the deployment's currency."""
        deployment = self.names.definitions.deployment
        return f"{scaled(priority // 10 ** (PRIORITY_DECIMALS - 2), deployment.money_scale + 2)} {deployment.currency}"

    def figure(self, reason: Reason, arg: int, campaign: str) -> str:
        """The key figure of a reason in words; empty where it has none."""
        if reason in _MOMENT_REASONS:
            return self.names.moment(arg) + (f" ({self.names.zone.key})")
        if reason in _TOUCHPOINT_REASONS:
            return self.names.name("touchpoint", arg)
        match reason:
            case Reason.PROPOSED | Reason.OUTRANKED:
                return self.money(arg)
            case Reason.CONTROL:
                return f"{_percent(arg)} < {_percent(self.playbook.definitions.campaigns[campaign].control)}"
            case Reason.UNIVERSAL_CONTROL:
                policy = self.playbook.definitions.policy
                return f"{_percent(arg)} < {_percent(policy.universal_control if policy else 0)}"
            case Reason.EVENT_TOO_OLD:
                number = self.playbook.numbering.number("campaign", campaign)
                limit = int(self.playbook.plan.campaigns.campaigns[number].max_age)
                return f"{span(arg)} > {span(limit)}"
            case Reason.BUDGET_CONTACTS | Reason.BUDGET_MONEY:
                return self.names.name("limit", arg)
            case Reason.OUT_OF_STOCK:
                return self.names.offer(arg)
            case Reason.TRIGGER_CONDITION | Reason.NOT_IN_AUDIENCE:
                return "; ".join(one.condition for one in self.unmet(reason, campaign))
        return ""

    def unmet(self, reason: Reason, campaign: str) -> tuple[UnmetCondition, ...]:
        """For a condition or an audience: its parts that were not true."""
        rules = self.playbook.campaign_rules.get(campaign)
        if rules is None or reason not in (Reason.TRIGGER_CONDITION, Reason.NOT_IN_AUDIENCE):
            return ()
        rule = rules.where if reason == Reason.TRIGGER_CONDITION else rules.audience
        parts = () if rule is None else conjuncts(rule)
        return tuple(self._unmet(part) for part in parts if self._value(part) != 1)

    def _value(self, rule: Rule) -> int | None:
        return evaluate(rule, self.row, self.engine.dictionary, self.playbook.plan.zones)

    def _unmet(self, rule: Rule) -> UnmetCondition:
        words = read(rule, self.names.language, self._titles())
        values = {}
        for ref in rule.refs:
            kind = self._types().get(ref)
            if kind is not None:
                value = self.row.get(ref)
                name = ref.name if ref.source == "tag" else f"event.{ref.name}"
                values[name] = self.names.value(NULL if value is None else value, kind, self.engine.dictionary)
        return UnmetCondition(words, values)

    def _types(self) -> Mapping[Ref, Any]:
        vocabulary = self.playbook.vocabulary
        event = vocabulary.events.get(self.names.name("event", self.event.code), {})
        types = {Ref("tag", name): kind for name, kind in vocabulary.tags.items()}
        return types | {Ref("event", name): kind for name, kind in event.items()}

    def _titles(self) -> Mapping[str, tuple[str, str]]:
        d = self.playbook.definitions
        titles = {name: (tag.title.en, tag.title.zh) for name, tag in d.tags.items()}
        event = d.events.get(self.names.name("event", self.event.code))
        for name, known in (event.properties if event else {}).items():
            titles[f"event.{name}"] = (known.title.en, known.title.zh)
        return titles


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000:04}%"
