"""The step that finds rows of a load that have been there before, exactly or nearly."""

from hashlib import blake2b

from opportune.facts import PPM
from opportune.intake.cleaning.definitions import DuplicatesStep
from opportune.intake.cleaning.step import Cells, Step, Verdict, verdict_of
from opportune.intake.extras import extra
from opportune.intake.matching.normal_forms import normal_form
from opportune.intake.tables import ABSENT, text_of

DIGEST_BYTES = 16
ROWS_MAX = 20_000_000
COMPARED_MAX = 5_000
"""Different rows that are equal in `by`: each further one is compared with all of them."""
ALIKE_ROWS_MAX = 2_000_000


def duplicates(definition: DuplicatesStep) -> Step:
    """Repeated rows. Raises ValueError for a share that is none, ExtraMissingError."""
    return Alike(definition) if definition.alike else Duplicates(definition)


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


class Alike(Step):
    """Drops what is nearly like a row that stayed; of rows that all lack the key nothing is said.

    So many letters may be wrong, missing, too many or exchanged with their neighbour as the share allows of the longer text.
    """

    def __init__(self, definition: DuplicatesStep) -> None:
        """Raises ValueError, ExtraMissingError."""
        for field, share in definition.alike.items():
            if not 0 < share <= PPM:
                raise ValueError(f"duplicates: `{field}` is alike by a share above 0 and up to 100 %")
        self.by, self.alike, self.verdict = definition.by, definition.alike, verdict_of(definition.otherwise)
        self._slips = extra("rapidfuzz.distance", "sources").OSA.distance
        self._kept: dict[bytes, list[tuple[str | None, ...]]] = {}
        self._rows = 0

    def start(self) -> None:
        """Nothing has been seen."""
        self._kept, self._rows = {}, 0

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Compare it with the rows that stayed. Raises OverflowError beyond COMPARED_MAX or ALIKE_ROWS_MAX of them."""
        if self.by and all(cells.get(name, ABSENT) == ABSENT for name in self.by):
            return Verdict.SAME
        texts = tuple(self._text(cells, field) for field in self.alike)
        if not any(texts):
            return Verdict.SAME
        there = self._kept.setdefault(digest_of(cells, self.by) if self.by else b"", [])
        if any(self._are_alike(texts, one) for one in there):
            return self.verdict
        if len(there) >= COMPARED_MAX or self._rows >= ALIKE_ROWS_MAX:
            raise OverflowError(
                f"duplicates: more than {COMPARED_MAX:,} rows are equal in `by`, or {ALIKE_ROWS_MAX:,} in all; name a field in `by` that parts them, or part the file"
            )
        there.append(texts)
        self._rows += 1
        return Verdict.SAME

    def _text(self, cells: Cells, field: str) -> str | None:
        token = cells.get(field, ABSENT)
        return None if token == ABSENT else normal_form("address", text_of(token))

    def _are_alike(self, texts: tuple[str | None, ...], others: tuple[str | None, ...]) -> bool:
        for text, other, share in zip(texts, others, self.alike.values(), strict=True):
            if text is None or other is None:
                if text is not other:
                    return False
            elif text != other:
                allowed = (PPM - share) * max(len(text), len(other)) // PPM
                if not allowed or self._slips(text, other, score_cutoff=allowed) > allowed:
                    return False
        return True
