"""What the warehouse holds of a person beyond numbers: the undeclared properties of her facts. Its files are written again without them.

Hashes of identifiers never come here (decision 0002). It is the only change of a file that is ever permitted.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec

from opportune.journal import JournalReader
from opportune.warehouse.files import quoted, write_query, writer
from opportune.warehouse.groups import crc_of
from opportune.warehouse.manifest import LastGroup, Manifest, read_manifest, write_manifest, writing
from opportune.warehouse.removal import clear_left_over, remove_replaced

_FACTS = "facts"
_NOTHING = "encode(rpad('{}', octet_length(extra)::INTEGER, ' '))"


def forget_extras(folder: Path, numbers: Sequence[int]) -> int:
    """Empty the undeclared properties of a customer's facts, by all of her `numbers`, once the journal's are; how many rows. Doing it again changes nothing.

    Files that were replaced are deleted at once, whoever may still read them. Raises WarehouseLocked, WarehouseError, OSError.
    """
    with writing(folder) as place, closing(writer()) as connection:
        manifest = read_manifest(folder)
        clear_left_over(place, manifest)
        manifest = remove_replaced(folder, manifest, None, kept_ms=0)
        rows = 0
        for part in manifest.parts:
            if _FACTS in part.tables:
                rows += _rewritten(connection, place / part.place(_FACTS), numbers)
        _seal_last(folder, manifest)
    return rows


def _rewritten(connection: duckdb.DuckDBPyConnection, path: Path, numbers: Sequence[int]) -> int:
    """Write a file again without a customer's undeclared properties, if it has any; how many rows had some."""
    source = f"read_parquet({quoted(str(path))}, hive_partitioning=false)"
    columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    if "extra" not in columns:
        return 0
    named = ", ".join(map(str, numbers))
    hers = f"customer IN ({named}) AND extra IS NOT NULL AND octet_length(extra) >= 2 AND extra <> {_NOTHING}"
    found = connection.execute(f"SELECT count(*) FROM {source} WHERE {hers}").fetchone()
    rows = int(found[0]) if found is not None else 0
    if rows:
        emptied = f"CASE WHEN {hers} THEN {_NOTHING} ELSE extra END AS extra"
        write_query(connection, f"SELECT * REPLACE ({emptied}) FROM {source}", _FACTS, path, None)
    return rows


def _seal_last(folder: Path, manifest: Manifest) -> None:
    """The last group exported may have been redacted: the manifest tells it by its bytes."""
    if manifest.last is None:
        return
    group = next(JournalReader.open(folder / "journal").read(manifest.last.first_seq), None)
    if group is not None and group.first_seq == manifest.last.first_seq and group.end_seq == manifest.end_seq:
        last = LastGroup(group.first_seq, crc_of(group.arrays))
        if last != manifest.last:
            write_manifest(folder, msgspec.structs.replace(manifest, last=last))
