"""A batch of facts as columns: what intake makes, the journal keeps and the kernel reads, in one layout.

Replay hands the journal's bytes to the kernel without decoding a single fact.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

NOBODY = 0xFFFF_FFFF
"""The customer number of facts that are about no customer (ticks, playbooks, progress)."""

Arrays = dict[str, NDArray[Any]]


@dataclass(slots=True)
class FactBatch:
    """n input facts, in order.

    kind     u1[n]    a FactKind
    code     u2[n]    meaning per kind, see FactKind
    customer u4[n]    dense customer number, or NOBODY
    at_ms    i8[n]    when it happened, ms since 1970 UTC
    now_ms   i8[n]    the engine time it arrived with (arrival when live, at_ms in an import)
    first    u4[n+1]  values of fact i are values[first[i]:first[i+1]]
    values   i8[m]    encoded values, NULL where absent
    message  u8[n,2]  keyed 128-bit hash of (source, message id); zero where the message has no id
    content  u8[n]    hash of the message's content, to tell a repeat from a clash of ids
    texts    texts that the dictionary learnt with this batch, in code order
    bodies   bytes of PLAYBOOK and UNMERGED facts
    extras   index of fact -> JSON object of what the message held beyond the catalogue (and the text of keys)
    """

    kind: NDArray[np.uint8]
    code: NDArray[np.uint16]
    customer: NDArray[np.uint32]
    at_ms: NDArray[np.int64]
    now_ms: NDArray[np.int64]
    first: NDArray[np.uint32]
    values: NDArray[np.int64]
    message: NDArray[np.uint64]
    content: NDArray[np.uint64]
    texts: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    extras: dict[int, bytes] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kind)

    def to_arrays(self) -> Arrays:
        """The batch as named arrays, for the journal; `from_arrays` is its inverse."""
        arrays: Arrays = {name: getattr(self, name) for name in _COLUMNS}
        if not self.message.any():
            del arrays["message"], arrays["content"]
        if np.array_equal(self.now_ms, self.at_ms):
            del arrays["now_ms"]
        for name, blobs in (("texts", [t.encode() for t in self.texts]), ("bodies", self.bodies)):
            if blobs:
                arrays[f"{name}_ends"], arrays[name] = _join(blobs)
        if self.extras:
            arrays["extras_row"] = np.fromiter(self.extras, np.uint32, len(self.extras))
            arrays["extras_ends"], arrays["extras"] = _join(list(self.extras.values()))
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "FactBatch":
        """The batch that `to_arrays` wrote; the columns are views of the given arrays."""
        n = len(arrays["kind"])
        columns: dict[str, Any] = {name: arrays[name] for name in _COLUMNS if name in arrays}
        columns.setdefault("now_ms", columns["at_ms"])
        columns.setdefault("message", np.zeros((n, 2), np.uint64))
        columns.setdefault("content", np.zeros(n, np.uint64))
        batch = cls(**columns)
        batch.texts = [blob.decode() for blob in _split(arrays, "texts")]
        batch.bodies = _split(arrays, "bodies")
        if "extras_row" in arrays:
            batch.extras = dict(zip(arrays["extras_row"].tolist(), _split(arrays, "extras"), strict=True))
        return batch

    def take(self, rows: NDArray[np.intp]) -> "FactBatch":
        """The facts of `rows` as a batch of their own (texts, bodies are shared; extras follow their facts)."""
        counts = np.diff(self.first)[rows]
        first = np.zeros(len(rows) + 1, np.uint32)
        np.cumsum(counts, out=first[1:])
        starts = self.first[:-1][rows].astype(np.int64)
        index = np.repeat(starts - first[:-1], counts) + np.arange(int(first[-1]))
        extras = {new: self.extras[old] for new, old in enumerate(rows.tolist()) if old in self.extras}
        return FactBatch(
            self.kind[rows], self.code[rows], self.customer[rows], self.at_ms[rows], self.now_ms[rows],
            first, self.values[index], self.message[rows], self.content[rows], self.texts, self.bodies, extras,
        )  # fmt: skip


_COLUMNS = ("kind", "code", "customer", "at_ms", "now_ms", "first", "values", "message", "content")


def _join(blobs: Sequence[bytes]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    ends = np.cumsum([len(blob) for blob in blobs]).astype(np.uint32)
    return ends, np.frombuffer(b"".join(blobs), np.uint8)


def _split(arrays: Arrays, name: str) -> list[bytes]:
    if name not in arrays:
        return []
    blob = arrays[name].tobytes()
    ends = [0, *arrays[f"{name}_ends"].tolist()]
    return [blob[a:b] for a, b in itertools.pairwise(ends)]


class BatchBuilder:
    """Builds a FactBatch fact by fact, for the doors where facts come one at a time."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int, int, int, int, int]] = []
        self._first = [0]
        self._values: list[int] = []
        self.texts: list[str] = []
        self.bodies: list[bytes] = []
        self.extras: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._rows)

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
        if extra is not None:
            self.extras[len(self._rows)] = extra
        self._rows.append((kind, code, customer, at_ms, now_ms, message[0], message[1], content))
        self._values.extend(values)
        self._first.append(len(self._values))

    def add_body(self, kind: int, body: bytes, at_ms: int, now_ms: int | None = None, customer: int = NOBODY) -> None:
        """Append a fact that carries bytes (PLAYBOOK, UNMERGED); `now_ms` is `at_ms` where it is not given."""
        self.add(kind, len(self.bodies), customer, at_ms, at_ms if now_ms is None else now_ms)
        self.bodies.append(body)

    def build(self) -> FactBatch:
        """The facts so far as a FactBatch."""
        columns: list[Sequence[int]] = list(zip(*self._rows, strict=True)) if self._rows else [() for _ in range(8)]
        message = np.empty((len(self._rows), 2), np.uint64)
        message[:, 0] = np.array(columns[5], np.uint64)
        message[:, 1] = np.array(columns[6], np.uint64)
        return FactBatch(
            np.array(columns[0], np.uint8), np.array(columns[1], np.uint16), np.array(columns[2], np.uint32),
            np.array(columns[3], np.int64), np.array(columns[4], np.int64), np.array(self._first, np.uint32),
            np.array(self._values, np.int64), message, np.array(columns[7], np.uint64),
            self.texts, self.bodies, self.extras,
        )  # fmt: skip
