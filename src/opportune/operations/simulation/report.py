"""What a simulation found, told against what happened: reach, contacts, displacement, load, cost, success, and what stays uncertain."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import MS_PER_DAY, MS_PER_HOUR, Arm, Reason
from opportune.operations.names import Language, Names
from opportune.operations.simulation.contacts_then import LeftOut
from opportune.operations.simulation.displaced import NOBODY_ELSE
from opportune.operations.simulation.period import Period
from opportune.operations.simulation.run import Comparison
from opportune.operations.simulation.tally import Tally

CONTACTS_TOLD_APART = 10
MS_PER_MONTH = 30 * MS_PER_DAY


class Side(msgspec.Struct, frozen=True):
    """One side's sums. `expected`: the sum of the propensities of its contacts. `spread`: customers with 0, 1, 2 … 10 or more contacts."""

    decisions: int
    control: int
    contacts: int
    customers: int
    contacts_per_customer_and_month: float
    cost: str
    expected: float
    spread: tuple[int, ...]


class CampaignSide(msgspec.Struct, frozen=True):
    """One campaign on one side."""

    decisions: int
    control: int
    contacts: int
    customers: int
    cost: str
    expected: float


class CampaignChange(msgspec.Struct, frozen=True):
    """A campaign then and in the draft. `kept`: decisions that both made; `goals` were reached after decisions of then, `goals_kept`
    of them after decisions that the draft makes too."""

    campaign: str
    title_en: str
    title_zh: str
    then: CampaignSide
    draft: CampaignSide
    kept: int
    goals: int
    goals_kept: int


class Displacement(msgspec.Struct, frozen=True):
    """Decisions that `campaign` loses. `by`: who has the customer instead, `how`: in the same moment, or with an earlier contact; else gone."""

    campaign: str
    by: str
    how: str
    decisions: int


class WithheldChange(msgspec.Struct, frozen=True):
    """How often a reason withheld, then and in the draft."""

    reason: str
    then: int
    draft: int


class TouchpointLoad(msgspec.Struct, frozen=True):
    """Contacts at a touchpoint, its busiest hour and day; `per_day` is its capacity, `days_full` the days that reached it; `hourly` for charts."""

    touchpoint: str
    title_en: str
    title_zh: str
    then: int
    draft: int
    busiest_hour_then: int
    busiest_hour_draft: int
    busiest_hour: str
    per_day: int | None
    days_full_then: int
    days_full_draft: int
    hourly_then: tuple[int, ...]
    hourly_draft: tuple[int, ...]


class SimulationReport(msgspec.Struct, frozen=True):
    """The whole report. `equal` only where no draft was asked for: the period run as it was gave the journal's outputs, byte for byte.

    `fingerprint` is of the definitions simulated; `hours_from` the first hour of every `hourly`. Moments are local time of the deployment.
    """

    name: str
    fingerprint: str
    since: str
    until: str
    first_seq: int
    end_seq: int
    facts: int
    customers: int
    seconds: float
    equal: bool | None
    differs_at: int | None
    then: Side
    draft: Side
    campaigns: tuple[CampaignChange, ...]
    displacement: tuple[Displacement, ...]
    withheld: tuple[WithheldChange, ...]
    load: tuple[TouchpointLoad, ...]
    hours_from: str
    left_out: LeftOut
    goals_without_contact: int


def report_of(run: Comparison, name: str, fingerprint: str) -> SimulationReport:
    """The report of a comparison that is through."""
    period, playbook = run.period, run.engine.playbook
    names = Names(playbook.body())
    months = max((period.last_ms - period.first_ms) / MS_PER_MONTH, 1 / 30)
    return SimulationReport(
        name, fingerprint, names.moment(period.first_ms), names.moment(period.last_ms), period.first_seq, period.end_seq,
        period.facts, period.customers, round(run.seconds, 3), run.equal if run.draft is None else None, run.differs_at,
        _side(run.then, names, months), _side(run.now, names, months), tuple(_campaigns(run, names)), tuple(_displacement(run, names)),
        tuple(_withheld(run, names)), tuple(_loads(run, period, names)), names.moment(run.then.sizes.first_hour * MS_PER_HOUR),
        run.answers.left_out, int(run.goals_lost.sum()),
    )  # fmt: skip


def _side(tally: Tally, names: Names, months: float) -> Side:
    contacts = int(tally["contacts"].sum())
    customers = len(np.unique(tally.pairs & 0xFFFF_FFFF))
    spread = np.bincount(np.minimum(tally["per_customer"], CONTACTS_TOLD_APART), minlength=CONTACTS_TOLD_APART + 1)
    control = int(tally["decisions"][:, (Arm.CONTROL, Arm.UNIVERSAL_CONTROL)].sum())
    return Side(
        int(tally["decisions"].sum()), control, contacts, customers,
        contacts / max(tally.sizes.customers, 1) / months, names.money(int(tally["cost"].sum())),
        float(tally.expected_successes.sum()), tuple(spread.tolist()),
    )  # fmt: skip


def _campaigns(run: Comparison, names: Names) -> Iterator[CampaignChange]:
    a = run.answers
    kept = np.bincount(a.then.all["campaign"][a.then.same], minlength=run.then.sizes.campaigns)
    people = {id(side): side.customers_by_campaign for side in (run.then, run.now)}
    goals = run.goals_kept + run.goals_lost
    for number in range(run.then.sizes.campaigns):
        if run.then["decisions"][number].any() or run.now["decisions"][number].any():
            name = names.campaign(number)
            then, draft = (_campaign_side(side, number, people[id(side)], names) for side in (run.then, run.now))
            yield CampaignChange(
                name, *_titles(names.definitions.campaigns.get(name)), then, draft, int(kept[number]), int(goals[number]), int(run.goals_kept[number])
            )  # fmt: skip


def _campaign_side(tally: Tally, number: int, people: NDArray[np.int64], names: Names) -> CampaignSide:
    arms = tally["decisions"][number]
    return CampaignSide(
        int(arms.sum()), int(arms[Arm.CONTROL] + arms[Arm.UNIVERSAL_CONTROL]), int(tally["contacts"][number]),
        int(people[number]), names.money(int(tally["cost"][number])), float(tally.expected_successes[number]),
    )  # fmt: skip


def _displacement(run: Comparison, names: Names) -> Iterator[Displacement]:
    for loss, count in sorted(run.displaced.counts.items(), key=lambda item: (-item[1], item[0])):
        by = "" if loss.by == NOBODY_ELSE else names.campaign(loss.by)
        how = "same_moment" if loss.same_moment else "earlier_contact" if by else "gone"
        yield Displacement(names.campaign(loss.campaign), by, how, count)


def _withheld(run: Comparison, names: Names) -> Iterator[WithheldChange]:
    then, draft = (side["withheld"].sum(axis=0) for side in (run.then, run.now))
    for code in np.argsort(-np.maximum(then, draft), kind="stable").tolist():
        if then[code] or draft[code]:
            yield WithheldChange(Reason(code).name, int(then[code]), int(draft[code]))


def _loads(run: Comparison, period: Period, names: Names) -> Iterator[TouchpointLoad]:
    zone_hours = _local_shift(names, period.first_ms)
    for number in range(run.then.sizes.touchpoints):
        then, draft = run.then["load"][number], run.now["load"][number]
        if not then.any() and not draft.any():
            continue
        name = names.touchpoint(number)
        definition = names.definitions.touchpoints.get(name)
        per_day = definition.capacity.per_day if definition is not None else None
        days = (np.arange(len(then)) + run.then.sizes.first_hour + zone_hours) // 24
        days -= days[0]
        full = [int((np.bincount(days, side) >= per_day).sum()) if per_day else 0 for side in (then, draft)]
        busiest = int(np.argmax(draft)) + run.then.sizes.first_hour
        yield TouchpointLoad(
            name, *_titles(definition), int(then.sum()), int(draft.sum()), int(then.max()), int(draft.max()),
            names.moment(busiest * MS_PER_HOUR), per_day, full[0], full[1], tuple(then.tolist()), tuple(draft.tolist()),
        )  # fmt: skip


def _local_shift(names: Names, at_ms: int) -> int:
    """Whole hours of local time ahead of UTC at a moment: by what days are parted."""
    offset = names.local(at_ms).utcoffset()
    return int(offset.total_seconds() // 3_600) if offset is not None else 0


def uncertain(told: SimulationReport, language: Language = "en") -> Iterator[str]:
    """What the figures cannot know, in words; nothing where the period was run as it was."""
    left, zh = told.left_out, language == "zh"
    if told.equal is not None:
        return
    texts = [
        (left.receipts + left.responses + left.clicks,
         "{n:,} answers, receipts and clicks belong to contacts that the draft does not make; they were left out.",
         "有 {n:,} 条回应、回执和点击对应的接触在草案中没有发生，已略去。"),
        (left.supposed, "{n:,} showings happen only in the draft; each is supposed to succeed, and nobody answers it.",
         "有 {n:,} 次展示只在草案中发生；假定每次都展示成功，且无人回应。"),
        (told.goals_without_contact,
         "{n:,} goals were reached after contacts that the draft does not make; their events stay in the record, and so does what they caused.",
         "有 {n:,} 个目标是在草案不再进行的接触之后达成的；这些事件仍在记录中，其后果也仍在。"),
        (1, "New contacts change nobody's behaviour here: their success is what their propensity says, not what was observed.",
         "新的接触在此不会改变任何人的行为：其成效按倾向分计算，而非观察所得。"),
    ]  # fmt: skip
    for count, english, chinese in texts:
        if count:
            yield (chinese if zh else english).format(n=count)


def _titles(definition: Any) -> tuple[str, str]:
    return (definition.title.en, definition.title.zh) if definition is not None else ("", "")
