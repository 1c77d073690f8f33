"""Commands about API keys: create (shown once), list, revoke."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language
from opportune.entrypoints.tables import show_json, show_table

if TYPE_CHECKING:
    from opportune.store import Keys

keys = typer.Typer(no_args_is_help=True, help="API keys: who may send events, touch, read, operate.")


@keys.command(short_help="Make a key; it is shown once.")
def create(
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            help="What it may do: intake:SOURCE, touch:TOUCHPOINT, touch:*, read, operate, reveal, forget, ofrep, metrics.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="For whom it is, for the list.")] = "",
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Make an API key and show it, this once: only a digest is kept. A running server knows it within a second.

    A key of scope intake:SOURCE is a write key: client libraries send that source's events with it.
    """
    with _opened(folder) as store:
        try:
            made, text = store.create(scope, name, _now_ms())
        except ValueError as error:
            raise MistakeError(str(error)) from error
    if as_json:
        show_json({"id": made.id, "name": made.name, "scopes": made.scopes, "key": text})
    else:
        print(text)


@keys.command("list", short_help="All keys, without their secrets.")
def list_keys(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN) -> None:
    """All keys with what they may do; revoked ones too."""
    with _opened(folder) as store:
        found = store.all()
    if as_json:
        show_json(found)
        return
    rows = [[key.id, key.name, key.scopes, _moment(key.created_ms), _moment(key.revoked_ms)] for key in found]
    show_table("keys", ("id", "name", "scopes", "created", "revoked"), rows, lang)


@keys.command(short_help="Take a key out of use.")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id: its part before the first `_`.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Take a key out of use; a running server refuses it within a second."""
    with _opened(folder) as store:
        if not store.revoke(key_id, _now_ms()):
            raise MistakeError(f"no key {key_id[:40]}; `opportune keys list` shows all")
    print(f"{key_id} is revoked")


@contextmanager
def _opened(folder: Path) -> "Iterator[Keys]":
    from opportune.operations import journal_of
    from opportune.store import Keys

    journal_of(folder)  # says what to do where it is no data folder
    store = Keys(folder)
    try:
        yield store
    finally:
        store.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _moment(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
