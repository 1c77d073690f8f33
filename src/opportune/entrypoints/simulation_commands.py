"""Commands that try a draft on the past: simulate, simulations."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opportune.entrypoints.failures import EXIT_MISTAKE, complain
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language
from opportune.entrypoints.tables import percent, progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations.simulation import SimulationReport

FIRST_MS, LAST_MS = -(2**62), 2**62
SPREAD_SHOWN = 5


def simulate(
    definitions: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="The draft: a whole set of definitions in YAML. Without: as it was."),
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
    since: Annotated[
        str | None, typer.Option("--since", help="From this day or moment on, local time: 2026-11-01.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Up to this day or moment (excluded).")] = None,
    name: Annotated[str, typer.Option("--name", help="What to call it in the list.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Run it even where its report is there.")] = False,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """What would a draft have done? The whole portfolio with the draft in it, over the real facts of a period; nothing is changed.

    Without a draft the period is run as it was, and compared with the journal byte for byte; exit code 1 where it differs. Cut short,
    the same command goes on.
    """
    from opportune.operations import moment_in, read_definitions
    from opportune.operations.simulation import simulate as simulate_draft

    draft = None if definitions is None else read_definitions(definitions)
    first = FIRST_MS if since is None else moment_in(folder, since)
    last = LAST_MS if until is None else moment_in(folder, until)
    with progress("simulating") as step:
        found = simulate_draft(
            folder, draft, first, last, name=name, again=again,
            on_progress=lambda what, done, total: step(done, total, what),
        )  # fmt: skip
    if as_json:
        show_json(found)
    else:
        show_simulation(found, lang)
    if found.equal is False:
        complain(f"error: run again as it was, the period differs from the journal from fact {found.differs_at:,} on")
        raise typer.Exit(EXIT_MISTAKE)


def simulations(
    folder: Folder = DEFAULT_FOLDER,
    key: Annotated[str, typer.Option("--report", help="Show the report of this one.")] = "",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """The simulations of a data folder, those under way too; or the report of one."""
    from opportune.operations.simulation import simulation_report
    from opportune.operations.simulation import simulations as all_of_folder

    if key:
        found = simulation_report(folder, key)
        if as_json:
            show_json(found)
        else:
            show_simulation(found, lang)
        return
    states = all_of_folder(folder)
    if as_json:
        show_json(states)
        return
    rows = [
        [one.key, one.name, word("yes", lang) if one.finished else one.what, percent(one.done / one.total if one.total else None)]
        for one in states
    ]  # fmt: skip
    show_table("simulations", ("simulation", "title", "finished", "share"), rows, lang)


def show_simulation(found: "SimulationReport", lang: Lang) -> None:
    """The report as tables."""
    from opportune.operations.simulation import uncertain

    rate = found.facts / found.seconds if found.seconds else 0
    print(
        f"{found.since} – {found.until}: {found.facts:,} {word('facts', lang)}, {found.seconds:.1f} s ({rate:,.0f}/s)"
    )
    if found.equal is not None:
        print(word("same" if found.equal else "not hers", lang))
    _show_sides(found, lang)
    _show_campaigns(found, lang)
    if found.displacement:
        rows = [[d.campaign, d.by or None, word(d.how, lang), d.decisions] for d in found.displacement]
        show_table("displacement", ("campaign", "instead", "how", "decisions"), rows, lang)
    rows = [[w.reason, w.then, w.draft, _more(w.then, w.draft)] for w in found.withheld]
    show_table("withheld", ("reason", "then", "draft", "difference"), rows, lang)
    rows = [
        [one.touchpoint, one.then, one.draft, one.busiest_hour_then, one.busiest_hour_draft, one.busiest_hour,
         one.per_day, one.days_full_then, one.days_full_draft]
        for one in found.load
    ]  # fmt: skip
    columns = (
        "touchpoint", "then", "draft", "busiest hour then", "busiest hour", "at", "per day", "days full then", "days full",
    )  # fmt: skip
    show_table("touchpoint load", columns, rows, lang)
    for sentence in uncertain(found, lang.value):
        print(sentence)


def _show_sides(found: "SimulationReport", lang: Lang) -> None:
    then, draft = found.then, found.draft
    rows: list[list[object]] = [
        [word(name, lang), getattr(then, name), getattr(draft, name), _more(getattr(then, name), getattr(draft, name))]
        for name in ("decisions", "control", "contacts", "customers")
    ]
    monthly = then.contacts_per_customer_and_month, draft.contacts_per_customer_and_month
    rows.append([word("per month", lang), *(f"{one:.3f}" for one in monthly), _more(*monthly)])
    rows.append([word("cost", lang), then.cost, draft.cost, None])
    rows.append([word("expected", lang), *(f"{side.expected:,.1f}" for side in (then, draft)), _more(then.expected, draft.expected)])  # fmt: skip
    for many in range(SPREAD_SHOWN):
        rows.append([f"{many} {word('contacts', lang)}", then.spread[many], draft.spread[many], _more(then.spread[many], draft.spread[many])])  # fmt: skip
    show_table("simulation", ("", "then", "draft", "difference"), rows, lang)


def _show_campaigns(found: "SimulationReport", lang: Lang) -> None:
    rows = [
        [one.campaign, (one.title_zh if lang is Lang.ZH else one.title_en), one.then.contacts, one.draft.contacts,
         _more(one.then.contacts, one.draft.contacts), one.kept, one.then.customers, one.draft.customers, one.then.cost, one.draft.cost,
         f"{one.then.expected:,.1f}", f"{one.draft.expected:,.1f}", one.goals, one.goals_kept]
        for one in found.campaigns
    ]  # fmt: skip
    columns = (
        "campaign", "title", "contacts then", "contacts", "difference", "decisions kept", "customers then", "customers", "cost then", "cost",
        "expected then", "expected", "goals", "goals kept",
    )  # fmt: skip
    show_table("campaigns", columns, rows, lang)


def _more(then: float, draft: float) -> str | None:
    """The difference in per cent, signed; None where there is none, or nothing to compare with."""
    if not then or then == draft:
        return None
    change = 100 * (draft - then) / then
    return f"{change:+.1f} %"
