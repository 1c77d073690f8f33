"""Ask: import files, canonical NDJSON or files mapped by source definitions; goes on where an interrupted import stopped."""

import gzip
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import msgspec

from opportune.facts import Outputs
from opportune.intake import SourceDefinition, read_messages
from opportune.operations.accounting import SourceAccount
from opportune.operations.deployment import FOLDING_MAX, Deployment, DeploymentError
from opportune.operations.ingest import PIECE_BYTES, Ingested, ingest

SNAPSHOT_EVERY_FACTS = 20_000_000

OnImport = Callable[[int, int, int], None]
"""(bytes done, bytes in all, messages handed in so far)."""
OnOutputs = Callable[[Outputs], None]


class Imported(msgspec.Struct, frozen=True):
    """What an import did; `account` is the source's in all, over all imports."""

    source: str
    messages: int
    decisions: int
    goals: int
    seconds: float
    account: SourceAccount


def import_sources(
    deployment: Deployment,
    sources: Sequence[SourceDefinition],
    folder: Path,
    *,
    on_import: OnImport | None = None,
    on_outputs: OnOutputs | None = None,
) -> Imported:
    """Import the files of one or more sources, merged by time. Raises FileNotFoundError, ValueError, OverflowError."""
    name = "+".join(source.source for source in sources)
    skip = _position(deployment, name)
    found = read_messages(sources, folder, zone=deployment.catalogue.zone, skip=skip)
    parts = ((data, p.messages, p.bytes_done, p.bytes_total) for p, data in found)
    lenient = all(source.lenient for source in sources)
    return _import(deployment, name, parts, skip, on_import, on_outputs, lenient)


def import_ndjson(
    deployment: Deployment,
    path: Path,
    source: str,
    *,
    on_import: OnImport | None = None,
    on_outputs: OnOutputs | None = None,
) -> Imported:
    """Import a file of canonical messages (NDJSON, plain or .gz). Raises FileNotFoundError, OSError."""
    skip = _position(deployment, source)
    return _import(deployment, source, _ndjson_parts(path, skip), skip, on_import, on_outputs)


def _position(deployment: Deployment, source: str) -> int:
    account = deployment.accounting.sources.get(source)
    if account is not None and account.load and not account.finished:
        raise DeploymentError(
            f"source {source}: load {account.load} is not all taken in; finish it with `opportune sources run`"
        )
    return 0 if account is None or account.finished else account.position


def _import(
    deployment: Deployment,
    name: str,
    parts: Iterator[tuple[bytes, int, int, int]],
    start: int,
    on_import: OnImport | None,
    on_outputs: OnOutputs | None,
    lenient: bool | None = None,
) -> Imported:
    decoder = deployment.decoder(name, "import", lenient=lenient)
    begun = time.monotonic()
    messages, decisions, goals = start, 0, 0
    folding: deque[Ingested] = deque()

    def take(ingested: Ingested) -> None:
        nonlocal decisions, goals
        outputs = ingested.outputs
        decisions += len(outputs.decisions)
        goals += len(outputs.goals)
        if on_outputs is not None:
            on_outputs(outputs)

    snapshot_at = deployment.engine.next_seq + SNAPSHOT_EVERY_FACTS
    if name in deployment.accounting.sources:
        deployment.accounting.sources[name].finished = False
    for data, messages, done, total in parts:
        folding.append(ingest(deployment, decoder, data, time.time_ns() // 1_000_000, messages))
        if len(folding) > FOLDING_MAX:
            take(folding.popleft())
        if on_import is not None:
            on_import(done, total, messages)
        if deployment.engine.next_seq >= snapshot_at:
            deployment.flush()
            deployment.snapshot()
            snapshot_at += SNAPSHOT_EVERY_FACTS
    while folding:
        take(folding.popleft())
    _finish(deployment, name)
    account = deployment.accounting.sources[name]
    return Imported(name, messages - start, decisions, goals, time.monotonic() - begun, account)


def _finish(deployment: Deployment, name: str) -> None:
    """Journal that the import came to its end, so that the next one of this name begins anew."""
    account = deployment.accounting.sources.setdefault(name, SourceAccount())
    account.finished, account.position = True, 0
    deployment.commit_progress()
    deployment.flush()


def _ndjson_parts(path: Path, skip: int) -> Iterator[tuple[bytes, int, int, int]]:
    total = path.stat().st_size
    messages = 0
    with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else nullcontext(raw) as file:
        while lines := file.readlines(PIECE_BYTES):
            first = max(0, min(skip - messages, len(lines)))
            messages += len(lines)
            if first < len(lines):
                yield b"".join(lines[first:]), messages, raw.tell(), total
