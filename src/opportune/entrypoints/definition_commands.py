"""Commands about definitions in files: init, check, schema."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import EXIT_MISTAKE, MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Lang, Language
from opportune.entrypoints.tables import show_json, show_table

if TYPE_CHECKING:
    from opportune.operations import SmsPreview
    from opportune.store import DefinitionProblem, Definitions

EXAMPLE = "minimal"
ODD_CHARACTERS_MAX = 12


def init(
    folder: Annotated[
        Path, typer.Argument(envvar="OPPORTUNE_FOLDER", help="The data folder to make.")
    ] = DEFAULT_FOLDER,
    seed: Annotated[
        str | None,
        typer.Option("--seed", help="For demonstrations: customers' random keys follow from this text and so repeat."),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Also put a folder `definitions` with a small example beside it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a data folder: its secret key, and room for the journal, the definitions and the people."""
    from opportune.operations import create_deployment, examples_folder

    beside = folder.absolute().parent / "definitions"
    if example and beside.exists():
        raise MistakeError(f"{beside} is there already; move it away, or leave --example out")
    create_deployment(folder, seed=seed)
    if example:
        shutil.copytree(examples_folder(EXAMPLE), beside)
    if as_json:
        show_json({"folder": str(folder), "definitions": str(beside) if example else None})
        return
    print(f"{folder} is ready")
    if example:
        print(f"{beside} holds an example; put it in force with: opportune apply {beside} --folder {folder}")


def check(
    folder: Annotated[Path, typer.Argument(help="The folder with the definitions in YAML.")],
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Check a folder of definitions without using them: every problem with its place; exit code 1 where there is one.

    What could be used and yet can hardly be meant (a condition that is never true, a budget below one contact) is warned about.
    Where messages leave as SMS, shows how long each is: with made-up values where a customer's would stand.
    """
    from opportune.operations import DefinitionsRefusedError, compile_playbook, preview_sms, read_definitions, warn

    definitions = None
    problems: list[Any] = []
    warnings: list[DefinitionProblem] = []
    texts: list[SmsPreview] = []
    try:
        definitions = read_definitions(folder)
        playbook = compile_playbook(None, definitions)
        texts, warnings = preview_sms(definitions, playbook), warn(definitions, playbook)
    except DefinitionsRefusedError as error:
        if not as_json:
            raise
        problems = error.problems
    count = _count(definitions) if definitions is not None else 0
    if as_json:
        show_json({"definitions": count, "problems": problems, "warnings": warnings, "sms": texts})
    else:
        print(f"{count} definitions, no problems")
        show_warnings(warnings, lang)
        if texts:
            _show_sms(texts, lang)
    if problems:
        raise typer.Exit(EXIT_MISTAKE)


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", help="Write one file per kind of definition into this folder.")
    ] = None,
) -> None:
    """The JSON Schemas of the definitions, for editors: printed as one document, or written as files."""
    from opportune.store import schema_of_any, write_schemas

    if out is None:
        show_json(schema_of_any())
        return
    for path in write_schemas(out):
        print(path)


def show_warnings(warnings: "tuple[DefinitionProblem, ...] | list[DefinitionProblem]", lang: Lang) -> None:
    """What is in the definitions and can hardly be meant; nothing where there is nothing."""
    rows = [
        [f"{one.file}:{one.line}:{one.column}" if one.file else "", f"{one.family} {one.name}", one.code, one.message, one.hint]
        for one in warnings
    ]  # fmt: skip
    if rows:
        show_table("warnings", ("where", "definition", "code", "reason", "hint"), rows, lang)


def _show_sms(texts: "list[SmsPreview]", lang: Lang) -> None:
    rows = [
        [one.offer, one.touchpoint, one.language or "–", one.length.units, one.length.coding.upper(), one.length.parts,
         one.length.left, one.length.odd[:ODD_CHARACTERS_MAX]]
        for one in texts
    ]  # fmt: skip
    columns = ("offer", "touchpoint", "language", "characters", "encoding", "parts", "characters left", "not in GSM-7")
    show_table("sms", columns, rows, lang)


def _count(definitions: "Definitions") -> int:
    return sum(1 for _ in definitions.all())
