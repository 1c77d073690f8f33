"""Messages on their way out, in `outbox.db`: once per key, one worker at a time, nothing sent that is not written down before.

Each call is one transaction that is on the disk when it returns. Several processes may work on one outbox; a row is `sending` under the
name of the worker that has it, and a worker that dies with it leaves a row that is unknown, or goes out again where that is allowed.
"""

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from opportune.store.database import open_database, overwrite_log, reading, writing
from opportune.store.outbox_reports import (
    add_report,
    link_provider_ids,
    note_provider_receipt,
    note_stage,
    waiting_reports,
)
from opportune.store.outbox_tables import (
    CURSOR,
    EVERYWHERE,
    FILE_NAME,
    HALT,
    INBOX_ITEM,
    KEY_CHARACTERS_MAX,
    LIST_MAX,
    MESSAGE,
    PROVIDER_MESSAGE,
    REPORT,
    VARIABLES_BYTES_MAX,
    VOLUME,
    WORK_ITEM,
    NewMessage,
    OutboxRow,
    OutboxState,
    Report,
    Settled,
    Stage,
    cut,
    row_of,
)  # fmt: skip
from opportune.store.traces import Traces
from opportune.store.worker_locks import WorkerLock, is_dead

_ENDS = (OutboxState.SENT, OutboxState.FAILED, OutboxState.UNKNOWN, OutboxState.WITHDRAWN, OutboxState.DEAD)
_REPORTED_AS = {
    OutboxState.SENT: Stage.SENT, OutboxState.FAILED: Stage.FAILED, OutboxState.DEAD: Stage.FAILED,
    OutboxState.UNKNOWN: Stage.UNKNOWN,
}  # fmt: skip


_PUT = insert(MESSAGE).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


# Built once: what SQLAlchemy needs to build a statement is several times what SQLite needs to run it.
_SETTLE = (
    sa.update(MESSAGE)
    .where(
        MESSAGE.c.key == sa.bindparam("ended"), MESSAGE.c.state == OutboxState.SENDING.value,
        MESSAGE.c.owner == sa.bindparam("mine"),
    )
    .values(
        state=sa.bindparam("to_state"), reason=sa.bindparam("why"), owner="", next_at_ms=sa.bindparam("next_ms"),
        tries_from=MESSAGE.c.tries_from + sa.bindparam("untried", type_=sa.BigInteger),
        provider_id=sa.bindparam("ids"), changed_ms=sa.bindparam("now_ms"),
    )
    .returning(MESSAGE.c.key, MESSAGE.c.touchpoint, MESSAGE.c.attempts, MESSAGE.c.is_test)
)  # fmt: skip


class Depth(msgspec.Struct, frozen=True):
    """How many messages of a touchpoint are in a state, tests left out; `oldest_ms` is since when the oldest waits there."""

    touchpoint: str
    state: OutboxState
    count: int
    oldest_ms: int


class Outbox:
    """The outbox of one data folder, as one worker sees it."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/outbox.db`, making it if missing. Raises OSError where the folder cannot be written."""
        self._folder = folder
        self._engine = open_database(folder / FILE_NAME, "outbox")
        self.worker = secrets.token_hex(8)
        self._lock = WorkerLock(folder, self.worker)

    def close(self) -> None:
        """Close all connections; rows that this worker left `sending` are then anybody's to recover."""
        self._engine.dispose()
        self._lock.close()

    # Filling

    def put(self, messages: Iterable[NewMessage], at_ms: int, cursor: tuple[str, int] | None = None) -> int:
        """Queue messages and move the reader's cursor (name, seq), in one transaction; how many keys were new.

        A key that is there already stays as it is; a cursor never moves back. Raises ValueError where a message is too large.
        """
        rows = [_new_row(message, at_ms) for message in messages]
        added = 0
        with writing(self._engine) as connection:
            if rows:
                added = connection.execute(_PUT, rows).rowcount
            if cursor is not None:
                there = insert(CURSOR).values(name=cursor[0], seq=cursor[1])
                forward = there.on_conflict_do_update(
                    index_elements=["name"], set_={"seq": cursor[1]}, where=CURSOR.c.seq < cursor[1]
                )
                connection.execute(forward)
        return added

    def cursor(self, name: str) -> int:
        """How far that reader got; 0 at first."""
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(CURSOR.c.seq).where(CURSOR.c.name == name)) or 0

    def withdraw(self, keys: Iterable[str], reason: str, at_ms: int) -> list[str]:
        """Take back messages that nobody has begun to send; the keys of those taken back (they are not reported)."""
        place = sa.and_(MESSAGE.c.key == sa.bindparam("gone"), MESSAGE.c.state == OutboxState.QUEUED)
        change = sa.update(MESSAGE).where(place).values(
            state=OutboxState.WITHDRAWN.value, reason=cut(reason), changed_ms=at_ms
        )  # fmt: skip
        with writing(self._engine) as connection:
            return [key for key in keys if connection.execute(change, {"gone": key}).rowcount]

    # Sending

    def claim(
        self, touchpoint: str, limit: int, now_ms: int, day_ms: int = 0, per_day: int | None = None
    ) -> list[OutboxRow]:
        """Take up to `limit` messages that are due, in the order they are due; from then on they are this worker's alone.

        With `per_day`, not more than that many in all since `day_ms`, the beginning of the day. Nothing while sending is halted.
        """
        with reading(self._engine) as connection:  # looking first spares the disk a write lock at every idle look
            if connection.scalar(sa.select(sa.exists(_due(touchpoint, now_ms)))) is not True:
                return []
        with writing(self._engine) as connection:
            if _halted(connection, touchpoint):
                return []
            if per_day is not None:
                limit = min(limit, per_day - _volume(connection, touchpoint, day_ms))
            if limit <= 0:
                return []
            change = (
                sa.update(MESSAGE)
                .where(MESSAGE.c.key.in_(_due(touchpoint, now_ms).order_by(MESSAGE.c.next_at_ms).limit(limit)))
                .values(
                    state=OutboxState.SENDING.value, owner=self.worker, attempts=MESSAGE.c.attempts + 1,
                    changed_ms=now_ms, reason="",
                )
                .returning(MESSAGE)
            )  # fmt: skip
            rows = sorted(connection.execute(change).all(), key=lambda row: (row.next_at_ms, row.queued_ms))
            _add_volume(connection, touchpoint, day_ms, sum(not row.is_test for row in rows))
        return [row_of(row) for row in rows]

    def put_back(self, keys: Sequence[str], day_ms: int = 0) -> None:
        """Return messages claimed by this worker that it has not begun to send, as if it had never had them."""
        change = (
            sa.update(MESSAGE)
            .where(_mine(self.worker), MESSAGE.c.key == sa.bindparam("back"))
            .values(state=OutboxState.QUEUED.value, owner="", attempts=MESSAGE.c.attempts - 1)
            .returning(MESSAGE.c.touchpoint, MESSAGE.c.is_test)
        )
        with writing(self._engine) as connection:
            for key in keys:
                row = connection.execute(change, {"back": key}).first()
                if row is not None and not row.is_test:
                    _add_volume(connection, row.touchpoint, day_ms, -1)

    def settle(self, ends: Sequence[Settled], now_ms: int) -> int:
        """Write down how sends of this worker ended, with what is to be reported, in one transaction; how many were still its own."""
        settled = 0
        with writing(self._engine) as connection:
            for end in ends:
                values = {
                    "mine": self.worker, "ended": end.key, "to_state": end.state.value, "why": cut(end.reason),
                    "next_ms": end.next_at_ms or now_ms, "ids": " ".join(end.provider_ids), "now_ms": now_ms,
                    "untried": 0 if end.is_try else 1,
                }  # fmt: skip
                row = connection.execute(_SETTLE, values).first()
                if row is None:
                    continue
                settled += 1
                stage = _REPORTED_AS.get(end.state)
                if stage is not None and not row.is_test and not (stage is Stage.SENT and not end.presented):
                    add_report(connection, row.key, row.attempts, stage, now_ms, end.reason)
                link_provider_ids(connection, row.key, end.account or row.touchpoint, end.provider_ids, now_ms)
        return settled

    def recover(self, now_ms: int) -> int:
        """Settle what dead workers left half sent: unknown, or queued again where `at_least_once`; how many there were.

        Start is nothing else. Messages whose time is over before anybody sent them die here too.
        """
        with reading(self._engine) as connection:
            owners = connection.scalars(
                sa.select(MESSAGE.c.owner).distinct().where(MESSAGE.c.state == OutboxState.SENDING)
            ).all()
        dead = [owner for owner in owners if owner != self.worker and is_dead(self._folder, owner)]
        left = sa.and_(MESSAGE.c.state == OutboxState.SENDING, MESSAGE.c.owner.in_(dead))
        late = sa.and_(MESSAGE.c.state == OutboxState.QUEUED, MESSAGE.c.until_ms > 0, MESSAGE.c.until_ms <= now_ms)
        with reading(self._engine) as connection:
            if not connection.scalar(sa.select(sa.exists(sa.select(MESSAGE.c.key).where(sa.or_(left, late))))):
                return 0
        with writing(self._engine) as connection:
            again = {"state": OutboxState.QUEUED.value, "owner": "", "reason": "worker_died", "changed_ms": now_ms}
            statement = sa.update(MESSAGE).where(left, MESSAGE.c.at_least_once).values(again)
            count = connection.execute(statement).rowcount
            for place, state, reason in (
                (left, OutboxState.UNKNOWN, "worker_died"), (late, OutboxState.DEAD, "too_late"),
            ):  # fmt: skip
                change = {"state": state.value, "owner": "", "reason": reason, "changed_ms": now_ms}
                rows = connection.execute(sa.update(MESSAGE).where(place).values(change).returning(MESSAGE)).all()
                for row in rows:
                    if not row.is_test:
                        add_report(connection, row.key, row.attempts, _REPORTED_AS[state], now_ms, reason)
                count += len(rows)
        return count

    def next_due(self, touchpoint: str) -> int | None:
        """When the next message of a touchpoint is due, None where none waits."""
        query = sa.select(sa.func.min(MESSAGE.c.next_at_ms)).where(
            MESSAGE.c.touchpoint == touchpoint, MESSAGE.c.state == OutboxState.QUEUED
        )
        with reading(self._engine) as connection:
            return connection.scalar(query)

    # Halting

    def halt(self, reason: str, at_ms: int, touchpoint: str = EVERYWHERE) -> None:
        """Let no worker claim anything any more, of one touchpoint or of all; it lasts over restarts, until `resume`."""
        row = {"touchpoint": touchpoint, "reason": cut(reason), "since_ms": at_ms}
        with writing(self._engine) as connection:
            connection.execute(insert(HALT).values(row).on_conflict_do_nothing())

    def resume(self, touchpoint: str = EVERYWHERE) -> bool:
        """End a halt; whether there was one."""
        with writing(self._engine) as connection:
            return connection.execute(sa.delete(HALT).where(HALT.c.touchpoint == touchpoint)).rowcount > 0

    def halted(self, touchpoint: str = EVERYWHERE) -> bool:
        """Whether nothing may be sent there now, or anywhere."""
        with reading(self._engine) as connection:
            return _halted(connection, touchpoint)

    def halts(self) -> dict[str, str]:
        """The reason of every halt by touchpoint; EVERYWHERE is the one of all."""
        with reading(self._engine) as connection:
            return {row.touchpoint: row.reason for row in connection.execute(sa.select(HALT))}

    # Receipts and reports

    def note(self, key: str, stage: Stage, at_ms: int, reason: str = "") -> bool:
        """Keep what became of a message later, to be reported; whether it is news. An unknown key is none."""
        with writing(self._engine) as connection:
            return note_stage(connection, key, stage, reason, at_ms)

    def note_receipt(self, account: str, provider_id: str, stage: Stage, at_ms: int, reason: str = "") -> bool:
        """Keep what an account's provider says of a message it named; whether it is news. It may come before the send is settled."""
        with writing(self._engine) as connection:
            return note_provider_receipt(connection, account, provider_id, stage, reason, at_ms)

    def unreported(self, limit: int = LIST_MAX) -> list[Report]:
        """The oldest reports that nobody has taken, at most `limit`."""
        with reading(self._engine) as connection:
            return waiting_reports(connection, limit)

    def reported(self, numbers: Sequence[int]) -> None:
        """Call reports taken; until then a restart tells them again, under the same message id."""
        rows = [{"taken": number} for number in numbers]
        if rows:
            with writing(self._engine) as connection:
                connection.execute(
                    sa.update(REPORT).where(REPORT.c.number == sa.bindparam("taken")).values(reported=True), rows
                )

    # Looking

    def get(self, key: str) -> OutboxRow | None:
        """One message, None where there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(MESSAGE).where(MESSAGE.c.key == key)).first()
        return row_of(row) if row else None

    def of_customer(self, customer: int) -> list[OutboxRow]:
        """All messages of a customer, tests too, the oldest first."""
        query = sa.select(MESSAGE).where(MESSAGE.c.customer == customer).order_by(MESSAGE.c.queued_ms, MESSAGE.c.key)
        with reading(self._engine) as connection:
            return [row_of(row) for row in connection.execute(query)]

    def messages(
        self, state: OutboxState, touchpoint: str | None = None, after: str = "", limit: int = 100
    ) -> list[OutboxRow]:
        """Messages in a state by key, at most LIST_MAX; for the next page `after` is the last key of this one."""
        query = sa.select(MESSAGE).where(MESSAGE.c.state == state, MESSAGE.c.key > after)
        if touchpoint is not None:
            query = query.where(MESSAGE.c.touchpoint == touchpoint)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(MESSAGE.c.key).limit(min(max(limit, 0), LIST_MAX)))
            return [row_of(row) for row in found]

    def depths(self) -> list[Depth]:
        """How many messages there are per touchpoint and state, without tests."""
        query = (
            sa.select(MESSAGE.c.touchpoint, MESSAGE.c.state, sa.func.count(), sa.func.min(MESSAGE.c.changed_ms))
            .where(~MESSAGE.c.is_test)
            .group_by(MESSAGE.c.touchpoint, MESSAGE.c.state)
        )
        with reading(self._engine) as connection:
            return [Depth(row[0], OutboxState(row[1]), row[2], row[3]) for row in connection.execute(query)]

    # Keeping house

    def redrive(self, keys: Iterable[str], at_ms: int, even_unknown: bool = False) -> list[str]:
        """Queue dead and failed messages again with all their tries, unknown ones only if asked; the keys of those queued."""
        states = [OutboxState.DEAD, OutboxState.FAILED] + [OutboxState.UNKNOWN] * even_unknown
        change = (
            sa.update(MESSAGE)
            .where(MESSAGE.c.key == sa.bindparam("again"), MESSAGE.c.state.in_(states))
            .values(
                state=OutboxState.QUEUED.value, tries_from=MESSAGE.c.attempts, next_at_ms=at_ms, until_ms=0,
                reason="redriven", changed_ms=at_ms,
            )
        )  # fmt: skip
        with writing(self._engine) as connection:
            return [key for key in keys if connection.execute(change, {"again": key}).rowcount]

    def forget(self, numbers: Sequence[int], traces: Traces, at_ms: int) -> int:
        """Take back and empty all messages of a customer, by any of her `numbers` (none: of nobody known), and those in which her traces stand, here and
        where they lie to be fetched; how many rows that were. The bytes are overwritten. Raises TimeoutError.
        """
        with writing(self._engine) as connection:
            held = [
                row.key
                for row in connection.execute(sa.select(MESSAGE.c.key, MESSAGE.c.variables, MESSAGE.c.reason))
                if traces.among(f"{row.variables} {row.reason}".encode())
            ] if traces else []  # fmt: skip
            if numbers:
                held += connection.scalars(sa.select(MESSAGE.c.key).where(MESSAGE.c.customer.in_(numbers))).all()
            withdrawn = {"state": OutboxState.WITHDRAWN.value, "changed_ms": at_ms}
            emptied = {"variables": "{}", "reason": "forgotten"}
            keys = sorted(set(held))
            for key in keys:
                waiting = sa.and_(MESSAGE.c.key == key, MESSAGE.c.state == OutboxState.QUEUED)
                connection.execute(sa.update(MESSAGE).where(waiting).values(withdrawn))
                connection.execute(sa.update(MESSAGE).where(MESSAGE.c.key == key).values(emptied))
                connection.execute(sa.update(REPORT).where(REPORT.c.key == key, REPORT.c.reported).values(reason=""))
                connection.execute(sa.update(PROVIDER_MESSAGE).where(PROVIDER_MESSAGE.c.key == key).values(reason=""))
            count = len(keys)
            for table in (INBOX_ITEM, WORK_ITEM):
                texts = (table.c.body, table.c.note) if table is WORK_ITEM else (table.c.body,)
                gone = [
                    row[0]
                    for row in connection.execute(sa.select(table.c.number, table.c.customer, *texts))
                    if row[1] in numbers or (traces and traces.among(" ".join(row[2:]).encode()))
                ]
                for number in gone:
                    connection.execute(sa.delete(table).where(table.c.number == number))
                count += len(gone)
        overwrite_log(self._engine)
        return count

    def purge(self, before_ms: int) -> int:
        """Delete messages that ended before `before_ms` and have been reported, with all that belongs to them; how many went.

        The reader's cursor must be past them, or it would queue them again.
        """
        told = ~sa.exists(sa.select(REPORT.c.number).where(REPORT.c.key == MESSAGE.c.key, ~REPORT.c.reported))
        with writing(self._engine) as connection:
            over = sa.delete(MESSAGE).where(MESSAGE.c.state.in_(_ENDS), MESSAGE.c.changed_ms < before_ms, told)
            gone = connection.execute(over).rowcount
            kept = sa.select(MESSAGE.c.key)
            connection.execute(sa.delete(REPORT).where(REPORT.c.key.not_in(kept)))
            for table in (PROVIDER_MESSAGE, INBOX_ITEM, WORK_ITEM):
                old = sa.and_(table.c.changed_ms < before_ms, table.c.key.not_in(kept))
                connection.execute(sa.delete(table).where(old))
            connection.execute(sa.delete(VOLUME).where(VOLUME.c.day_ms < before_ms))
        return gone


def _new_row(message: NewMessage, at_ms: int) -> dict[str, object]:
    variables = msgspec.json.encode(message.variables)
    if len(variables) > VARIABLES_BYTES_MAX:
        raise ValueError(
            f"message {message.key}: its variables have {len(variables):,} bytes, more than {VARIABLES_BYTES_MAX:,}; use fewer"
        )
    if not 0 < len(message.key) <= KEY_CHARACTERS_MAX:
        raise ValueError(f"a message's key has 1 to {KEY_CHARACTERS_MAX} characters, not {len(message.key)}")
    return msgspec.structs.asdict(message) | {
        "variables": variables.decode(), "state": OutboxState.QUEUED.value, "attempts": 0, "tries_from": 0,
        "owner": "", "provider_id": "", "reason": "", "queued_ms": at_ms, "changed_ms": at_ms,
    }  # fmt: skip


def _due(touchpoint: str, now_ms: int) -> sa.Select[tuple[str]]:
    return sa.select(MESSAGE.c.key).where(
        MESSAGE.c.touchpoint == touchpoint,
        MESSAGE.c.state == OutboxState.QUEUED,
        MESSAGE.c.next_at_ms <= now_ms,
        sa.or_(MESSAGE.c.until_ms == 0, MESSAGE.c.until_ms > now_ms),
    )


def _mine(worker: str) -> sa.ColumnElement[bool]:
    return sa.and_(MESSAGE.c.state == OutboxState.SENDING, MESSAGE.c.owner == worker)


def _halted(connection: sa.Connection, touchpoint: str) -> bool:
    query = sa.select(sa.exists(sa.select(HALT.c.touchpoint).where(HALT.c.touchpoint.in_([EVERYWHERE, touchpoint]))))
    return connection.scalar(query) is True


def _volume(connection: sa.Connection, touchpoint: str, day_ms: int) -> int:
    query = sa.select(VOLUME.c.count).where(VOLUME.c.touchpoint == touchpoint, VOLUME.c.day_ms == day_ms)
    return connection.scalar(query) or 0


def _add_volume(connection: sa.Connection, touchpoint: str, day_ms: int, more: int) -> None:
    there = insert(VOLUME).values(touchpoint=touchpoint, day_ms=day_ms, count=more)
    connection.execute(
        there.on_conflict_do_update(index_elements=["touchpoint", "day_ms"], set_={"count": VOLUME.c.count + more})
    )
