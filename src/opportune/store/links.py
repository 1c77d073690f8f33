"""The addresses that tracked links lead to, each under a small number, so that a link in an SMS is short."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from opportune.store.database import open_database, reading, writing
from opportune.store.outbox_tables import FILE_NAME, LINK

URL_CHARACTERS_MAX = 2_000
URLS_KNOWN_MAX = 10_000


class Links:
    """The links of one data folder, in `outbox.db`. They are part of the content, so there are few, and they stay."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/outbox.db`. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "outbox")
        self._numbers: dict[str, int] = {}

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def number_of(self, url: str) -> int:
        """The number of an address, the same for ever. Raises ValueError for what is no http(s) address or too long."""
        if not url.startswith(("https://", "http://")) or len(url) > URL_CHARACTERS_MAX:
            raise ValueError(f"`{url[:50]}` is no link: https://… of at most {URL_CHARACTERS_MAX} characters")
        known = self._numbers.get(url)
        if known is not None:
            return known
        place = sa.select(LINK.c.number).where(LINK.c.url == url)
        with writing(self._engine) as connection:
            connection.execute(insert(LINK).values(url=url).on_conflict_do_nothing())
            number = connection.execute(place).scalar_one()
        if len(self._numbers) < URLS_KNOWN_MAX:
            self._numbers[url] = number
        return number

    def url_of(self, number: int) -> str | None:
        """The address with that number, None where there is none."""
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(LINK.c.url).where(LINK.c.number == number))
