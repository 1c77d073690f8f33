"""Commands about what is sent: stop-sending, go-on; outbox, coupons, work."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from opportune.entrypoints.failures import MistakeError, as_mistake
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Limit, Url
from opportune.entrypoints.service_client import ServiceClient
from opportune.entrypoints.tables import show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import Deployment

REASON_SHOWN_MAX = 60
REDRIVE_MAX = 200
"""Keys of one request to a service."""

outbox = typer.Typer(invoke_without_command=True, help="Messages on their way: counts, lists, sending again.")
coupons = typer.Typer(no_args_is_help=True, help="Coupon codes: import, list.")
work = typer.Typer(no_args_is_help=True, help="Work items: messages that people deliver.")


def stop_sending(
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Let nothing leave any more, on any channel: within one batch, over restarts, until `go-on`. It is a fact.

    With --url a running service does it; without, the folder must have none.
    """
    from opportune.operations import stop_sending as stop

    if not 0 < len(reason) <= 200:
        raise typer.BadParameter("--reason has 1 to 200 characters")
    if url is not None:
        ServiceClient(url).post("/v1/sending/stop", {"reason": reason})
    else:
        _on_folder(folder, lambda deployment: stop(deployment, reason))
    _tell({"sending": "stopped", "reason": reason}, "sending is stopped", as_json, lang)


def go_on(folder: Folder = DEFAULT_FOLDER, url: Url = None, as_json: AsJson = False, lang: Language = Lang.EN) -> None:
    """Let messages leave again after `stop-sending`."""
    from opportune.operations import go_on as resume

    if url is not None:
        ServiceClient(url).post("/v1/sending/go-on")
    else:
        _on_folder(folder, resume)
    _tell({"sending": "on"}, "sending goes on", as_json, lang)


def _on_folder(folder: Path, change: "Callable[[Deployment], Any]") -> None:
    from opportune.journal import JournalLocked
    from opportune.operations import open_deployment

    try:
        with open_deployment(folder) as deployment:
            change(deployment)
    except JournalLocked as error:
        raise MistakeError(
            f"a service has {folder} open; ask it: add --url http://HOST:PORT, with a key of scope operate in OPPORTUNE_KEY"
        ) from error


def _tell(told: dict[str, str], key: str, as_json: bool, lang: Lang) -> None:
    if as_json:
        show_json(told)
    else:
        print(word(key, lang))


# -- the outbox ----------------------------------------------------------------------------------


@outbox.callback()
def counts(
    context: typer.Context,
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """How many messages of each touchpoint are in which state, and what stops them; with --url, how the lanes do now."""
    if context.invoked_subcommand is not None:
        return
    import msgspec

    from opportune.store import Outbox

    if url is not None:
        told = ServiceClient(url).get("/v1/outbox")
    else:
        with _opened(folder, Outbox) as store:
            told = msgspec.to_builtins({"depths": store.depths(), "halts": store.halts()})
    if as_json:
        show_json(told)
        return
    rows = [[one["touchpoint"], one["state"], one["count"], _moment(one["oldest_ms"])] for one in told["depths"]]
    show_table("outbox", ("touchpoint", "state", "count", "oldest"), rows, lang)
    lanes = [
        [one["touchpoint"], one["in_flight"], one["halted"], one["resting"], one["trouble"]]
        for one in told.get("lanes", ())
    ]
    if lanes:
        show_table("lanes", ("touchpoint", "on their way", "halted", "resting", "trouble"), lanes, lang)
    stopped = [[name or word("all touchpoints", lang), why] for name, why in told["halts"].items()]
    stopped += [[name, why] for name, why in told.get("trouble", {}).items()]
    if stopped:
        show_table("stopped", ("touchpoint", "reason"), stopped, lang)


@outbox.command("list", short_help="Messages in a state.")
def list_messages(
    state: Annotated[str, typer.Argument(help="queued, sending, sent, failed, unknown, withdrawn or dead.")],
    touchpoint: Annotated[str | None, typer.Option("--touchpoint", help="Only those of this touchpoint.")] = None,
    limit: Limit = 50,
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Messages in a state, by key, with the reason; tests too."""
    import msgspec

    from opportune.store import Outbox, OutboxState

    if state not in [one.value for one in OutboxState]:
        raise typer.BadParameter(f"no state `{state}`; there are: {', '.join(OutboxState)}")
    if url is not None:
        asked = {"limit": min(limit, 200)} | ({"touchpoint": touchpoint} if touchpoint else {})
        found = ServiceClient(url).get(f"/v1/outbox/{state}?{urlencode(asked)}")["messages"]
    else:
        with _opened(folder, Outbox) as store:
            found = msgspec.to_builtins(store.messages(OutboxState(state), touchpoint, limit=limit))
    if as_json:
        show_json(found)
        return
    rows = [
        [one["key"], one["touchpoint"], one["campaign"], f"#{one['customer']}", one["attempts"],
         one["reason"][:REASON_SHOWN_MAX], _moment(one["changed_ms"])]
        for one in found
    ]  # fmt: skip
    columns = ("key", "touchpoint", "campaign", "customer", "tries", "reason", "since")
    show_table("messages of the outbox", columns, rows, lang)


@outbox.command(short_help="Send dead and failed messages again.")
def redrive(
    keys: Annotated[list[str], typer.Argument(metavar="KEY…", help="The messages, as `outbox list` shows them.")],
    even_unknown: Annotated[
        bool, typer.Option("--even-unknown", help="Unknown ones too: they may have arrived already.")
    ] = False,
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Send dead and failed messages again, with all their tries; unknown ones only where asked."""
    from opportune.store import Outbox

    if url is not None:
        client = ServiceClient(url)
        parts = [keys[at : at + REDRIVE_MAX] for at in range(0, len(keys), REDRIVE_MAX)]
        asked = [client.post("/v1/outbox/redrive", {"keys": part, "even_unknown": even_unknown}) for part in parts]
        queued = [key for one in asked for key in one["queued"]]
    else:
        with _opened(folder, Outbox) as store:
            queued = store.redrive(keys, _now_ms(), even_unknown)
    left = [key for key in dict.fromkeys(keys) if key not in queued]
    if as_json:
        show_json({"queued": queued, "not_queued": left})
        return
    print(f"{len(queued):,} {word('queued again', lang)}")
    if left:
        print(f"{word('not queued', lang)}: {', '.join(left[:20])}")


# -- coupons and work items ----------------------------------------------------------------------


@coupons.command("import", short_help="Add the codes of a file to a pool.")
def import_codes(
    pool: Annotated[str, typer.Argument(help="The pool, as `codes` of an offer names it.")],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="One code per line; of a CSV the first field.")],
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Add the codes of a file to a pool; a code that is there already is not added again."""
    from opportune.store import Coupons

    with _opened(folder, Coupons) as store, as_mistake(str(path)):
        added = store.add_file(pool, path)
        left = next((one for one in store.left() if one.pool == pool), None)
    if as_json:
        show_json({"pool": pool, "added": added, "codes": left.codes if left else 0, "left": left.left if left else 0})
        return
    print(f"{pool}: {added:,} {word('codes added', lang)}, {left.left if left else 0:,} {word('codes left', lang)}")


@coupons.command("list", short_help="All pools, and what is left in them.")
def list_pools(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False, lang: Language = Lang.EN) -> None:
    """All pools with how many codes they have and how many nobody took yet."""
    from opportune.store import Coupons

    with _opened(folder, Coupons) as store:
        found = store.left()
    if as_json:
        show_json(found)
        return
    show_table("pools", ("pool", "codes", "codes left"), [[one.pool, one.codes, one.left] for one in found], lang)


@work.command("list", short_help="A touchpoint's work items.")
def list_work(
    touchpoint: Annotated[str, typer.Argument(help="The touchpoint whose messages people deliver.")],
    state: Annotated[str | None, typer.Option("--state", help="open, claimed, done or withdrawn.")] = None,
    limit: Limit = 50,
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """A touchpoint's work items: whom to speak to, by when, who has it, what came of it."""
    from opportune.operations import open_people
    from opportune.store import WorkItems, WorkState

    if state is not None and state not in [one.value for one in WorkState]:
        raise typer.BadParameter(f"no state `{state}`; there are: {', '.join(WorkState)}")
    with open_people(folder) as people, ExitStack() as opened:
        found = []
        if people is not None:
            store = opened.enter_context(closing(WorkItems(folder, people)))
            found = store.items(touchpoint, WorkState(state) if state else None, limit=limit)
    if as_json:
        show_json(found)
        return
    rows = [
        [one.key, f"#{one.customer}", one.state.value, one.assignee, _moment(one.due_ms),
         one.outcome.name.lower() if one.outcome is not None else "", one.note[:REASON_SHOWN_MAX]]
        for one in found
    ]  # fmt: skip
    show_table("work items", ("key", "customer", "state", "assignee", "due", "outcome", "note"), rows, lang)


@contextmanager
def _opened(folder: Path, kind: Callable[[Path], Any]) -> Iterator[Any]:
    from opportune.operations import journal_of

    journal_of(folder)  # says what to do where it is no data folder
    with closing(kind(folder)) as store:
        yield store


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _moment(ms: int) -> str | None:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if ms else None
