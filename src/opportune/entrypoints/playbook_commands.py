"""Commands that change what is in force, or make a draft of it: apply, rollback, promote; and pull, the way back to files."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.definition_commands import show_warnings
from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Author, Folder, Lang, Language
from opportune.entrypoints.tables import show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations.drafting import AudienceMove, Drafting
    from opportune.store import Change, Definitions

VALUE_CHARACTERS_MAX = 60

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change; works beside a writer.")]
AsDraft = Annotated[
    bool, typer.Option("--draft", help="Make a draft and change nothing; so it always is while approval is on.")
]
Note = Annotated[str, typer.Option("--note", help="Why, for the record.")]


def apply(
    definitions_folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder with the definitions in YAML.")
    ],
    folder: Folder = DEFAULT_FOLDER,
    yes: Yes = False,
    dry_run: DryRun = False,
    draft: AsDraft = False,
    revise: Annotated[
        int | None, typer.Option("--revise", metavar="N", help="Put them in the place of draft N's contents.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What to call the draft.")] = "",
    note: Note = "",
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Put a folder of definitions in force: check it, show what changes, ask, publish. It holds from the next event on.

    While approval is on, a draft is made of it instead (see `opportune drafts`).
    """
    from opportune.operations import read_definitions

    wanted = read_definitions(definitions_folder)
    ask = _Ask(folder, wanted, title or definitions_folder.name, note, author, as_json, lang)
    if revise is not None:
        ask.revise(revise)
    else:
        ask.go(yes=yes, dry_run=dry_run, draft=draft)


def rollback(
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The playbook to go back to.")],
    folder: Folder = DEFAULT_FOLDER,
    yes: Yes = False,
    dry_run: DryRun = False,
    draft: AsDraft = False,
    note: Note = "",
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Go back to an earlier playbook: a new one is published that says the same. Budgets and caps stay used."""
    from opportune.operations import definitions_of

    wanted = definitions_of(folder, number)
    ask = _Ask(folder, wanted, f"back to playbook {number}", note, author, as_json, lang)
    ask.go(yes=yes, dry_run=dry_run, draft=draft)


def promote(
    from_folder: Annotated[Path, typer.Argument(metavar="FROM", help="The data folder whose definitions are taken.")],
    to: Annotated[Path, typer.Option("--to", help="The data folder that gets them.")],
    campaigns: Annotated[
        list[str] | None,
        typer.Option("--campaign", help="Only this campaign and all that it refers to; may be said several times."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    draft: AsDraft = False,
    note: Note = "",
    author: Author = "unknown",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Take definitions from one deployment to another; its own deployment, approval rules and sources stay as they are.

    Single campaigns come with their offers, touchpoints, tags and events; the other deployment's contact policy stays then.
    """
    from opportune.operations import definitions_of, promoted

    wanted = promoted(definitions_of(from_folder), to, campaigns or ())
    ask = _Ask(to, wanted, f"from {from_folder.name}", note, author, as_json, lang)
    ask.go(yes=yes, dry_run=dry_run, draft=draft)


def pull(
    definitions_folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An empty folder, or a new one.")],
    folder: Folder = DEFAULT_FOLDER,
    playbook: Annotated[
        int | None, typer.Option("--playbook", metavar="N", min=1, help="An earlier playbook's instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the definitions saved last as YAML, one file per kind. Applying them changes nothing."""
    from opportune.operations import definitions_of
    from opportune.store import write_folder

    files = write_folder(definitions_of(folder, playbook), definitions_folder)
    if as_json:
        show_json({"files": [str(path) for path in files]})
        return
    for path in files:
        print(path)


class _Ask:
    """A whole set of definitions on its way into a data folder."""

    def __init__(
        self, folder: Path, wanted: "Definitions", title: str, note: str, author: str, as_json: bool, lang: Lang
    ) -> None:
        self.folder, self.wanted, self.title, self.note = folder, wanted, title, note
        self.author, self.as_json, self.lang = author, as_json, lang

    def go(self, *, yes: bool, dry_run: bool, draft: bool) -> None:
        """Show what would change, make a draft of it, or publish it."""
        from opportune.operations import compile_playbook, warn
        from opportune.operations.drafting import open_drafting

        with open_drafting(self.folder) as drafting:
            if dry_run:
                changes = drafting.difference(self.wanted)
                warnings = warn(self.wanted, compile_playbook(None, self.wanted))
                if self.as_json:
                    show_json({"playbook": None, "seq": None, "changes": changes, "warnings": warnings})
                else:
                    show_changes(changes, self.lang)
                    show_warnings(warnings, self.lang)
                return
            if draft or drafting.approval_on():
                self._draft(drafting)
                return
        if self.as_json and not yes:
            raise typer.BadParameter("--json cannot ask; say --yes or --dry-run")
        self._publish(yes=yes)

    def revise(self, number: int) -> None:
        """Put the set in the place of a draft's contents."""
        from opportune.operations.drafting import open_drafting

        with open_drafting(self.folder) as drafting:
            view = drafting.revise(number, self.wanted, self.author, self.note)
        if self.as_json:
            show_json(view)
            return
        show_changes(view.changes, self.lang)
        print(f"draft {view.number} is revised; it is `{view.state}` now")

    def _draft(self, drafting: "Drafting") -> None:
        view = drafting.make(self.wanted, self.author, self.title, self.note)
        if self.as_json:
            show_json(view)
        elif view is None:
            print("nothing differs from what is in force; no draft was made")
        else:
            show_changes(view.changes, self.lang)
            print(f"draft {view.number} was made; nothing is in force yet. See: opportune drafts show {view.number}")

    def _publish(self, *, yes: bool) -> None:
        from opportune.operations import compile_playbook, open_deployment, preview_changes, publish, warn
        from opportune.operations.drafting import audience_moves

        with open_deployment(self.folder) as deployment:
            warnings = warn(self.wanted, compile_playbook(deployment, self.wanted))
            changes = preview_changes(deployment, self.wanted)
            if not self.as_json:
                show_changes(changes, self.lang)
                show_warnings(warnings, self.lang)
                before = deployment.store.in_force()
                self._show_moves(audience_moves(deployment.engine, before, self.wanted, changes))
            if changes and not yes and not _agreed():
                print("nothing was changed")
                return
            done = publish(deployment, self.wanted, self.author)
        if self.as_json:
            show_json(done)
        else:
            show_published(done.playbook, done.seq, done.took_ms)

    def _show_moves(self, moves: "list[AudienceMove]") -> None:
        rows = [
            [f"{one.family} {one.name}", one.moved_in, one.moved_out, one.customers, one.unknown or None]
            for one in moves
        ]
        if any(row[1] or row[2] or row[4] for row in rows):
            show_table("audiences", ("definition", "moved in", "moved out", "customers", "note"), rows, self.lang)


def show_published(playbook: int, seq: int | None, took_ms: int) -> None:
    """What publishing did, in a line."""
    if seq is None:
        print(f"playbook {playbook} is in force already; nothing was changed")
    else:
        print(f"playbook {playbook} is in force from fact {seq:,} on ({took_ms:,} ms)")


def show_changes(changes: "tuple[Change, ...] | list[Change]", lang: Lang) -> None:
    """The changes, field by field."""
    rows = []
    for change in changes:
        mark = word(change.kind, lang) + (f" ({word('words only', lang)})" if change.words_only else "")
        head = [mark, f"{change.family} {change.name}"]
        rows += [[*head, field.path, _shown(field.before), _shown(field.after)] for field in change.fields]
        if not change.fields:
            rows.append([*head, "", "", ""])
    show_table("changes", ("change", "definition", "field", "before", "after"), rows, lang)


def _agreed() -> bool:
    if not sys.stdin.isatty() and not os.environ.get("OPPORTUNE_ASK"):
        raise MistakeError("cannot ask here whether to publish; say --yes (or --dry-run to only look)")
    return typer.confirm("Publish?", err=True)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 1] + "…"
