"""Bodies as they came over the wire: gzip and deflate by their header or by their first bytes, never beyond stated bounds."""

import zlib

from opportune.intake.doors.canonical import BodyRefusedError

BODY_BYTES_MAX = 4_000_000
"""A body's size, as sent and inflated."""
INFLATE_RATIO_MAX = 200
INFLATE_RATIO_FROM_BYTES = 262_144
"""Below this size a high ratio is harmless."""

_GZIP_MAGIC = b"\x1f\x8b"
_ANY_HEADER, _NO_HEADER = 47, -15
_IDENTITY = frozenset(("", "identity"))
_KNOWN = frozenset(("gzip", "x-gzip", "deflate"))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def inflated(body: bytes, encoding: str = "", bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body without its compression, at most `bytes_max` bytes. Raises BodyRefusedError.

    The first bytes rule over the header: clients are known to compress without saying so, and proxies to inflate in silence.
    """
    named = encoding.strip().lower()
    if named not in _IDENTITY and named not in _KNOWN:
        raise BodyRefusedError(
            "unknown_encoding", f"Content-Encoding {named[:40]!r} is not known here; use gzip, deflate or none"
        )
    if body.startswith(_GZIP_MAGIC):
        return _bounded(body, _ANY_HEADER, bytes_max)
    if named == "deflate" and body[:1] not in (b"{", b"["):
        return _bounded(body, _ANY_HEADER if body[:1] == b"\x78" else _NO_HEADER, bytes_max)
    if len(body) > bytes_max:
        raise _too_large(bytes_max)
    return body.removeprefix(_BYTE_ORDER_MARK)


def _bounded(body: bytes, window: int, bytes_max: int) -> bytes:
    """All members of a compressed body, one after the other."""
    parts: list[bytes] = []
    size = 0
    allowed = min(bytes_max, max(INFLATE_RATIO_FROM_BYTES, INFLATE_RATIO_MAX * len(body)))
    rest = body
    while rest:
        stream = zlib.decompressobj(window)
        try:
            part = stream.decompress(rest, allowed - size + 1)
        except zlib.error:
            raise BodyRefusedError("invalid_request", "the body's compression is broken; send it again") from None
        size += len(part)
        if size > allowed:
            raise _too_large(bytes_max)
        if not stream.eof:
            raise BodyRefusedError("invalid_request", "the compressed body ends too early; send it again")
        parts.append(part)
        rest = stream.unused_data
    return b"".join(parts).removeprefix(_BYTE_ORDER_MARK)


def _too_large(bytes_max: int) -> BodyRefusedError:
    return BodyRefusedError(
        "too_large",
        f"the body is larger than body_bytes_max ({bytes_max:,}) or inflates more than {INFLATE_RATIO_MAX}-fold: send fewer events at once",
    )
