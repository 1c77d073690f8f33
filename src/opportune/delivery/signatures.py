"""Short signed tokens: whoever brings one back can only say what we have said before. HMAC-SHA256, cut, in URL letters."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

SECRET_BYTES_MIN = 16
TAG_BYTES = 10
"""80 bits: nobody guesses one by asking a server, and a link stays short."""
TOKEN_CHARACTERS_MAX = 4_000


def check_secret(secret: bytes) -> bytes:
    """The secret itself. Raises ValueError where it is too short to be one."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"a signing secret has at least {SECRET_BYTES_MIN} bytes, not {len(secret)}")
    return secret


def sign(secret: bytes, use: str, body: bytes) -> str:
    """`body` with its signature as one token; `use` keeps a token of one kind from being taken for another."""
    return _text(body + _tag(check_secret(secret), use, body))


def open_signed(secret: bytes, use: str, token: str) -> bytes | None:
    """The body of a token that `sign` made with this secret for this use, None for any other."""
    if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    body, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
    # The letters too: base64 can be written in several ways, and a token is a name in logs and caches.
    if not hmac.compare_digest(tag, _tag(check_secret(secret), use, body)) or _text(raw) != token:
        return None
    return body


def _tag(secret: bytes, use: str, body: bytes) -> bytes:
    return hmac.new(secret, use.encode() + b"\0" + body, hashlib.sha256).digest()[:TAG_BYTES]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
