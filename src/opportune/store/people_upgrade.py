"""Folders of versions before sealing: what their clear tables hold is sealed, step by step, and the tables are dropped."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from opportune.store.database import overwrite_log, writing
from opportune.store.people import People, Quarantined

ROWS_AT_ONCE = 5_000
_CLEAR = ("identifier", "personal", "unsettled", "quarantine")

OnUpgrade = Callable[[str, int, int], None]
"""(what is being done, done, in all), for a progress bar."""


def seal_clear_rows(people: People, on_progress: OnUpgrade | None = None) -> int:
    """Seal what clear tables still hold; how many rows. Killed anywhere, it goes on there. Raises TimeoutError, StoreFailedError."""
    engine = people.database
    with engine.connect() as connection:
        there = [name for name in _CLEAR if sa.inspect(connection).has_table(name)]
        total = sum(connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0 for name in there)
    done = 0
    for name in there:
        while True:
            with writing(engine) as connection:
                if not sa.inspect(connection).has_table(name):  # another process was at it too
                    break
                rows = connection.execute(sa.text(f"SELECT * FROM {name} LIMIT {ROWS_AT_ONCE}")).all()
                if not rows:
                    connection.execute(sa.text(f"DROP TABLE {name}"))
                    break
                _move(people, connection, name, rows)
            done += len(rows)
            if on_progress is not None:
                on_progress("sealing what is personal", done, total)
    if there:
        overwrite_log(engine)
    return done


def _move(people: People, connection: sa.Connection, name: str, rows: Any) -> None:
    if name == "identifier":
        people.remember_in(connection, [(row.customer, row.kind, row.text) for row in rows], [], [])
        keys = ("kind", "text")
    elif name == "personal":
        people.remember_in(connection, [], [(row.customer, row.field, row.text) for row in rows], [])
        keys = ("customer", "field")
    elif name == "unsettled":
        people.remember_in(connection, [], [], [(row.kind, row.text) for row in rows])
        keys = ("kind", "text")
    else:
        people.quarantine_in(connection, [_message(row) for row in rows])
        keys = ("id", "id")
    one, other = keys
    statement = sa.text(f"DELETE FROM {name} WHERE {one} = :one AND {other} = :other")
    connection.execute(statement, [{"one": getattr(row, one), "other": getattr(row, other)} for row in rows])


def _message(row: Any) -> Quarantined:
    return Quarantined(
        row.source, row.received_ms, row.reason, row.detail, row.body, row.position, row.id, row.mended, row.redriven_ms
    )
