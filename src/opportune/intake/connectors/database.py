"""SQL databases by SQLAlchemy: rows behind the last one, in the order of a cursor column, read in a transaction that writes nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from opportune.intake.connectors.fetching import Fetch, FetchFailedError, Reach, State, without
from opportune.intake.origins import DatabaseDefinition
from opportune.intake.tables import Row, json_of

ROWS_AT_ONCE = 4_096
_READERS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat, "date": date.fromisoformat, "decimal": Decimal, "int": int, "str": str, "float": float,
}  # fmt: skip


def fetch_database(definition: DatabaseDefinition, state: State, reach: Reach) -> Iterator[Fetch]:
    """Fetches of at most `fetch_rows_max` rows each, until there are no more. Raises FetchFailedError, ValueError."""
    if (definition.table is None) == (definition.query is None):
        raise ValueError("database: say either `table` or `query`")
    settings = reach.account("database", definition.account)
    place = list(state.get("after", []))
    while True:
        after: State = {"after": place}
        rows = _rows(definition, settings, place, reach.fetch_rows_max, after)
        count = [0]
        yield Fetch(f"after {_shown(place)}", _counting(rows, count), after)
        place = after["after"]
        if count[0] < reach.fetch_rows_max:
            return


def _counting(rows: Iterator[Row], count: list[int]) -> Iterator[Row]:
    for row in rows:
        count[0] += 1
        yield row


def _shown(place: list[list[str]]) -> str:
    return ", ".join(text for _, text in place[:1]) or "the beginning"


def _rows(
    definition: DatabaseDefinition, settings: dict[str, Any], place: list[list[str]], rows_max: int, after: State
) -> Iterator[Row]:  # fmt: skip
    import sqlalchemy as sa

    order = (definition.cursor, *definition.key)
    with _connected(settings, definition.account) as connection:
        if definition.table is not None:
            schema, _, table = definition.table.rpartition(".")
            given: Any = sa.table(table, schema=schema or None)
        else:
            given = sa.text(f"({definition.query}) AS given")
        columns: list[Any] = [sa.column(name) for name in order]
        query = (
            sa.select(sa.text("*")).select_from(given).where(columns[0].is_not(None)).order_by(*columns).limit(rows_max)
        )
        if place:
            query = query.where(_behind(columns, [_READERS[kind](text) for kind, text in place]))
        found = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).execute(query)
        names = list(found.keys())
        for name in order:
            if name not in names:
                raise FetchFailedError(f"database: there is no column `{name}`; there are: {', '.join(names)}")
        places = [names.index(name) for name in order]
        for cells in found:
            yield Row({name: json_of(cell) for name, cell in zip(names, cells, strict=True)}, b"")
            after["after"] = [_marked(cells[at], name) for at, name in zip(places, order, strict=True)]


def _behind(columns: list[Any], values: list[Any]) -> Any:
    """The condition of all rows that stand behind some values in the order of the columns."""
    import sqlalchemy as sa

    first, value = columns[0], sa.literal(values[0])
    if len(columns) == 1:
        return first > value
    return sa.or_(first > value, sa.and_(first == value, _behind(columns[1:], values[1:])))


def _marked(value: Any, name: str) -> list[str]:
    """A value of the cursor as texts that `_READERS` reads back."""
    match value:
        case bool() | None:
            raise FetchFailedError(
                f"database: `{name}` is empty or yes/no in a row, so rows cannot be put in its order; take another"
            )
        case datetime() | date():
            return [type(value).__name__, value.isoformat()]
        case Decimal():
            return ["decimal", str(value)]
        case int() | float() | str():
            return [type(value).__name__, repr(value) if isinstance(value, float) else str(value)]
    raise FetchFailedError(
        f"database: `{name}` is of a type that has no order here ({type(value).__name__}); take another"
    )


@contextmanager
def _connected(settings: dict[str, Any], account: str) -> Iterator[Any]:
    """A connection in a transaction that only reads. Raises FetchFailedError without the password."""
    import sqlalchemy as sa

    address = settings.get("url")
    if not isinstance(address, str):
        raise FetchFailedError(
            f'the account `{account}` of kind database needs a `url`, for example "postgresql+psycopg://…"'
        )
    try:
        url = sa.engine.make_url(address)
    except sa.exc.ArgumentError:
        raise FetchFailedError(f"the `url` of the database account `{account}` is no SQLAlchemy URL") from None
    secrets = [address, *([str(url.password)] if url.password else [])]
    try:
        engine = sa.create_engine(url, hide_parameters=True)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "postgresql":
                    connection = connection.execution_options(postgresql_readonly=True)
                elif engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA query_only=ON")
                yield connection
        finally:
            engine.dispose()
    except ModuleNotFoundError as error:
        raise FetchFailedError(
            f"{error.name} is not installed; for PostgreSQL run: pip install 'opportune[postgres]'"
        ) from None
    except sa.exc.SQLAlchemyError as error:
        told = str(error.orig) if isinstance(error, sa.exc.DBAPIError) else str(error)
        raise FetchFailedError(
            f"the database `{account}` cannot be read: {without(told.strip(), iter(secrets))}"
        ) from None
