"""Ask: how often did each event happen, from which source, and when was it seen last? Out of the journal, beside a writer."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import PlaybookBody, decode_body
from opportune.facts import FactKind
from opportune.journal import Group
from opportune.operations.accounting import Accounting
from opportune.operations.deployment import journal_of, read_group
from opportune.operations.names import Names

DETECTOR = "(detector)"
"""The source of derived events."""
HOUSE = "(house)"
"""The source of events that no source sent: touches, clicks, one-off sends."""

OnProgress = Callable[[int, int], None]
"""(bytes of the journal read, bytes in all)."""


class EventSeen(msgspec.Struct, frozen=True):
    """How often an event came from a source, when the newest one happened, and when one was taken in last; local time of the deployment."""

    event: str
    source: str
    count: int
    last: str
    received: str


class GroupSources:
    """Tells whose messages the groups of a journal hold, to be asked of each in turn: of one source, which its accounting says."""

    def __init__(self) -> None:
        self._received: dict[str, int] = {}

    def of(self, group: Group) -> str:
        """The source whose account went on in this group."""
        if "accounting" not in group.arrays:
            return HOUSE
        accounts = Accounting.decode(group.arrays["accounting"].tobytes()).sources
        moved = [name for name, one in accounts.items() if one.received != self._received.get(name, 0)]
        self._received = {name: one.received for name, one in accounts.items()}
        return moved[0] if len(moved) == 1 else HOUSE


class EventCounts:
    """Counts of one journal's events. `end_seq` is the fact counted up to (excluded); `advance` goes on from there. Not for several threads at a time."""

    def __init__(self, folder: Path) -> None:
        """Of a data folder. Raises DeploymentError where it is none."""
        self._folder = folder
        self.end_seq = 0
        self._sources = GroupSources()
        self._body: PlaybookBody | None = None
        self._seen: dict[tuple[int, str], list[int]] = {}

    def advance(self, seconds_max: float = float("inf"), on_progress: OnProgress | None = None) -> bool:
        """Count what the journal has got since; False where it took longer than it may, so that there is more to count."""
        reader, begun, done = journal_of(self._folder), time.monotonic(), 0
        total = reader.bytes
        for group in reader.read(self.end_seq):
            done += self._count(group)
            if on_progress is not None:
                on_progress(min(done, total), total)
            if time.monotonic() - begun > seconds_max:
                return False
        return True

    def seen(self) -> list[EventSeen]:
        """What was counted so far, by event and source."""
        names = Names(self._body)
        found = [
            EventSeen(names.name("event", code), source, count, names.moment(last_ms), names.moment(received_ms))
            for (code, source), (count, last_ms, received_ms) in self._seen.items()
        ]
        return sorted(found, key=lambda one: (one.event, one.source))

    def _count(self, group: Group) -> int:
        """Count one group; returns its bytes."""
        batch, outputs = read_group(group)
        for at in batch.code[batch.kind == FactKind.PLAYBOOK].tolist():
            self._body = decode_body(batch.bodies[at])
        rows = batch.kind == FactKind.EVENT
        self._add(self._sources.of(group), batch.code[rows], batch.at_ms[rows], group.received_ms)
        if len(outputs.derived):
            self._add(DETECTOR, outputs.derived["event"], outputs.derived["at_ms"], group.received_ms)
        self.end_seq = group.end_seq
        return sum(array.nbytes for array in group.arrays.values())

    def _add(self, source: str, codes: NDArray[Any], at_ms: NDArray[Any], received_ms: int) -> None:
        for code in np.unique(codes).tolist():
            rows = codes == code
            figures = self._seen.setdefault((code, source), [0, 0, 0])
            figures[0] += int(rows.sum())
            figures[1] = max(figures[1], int(at_ms[rows].max()))
            figures[2] = max(figures[2], received_ms)
