"""Retention of the files: rows of a kind leave the parts of days that are over long enough. A part is written anew without them.

The numbers of facts do not change: what was dropped reads back as TICK facts, so that every reader still finds the others at their place.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec

from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.files import parquet, read_table, write_query, writer
from opportune.warehouse.groups import SORTED_BY, Columns
from opportune.warehouse.kinds import KINDS_OF_ROWS
from opportune.warehouse.manifest import (
    Manifest,
    Part,
    now_ms,
    read_manifest,
    warehouse_folder,
    write_manifest,
    writing,
)
from opportune.warehouse.presence import presence_of, write_presence
from opportune.warehouse.removal import REPLACED_KEPT_MS, clear_left_over, remove_replaced


class GoingRows(msgspec.Struct, frozen=True):
    """Rows of a kind that go: up to the part of which day, how many of them, and about how many bytes of files."""

    kind: str
    until_day: str
    parts: int
    rows: int
    bytes: int


def going(manifest: Manifest, before: Mapping[str, str], before_seq: int) -> Iterator[tuple[Part, tuple[str, ...]]]:
    """The parts of facts below `before_seq` that lose rows, with the kinds: those of days before `before[kind]`."""
    for part in manifest.parts:
        if part.end_seq > before_seq:
            return
        kinds = tuple(kind for kind, day in before.items() if part.day < day and kind not in part.dropped)
        if kinds:
            yield part, kinds


def count_going(folder: Path, before: Mapping[str, str], before_seq: int) -> list[GoingRows]:
    """What `drop_rows` would drop; nothing is changed. Raises WarehouseError, duckdb.Error where files are damaged."""
    place, found = warehouse_folder(folder), dict[str, list[tuple[Part, int, int]]]()
    with closing(writer()) as connection:
        for part, kinds in going(read_manifest(folder), before, before_seq):
            for kind in kinds:
                rows = size = 0
                for table in part.tables:
                    gone = _count(connection, place, part, table, _going(table, (kind,)))
                    rows += gone
                    size += (place / part.place(table)).stat().st_size * gone // max(part.tables[table], 1)
                found.setdefault(kind, []).append((part, rows, size))
    return [
        GoingRows(kind, max(part.day for part, _, _ in parts), len(parts), sum(r for _, r, _ in parts), sum(s for _, _, s in parts))
        for kind, parts in found.items()
    ]  # fmt: skip


def drop_rows(
    folder: Path,
    before: Mapping[str, str],
    before_seq: int,
    *,
    kept_ms: int = REPLACED_KEPT_MS,
    on_fault: OnWarehouseFault | None = None,
) -> int:
    """Drop rows of the kinds in `before` from the parts of facts below `before_seq` whose day lies before `before[kind]`; how many parts changed.

    Killed anywhere, the next call goes on. Raises WarehouseLocked, OSError; duckdb.Error where files are damaged.
    """
    with writing(folder) as place, closing(writer()) as connection:
        manifest = read_manifest(folder)
        clear_left_over(place, manifest)
        changed = 0
        for part, kinds in list(going(manifest, before, before_seq)):
            thinner = _thinned(connection, place, part, kinds, on_fault)
            parts = tuple(thinner if one is part else one for one in manifest.parts)
            replaced = (*manifest.replaced, *((name, now_ms()) for name in part.places))
            manifest = msgspec.structs.replace(manifest, parts=parts, replaced=replaced)
            if on_fault is not None:
                on_fault(WarehouseFault.BEFORE_MANIFEST)
            write_manifest(folder, manifest)
            if on_fault is not None:
                on_fault(WarehouseFault.AFTER_MANIFEST)
            changed += 1
        remove_replaced(folder, manifest, on_fault, kept_ms)
    return changed


def _thinned(
    connection: duckdb.DuckDBPyConnection,
    place: Path,
    part: Part,
    kinds: tuple[str, ...],
    on_fault: OnWarehouseFault | None,
) -> Part:
    """Write a part without rows of some kinds."""
    staying = {
        table: rows - _count(connection, place, part, table, _going(table, kinds))
        for table, rows in part.tables.items()
    }
    tables = {table: rows for table, rows in staying.items() if rows}
    thinner = msgspec.structs.replace(
        part,
        tables=tables,
        version=part.version + 1,
        dropped=(*part.dropped, *kinds),
        slots=part.slots if "facts" in tables else 0,
    )
    read: dict[str, Columns] = {}
    for at, table in enumerate(tables):
        if at and on_fault is not None:
            on_fault(WarehouseFault.MID_PART)
        query = f"SELECT * FROM {parquet([place / part.place(table)])} WHERE NOT ({_going(table, kinds)})"
        path = place / thinner.place(table)
        write_query(connection, query, table, path, on_fault)
        read[table] = read_table(connection, [path], ", ".join(SORTED_BY[table]))
    write_presence(place / thinner.presence, presence_of(read))
    return thinner


def _going(table: str, kinds: tuple[str, ...]) -> str:
    """The SQL condition of a table's rows that go."""
    if table == "facts":
        listed = ", ".join(str(int(fact)) for kind in kinds for fact in KINDS_OF_ROWS[kind].facts)
        return f"kind IN ({listed})"
    return "true" if any(table in KINDS_OF_ROWS[kind].tables for kind in kinds) else "false"


def _count(connection: duckdb.DuckDBPyConnection, place: Path, part: Part, table: str, where: str) -> int:
    if where in ("true", "false"):
        return part.tables[table] if where == "true" else 0
    found = connection.execute(f"SELECT count(*) FROM {parquet([place / part.place(table)])} WHERE {where}").fetchone()
    return int(found[0]) if found is not None else 0
