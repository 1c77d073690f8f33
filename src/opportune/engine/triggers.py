"""Per event type: the campaigns it triggers with their filters, and the registers to fill before they are asked."""

import numpy as np

from opportune.engine.compile_campaigns import CampaignRules
from opportune.engine.compile_profiles import hot_tags
from opportune.engine.tables import EVENT_PLAN, FILTER, LOAD
from opportune.engine.vocabulary import Vocabulary
from opportune.facts import NULL, VALUE_MAX, Kind, ValueType
from opportune.profiles import Layout
from opportune.rules import INTERVAL, Rule, RulePlan

RANGE_DECLARED_MAX = 2**40
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
    known = {register: v.tags[tag] for tag, register in registers.items()}
    for name, event in d.events.items():
        slots = dict(enumerate(v.events[name].values()))
        row = events[number("event", name)]
        row.slots, row.complaint, row.watched = len(v.events[name]), event.means == "complaint", name in watched
        names = sorted(by_event.get(name, ()), key=lambda n: number("campaign", n))
        row.trigger_first, row.trigger_count = len(filters), len(names)
        filters += [_filter_of(number("campaign", n), campaigns, rules, known | slots) for n in names]
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


def _filter_of(campaign: int, campaigns: np.recarray, rules: RulePlan, types: dict[int, ValueType]) -> tuple[int, ...]:
    """The three clauses that let the fewest pass, of those that are single intervals over one register."""
    c = campaigns[campaign]
    found = []
    for first, count in ((int(c.where_first), int(c.where_count)), (int(c.audience_first), int(c.audience_count))):
        for clause in rules.clauses[first : first + count]:
            term = rules.terms[int(clause["first"])]
            if int(clause["count"]) == 1 and term["kind"] == INTERVAL:
                found.append((int(term["ref"]), int(term["lo"]), int(term["hi"])))
    found.sort(key=lambda interval: _share(types.get(interval[0]), interval[1], interval[2]))
    (ref_a, lo_a, hi_a), (ref_b, lo_b, hi_b), (ref_c, lo_c, hi_c) = [*found, ANYTHING, ANYTHING, ANYTHING][:3]
    return lo_a, hi_a, lo_b, hi_b, lo_c, hi_c, ref_a, ref_b, ref_c, campaign, int(c.classes), 0


def _share(kind: ValueType | None, low: int, high: int) -> float:
    """A guess at the share of customers that an interval lets pass: of the declared range where there is one."""
    if kind is None:
        return 0.5
    if kind.high - kind.low < RANGE_DECLARED_MAX and kind.kind is not Kind.TEXT:
        return (min(high, kind.high) - max(low, kind.low) + 1) / (kind.high - kind.low + 1)
    return 0.1 if low == high else 0.3 if low > kind.low and high < kind.high else 0.5
