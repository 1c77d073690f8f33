"""The warehouse, opened to be asked: DuckDB over the files, with views in the catalogue's names. It reads these files and nothing else."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import numbers_parted
from opportune.facts import FactKind, Persons
from opportune.warehouse.errors import QueryRefused, WarehouseError
from opportune.warehouse.files import named, parquet, quoted
from opportune.warehouse.latest import Latest
from opportune.warehouse.lexicon import Lexicon
from opportune.warehouse.manifest import Manifest, read_manifest, remedy, warehouse_folder
from opportune.warehouse.views import RAW_COLUMNS, Views, empty_table

ROWS_MAX = 10_000
SECONDS_MAX = 60.0
MEMORY_MAX = "1GB"
THREADS_MAX = 2
SQL_CHARACTERS_MAX = 100_000
ZONE_TEXTS_MAX = 1_000
HELD_FACTS_MAX = 2_000_000
HELD_TABLES = ("facts", "tags", "texts", "derived")
_ASKED = re.compile(r'\b(event|tag|latest)\s*\.\s*"?([A-Za-z_][A-Za-z0-9_]*)')


class Answer(msgspec.Struct, frozen=True):
    """What a query gave: the columns' names and types, at most so many rows, and whether there were more."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool = False


class Warehouse:
    """One look at a data folder's warehouse: what was exported when it was opened. Not for several threads at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        as_of_ms: int | None = None,
        as_of_seq: int | None = None,
        memory_max: str = MEMORY_MAX,
        threads_max: int = THREADS_MAX,
    ) -> None:
        """Open it. `as_of_ms`: what `latest.<tag>` shows is every customer's value then, as engine time has it; else at the end.
        With `as_of_seq` too, exactly after the facts below that number.

        Raises WarehouseError where nothing was exported yet, or the files are not what the manifest says.
        """
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)
        if not self.manifest.parts:
            raise WarehouseError(f"{folder} has no warehouse yet; make one with: opportune export --folder {folder}")
        self.connection = duckdb.connect(
            ":memory:", config={"threads": threads_max, "memory_limit": memory_max, "temp_directory": ""}
        )
        """For free use: it reads the files of this warehouse only, and its settings are locked."""
        try:
            with _told(self.folder):
                self._set_up(as_of_ms, as_of_seq)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Let go of the files."""
        self.connection.close()

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def query(
        self,
        sql: str,
        parameters: Sequence[Any] = (),
        *,
        rows_max: int = ROWS_MAX,
        seconds_max: float = SECONDS_MAX,
    ) -> Answer:
        """Ask one SELECT. Raises QueryRefused: a mistake in it, more than one statement, one that changes something,
        or one that took more memory or time than it may.
        """
        self._check(sql)
        with self._bounded(seconds_max):
            self.prepare(sql)
            found = self.connection.execute(sql, list(parameters))
            described = found.description or []
            rows = found.fetchmany(rows_max + 1)
        return Answer(
            tuple(str(column[0]) for column in described), tuple(str(column[1]) for column in described), rows[:rows_max], len(rows) > rows_max
        )  # fmt: skip

    def audience(self, where: str, *, seconds_max: float = SECONDS_MAX) -> NDArray[np.uint32]:
        """The customers for whom a condition over tags is true, in the order of their numbers. Raises QueryRefused."""
        query = f"SELECT customer FROM ({self.latest.audience(where)}) ORDER BY customer"
        with self._bounded(seconds_max):
            found = self.connection.execute(query).fetchnumpy()["customer"]
        return np.asarray(found, np.uint32)

    def hold(self, customer: int | None = None) -> bool:
        """Keep in memory what tags are made of, of one customer or of all, for many questions about them in a row: then no file is opened
        for each. Whether it did: of all, more than HELD_FACTS_MAX facts stay in their files.
        """
        if customer is None and self.manifest.end_seq > HELD_FACTS_MAX:
            return False
        counted = {"facts": "engine_ms", "derived": "now_ms"}
        for table in HELD_TABLES:
            also = f", {self.latest.counted_ms('at_ms', counted[table])} AS counted_ms" if table in counted else ""
            hers = f" WHERE customer = {int(customer)}" if customer is not None and table != "texts" else ""
            self.connection.execute(f"CREATE TABLE raw.held_{table} AS SELECT *{also} FROM raw.{table}{hers}")
            self.connection.execute(f"CREATE OR REPLACE VIEW raw.{table} AS SELECT * FROM raw.held_{table}")
        self.latest.held = True
        return True

    def prepare(self, sql: str) -> None:
        """Create the views `event.<name>`, `tag.<name>` and `latest.<name>` that a text speaks of; thousands there may be.

        To be called before `connection` is used by itself; `query` does it.
        """
        for schema, name in dict.fromkeys(_ASKED.findall(sql)):
            known = self.lexicon.events if schema == "event" else self.lexicon.tags
            if (schema, name) in self._made or name not in known:
                continue
            write = {"event": self.views.event, "tag": self.views.tag, "latest": self.latest.view}[schema]
            self.connection.execute(f"CREATE VIEW {schema}.{named(name)} AS {write(name)}")
            self._made.add((schema, name))

    def _set_up(self, as_of_ms: int | None, as_of_seq: int | None) -> None:
        execute, place = self.connection.execute, warehouse_folder(self.folder)
        execute("SET parquet_metadata_cache=true")
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            execute(f"SET {setting}=false")
        allowed = ", ".join(
            quoted(str(place / name)) for part in self.manifest.parts for name in map(part.place, part.tables)
        )
        execute(f"SET allowed_paths=[{allowed}]")
        execute("SET enable_external_access=false")
        execute("SET lock_configuration=true")
        for schema in ("raw", "event", "tag", "latest"):
            execute(f"CREATE SCHEMA {schema}")
        for table in RAW_COLUMNS:
            execute(f"CREATE VIEW raw.{table} AS {self._stored(table)}")
        cut = self._cut(as_of_ms) if as_of_seq is None else min(as_of_seq, self.manifest.end_seq)
        self._map_customers(cut)
        self.lexicon = self._read_lexicon()
        self.views = Views(self.lexicon, max(part.slots for part in self.manifest.parts))
        self.latest = Latest(self.views, self.manifest, cut, as_of_ms)
        self._made: set[tuple[str, str]] = set()
        for statement in self.views.macros():
            execute(statement)
        for name, query in self.views.main().items():
            execute(f"CREATE VIEW {name} AS {query}")
        self._create_lists()

    def _map_customers(self, cut: int) -> None:
        """`customer_of`: the survivor of each number that was merged before the fact `cut`; every table then names survivors."""
        execute = self.connection.execute
        execute("CREATE TABLE customer_of (customer UINTEGER, survivor UINTEGER)")
        if not any(part.slots for part in self.manifest.parts):
            return
        facts = execute(
            f"""SELECT f.kind, f.customer, f.v0, b.body FROM raw.facts f JOIN raw.groups g ON f.seq >= g.first_seq AND f.seq < g.first_seq + g.facts
            LEFT JOIN raw.bodies b ON f.kind = {FactKind.UNMERGED.value} AND b.first_seq = g.first_seq AND b.position = f.code
            WHERE f.kind IN ({FactKind.MERGED.value}, {FactKind.UNMERGED.value}) AND f.seq < {cut} ORDER BY f.seq"""
        ).fetchall()
        persons = Persons()
        for kind, customer, absorbed, body in facts:
            if kind == FactKind.MERGED:
                persons.merge(customer, absorbed)
            else:
                persons.part(customer, numbers_parted(body))
        if not persons.roots:
            return
        execute("CREATE SCHEMA stored")
        columns = [list(persons.roots), list(persons.roots.values())]
        execute("INSERT INTO customer_of SELECT unnest(?), unnest(?)", columns)
        for table, known in RAW_COLUMNS.items():
            if "customer" in known:
                alone = f" WHERE f.kind <> {FactKind.CUSTOMER.value} OR m.customer IS NULL" if table == "facts" else ""
                execute(f"CREATE VIEW stored.{table} AS {self._stored(table)}")
                execute(
                    f"CREATE OR REPLACE VIEW raw.{table} AS SELECT f.* REPLACE (coalesce(m.survivor, f.customer) AS customer) "
                    f"FROM stored.{table} f LEFT JOIN customer_of m ON m.customer = f.customer{alone}"
                )

    def _stored(self, table: str) -> str:
        """The query of a table as its files have it."""
        place = warehouse_folder(self.folder)
        paths = [place / part.place(table) for part in self.manifest.parts if table in part.tables]
        return f"SELECT * FROM {parquet(paths)}" if paths else empty_table(table)

    def _read_lexicon(self) -> Lexicon:
        bodies = self.connection.execute(
            f"""SELECT f.seq, f.engine_ms, b.body FROM raw.facts f JOIN raw.groups g ON f.seq >= g.first_seq AND f.seq < g.first_seq + g.facts
            JOIN raw.bodies b ON b.first_seq = g.first_seq AND b.position = f.code WHERE f.kind = {FactKind.PLAYBOOK.value} ORDER BY f.seq"""
        ).fetchall()
        zones = self.connection.execute(
            f"SELECT text FROM raw.texts WHERE text = 'UTC' OR text SIMILAR TO '[A-Z][A-Za-z_]+/[A-Za-z0-9_/+-]+' ORDER BY code LIMIT {ZONE_TEXTS_MAX}"
        ).fetchall()
        return Lexicon(bodies, [text for (text,) in zones])

    def _cut(self, as_of_ms: int | None) -> int:
        """The first fact that a moment does not see. Engine time never goes back, so what it sees is all before."""
        if as_of_ms is None:
            return self.manifest.end_seq
        later = self.connection.execute("SELECT min(seq) FROM raw.facts WHERE engine_ms > ?", [as_of_ms]).fetchone()
        return self.manifest.end_seq if later is None or later[0] is None else int(later[0])

    def _create_lists(self) -> None:
        """What there is: the playbooks, and the catalogue of events and tags with their views."""
        execute = self.connection.execute
        execute("CREATE TABLE playbooks (seq BIGINT, happened_at TIMESTAMP, version INTEGER, fingerprint VARCHAR)")
        for one in self.lexicon.playbooks:
            at = self.views.local(f"CAST({one.at_ms} AS BIGINT)")
            execute(f"INSERT INTO playbooks SELECT ?, {at}, ?, ?", [one.seq, one.body.version, one.body.fingerprint])
        execute(
            "CREATE TABLE catalogue (kind VARCHAR, name VARCHAR, title_en VARCHAR, title_zh VARCHAR, category VARCHAR, type VARCHAR)"
        )
        d = self.lexicon.definitions
        rows = [("event", name, e.title.en, e.title.zh, e.category, "") for name, e in d.events.items()]
        rows += [
            ("tag", name, t.title.en, t.title.zh, t.category, str(self.lexicon.tags[name].kind))
            for name, t in d.tags.items()
            if name in self.lexicon.tags
        ]
        if rows:  # as columns in one statement: row by row thousands of tags take a second
            columns = [list(column) for column in zip(*rows, strict=True)]
            execute(f"INSERT INTO catalogue SELECT {', '.join(['unnest(?)'] * len(columns))}", columns)

    def _check(self, sql: str) -> None:
        if len(sql) > SQL_CHARACTERS_MAX:
            raise QueryRefused(f"the query has {len(sql):,} characters; sql_characters_max is {SQL_CHARACTERS_MAX:,}")
        try:
            statements = duckdb.extract_statements(sql)
        except duckdb.Error as error:
            raise QueryRefused(str(error)) from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryRefused("one SELECT is asked for; a query changes nothing and reads nothing but the warehouse")

    @contextmanager
    def _bounded(self, seconds_max: float) -> Iterator[None]:
        timer = threading.Timer(seconds_max, self.connection.interrupt)
        timer.start()
        try:
            yield
        except duckdb.InterruptException as error:
            raise QueryRefused(
                f"the query took more than seconds_max = {seconds_max:g}; ask for less, or allow it more"
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise QueryRefused(f"the query needs more memory than it may have: {error}") from error
        except duckdb.Error as error:
            raise QueryRefused(str(error)) from error
        finally:
            timer.cancel()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What DuckDB says of damaged or missing files, in our words."""
    try:
        yield
    except duckdb.Error as error:
        raise WarehouseError(f"{warehouse_folder(folder)} cannot be read: {error}; {remedy(folder)}") from error
