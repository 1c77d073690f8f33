"""The columns of a batch while it is being filled, by compiled code or fact by fact."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from opportune.facts import FactBatch


class Rows(NamedTuple):
    """FactBatch's columns with room to spare, for the compiled functions."""

    kind: NDArray[np.uint8]
    code: NDArray[np.uint16]
    customer: NDArray[np.uint32]
    at_ms: NDArray[np.int64]
    now_ms: NDArray[np.int64]
    first: NDArray[np.uint32]
    values: NDArray[np.int64]
    message: NDArray[np.uint64]
    content: NDArray[np.uint64]


class RowSink:
    """Rows that grow, with the number of rows and values in use. Memory that is reserved and not used is never touched."""

    def __init__(self, rows: int, values: int) -> None:
        self.count = 0
        self.value_count = 0
        self.extras: dict[int, bytes] = {}
        self.rows = _empty(rows, values)
        self.rows.first[0] = 0

    def reserve(self, rows: int, values: int) -> None:
        """Make room for that many more."""
        if self.count + rows <= len(self.rows.kind) and self.value_count + values <= len(self.rows.values):
            return
        old, n, m = self.rows, self.count, self.value_count
        self.rows = _empty(max(n + rows, 2 * len(old.kind)), max(m + values, 2 * len(old.values)))
        for name in Rows._fields:
            used = n + 1 if name == "first" else m if name == "values" else n
            getattr(self.rows, name)[:used] = getattr(old, name)[:used]

    def add(
        self,
        kind: int,
        code: int,
        customer: int,
        at_ms: int,
        now_ms: int,
        values: Sequence[int] = (),
        message: tuple[int, int] = (0, 0),
        content: int = 0,
        extra: bytes | None = None,
    ) -> None:
        """Append one fact; the arguments are FactBatch's columns."""
        self.reserve(1, len(values))
        rows, i = self.rows, self.count
        rows.kind[i], rows.code[i], rows.customer[i] = kind, code, customer
        rows.at_ms[i], rows.now_ms[i] = at_ms, now_ms
        rows.message[i, 0], rows.message[i, 1], rows.content[i] = message[0], message[1], content
        end = self.value_count + len(values)
        rows.values[self.value_count : end] = values
        rows.first[i + 1] = end
        if extra is not None:
            self.extras[i] = extra
        self.count, self.value_count = i + 1, end

    def build(self, texts: list[str]) -> FactBatch:
        """The rows so far as a FactBatch: views, nothing is copied."""
        rows, n = self.rows, self.count
        return FactBatch(
            rows.kind[:n], rows.code[:n], rows.customer[:n], rows.at_ms[:n], rows.now_ms[:n],
            rows.first[: n + 1], rows.values[: self.value_count], rows.message[:n], rows.content[:n],
            texts, [], dict(sorted(self.extras.items())),
        )  # fmt: skip


def _empty(rows: int, values: int) -> Rows:
    return Rows(
        np.empty(rows, np.uint8),
        np.empty(rows, np.uint16),
        np.empty(rows, np.uint32),
        np.empty(rows, np.int64),
        np.empty(rows, np.int64),
        np.empty(rows + 1, np.uint32),
        np.empty(values, np.int64),
        np.empty((rows, 2), np.uint64),
        np.empty(rows, np.uint64),
    )
