"""Fewer, larger files: the small parts of a day become one. The old files stay until nobody can be reading them."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec

from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.files import parquet, write_query, writer
from opportune.warehouse.manifest import Part, now_ms, read_manifest, write_manifest, writing
from opportune.warehouse.presence import merged_presence, read_presence, write_presence
from opportune.warehouse.removal import REPLACED_KEPT_MS, clear_left_over, remove_replaced

COMPACTED_FACTS_MAX = 2_000_000
"""Facts of a part that compaction makes; reading one back holds it in memory."""


class Compacted(msgspec.Struct, frozen=True):
    """What a compaction did: parts before and after."""

    before: int
    after: int


def compact(
    folder: Path,
    *,
    before_day: str | None = None,
    facts_max: int = COMPACTED_FACTS_MAX,
    kept_ms: int = REPLACED_KEPT_MS,
    on_fault: OnWarehouseFault | None = None,
) -> Compacted:
    """Merge neighbouring parts of one day (only days before `before_day`, where given) as long as the result has at most `facts_max` facts.

    Files replaced more than `kept_ms` ago are deleted. Raises WarehouseLocked, OSError; duckdb.Error where files are damaged.
    """
    with writing(folder) as place, closing(writer()) as connection:
        manifest = read_manifest(folder)
        clear_left_over(place, manifest)
        before = len(manifest.parts)
        over = [part for part in manifest.parts if before_day is None or part.day < before_day]
        for run in list(_runs(over, facts_max)):
            merged = _merged(connection, place, run, on_fault)
            at = manifest.parts.index(run[0])
            manifest = msgspec.structs.replace(
                manifest,
                parts=(*manifest.parts[:at], merged, *manifest.parts[at + len(run) :]),
                replaced=(*manifest.replaced, *((name, now_ms()) for part in run for name in part.places)),
            )
            if on_fault is not None:
                on_fault(WarehouseFault.BEFORE_MANIFEST)
            write_manifest(folder, manifest)
            if on_fault is not None:
                on_fault(WarehouseFault.AFTER_MANIFEST)
        manifest = remove_replaced(folder, manifest, on_fault, kept_ms)
    return Compacted(before, len(manifest.parts))


def _runs(parts: Sequence[Part], facts_max: int) -> Iterator[list[Part]]:
    """Runs of two or more neighbours of one day that fit together."""
    run: list[Part] = []
    for part in parts:
        if run and (
            (part.day, part.dropped) != (run[0].day, run[0].dropped)
            or sum(one.facts for one in run) + part.facts > facts_max
        ):
            if len(run) > 1:
                yield run
            run = []
        run.append(part)
    if len(run) > 1:
        yield run


def _merged(
    connection: duckdb.DuckDBPyConnection, place: Path, run: list[Part], on_fault: OnWarehouseFault | None
) -> Part:
    """Write one part with all rows of several."""
    tables: dict[str, int] = {}
    for part in run:
        for table, rows in part.tables.items():
            tables[table] = tables.get(table, 0) + rows
    version = max(part.version for part in run) + 1
    slots = max(part.slots for part in run)
    first = run[0]
    merged = Part(first.day, first.first_seq, run[-1].end_seq, tables, slots, version, first.shard, first.dropped)
    write_presence(place / merged.presence, merged_presence([read_presence(place / part.presence) for part in run]))
    for at, table in enumerate(tables):
        if at and on_fault is not None:
            on_fault(WarehouseFault.MID_PART)
        paths = [place / part.place(table) for part in run if table in part.tables]
        write_query(connection, f"SELECT * FROM {parquet(paths)}", table, place / merged.place(table), on_fault)
    return merged
