"""The key file of a data folder: its secrets, plain, or sealed by a key that lies elsewhere, so that a stolen folder shows nothing.

The outer key comes from the environment: OPPORTUNE_SEAL_KEY_FILE names a file with it, or OPPORTUNE_SEAL_KEY holds it (64 hexadecimal digits).
"""

import os
import secrets
from pathlib import Path

import msgspec

from opportune.intake import KEY_BYTES
from opportune.store import Seal, SealBrokenError, Secrets

KEY_FILE = "key"
KEY_VARIABLE, KEY_FILE_VARIABLE = "OPPORTUNE_SEAL_KEY", "OPPORTUNE_SEAL_KEY_FILE"
OUTER_BYTES = 32
SEALING_BYTES = 32
KEY_MODE = 0o600
GENERATION_MAX = 255

_PLACE = "the folder's secrets"


class DeploymentError(Exception):
    """The folder cannot be used as asked; says why and what to do."""


class FolderKeyError(DeploymentError):
    """The secrets of a folder cannot be had; says why and what to do."""


class KeyFile(msgspec.Struct, frozen=True):
    """What the key file says. `seed` is set only for demonstrations: customers' random keys then repeat.

    key      the secret of keyed hashes, hexadecimal; empty where all is sealed
    sealing  generation -> secret that seals, hexadecimal; none: `key` seals
    sealed   all of this, sealed by the outer key
    """

    key: str = ""
    seed: str | None = None
    sealing: dict[int, str] = {}
    sealed: str = ""

    def secrets(self) -> Secrets:
        """The secrets that it holds in the clear."""
        return Secrets(bytes.fromhex(self.key), {number: bytes.fromhex(text) for number, text in self.sealing.items()})


def create_key(folder: Path, seed: str | None = None) -> None:
    """Make the key file of a new folder, sealed by the outer key where the environment has one. Raises FolderKeyError, OSError."""
    key = os.urandom(KEY_BYTES) if seed is None else seed.encode().ljust(KEY_BYTES, b"\0")[:KEY_BYTES]
    write_key(folder, KeyFile(key.hex(), seed), outer_key())


def read_key(folder: Path) -> KeyFile:
    """The secrets of a folder, opened. Raises FolderKeyError where they are sealed and the outer key is missing or another one, OSError."""
    return open_key(folder, outer_key())


def open_key(folder: Path, outer: bytes | None) -> KeyFile:
    """Like `read_key`, by an outer key at hand."""
    path = folder / KEY_FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except msgspec.MsgspecError as error:
        raise FolderKeyError(f"{path} is no key file: {error}; restore it from a backup") from error
    if not found.sealed:
        return found
    if outer is None:
        raise FolderKeyError(
            f"{path} is sealed by a key outside of the folder; name the file that holds it in {KEY_FILE_VARIABLE}"
        )
    try:
        return msgspec.json.decode(_outer_seal(outer).open(bytes.fromhex(found.sealed), _PLACE), type=KeyFile)
    except SealBrokenError as error:
        raise FolderKeyError(
            f"{path} is sealed by another key than the one given in {KEY_FILE_VARIABLE} or {KEY_VARIABLE}; give the right one"
        ) from error


def write_key(folder: Path, key: KeyFile, outer: bytes | None) -> None:
    """Put a key file in place, whole or not at all; sealed by the outer key where there is one. Raises OSError."""
    body = msgspec.json.encode(key)
    if outer is not None:
        body = msgspec.json.encode(KeyFile(sealed=_outer_seal(outer).close(body, _PLACE).hex()))
    path = folder / KEY_FILE
    aside = path.with_name(f"{KEY_FILE}.part")
    _write(aside, body, os.O_TRUNC)
    aside.rename(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def outer_key() -> bytes | None:
    """The outer key that the environment gives, or None. Raises FolderKeyError where it is none."""
    place = os.environ.get(KEY_FILE_VARIABLE)
    if place:
        return read_outer_key(Path(place))
    text = os.environ.get(KEY_VARIABLE)
    return _outer_of(text, KEY_VARIABLE) if text else None


def read_outer_key(path: Path) -> bytes:
    """The outer key in a file. Raises FolderKeyError where the file is missing, others may read it, or it holds no key."""
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except OSError as error:
        raise FolderKeyError(
            f"{path} cannot be read: {error.strerror}; put the key of the data folder there"
        ) from error
    if mode & 0o077:
        raise FolderKeyError(f"{path} holds a secret and others may read it; run: chmod 600 {path}")
    return _outer_of(text.strip(), str(path))


def make_outer_key(path: Path) -> bytes:
    """The outer key in a file, made there if the file is missing. Raises FolderKeyError, OSError."""
    if not path.exists():
        _write(path, f"{secrets.token_hex(OUTER_BYTES)}\n".encode(), os.O_EXCL)
    return read_outer_key(path)


def _outer_of(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != OUTER_BYTES:
        raise FolderKeyError(f"{place} holds no key: write {2 * OUTER_BYTES} hexadecimal digits (openssl rand -hex 32)")
    return key


def _outer_seal(outer: bytes) -> Seal:
    return Seal(Secrets(outer), "key file")


def _write(path: Path, body: bytes, flag: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flag, KEY_MODE), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
