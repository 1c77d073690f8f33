"""Commands about one person's data: forget her, hand out what is known of her, see who looked, change the key that seals."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Limit, Url, Why
from opportune.entrypoints.service_client import ServiceClient
from opportune.entrypoints.tables import progress, show_json, show_table
from opportune.entrypoints.words import word

Who = Annotated[str, typer.Argument(help="An identifier (c1, or with its kind phone:13800000000), or a number (#7).")]
ERASED = ("people", "raw_rows", "messages", "file_lines", "facts", "warehouse_rows")


def me() -> str:
    """Who asks on the command line, for the audit."""
    return f"{getpass.getuser()} (command line)"


def forget(
    who: Who,
    folder: Folder = DEFAULT_FOLDER,
    why: Why = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Forget a person: all that leads to her is deleted from every file; what was decided and spent stays, of nobody.

    It cannot be taken back. With --url through a running service (scope forget); without, on a folder that has none. Asking again is safe.
    """
    if not yes and not _agreed(who):
        raise typer.Exit(1)
    told = _forget_on_service(url, who, why) if url is not None else _forget_in_folder(folder, who, why)
    if as_json:
        show_json(told)
        return
    customer = told["customer"]
    print(word("nobody known", lang) if customer is None else f"#{customer}: {word('forgotten', lang)}")
    show_table("", ERASED, [[told["erased"][name] for name in ERASED]], lang)


def _forget_on_service(url: str, who: str, why: str) -> Any:
    return ServiceClient(url).post("/v1/customers/forget", {"identifier": who, "why": why})


def _forget_in_folder(folder: Path, who: str, why: str) -> Any:
    import msgspec

    from opportune.journal import JournalLocked
    from opportune.operations import forget_person, open_deployment

    try:
        with progress("forgetting") as step, open_deployment(folder) as deployment:
            found = forget_person(
                deployment, who, by=me(), why=why, on_step=lambda what, done, total: step(done, total, what)
            )
    except JournalLocked as error:
        raise MistakeError(
            f"a service has {folder} open; ask it: add --url http://HOST:PORT, with a key of scope forget in OPPORTUNE_KEY"
        ) from error
    return msgspec.to_builtins(found)


def export_person(
    who: Who,
    to: Annotated[Path | None, typer.Option("--to", help="A new folder for person.json and person.html.")] = None,
    folder: Folder = DEFAULT_FOLDER,
    why: Why = "",
    lang: Language = Lang.EN,
) -> None:
    """All that is known of one person, in the clear: JSON on stdout, or with --to as JSON and as a page to read.

    Works beside a running service. Who asked, of whom and why is written down.
    """
    import msgspec

    from opportune.operations import export_person as export_one
    from opportune.operations import find_customer, person_page

    found = export_one(folder, find_customer(folder, who), by=me(), why=why, language=lang.value)
    if to is None:
        show_json(found)
        return
    to.mkdir(mode=0o700, parents=True)
    _private(to / "person.json", msgspec.json.format(msgspec.json.encode(found)))
    _private(to / "person.html", person_page(found, lang.value).encode())
    print(f"{to / 'person.json'}, {to / 'person.html'}: {len(found.history):,} {word('entries', lang)}")


def audit(
    who: Annotated[str | None, typer.Argument(help="Of one customer: an identifier or #7.")] = None,
    folder: Folder = DEFAULT_FOLDER,
    limit: Limit = 100,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Who was shown, was handed out or forgot personal data: when, of whom, and why; the newest first."""
    from datetime import UTC, datetime

    from opportune.operations import find_customer, open_people

    customer = None if who is None else find_customer(folder, who)
    with open_people(folder) as people:
        found = people.audit(customer, limit) if people is not None else []
    if as_json:
        show_json(found)
        return
    rows = [
        [datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(timespec="seconds"), one.who, one.what,
         "" if one.customer is None else f"#{one.customer}", one.why]
        for one in found
    ]  # fmt: skip
    show_table("audit", ("at", "who", "what was done", "customer", "why"), rows, lang)


def rotate_key(
    outside: Annotated[
        Path | None,
        typer.Option("--outside", help="Seal the folder's key by the key in this file from now on; made if missing."),
    ] = None,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Change the secret that seals people, the quarantine and raw rows; no service may have the folder open.

    With --outside a stolen data folder alone shows nothing. Name that file in OPPORTUNE_SEAL_KEY_FILE afterwards, and keep it apart.
    """
    from opportune.operations import rotate_key as rotate

    with progress("sealing anew") as step:
        done = rotate(folder, outside, lambda what, at, total: step(at, total, what))
    if as_json:
        show_json(done)
        return
    print(f"sealed under secret {done.generation}")
    if outside is not None:
        print(f"from now on: export OPPORTUNE_SEAL_KEY_FILE={outside}")


def _agreed(who: str) -> bool:
    if not sys.stdin.isatty() and not os.environ.get("OPPORTUNE_ASK"):
        raise MistakeError("cannot ask here whether to forget; say --yes")
    return typer.confirm(f"Forget {who} for good?", err=True)


def _private(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
