"""Ask: bring the warehouse up to the journal. Part after part, each durable before the cursor moves; killed anywhere, it goes on there."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec

from opportune.facts import FactKind
from opportune.journal import Group, JournalReader
from opportune.warehouse.errors import WarehouseError
from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.files import write_part, writer
from opportune.warehouse.groups import PartBuilder, crc_of
from opportune.warehouse.manifest import (
    LastGroup,
    Manifest,
    Part,
    read_manifest,
    remedy,
    warehouse_folder,
    write_manifest,
    writing,
)
from opportune.warehouse.presence import presence_of, write_presence
from opportune.warehouse.removal import clear_left_over, remove_replaced

PART_FACTS_MAX = 1_000_000
"""Facts of one part as it is exported; it is held in memory until it is written, about 200 bytes a fact."""
_DAY_MIN, _DAY_MAX = -719_162, 2_932_896

OnExport = Callable[[int, int], None]
"""(facts exported by now, the journal's bytes that this was), for a progress bar."""


class Exported(msgspec.Struct, frozen=True):
    """What an export did: facts and parts written, and up to which fact the warehouse now reaches (excluded)."""

    facts: int
    parts: int
    end_seq: int


def export(
    folder: Path,
    *,
    part_facts_max: int = PART_FACTS_MAX,
    on_progress: OnExport | None = None,
    on_fault: OnWarehouseFault | None = None,
) -> Exported:
    """Export what the journal of a data folder has behind the warehouse's cursor. Works beside the journal's writer.

    Raises WarehouseLocked, WarehouseError where journal and warehouse are not of one history, JournalError, OSError.
    """
    with writing(folder) as place, closing(writer()) as connection:
        manifest = read_manifest(folder)
        clear_left_over(place, manifest)
        manifest = remove_replaced(folder, manifest, on_fault)
        begun, parts = manifest.end_seq, 0
        for builder, now_ms, last in _parts(_news(folder, manifest), manifest, part_facts_max):
            manifest = _written(connection, folder, manifest, (builder, now_ms, last), on_fault)
            parts += 1
            if on_progress is not None:
                on_progress(manifest.end_seq - begun, manifest.end_seq)
    return Exported(manifest.end_seq - begun, parts, manifest.end_seq)


def _news(folder: Path, manifest: Manifest) -> Iterator[Group]:
    """The groups behind the cursor. The last one exported is read once more: it must be the same still."""
    groups = JournalReader.open(folder / "journal").read(0 if manifest.last is None else manifest.last.first_seq)
    if manifest.last is not None:
        last = next(groups, None)
        if last is None or last.end_seq != manifest.end_seq or crc_of(last.arrays) != manifest.last.crc:
            raise WarehouseError(
                f"{folder}: the warehouse goes up to fact {manifest.end_seq:,}, and the journal says something else there; "
                f"the journal was restored from an older copy: {remedy(folder)}"
            )
    yield from groups


def _parts(
    groups: Iterator[Group], manifest: Manifest, part_facts_max: int
) -> Iterator[tuple[PartBuilder, int, LastGroup]]:
    """Groups collected by day and size; with each engine time after it, and its last group."""
    now_ms, texts = manifest.now_ms, manifest.texts
    builder: PartBuilder | None = None
    last: LastGroup | None = None
    for group in groups:
        reached = max(now_ms, int(group.arrays.get("now_ms", group.arrays["at_ms"]).max()))
        day = _day(reached)
        full = builder is not None and builder.facts + group.count > part_facts_max
        if builder is not None and last is not None and (full or builder.day != day):
            yield builder, now_ms, last
            texts, builder = builder.texts, None
        builder = builder or PartBuilder(day, group.first_seq, texts)
        now_ms = builder.add(group, now_ms)
        last = LastGroup(group.first_seq, crc_of(group.arrays))
    if builder is not None and last is not None:
        yield builder, now_ms, last


def _day(at_ms: int) -> str:
    """The day (UTC) of a moment; those outside the calendar count as its end."""
    days = min(max(at_ms // 86_400_000, _DAY_MIN), _DAY_MAX)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)).date().isoformat()


def _written(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    manifest: Manifest,
    made: tuple[PartBuilder, int, LastGroup],
    on_fault: OnWarehouseFault | None,
) -> Manifest:
    """Write a part, then move the cursor behind it."""
    builder, now_ms, last = made
    tables = builder.build()
    rows = {table: len(next(iter(columns.values()))) for table, columns in tables.items()}
    part = Part(builder.day, builder.first_seq, builder.end_seq, rows, builder.slots)
    place = warehouse_folder(folder)
    write_presence(place / part.presence, presence_of(tables))
    write_part(connection, place, part, tables, on_fault)
    created = tables["facts"]["customer"][tables["facts"]["kind"] == FactKind.CUSTOMER]
    manifest = msgspec.structs.replace(
        manifest, end_seq=part.end_seq, now_ms=now_ms, texts=builder.texts, last=last, parts=(*manifest.parts, part),
        customers=max(manifest.customers, int(created.max()) + 1 if len(created) else 0),
    )  # fmt: skip
    if on_fault is not None:
        on_fault(WarehouseFault.BEFORE_MANIFEST)
    write_manifest(folder, manifest)
    if on_fault is not None:
        on_fault(WarehouseFault.AFTER_MANIFEST)
    return manifest
