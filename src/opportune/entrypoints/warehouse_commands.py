"""Commands of the warehouse: the journal as Parquet, and SQL over it."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError, complain
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language
from opportune.entrypoints.tables import progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import RetentionPlan
    from opportune.warehouse import Answer

ROWS_MAX, SECONDS_MAX, MEMORY_MB_MAX = 10_000, 60.0, 1_000


def export(
    folder: Folder = DEFAULT_FOLDER,
    compacting: Annotated[bool, typer.Option("--compact", help="Then merge the small files of each day.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the warehouse (Parquet files in the data folder) up to the journal; beside a running service, too.

    It goes on where it stopped, however it stopped. The files may be read by any program; `opportune query` reads them by names.
    """
    from opportune.operations import journal_of
    from opportune.warehouse import compact, export, read_manifest

    end = journal_of(folder).bytes
    with progress("exporting") as step:
        done = export(
            folder, on_progress=lambda facts, reached: step(facts, max(facts, 1), f"exporting, fact {reached:,}")
        )
    merged = compact(folder) if compacting else None
    manifest = read_manifest(folder)
    told = {
        "facts": done.facts, "end_seq": done.end_seq, "parts": len(manifest.parts), "journal_bytes": end,
        "parts_before": merged.before if merged else len(manifest.parts),
    }  # fmt: skip
    if as_json:
        show_json(told)
        return
    print(
        f"{done.facts:,} facts exported; the warehouse reaches to fact {done.end_seq:,}, in {len(manifest.parts):,} parts"
    )
    if merged is not None:
        print(f"{merged.before:,} parts became {merged.after:,}")


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over events, event.<name>, tags, latest.<tag>, decisions, …")],
    folder: Folder = DEFAULT_FOLDER,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="latest.<tag> then: 2026-12-01 or 2026-12-01T08:00, local time.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a heading.")] = False,
    rows_max: Annotated[
        int, typer.Option("--rows-max", min=1, max=10_000_000, help="At most so many rows.")
    ] = ROWS_MAX,
    seconds_max: Annotated[float, typer.Option("--seconds-max", min=0.1, help="Give up after so long.")] = SECONDS_MAX,
    memory_mb_max: Annotated[
        int, typer.Option("--memory-mb-max", min=100, help="Use at most so much memory.")
    ] = MEMORY_MB_MAX,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Ask the warehouse in SQL (DuckDB). It changes nothing, and reads nothing but the exported files of this data folder.

    `SELECT * FROM catalogue` lists events and tags; times are local to the deployment's zone, money is exact.
    """
    from opportune.operations import moment_in
    from opportune.warehouse import Warehouse

    if as_csv and as_json:
        raise MistakeError("give --csv or --json, not both")
    moment = None if as_of is None else moment_in(folder, as_of)
    with Warehouse(folder, as_of_ms=moment, memory_max=f"{memory_mb_max}MB") as warehouse:
        found = warehouse.query(sql, rows_max=rows_max, seconds_max=seconds_max)
    show_rows(found, as_csv=as_csv, as_json=as_json, lang=lang)


def retention(
    folder: Folder = DEFAULT_FOLDER,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go; also beside a running service.")
    ] = False,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Let history go by the deployment's `retention`: journal segments that were exported, rows of the warehouse. A running service does so itself.

    What cannot be answered any more is said first. No segment goes that does not read back from the warehouse as it is.
    """
    import time

    from opportune.operations import apply_retention, open_deployment, plan_retention, retention_of

    now_ms = time.time_ns() // 1_000_000
    plan = plan_retention(folder, retention_of(folder), now_ms)
    if dry_run or plan.is_empty:
        if as_json:
            show_json({"plan": plan, "done": None})
        else:
            _show_plan(plan, lang)
        return
    with progress("opening") as step:
        deployment = open_deployment(folder, on_progress=lambda what, done, total: step(done, total, what))
    with deployment:
        done = apply_retention(deployment, now_ms)
    if as_json:
        show_json({"plan": plan, "done": done})
        return
    _show_plan(plan, lang)
    said = word("retention done", lang)
    print(said.format(facts=done.facts_proven, bytes=done.journal_bytes, seq=done.journal_seq, parts=done.parts))


def _show_plan(plan: "RetentionPlan", lang: Lang) -> None:
    journal = plan.journal
    if plan.is_empty:
        print(word("nothing goes", lang))
    if journal.segments:
        said = word("segments go", lang)
        print(said.format(segments=journal.segments, bytes=journal.bytes, first=journal.first_seq, end=journal.seq))
    if journal.hold is not None:
        print(word(journal.hold.value, lang))
    if plan.rows_hold is not None:
        print(word(plan.rows_hold.value, lang))
    if plan.rows:
        rows = [[word(one.kind, lang), one.until_day, one.parts, one.rows, one.bytes] for one in plan.rows]
        show_table("rows that go", ("kind", "until day", "parts of the warehouse", "rows", "bytes"), rows, lang)
    if plan.losses:
        print(word("losses", lang))
        for loss in plan.losses:
            print("  -", word(f"loses {loss.value}", lang).format(seq=plan.provable_seq))


def show_rows(found: "Answer", *, as_csv: bool, as_json: bool, lang: Lang) -> None:
    """The rows of an answer as a table, as CSV, or as one JSON document."""
    if as_json:
        show_json({"columns": found.columns, "types": found.types, "rows": found.rows, "more": found.more})
        return
    if as_csv:
        written = csv.writer(sys.stdout, lineterminator="\n")
        written.writerow(found.columns)
        written.writerows(found.rows)
    else:
        show_table("", found.columns, [[_shown(value) for value in row] for row in found.rows], lang)
    if found.more:
        complain(f"there are more than {len(found.rows):,} rows; ask for more with --rows-max")


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | list) else str(value)
