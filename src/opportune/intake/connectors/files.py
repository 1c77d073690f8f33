"""Files: each is fetched once, known by its content. One that has grown at its end is fetched from there on."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from opportune.intake.connectors.fetching import Fetch, FetchFailedError, Reach, State
from opportune.intake.origins import FileDefinition
from opportune.intake.tables import Progress, Row, read_rows

FILES_MAX = 100_000
CHUNK_BYTES = 1 << 20
GROWING = ("csv", "ndjson")


def fetch_files(definition: FileDefinition, state: State, reach: Reach) -> Iterator[Fetch]:
    """A fetch for each file that is new, or has grown. Raises FetchFailedError, ValueError for a file that is not of its format."""
    known: dict[str, dict[str, Any]] = dict(state.get("files", {}))
    for path in _found(definition, reach.folder):
        name = path.relative_to(reach.folder).as_posix()
        before = known.get(name)
        mark, grown = _mark(path, before, definition)
        if any(one["mark"] == mark for one in known.values()):
            continue
        if len(known) >= FILES_MAX:
            raise FetchFailedError(
                f"more than files_max = {FILES_MAX:,} files fit {definition.path}; move finished ones elsewhere"
            )
        skipped = before["rows"] if grown and before is not None else 0
        entry = {"mark": mark, "bytes": path.stat().st_size, "rows": skipped}
        known[name] = entry
        rows = read_rows(path, definition.format, Progress(path.stat().st_size), reach.row_bytes_max, definition.sheet)
        yield Fetch(name, _counted(islice(rows, skipped, None), entry), {"files": dict(known)}, is_news=True)


def _found(definition: FileDefinition, folder: Path) -> list[Path]:
    pattern = definition.path
    if pattern.startswith("/") or ".." in Path(pattern).parts:
        raise FetchFailedError(f"read: {pattern} leads out of the folder of the files; name it relative to that folder")
    try:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
    except (OSError, ValueError, NotImplementedError) as error:
        raise FetchFailedError(f"read: {pattern}: {error}") from error
    if not found and not any(sign in pattern for sign in "*?["):
        raise FetchFailedError(f"no file {pattern} in {folder}; name the folder of the files with --data")
    return found


def _counted(rows: Iterator[Row], entry: dict[str, Any]) -> Iterator[Row]:
    for row in rows:
        entry["rows"] += 1
        yield row


def _mark(path: Path, before: dict[str, Any] | None, definition: FileDefinition) -> tuple[str, bool]:
    """(the digest of a file, whether it is the file known before with lines added to it)."""
    grows = (
        before is not None
        and definition.format in GROWING
        and path.suffix != ".gz"
        and path.stat().st_size > before["bytes"]
    )
    with path.open("rb") as file:
        digest = blake2b(digest_size=16)
        last = _feed(digest, file, before["bytes"] if grows and before is not None else None)
        grown = grows and before is not None and digest.hexdigest() == before["mark"] and last == b"\n"
        _feed(digest, file, None)
        return digest.hexdigest(), grown


def _feed(digest: Any, file: BinaryIO, size: int | None) -> bytes:
    """Digest so many bytes, or all that are left; the last byte."""
    last, left = b"", size
    while chunk := file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)):
        digest.update(chunk)
        last = chunk[-1:]
        left = None if left is None else left - len(chunk)
    return last
