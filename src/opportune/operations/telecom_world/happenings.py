"""What happens in the world, as columns: who, when, what, and up to four figures that the kind of event gives a meaning."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from opportune.facts import MS_PER_HOUR

Ints = NDArray[np.int64]


class Happenings(NamedTuple):
    """n things that happen. `kind` indexes lines.KINDS; a..d are the figures of that kind; for goals of a campaign, c is the
    local day of the moment that led to it and d is 1 + 2 x campaign + (1 if we caused it), else 0."""

    kind: NDArray[np.int16]
    customer: Ints
    at: Ints
    a: Ints
    b: Ints
    c: Ints
    d: Ints


def happen(
    kind: int, customer: Ints, at: Ints, a: ArrayLike = 0, b: ArrayLike = 0, c: ArrayLike = 0, d: ArrayLike = 0
) -> Happenings:
    """n happenings of one kind; figures may be one number for all."""
    n = len(customer)
    return Happenings(
        np.full(n, kind, np.int16),
        customer.astype(np.int64), at.astype(np.int64), _wide(a, n), _wide(b, n), _wide(c, n), _wide(d, n),
    )  # fmt: skip


def _wide(figure: ArrayLike, n: int) -> Ints:
    return np.broadcast_to(np.asarray(figure, np.int64), (n,))


def join(parts: list[Happenings]) -> Happenings:
    """All parts as one, in order."""
    if not parts:
        empty = np.empty(0, np.int64)
        return happen(0, empty, empty)
    kinds, *columns = zip(*parts, strict=True)
    return Happenings(np.concatenate(kinds), *(np.concatenate(column) for column in columns))


def take(of: Happenings, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Happenings:
    """The chosen rows."""
    return Happenings(of.kind[rows], *(column[rows] for column in of[1:]))


class ByKind:
    """Happenings sorted by kind, to be read kind by kind."""

    def __init__(self, of: Happenings, kinds: int) -> None:
        self.all = take(of, np.argsort(of.kind, kind="stable"))
        self._first = np.searchsorted(self.all.kind, np.arange(kinds + 1)).tolist()

    def __getitem__(self, kind: int) -> Happenings:
        return take(self.all, slice(self._first[kind], self._first[kind + 1]))


class Agenda:
    """What is already known to happen later, by hour of the world; nothing is kept beyond the last hour."""

    def __init__(self, start_ms: int, hours: int) -> None:
        self._start_ms, self._hours = start_ms, hours
        self._due: dict[int, list[Happenings]] = {}

    def add(self, what: Happenings) -> None:
        """Note what will happen; what lies beyond the world's end is forgotten."""
        due = (what.at - self._start_ms) // MS_PER_HOUR
        keep = (due >= 0) & (due < self._hours)
        if not keep.all():
            what, due = take(what, keep), due[keep]
        if not len(due):
            return
        order = np.argsort(due, kind="stable")
        what, due = take(what, order), due[order]
        cuts = np.flatnonzero(np.diff(due)) + 1
        starts = [0, *cuts.tolist(), len(due)]
        for first, last in itertools.pairwise(starts):
            self._due.setdefault(int(due[first]), []).append(take(what, slice(first, last)))

    def due(self, hour: int) -> list[Happenings]:
        """What falls due in this hour; asked once."""
        return self._due.pop(hour, [])
