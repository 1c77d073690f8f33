"""Commands about duplicates: search, the queue, one pair side by side, decide."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Reveal
from opportune.entrypoints.tables import percent, progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import DuplicateLine

PPM = 1_000_000
BITS = 1_000

duplicates = typer.Typer(
    no_args_is_help=True, help="Duplicates: customers who are probably one person; search, look, decide."
)

Number = Annotated[int, typer.Argument(min=1, help="The pair's number.")]
Author = Annotated[
    str, typer.Option("--author", envvar=["OPPORTUNE_AUTHOR", "USER"], help="Who does this, for the record.")
]


@duplicates.command(short_help="Search for customers who are there twice.")
def find(
    matching: Annotated[str | None, typer.Argument(help="The matching's name; not needed where there is one.")] = None,
    author: Author = "",
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Compare customers as a matching says, and put the pairs that are probably one person into the queue; works beside a service.

    What was decided before stays decided. Where the matching says `merge`, those that are the same are merged at once.
    """
    from opportune.intake import ExtraMissingError
    from opportune.operations import find_duplicates, matching_of, merge_same, open_deployment

    definition = matching_of(folder, matching)
    try:
        with progress("duplicates") as step:
            found = find_duplicates(folder, definition, lambda what, done, total: step(done, total, what))
    except ExtraMissingError as error:
        raise MistakeError(str(error)) from error
    merged = 0
    if definition.merge and found.same:
        with open_deployment(folder) as deployment:
            merged = merge_same(deployment, definition, author)
    if as_json:
        show_json({"found": found, "merged": merged})
        return
    columns = (
        "customers",
        "pairs compared",
        "pairs the same",
        "pairs to review",
        "pairs open",
        "pairs merged",
        "clusters",
        "seconds",
    )
    row = [
        found.customers,
        found.compared,
        found.same,
        found.review,
        found.open,
        merged,
        found.clusters,
        f"{found.seconds:.1f}",
    ]
    show_table("duplicates found", columns, [row], lang)


@duplicates.command("list", short_help="Pairs of the queue, the most alike first.")
def list_pairs(
    state: Annotated[str, typer.Option("--state", help="open, merged or apart; all: every pair.")] = "open",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="At most so many.")] = 50,
    reveal: Reveal = False,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Pairs of customers who may be one person: how probable, and what speaks for it. Identifiers are masked unless --reveal."""
    from opportune.operations import list_duplicates
    from opportune.store import PairState

    if state != "all" and state not in list(PairState):
        raise typer.BadParameter(f"no state `{state}`; there are: {', '.join(PairState)}, all")
    found = list_duplicates(folder, None if state == "all" else PairState(state), limit, reveal=reveal)
    if as_json:
        show_json(found)
        return
    columns = ("pair", "probability", "state", "customer", "customer", "alike in", "decided by", "reason")
    rows = [
        [one.number, _share(one.score), word(one.state, lang), f"#{one.low} {one.low_name}", f"#{one.high} {one.high_name}", _alike(one), one.decided_by, one.why]
        for one in found
    ]  # fmt: skip
    show_table("pairs", columns, rows, lang)


@duplicates.command(short_help="Three or more customers who hang together.")
def clusters(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN) -> None:
    """Customers who hang together by open pairs, and which of them are not alike: A like B, B like C, A not like C."""
    from opportune.operations import list_clusters

    found = list_clusters(folder)
    if as_json:
        show_json([one._asdict() for one in found])
        return
    rows = [
        [
            [f"#{customer}" for customer in one.customers],
            len(one.links),
            [f"#{low} – #{high}" for low, high in one.gaps],
        ]
        for one in found
    ]
    show_table("clusters", ("customers", "pairs", "not alike"), rows, lang)


@duplicates.command(short_help="One pair, field by field.")
def show(
    number: Number, reveal: Reveal = False, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN
) -> None:  # fmt: skip
    """Both customers of a pair side by side: how alike each field is, and what that weighs. Values are masked unless --reveal."""
    from opportune.intake import LEVEL_TEXTS
    from opportune.operations import show_duplicate

    found = show_duplicate(folder, number, reveal=reveal)
    if as_json:
        show_json(found)
        return
    line = found.line
    print(
        f"#{line.low} {line.low_name} – #{line.high} {line.high_name}: {_share(line.score)}, {word(line.state, lang)}"
    )
    if line.decided_ms is not None:
        print(f"{line.decided_by}: {line.why}")
    rows = [
        [one.field, one.low, one.high, LEVEL_TEXTS[one.level][lang is Lang.ZH], f"{one.weight / BITS:+.1f}"] for one in found.fields
    ]  # fmt: skip
    show_table("", ("field", f"#{line.low}", f"#{line.high}", "likeness", "weight"), rows, lang)
    if found.gaps:
        gaps = ", ".join(f"#{low} – #{high}" for low, high in found.gaps)
        print(
            f"{word('hangs together with', lang)}: {', '.join(f'#{one}' for one in found.cluster)}; {word('not alike', lang)}: {gaps}"
        )


@duplicates.command(short_help="Decide a pair: same or apart.")
def decide(
    number: Number,
    decision: Annotated[str, typer.Argument(help="same: merge them; apart: they are two, for good.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")] = "",
    author: Author = "",
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Decide an open pair. Apart is remembered for good: no later search asks again. Same merges the two into the older customer."""
    from opportune.operations import decide_pair, open_deployment

    if not author:
        raise typer.BadParameter("a pair is decided by somebody: say who with --author")
    if decision == "apart":
        line = decide_pair(folder, number, "apart", author, why)
    elif decision == "same":
        with open_deployment(folder) as deployment:
            line = decide_pair(folder, number, "same", author, why, deployment)
    else:
        raise typer.BadParameter(f"`{decision}` is no decision; say same or apart")
    if as_json:
        show_json(line)
    else:
        print(f"#{line.low} – #{line.high}: {word(line.state, lang)}")


def _share(score: int) -> str | None:
    return percent(score / PPM, 2)


def _alike(line: "DuplicateLine") -> list[Any]:
    return [one.field for one in line.evidence if one.weight > 0]
