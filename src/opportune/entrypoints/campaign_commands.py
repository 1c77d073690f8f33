"""Commands about campaigns: pause, resume, end; the calendar."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Author, Folder, Lang, Language
from opportune.entrypoints.tables import show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations.drafting import LifeChange, Verb

Campaign = Annotated[str, typer.Argument(help="The campaign's name.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count the decisions that are on their way.")]
Note = Annotated[str, typer.Option("--note", help="Why, for the record.")]


def pause(
    campaign: Campaign,
    folder: Folder = DEFAULT_FOLDER,
    note: Note = "",
    dry_run: DryRun = False,
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Pause a campaign from the next event on: no new decisions, and those that wait are withdrawn, never shown. Needs no approval."""
    _change("pause", campaign, folder, note, dry_run, author, as_json, lang)


def resume(
    campaign: Campaign,
    folder: Folder = DEFAULT_FOLDER,
    note: Note = "",
    dry_run: DryRun = False,
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Let a paused campaign go on; while approval is on, a draft is made of it."""
    _change("resume", campaign, folder, note, dry_run, author, as_json, lang)


def end(
    campaign: Campaign,
    folder: Folder = DEFAULT_FOLDER,
    note: Note = "",
    dry_run: DryRun = False,
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """End a campaign from the next event on, for good: its last day becomes yesterday. Goals of what it showed are still watched."""
    _change("end", campaign, folder, note, dry_run, author, as_json, lang)


def show_calendar(
    folder: Folder = DEFAULT_FOLDER,
    since: Annotated[str | None, typer.Option("--since", help="From this local day on (included): 2026-12-01.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Up to this local day (included).")] = None,
    draft: Annotated[
        int | None, typer.Option("--draft", metavar="N", help="As if draft N were in force; its conflicts only.")
    ] = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Campaigns by their days, and which are in each other's way at the same touchpoints."""
    from opportune.operations.drafting import calendar, local_day, now_ms, open_drafting

    for day in (since, to):
        _require_day(day)
    with open_drafting(folder) as drafting:
        definitions = drafting.store.in_force() if draft is None else drafting.definitions(draft)
        about = () if draft is None else drafting.view(draft).campaigns
    found = calendar(definitions, local_day(definitions, now_ms()), since, to, about)
    if as_json:
        show_json(found)
        return
    rows = [
        [one.campaign, one.title_zh if lang is Lang.ZH else one.title_en, word(one.state, lang), one.since, one.to, one.event,
         list(one.touchpoints), one.category]
        for one in found.campaigns
    ]  # fmt: skip
    show_table(
        "calendar",
        ("campaign", "title", "state", "since", "until the day", "event", "touchpoint", "category"),
        rows,
        lang,
    )
    conflicts = [
        [word(one.code, lang), one.campaign, one.other, one.since, one.to, list(one.touchpoints), one.detail]
        for one in found.conflicts
    ]
    show_table(
        "conflicts",
        ("conflict", "campaign", "campaign", "since", "until the day", "touchpoint", "detail"),
        conflicts,
        lang,
    )


def _require_day(day: str | None) -> None:
    from datetime import date

    try:
        if day is not None:
            date.fromisoformat(day)
    except ValueError as error:
        raise MistakeError(f"`{day}` is no day; write it as 2026-12-31") from error


def _change(
    verb: "Verb", campaign: str, folder: Path, note: str, dry_run: bool, author: str, as_json: bool, lang: Lang
) -> None:
    from opportune.operations import open_deployment
    from opportune.operations.drafting import change_life, open_drafting

    with open_deployment(folder) as deployment, open_drafting(folder) as drafting:
        done = change_life(deployment, drafting, campaign, verb, author, note, dry_run=dry_run)
    if as_json:
        show_json(done)
        return
    _tell(done, verb, lang)


def _tell(done: "LifeChange", verb: "Verb", lang: Lang) -> None:
    flying = done.in_flight
    if verb != "resume" and flying.waiting:
        print(f"{flying.waiting:,} {word('waiting decisions withdrawn', lang)}")
    if flying.at_touchpoint or flying.being_sent:
        print(f"{flying.at_touchpoint + flying.being_sent:,} {word('decisions already out', lang)}")
    if done.draft is not None:
        print(f"draft {done.draft.number} was made; it waits for approval")
    elif done.publication is not None:
        print(f"{done.campaign}: {word(done.state, lang)}; playbook {done.publication.playbook}")
    else:
        print(word("nothing was changed", lang))
