"""SipHash-2-4 with 128 bits: the one keyed hash of identifiers, message ids and keys.

Keyed by the deployment, so that nobody outside can aim at a slot of our tables or recognise a phone number by its hash.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import COMPILED, VALUE_MAX, compiled_leaf, load8, pointed, record

KEY_BYTES = 16
PADDING = 8
"""Readable bytes that must follow the last byte of a buffer given to the compiled functions."""

PREFIX = record([(name, "u8") for name in ("v0", "v1", "v2", "v3", "tail")] + [("kept", "i8"), ("length", "i8")])
"""A hash that has begun: its four words after the whole words of a prefix of `length` bytes, whose last `kept` (0..7) bytes wait in `tail`."""
_prefix_at = pointed(PREFIX)

_K0 = np.uint64(0x736F6D6570736575)
_K1 = np.uint64(0x646F72616E646F6D)
_K2 = np.uint64(0x6C7967656E657261)
_K3 = np.uint64(0x7465646279746573)
_MIX_A = np.uint64(0x9E3779B97F4A7C15)
_MIX_B = np.uint64(0xC2B2AE3D27D4EB4F)
_U = np.uint64
_ONE = _U(1)

if not COMPILED:
    np.seterr(over="ignore")  # plain NumPy scalars warn where the compiled code wraps around by design


@compiled_leaf
def low_bytes(word: Any, count: int) -> Any:
    """The first `count` (from 0 on) bytes of a little-endian word, the others zero."""
    return word if count >= 8 else word & ((_ONE << _U(8 * count)) - _ONE)


@compiled_leaf
def _rotate(word: Any, by: int) -> Any:
    return (word << _U(by)) | (word >> _U(64 - by))


@compiled_leaf
def _round(v0: Any, v1: Any, v2: Any, v3: Any) -> tuple[Any, Any, Any, Any]:
    v0 = v0 + v1
    v2 = v2 + v3
    v1 = _rotate(v1, 13) ^ v0
    v3 = _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2 = v2 + v1
    v0 = v0 + v3
    v1 = _rotate(v1, 17) ^ v2
    v3 = _rotate(v3, 21) ^ v0
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@compiled_leaf
def _absorb(v0: Any, v1: Any, v2: Any, v3: Any, word: Any) -> tuple[Any, Any, Any, Any]:
    v0, v1, v2, v3 = _round(v0, v1, v2, v3 ^ word)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ word, v1, v2, v3


@compiled_leaf
def _initial(key: NDArray[np.uint64]) -> tuple[Any, Any, Any, Any]:
    return key[0] ^ _K0, key[1] ^ _K1 ^ _U(0xEE), key[0] ^ _K2, key[1] ^ _K3


@compiled_leaf
def _finish(
    v0: Any, v1: Any, v2: Any, v3: Any, word: Any, kept: int, length: int, data: Any, start: int, end: int
) -> tuple[Any, Any]:  # fmt: skip
    """The hash of a prefix, given as the fields of PREFIX, followed by data[start:end]."""
    at = start
    if kept > 0:
        word |= low_bytes(load8(data, at), min(8 - kept, end - at)) << _U(8 * kept)
        at += 8 - kept
        if at <= end:
            v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, word)
    while at + 8 <= end:
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, load8(data, at))
        at += 8
    if at <= end:
        word = low_bytes(load8(data, at), end - at)
    v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, word | (_U(length + end - start) << _U(56)))
    v2 ^= _U(0xEE)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    low = v0 ^ v1 ^ v2 ^ v3
    v1 ^= _U(0xDD)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return low, v0 ^ v1 ^ v2 ^ v3


@compiled_leaf
def siphash_after(prefix: Any, data: Any, start: int, end: int) -> tuple[Any, Any]:
    """(low, high) of the SipHash-2-4-128 of a PREFIX followed by data[start:end]; PADDING bytes after `end` must be readable."""
    p = prefix
    return _finish(p.v0, p.v1, p.v2, p.v3, p.tail, p.kept, p.length, data, start, end)


@compiled_leaf
def siphash(key: NDArray[np.uint64], data: NDArray[np.uint8], start: int, end: int) -> tuple[Any, Any]:
    """(low, high) 64-bit words of the SipHash-2-4-128 of data[start:end]; PADDING bytes after `end` must be readable."""
    v0, v1, v2, v3 = _initial(key)
    return _finish(v0, v1, v2, v3, _U(0), 0, 0, data, start, end)


@compiled_leaf
def _begin(address: int, key: NDArray[np.uint64], data: NDArray[np.uint8], length: int) -> None:
    prefix = _prefix_at(address)
    v0, v1, v2, v3 = _initial(key)
    at = 0
    while at + 8 <= length:
        v0, v1, v2, v3 = _absorb(v0, v1, v2, v3, load8(data, at))
        at += 8
    prefix.v0, prefix.v1, prefix.v2, prefix.v3 = v0, v1, v2, v3
    prefix.tail, prefix.kept, prefix.length = low_bytes(load8(data, at), length - at), length - at, length


@compiled_leaf
def content_hash(key0: Any, key1: Any, data: Any, start: int, end: int) -> Any:
    """A quick 64-bit hash of data[start:end] under two key words, only to tell a repeated message from a clash of ids."""
    a = key0 ^ _U(end - start)
    b = key1
    at = start
    while at + 16 <= end:
        a = (a ^ load8(data, at)) * _MIX_A
        b = (b ^ load8(data, at + 8)) * _MIX_B
        a ^= a >> _U(29)
        b ^= b >> _U(31)
        at += 16
    if at + 8 <= end:
        a = (a ^ load8(data, at)) * _MIX_A
        a ^= a >> _U(29)
        at += 8
    b = (b ^ low_bytes(load8(data, at), end - at)) * _MIX_B
    a = (a ^ _rotate(b, 32)) * _MIX_A
    a = (a ^ (a >> _U(32))) * _MIX_B
    return a ^ (a >> _U(29))


def key_words(key: bytes) -> NDArray[np.uint64]:
    """The 16 bytes of a deployment key as the two words the compiled functions take. Raises ValueError for another length."""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"a deployment key has {KEY_BYTES} bytes, not {len(key)}; make one with os.urandom({KEY_BYTES})"
        )
    return np.frombuffer(key, "<u8").astype(np.uint64)


def padded(data: bytes) -> NDArray[np.uint8]:
    """`data` as a u1 array with PADDING zero bytes behind it."""
    return np.frombuffer(data + bytes(PADDING), np.uint8)


def prefix_of(words: NDArray[np.uint64], text: bytes = b"") -> Any:
    """The PREFIX record of hashes that begin with `text`; `words` from `key_words`."""
    prefix = np.zeros(1, PREFIX)
    _begin(prefix.ctypes.data, words, padded(text), len(text))
    return prefix[0]


def hash_bytes(words: NDArray[np.uint64], data: bytes) -> tuple[int, int]:
    """(low, high) of the SipHash-2-4-128 of `data`, for code that works on Python bytes; `words` from `key_words`."""
    low, high = siphash(words, padded(data), 0, len(data))
    return int(low), int(high)


def hash_identifier(words: NDArray[np.uint64], kind: str, text: str) -> tuple[int, int]:
    """The 128-bit hash by which an identifier is known in the journal: kind, a zero byte, text."""
    return hash_bytes(words, b"%b\0%b" % (kind.encode(), text.encode()))


def hash_message(words: NDArray[np.uint64], source: str, message_id: str) -> tuple[int, int]:
    """The 128-bit hash of a message id within its source. (0, 0) means "no id" in a batch and is never returned."""
    low, high = hash_bytes(words, b"%b\0%b" % (source.encode(), message_id.encode()))
    return (low, high) if low or high else (1, 0)


def hash_key(words: NDArray[np.uint64], text: str) -> int:
    """The 63-bit number that stands for an opaque reference (kind `key`) in a slot."""
    return hash_bytes(words, text.encode())[0] & VALUE_MAX


def hash_content(words: NDArray[np.uint64], data: bytes, gap: tuple[int, int] | None = None) -> int:
    """`content_hash` of Python bytes; with `gap` (start, end) of what is before it, and of what is after it under that."""
    if gap is None:
        return int(content_hash(words[0], words[1], padded(data), 0, len(data)))
    before = np.uint64(content_hash(words[0], words[1], padded(data), 0, gap[0]))
    return int(content_hash(before, words[1], padded(data), gap[1], len(data)))
