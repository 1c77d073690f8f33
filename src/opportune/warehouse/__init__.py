"""The journal as tables: Parquet out, lossless and resumable. Immutable files by day and shard, customer-sorted; DuckDB's home."""

from opportune.warehouse.compact import COMPACTED_FACTS_MAX, Compacted, compact
from opportune.warehouse.errors import QueryRefused, WarehouseError, WarehouseLocked
from opportune.warehouse.export import PART_FACTS_MAX, Exported, export
from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.forgetting import forget_extras
from opportune.warehouse.history import read_groups
from opportune.warehouse.lists import write_customers
from opportune.warehouse.manifest import Manifest, Part, read_manifest, warehouse_folder
from opportune.warehouse.one_customer import CustomerReader, CustomerRows, StoredFact
from opportune.warehouse.presence import CONTACT_KINDS, CONTACT_MOVES
from opportune.warehouse.warehouse import ROWS_MAX, SECONDS_MAX, Answer, Warehouse

__all__ = [
    "COMPACTED_FACTS_MAX",
    "CONTACT_KINDS",
    "CONTACT_MOVES",
    "PART_FACTS_MAX",
    "ROWS_MAX",
    "SECONDS_MAX",
    "Answer",
    "Compacted",
    "CustomerReader",
    "CustomerRows",
    "Exported",
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
    "export",
    "forget_extras",
    "read_groups",
    "read_manifest",
    "warehouse_folder",
    "write_customers",
]
