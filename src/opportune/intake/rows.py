"""The columns of a batch while it is being filled, by compiled code or fact by fact."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from opportune.facts import FactBatch, bundle, compiled_leaf, point, pointed, table

_COLUMNS: dict[str, DTypeLike] = {
    "kind": "u1", "code": "u2", "customer": "u4", "at_ms": "i8", "now_ms": "i8", "first": "u4", "values": "i8",
    "message": "u8", "content": "u8",
}  # fmt: skip
_ROWS = bundle({**dict.fromkeys(_COLUMNS, 1), "message": 2}, [("count", "i8"), ("value_count", "i8")])
"""FactBatch's columns with room to spare, for the compiled functions, and how much of them is in use."""
rows_at = pointed(_ROWS)
_kind_of, _code_of, _customer_of = table("kind", "u1"), table("code", "u2"), table("customer", "u4")
_at_ms_of, _now_ms_of = table("at_ms", "i8"), table("now_ms", "i8")
_first_of, row_values_of = table("first", "u4"), table("values", "i8")
_message_of, _content_of = table("message", "u8", 2), table("content", "u8")


@compiled_leaf
def put_row(rows: Any, kind: int, code: int, customer: int, at_ms: int, now_ms: int) -> int:
    """Begin a row, all but its values and message; its index."""
    i = rows.count
    _kind_of(rows)[i], _code_of(rows)[i], _customer_of(rows)[i] = kind, code, customer
    _at_ms_of(rows)[i], _now_ms_of(rows)[i] = at_ms, now_ms
    rows.count = i + 1
    put_message(rows, i, np.uint64(0), np.uint64(0), np.uint64(0))
    return int(i)


@compiled_leaf
def put_message(rows: Any, row: int, low: Any, high: Any, content: Any) -> None:
    """Say which message a row comes from."""
    _message_of(rows)[row, 0], _message_of(rows)[row, 1] = low, high
    _content_of(rows)[row] = content


@compiled_leaf
def end_row(rows: Any, values: int) -> None:
    """End the row begun last: it has that many values, which stand in `values` behind those in use."""
    rows.value_count += values
    _first_of(rows)[rows.count] = rows.value_count


class RowSink:
    """Rows that grow, to be used for one batch after the other. Memory that is reserved and not used is never touched.

    `address` is that of the bundle for the compiled functions, and stays while the columns grow.
    """

    def __init__(self) -> None:
        self.extras: dict[int, bytes] = {}
        self._bundle = np.zeros(1, _ROWS)
        self._count, self._value_count = self._bundle["count"], self._bundle["value_count"]
        self.address = int(self._bundle.ctypes.data)
        self._make(0, 0)

    def _make(self, rows: int, values: int) -> None:
        """New columns of that size, with what the old ones hold."""
        used = {name: self._used(name) for name in _COLUMNS} if len(self) else {}
        self._rows, self._values = rows, values
        shapes: dict[str, Any] = {"first": rows + 1, "values": values, "message": (rows, 2)}
        self._columns: dict[str, NDArray[Any]] = {
            name: np.empty(shapes.get(name, rows), kind) for name, kind in _COLUMNS.items()
        }
        self._columns["first"][0] = 0
        for name, column in used.items():
            self._columns[name][: len(column)] = column
        point(self._bundle[0], self._columns)

    def __len__(self) -> int:
        return int(self._count.item())

    def _used(self, name: str) -> NDArray[Any]:
        count, value_count = len(self), int(self._value_count.item())
        return self._columns[name][: value_count if name == "values" else count + 1 if name == "first" else count]

    def clear(self) -> None:
        """Begin another batch."""
        self._count[0] = self._value_count[0] = 0
        self.extras = {}

    def reserve(self, rows: int, values: int) -> None:
        """Make room for that many more."""
        rows, values = rows + len(self), values + int(self._value_count.item())
        if rows > self._rows or values > self._values:
            self._make(max(rows, 2 * self._rows), max(values, 2 * self._values))

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
        row, start = len(self), int(self._value_count.item())
        cells = (kind, code, customer, at_ms, now_ms, message, content)
        for name, cell in zip(
            ("kind", "code", "customer", "at_ms", "now_ms", "message", "content"), cells, strict=True
        ):
            self._columns[name][row] = cell
        end = start + len(values)
        self._columns["values"][start:end] = values
        self._columns["first"][row + 1] = end
        if extra is not None:
            self.extras[row] = extra
        self._count[0], self._value_count[0] = row + 1, end

    def build(self, texts: list[str]) -> FactBatch:
        """A copy of the rows so far as a FactBatch."""
        columns: dict[str, Any] = {name: self._used(name).copy() for name in _COLUMNS}
        return FactBatch(**columns, texts=texts, extras=dict(sorted(self.extras.items())))
