"""Ask: how is it going? Decisions, contacts, goals against the control group, withheld by reason; streamed from the journal.

Rates are over the decisions whose goal window is over at the journal's end, so that young decisions do not lower them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import decode_body, numbers_parted
from opportune.facts import (
    DECISION,
    GOAL,
    LIMIT,
    NO_CAMPAIGN,
    REASON_TEXTS,
    WITHHELD,
    Arm,
    FactBatch,
    FactKind,
    GoalKind,
    Persons,
    Reason,
    zone_table,
)
from opportune.journal import Group
from opportune.operations.accounting import Accounting, SourceAccount
from opportune.operations.decisions import playbook_in
from opportune.operations.deployment import journal_of, read_group
from opportune.operations.lift import Lift, lift
from opportune.operations.names import Language, Names

CONTACTS_TOLD_APART = 4
"""Customers are counted with 0, 1, 2, 3 and this many or more contacts."""
RUN_GAP_MS = 10_000
"""Groups received with a longer pause between them belong to different runs."""
ARMS = len(Arm)


class ArmResult(msgspec.Struct, frozen=True):
    """One arm of a campaign. `mature` decisions have their goal window behind them; `rate` = reached of those / mature."""

    arm: str
    decisions: int
    customers: int
    cost: str
    reached: int
    lapsed: int
    regretted: int
    value: str
    mature: int
    mature_reached: int
    rate: float | None
    regretted_share: float | None


class CampaignResult(msgspec.Struct, frozen=True):
    """One campaign: its arms, and the lift of treated over control (None where one of them is empty or there is no goal)."""

    campaign: str
    title: str
    arms: tuple[ArmResult, ...]
    lift: Lift | None
    cost_per_goal: str


class ContactMonth(msgspec.Struct, frozen=True):
    """Contacts of a local month over all customers known by its end; `share` of customers with 0, 1, 2, 3, 4 or more."""

    month: str
    contacts: int
    customers: int
    mean: float
    spread: tuple[int, ...]
    share: tuple[float, ...]


class WithheldCount(msgspec.Struct, frozen=True):
    """How often a reason withheld a campaign (empty: before any campaign was looked at); `share` of all withheld."""

    campaign: str
    reason: str
    code: int
    text: str
    count: int
    share: float


class LimitState(msgspec.Struct, frozen=True):
    """A budget, stock or capacity that closed: how often, when last, and whether it is closed still."""

    limit: str
    closings: int
    last: str
    closed: bool


class Report(msgspec.Struct, frozen=True):
    """The whole report. Moments are local time of the deployment; money is text with its currency."""

    facts: int
    events: int
    customers: int
    decisions: int
    first: str
    last: str
    last_run_facts_per_second: float | None
    campaigns: tuple[CampaignResult, ...]
    contacts: tuple[ContactMonth, ...]
    contacts_whole: ContactMonth
    withheld: tuple[WithheldCount, ...]
    withheld_by_reason: tuple[WithheldCount, ...]
    limits: tuple[LimitState, ...]
    sources: dict[str, SourceAccount]


def report(
    folder: Path, *, since_ms: int | None = None, until_ms: int | None = None, language: Language = "en"
) -> Report:
    """The report of what was decided and contacted since (included) and until (excluded) a moment; beside a writer.

    Goals count by when their decision was made. Facts, events, customers, sources and runs are of the whole journal.
    """
    read = _Reading()
    for group in journal_of(folder).read(0):
        read.take(group)
    read.finish(-(2**62) if since_ms is None else since_ms, 2**62 if until_ms is None else until_ms)
    names = Names(None if read.body is None else decode_body(read.body), language)
    whole, months = _contacts(read, names)
    return Report(
        read.facts, read.events, len(read.born_ms), len(read.decisions),
        names.moment(read.first_ms) if read.facts else "", names.moment(read.now_ms) if read.facts else "",
        read.run.facts_per_second, tuple(_campaigns(read, names)), months, whole,
        tuple(_withheld(read.withheld, names, each_campaign=True)),
        tuple(_withheld(read.withheld, names, each_campaign=False)),
        tuple(_limits(read.limits, names)), read.accounting.sources,
    )  # fmt: skip


class _Run:
    """The last run of groups received close to each other: how fast its facts came in."""

    def __init__(self) -> None:
        self.facts = self.begun_ms = self.last_ms = 0

    def take(self, group: Group) -> None:
        if group.received_ms - self.last_ms > RUN_GAP_MS:
            self.facts, self.begun_ms = 0, group.received_ms
        self.facts += group.count
        self.last_ms = group.received_ms

    @property
    def facts_per_second(self) -> float | None:
        """None where the run was one group, or all of it within a millisecond."""
        took_ms = self.last_ms - self.begun_ms
        return self.facts * 1000 / took_ms if took_ms > 0 else None


class _Reading:
    """What one pass over the journal keeps: outputs whole, of the facts only counts, births and contacts."""

    def __init__(self) -> None:
        self.facts = self.events = self.now_ms = self.first_ms = 0
        self.body: bytes | None = None
        self.accounting = Accounting()
        self.run = _Run()
        self._persons = Persons()
        self._parts: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("decisions", "goals", "withheld", "limits", "born", "born_as", "contact", "contacted", "contacted_ms")
        }  # fmt: skip
        self.decisions = np.empty(0, DECISION)
        self.goals = np.empty(0, GOAL)
        self.withheld = np.empty(0, WITHHELD)
        self.limits = np.empty(0, LIMIT)

    def take(self, group: Group) -> None:
        """One group of the journal."""
        arrays = group.arrays
        kind = arrays["kind"]
        counts = np.bincount(kind, minlength=max(FactKind) + 1)
        self.events += int(counts[FactKind.EVENT])
        body = playbook_in(group) if counts[FactKind.PLAYBOOK] else None
        self.body = body if body is not None else self.body
        if self.events and not self.first_ms:
            self.first_ms = int(arrays["at_ms"][np.flatnonzero(kind == FactKind.EVENT)[0]])
        self.facts = group.end_seq
        self.now_ms = max(self.now_ms, int(arrays.get("now_ms", arrays["at_ms"]).max()))
        for name in ("decisions", "goals", "withheld", "limits"):
            if name in arrays:
                self._parts[name].append(arrays[name].copy())
        if counts[FactKind.CUSTOMER]:
            self._parts["born"].append(arrays["at_ms"][kind == FactKind.CUSTOMER])
            self._parts["born_as"].append(arrays["customer"][kind == FactKind.CUSTOMER])
        if counts[FactKind.MERGED] or counts[FactKind.UNMERGED]:
            self._join(read_group(group)[0])
        if counts[FactKind.CONTACT]:
            made = np.flatnonzero(kind == FactKind.CONTACT)
            self._parts["contact"].append(arrays["code"][made])
            self._parts["contacted"].append(arrays["customer"][made])
            self._parts["contacted_ms"].append(arrays["at_ms"][made])
        if "accounting" in arrays:
            self._accounting = arrays["accounting"]
        if counts[FactKind.EVENT]:
            self.run.take(group)

    def finish(self, since_ms: int, until_ms: int) -> None:
        """Join the parts, those of the asked time only."""

        def joined(name: str, empty: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([empty, *self._parts[name]])

        def within(times: NDArray[np.int64]) -> NDArray[np.bool_]:
            inside: NDArray[np.bool_] = (times >= since_ms) & (times < until_ms)
            return inside

        decisions = joined("decisions", self.decisions)
        self.decisions = decisions[within(decisions["now_ms"])]
        goals = joined("goals", self.goals)
        self.goals = goals[within(goals["opened_ms"])]
        withheld = joined("withheld", self.withheld)
        self.withheld = withheld[within(withheld["hour"] * 3_600_000)]
        limits = joined("limits", self.limits)
        self.limits = limits[within(limits["now_ms"])]
        born_as = joined("born_as", np.empty(0, np.uint32))
        self.born_ms = joined("born", np.empty(0, np.int64))[self._survivors(born_as) == born_as]
        contacted_ms = joined("contacted_ms", np.empty(0, np.int64))
        inside = within(contacted_ms)
        self.contacted_ms = contacted_ms[inside]
        self.contact = joined("contact", np.empty(0, np.uint16))[inside]
        self.contacted = joined("contacted", np.empty(0, np.uint32))[inside]
        self.contacted = self._survivors(self.contacted)
        self.decisions["customer"] = self._survivors(self.decisions["customer"])
        self.goals["customer"] = self._survivors(self.goals["customer"])
        if hasattr(self, "_accounting"):
            self.accounting = Accounting.decode(self._accounting.tobytes())

    def _join(self, batch: FactBatch) -> None:
        """Who is one person from here on, and who is not any more."""
        for at in np.flatnonzero(np.isin(batch.kind, (FactKind.MERGED, FactKind.UNMERGED))).tolist():
            if batch.kind[at] == FactKind.MERGED:
                self._persons.merge(int(batch.customer[at]), int(batch.values[batch.first[at]]))
            else:
                self._persons.part(int(batch.customer[at]), numbers_parted(batch.bodies[int(batch.code[at])]))

    def _survivors(self, customers: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Whose these numbers are at the end."""
        roots = self._persons.roots
        if not roots or not len(customers):
            return customers
        table = np.arange(int(max(customers.max(), max(roots))) + 1, dtype=np.uint32)
        table[list(roots)] = list(roots.values())
        return table[customers]

    def without_contradictions(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Decisions and goals, but for those of a campaign that took one person for treated under one number and for control under another."""
        if not self._persons.roots:
            return self.decisions, self.goals
        made, goals = self.decisions, self.goals
        pairs = made["campaign"].astype(np.int64) << 32 | made["customer"]
        both = np.intersect1d(pairs[made["arm"] == Arm.TREATED], pairs[made["arm"] == Arm.CONTROL])
        of_goals = goals["campaign"].astype(np.int64) << 32 | goals["customer"]
        return made[~np.isin(pairs, both)], goals[~np.isin(of_goals, both)]


def _campaigns(read: _Reading, names: Names) -> Iterator[CampaignResult]:
    count = len(names.of("campaign"))
    decisions, goals = read.without_contradictions()
    cell = decisions["campaign"].astype(np.int64) * ARMS + decisions["arm"]
    imported = read.contact.astype(np.int64) * ARMS + int(Arm.IMPORTED)
    made = np.bincount(np.concatenate([cell, imported]), minlength=count * ARMS)
    cost = np.zeros(len(made), np.int64)
    np.add.at(cost, cell, decisions["cost"])
    windows = _windows(names, count)
    ripe = np.bincount(cell[decisions["now_ms"] + windows[decisions["campaign"]] < read.now_ms], minlength=len(made))
    ripe += np.bincount(imported[read.contacted_ms + windows[read.contact] < read.now_ms], minlength=len(made))
    goal_cell = goals["campaign"].astype(np.int64) * ARMS + goals["arm"]
    ripe_goal = goals["opened_ms"] + windows[goals["campaign"]] < read.now_ms
    kinds = {k: np.bincount(goal_cell[goals["kind"] == k], minlength=len(made)) for k in GoalKind}
    ripe_reached = np.bincount(goal_cell[(goals["kind"] == GoalKind.REACHED) & ripe_goal], minlength=len(made))
    worth = np.zeros(len(made), np.int64)
    valued = (goals["kind"] == GoalKind.REACHED) & (goals["value"] > 0)
    np.add.at(worth, goal_cell[valued], goals["value"][valued])
    people = _distinct(
        np.concatenate([cell, imported]), np.concatenate([decisions["customer"], read.contacted]), len(made)
    )
    for campaign in range(count):
        at = [campaign * ARMS + arm for arm in Arm if made[campaign * ARMS + arm]]
        if not at:
            continue
        has_goal = _has_goal(names, campaign)
        arms = tuple(
            ArmResult(
                Arm(i % ARMS).name.lower(), int(made[i]), int(people[i]), names.money(int(cost[i])),
                int(kinds[GoalKind.REACHED][i]), int(kinds[GoalKind.LAPSED][i]), int(kinds[GoalKind.REGRETTED][i]),
                names.money(int(worth[i])), int(ripe[i]) if has_goal else 0, int(ripe_reached[i]),
                _share(int(ripe_reached[i]), int(ripe[i])) if has_goal else None,
                _share(int(kinds[GoalKind.REGRETTED][i]), int(kinds[GoalKind.REACHED][i])),
            )
            for i in at
        )  # fmt: skip
        treated, control = campaign * ARMS + Arm.TREATED, campaign * ARMS + Arm.CONTROL
        found = lift(int(ripe_reached[treated]), int(ripe[treated]), int(ripe_reached[control]), int(ripe[control]))
        reached = int(kinds[GoalKind.REACHED][treated])
        per_goal = names.money(int(cost[treated]) // reached) if reached else ""
        name = names.campaign(campaign)
        yield CampaignResult(name, names.title("campaign", name), arms, found if has_goal else None, per_goal)


def _has_goal(names: Names, campaign: int) -> bool:
    definition = names.definitions.campaigns.get(names.campaign(campaign))
    return definition is not None and definition.goal is not None


def _windows(names: Names, count: int) -> NDArray[np.int64]:
    """Milliseconds from a decision to the end of its goal window, by campaign number; 0 where there is no goal."""
    windows = np.zeros(max(count, 1), np.int64)
    for name, campaign in names.definitions.campaigns.items():
        number = names.number("campaign", name)
        if number is not None and campaign.goal is not None:
            windows[number] = campaign.goal.within
    return windows


def _distinct(cells: NDArray[np.int64], customers: NDArray[Any], size: int) -> NDArray[np.int64]:
    """How many different customers each cell has."""
    pairs = np.unique(cells << 32 | customers.astype(np.int64))
    return np.bincount(pairs >> 32, minlength=size)


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _contacts(read: _Reading, names: Names) -> tuple[ContactMonth, tuple[ContactMonth, ...]]:
    """Contacts per customer over the whole time, and per customer and local month."""
    treated = read.decisions[read.decisions["arm"] == Arm.TREATED]
    customers = np.concatenate([treated["customer"], read.contacted]).astype(np.int64)
    times = np.concatenate([treated["now_ms"], read.contacted_ms])
    months = _months(times, names)
    born = np.sort(_months(read.born_ms, names))
    found = []
    for month in np.unique(months).tolist():
        known = int(np.searchsorted(born, month, "right"))
        found.append(_spread(str(np.datetime64(month, "M")), customers[months == month], known))
    return _spread("", customers, len(read.born_ms)), tuple(found)


def _months(times: NDArray[np.int64], names: Names) -> NDArray[np.int64]:
    """Months since 1970-01 of moments, in the deployment's zone."""
    zones = zone_table([names.definitions.deployment.zone])
    local = times + zones.offset[np.maximum(np.searchsorted(zones.at, times, "right") - 1, 0)]
    return local.astype("M8[ms]").astype("M8[M]").astype(np.int64)


def _spread(month: str, customers: NDArray[np.int64], known: int) -> ContactMonth:
    per_customer = np.bincount(customers, minlength=known) if len(customers) else np.zeros(known, np.int64)
    known = max(known, int(np.count_nonzero(per_customer)))
    spread = np.bincount(np.minimum(per_customer, CONTACTS_TOLD_APART), minlength=CONTACTS_TOLD_APART + 1)
    spread[0] = known - int(spread[1:].sum())
    share = tuple(float(many) / known if known else 0.0 for many in spread)
    mean = len(customers) / known if known else 0.0
    return ContactMonth(month, len(customers), known, mean, tuple(spread.tolist()), share)


def _withheld(withheld: NDArray[Any], names: Names, *, each_campaign: bool) -> Iterator[WithheldCount]:
    """Counts by reason, or by campaign and reason, the largest first."""
    campaign = withheld["campaign"].astype(np.int64) if each_campaign else np.full(len(withheld), NO_CAMPAIGN, np.int64)
    cell = campaign << 16 | withheld["reason"].astype(np.int64)
    cells, inverse = np.unique(cell, return_inverse=True)
    counts = np.zeros(len(cells), np.int64)
    np.add.at(counts, inverse, withheld["count"])
    whole = int(counts.sum())
    side = 0 if names.language == "en" else 1
    for i in np.argsort(-counts, kind="stable").tolist():
        reason = Reason(int(cells[i]) & 0xFFFF)
        name = names.campaign(int(cells[i]) >> 16)
        text = REASON_TEXTS[reason][side]
        yield WithheldCount(name, reason.name, reason.value, text, int(counts[i]), int(counts[i]) / whole)


def _limits(limits: NDArray[Any], names: Names) -> Iterator[LimitState]:
    for number in np.unique(limits["limit"]).tolist():
        mine = limits[limits["limit"] == number]
        closings = mine[mine["closed"] == 1]
        last = names.moment(int(closings["now_ms"][-1])) if len(closings) else ""
        yield LimitState(names.name("limit", number), len(closings), last, bool(mine["closed"][-1]))
