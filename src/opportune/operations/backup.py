"""Ask: back up a data folder while it is in use, and restore it. A backup is itself a data folder, with a list of its files.

The warehouse is left out as long as `opportune export` makes it again of the journal; once the journal has let go of facts, it comes along.

The order is what makes it whole: first the journal (a prefix of it, as a crash would leave it), then the databases. So the clear text
of everybody the copied journal knows is there; what the databases know beyond it is taken back at the next start, as after a crash.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from opportune import __version__
from opportune.journal import JournalReader
from opportune.operations.deployment import DeploymentError, OnProgress, journal_of
from opportune.operations.folder_key import KEY_FILE
from opportune.operations.segments import SNAPSHOTS_FOLDER
from opportune.store import copy_database
from opportune.warehouse import MANIFEST_FILE, WAREHOUSE_FOLDER, read_manifest, write_manifest

MANIFEST = "backup.json"
CHUNK_BYTES = 1 << 20
FOLDER_MODE, FILE_MODE = 0o700, 0o600


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds: when and by which release it was made, and bytes and BLAKE2b of every file by its path."""

    made_ms: int
    release: str
    files: dict[str, tuple[int, str]]


def backup(folder: Path, target: Path, on_progress: OnProgress | None = None) -> Manifest:
    """Copy a data folder, in use or not, into `target`, which must not exist. It becomes whole with its last file, the manifest.

    Raises DeploymentError where `folder` is no data folder, `target` is there already, or history moved on under the copy, OSError.
    """
    journal_of(folder)
    if target.exists():
        raise DeploymentError(f"{target} is there already; name a folder that is not")
    aside = target.with_name(f"{target.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=FOLDER_MODE, parents=True)
    warehouse = _warehouse(folder, aside)
    copies = list(_files(folder, warehouse))
    total = sum(path.stat().st_size for path in copies)
    done = 0
    files: dict[str, tuple[int, str]] = {}
    for path in copies:
        place = path.relative_to(folder)
        copied = aside / place
        copied.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        try:
            if path.suffix == ".db":
                copy_database(path, copied)
            else:
                _copy(path, copied)
        except (
            FileNotFoundError
        ) as error:  # an old snapshot that a newer one has replaced, a segment let go of after its export
            if place.parts[0] == WAREHOUSE_FOLDER:
                raise DeploymentError(f"{path} was replaced while it was to be copied; back up again") from error
            continue
        files[str(place)] = _digest(copied)
        done += files[str(place)][0]
        if on_progress is not None:
            on_progress("copying", done, max(total, done))
    for name in warehouse[:1]:
        files[name] = _digest(aside / name)
    last = read_manifest(aside).last
    if JournalReader(aside / "journal").first_seq > (0 if last is None else last.first_seq):
        raise DeploymentError(f"the journal of {folder} let go of facts while it was copied; back up again")
    manifest = Manifest(time.time_ns() // 1_000_000, __version__, files)
    _write(aside / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    for place in {aside / folder for name in files for folder in Path(name).parents} | {aside.parent}:
        _sync(place)
    aside.rename(target)
    _sync(target.parent)
    return manifest


def restore(source: Path, folder: Path, on_progress: OnProgress | None = None) -> Manifest:
    """Copy a backup into `folder`, which must not exist, once every file is found to be what the backup wrote.

    Raises DeploymentError where a file is missing or damaged, or `folder` is there already.
    """
    if not (source / MANIFEST).exists():
        raise DeploymentError(
            f"{source} is no whole backup: it has no {MANIFEST}; name the folder that `opportune backup` made"
        )
    manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    if folder.exists():
        raise DeploymentError(f"{folder} is there already; name a folder that is not")
    aside = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=FOLDER_MODE, parents=True)
    total, done = sum(size for size, _ in manifest.files.values()), 0
    for name, wanted in manifest.files.items():
        copied = aside / name
        copied.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        try:
            _copy(source / name, copied)
        except FileNotFoundError as error:
            raise DeploymentError(f"{source / name} is missing; take another backup") from error
        if _digest(copied) != wanted:
            raise DeploymentError(f"{source / name} is damaged: it is not what was written; take another backup")
        done += wanted[0]
        if on_progress is not None:
            on_progress("copying", done, total)
    for place in {aside / folder for name in manifest.files for folder in Path(name).parents}:
        _sync(place)
    aside.rename(folder)
    _sync(folder.parent)
    return manifest


def _warehouse(folder: Path, aside: Path) -> list[str]:
    """What of the warehouse is part of the backup: nothing as long as the journal has all facts, else its manifest, copied at once, and its files.

    The manifest is read before the journal is copied, so that the copied journal goes on from it.
    """
    manifest = read_manifest(folder)
    if not JournalReader.open(folder / "journal").first_seq:
        return []
    (aside / WAREHOUSE_FOLDER).mkdir(mode=FOLDER_MODE)
    write_manifest(aside, msgspec.structs.replace(manifest, replaced=()))
    place = Path(WAREHOUSE_FOLDER)
    return [str(place / MANIFEST_FILE), *(str(place / name) for part in manifest.parts for name in part.places)]


def _files(folder: Path, warehouse: list[str]) -> Iterator[Path]:
    """The files to copy, in the order that makes the copy whole."""
    yield from sorted(path for path in (folder / "journal").iterdir() if path.suffix)
    yield from (folder / place for place in warehouse[1:])
    yield from sorted((folder / "snapshots").glob("*.snapshot"))
    yield folder / KEY_FILE
    yield from sorted(folder.glob("*.db"))
    yield from sorted(path for path in (folder / SNAPSHOTS_FOLDER).rglob("*") if path.suffix in (".json", ".parquet"))


def _copy(source: Path, target: Path) -> None:
    """As much of a file as it has now; its writer may append meanwhile."""
    left = source.stat().st_size
    with (
        source.open("rb") as read,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as write,
    ):
        while left > 0 and (chunk := read.read(min(CHUNK_BYTES, left))):
            write.write(chunk)
            left -= len(chunk)
        write.flush()
        os.fsync(write.fileno())


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path) -> tuple[int, str]:
    digest = hashlib.blake2b(digest_size=16)
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
