"""SipHash against its published vectors (key 00..0f, input 00, 00 01, 00 01 02 ...)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.intake.hashing import (
    content_hash,
    hash_bytes,
    hash_content,
    hash_key,
    hash_message,
    key_words,
    padded,
    prefix_of,
    siphash,
    siphash_after,
)

WORDS = key_words(bytes(range(16)))
VECTORS = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    2: "8177228da4a45dc7fca38bdef60affe4",
    3: "9c70b60c5267a94e5f33b6b02985ed51",
    15: "5493e99933b0a8117e08ec0f97cfc3d9",
}


@pytest.mark.parametrize(("length", "digest"), VECTORS.items())
def test_siphash_gives_the_published_vectors(length: int, digest: str) -> None:
    low, high = hash_bytes(WORDS, bytes(range(length)))
    assert (low.to_bytes(8, "little") + high.to_bytes(8, "little")).hex() == digest


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 20))
def test_a_slice_hashes_like_its_bytes(data: bytes, before: int) -> None:
    buffer = np.frombuffer(b"\xff" * before + data + b"\xee" * 8, np.uint8)
    low, high = siphash(WORDS, buffer, before, before + len(data))
    assert (int(low), int(high)) == hash_bytes(WORDS, data)
    assert int(content_hash(WORDS[0], WORDS[1], buffer, before, before + len(data))) == hash_content(WORDS, data)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_siphash_agrees_with_plain_integers(data: bytes) -> None:
    assert hash_bytes(WORDS, data) == _plain_siphash(data)


@settings(deadline=None)
@given(st.binary(max_size=30), st.binary(max_size=30))
def test_a_prefix_need_not_be_joined(prefix: bytes, data: bytes) -> None:
    low, high = siphash_after(prefix_of(WORDS, prefix), padded(data), 0, len(data))
    assert (int(low), int(high)) == hash_bytes(WORDS, prefix + data)


def _plain_siphash(data: bytes) -> tuple[int, int]:
    """SipHash-2-4-128 in Python integers, written anew from the paper as an oracle."""
    mask = 2**64 - 1
    k0, k1 = int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & mask

    def rounds(count: int) -> None:
        for _ in range(count):
            for a, b, c, d, first, second in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                v[a] = (v[a] + v[b]) & mask
                v[c] = (v[c] + v[d]) & mask
                v[b] = turn(v[b], first) ^ v[a]
                v[d] = turn(v[d], second) ^ v[c]
                v[a] = turn(v[a], 32)

    whole = len(data) // 8 * 8
    tail = data[whole:].ljust(7, b"\0") + bytes([len(data) & 0xFF])
    for i in range(0, whole + 8, 8):
        word = int.from_bytes(tail if i == whole else data[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xEE
    rounds(4)
    low = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xDD
    rounds(4)
    return low, v[0] ^ v[1] ^ v[2] ^ v[3]


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        key_words(b"short")


def test_sources_keep_their_ids_apart() -> None:
    assert hash_message(WORDS, "web", "1") != hash_message(WORDS, "app", "1")
    assert 0 <= hash_key(WORDS, "A-1") < 2**63
