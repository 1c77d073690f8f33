"""Messages that lie ready for apps and web pages to fetch. Fetching shows nothing: the app says what was presented."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from opportune.store.database import open_database, reading, writing
from opportune.store.outbox_reports import note_stage
from opportune.store.outbox_tables import FILE_NAME, INBOX_ITEM, LIST_MAX, Stage
from opportune.store.people import People
from opportune.store.sealed_words import SealedWords

BODY_BYTES_MAX = 64_000
ITEMS_PER_CUSTOMER_MAX = 200


class InboxState(StrEnum):
    """Where an item is; the last four say what the customer did."""

    WAITING = "waiting"
    PRESENTED = "presented"
    ACCEPTED = "accepted"
    CONSIDERING = "considering"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class InboxItem(msgspec.Struct, frozen=True):
    """A message in a customer's inbox; `body` is what the app shows."""

    number: int
    key: str
    touchpoint: str
    customer: int
    body: dict[str, Any]
    state: InboxState
    placed_ms: int
    until_ms: int


class Inbox:
    """The inboxes of one data folder, in `outbox.db`, so that an answer and its report are one transaction."""

    def __init__(self, folder: Path, people: People) -> None:
        """Open `<folder>/outbox.db`; bodies are sealed by the keys of `people`. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "outbox")
        self._words = SealedWords(people, "inbox")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def place(
        self, key: str, touchpoint: str, customer: int, body: dict[str, Any], at_ms: int, until_ms: int = 0
    ) -> int:
        """Put a message into a customer's inbox, once per key; its number. The oldest make room beyond ITEMS_PER_CUSTOMER_MAX.

        Raises ValueError where the body is larger than BODY_BYTES_MAX.
        """
        row = {
            "key": key, "touchpoint": touchpoint, "customer": customer,
            "body": self._words.close(customer, body_text(key, body)), "state": InboxState.WAITING.value, "placed_ms": at_ms, "until_ms": until_ms, "changed_ms": at_ms,
        }  # fmt: skip
        with writing(self._engine) as connection:
            connection.execute(insert(INBOX_ITEM).values(row).on_conflict_do_nothing())
            number = connection.execute(sa.select(INBOX_ITEM.c.number).where(INBOX_ITEM.c.key == key)).scalar_one()
            mine = sa.select(INBOX_ITEM.c.number).where(INBOX_ITEM.c.customer == customer)
            old = mine.order_by(INBOX_ITEM.c.number.desc()).offset(ITEMS_PER_CUSTOMER_MAX)
            connection.execute(sa.delete(INBOX_ITEM).where(INBOX_ITEM.c.number.in_(old)))
            return number

    def pull(self, customer: int, touchpoint: str, now_ms: int, limit: int = 20) -> list[InboxItem]:
        """What a customer's app may show now, the newest first, at most `limit`: not yet refused, withdrawn or out of time."""
        shown = [InboxState.WAITING, InboxState.PRESENTED, InboxState.CONSIDERING, InboxState.ACCEPTED]
        query = (
            sa.select(INBOX_ITEM)
            .where(
                INBOX_ITEM.c.customer == customer,
                INBOX_ITEM.c.touchpoint == touchpoint,
                INBOX_ITEM.c.state.in_(shown),
                sa.or_(INBOX_ITEM.c.until_ms == 0, INBOX_ITEM.c.until_ms > now_ms),
            )
            .order_by(INBOX_ITEM.c.number.desc())
            .limit(min(max(limit, 0), LIST_MAX))
        )
        with reading(self._engine) as connection:
            return [self._item(row) for row in connection.execute(query)]

    def of_customer(self, customer: int) -> list[InboxItem]:
        """All that lies, or lay, in a customer's inbox, the oldest first."""
        query = sa.select(INBOX_ITEM).where(INBOX_ITEM.c.customer == customer).order_by(INBOX_ITEM.c.number)
        with reading(self._engine) as connection:
            return [self._item(row) for row in connection.execute(query)]

    def say(self, key: str, customer: int, state: InboxState, at_ms: int) -> bool:
        """What the app says became of an item, with its report in the same transaction; whether it was news.

        Saying it twice changes nothing. Raises KeyError where this customer has no such item, so nobody answers for another.
        """
        place = sa.and_(INBOX_ITEM.c.key == key, INBOX_ITEM.c.customer == customer)
        with writing(self._engine) as connection:
            there = connection.scalar(sa.select(INBOX_ITEM.c.state).where(place))
            if there is None:
                raise KeyError(f"customer {customer} has no message {key} in the inbox")
            if there in (state, InboxState.WITHDRAWN) or (
                state is InboxState.PRESENTED and there != InboxState.WAITING
            ):
                return False
            connection.execute(sa.update(INBOX_ITEM).where(place).values(state=state.value, changed_ms=at_ms))
            if state not in (InboxState.WAITING, InboxState.WITHDRAWN):
                note_stage(connection, key, Stage(state.value), "", at_ms)
        return True

    def withdraw(self, key: str, at_ms: int) -> bool:
        """Take a message back that nobody has seen; whether it was there to take."""
        place = sa.and_(INBOX_ITEM.c.key == key, INBOX_ITEM.c.state == InboxState.WAITING)
        with writing(self._engine) as connection:
            change = sa.update(INBOX_ITEM).where(place).values(state=InboxState.WITHDRAWN.value, changed_ms=at_ms)
            return connection.execute(change).rowcount > 0

    def _item(self, row: Any) -> InboxItem:
        body = msgspec.json.decode(self._words.open(row.customer, row.body))
        return InboxItem(
            row.number, row.key, row.touchpoint, row.customer, body, InboxState(row.state), row.placed_ms, row.until_ms
        )


def body_text(key: str, body: dict[str, Any]) -> str:
    """The JSON of a body. Raises ValueError beyond BODY_BYTES_MAX."""
    text = msgspec.json.encode(body)
    if len(text) > BODY_BYTES_MAX:
        raise ValueError(f"message {key} has {len(text):,} bytes, more than {BODY_BYTES_MAX:,}; shorten its content")
    return text.decode()
