"""The proof without which no segment of the journal is dropped: its facts read back out of the warehouse, array by array, as they are."""

from collections.abc import Callable
from pathlib import Path

from opportune.facts import Arrays, FactBatch, Outputs
from opportune.journal import Group, JournalReader
from opportune.warehouse.errors import WarehouseError
from opportune.warehouse.groups import without_hashes
from opportune.warehouse.history import read_groups

OnProof = Callable[[int, int], None]
"""(facts compared, facts in all)."""


def prove(folder: Path, end_seq: int, on_progress: OnProof | None = None) -> int:
    """Compare what the journal still has of the facts below `end_seq` with what the warehouse has; how many facts were the same.

    Hashes of identifiers aside (decision 0002). Raises WarehouseError at the first group that is not the same, JournalError.
    """
    reader = JournalReader.open(folder / "journal")
    begin = seq = reader.first_seq
    found = iter(read_groups(folder, begin, end_seq))
    for group in reader.read(begin):
        if group.first_seq >= end_seq:
            break
        other = next(found, None)
        if other is None or not _same(group, other):
            raise WarehouseError(
                f"{folder}: the facts {group.first_seq:,} to {group.end_seq - 1:,} read back from the warehouse otherwise than the journal has "
                "them; they stay in the journal: compare the files with a backup's"
            )
        seq = group.end_seq
        if on_progress is not None:
            on_progress(seq - begin, end_seq - begin)
    return seq - begin


def _same(group: Group, other: Group) -> bool:
    if (group.first_seq, group.count, group.received_ms) != (other.first_seq, other.count, other.received_ms):
        return False
    wanted, found = _arrays(group), _arrays(other)
    return wanted.keys() == found.keys() and all(
        array.dtype == found[name].dtype
        and array.shape == found[name].shape
        and array.tobytes() == found[name].tobytes()
        for name, array in wanted.items()
    )


def _arrays(group: Group) -> Arrays:
    """A group's arrays in today's form, which an older version may have written with fewer fields."""
    arrays = FactBatch.from_arrays(group.arrays).to_arrays() | Outputs.from_arrays(group.arrays).to_arrays()
    if "accounting" in group.arrays:
        arrays["accounting"] = group.arrays["accounting"]
    arrays["values"] = without_hashes(arrays)
    return arrays
