"""Reading the journal's groups back out of the warehouse: the same facts, decisions and moves, array by array."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from opportune.facts import MS_PER_DAY
from opportune.journal import Group
from opportune.warehouse.errors import WarehouseError
from opportune.warehouse.files import read_table, writer
from opportune.warehouse.groups import OUTPUTS, Columns, split_groups
from opportune.warehouse.kinds import end_of_day
from opportune.warehouse.manifest import Part, read_manifest, warehouse_folder

_ORDERS = {
    "facts": "seq",
    "tags": "seq, position",
    "texts": "code",
    "bodies": "first_seq, position",
    "groups": "first_seq",
}


def read_groups(folder: Path, from_seq: int = 0, end_seq: int | None = None) -> Iterator[Group]:
    """The exported groups from the one that holds fact `from_seq` on, in order, up to the one before `end_seq` where given.

    They are what the journal held, but that the hashes of identifiers are zeros, and that facts which retention dropped are ticks. A part
    (PART_FACTS_MAX facts) is in memory at a time. Raises WarehouseError where a file is missing or damaged.
    """
    with closing(writer()) as connection:
        for part in read_manifest(folder).parts:
            if part.end_seq <= from_seq or (end_seq is not None and part.first_seq >= end_seq):
                continue
            thinned_ms = end_of_day(part.day) - MS_PER_DAY if part.dropped else None
            for group in split_groups(_tables(connection, warehouse_folder(folder), part), thinned_ms):
                if group.end_seq > from_seq and (end_seq is None or group.first_seq < end_seq):
                    yield group


def _tables(connection: duckdb.DuckDBPyConnection, place: Path, part: Part) -> dict[str, Columns]:
    try:
        return {
            table: read_table(connection, [place / part.place(table)], _ORDERS.get(table, "seq, position"))
            for table in part.tables
            if table in _ORDERS or table in OUTPUTS
        }
    except duckdb.Error as error:
        raise WarehouseError(
            f"{place}: the facts {part.first_seq:,} to {part.end_seq - 1:,} cannot be read: {error}; restore the files from a backup"
        ) from error
