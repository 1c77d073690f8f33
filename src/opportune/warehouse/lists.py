"""Lists of customers as files: CSV or Parquet by the name's end; whole or not at all."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from opportune.warehouse.files import quoted, sync_file, writer
from opportune.warehouse.manifest import ASIDE


def write_customers(path: Path, customers: NDArray[np.uint32], identifiers: Mapping[int, str] | None = None) -> None:
    """Write customers' numbers, with an `identifier` column where given. Raises OSError."""
    columns = {"customer": customers}
    if identifiers is not None:
        texts = np.full(len(customers), None, object)
        texts[:] = [identifiers.get(customer) for customer in customers.tolist()]
        columns["identifier"] = texts
    aside = path.with_name(path.name + ASIDE)
    form = "csv, HEADER" if path.suffix == ".csv" else "parquet, COMPRESSION zstd"
    with closing(writer()) as connection:
        connection.register("listed", columns)
        connection.execute(f"COPY (SELECT * FROM listed ORDER BY customer) TO {quoted(str(aside))} (FORMAT {form})")
    sync_file(aside)
    aside.replace(path)
