"""Showing answers: tables for people on stdout, one JSON document for programs, progress on stderr only where it is a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opportune.entrypoints.options import Lang
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_PLAIN = 400
"""Columns where stdout is no terminal: nothing is cut or folded for want of room."""

OnStep = Callable[[int, int, str], None]
"""(done, in all, what is being done)."""


def console() -> "Console":
    """Where tables go; texts are shown as they are, brackets and colons included."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDTH_PLAIN
    return Console(markup=False, highlight=False, emoji=False, width=width)


def show_json(value: Any) -> None:
    """One JSON document on stdout."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], lang: Lang) -> None:
    """A table with translated title and headings; numbers stand to the right. Nothing is shown for no rows but the title."""
    from rich import box
    from rich.table import Table

    held = [[_cell(value, lang) for value in row] for row in rows]
    if not held:
        print(f"{word(title, lang)}: {word('nobody', lang)}" if title else word("nobody", lang))
        return
    table = Table(title=word(title, lang) if title else None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        numeric = all(_is_number(row[at]) for row in held)
        table.add_column(word(column, lang), justify="right" if numeric else "left", overflow="fold")
    for row in held:
        table.add_row(*row)
    console().print(table)


def _cell(value: Any, lang: Lang) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return word("yes" if value else "no", lang)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(one, lang) for one in value)
    return str(value)


def _is_number(cell: str) -> bool:
    return cell in ("", "–") or cell[:1].isdigit() or (cell[:1] == "-" and cell[1:2].isdigit())


def percent(share: float | None, digits: int = 1) -> str | None:
    """A share as per cent; None stays None."""
    return None if share is None else f"{100 * share:.{digits}f} %"


@contextmanager
def progress(what: str, *, in_bytes: bool = False) -> Iterator[OnStep]:
    """A progress bar on stderr while it is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _total, _what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    counted = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), counted, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total, said: bar.update(task, completed=done, total=total, description=said or what)
