"""SQLite files that only we can read, brought to their newest form by migrations when they are opened."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

FILE_MODE = 0o600
FOLDER_MODE = 0o700
BUSY_MS_MAX = 5_000
LOG_SECONDS_MAX = 10.0

_MIGRATIONS = Path(__file__).parent / "migrations"
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit that returned is on the disk, also after a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is deleted is overwritten, not only unlinked
    f"PRAGMA busy_timeout={BUSY_MS_MAX}",
    "PRAGMA cache_size=-20000",  # KiB: hashes come in no order, and their index must not be read again for each
)

Schema = Literal["definitions", "people", "keys", "outbox", "loads", "duplicates"]


class StoreFailedError(OSError):
    """The database cannot be read or written now: the disk is full or broken, or another process holds it. Nothing was changed."""


def open_database(path: Path, schema: Schema) -> sa.Engine:
    """The database at `path`, made with mode 0600 if missing and migrated to the newest form of `schema`.

    Raises OSError where the folder cannot be written and sqlalchemy.exc.DatabaseError where the file is no database.
    """
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database, so the file must be private before it is opened.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))
    os.chmod(path, FILE_MODE)
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "begin", _begin)
    migrate(engine, schema)
    return engine


def copy_database(path: Path, target: Path) -> None:
    """Copy a database, in use or not, as one moment left it; the copy has mode 0600 and is on the disk when this returns.

    Raises FileNotFoundError, StoreFailedError.
    """
    os.stat(path)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreFailedError(f"{path}: {error}; nothing was copied") from error
    with target.open("rb+") as file:
        os.fsync(file.fileno())


def migrate(engine: sa.Engine, schema: Schema, revision: str = "head") -> None:
    """Bring a database to `revision`; nothing happens where it is there already."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(_MIGRATIONS / schema).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that writes; it holds the write lock from its first moment, so what it reads stays true until it commits.

    Raises StoreFailedError where the disk or another process is in the way.
    """
    try:
        with _writing(engine) as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise StoreFailedError(
            f"{engine.url.database}: {error.orig}; nothing was changed: make room on the disk, or stop what holds the file, and do it again"
        ) from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One look at the database. Raises StoreFailedError where the disk or another process is in the way."""
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise StoreFailedError(
            f"{engine.url.database}: {error.orig}; nothing was read: see to the disk, or stop what holds the file, and do it again"
        ) from error


def overwrite_log(engine: sa.Engine) -> None:
    """Leave nothing of what was deleted in the write-ahead log. Raises TimeoutError where readers keep us from that for long."""
    deadline = time.monotonic() + LOG_SECONDS_MAX
    while True:
        with engine.connect() as connection:
            # Outside a transaction, or SQLite does not checkpoint.
            driver = connection.connection.driver_connection
            assert driver is not None
            busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"deleted, but the log of {engine.url.database} still holds the bytes: another process reads; do it again"
            )
        time.sleep(0.05)


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.execution_options(writes=True).begin() as connection:
        yield connection


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
