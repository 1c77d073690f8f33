"""Parquet files by DuckDB: written aside, synced, renamed; read back as columns. DuckDB reads NumPy columns without a copy."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from opportune.facts import NULL
from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.groups import NULLABLE, SORTED_BY, Columns
from opportune.warehouse.manifest import ASIDE, FILE_MODE, FOLDER_MODE, Part, sync_folder

ROW_GROUP_ROWS = 20_480
"""Rows that are read together: small, so that one customer's rows cost little; the customer's range is in the file's footer."""
WRITER_MEMORY = "2GB"
WRITER_THREADS = 1
_GIVEN = "given"


def writer() -> duckdb.DuckDBPyConnection:
    """A connection that writes files: one thread, so that it leaves the machine to those who decide. It spills nothing to disk."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": WRITER_THREADS,
        "memory_limit": WRITER_MEMORY,
        "temp_directory": "",
    }
    return duckdb.connect(":memory:", config=config)


def write_part(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    part: Part,
    tables: Mapping[str, Columns],
    on_fault: OnWarehouseFault | None,
) -> None:
    """Write the files of a part, each durable under its own name when this returns. `folder` is the warehouse's. Raises OSError."""
    for at, (table, columns) in enumerate(tables.items()):
        if at and on_fault is not None:
            on_fault(WarehouseFault.MID_PART)
        connection.register(_GIVEN, columns)
        chosen = ", ".join(_chosen(name) for name in columns)
        write_query(connection, f"SELECT {chosen} FROM {_GIVEN}", table, folder / part.place(table), on_fault)
        connection.unregister(_GIVEN)


def _chosen(name: str) -> str:
    """A column as it is written: the integer that stands for NULL becomes NULL."""
    if name in NULLABLE or (name.startswith("v") and name[1:].isdigit()):
        return f'nullif("{name}", {NULL}) AS "{name}"'
    return f'"{name}"'


def write_query(
    connection: duckdb.DuckDBPyConnection, query: str, table: str, path: Path, on_fault: OnWarehouseFault | None
) -> None:
    """Write what a query gives as the file of a table, in the table's order. Raises OSError."""
    made = _make_folders(path.parent)
    aside = path.with_name(path.name + ASIDE)
    order = ", ".join(f'"{name}"' for name in SORTED_BY[table])
    connection.execute(
        f"COPY ({query} ORDER BY {order}) TO {quoted(str(aside))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS})"
    )
    sync_file(aside)
    if on_fault is not None:
        on_fault(WarehouseFault.FILE_ASIDE)
    aside.replace(path)
    for parent in made:
        sync_folder(parent)


def sync_file(path: Path) -> None:
    """Make a file's content durable, and the file ours alone to write."""
    with path.open("rb+") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        os.fsync(file.fileno())


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; gives those whose entries changed or will."""
    missing = []
    place = folder
    while not place.exists():
        missing.append(place)
        place = place.parent
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    return [folder, *(one.parent for one in missing)]


def read_table(connection: duckdb.DuckDBPyConnection, paths: Iterable[Path], order: str) -> Columns:
    """All rows of files as columns, sorted by `order`; a NULL integer is the one that stands for it, a NULL text or blob is None."""
    found = connection.execute(f"SELECT * FROM {parquet(paths)} ORDER BY {order}").fetchnumpy()
    return {name: _plain(column) for name, column in found.items()}


def _plain(column: Any) -> Any:
    if not isinstance(column, np.ma.MaskedArray):
        return column
    if column.dtype != object:
        return column.filled(0 if column.dtype.kind == "u" else NULL)
    plain = column.data.copy()
    plain[np.ma.getmaskarray(column)] = None
    return plain


def parquet(paths: Iterable[Path]) -> str:
    """The SQL that reads files; a column that some of them lack is NULL there."""
    listed = ", ".join(quoted(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name=true, hive_partitioning=false)"


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def named(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
