"""Which approvals a draft needs: the steps of the rules in force against its size."""

import msgspec

from opportune.facts import Decimal, parse_scaled
from opportune.operations.drafting.binding import Binding
from opportune.operations.simulation import SimulationReport
from opportune.store import ApprovalDefinition, ApprovalStep, ApprovalWhen, Definitions

UNKNOWN = "?"


class DraftSize(msgspec.Struct, frozen=True):
    """How much a draft is about: its campaigns' contacts and customers in the simulation (None without one), their budgets of money in
    minor units (None where one has none), their categories."""

    contacts: int | None
    customers: int | None
    budget: int | None
    categories: tuple[str, ...]


class StepNeeded(msgspec.Struct, frozen=True):
    """A step that is required. `why`: always, rules (it changes the approval rules), contacts, customers, budget or category; with what was
    `found` ("?" for unknown) beyond which `limit`."""

    step: str
    title_en: str
    title_zh: str
    why: str
    found: str
    limit: str
    by: tuple[str, ...]
    given_by: str | None = None


def size_of(binding: Binding, definitions: Definitions, report: SimulationReport | None) -> DraftSize:
    """The size of a draft: of the campaigns that it changes, where they are not paused."""
    live = {name: definitions.campaigns[name] for name in binding.campaigns if not definitions.campaigns[name].paused}
    contacts = customers = budget = None
    if report is not None or not live:
        told = [one.draft for one in report.campaigns if one.campaign in live] if report is not None else []
        contacts, customers = sum(one.contacts for one in told), sum(one.customers for one in told)
    scale = definitions.deployment.money_scale if definitions.deployment is not None else 2
    money = [one.policy.budget.money for one in live.values() if one.offers]
    if None not in money:
        budget = sum(parse_scaled(one, scale) for one in money if one is not None)
    return DraftSize(
        contacts, customers, budget, tuple(sorted({one.policy.category for one in live.values() if one.offers}))
    )


def steps_needed(rules: ApprovalDefinition | None, binding: Binding, size: DraftSize, scale: int) -> list[StepNeeded]:
    """The steps that the rules in force require, in their order; none where the draft changes words only."""
    if rules is None or not binding.touched:
        return []
    found = []
    for step in rules.steps:
        reason = _reason(step, binding, size, scale)
        if reason is not None:
            found.append(StepNeeded(step.step, step.title.en, step.title.zh, *reason, step.by))
    return found


def _reason(step: ApprovalStep, binding: Binding, size: DraftSize, scale: int) -> tuple[str, str, str] | None:
    if any(family == "approval" for family, _ in binding.touched):
        return "rules", "", ""
    if step.when is None:
        return "always", "", ""
    return _beyond(step.when, size, scale)


def _beyond(when: ApprovalWhen, size: DraftSize, scale: int) -> tuple[str, str, str] | None:
    for why, found, limit in (("contacts", size.contacts, when.contacts_over), ("customers", size.customers, when.customers_over)):  # fmt: skip
        if limit is not None and (found is None or found > limit):
            return why, UNKNOWN if found is None else str(found), str(limit)
    if when.budget_over is not None and (size.budget is None or size.budget > parse_scaled(when.budget_over, scale)):
        return "budget", UNKNOWN if size.budget is None else _money(size.budget, scale), str(when.budget_over)
    named = [category for category in size.categories if category in when.categories]
    return ("category", named[0], ", ".join(when.categories)) if named else None


def _money(minor: int, scale: int) -> str:
    whole, part = divmod(minor, 10**scale)
    return Decimal(f"{whole}.{part:0{scale}}" if scale else str(whole))
