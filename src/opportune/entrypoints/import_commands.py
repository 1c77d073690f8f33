"""Commands that bring messages in and show what was not taken: import, quarantine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError, as_mistake
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Limit
from opportune.entrypoints.tables import progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import Deployment, Imported, SourceAccount

TABLE_SUFFIXES = (".csv", ".parquet")
HOW_TO_MAP = """{path} needs a mapping that says which columns mean what. Write it as a definition, for example sources.yaml:

    source: {name}
    read: {{format: {format}, path: {path.name}}}
    time: {{from: when}}
    customer: {{kind: user, from: customer_id}}
    rows:
      - event: pack_purchased
        properties: {{amount: amount}}

then run: opportune import --definitions FOLDER --data {path.parent}"""
COUNTS = ("received", "applied", "duplicates", "quarantined", "clashes", "rounded")


def import_messages(
    path: Annotated[Path | None, typer.Argument(help="A file of canonical messages: NDJSON, plain or .gz.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source", help="The source's name (default: the file's); with --definitions, the sources to import."
        ),
    ] = None,
    definitions: Annotated[
        Path | None,
        typer.Option("--definitions", help="A folder whose source definitions map CSV, Parquet or NDJSON files."),
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="The folder of those files.")] = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Import history: every message becomes a fact, a repeat or a quarantined one, and decisions are made as if it were live.

    An import that was interrupted goes on where it stopped.
    """
    if (path is None) == (definitions is None):
        raise typer.BadParameter("name either a file of messages, or --definitions FOLDER and --data FOLDER")
    if definitions is not None and data is None:
        raise typer.BadParameter("--definitions needs --data FOLDER, the folder of the files")
    from opportune.operations import import_ndjson, import_sources, read_definitions, sources_of

    if definitions is not None and data is not None:
        wanted = sources_of(read_definitions(definitions), source or ())
        if not wanted:
            raise MistakeError(f"{definitions} defines no source; write one as `source: name`")
        _import(folder, lambda d, step: import_sources(d, wanted, data, on_import=step), str(data), as_json, lang)
        return
    assert path is not None
    if source is not None and len(source) > 1:
        raise typer.BadParameter("one file has one source")
    if not path.is_file():
        raise MistakeError(f"no file {path}; name a file of messages (NDJSON, plain or .gz)")
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    name = path.name.split(".")[0]
    if suffixes and suffixes[-1] in TABLE_SUFFIXES:
        raise MistakeError(HOW_TO_MAP.format(path=path, name=name, format=suffixes[-1][1:]))
    called = source[0] if source else name
    _import(folder, lambda d, step: import_ndjson(d, path, called, on_import=step), str(path), as_json, lang)


Step = Callable[[int, int, int], None]


def _import(folder: Path, run: "Callable[[Deployment, Step], Imported]", place: str, as_json: bool, lang: Lang) -> None:
    import msgspec

    from opportune.operations import SourceAccount, open_deployment

    with open_deployment(folder) as deployment:
        if not deployment.catalogue.events:
            raise MistakeError(
                f"{folder} has no playbook yet, so no event is known; put definitions in force first: opportune apply"
            )
        before = {name: msgspec.structs.replace(a) for name, a in deployment.accounting.sources.items()}
        with progress(place, in_bytes=True) as step, as_mistake(place):
            done = run(deployment, lambda at, total, messages: step(at, total, f"{place}, {messages:,} messages"))
    then = before.get(done.source, SourceAccount())
    now = done.account
    this = {name: getattr(now, name) - getattr(then, name) for name in COUNTS}
    if as_json:
        show_json({**msgspec.to_builtins(done), "this_import": this, "balanced": now.balanced})
        return
    show_account({(done.source, "this import"): this, (done.source, "in all"): _counts(now)}, lang)
    rate = done.messages / done.seconds if done.seconds else 0
    print(
        f"{done.messages:,} {word('messages', lang)}, {done.seconds:.2f} {word('seconds', lang)} ({rate:,.0f}/s): "
        f"{done.decisions:,} {word('decisions', lang)}, {done.goals:,} {word('goals', lang)}"
    )
    if this["quarantined"]:
        print(f"{this['quarantined']:,} {word('quarantined', lang)}: opportune quarantine --folder {folder}")


def _counts(account: "SourceAccount") -> dict[str, int]:
    return {name: getattr(account, name) for name in COUNTS}


def show_account(accounts: dict[tuple[str, str], dict[str, int]], lang: Lang) -> None:
    """The accounting identity per source: received = applied + duplicate + quarantined."""
    print(word("balance", lang))
    rows = [
        [source, word(span, lang), *(counts[name] for name in COUNTS)] for (source, span), counts in accounts.items()
    ]
    show_table("", ("source", "", *COUNTS), rows, lang)


def quarantine(
    folder: Folder = DEFAULT_FOLDER,
    reason: Annotated[str | None, typer.Option("--reason", help="Only messages with this reason code.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """What could not become a fact: counts per reason, and the places of the newest messages (their bodies stay inside)."""
    from opportune.intake import QUARANTINE_TEXTS, QuarantineReason
    from opportune.operations import mask_words, open_people

    known = {one.value for one in QuarantineReason}
    if reason is not None and reason not in known:
        raise typer.BadParameter(f"no reason `{reason}`; known: {', '.join(sorted(known))}")
    with open_people(folder) as people:
        counts = people.quarantine_counts() if people is not None else {}
        messages = people.quarantined(reason, limit=limit) if people is not None else []
    side = 0 if lang is Lang.EN else 1

    def text(code: str) -> str:
        return QUARANTINE_TEXTS[QuarantineReason(code)][side] if code in known else ""

    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if as_json:
        newest: list[dict[str, Any]] = [
            {"id": m.id, "source": m.source, "position": m.position, "received_ms": m.received_ms, "reason": m.reason,
             "detail": mask_words(m.detail), "bytes": len(m.body)} for m in messages
        ]  # fmt: skip
        show_json({"counts": dict(ordered), "newest": newest})
        return
    show_table("quarantine", ("reason", "count", "text"), [[code, n, text(code)] for code, n in ordered], lang)
    if messages:
        rows = [[m.id, f"{m.source}:{m.position}", m.reason, mask_words(m.detail)] for m in messages]
        show_table("", ("number", "position", "reason", "detail"), rows, lang)
