"""Commands about drafts: list, show, simulate, submit, approve, reject, withdraw, launch."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Author, Folder, Lang, Language, Since, Until, Url
from opportune.entrypoints.playbook_commands import show_changes, show_published
from opportune.entrypoints.service_client import ServiceClient
from opportune.entrypoints.simulation_commands import FIRST_MS, LAST_MS, show_simulation
from opportune.entrypoints.tables import progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations.drafting import DraftView

drafts = typer.Typer(
    no_args_is_help=True, help="Drafts of playbooks: from the plan to its launch, each step on record."
)
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="The draft.")]
Note = Annotated[str, typer.Option("--note", help="Why, for the record.")]


@drafts.command("list", short_help="Drafts, the newest first.")
def list_drafts(
    folder: Folder = DEFAULT_FOLDER,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000)] = 20,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Drafts, the newest first."""
    from opportune.operations.drafting import open_drafting

    with open_drafting(folder) as drafting:
        found = drafting.newest(limit=limit)
    if as_json:
        show_json(found)
        return
    rows = [
        [str(one.number), one.title, word(one.state, lang), one.author, _moment(one.created_ms), list(one.campaigns), _missing(one)]
        for one in found
    ]  # fmt: skip
    show_table("drafts", ("draft", "title", "state", "author", "since", "campaigns changed", "waits for"), rows, lang)


@drafts.command(short_help="A draft: changes, approvals, what stands in its way, its trail.")
def show(number: Number, folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN) -> None:
    """All about a draft: what it changes in what is in force now, the approvals it needs, what stands in its way, and its trail."""
    from opportune.operations.drafting import open_drafting

    with open_drafting(folder) as drafting:
        view = drafting.view(number)
    if as_json:
        show_json(view)
        return
    print(f"{word('draft', lang)} {view.number}: {view.title} – {word(view.state, lang)} – {view.binding}")
    show_changes(view.changes, lang)
    needed = [
        [one.step, (one.title_zh if lang is Lang.ZH else one.title_en) or None, word(one.why, lang), one.found or None,
         one.limit or None, list(one.by) or None, one.given_by]
        for one in view.steps_needed
    ]  # fmt: skip
    show_table("approvals", ("step", "title", "reason", "found", "threshold", "may give it", "given by"), needed, lang)
    obstacles = [
        [one.code, f"{one.family} {one.name}".strip() or None, one.path or None, one.text] for one in view.obstacles
    ]
    show_table("in its way", ("code", "definition", "field", "detail"), obstacles, lang)
    trail = [
        [_moment(one.at_ms), word(one.kind, lang), one.actor, one.step, one.binding, one.report, one.note or None]
        for one in view.trail
    ]
    show_table("trail", ("at", "step", "author", "approval", "binding", "simulation", "note"), trail, lang)


@drafts.command(short_help="Try a draft on the past; the report stays with it.")
def simulate(
    number: Number,
    folder: Folder = DEFAULT_FOLDER,
    since: Since = None,
    until: Until = None,
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Try a draft on the past, as `opportune simulate` does; the report stays with the draft, and approvals are bound to it."""
    from opportune.operations import moment_in
    from opportune.operations.drafting import open_drafting

    first = FIRST_MS if since is None else moment_in(folder, since)
    last = LAST_MS if until is None else moment_in(folder, until)
    with open_drafting(folder) as drafting, progress("simulating") as step:
        found = drafting.simulate(
            number, first, last, author, on_progress=lambda what, done, total: step(done, total, what)
        )
    if as_json:
        show_json(found)
    else:
        show_simulation(found, lang)


@drafts.command(short_help="Ask for approval.")
def submit(
    number: Number,
    folder: Folder = DEFAULT_FOLDER,
    note: Note = "",
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Ask for approval of a draft as it is now. Whatever of it, or of what it rests on, is changed afterwards in what decides reopens it."""
    from opportune.operations.drafting import open_drafting

    with open_drafting(folder) as drafting:
        _tell(drafting.submit(number, author, note), as_json, lang)


@drafts.command(short_help="Approve a draft that somebody else made.")
def approve(
    number: Number,
    folder: Folder = DEFAULT_FOLDER,
    step: Annotated[str | None, typer.Option("--step", help="Only this step; else all that you may give.")] = None,
    binding: Annotated[
        str | None, typer.Option("--binding", help="Only if this is still its hash, as `show` told it.")
    ] = None,
    note: Note = "",
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Approve a draft that somebody else made: one step, or all that are missing and that you may give."""
    from opportune.operations.drafting import open_drafting

    with open_drafting(folder) as drafting:
        _tell(drafting.approve(number, author, step, note, binding), as_json, lang)


@drafts.command(short_help="Say no, and why.")
def reject(
    number: Number,
    note: Annotated[str, typer.Option("--note", help="Why.")],
    folder: Folder = DEFAULT_FOLDER,
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Say no to a draft, and why; its authors may revise it."""
    from opportune.operations.drafting import open_drafting

    with open_drafting(folder) as drafting:
        _tell(drafting.reject(number, author, note), as_json, lang)


@drafts.command(short_help="End a draft for good.")
def withdraw(
    number: Number,
    folder: Folder = DEFAULT_FOLDER,
    note: Note = "",
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """End a draft for good; its trail stays."""
    from opportune.operations.drafting import open_drafting

    with open_drafting(folder) as drafting:
        _tell(drafting.withdraw(number, author, note), as_json, lang)


@drafts.command(short_help="Put an approved draft in force.")
def launch(
    number: Number,
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    author: Author = "unknown",
    as_json: AsJson = False,
) -> None:
    """Put a draft in force from the next event on. What has changed since its approval blocks it, and opens it again.

    With --url the service does it, in the name of the key.
    """
    from opportune.journal import JournalLocked
    from opportune.operations import open_deployment
    from opportune.operations.drafting import open_drafting

    if url is not None:
        told = ServiceClient(url).post(f"/v1/drafts/{number}/launch")
        playbook, seq, took_ms = told["playbook"], told["seq"], told["took_ms"]
        if as_json:
            show_json(told)
            return
    else:
        with open_drafting(folder) as drafting:
            drafting.ready(number)
            try:
                with open_deployment(folder) as deployment:
                    done = drafting.launch(deployment, number, author)
            except JournalLocked as error:
                raise MistakeError(
                    f"a service has {folder} open; ask it: add --url http://HOST:PORT, with a key of scope define in OPPORTUNE_KEY"
                ) from error
        playbook, seq, took_ms = done.playbook, done.seq, done.took_ms
        if as_json:
            show_json(done)
            return
    show_published(playbook, seq, took_ms)


def _tell(view: "DraftView", as_json: bool, lang: Lang) -> None:
    if as_json:
        show_json(view)
        return
    waits = _missing(view)
    print(f"{word('draft', lang)} {view.number}: {word(view.state, lang)}" + (f"; {word('waits for', lang)}: {', '.join(waits)}" if waits else ""))  # fmt: skip


def _missing(view: "DraftView") -> list[str]:
    return [one.step for one in view.steps_needed if one.given_by is None]


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
