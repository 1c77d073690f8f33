"""Migrations: from nothing to the newest form, twice the same, and never apart from what the code believes."""

from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from opportune.store import People, Secrets, definition_store, people_tables, seal_clear_rows
from opportune.store.database import Schema, migrate, open_database, writing

TABLES: dict[Schema, sa.MetaData] = {"definitions": definition_store.TABLES, "people": people_tables.TABLES}


@pytest.mark.parametrize("schema", TABLES)
def test_migrated_tables_are_those_of_the_code(tmp_path: Path, schema: Schema) -> None:
    engine = open_database(tmp_path / f"{schema}.db", schema)
    if schema == "people":  # it is `People` that empties the clear tables of the first versions, and drops them
        with closing(People(tmp_path, Secrets(bytes(16)))) as opened:
            seal_clear_rows(opened)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), TABLES[schema])
    engine.dispose()
    assert [one for one in differences if one[0] != "remove_fk"] == []


def written_form(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master ORDER BY name"))
        return [(row.name, row.sql) for row in rows]


@pytest.mark.parametrize("schema", TABLES)
def test_migrating_twice_changes_nothing(tmp_path: Path, schema: Schema) -> None:
    engine = open_database(tmp_path / "x.db", schema)
    table = next(iter(TABLES[schema].tables))
    before = written_form(engine)
    migrate(engine, schema)
    engine.dispose()
    engine = open_database(tmp_path / "x.db", schema)
    assert written_form(engine) == before
    engine.dispose()
    assert table in {name for name, _ in before}


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sa.create_engine(f"sqlite:///{path}").begin() as connection:
        connection.execute(sa.text("CREATE TABLE setting (x)"))
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        open_database(path, "definitions")
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["setting"]


def test_a_commit_is_synchronous(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "x.db", "people")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    engine.dispose()


def test_a_transaction_that_fails_is_rolled_back(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "x.db", "definitions")

    def write_the_same_twice() -> None:
        with writing(engine) as connection:
            for _ in range(2):
                connection.execute(sa.text("INSERT INTO setting VALUES ('a', 'b')"))

    with pytest.raises(sa.exc.IntegrityError):
        write_the_same_twice()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM setting")) == 0
    engine.dispose()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(sa.exc.DatabaseError):
        open_database(tmp_path / "x.db", "people")
