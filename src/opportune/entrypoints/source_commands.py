"""Commands about sources: run those that are due, preview what their steps do, quality, inventory, taking rows in again."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Reveal, Why
from opportune.entrypoints.people_commands import me
from opportune.entrypoints.tables import percent, progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import Preview, QualityFigure, SourceLoad

EXIT_ALERT = 1
PPM = 1_000_000
MS_PER_HOUR = 3_600_000

sources = typer.Typer(
    no_args_is_help=True, help="Sources: run, preview, quality, inventory; where rows come from and how good they are."
)

Data = Annotated[Path, typer.Option("--data", help="The folder in which the sources' files are.")]
Names = Annotated[list[str] | None, typer.Argument(help="Sources by name.")]
Name = Annotated[str, typer.Argument(help="The source's name.")]
Load = Annotated[int | None, typer.Option("--load", min=1, help="A load that was taken in, by its number.")]


@sources.command(short_help="Fetch what is new and take it in.")
def run(
    names: Names = None, data: Data = Path("."), folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN
) -> None:  # fmt: skip
    """Run the sources that are due (`every` has passed), or those that are named: what is new is fetched, kept raw, cleaned and taken in.

    Interrupted anywhere, the next run goes on; no row is applied twice. Exits with 1 where a source could not be read.
    """
    from opportune.operations import open_deployment, read_accounts, run_sources

    with open_deployment(folder) as deployment, progress("sources") as step:
        done = run_sources(
            deployment, data, names or (), accounts=read_accounts(folder), on_step=lambda what, at, total: step(at, total, f"{what}, {at:,}")
        )  # fmt: skip
    if as_json:
        show_json(done)
    else:
        _show_loads([load for one in done for load in one.loads], lang)
    failed = [one for one in done if one.trouble]
    for one in failed:
        print(f"{one.source}: {one.trouble}")
    if failed:
        raise typer.Exit(EXIT_ALERT)


@sources.command("list", short_help="Sources, when each was asked last, and its loads.")
def list_sources(
    names: Names = None, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN
) -> None:  # fmt: skip
    """The sources that are defined, when each was asked last and why in vain, and their newest loads with what became of every row."""
    from opportune.operations import definitions_of, is_due, load_of, open_loads, sources_of

    known = sources_of(definitions_of(folder), names or ())
    now_ms = time.time_ns() // 1_000_000
    with open_loads(folder) as loads:
        checks = loads.checks()
        kept = {source.source: [load_of(row) for row in loads.of(source.source, 20)] for source in known}
    told = [
        {"source": one.source, "title": getattr(one.title, lang.value), "every_ms": int(one.every) if one.every is not None else None, "due": is_due(one, checks.get(one.source), now_ms),
         "checked_ms": checks[one.source].checked_ms if one.source in checks else None,
         "trouble": checks[one.source].trouble if one.source in checks else ""}
        for one in known
    ]  # fmt: skip
    if as_json:
        show_json([{**one, "loads": kept[str(one["source"])]} for one in told])
        return
    rows = [[one["source"], one["title"], _moment(one["checked_ms"]), one["due"], one["trouble"]] for one in told]
    show_table("sources", ("source", "title", "asked last", "due", "trouble"), rows, lang)
    _show_loads([load for loads_of in kept.values() for load in loads_of], lang)


@sources.command(short_help="What the steps would do; nothing is written.")
def preview(
    name: Name,
    data: Data = Path("."),
    definitions: Annotated[
        Path | None, typer.Option("--definitions", help="A folder of definitions to try, instead of those in force.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=1, max=100_000, help="How many rows are read.")] = 1_000,
    shown: Annotated[int, typer.Option("--show", min=0, max=1_000, help="How many of them are shown.")] = 5,
    load: Load = None,
    as_loaded: Annotated[
        bool, typer.Option("--as-loaded", help="With --load: by the steps as they were then.")
    ] = False,
    reveal: Reveal = False,
    why: Why = "",
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Rows before and after cleaning, what each step counted, and the messages that would come of them. Nothing is written.

    Reads the first rows of the source, or with --load the raw rows that were kept. What looks personal is masked unless --reveal.
    """
    from opportune.intake import ExtraMissingError, FetchFailedError, Reach
    from opportune.operations import (
        definitions_of,
        note_access,
        open_loads,
        preview_load,
        preview_new,
        read_accounts,
        read_definitions,
    )

    known = definitions_of(folder) if definitions is None else read_definitions(definitions)
    try:
        if load is not None:
            with open_loads(folder) as loads:
                found = preview_load(known, loads, name, load, shown=shown, reveal=reveal, as_loaded=as_loaded)
        else:
            accounts = read_accounts(folder) if folder.exists() else {}
            found = preview_new(known, name, Reach(data, accounts), rows=rows, shown=shown, reveal=reveal)
    except (FetchFailedError, ExtraMissingError, ValueError, OverflowError) as error:
        raise MistakeError(str(error)) from error
    if reveal and (folder / "key").exists():
        note_access(folder, me(), f"source {name}", [None], why)
    if as_json:
        show_json(found)
    else:
        _show_preview(found, lang)


@sources.command(short_help="Completeness, validity, uniqueness, timeliness, drift; alerts.")
def quality(
    names: Names = None,
    history: Annotated[int, typer.Option("--history", min=1, max=1_000, help="So many loads of each source.")] = 1,
    alerts: Annotated[bool, typer.Option("--alerts", help="Only figures beyond their threshold.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """How good is what each source brings, against the thresholds of its definition. Exits with 1 where there is an alert."""
    from opportune.operations import definitions_of, open_loads, source_quality

    with open_loads(folder) as loads:
        found = source_quality(loads, definitions_of(folder), time.time_ns() // 1_000_000, names or (), history=history)
    told = [one for one in found if one.alert or not alerts]
    if as_json:
        show_json(told)
    else:
        rows = [
            [one.source, one.load or None, word(one.figure, lang), one.field, _figure(one, one.value), _figure(one, one.threshold),
             word("alert", lang) if one.alert else "", one.detail] for one in told
        ]  # fmt: skip
        show_table("quality", ("source", "load", "what", "field", "value", "threshold", "alert", "detail"), rows, lang)
    if any(one.alert for one in found):
        raise typer.Exit(EXIT_ALERT)


@sources.command(short_help="For each wanted field: which source has it, how complete.")
def inventory(
    missing: Annotated[bool, typer.Option("--missing", help="Only fields that no source has.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Is this datum available? Every declared tag and every event property, with the sources that bring it, how complete, and what is missing."""
    from opportune.operations import definitions_of, open_loads, source_inventory

    with open_loads(folder) as loads:
        found = [one for one in source_inventory(loads, definitions_of(folder)) if not (missing and one.sources)]
    if as_json:
        show_json(found)
        return
    rows: list[list[Any]] = []
    for one in found:
        title = one.en if lang is Lang.EN else one.zh
        head = [word(one.kind, lang), one.name, title]
        rows += [[*head, having.source, having.column, percent(_share(having.complete))] for having in one.sources]
        if not one.sources:
            rows.append([*head, word("missing", lang), None, None])
    show_table("inventory", ("kind", "field", "title", "source", "column", "complete"), rows, lang)


@sources.command(short_help="Take quarantined rows of a source in again.")
def redrive(
    name: Name,
    number: Annotated[list[int] | None, typer.Option("--number", help="Only this message of the quarantine; repeat for several.")] = None,
    body: Annotated[Path | None, typer.Option("--body", help="With one --number: a file with the mended message or row.")] = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:  # fmt: skip
    """Take what a source has in the quarantine in again: after its definition or the catalogue was mended, or one message with a mended body.

    A row that could not be cleaned or mapped is cleaned and mapped by the definition as it stands now.
    """
    from opportune.operations import open_deployment, redrive_source

    if body is not None and len(number or ()) != 1:
        raise typer.BadParameter("--body mends one message: name it with --number")
    with open_deployment(folder) as deployment:
        if body is not None and number and not deployment.people.mend(number[0], body.read_bytes()):
            raise MistakeError(f"the quarantine has no message {number[0]} that waits")
        found = redrive_source(deployment, name, number or ())
    if as_json:
        show_json(found)
        return
    columns = ("received", "applied", "duplicates", "quarantined")
    show_table("", columns, [[found.taken, found.applied, found.duplicates, found.quarantined]], lang)
    for reason, count in sorted(found.reasons.items()):
        print(f"{reason}: {count:,}")


@sources.command(short_help="Clean a load anew by the steps as they stand now.")
def rework(
    name: Name,
    load: Annotated[int, typer.Option("--load", min=1, help="The load, by its number.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take in what comes out differently; without it only count.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:  # fmt: skip
    """Undo or change cleaning: the load's raw rows go through the steps as they stand now, and tags that come out differently are stated anew.

    To undo a step, take it out of the definition, apply that, and rework the load. Events that were taken in stay: a fact is never edited.
    """
    from opportune.operations import open_deployment, rework_load

    with open_deployment(folder) as deployment:
        found = rework_load(deployment, name, load, apply=yes)
    if as_json:
        show_json(found)
        return
    row = [found.source, found.load, found.same, found.restated, found.added, found.kept_as_they_are]
    show_table("", ("source", "load", "unchanged", "restated", "added", "kept as they are"), [row], lang)
    if not yes and found.restated + found.added:
        print(word("nothing was written; say --yes", lang))


def _show_loads(found: "list[SourceLoad]", lang: Lang) -> None:
    rows = [
        [one.source, one.load, one.label, one.rows, sum(one.left_out.values()), one.refused, one.messages, one.applied, one.duplicates,
         one.quarantined] for one in found
    ]  # fmt: skip
    columns = (
        "source",
        "load",
        "fetched",
        "rows",
        "left out",
        "refused",
        "messages",
        "applied",
        "duplicates",
        "quarantined",
    )
    show_table("loads", columns, rows, lang)
    why = [[one.source, one.load, step, count] for one in found for step, count in one.left_out.items()]
    if why:
        show_table("left out", ("source", "load", "by", "rows"), why, lang)


def _show_preview(found: "Preview", lang: Lang) -> None:
    print(f"{found.source}, {found.label}: {found.rows:,} {word('rows', lang)}, {found.kept:,} {word('kept', lang)}")
    counts = [[one.step, one.changed, one.left_out, one.refused] for one in found.steps]
    show_table("steps", ("step", "changed", "left out", "refused"), counts, lang)
    rows: list[list[Any]] = []
    for row in found.shown:
        for field in dict.fromkeys([*row.before, *row.after]):
            before, after = row.before.get(field), row.after.get(field)
            rows.append(
                [
                    row.row,
                    f"{row.fate} {row.step}".strip(),
                    field,
                    _cell(before),
                    _cell(after) if after != before else "=",
                ]
            )
    show_table("rows", ("row", "outcome", "field", "before", "after"), rows, lang)


def _cell(value: Any) -> str | None:
    return None if value is None else str(value)


def _figure(figure: "QualityFigure", value: int | None) -> str | None:
    if value is None:
        return None
    if figure.figure == "fresh":
        return f"{value / MS_PER_HOUR:,.1f} h"
    return f"{value / PPM:.3f}" if figure.figure == "drift" else percent(value / PPM, 2)


def _share(ppm: int | None) -> float | None:
    return None if ppm is None else ppm / PPM


def _moment(ms: Any) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")
