"""Messages that people deliver: call lists and shop desks. One agent at a time has an item; what came of it is told once."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from opportune.facts import Outcome
from opportune.store.database import open_database, reading, writing
from opportune.store.inbox import body_text
from opportune.store.outbox_reports import note_stage
from opportune.store.outbox_tables import FILE_NAME, LIST_MAX, WORK_ITEM, Stage
from opportune.store.people import People
from opportune.store.sealed_words import SealedWords

NOTE_CHARACTERS_MAX = 2_000
CLAIM_MS_MAX = 8 * 3_600_000
_CODE = re.compile(r"[a-z_]{1,40}")


class WorkState(StrEnum):
    """OPEN until an agent claims it; CLAIMED until she says the outcome, gives it back or her time is over."""

    OPEN = "open"
    CLAIMED = "claimed"
    DONE = "done"
    WITHDRAWN = "withdrawn"


class WorkItem(msgspec.Struct, frozen=True):
    """One customer to call or to speak to: `body` holds script and what is known, `due_ms` by when."""

    number: int
    key: str
    touchpoint: str
    customer: int
    body: dict[str, Any]
    state: WorkState
    assignee: str
    claimed_until_ms: int
    placed_ms: int
    due_ms: int
    outcome: Outcome | None
    note: str


class WorkItems:
    """The work items of one data folder, in `outbox.db`, so that an outcome and its report are one transaction."""

    def __init__(self, folder: Path, people: People) -> None:
        """Open `<folder>/outbox.db`; bodies and notes are sealed by the keys of `people`. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "outbox")
        self._words = SealedWords(people, "work item")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def place(self, key: str, touchpoint: str, customer: int, body: dict[str, Any], at_ms: int, due_ms: int = 0) -> int:
        """Put an item on a touchpoint's list, once per key; its number. Raises ValueError where the body is too large."""
        row = {
            "key": key, "touchpoint": touchpoint, "customer": customer, "body": self._words.close(customer, body_text(key, body)),
            "state": WorkState.OPEN.value, "assignee": "", "claimed_until_ms": 0, "placed_ms": at_ms, "due_ms": due_ms,
            "outcome": 0, "note": "", "changed_ms": at_ms,
        }  # fmt: skip
        with writing(self._engine) as connection:
            connection.execute(insert(WORK_ITEM).values(row).on_conflict_do_nothing())
            return connection.execute(sa.select(WORK_ITEM.c.number).where(WORK_ITEM.c.key == key)).scalar_one()

    def claim(self, touchpoint: str, agent: str, now_ms: int, claim_ms: int, key: str | None = None) -> WorkItem | None:
        """Give an agent the item that is due first (or the one she names), hers alone for `claim_ms`; None where there is none.

        She gets the one she has already, if she has one. An item whose claim is over is open again; one past its time is not given.
        """
        if not agent:
            raise ValueError("an item is claimed by somebody: name the agent")
        until_ms = now_ms + min(claim_ms, CLAIM_MS_MAX)
        mine = sa.and_(
            WORK_ITEM.c.touchpoint == touchpoint, WORK_ITEM.c.state == WorkState.CLAIMED,
            WORK_ITEM.c.assignee == agent, WORK_ITEM.c.claimed_until_ms > now_ms,
        )  # fmt: skip
        free = sa.and_(
            WORK_ITEM.c.touchpoint == touchpoint,
            sa.or_(
                WORK_ITEM.c.state == WorkState.OPEN,
                sa.and_(WORK_ITEM.c.state == WorkState.CLAIMED, WORK_ITEM.c.claimed_until_ms <= now_ms),
            ),
            sa.or_(WORK_ITEM.c.due_ms == 0, WORK_ITEM.c.due_ms > now_ms),
        )
        if key is not None:
            mine, free = sa.and_(mine, WORK_ITEM.c.key == key), sa.and_(free, WORK_ITEM.c.key == key)
        change = {
            "state": WorkState.CLAIMED.value, "assignee": agent, "claimed_until_ms": until_ms, "changed_ms": now_ms,
        }  # fmt: skip
        no_end_last = sa.case((WORK_ITEM.c.due_ms == 0, 1), else_=0)
        with writing(self._engine) as connection:
            for place in (mine, free):
                first = sa.select(WORK_ITEM.c.number).where(place)
                first = first.order_by(no_end_last, WORK_ITEM.c.due_ms, WORK_ITEM.c.number).limit(1)
                statement = sa.update(WORK_ITEM).where(WORK_ITEM.c.number.in_(first)).values(change)
                row = connection.execute(statement.returning(WORK_ITEM)).first()
                if row is not None:
                    return self._item(row)
        return None

    def give_back(self, key: str, agent: str, now_ms: int) -> bool:
        """Open an item again that the agent has claimed; whether she had it."""
        with writing(self._engine) as connection:
            change = {"state": WorkState.OPEN.value, "assignee": "", "claimed_until_ms": 0, "changed_ms": now_ms}
            return connection.execute(sa.update(WORK_ITEM).where(_hers(key, agent)).values(change)).rowcount > 0

    def finish(self, key: str, agent: str, outcome: Outcome, now_ms: int, note: str = "") -> bool:
        """What came of an item, with its report in the same transaction; False where it was said before.

        Raises KeyError where the agent does not have it (any more): another may be speaking to the customer now.
        """
        with writing(self._engine) as connection:
            row = connection.execute(sa.select(WORK_ITEM).where(WORK_ITEM.c.key == key)).first()
            if row is not None and row.state == WorkState.DONE and row.assignee == agent:
                return False
            if row is None or row.state != WorkState.CLAIMED or row.assignee != agent:
                raise KeyError(f"agent {agent} has no work item {key}; claim it first")
            change = {
                "state": WorkState.DONE.value, "outcome": int(outcome),
                "note": self._words.close(row.customer, note[:NOTE_CHARACTERS_MAX]),
                "changed_ms": now_ms,
            }  # fmt: skip
            connection.execute(sa.update(WORK_ITEM).where(WORK_ITEM.c.key == key).values(change))
            reason = (
                note if _CODE.fullmatch(note) else ""
            )  # the journal keeps it for ever: words about a person stay here
            note_stage(connection, key, Stage(outcome.name.lower()), reason, now_ms)
        return True

    def withdraw(self, key: str, now_ms: int) -> bool:
        """Take an item off the list that no agent has; whether it was there to take."""
        open_now = sa.or_(
            WORK_ITEM.c.state == WorkState.OPEN,
            sa.and_(WORK_ITEM.c.state == WorkState.CLAIMED, WORK_ITEM.c.claimed_until_ms <= now_ms),
        )
        change = {"state": WorkState.WITHDRAWN.value, "assignee": "", "changed_ms": now_ms}
        with writing(self._engine) as connection:
            statement = sa.update(WORK_ITEM).where(WORK_ITEM.c.key == key, open_now).values(change)
            return connection.execute(statement).rowcount > 0

    def expire(self, now_ms: int) -> int:
        """Take off all items past their time that nobody finished, and report them as failed; how many there were."""
        late = sa.and_(
            WORK_ITEM.c.due_ms > 0, WORK_ITEM.c.due_ms <= now_ms,
            sa.or_(
                WORK_ITEM.c.state == WorkState.OPEN,
                sa.and_(WORK_ITEM.c.state == WorkState.CLAIMED, WORK_ITEM.c.claimed_until_ms <= now_ms),
            ),
        )  # fmt: skip
        with writing(self._engine) as connection:
            change = {"state": WorkState.WITHDRAWN.value, "changed_ms": now_ms}
            gone = connection.scalars(sa.update(WORK_ITEM).where(late).values(change).returning(WORK_ITEM.c.key)).all()
            for key in gone:
                note_stage(connection, key, Stage.FAILED, "nobody_called", now_ms)
        return len(gone)

    def of_customer(self, customer: int) -> list[WorkItem]:
        """All items about a customer, the oldest first."""
        query = sa.select(WORK_ITEM).where(WORK_ITEM.c.customer == customer).order_by(WORK_ITEM.c.number)
        with reading(self._engine) as connection:
            return [self._item(row) for row in connection.execute(query)]

    def items(
        self, touchpoint: str, state: WorkState | None = None, after: int = 0, limit: int = 100
    ) -> list[WorkItem]:
        """Items by number, at most LIST_MAX; for the next page `after` is the last number of this one."""
        query = sa.select(WORK_ITEM).where(WORK_ITEM.c.touchpoint == touchpoint, WORK_ITEM.c.number > after)
        if state is not None:
            query = query.where(WORK_ITEM.c.state == state)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(WORK_ITEM.c.number).limit(min(max(limit, 0), LIST_MAX)))
            return [self._item(row) for row in found]

    def _item(self, row: Any) -> WorkItem:
        body, note = (self._words.open(row.customer, text) for text in (row.body, row.note))
        return WorkItem(
            row.number, row.key, row.touchpoint, row.customer, msgspec.json.decode(body), WorkState(row.state),
            row.assignee, row.claimed_until_ms, row.placed_ms, row.due_ms, Outcome(row.outcome) if row.outcome else None, note,
        )  # fmt: skip


def _hers(key: str, agent: str) -> sa.ColumnElement[bool]:
    return sa.and_(WORK_ITEM.c.key == key, WORK_ITEM.c.state == WorkState.CLAIMED, WORK_ITEM.c.assignee == agent)
