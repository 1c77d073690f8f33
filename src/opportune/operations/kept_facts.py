"""All facts of a data folder that are kept, in order: what the journal has let go of out of the warehouse, the rest out of the journal.

Read without a lock, beside a writer that appends, exports and drops meanwhile.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from opportune.journal import Group, JournalDropped, JournalError, JournalReader
from opportune.warehouse import read_groups, read_manifest

Read = Callable[[int], Iterator[Group]]


class KeptFacts:
    """The facts of a data folder. Those that come out of the warehouse have zeros for the hashes of identifiers (decision 0002).

    Of facts that retention thinned out, kinds that were dropped read back as TICK facts; `whole_seq` is the first fact from which on
    everything is there.
    """

    def __init__(self, folder: Path, read: Read | None = None) -> None:
        """`read` reads the open journal of a writer, which remembers where facts are; else it is opened beside one."""
        self.folder = folder
        self._journal = JournalReader.open(folder / "journal")
        self._read = read or self._journal.read

    @property
    def journal_seq(self) -> int:
        """The first fact that the journal still has."""
        return self._journal.first_seq

    @property
    def whole_seq(self) -> int:
        """The first fact from which on nothing was dropped. Raises WarehouseError."""
        return read_manifest(self.folder).whole_seq

    @property
    def bytes(self) -> int:
        """The bytes of the journal, about what it let go of included: for a progress bar."""
        size, first_seq = self._journal.bytes, self.journal_seq
        if not first_seq:
            return size
        held = max(read_manifest(self.folder).end_seq - first_seq, 1)
        return size + size * first_seq // held

    def read(self, from_seq: int = 0) -> Iterator[Group]:
        """The groups from the one that holds fact `from_seq` on, in order, up to the last durable one.

        Raises JournalCorrupt, JournalError where facts are neither in the journal nor in the warehouse, WarehouseError.
        """
        seq = from_seq
        while True:
            try:
                for group in self._read(seq):
                    yield group
                    seq = group.end_seq
                return
            except JournalDropped:
                dropped = seq
            for group in read_groups(self.folder, seq, self.journal_seq):
                yield group
                seq = group.end_seq
            if seq == dropped:
                raise JournalError(
                    f"{self.folder}: fact {seq:,} was dropped from the journal after its export, and the warehouse does not have it; "
                    f"restore {self.folder / 'warehouse'} from a backup"
                )
