"""Loads of sources, in `loads.db`: the raw rows of each fetch, sealed, and how far the source was fetched with them.

A load counts once it is staged: its rows and its state are then there together, or neither is.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sa

from opportune.store.database import open_database, overwrite_log, reading, writing
from opportune.store.sealing import Seal, Secrets
from opportune.store.traces import Traces

FILE_NAME = "loads.db"
PURPOSE = "raw rows"
LIST_MAX = 1_000
SQUEEZE = 3

_TABLES = sa.MetaData()
_load = sa.Table(
    "load",
    _TABLES,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("begun_ms", sa.BigInteger, nullable=False),
    sa.Column("staged_ms", sa.BigInteger, nullable=True),
    sa.Column("ended_ms", sa.BigInteger, nullable=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_raw = sa.Table(
    "raw_rows",
    _TABLES,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_check = sa.Table(
    "source_check",
    _TABLES,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("checked_ms", sa.BigInteger, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False),
)


class LoadRow(msgspec.Struct, frozen=True):
    """A load: `staged_ms` is None while it is being fetched, `ended_ms` until all of it is journaled. `body` is what its maker keeps with it."""

    source: str
    number: int
    begun_ms: int
    staged_ms: int | None
    ended_ms: int | None
    rows: int
    body: bytes


class SourceCheck(msgspec.Struct, frozen=True):
    """When a source was asked last, and why that failed ("" where it did not)."""

    checked_ms: int
    trouble: str


class Loads:
    """The loads of one data folder."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        """Open `<folder>/loads.db`, making it (mode 0600) if missing. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "loads")
        self._seal = Seal(secrets, PURPOSE)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def begin(self, source: str, after: int, at_ms: int) -> int:
        """Begin a load; its number, beyond `after` and all others. One that was never staged is dropped first."""
        with writing(self._engine) as connection:
            unstaged = sa.and_(_load.c.source == source, _load.c.staged_ms.is_(None))
            for number in connection.scalars(sa.select(_load.c.number).where(unstaged)).all():
                connection.execute(sa.delete(_raw).where(_of(_raw, source, number)))
            connection.execute(sa.delete(_load).where(unstaged))
            last = connection.scalar(sa.select(sa.func.max(_load.c.number)).where(_load.c.source == source))
            number = max(last or 0, after) + 1
            row = {"source": source, "number": number, "begun_ms": at_ms, "rows": 0, "body": b""}
            connection.execute(sa.insert(_load), row)
        return number

    def add_rows(self, source: str, number: int, place: int, rows: Sequence[bytes]) -> None:
        """Keep raw rows, durably; `place` counts from 0."""
        body = self._seal.close(zlib.compress(msgspec.msgpack.encode(rows), SQUEEZE), f"{source}/{number}/{place}")
        with writing(self._engine) as connection:
            connection.execute(sa.insert(_raw), {"source": source, "number": number, "place": place, "body": body})

    def stage(self, source: str, number: int, rows: int, body: bytes, at_ms: int) -> None:
        """All rows are there: from now on the load counts."""
        self._change(source, number, staged_ms=at_ms, rows=rows, body=self._seal.close(body, f"{source}/{number}"))

    def note(self, source: str, number: int, body: bytes) -> None:
        """Keep another body with a load."""
        self._change(source, number, body=self._seal.close(body, f"{source}/{number}"))

    def end(self, source: str, number: int, body: bytes, at_ms: int) -> None:
        """All of it is journaled."""
        self._change(source, number, ended_ms=at_ms, body=self._seal.close(body, f"{source}/{number}"))

    def drop(self, source: str, number: int) -> None:
        """Forget a load that brought nothing."""
        with writing(self._engine) as connection:
            for table in (_raw, _load):
                connection.execute(sa.delete(table).where(_of(table, source, number)))

    def of(self, source: str, limit: int = LIST_MAX, rows_min: int = 0) -> list[LoadRow]:
        """The staged loads of a source with so many rows, the newest first."""
        query = sa.select(_load).where(
            _load.c.source == source, _load.c.staged_ms.is_not(None), _load.c.rows >= rows_min
        )
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(_load.c.number.desc()).limit(min(limit, LIST_MAX))).all()
        return [self._read(row) for row in found]

    def unended(self, source: str) -> list[LoadRow]:
        """The staged loads of a source of which not all is known to be journaled, the oldest first."""
        query = sa.select(_load).where(
            _load.c.source == source, _load.c.staged_ms.is_not(None), _load.c.ended_ms.is_(None)
        )
        with reading(self._engine) as connection:
            return [self._read(row) for row in connection.execute(query.order_by(_load.c.number))]

    def one(self, source: str, number: int) -> LoadRow | None:
        """A staged load, or None."""
        query = sa.select(_load).where(_of(_load, source, number), _load.c.staged_ms.is_not(None))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else self._read(row)

    def first(self, source: str, rows_min: int) -> LoadRow | None:
        """The oldest load of a source with so many rows, or None."""
        query = sa.select(_load).where(
            _load.c.source == source, _load.c.staged_ms.is_not(None), _load.c.rows >= rows_min
        )
        with reading(self._engine) as connection:
            row = connection.execute(query.order_by(_load.c.number).limit(1)).one_or_none()
        return None if row is None else self._read(row)

    def rows(self, source: str, number: int) -> Iterator[bytes]:
        """The raw rows of a load, in their order; one that was forgotten is empty. Raises SealBrokenError."""
        query = sa.select(_raw.c.place, _raw.c.body).where(_of(_raw, source, number)).order_by(_raw.c.place)
        with reading(self._engine) as connection:
            for place, body in connection.execution_options(yield_per=8).execute(query):
                yield from self._opened(source, number, place, body)

    def has_rows(self, source: str, number: int) -> bool:
        """Whether the raw rows of a load are still kept."""
        with reading(self._engine) as connection:
            return (
                connection.execute(sa.select(_raw.c.place).where(_of(_raw, source, number)).limit(1)).first()
                is not None
            )

    def drop_rows(self, source: str, before_ms: int) -> int:
        """Delete the raw rows of loads that ended before a moment; of how many loads."""
        old = sa.and_(_load.c.source == source, _load.c.ended_ms < before_ms)
        with writing(self._engine) as connection:
            numbers = connection.scalars(
                sa.select(_raw.c.number).distinct().join(_load, sa.and_(_raw.c.source == _load.c.source, _raw.c.number == _load.c.number)).where(old)
            ).all()  # fmt: skip
            for number in numbers:
                connection.execute(sa.delete(_raw).where(_of(_raw, source, number)))
        return len(numbers)

    def forget(self, texts: Iterable[str]) -> int:
        """Empty every raw row in which one of the texts stands; how many. The numbers of the other rows stay. Raises SealBrokenError."""
        traces, gone = Traces(texts), 0
        if not traces:
            return 0
        for source, number, place in self._places():
            with writing(self._engine) as connection:
                rows = self._rows_at(connection, source, number, place)
                left = [b"" if traces.among(row) else row for row in rows]
                if left != rows:
                    gone += sum(new != old for new, old in zip(left, rows, strict=True))
                    self._put_rows(connection, source, number, place, left)
        overwrite_log(self._engine)
        return gone

    def holding(self, traces: Traces) -> Iterator[tuple[str, int, bytes]]:
        """(source, load, row) of every raw row in which a trace stands. Raises SealBrokenError."""
        for source, number, place in self._places() if traces else ():
            with reading(self._engine) as connection:
                rows = self._rows_at(connection, source, number, place)
            yield from ((source, number, row) for row in rows if traces.among(row))

    def seal_again(self) -> Iterator[int]:
        """Seal by the newest secret whatever an older one sealed; tells how many rows were looked at, step by step, each durable."""
        for source, number, place in self._places():
            with writing(self._engine) as connection:
                here = sa.and_(_of(_raw, source, number), _raw.c.place == place)
                body = connection.scalar(sa.select(_raw.c.body).where(here))
                if body is not None and self._seal.is_old(body):
                    again = self._seal.again(body, f"{source}/{number}/{place}")
                    connection.execute(sa.update(_raw).where(here).values(body=again))
            yield 1
        with writing(self._engine) as connection:
            for row in connection.execute(sa.select(_load).where(_load.c.staged_ms.is_not(None))).all():
                if self._seal.is_old(row.body):
                    again = self._seal.again(row.body, f"{row.source}/{row.number}")
                    connection.execute(sa.update(_load).where(_of(_load, row.source, row.number)).values(body=again))

    def _places(self) -> list[tuple[str, int, int]]:
        """Where raw rows are."""
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(_raw.c.source, _raw.c.number, _raw.c.place)).all()
        return [(row.source, row.number, row.place) for row in found]

    def _rows_at(self, connection: sa.Connection, source: str, number: int, place: int) -> list[bytes]:
        here = sa.and_(_of(_raw, source, number), _raw.c.place == place)
        body = connection.scalar(sa.select(_raw.c.body).where(here))
        return [] if body is None else self._opened(source, number, place, body)

    def _put_rows(self, connection: sa.Connection, source: str, number: int, place: int, rows: list[bytes]) -> None:
        here = sa.and_(_of(_raw, source, number), _raw.c.place == place)
        packed = zlib.compress(msgspec.msgpack.encode(rows), SQUEEZE)
        body = self._seal.close(packed, f"{source}/{number}/{place}")
        connection.execute(sa.update(_raw).where(here).values(body=body))

    def check(self, source: str, at_ms: int, trouble: str = "") -> None:
        """Note that a source was asked, and why in vain if it was."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(_check).where(_check.c.source == source))
            connection.execute(sa.insert(_check), {"source": source, "checked_ms": at_ms, "trouble": trouble})

    def checks(self) -> dict[str, SourceCheck]:
        """When each source was asked last."""
        with reading(self._engine) as connection:
            return {
                row.source: SourceCheck(row.checked_ms, row.trouble) for row in connection.execute(sa.select(_check))
            }

    def _change(self, source: str, number: int, **values: object) -> None:
        with writing(self._engine) as connection:
            connection.execute(sa.update(_load).where(_of(_load, source, number)).values(**values))

    def _opened(self, source: str, number: int, place: int, body: bytes) -> list[bytes]:
        plain = self._seal.open(body, f"{source}/{number}/{place}")
        return msgspec.msgpack.decode(zlib.decompress(plain), type=list[bytes])

    def _read(self, row: sa.Row[tuple[object, ...]]) -> LoadRow:
        found = row._mapping
        body = self._seal.open(found["body"], f"{found['source']}/{found['number']}")
        return LoadRow(**{**found, "body": body})


def _of(table: sa.Table, source: str, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.source == source, table.c.number == number)
