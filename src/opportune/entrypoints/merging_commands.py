"""Commands that say who is one person: merge two customers, or part one in two."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Url
from opportune.entrypoints.service_client import ServiceClient
from opportune.entrypoints.tables import show_json, show_table

if TYPE_CHECKING:
    from opportune.operations import Deployment

Why = Annotated[str, typer.Option("--why", help="The reason, kept beside the fact; no personal data.")]


def merge(
    survivor: Annotated[str, typer.Argument(help="A customer: #7, phone:138…, or a plain identifier.")],
    absorbed: Annotated[str, typer.Argument(help="Another, who is the same person.")],
    why: Why = "",
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Let two customers be one from here on. The one known longest goes on; `opportune unmerge` takes it back."""
    if url is not None:
        asked = {"survivor": survivor, "absorbed": absorbed, "why": why}
        told = ServiceClient(url).post("/v1/customers/merge", asked)
    else:
        from opportune.operations import customer_meant
        from opportune.operations import merge as merge_two

        def ask(deployment: "Deployment") -> Any:
            one, other = (customer_meant(deployment.people, who) for who in (survivor, absorbed))
            return merge_two(deployment, one, other, by="command line", why=why)

        told = _on_folder(folder, ask)
    if as_json:
        show_json(told)
        return
    columns = ("survivor", "absorbed", "numbers")
    show_table("merged", columns, [[f"#{told['survivor']}", f"#{told['absorbed']}", _numbers(told["numbers"])]], lang)


def unmerge(
    customer: Annotated[str, typer.Argument(help="The customer: #7, phone:138…, or a plain identifier.")],
    leaving: Annotated[list[str], typer.Argument(help="The identifiers that are another person's: phone:138…")],
    why: Why = "",
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Part a customer in two, as if they had never been one. No message merges the two again; `opportune merge` does."""
    if url is not None:
        asked = {"customer": customer, "leaving": leaving, "why": why}
        told = ServiceClient(url).post("/v1/customers/unmerge", asked)
    else:
        from opportune.operations import customer_meant
        from opportune.operations import unmerge as part

        def ask(deployment: "Deployment") -> Any:
            return part(deployment, customer_meant(deployment.people, customer), leaving, by="command line", why=why)

        told = _on_folder(folder, ask)
    if as_json:
        show_json(told)
        return
    show_table("parted", ("stays", "leaves"), [[_numbers(told["stays"]), _numbers(told["leaves"])]], lang)


def _numbers(numbers: list[int]) -> str:
    return " ".join(f"#{number}" for number in numbers)


def _on_folder(folder: Path, ask: "Callable[[Deployment], Any]") -> Any:
    import msgspec

    from opportune.journal import JournalLocked
    from opportune.operations import open_deployment

    try:
        with open_deployment(folder) as deployment:
            return msgspec.to_builtins(ask(deployment))
    except JournalLocked as error:
        raise MistakeError(
            f"a service has {folder} open; ask it: add --url http://HOST:PORT, with a key of scope merge in OPPORTUNE_KEY"
        ) from error
