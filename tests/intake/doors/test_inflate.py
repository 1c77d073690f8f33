"""Compressed bodies: by header, by first bytes, and never beyond the bounds."""

import gzip
import zlib

import pytest

from opportune.intake import BODY_BYTES_MAX, BodyRefusedError, inflated

TEXT = b'{"batch":[]}'
RAW_DEFLATE = zlib.compressobj(wbits=-15)
SAME = {
    "plain": (TEXT, ""),
    "identity": (TEXT, "identity"),
    "gzip": (gzip.compress(TEXT), "gzip"),
    "gzip without saying so": (gzip.compress(TEXT), ""),
    "gzip said in capitals": (gzip.compress(TEXT), " GZIP "),
    "said, but a proxy inflated it": (TEXT, "gzip"),
    "deflate with a header": (zlib.compress(TEXT), "deflate"),
    "bare deflate": (RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush(), "deflate"),
    "two members": (gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:]), "gzip"),
    "a byte order mark": (b"\xef\xbb\xbf" + TEXT, ""),
    "a byte order mark inside": (gzip.compress(b"\xef\xbb\xbf" + TEXT), "gzip"),
}


@pytest.mark.parametrize("how", SAME)
def test_the_same_body(how: str) -> None:
    assert inflated(*SAME[how]) == TEXT


REFUSED = {
    "too large": (b" " * (BODY_BYTES_MAX + 1), "", "too_large"),
    "too large inside": (gzip.compress(bytes(range(256)) * (BODY_BYTES_MAX // 256 + 1)), "gzip", "too_large"),
    "a bomb": (gzip.compress(b" " * 3_000_000), "gzip", "too_large"),
    "a bomb in a bomb's members": (gzip.compress(b" " * 200_000) * 19, "gzip", "too_large"),
    "cut off": (gzip.compress(TEXT)[:-9], "gzip", "invalid_request"),
    "broken": (gzip.compress(TEXT)[:12] + b"\xff" * 20, "gzip", "invalid_request"),
    "unknown": (TEXT, "br", "unknown_encoding"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_refused(how: str) -> None:
    body, encoding, code = REFUSED[how]
    with pytest.raises(BodyRefusedError) as refused:
        inflated(body, encoding)
    assert refused.value.code == code
