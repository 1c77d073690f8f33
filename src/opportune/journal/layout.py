"""Named arrays as bytes: a small table (name, type, shape, place), then the raw buffers, each 8-byte aligned.

Reading makes views into the bytes; no element is touched.
"""

import json
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from opportune.facts import Arrays
from opportune.journal.errors import JournalError

ALIGNMENT_BYTES = 8
ARRAYS_MAX = 256
DIMENSIONS_MAX = 2
TABLE_BYTES_MAX = 65_528
DTYPES_CACHED_MAX = 1_024

Row = tuple[str, str, tuple[int, ...], int]
"""One array in the table: name, dtype text, shape, offset in bytes from the end of the table."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Row])
_PADS = tuple(bytes(n) for n in range(ALIGNMENT_BYTES))


def padding(size: int) -> bytes:
    """The zero bytes that bring `size` to the next multiple of 8."""
    return _PADS[-size % ALIGNMENT_BYTES]


@lru_cache(DTYPES_CACHED_MAX)
def dtype_text(dtype: np.dtype[Any]) -> str:
    """A dtype as text, structured ones as JSON. Raises JournalError for one that has no plain bytes."""
    if dtype.hasobject:
        raise JournalError(
            f"an array of type {dtype} cannot be journaled; use integers, fixed bytes or a structure of them"
        )
    described: Any = npy_format.dtype_to_descr(dtype)
    return described if isinstance(described, str) else json.dumps(described, separators=(",", ":"))


@lru_cache(DTYPES_CACHED_MAX)
def dtype_of(text: str) -> np.dtype[Any]:
    """The inverse of `dtype_text`."""
    described: Any = _described(json.loads(text)) if text.startswith("[") else text
    return npy_format.descr_to_dtype(described)


def _described(raw: Any) -> Any:
    if isinstance(raw, str):
        return raw
    return [(field[0], _described(field[1]), *(tuple(shape) for shape in field[2:])) for field in raw]


def encode_table(rows: list[Row]) -> bytes:
    """The table's bytes. Raises JournalError beyond ARRAYS_MAX or TABLE_BYTES_MAX."""
    table = _encoder.encode(rows)
    if len(rows) > ARRAYS_MAX or len(table) > TABLE_BYTES_MAX:
        raise JournalError(
            f"{len(rows)} arrays described in {len(table):,} bytes: at most {ARRAYS_MAX} arrays and "
            f"{TABLE_BYTES_MAX:,} bytes go together; split them or shorten their names"
        )
    return table


def as_bytes(array: NDArray[Any], first: int, count: int) -> memoryview:
    """`count` bytes of a C-contiguous array from byte `first` on, without a copy."""
    return np.ndarray((count,), np.uint8, array, first).data


def view(buffer: Any, row: Row, base: int) -> NDArray[Any]:
    """The array of `row` as a view into `buffer`, where offset 0 is at byte `base`. Raises TypeError beyond its end."""
    _, text, shape, offset = row
    return np.ndarray(shape, dtype_of(text), buffer, base + offset)


def encode_arrays(arrays: Arrays) -> tuple[int, bytes]:
    """(bytes of the table, table + buffers as one string of bytes). The arrays are copied once, so they may change afterwards.

    Raises JournalError for arrays of more than two dimensions or of types without plain bytes.
    """
    rows: list[Row] = []
    parts: list[Any] = [b"", b""]
    offset = 0
    for name, array in arrays.items():
        if array.ndim > DIMENSIONS_MAX:
            raise JournalError(f"array `{name}` has {array.ndim} dimensions; at most {DIMENSIONS_MAX} are journaled")
        plain = array if array.flags.c_contiguous else np.ascontiguousarray(array)
        size = plain.nbytes
        rows.append((name, dtype_text(plain.dtype), plain.shape, offset))
        parts += (plain, padding(size))
        offset += size + -size % ALIGNMENT_BYTES
    parts[0] = table = encode_table(rows)
    parts[1] = padding(len(table))
    return len(table), b"".join(parts)


def decode_arrays(payload: memoryview, table_bytes: int) -> Arrays:
    """Views into `payload`, read-only where it is.

    Raises msgspec.MsgspecError, ValueError or TypeError where the bytes are not what `encode_arrays` wrote.
    """
    base = table_bytes + -table_bytes % ALIGNMENT_BYTES
    return {row[0]: view(payload, row, base) for row in _decoder.decode(payload[:table_bytes])}
