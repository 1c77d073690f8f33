"""What a connector gives: rows to be read to the end, and the state from which the next fetch goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opportune.intake.tables import Row

State = dict[str, Any]
"""How far a source has been fetched, as JSON values. It is kept with the rows, in one transaction."""
Settings = dict[str, Any]
"""An account of `accounts.json`. It holds secrets: no error and no log repeats it."""

FETCH_ROWS_MAX = 200_000
"""Rows of a database that make one load; the next load goes on behind them."""


class FetchFailedError(Exception):
    """The place cannot be read now: says which, and why, without its secrets. What was fetched before stays."""


@dataclass
class Fetch:
    """Rows that make one load. `state` is right once `rows` was read to the end; `is_news` says whether an empty fetch is worth keeping."""

    label: str
    rows: Iterator[Row]
    state: State
    is_news: bool = False


@dataclass(frozen=True)
class Reach:
    """What connectors may use: the folder of the files, the accounts, and a limit."""

    folder: Path
    accounts: dict[str, dict[str, Settings]] = field(default_factory=dict)
    row_bytes_max: int = 1_048_576
    fetch_rows_max: int = FETCH_ROWS_MAX

    def account(self, kind: str, name: str) -> Settings:
        """An account's settings. Raises FetchFailedError where there is none."""
        try:
            return self.accounts[kind][name]
        except KeyError:
            raise FetchFailedError(
                f'no account `{name}` of kind `{kind}`; write it into accounts.json of the data folder: {{"{kind}": {{"{name}": {{…}}}}}}'
            ) from None


def without(text: str, secrets: Iterator[str]) -> str:
    """A text in which no secret stands, for errors."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
