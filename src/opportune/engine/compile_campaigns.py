"""From campaign definitions to the kernel's tables: steps, offers, goals, limits and compiled conditions."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from opportune.campaigns import (
    CAMPAIGN,
    CAMPAIGN_CAP,
    GOAL_COUNT,
    GOAL_EVENT,
    GOAL_PLAN,
    GOAL_SUM,
    LIMIT_PLAN,
    OFFER_CHOICE,
    PAIR_HEADER_WORDS,
    PRIORITY_VALUE_MAX,
    SHOWING,
    STEP,
    TOUCHPOINT,
    WEIGHT_PPM_MAX,
    CampaignDefinition,
    CampaignPlan,
    Goal,
    TouchpointDefinition,
    seed_of,
)
from opportune.engine.compile_profiles import Registers
from opportune.engine.compile_showings import (
    check_steps,
    check_touchpoint,
    may_wait,
    places_of,
    showing_of,
    touch_class_of,
    touch_of,
)
from opportune.engine.vocabulary import Vocabulary, channel_of
from opportune.facts import NULL, PPM, VALUE_MAX, Kind, Numbering, in_lines, parse_rate, parse_scaled
from opportune.policy import CLASS_INBOUND, CLASS_PUSH, CLASS_SERVICE
from opportune.rules import Rule, RuleError, RulePlanBuilder, check_reach

OFFERS_PER_CAMPAIGN_MAX = 60


class CampaignRules(msgspec.Struct):
    """The checked rules of one campaign."""

    audience: Rule | None = None
    where: Rule | None = None
    goal: Rule | None = None
    regret: Rule | None = None
    offers: list[list[Rule]] = []


class CampaignCompiler:
    """Builds a CampaignPlan. First `check` every campaign (which tells what tags are used), then `add` each, then `build`."""

    def __init__(self, vocabulary: Vocabulary, registers: Registers, builder: RulePlanBuilder) -> None:
        self.v, self.registers, self.builder = vocabulary, registers, builder
        self.zone = ZoneInfo(vocabulary.definitions.deployment.zone)
        self.steps: list[tuple[int, ...]] = []
        self.known_steps: dict[tuple[tuple[int, ...], ...], int] = {}
        self.offers: list[tuple[int, ...]] = []
        self.caps: list[tuple[int, int]] = []
        self.goals: list[tuple[int, ...]] = []
        self.limits: dict[int, tuple[int, int, int]] = {}
        self.rows: dict[int, tuple[int, ...]] = {}
        self.takers: dict[str, set[tuple[str | None, bool]]] = {}
        for name, touchpoint in vocabulary.definitions.touchpoints.items():
            check_touchpoint(vocabulary, name, touchpoint)

    def check(self, name: str, campaign: CampaignDefinition) -> CampaignRules:
        """Check the campaign's rules; problems are noted in the vocabulary."""
        rules = CampaignRules(offers=[])
        event = campaign.trigger.event if campaign.trigger else None
        for path, known, family in (
            ("trigger.event", event, "event"),
            ("goal.event", campaign.goal and campaign.goal.event, "event"),
        ):
            if known is not None and known not in self.v.events:
                self.v.problem("campaign", name, path, f"no {family} `{known}`")
                return rules
        check_steps(self.v, name, campaign)
        scope = self.v.scope(event)
        if campaign.audience is not None:
            rules.audience = self.v.rule("campaign", name, "audience", campaign.audience, scope)
            self._check_audience(name, campaign, rules.audience)
        if campaign.trigger and campaign.trigger.where is not None:
            rules.where = self.v.rule("campaign", name, "trigger.where", campaign.trigger.where, scope)
        goal = campaign.goal
        if goal and goal.where is not None:
            rules.goal = self.v.rule("campaign", name, "goal.where", goal.where, self.v.scope(goal.event, tags=False))
        if goal and goal.regret and goal.regret.event not in self.v.events:
            self.v.problem("campaign", name, "goal.regret.event", f"no event `{goal.regret.event}`")
        elif goal and goal.regret and goal.regret.where is not None:
            rules.regret = self.v.rule(
                "campaign", name, "goal.regret.where", goal.regret.where, self.v.scope(goal.regret.event, tags=False)
            )
        for i, choice in enumerate(campaign.offers):
            offer = self.v.definitions.offers.get(choice.offer)
            if offer is None:
                self.v.problem("campaign", name, f"offers[{i}].offer", f"no offer `{choice.offer}`")
                rules.offers.append([])
                continue
            found = [
                self.v.rule("campaign", name, f"offers[{i}].when", choice.when, scope) if choice.when else None,
                self.v.rule("offer", choice.offer, "eligible", offer.eligible, scope) if offer.eligible else None,
            ]
            rules.offers.append([rule for rule in found if rule is not None])
        return rules

    def _check_audience(self, name: str, campaign: CampaignDefinition, rule: Rule | None) -> None:
        """Where decisions wait, the audience is asked again when nobody remembers the event any more."""
        if rule and may_wait(campaign, self.v.definitions.touchpoints) and any(r.source == "event" for r in rule.refs):
            hint = "write conditions on the event into trigger.where"
            message = "a campaign whose decisions wait or are leased asks its audience again later, without the event"
            self.v.problem("campaign", name, "audience", message, hint)

    def add(self, name: str, campaign: CampaignDefinition, rules: CampaignRules) -> None:
        """Compile one checked campaign into the tables."""
        v = self.v
        number = v.numbering.number("campaign", name)
        event = campaign.trigger.event if campaign.trigger else None
        self.registers.for_event(v.events.get(event or "", ()))
        where = self._clauses(rules.where)
        audience = self._clauses(rules.audience)
        steps = self._steps(name, campaign)
        step_first, classes = self._add_steps(steps), int(np.bitwise_or.reduce([1 << step[4] for step in steps] or [0]))
        offer_first = len(self.offers)
        self._add_offers(name, campaign, rules, classes == 1 << CLASS_SERVICE)
        cap_first = len(self.caps)
        self.caps += [(cap.window, cap.max) for cap in campaign.policy.caps]
        goal = self._add_goal(name, campaign.goal, rules) if campaign.goal else -1
        contacts, money = self._add_budget(name, campaign, steps, offer_first)
        propensity_ppm, propensity_ref = self._propensity(name, campaign)
        window = campaign.goal.within if campaign.goal else 0
        trigger = campaign.trigger
        max_age = 0
        if trigger:
            max_age = v.every_event[trigger.event].max_age if trigger.max_age is None else trigger.max_age
        since = self._day(name, "valid.from", campaign.valid.since, 0, NULL + 1)
        to = self._day(name, "valid.to", campaign.valid.to, 1, VALUE_MAX)
        self.rows[number] = (
            since, NULL + 1 if campaign.paused else to,
            seed_of("campaign", name), window if campaign.again_after is None else campaign.again_after, max_age,
            campaign.policy.cool_down_after_refusal or 0, self._ppm(name, "lever", campaign.lever),
            propensity_ppm, propensity_ref, campaign.control,
            v.numbering.number("category", campaign.policy.category),
            v.numbering.number("purpose", campaign.policy.purpose),
            *where, *audience, step_first, len(steps), offer_first, len(self.offers) - offer_first,
            cap_first, len(self.caps) - cap_first, goal, contacts, money, classes,
        )  # fmt: skip

    def build(self) -> CampaignPlan:
        """The tables of all campaigns added."""
        names = self.v.numbering.names
        table = np.zeros(len(names["campaign"]), CAMPAIGN).view(np.recarray)
        table.goal = -1
        table.category = -1
        table.purpose = -1
        table.limit_contacts = -1
        table.limit_money = -1
        for number, row in self.rows.items():
            table[number] = row
        limits = np.zeros(len(names["limit"]), LIMIT_PLAN).view(np.recarray)
        for number, (most, close_below, per_day) in self.limits.items():
            limits[number] = (most, close_below, per_day, 1)
        known = self.v.definitions.touchpoints
        rows = [touchpoint_row(known.get(name), self.v.numbering) for name in names["touchpoint"]]
        touchpoints = np.array(rows, np.int32).reshape(-1, 2)
        most = max((cap[1] for cap in self.caps), default=0)
        width = len(STEP.names or ())
        showings = _table([row[width:] for row in self.steps], SHOWING)
        touches = _table([touch_of(known.get(name)) for name in names["touchpoint"]], TOUCHPOINT)
        return CampaignPlan(
            in_lines(table).view(np.recarray), _table([row[:width] for row in self.steps], STEP), _table(self.offers, OFFER_CHOICE),
            _table(self.caps, CAMPAIGN_CAP), in_lines(_table(self.goals, GOAL_PLAN)).view(np.recarray), limits, touchpoints, showings,
            touches, PAIR_HEADER_WORDS + most,
        )  # fmt: skip

    def _clauses(self, rule: Rule | None) -> tuple[int, int]:
        return (0, 0) if rule is None else self.builder.add(rule)

    def _day(self, name: str, path: str, text: str | None, plus_days: int, otherwise: int) -> int:
        if text is None:
            return otherwise
        try:
            day = date.fromisoformat(text) + timedelta(days=plus_days)
        except ValueError:
            self.v.problem("campaign", name, path, f"`{text}` is no day", "write YYYY-MM-DD")
            return otherwise
        return int(datetime.combine(day, time(), self.zone).timestamp()) * 1000

    def _ppm(self, name: str, path: str, text: str) -> int:
        ppm = parse_scaled(text, 6)
        if not 0 <= ppm <= WEIGHT_PPM_MAX:
            self.v.problem("campaign", name, path, f"must lie between 0 and {WEIGHT_PPM_MAX // PPM}")
        return min(max(ppm, 0), WEIGHT_PPM_MAX)

    def _money(self, family: str, name: str, path: str, text: str, most: int) -> int:
        amount = parse_scaled(text, self.v.money_scale)
        if not 0 <= amount <= most:
            self.v.problem(family, name, path, f"must lie between 0 and {most / 10**self.v.money_scale:,.2f}")
        return min(max(amount, 0), most)

    def _propensity(self, name: str, campaign: CampaignDefinition) -> tuple[int, int]:
        text = campaign.propensity
        if text.endswith("%"):
            try:
                return parse_rate(text), -1
            except ValueError as error:
                self.v.problem("campaign", name, "propensity", str(error))
        elif text not in self.v.tags or self.v.tags[text].kind is not Kind.INT:
            self.v.problem(
                "campaign",
                name,
                "propensity",
                f"no whole-number tag `{text}`",
                "name a score tag in parts per million, or write a percentage",
            )
        else:
            return 0, self.registers.tags[text]
        return 0, -1

    def _add_steps(self, steps: list[tuple[int, ...]]) -> int:
        """The place of these steps, one after the other. Campaigns with the same ones share them: few rows are soon at hand."""
        key = tuple(steps)
        if key not in self.known_steps:
            self.known_steps[key] = len(self.steps)
            self.steps += steps
        return self.known_steps[key]

    def _steps(self, name: str, campaign: CampaignDefinition) -> list[tuple[int, ...]]:
        """The touchpoints that can be used when the trigger happens, as rows of STEP and behind them SHOWING."""
        steps: list[tuple[int, ...]] = []
        classes = 0
        here = self.v.every_event[campaign.trigger.event].at if campaign.trigger else None
        for i, step in enumerate(campaign.touchpoints):
            for touchpoint_name in places_of(step):
                touchpoint = self.v.definitions.touchpoints.get(touchpoint_name)
                if touchpoint is None:
                    self.v.problem("campaign", name, f"touchpoints[{i}].at", f"no touchpoint `{touchpoint_name}`")
                    continue
                contact_class = touch_class_of(touchpoint)
                if step.wait is None:
                    contact_class = _class_of(touchpoint, here, step.push is not None)
                if contact_class < 0:
                    continue
                classes |= 1 << contact_class
                quiet = touchpoint.quiet_hours
                steps.append((
                    self._ppm(name, f"touchpoints[{i}].weight", step.weight),
                    self._money("touchpoint", touchpoint_name, "cost", touchpoint.cost, PRIORITY_VALUE_MAX),
                    self.v.numbering.number("touchpoint", touchpoint_name),
                    self.v.numbering.number("channel", channel_of(touchpoint)),
                    contact_class, -1 if quiet is None else quiet.since, -1 if quiet is None else quiet.to,
                    self._limit(f"touchpoint/{touchpoint_name}/day", touchpoint.capacity.per_day, 1, 1),
                    *showing_of(campaign, i, touchpoint, here),
                ))  # fmt: skip
        if classes & (1 << CLASS_SERVICE) and classes != 1 << CLASS_SERVICE:
            self.v.problem(
                "campaign",
                name,
                "touchpoints",
                "service and marketing touchpoints in one campaign",
                "make two campaigns",
            )
        if campaign.trigger and not classes:
            self.v.problem(
                "campaign", name, "touchpoints",
                f"none can be used when `{campaign.trigger.event}` happens: inbound ones need the event to happen `at` them or a `wait`, outbound ones `push: now`",
            )  # fmt: skip
        return steps

    def _add_offers(self, name: str, campaign: CampaignDefinition, rules: CampaignRules, service: bool) -> None:
        if len(campaign.offers) > OFFERS_PER_CAMPAIGN_MAX:
            self.v.problem("campaign", name, "offers", f"more than {OFFERS_PER_CAMPAIGN_MAX} offers")
            return
        for i, (choice, conditions) in enumerate(zip(campaign.offers, rules.offers, strict=True)):
            offer = self.v.definitions.offers.get(choice.offer)
            if offer is None:
                continue
            if not 1 <= choice.weight <= PPM:
                self.v.problem("campaign", name, f"offers[{i}].weight", f"must lie between 1 and {PPM:,}")
            ranges = [self.builder.add(rule) for rule in conditions]
            first, count = (ranges[0][0], sum(many for _, many in ranges)) if ranges else (0, 0)
            self.offers.append((
                self._money("offer", choice.offer, "value", offer.value, PRIORITY_VALUE_MAX),
                self._money("offer", choice.offer, "cost", offer.cost, PRIORITY_VALUE_MAX),
                self.v.numbering.number("offer", choice.offer), choice.weight, first, count,
                self._limit(f"offer/{choice.offer}/stock", offer.stock, self._taken_at_once(choice.offer, campaign, service), 0), 0,
            ))  # fmt: skip

    def _taken_at_once(self, offer: str, campaign: CampaignDefinition, service: bool) -> int:
        """How many of an offer one event can take: two where both a service and a marketing campaign offer it then."""
        event = campaign.trigger.event if campaign.trigger else None
        takers = self.takers.setdefault(offer, set())
        takers.add((event, service))
        return 2 if (event, not service) in takers else 1

    def _limit(self, name: str, most: int | None, close_below: int, per_day: int) -> int:
        if most is None:
            return -1
        number = self.v.numbering.number("limit", name)
        known = self.limits.get(number)
        self.limits[number] = (most, max(close_below, known[1] if known else 0), per_day)
        return number

    def _add_budget(
        self, name: str, campaign: CampaignDefinition, steps: list[tuple[int, ...]], offer_first: int
    ) -> tuple[int, int]:
        budget = campaign.policy.budget
        per_day = int(budget.per == "day")
        dearest = max((s[1] for s in steps), default=0) + max((o[1] for o in self.offers[offer_first:]), default=0)
        money = (
            None if budget.money is None else self._money("campaign", name, "policy.budget.money", budget.money, 2**52)
        )
        return (
            self._limit(f"campaign/{name}/contacts", budget.contacts, 1, per_day),
            self._limit(f"campaign/{name}/money", money, max(dearest, 1), per_day),
        )

    def _add_goal(self, name: str, goal: Goal, rules: CampaignRules) -> int:
        properties = self.v.events.get(goal.event, {})
        self.registers.for_event(properties)
        where = self._clauses(rules.goal)
        measure, slot, threshold, strict = GOAL_EVENT, -1, 0, 0
        if goal.reach is not None:
            try:
                reach = check_reach(goal.reach, self.v.scope(goal.event, tags=False))
                measure, threshold, strict = (
                    GOAL_SUM if reach.measure == "sum" else GOAL_COUNT,
                    reach.threshold,
                    int(reach.strict),
                )
                slot = list(properties).index(reach.property) if reach.property else -1
            except RuleError as error:
                self.v.problem("campaign", name, "goal.reach", error.message, error.hint)
        value_slot = -1
        if goal.value is not None:
            property_name = goal.value.removeprefix("event.")
            if property_name not in properties or properties[property_name].kind is not Kind.MONEY:
                self.v.problem(
                    "campaign", name, "goal.value", f"event `{goal.event}` has no money property `{property_name}`"
                )
            else:
                value_slot = list(properties).index(property_name)
        regret_event, regret_window, regret = -1, 0, (0, 0)
        if goal.regret is not None and goal.regret.event in self.v.events:
            self.registers.for_event(self.v.events[goal.regret.event])
            regret = self._clauses(rules.regret)
            regret_event, regret_window = self.v.numbering.number("event", goal.regret.event), goal.regret.within
        self.goals.append((
            threshold, goal.within, regret_window, self.v.numbering.number("event", goal.event), *where,
            measure, slot, strict, value_slot, regret_event, *regret,
        ))  # fmt: skip
        return len(self.goals) - 1


def touchpoint_row(touchpoint: TouchpointDefinition | None, numbering: Numbering) -> tuple[int, int]:
    """(channel, contact class) by which contacts of another system count; channel -1 where the touchpoint is not known."""
    if touchpoint is None:
        return -1, CLASS_PUSH
    inbound = CLASS_INBOUND if touchpoint.direction == "in" else CLASS_PUSH
    service = touchpoint.contact_class == "service"
    return numbering.number("channel", channel_of(touchpoint)), CLASS_SERVICE if service else inbound


def _class_of(touchpoint: TouchpointDefinition, here: str | None, push: bool) -> int:
    """The contact class of a touchpoint for a trigger that happens at `here`, or -1 where it cannot be used."""
    inbound = touchpoint.direction in ("in", "both") and here == touchpoint.touchpoint
    outbound = touchpoint.direction in ("out", "both") and push
    if not inbound and not outbound:
        return -1
    if touchpoint.contact_class == "service":
        return CLASS_SERVICE
    return CLASS_INBOUND if inbound else CLASS_PUSH


def _table(rows: list, dtype: np.dtype) -> np.recarray:  # type: ignore[type-arg]  # rows of plain numbers
    return np.array(rows, dtype).view(np.recarray)
