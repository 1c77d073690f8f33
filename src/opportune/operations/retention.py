"""Ask: what would go by the deployment's retention, and what could then not be answered any more? And let it go.

Segments of the journal go once they are old enough, exported, read back and found the same, and covered by a snapshot that this program can
load. Rows of the warehouse go by the engine's clock, and only of facts that no start, no replay from a kept snapshot and no publication
that such a replay meets will read again.
"""

import itertools
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np

from opportune.engine import STATE_LAYOUT
from opportune.facts import FactKind, RetentionDefinition
from opportune.journal import JournalReader, SnapshotStore
from opportune.operations.deployment import Deployment, DeploymentError, journal_of
from opportune.operations.who import open_people
from opportune.store import DefinitionStore
from opportune.warehouse import (
    KINDS_OF_ROWS,
    REPLACED_KEPT_MS,
    GoingRows,
    Manifest,
    OnWarehouseFault,
    count_going,
    drop_rows,
    going,
    prove,
    read_manifest,
)


class Hold(StrEnum):
    """Why segments or rows that are old enough stay all the same."""

    NOT_EXPORTED = "not_exported"
    """The warehouse does not have all of their facts yet."""
    NO_SNAPSHOT = "no_snapshot"
    """No snapshot that this program can load was written after their facts."""
    PUBLICATION = "publication"
    """A start from the oldest snapshot would meet a publication, or a parting, which must find history as it was then."""


class Loss(StrEnum):
    """What cannot be answered any more once rows of the warehouse are gone."""

    REPLAY = "replay"
    AS_OF = "as_of"
    EXPLAIN = "explain"
    TIMELINE = "timeline"
    REPORT = "report"
    NEW_COUNTERS = "new_counters"
    OTHER_LAYOUT = "other_layout"


LOSSES = {
    "events": (Loss.REPLAY, Loss.AS_OF, Loss.EXPLAIN, Loss.TIMELINE, Loss.NEW_COUNTERS, Loss.OTHER_LAYOUT),
    "tags": (Loss.REPLAY, Loss.AS_OF, Loss.EXPLAIN, Loss.TIMELINE, Loss.NEW_COUNTERS, Loss.OTHER_LAYOUT),
    "decisions": (Loss.REPLAY, Loss.EXPLAIN, Loss.TIMELINE, Loss.REPORT, Loss.NEW_COUNTERS, Loss.OTHER_LAYOUT),
}


class SegmentsGoing(msgspec.Struct, frozen=True):
    """Segments of the journal that go: so many, of so many bytes; `first_seq` is the first fact now, `seq` the first one then.

    `hold` says why more of that age stay, None where none does.
    """

    first_seq: int
    seq: int
    segments: int
    bytes: int
    hold: Hold | None


class RetentionPlan(msgspec.Struct, frozen=True):
    """What would go now.

    rows          what goes from the warehouse, by kind
    rows_hold     why rows of that age stay, None where none does
    provable_seq  `replay` proves decisions from here on then; 0: from the very first fact
    losses        what cannot be answered any more of the days up to those of `rows`
    """

    journal: SegmentsGoing
    rows: tuple[GoingRows, ...]
    rows_hold: Hold | None
    provable_seq: int
    losses: tuple[Loss, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not self.journal.segments and not self.rows


class RetentionDone(msgspec.Struct, frozen=True):
    """What went: segments' facts up to `journal_seq` in so many bytes, proven before; parts of the warehouse that were thinned out."""

    journal_seq: int
    journal_bytes: int
    facts_proven: int
    parts: int


def plan_retention(folder: Path, retention: RetentionDefinition, now_ms: int) -> RetentionPlan:
    """What would go at a moment (ms of the wall clock) beside a writer. Nothing is changed. Raises DeploymentError, WarehouseError."""
    journal_of(folder)
    manifest, segments = read_manifest(folder), segments_going(folder, retention, now_ms)
    before, below, hold = _thinnable(folder, retention, manifest, segments.seq)
    rows = tuple(count_going(folder, before, below)) if below else ()
    whole = manifest.whole_seq
    if rows:
        whole = max(part.end_seq for part, _ in going(manifest, before, below))
    provable = min((one for one in _usable_snapshots(folder) if one >= whole), default=whole) if whole else 0
    losses = tuple(dict.fromkeys(loss for one in rows for loss in LOSSES[one.kind]))
    return RetentionPlan(segments, rows, hold, provable, losses)


def apply_retention(deployment: Deployment, now_ms: int) -> RetentionDone:
    """Let go what `plan_retention` names, of an open deployment whose engine is at rest. Killed anywhere, the next call goes on.

    Raises WarehouseError where facts do not read back as they are, JournalError, OSError.
    """
    retention, folder = deployment.playbook.definitions.deployment.retention, deployment.folder
    segments = segments_going(folder, retention, now_ms)
    proven = size = 0
    if segments.segments:
        proven = prove(folder, segments.seq)
        deployment.settle_links()
        size = deployment.journal.drop_before(segments.seq)
    return RetentionDone(deployment.journal.first_seq, size, proven, thin_warehouse(folder, retention))


def segments_going(folder: Path, retention: RetentionDefinition, now_ms: int) -> SegmentsGoing:
    """The segments that go by the age they have at a moment (ms of the wall clock). Before they do, `prove` reads them back. Raises WarehouseError."""
    found = JournalReader.open(folder / "journal").segments()
    first = seq = found[0][0] if found else 0
    written_until_s = -1.0 if retention.journal is None else (now_ms - int(retention.journal)) / 1000
    old = [
        (size, following)
        for (_, size, _), (following, _, _) in itertools.takewhile(
            lambda pair: pair[0][2] <= written_until_s, itertools.pairwise(found)
        )
    ]
    last = read_manifest(folder).last if old else None
    exported = [
        one for one in old if last is not None and one[1] <= last.first_seq
    ]  # an export reads the last group once more
    covered = max(_usable_snapshots(folder), default=0) if exported else 0
    gone = [one for one in exported if one[1] <= covered]
    hold = Hold.NOT_EXPORTED if len(exported) < len(old) else None
    if len(gone) < len(exported):
        hold = Hold.NO_SNAPSHOT
    return SegmentsGoing(first, gone[-1][1] if gone else seq, len(gone), sum(size for size, _ in gone), hold)


def thin_warehouse(
    folder: Path,
    retention: RetentionDefinition,
    *,
    kept_ms: int = REPLACED_KEPT_MS,
    on_fault: OnWarehouseFault | None = None,
) -> int:
    """Drop what is old enough from the warehouse; how many parts changed. Raises WarehouseError, OSError."""
    journal_seq = JournalReader.open(folder / "journal").first_seq
    before, below, _ = _thinnable(folder, retention, read_manifest(folder), journal_seq)
    return drop_rows(folder, before, below, kept_ms=kept_ms, on_fault=on_fault) if below else 0


def retention_of(folder: Path) -> RetentionDefinition:
    """The retention of the definitions in force. Raises DeploymentError where the folder is no data folder or has none yet."""
    journal_of(folder)
    store = DefinitionStore(folder)
    try:
        published = store.published()
        deployment = store.load(published[0]).deployment if published else None
    finally:
        store.close()
    if deployment is None:
        raise DeploymentError("there are no definitions yet; put some in force first: opportune apply")
    return deployment.retention


def _thinnable(
    folder: Path, retention: RetentionDefinition, manifest: Manifest, journal_seq: int
) -> tuple[dict[str, str], int, Hold | None]:
    """(for each kind the first day that stays, the fact below which rows may go, why none may that are old enough)."""
    before = _days(retention, manifest)
    if next(going(manifest, before, journal_seq), None) is None:
        return before, 0, None
    snapshots = _usable_snapshots(folder)
    if not snapshots:
        return before, 0, Hold.NO_SNAPSHOT
    if max(_published_seq(folder), _parted_seq(folder, min(snapshots))) >= min(snapshots):
        return before, 0, Hold.PUBLICATION
    return before, min(journal_seq, *snapshots), None


def _usable_snapshots(folder: Path) -> list[int]:
    """The facts after which there are whole snapshots that this program can load."""
    if not (folder / "snapshots").is_dir():
        return []
    store = SnapshotStore(folder / "snapshots")
    found = []
    for seq in store.seqs:
        snapshot = store.latest(seq)
        if snapshot is not None and snapshot.seq == seq:
            layout = snapshot.arrays.get("engine/layout")
            if layout is not None and int(layout[0]) == STATE_LAYOUT:
                found.append(seq)
    return found


def _parted_seq(folder: Path, from_seq: int) -> int:
    """The last fact from `from_seq` on by which a customer was parted in two; -1 without one."""
    with open_people(folder) as people:
        if people is None or not people.any_parted():  # nothing to be looked for: as it nearly always is
            return -1
    found = -1
    for group in journal_of(folder).read(from_seq):
        rows = np.flatnonzero(group.arrays["kind"] == FactKind.UNMERGED)
        found = group.first_seq + int(rows[-1]) if len(rows) else found
    return found


def _published_seq(folder: Path) -> int:
    """The fact that put the playbook in force; -1 without one."""
    store = DefinitionStore(folder)
    try:
        published = store.published()
    finally:
        store.close()
    return -1 if published is None else published[1]


def _days(retention: RetentionDefinition, manifest: Manifest) -> dict[str, str]:
    """For each kind with a time to stay the first day (UTC, of the engine's clock) that stays."""
    found = {}
    for kind in KINDS_OF_ROWS:
        stays = getattr(retention, kind)
        if stays is not None and manifest.parts:
            found[kind] = datetime.fromtimestamp((manifest.now_ms - int(stays)) / 1000, UTC).date().isoformat()
    return found
