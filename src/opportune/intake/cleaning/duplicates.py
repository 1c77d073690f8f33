"""The step that finds rows of a load that have been there before."""

from hashlib import blake2b

from opportune.intake.cleaning.definitions import DuplicatesStep
from opportune.intake.cleaning.step import Cells, Step, Verdict, verdict_of
from opportune.intake.tables import ABSENT

DIGEST_BYTES = 16
ROWS_MAX = 20_000_000


def digest_of(cells: Cells, by: tuple[str, ...] = ()) -> bytes:
    """16 bytes that tell rows apart: by some fields, or by all, whatever their order."""
    names = by or sorted(cells)
    parts = b"\x1f".join(b"%b\x1e%b" % (name.encode(), cells.get(name, ABSENT)) for name in names)
    return blake2b(parts, digest_size=DIGEST_BYTES).digest()


class Duplicates(Step):
    """Drops what was there before; of rows that all lack the key nothing is said."""

    def __init__(self, definition: DuplicatesStep) -> None:
        self.by, self.verdict = definition.by, verdict_of(definition.otherwise)
        self._seen: set[bytes] = set()

    def start(self) -> None:
        """Nothing has been seen."""
        self._seen = set()

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Look it up. Raises OverflowError beyond ROWS_MAX different rows."""
        if self.by and all(cells.get(name, ABSENT) == ABSENT for name in self.by):
            return Verdict.SAME
        digest = digest_of(cells, self.by)
        if digest in self._seen:
            return self.verdict
        if len(self._seen) >= ROWS_MAX:
            raise OverflowError(f"duplicates: more than {ROWS_MAX:,} different rows in a load; part the file")
        self._seen.add(digest)
        return Verdict.SAME
