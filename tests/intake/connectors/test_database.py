"""SQL databases: rows behind the cursor, ties told apart by the key, nothing written, no secret told. SQLite and PostgreSQL pass the same tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from opportune.intake import FetchFailedError, Reach, State, cells_of, stored_row
from opportune.intake.connectors.database import fetch_database
from opportune.intake.origins import DatabaseDefinition
from tests.intake.connectors.postgres import PASSWORD, binaries, postgres

TABLE = "CREATE TABLE orders (id integer PRIMARY KEY, at timestamp NOT NULL, price numeric(18, 3), who text)"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'shop.db'}"
        return
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="opportune-pg-") as folder:
        Path(folder).chmod(0o755)
        with postgres(Path(folder) / "server") as found:
            yield found


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """A writer beside our reader, with an empty table."""
    made = sa.create_engine(url)
    with made.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS orders"))
        connection.execute(sa.text(TABLE))
    yield made
    made.dispose()


def add(engine: sa.Engine, *rows: tuple[int, str, str | None, str | None]) -> None:
    """Orders with id, moment, price and customer."""
    with engine.begin() as connection:
        for one, at, price, who in rows:
            told = {"id": one, "at": at, "price": price, "who": who}
            connection.execute(sa.text("INSERT INTO orders VALUES (:id, CAST(:at AS timestamp), CAST(:price AS numeric), :who)") if
                               engine.dialect.name == "postgresql" else sa.text("INSERT INTO orders VALUES (:id, :at, :price, :who)"), told)  # fmt: skip


def taken(
    engine: sa.Engine, state: State, definition: DatabaseDefinition, rows_max: int = 100
) -> tuple[list[list[int]], State]:
    """The ids of each fetch, and the state after."""
    url = engine.url.render_as_string(hide_password=False)
    reach = Reach(Path(), {"database": {"default": {"url": url}}}, fetch_rows_max=rows_max)
    found = []
    for one in fetch_database(definition, state, reach):
        cells = [cells_of(stored_row(row)) or {} for row in one.rows]
        if cells:
            found.append([int(row["id"]) for row in cells])
            state = one.state
    return found, state


ORDERS = DatabaseDefinition("at", table="orders", key=("id",))


def test_rows_behind_the_last_one_are_fetched_ties_and_all(engine: sa.Engine) -> None:
    add(
        engine,
        (3, "2026-01-02 10:00:00", "1.5", "a"),
        (1, "2026-01-01 10:00:00", None, "b"),
        (2, "2026-01-02 10:00:00", "2", None),
    )
    found, state = taken(engine, {}, ORDERS, rows_max=2)
    assert found == [[1, 2], [3]]
    assert taken(engine, state, ORDERS)[0] == []
    add(engine, (4, "2026-01-02 10:00:00", "1", "c"), (5, "2026-01-03 10:00:00.123456", "1", "d"))
    found, state = taken(engine, state, ORDERS)
    assert found == [[4, 5]]
    add(engine, (6, "2026-01-03 10:00:00.123456", "1", "e"))
    assert taken(engine, state, ORDERS)[0] == [[6]]


def test_a_query_and_a_whole_number_as_cursor(engine: sa.Engine) -> None:
    add(engine, *((n, "2026-01-01 00:00:00", "1", "a" if n % 2 else "b") for n in range(1, 8)))
    definition = DatabaseDefinition("id", query="SELECT id, who FROM orders WHERE who = 'a'")
    found, state = taken(engine, {}, definition, rows_max=3)
    assert found == [[1, 3, 5], [7]]
    assert taken(engine, state, definition)[0] == []


def test_numbers_and_moments_keep_their_digits(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no decimals")
    add(engine, (1, "2026-01-02 03:04:05.678", "1234567890.123", "张三"))
    url = engine.url.render_as_string(hide_password=False)
    (one,) = fetch_database(ORDERS, {}, Reach(Path(), {"database": {"default": {"url": url}}}))
    (row,) = one.rows
    assert cells_of(stored_row(row)) == {
        "id": b"1",
        "at": b'"2026-01-02T03:04:05.678"',
        "price": b"1234567890.123",
        "who": '"张三"'.encode(),
    }


def test_nothing_can_be_written_through_a_source(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite takes no writing statement in a sub-select at all")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE OR REPLACE FUNCTION sneak() RETURNS integer LANGUAGE sql AS 'INSERT INTO orders VALUES (9, now()) RETURNING id'"
            )
        )
    with pytest.raises(FetchFailedError, match="read-only"):
        taken(engine, {}, DatabaseDefinition("id", query="SELECT sneak() AS id"))


@pytest.mark.parametrize(
    ("definition", "cause"),
    [
        (DatabaseDefinition("at"), "either `table` or `query`"),
        (DatabaseDefinition("never", table="orders"), "cannot be read"),
        (DatabaseDefinition("at", table="no_such_table"), "cannot be read"),
        (DatabaseDefinition("at", table="orders", account="other"), "no account `other`"),
    ],
)
def test_what_cannot_be_read_is_told_without_the_password(
    engine: sa.Engine, definition: DatabaseDefinition, cause: str
) -> None:
    with pytest.raises((FetchFailedError, ValueError), match=cause) as told:
        taken(engine, {}, definition)
    assert PASSWORD not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [f"postgresql+psycopg://a:{PASSWORD}@127.0.0.1:1/x", f"nonsense:{PASSWORD}", "sqlite:////no/such/folder/x.db"],
)
def test_a_server_that_does_not_answer(url: str) -> None:
    settings: dict[str, Any] = {"url": url}
    with pytest.raises(FetchFailedError) as told:
        list(next(iter(fetch_database(ORDERS, {}, Reach(Path(), {"database": {"default": settings}})))).rows)
    assert PASSWORD not in str(told.value)
