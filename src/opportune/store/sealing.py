"""Sealing bytes: AES-256-GCM with a key of their own purpose, drawn from the secrets of the data folder.

What is sealed says by which generation of the secrets, so that they can be changed while all that is sealed stays open. What belongs to one
customer is sealed under a key of her own; those keys are sealed like everything else, so that whoever forgets her key forgets it all.
"""

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32
GENERATION_MAX = 255


class SealBrokenError(OSError):
    """Sealed bytes cannot be opened: they are damaged, were moved, or the data folder has another key."""


class Secrets(msgspec.Struct, frozen=True):
    """The secrets of a data folder.

    hashing  16 bytes of keyed hashes; the journal and the look-up of identifiers hold such hashes, so they never change
    sealing  generation (1 .. GENERATION_MAX) -> secret bytes; the newest one seals, each opens what it sealed. Generation 0 is `hashing`.
    """

    hashing: bytes
    sealing: dict[int, bytes] = {}

    @property
    def newest(self) -> int:
        """The generation that seals."""
        return max(self.sealing, default=0)

    def every(self) -> dict[int, bytes]:
        """All generations that may have sealed something."""
        return {0: self.hashing} | self.sealing

    def drawn(self, generation: int, purpose: str) -> bytes:
        """The KEY_BYTES of one purpose; two purposes never share a key."""
        info = f"opportune {purpose}".encode()
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self.every()[generation])


class Seal:
    """Seals and opens bytes for one purpose."""

    def __init__(self, secrets: Secrets, purpose: str) -> None:
        """Keys are drawn here, once."""
        self._ciphers = {generation: AESGCM(secrets.drawn(generation, purpose)) for generation in secrets.every()}
        self._newest = secrets.newest

    def close(self, data: bytes, place: str) -> bytes:
        """Sealed bytes, which open at the same place only."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, data, place.encode())
        return bytes((self._newest,)) + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """What `close` was given. Raises SealBrokenError."""
        try:
            cipher = self._ciphers[sealed[0]]
            return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], place.encode())
        except (InvalidTag, KeyError, IndexError, ValueError):
            raise SealBrokenError(
                f"{place} cannot be opened: it is damaged, or the data folder's key is another one"
            ) from None

    def is_old(self, sealed: bytes) -> bool:
        """Whether an older generation sealed it."""
        return sealed[0] != self._newest

    def again(self, sealed: bytes, place: str) -> bytes:
        """The same bytes, sealed by the newest generation. Raises SealBrokenError."""
        return self.close(self.open(sealed, place), place)
