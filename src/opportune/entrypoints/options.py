"""The options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_FOLDER = Path("opportune-data")


class Lang(StrEnum):
    """The language of reasons, titles, readings of rules and headings."""

    EN = "en"
    ZH = "zh"


Folder = Annotated[
    Path, typer.Option("--folder", "-f", envvar="OPPORTUNE_FOLDER", help="The data folder.", show_default=True)
]
Language = Annotated[
    Lang, typer.Option("--lang", envvar="OPPORTUNE_LANG", help="Language of titles, reasons and headings: en or zh.")
]
Author = Annotated[
    str, typer.Option("--author", envvar=["OPPORTUNE_AUTHOR", "USER"], help="Who does this, for the record.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
Url = Annotated[
    str | None,
    typer.Option("--url", envvar="OPPORTUNE_URL", help="Ask the service that runs there; its key is in OPPORTUNE_KEY."),
]
Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show identifiers in full, which is written down; they are masked otherwise.")
]
Why = Annotated[
    str, typer.Option("--why", help="Why personal data is asked for; it is written down with who and when.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="At most so many, the newest.")]
Since = Annotated[
    str | None,
    typer.Option("--since", help="From this moment on (included): 2026-12-01 or 2026-12-01T08:00, local time."),
]
Until = Annotated[str | None, typer.Option("--until", help="Up to this moment (excluded), written as in --since.")]
