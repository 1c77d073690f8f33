"""Definition of the approval rules: which changes need whose yes before they are in force."""

import msgspec

from opportune.facts import Decimal, Title


class ApprovalWhen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a step is required: one of these is enough. Contacts and customers are those of the changed campaigns in the simulation report.

    What is not known counts as over: a draft without a report, a campaign without a budget of money.
    """

    contacts_over: int | None = None
    customers_over: int | None = None
    budget_over: Decimal | None = None
    categories: tuple[str, ...] = ()


class ApprovalStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One yes: required always, or only `when`. `by` names who may give it; without names whoever may approve, but never an author of the draft."""

    step: str
    title: Title = Title()
    when: ApprovalWhen | None = None
    by: tuple[str, ...] = ()


class ApprovalDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The approval rules of the deployment. While one with steps is in force, `apply` makes drafts; what only edits words needs no step.

    A draft that changes these rules needs every step of those in force.
    """

    approval: str
    steps: tuple[ApprovalStep, ...] = ()
    title: Title = Title()
    note: str = ""
