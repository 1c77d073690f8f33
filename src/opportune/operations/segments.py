"""Ask: how large is a segment, how much do segments overlap, who was in one? Beside a writer, out of the warehouse; live, from columns.

A snapshot for audit says which customers were in a segment after which fact, and can be proved later: the same condition, asked of the
warehouse as of that fact, gives the same customers.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import SegmentDefinition
from opportune.engine import Playbook
from opportune.operations.deployment import DeploymentError, journal_of
from opportune.rules import RuleError, check_condition
from opportune.store import DefinitionProblem, Definitions, DefinitionStore, ProblemCode, did_you_mean
from opportune.warehouse import Warehouse, write_customers

SNAPSHOTS_FOLDER = "segments"
DIGEST_BYTES = 16


class SegmentSize(msgspec.Struct, frozen=True):
    """A segment's size: its customers of how many in all, after the facts below `end_seq`."""

    segment: str
    title: str
    where: str
    customers: int
    in_all: int
    end_seq: int


class SegmentOverlap(msgspec.Struct, frozen=True):
    """How many customers are in both of two segments."""

    segment: str
    other: str
    customers: int


class SegmentSnapshot(msgspec.Struct, frozen=True):
    """Who was in a segment after the facts below `end_seq`, when engine time was `now_ms`; `digest` is BLAKE2b of their numbers (u4, ascending)."""

    segment: str
    where: str
    end_seq: int
    now_ms: int
    customers: int
    digest: str


def check_segments(definitions: Definitions, playbook: Playbook) -> Iterator[DefinitionProblem]:
    """Every mistake in segments' conditions, at its place."""
    for name, segment in definitions.segments.items():
        try:
            check_condition(segment.where, playbook.vocabulary.scope(None), where=f"segment {name}, where")
        except RuleError as error:
            for one in error.problems:
                yield definitions.problem(
                    "segment", name, "where", ProblemCode.NOT_COMPILABLE, one.message, one.hint, one.start
                )


def saved_segments(folder: Path) -> dict[str, SegmentDefinition]:
    """The segments of the playbook saved last. Raises DeploymentError where the folder is no data folder."""
    journal_of(folder)
    store = DefinitionStore(folder)
    try:
        latest = store.latest()
        return dict(store.load(latest).segments) if latest else {}
    finally:
        store.close()


def wanted_segments(folder: Path, names: Sequence[str]) -> dict[str, SegmentDefinition]:
    """Saved segments by name; all of them where none is named. Raises DeploymentError for one that is not there."""
    saved = saved_segments(folder)
    for name in names:
        if name not in saved:
            hint = did_you_mean(name, saved, "segment")
            raise DeploymentError(
                f"no segment `{name}`; {hint or 'write `segment:` and `where:` in the definitions, and apply them'}"
            )
    return {name: saved[name] for name in names or saved}


def segment_sizes(folder: Path, names: Sequence[str] = (), language: str = "en") -> list[SegmentSize]:
    """Sizes of saved segments, as far as the warehouse reaches. Raises DeploymentError, WarehouseError."""
    segments = wanted_segments(folder, names)
    with Warehouse(folder) as warehouse:
        manifest = warehouse.manifest
        return [
            SegmentSize(
                name, (s.title.zh if language == "zh" else s.title.en) or name, s.where, len(warehouse.audience(s.where)),
                manifest.customers, manifest.end_seq,
            )
            for name, s in segments.items()
        ]  # fmt: skip


def segment_overlaps(folder: Path, names: Sequence[str]) -> list[SegmentOverlap]:
    """How much each two of the named segments (all where none is named) have in common. Raises DeploymentError, WarehouseError."""
    segments = wanted_segments(folder, names)
    with Warehouse(folder) as warehouse:
        found = {name: warehouse.audience(segment.where) for name, segment in segments.items()}
    return [
        SegmentOverlap(one, other, len(np.intersect1d(found[one], found[other], assume_unique=True)))
        for at, one in enumerate(found)
        for other in list(found)[at + 1 :]
    ]


def snapshot_segment(folder: Path, name: str) -> SegmentSnapshot:
    """Keep for audit who is in a segment, as far as the warehouse reaches: a Parquet file of customers, and what it is beside.

    The same again writes the same. Raises DeploymentError, WarehouseError, OSError.
    """
    segment = wanted_segments(folder, [name])[name]
    with Warehouse(folder) as warehouse:
        customers = warehouse.audience(segment.where)
        manifest = warehouse.manifest
    told = SegmentSnapshot(name, segment.where, manifest.end_seq, manifest.now_ms, len(customers), digest_of(customers))
    place = folder / SNAPSHOTS_FOLDER / name
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{told.end_seq:020d}.parquet"
    write_customers(path, customers)
    aside = path.with_suffix(".json.part")
    aside.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path.with_suffix(".json"))  # the snapshot is there once this is
    return told


def segment_snapshots(folder: Path, name: str) -> list[SegmentSnapshot]:
    """The snapshots kept of a segment, the oldest first."""
    place = folder / SNAPSHOTS_FOLDER / name
    return [msgspec.json.decode(path.read_bytes(), type=SegmentSnapshot) for path in sorted(place.glob("*.json"))]


def prove_snapshot(folder: Path, told: SegmentSnapshot) -> bool:
    """Whether the warehouse, asked as of the snapshot's fact, gives the customers of its digest. Raises WarehouseError."""
    with Warehouse(folder, as_of_ms=told.now_ms, as_of_seq=told.end_seq) as warehouse:
        return digest_of(warehouse.audience(told.where)) == told.digest


def export_segment(folder: Path, name: str, target: Path, identifiers: Mapping[int, str] | None = None) -> int:
    """Write a segment's customers to a .csv or .parquet file, with `identifiers` where given; how many they are.

    Raises DeploymentError where the file is there already or its name ends otherwise, WarehouseError, OSError.
    """
    if target.suffix not in (".csv", ".parquet") or target.exists():
        raise DeploymentError(f"{target}: name a new file that ends in .csv or .parquet")
    customers = segment_customers(folder, name)
    write_customers(target, customers, identifiers)
    return len(customers)


def segment_customers(folder: Path, name: str) -> NDArray[np.uint32]:
    """The customers of a saved segment, as far as the warehouse reaches. Raises DeploymentError, WarehouseError."""
    segment = wanted_segments(folder, [name])[name]
    with Warehouse(folder) as warehouse:
        return warehouse.audience(segment.where)


def digest_of(customers: NDArray[np.uint32]) -> str:
    """The hash of a list of customers."""
    return hashlib.blake2b(customers.astype("<u4").tobytes(), digest_size=DIGEST_BYTES).hexdigest()
