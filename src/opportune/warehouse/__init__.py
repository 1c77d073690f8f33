"""The journal as tables: Parquet out, lossless and resumable. Immutable files by day and shard, customer-sorted; DuckDB's home."""

from opportune.warehouse.compact import COMPACTED_FACTS_MAX, Compacted, compact
from opportune.warehouse.drop import GoingRows, count_going, drop_rows, going
from opportune.warehouse.errors import QueryRefused, WarehouseError, WarehouseLocked
from opportune.warehouse.export import PART_FACTS_MAX, Exported, export
from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.forgetting import forget_extras
from opportune.warehouse.history import read_groups
from opportune.warehouse.kinds import KINDS_OF_ROWS
from opportune.warehouse.lists import write_customers
from opportune.warehouse.manifest import FOLDER as WAREHOUSE_FOLDER
from opportune.warehouse.manifest import MANIFEST_FILE, Manifest, Part, read_manifest, warehouse_folder, write_manifest
from opportune.warehouse.one_customer import CustomerReader, CustomerRows, StoredFact
from opportune.warehouse.presence import CONTACT_KINDS, CONTACT_MOVES
from opportune.warehouse.proof import prove
from opportune.warehouse.removal import REPLACED_KEPT_MS
from opportune.warehouse.warehouse import ROWS_MAX, SECONDS_MAX, Answer, Warehouse

__all__ = [
    "COMPACTED_FACTS_MAX",
    "CONTACT_KINDS",
    "CONTACT_MOVES",
    "KINDS_OF_ROWS",
    "MANIFEST_FILE",
    "PART_FACTS_MAX",
    "REPLACED_KEPT_MS",
    "ROWS_MAX",
    "SECONDS_MAX",
    "WAREHOUSE_FOLDER",
    "Answer",
    "Compacted",
    "CustomerReader",
    "CustomerRows",
    "Exported",
    "GoingRows",
    "Manifest",
    "OnWarehouseFault",
    "Part",
    "QueryRefused",
    "StoredFact",
    "Warehouse",
    "WarehouseError",
    "WarehouseFault",
    "WarehouseLocked",
    "compact",
    "count_going",
    "drop_rows",
    "export",
    "forget_extras",
    "going",
    "prove",
    "read_groups",
    "read_manifest",
    "warehouse_folder",
    "write_customers",
    "write_manifest",
]
