"""Commands that send on demand: test-send to ourselves; send a campaign once to a list or a segment."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from opportune.entrypoints.failures import MistakeError, as_mistake
from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language, Url
from opportune.entrypoints.service_client import ServiceClient
from opportune.entrypoints.tables import progress, show_json, show_table

COUNTS = ("addressed", "sent_on", "control", "not_in_audience", "duplicates", "unknown")
Ask = dict[str, Any]


def send_test(
    offer: Annotated[str, typer.Argument(help="The offer whose content is to be seen.")],
    touchpoint: Annotated[str, typer.Argument(help="The touchpoint it leaves by.")],
    to: Annotated[list[str] | None, typer.Option("--to", help="An address; may be given several times.")] = None,
    seeds: Annotated[str, typer.Option("--seeds", help="A seed list of the data folder's seeds.json.")] = "",
    content_language: Annotated[str, typer.Option("--language", help="The content's language.")] = "",
    value: Annotated[
        list[str] | None, typer.Option("--value", help="A variable's value: event.used_pct=99; else it is made up.")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Send an offer's content to yourself through a running service: marked [TEST], counted nowhere, in no fact."""
    if url is None:
        raise typer.BadParameter("a test leaves through a running service: say --url (or OPPORTUNE_URL)")
    if not to and not seeds:
        raise typer.BadParameter("say where to: --to ADDRESS or --seeds LIST")
    values = dict(_pair(text) for text in value or ())
    asked = {
        "offer": offer, "touchpoint": touchpoint, "addresses": [{"address": one} for one in to or ()], "seeds": seeds,
        "language": content_language, "values": values,
    }  # fmt: skip
    told = ServiceClient(url).post("/v1/test-sends", asked)
    if as_json:
        show_json(told)
        return
    rows = [[one["key"], one["address"], one["language"], one["state"], one["reason"]] for one in told["messages"]]
    show_table("test", ("key", "address", "language", "state", "reason"), rows, lang)


def _pair(text: str) -> tuple[str, str | int]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"`{text}` is no NAME=VALUE")
    return name, int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else value


def send(
    campaign: Annotated[str, typer.Argument(help="A campaign whose trigger waits for being sent by hand.")],
    file: Annotated[
        Path | None,
        typer.Option("--list", help="A file of identifiers, one per line: phone:138…, or plain userIds."),
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="A rule over tags: arpu >= 50.")] = None,
    name: Annotated[
        str, typer.Option("--name", help="This send's name (default: today): the same again addresses nobody twice.")
    ] = "",
    folder: Folder = DEFAULT_FOLDER,
    url: Url = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Send a campaign once, to a list or a segment. The engine decides as always: consent, caps, quiet hours, control groups.

    With --url through a running service; without, on a folder that has none: messages then leave when one runs.
    """
    if (file is None) == (where is None):
        raise typer.BadParameter("say to whom: either --list FILE or --where RULE")
    if where is not None and not where.strip():
        raise typer.BadParameter("--where is empty; `TRUE` is everybody")
    asks = _lists(file) if file is not None else None
    if url is not None:
        client = ServiceClient(url)
        told = _all(lambda ask: client.post(f"/v1/campaigns/{quote(campaign, safe='')}/send", ask), asks, where, name)
    else:
        told = _on_folder(folder, campaign, asks, where, name)
    if as_json:
        show_json(told)
        return
    print(f"{told['campaign']} ({told['name']})")
    show_table("", COUNTS, [[told[key] for key in COUNTS]], lang)
    _show_withheld(told["withheld"], lang)


def _on_folder(
    folder: Path, campaign: str, asks: Iterator[tuple[list[str], int, int]] | None, where: str | None, name: str
) -> Ask:
    import msgspec

    from opportune.journal import JournalLocked
    from opportune.operations import OneOffAsk, open_deployment, send_once

    try:
        with open_deployment(folder) as deployment:

            def post(ask: Ask) -> Any:
                return msgspec.to_builtins(
                    send_once(deployment, msgspec.convert({"campaign": campaign, **ask}, OneOffAsk))
                )

            return _all(post, asks, where, name)
    except JournalLocked as error:
        raise MistakeError(
            f"a service has {folder} open; ask it: add --url http://HOST:PORT, with a key of scope operate in OPPORTUNE_KEY"
        ) from error


def _all(
    post: Callable[[Ask], Any], asks: Iterator[tuple[list[str], int, int]] | None, where: str | None, name: str
) -> Ask:
    """Send all parts, one after the other, under one name; the sums of what became of them."""
    sums: Counter[str] = Counter()
    withheld: Counter[str] = Counter()
    told: Ask = {}
    with progress("sending", in_bytes=asks is not None) as step:

        def add(ask: Ask) -> None:
            nonlocal told
            told = post({**ask, "name": told.get("name", name)})
            sums.update({key: told[key] for key in COUNTS})
            withheld.update(told["withheld"])

        if asks is not None:
            for identifiers, done, size in asks:
                add({"identifiers": identifiers})
                step(done, size, f"{sums['addressed']:,}")
        else:
            add({"where": where})
            while told["next"] is not None:
                step(told["next"], told["customers"], f"{sums['addressed']:,}")
                add({"where": where, "after": told["next"]})
    if not told:
        raise MistakeError("the list has no identifiers; write one per line")
    return {"campaign": told["campaign"], "name": told["name"], **sums, "withheld": dict(withheld.most_common())}


def _lists(path: Path) -> Iterator[tuple[list[str], int, int]]:
    """(identifiers, bytes read, bytes in all): the first field of each line that is not empty, in parts that one ask may have."""
    from opportune.operations import CUSTOMERS_PER_SEND_MAX

    size, done = path.stat().st_size, 0
    part: list[str] = []
    with path.open("rb") as lines:
        for raw in lines:
            done += len(raw)
            with as_mistake(str(path)):
                text = raw.decode("utf-8-sig").split(",")[0].strip().strip('"')
            if text:
                part.append(text)
            if len(part) == CUSTOMERS_PER_SEND_MAX:
                yield part, done, size
                part = []
    if part:
        yield part, done, size


def _show_withheld(withheld: dict[str, int], lang: Lang) -> None:
    from opportune.facts import REASON_TEXTS, Reason

    side = 0 if lang is Lang.EN else 1
    rows = [[code, many, REASON_TEXTS[Reason[code]][side]] for code, many in withheld.items()]
    show_table("withheld", ("reason", "count", "text"), rows, lang)
