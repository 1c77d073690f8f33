"""Per event type: the campaigns it triggers with what tells which of them fit, and the registers to fill before they are asked."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from opportune.campaigns import CampaignPlan, priority_of
from opportune.engine.compile_campaigns import CampaignRules
from opportune.engine.compile_detectors import DetectorCompiler
from opportune.engine.compile_profiles import hot_tags
from opportune.engine.compile_showings import may_wait
from opportune.engine.segments import Asked, Interval, Segments, SegmentTables
from opportune.engine.tables import CANDIDATE, EVENT_PLAN, LOAD
from opportune.engine.vocabulary import Vocabulary
from opportune.facts import NULL, PPM, VALUE_MAX, in_lines
from opportune.profiles import Layout
from opportune.rules import INTERVAL, SPAN, Rule, RulePlan

ALWAYS_VALID = (NULL + 1, VALUE_MAX - 1)
ALWAYS = (NULL, VALUE_MAX, NULL, VALUE_MAX, 0, 0)
"""The clause of two intervals that any values meet."""


class EventTables:
    """The tables of what events trigger: `build` them, then read `events`, `admissions`, `asked`, `candidates`, `segments`, `loads`, `clauses`.

    `clauses` is the rule plan's table with what candidates are asked besides the bit sets appended, each in one span.
    """

    events: np.recarray
    admissions: np.recarray
    asked: np.recarray
    candidates: np.recarray
    segments: SegmentTables
    loads: np.recarray
    clauses: np.recarray

    def __init__(
        self, vocabulary: Vocabulary, campaign_rules: dict[str, CampaignRules], layout: Layout, rules: RulePlan,
        campaigns: CampaignPlan, registers: dict[str, int], ref_now: int, programs: dict[str, int], detectors: DetectorCompiler,
    ) -> None:  # fmt: skip
        self._detectors = detectors
        self._v, self._rules, self._layout, self._ref_now = vocabulary, campaign_rules, layout, ref_now
        self._registers, self._programs = registers, programs
        self._terms, self._clauses = rules.terms.tolist(), rules.clauses.tolist()
        table = campaigns.campaigns
        self._campaigns: list[dict[str, Any]] = [
            dict(zip(table.dtype.names or (), row, strict=True)) for row in table.tolist()
        ]
        self._weights = campaigns.steps.weight_ppm.tolist()
        self._offers = [
            (value, count or stock >= 0) for value, _, _, _, _, count, stock, _ in campaigns.offers.tolist()
        ]
        self._segments = Segments()
        self._candidates: list[tuple[int, ...]] = []
        self._loads: list[tuple[int, int, int, int]] = []

    def build(self) -> None:
        """Make the tables."""
        v, d, number = self._v, self._v.definitions, self._v.numbering.number
        by_event: dict[str, list[str]] = {}
        for name, campaign in d.campaigns.items():
            if campaign.trigger and not campaign.paused:
                by_event.setdefault(campaign.trigger.event, []).append(name)
        watched = {goal.event for c in d.campaigns.values() if (goal := c.goal)}
        watched |= {goal.regret.event for c in d.campaigns.values() if (goal := c.goal) and goal.regret}
        events = np.zeros(len(v.numbering.names["event"]), EVENT_PLAN).view(np.recarray)
        for name, event in v.every_event.items():
            row = events[number("event", name)]
            row.slots, row.complaint, row.watched = len(v.events[name]), event.means == "complaint", name in watched
            row.listen_first, row.listen_end = self._detectors.listens_of(number("event", name))
            self._add_trigger(row, sorted(by_event.get(name, ()), key=lambda n: number("campaign", n)))
        self.events = events
        self.admissions = np.zeros(1, EVENT_PLAN).view(np.recarray)
        waiting = [name for name, campaign in d.campaigns.items() if may_wait(campaign, d.touchpoints)]
        asked = [rule for name in waiting if (rule := self._rules[name].audience)]
        self._load(self.admissions[0], asked, [])
        self.asked = np.zeros(len(self._detectors.asked), EVENT_PLAN).view(np.recarray)
        for asked_row, rules in zip(self.asked, self._detectors.asked, strict=True):
            self._load(asked_row, rules, [])
        self.candidates = in_lines(np.array(self._candidates, CANDIDATE)).view(np.recarray)
        self.segments = self._segments.build()
        self.loads = np.array(self._loads, LOAD).view(np.recarray)
        self.clauses = np.array(self._clauses, SPAN).view(np.recarray)

    def _add_trigger(self, row: np.record, names: list[str]) -> None:
        v = self._v
        row.trigger_first, row.trigger_count = len(self._candidates), len(names)
        numbers = [v.numbering.number("campaign", name) for name in names]
        asked = [self._add_candidate(number) for number in numbers]
        row.block_first, row.block_end = self._segments.add(row.trigger_first, asked)
        row.classes = np.bitwise_or.reduce([self._campaigns[number]["classes"] for number in numbers] or [0])
        used = [rule for name in names for rule in rules_of_campaign(self._rules[name])]
        also = [tag for name in names if (tag := v.definitions.campaigns[name].propensity) in v.tags]
        self._load(row, used, also)

    def _load(self, row: np.record, used: list[Rule], also: list[str]) -> None:
        """Note the loads of the tags that rules use, and of those named."""
        v = self._v
        _add_loads(row, self._loads, [
            (self._registers[tag], *self._layout.columns.get(v.numbering.number("tag", tag), (0, 0)), self._programs.get(tag, -1))
            for tag in hot_tags(v, used, also)
        ])  # fmt: skip

    def _add_candidate(self, number: int) -> Asked:
        """Add a candidate's row; what the bit sets are to know of it is returned."""
        c = self._campaigns[number]
        clauses: list[tuple[int, list[Interval]]] = []
        either, rest = ALWAYS, list[tuple[int, int]]()
        valid = (c["valid_from"], c["valid_to"] - 1)
        possible = valid[0] <= valid[1]
        if valid != ALWAYS_VALID and possible:
            clauses.append((self._ref_now, [valid]))
        for part in ("where", "audience"):
            for span in self._clauses[c[f"{part}_first"] : c[f"{part}_first"] + c[f"{part}_count"]]:
                terms = self._terms[span[0] : span[0] + span[1]]
                possible &= bool(terms)  # a clause without terms never holds
                refs = {ref if kind == INTERVAL else -1 for kind, ref, _, _ in terms}
                if len(refs) == 1 and -1 not in refs:
                    clauses.append((refs.pop(), [(low, high) for _, _, low, high in terms]))
                elif len(terms) == len(refs) == 2 and -1 not in refs and either == ALWAYS:
                    (_, ref_a, lo_a, hi_a), (_, ref_b, lo_b, hi_b) = terms
                    either = (lo_a, hi_a, lo_b, hi_b, ref_a, ref_b)
                else:
                    rest.append(span)
        self._candidates.append((
            self._bound(c), c["max_age"], number, len(self._clauses), len(rest), c["step_first"], c["step_count"],
            c["purpose"], c["category"], c["limit_contacts"], c["limit_money"], c["classes"], c["offer_first"], c["offer_count"],
            *either, c["goal"], c["propensity_ref"], c["propensity_ppm"], c["lever_ppm"], c["seed"],
        ))  # fmt: skip
        self._clauses += rest
        return Asked(c["classes"], clauses) if possible else Asked(0, [])

    def _bound(self, c: dict[str, Any]) -> int:
        """The highest priority the campaign can have; VALUE_MAX where an offer may fall away, which only asking tells."""
        offers = self._offers[c["offer_first"] : c["offer_first"] + c["offer_count"]]
        if any(conditional for _, conditional in offers):
            return VALUE_MAX
        weight = max(self._weights[c["step_first"] : c["step_first"] + c["step_count"]], default=0)
        propensity = PPM if c["propensity_ref"] >= 0 else c["propensity_ppm"]
        return int(priority_of(propensity, weight, max((value for value, _ in offers), default=1), c["lever_ppm"]))


def rules_of_campaign(rules: CampaignRules) -> list[Rule]:
    """The rules that are asked when the campaign is triggered."""
    found = [rules.audience, rules.where, *(rule for choice in rules.offers for rule in choice)]
    return [rule for rule in found if rule is not None]


def _add_loads(
    row: np.record, loads: list[tuple[int, int, int, int]], new: Iterable[tuple[int, int, int, int]]
) -> None:
    """Plain columns by falling width, so that each loop loads one width; then rule tags, each after those it reads."""
    row.load_first = len(loads)
    new = list(new)
    for width in (8, 4, 2, 1):
        loads += [load for load in new if load[3] < 0 and load[2] == width]
        row[f"load_{width}"] = len(loads)
    loads += [load for load in new if load[3] >= 0]
    row.load_end = len(loads)
