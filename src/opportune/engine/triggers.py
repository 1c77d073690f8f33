"""Per event type: the campaigns it triggers with their filters, and the registers to fill before they are asked."""

import numpy as np

from opportune.engine.compile_campaigns import CampaignRules
from opportune.engine.compile_profiles import hot_tags
from opportune.engine.tables import EVENT_PLAN, FILTER, LOAD
from opportune.engine.vocabulary import Vocabulary
from opportune.facts import NULL, VALUE_MAX
from opportune.profiles import Layout
from opportune.rules import INTERVAL, Rule, RulePlan

ANYTHING = (0, NULL, VALUE_MAX)
"""The filter that every register passes."""


def event_tables(
    vocabulary: Vocabulary,
    campaign_rules: dict[str, CampaignRules],
    layout: Layout,
    rules: RulePlan,
    campaigns: np.recarray,
    registers: dict[str, int],
    programs: dict[str, int],
) -> tuple[np.recarray, np.recarray, np.recarray]:
    """The tables (EVENT_PLAN per event number, FILTER per triggered campaign, LOAD) of a playbook."""
    v, d, number = vocabulary, vocabulary.definitions, vocabulary.numbering.number
    by_event: dict[str, list[str]] = {}
    for name, campaign in d.campaigns.items():
        if campaign.trigger and not campaign.paused:
            by_event.setdefault(campaign.trigger.event, []).append(name)
    watched = {goal.event for c in d.campaigns.values() if (goal := c.goal)}
    watched |= {goal.regret.event for c in d.campaigns.values() if (goal := c.goal) and goal.regret}
    events = np.zeros(len(v.numbering.names["event"]), EVENT_PLAN).view(np.recarray)
    filters: list[tuple[int, ...]] = []
    loads: list[tuple[int, int, int, int]] = []
    for name, event in d.events.items():
        row = events[number("event", name)]
        row.slots, row.complaint, row.watched = len(v.events[name]), event.means == "complaint", name in watched
        names = sorted(by_event.get(name, ()), key=lambda n: number("campaign", n))
        row.trigger_first, row.trigger_count = len(filters), len(names)
        filters += [_filter_of(number("campaign", n), campaigns, rules) for n in names]
        row.classes = np.bitwise_or.reduce([int(campaigns[number("campaign", n)].classes) for n in names] or [0])
        asked = [rule for n in names for rule in rules_of_campaign(campaign_rules[n])]
        also = [d.campaigns[n].propensity for n in names if d.campaigns[n].propensity in v.tags]
        _add_loads(row, loads, [
            (registers[tag], *layout.columns.get(number("tag", tag), (0, 0)), programs.get(tag, -1))
            for tag in hot_tags(v, asked, also)
        ])  # fmt: skip
    return events, np.array(filters, FILTER).view(np.recarray), np.array(loads, LOAD).view(np.recarray)


def rules_of_campaign(rules: CampaignRules) -> list[Rule]:
    """The rules that are asked when the campaign is triggered."""
    found = [rules.audience, rules.where, *(rule for choice in rules.offers for rule in choice)]
    return [rule for rule in found if rule is not None]


def _add_loads(row: np.record, loads: list[tuple[int, int, int, int]], new: list[tuple[int, int, int, int]]) -> None:
    """Plain columns by falling width, so that each loop loads one width; then rule tags, each after those it reads."""
    row.load_first = len(loads)
    for width in (8, 4, 2, 1):
        loads += [load for load in new if load[3] < 0 and load[2] == width]
        row[f"load_{width}"] = len(loads)
    loads += [load for load in new if load[3] >= 0]
    row.load_end = len(loads)


def _filter_of(campaign: int, campaigns: np.recarray, rules: RulePlan) -> tuple[int, ...]:
    """The two narrowest of the campaign's clauses that are single intervals over one register."""
    c = campaigns[campaign]
    clauses = [
        *range(c.where_first, c.where_first + c.where_count),
        *range(c.audience_first, c.audience_first + c.audience_count),
    ]
    found = []
    for clause in clauses:
        first, count = (int(n) for n in rules.clauses[clause])
        if count == 1 and rules.terms[first]["kind"] == INTERVAL:
            term = rules.terms[first]
            found.append((int(term["ref"]), int(term["lo"]), int(term["hi"])))
    found.sort(key=lambda interval: interval[2] - interval[1])
    (ref_a, lo_a, hi_a), (ref_b, lo_b, hi_b) = [*found, ANYTHING, ANYTHING][:2]
    return lo_a, hi_a, lo_b, hi_b, ref_a, ref_b, campaign, int(c.classes)
