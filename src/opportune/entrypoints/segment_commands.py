"""Commands about segments: sizes, overlaps, snapshots for audit, export."""

from pathlib import Path
from typing import Annotated

import typer

from opportune.entrypoints.failures import EXIT_MISTAKE, complain
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Reveal, Why
from opportune.entrypoints.people_commands import me
from opportune.entrypoints.tables import percent, show_json, show_table

segment = typer.Typer(no_args_is_help=True, help="Saved segments, as far as the warehouse reaches.")
Name = Annotated[str, typer.Argument(help="The segment's name.")]
Names = Annotated[list[str] | None, typer.Argument(help="Segments by name; all where none is named.")]


@segment.command("list", short_help="Saved segments with their sizes.")
def list_segments(
    names: Names = None, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN
) -> None:
    """Saved segments with their sizes."""
    from opportune.operations import segment_sizes

    found = segment_sizes(folder, names or (), lang.value)
    if as_json:
        show_json(found)
        return
    rows = [
        [s.segment, s.title, s.customers, percent(s.customers / s.in_all if s.in_all else None), s.where] for s in found
    ]
    show_table("segments", ("segment", "title", "customers", "share", "rule"), rows, lang)


@segment.command(short_help="How much segments have in common.")
def overlap(
    names: Names = None, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN
) -> None:
    """How many customers are in both of each two segments."""
    from opportune.operations import segment_overlaps

    found = segment_overlaps(folder, names or ())
    if as_json:
        show_json(found)
    else:
        show_table(
            "overlap", ("segment", "segment", "customers"), [[o.segment, o.other, o.customers] for o in found], lang
        )


@segment.command(short_help="Keep for audit who is in a segment.")
def snapshot(name: Name, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Keep for audit who is in a segment after which fact, with a hash; `segment prove` shows later that it was so."""
    from opportune.operations import snapshot_segment

    found = snapshot_segment(folder, name)
    if as_json:
        show_json(found)
    else:
        print(
            f"{found.segment}: {found.customers:,} customers after the facts below {found.end_seq:,}, digest {found.digest}"
        )


@segment.command(short_help="Prove the snapshots of a segment.")
def prove(name: Name, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN) -> None:
    """Ask the warehouse again as of each snapshot's fact; exit code 1 where the customers differ."""
    from opportune.operations import prove_snapshot, segment_snapshots

    proved = [(one, prove_snapshot(folder, one)) for one in segment_snapshots(folder, name)]
    if as_json:
        show_json([{"snapshot": one, "proved": good} for one, good in proved])
    else:
        rows = [[one.end_seq, one.customers, one.digest, good] for one, good in proved]
        show_table("snapshots", ("seq", "customers", "digest", "proved"), rows, lang)
    if not all(good for _, good in proved):
        complain(f"error: a snapshot of `{name}` does not hold what the warehouse says of its fact")
        raise typer.Exit(EXIT_MISTAKE)


@segment.command("export", short_help="Write a segment's customers to a file.")
def export_to(
    name: Name,
    target: Annotated[Path, typer.Argument(help="A new file that ends in .csv or .parquet.")],
    folder: Folder = DEFAULT_FOLDER,
    reveal: Reveal = False,
    why: Why = "",
) -> None:
    """Write a segment's customers, each with one identifier (masked unless --reveal), to a CSV or Parquet file."""
    from opportune.operations import export_segment, identifiers, note_access, segment_customers

    members = segment_customers(folder, name).tolist()
    if reveal:
        note_access(folder, me(), f"segment {name}", members, why)
    known = identifiers(folder, members, reveal=reveal)
    print(f"{export_segment(folder, name, target, known):,} customers in {target}")
