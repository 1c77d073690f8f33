"""Definitions of where a source's rows come from, as they stand in YAML. None holds a secret: those are in `accounts.json`."""

from typing import Any, Literal

import msgspec

from opportune.facts import Duration, parse_duration

FileFormat = Literal["ndjson", "csv", "parquet", "xlsx"]


class FileDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files under the data folder: `path` names one, or several by a pattern (`orders/*.csv`), taken in order of their names.

    `.gz` is inflated (CSV, NDJSON). `sheet` is the sheet of an XLSX file; the first one where it is not named.
    """

    format: FileFormat
    path: str
    sheet: str | None = None


class DatabaseDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a SQL database, or a `query`. `account` names the database's URL in `accounts.json`, under `database`.

    Rows are read in order of `cursor`, and of `key` where two have the same: both together tell rows apart, and never fall. What was
    read stays read: a run takes the rows behind the last one.
    """

    cursor: str
    table: str | None = None
    query: str | None = None
    key: tuple[str, ...] = ()
    account: str = "default"


class ApiDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A REST API, read by dlt: `path` under the account's `base_url`, rows at `rows` of the answer (a JSON path).

    With `cursor` (a field of a row) only newer rows are asked for: its last value, first `since`, goes into the parameter `cursor_param`.
    `pages` is dlt's paginator, for example `{type: page_number, base_page: 1}`. The token is in `accounts.json`, under `api`.
    """

    path: str
    rows: str | None = None
    params: dict[str, str] = {}
    cursor: str | None = None
    cursor_param: str = "since"
    since: str | None = None
    pages: dict[str, Any] | None = None
    account: str = "default"


class PagesDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Public pages of one site: from `start` on, links whose path fits `follow` (`/shop/*`), at most `pages_max`.

    What robots.txt forbids is not asked for; between two requests there is at least `wait`, or the site's own crawl delay where that is
    longer. Each element that the CSS selector `rows` finds is a row; `fields` are selectors inside it, `selector@attribute` for an attribute.
    Each row also has `page`, the page's address.
    """

    start: tuple[str, ...]
    rows: str
    fields: dict[str, str]
    follow: str = ""
    pages_max: int = 100
    wait: Duration = parse_duration("1s")
