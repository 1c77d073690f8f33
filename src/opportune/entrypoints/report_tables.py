"""The report as tables."""

from typing import TYPE_CHECKING

from opportune.entrypoints.options import Lang
from opportune.entrypoints.tables import percent, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import ContactMonth, Report

CAMPAIGN_COLUMNS = (
    "campaign", "arm", "decisions", "customers", "cost", "reached", "mature", "rate", "lift", "regretted", "value", "cost per goal",
)  # fmt: skip
REASONS_SHOWN = 40


def show_report(found: "Report", lang: Lang) -> None:
    """All parts of a report, one table each."""
    rate = found.last_run_facts_per_second
    speed = f", {rate:,.0f} {word('facts', lang)}/s" if rate is not None else ""
    print(
        f"{word('journal', lang)}: {found.facts:,} {word('facts', lang)}, {found.events:,} {word('events', lang)}, "
        f"{found.customers:,} {word('customers', lang)}, {found.decisions:,} {word('decisions', lang)}, "
        f"{found.first} – {found.last}{speed}"
    )
    _show_campaigns(found, lang)
    _show_contacts(found, lang)
    withheld = [[w.reason, w.count, percent(w.share), w.text] for w in found.withheld_by_reason]
    show_table("withheld", ("reason", "count", "share", "text"), withheld, lang)
    each = [
        [w.campaign or word("before any campaign", lang), w.reason, w.count, percent(w.share)]
        for w in found.withheld[:REASONS_SHOWN]
    ]
    if len(each) > len(withheld):
        show_table("", ("campaign", "reason", "count", "share"), each, lang)
    limits = [
        [one.limit, one.closings, one.last, word("closed" if one.closed else "open", lang)] for one in found.limits
    ]
    if limits:
        show_table("limits", ("limit", "closings", "at", "state"), limits, lang)
    sources = [
        [name, a.received, a.applied, a.duplicates, a.quarantined, a.clashes, a.rounded]
        for name, a in found.sources.items()
    ]
    print(word("balance", lang))
    columns = ("source", "received", "applied", "duplicates", "quarantined", "clashes", "rounded")
    show_table("sources", columns, sources, lang)


def _show_campaigns(found: "Report", lang: Lang) -> None:
    rows = []
    for one in found.campaigns:
        lift = ""
        if one.lift is not None:
            low, high = 100 * one.lift.low, 100 * one.lift.high
            lift = f"{100 * one.lift.difference:+.2f} [{low:+.2f}, {high:+.2f}]"
        for arm in one.arms:
            treated = arm.arm == "treated"
            rows.append([
                one.title, word(arm.arm, lang), arm.decisions, arm.customers, arm.cost, arm.reached, arm.mature,
                percent(arm.rate, 2), lift if treated else "", percent(arm.regretted_share), arm.value,
                one.cost_per_goal if treated else "",
            ])  # fmt: skip
    show_table("campaigns", CAMPAIGN_COLUMNS, rows, lang)


def _show_contacts(found: "Report", lang: Lang) -> None:
    def row(month: "ContactMonth", called: str) -> list[object]:
        return [
            called,
            month.contacts,
            month.customers,
            f"{month.mean:.3f}",
            *(percent(share) for share in month.share),
        ]

    rows = [row(month, month.month) for month in found.contacts]
    rows.append(row(found.contacts_whole, word("whole", lang)))
    show_table(
        "contacts per customer", ("month", "contacts", "customers", "mean", "0", "1", "2", "3", "4+"), rows, lang
    )
