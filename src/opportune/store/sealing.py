"""Sealing bytes: AES-256-GCM with a key of their own purpose, drawn from the secret of the data folder."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32


class SealBrokenError(OSError):
    """Sealed bytes cannot be opened: they are damaged, were moved, or the data folder has another key."""


class Seal:
    """Seals and opens bytes for one purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        """`secret` is that of the data folder; two purposes never share a key."""
        self._cipher = AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=f"opportune {purpose}".encode()).derive(secret))

    def close(self, data: bytes, place: str) -> bytes:
        """Sealed bytes, which open at the same place only."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """What `close` was given. Raises SealBrokenError."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise SealBrokenError(
                f"{place} cannot be opened: it is damaged, or the data folder's key is another one"
            ) from None
