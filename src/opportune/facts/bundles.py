"""Bundles: many arrays behind one record of addresses, so that kernel functions pass pointers instead of hundreds of words.

A kernel function that takes arrays gets seven words for each, at every call, and Numba counts references on the way: with the sixty
tables of a playbook a call costs microseconds and compiling takes a minute. A bundle is a record of addresses and lengths; `table`
makes the function that gives one of its arrays. Whoever fills a bundle keeps the arrays alive.
"""

import ctypes
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from opportune.facts.compiled import COMPILED, compiled_leaf
from opportune.facts.rows import rows_maker, rows_reader

ARRAYS_KEPT_MAX = 1_024


class _Record(np.record):  # type: ignore[misc]  # final in the stubs only
    """A record whose attributes are its fields, three times as fast as np.record's: for the uncompiled run."""

    __slots__ = ()
    __getattribute__ = np.void.__getattribute__
    __getattr__ = np.void.__getitem__
    __setattr__ = np.void.__setitem__
    __getitem__ = np.void.__getitem__  # type: ignore[assignment]  # the same for a record's fields
    __setitem__ = np.void.__setitem__


LINE_BYTES = 64
"""What memory hands over at a time."""


def record(fields: Iterable[tuple[str, DTypeLike]]) -> np.dtype[Any]:
    """A structured type whose fields are read as attributes, compiled or not."""
    return np.dtype((np.record if COMPILED else _Record, [(name, kind) for name, kind in fields]))


def bundle(tables: Mapping[str, int], fields: Iterable[tuple[str, DTypeLike]] = ()) -> np.dtype[Any]:
    """The record type of a bundle: `tables` (name -> dimensions, 1 or 2), then plain fields (figures or inner bundles)."""
    parts: list[tuple[str, DTypeLike]] = []
    for name, dimensions in tables.items():
        parts += [(name, "u8"), (f"{name}_rows", "i8")]
        if dimensions == 2:
            parts.append((f"{name}_words", "i8"))
    return record([*parts, *fields])


def point(into: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Fill a bundle with the addresses and shapes of arrays; each must be contiguous, and be kept alive by the caller."""
    for name, array in arrays.items():
        if not array.flags.c_contiguous:
            raise ValueError(f"table {name} is not contiguous")
        into[name] = array.ctypes.data
        into[f"{name}_rows"] = array.shape[0]
        if array.ndim == 2:
            into[f"{name}_words"] = array.shape[1]


def in_lines(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins where a line of memory does, so that rows of whole lines lie in no more lines than they must."""
    space = np.empty(array.nbytes + LINE_BYTES, np.uint8)
    start = -space.ctypes.data % LINE_BYTES
    placed = space[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    placed[...] = array
    return placed


@functools.lru_cache(ARRAYS_KEPT_MAX)
def _array(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The same table as an array, for the uncompiled run. It owns nothing: whatever lies there later is seen through it, too."""
    size = math.prod(shape) * dtype.itemsize
    if size == 0:
        return np.empty(shape, dtype)
    flat = np.frombuffer(memoryview((ctypes.c_char * size).from_address(address)), dtype)
    return flat.reshape(shape)


def table(name: str, dtype: DTypeLike, dimensions: int = 1) -> Callable[[Any], Any]:
    """The kernel function bundle -> table, for one of a bundle's tables."""
    rows, words = f"{name}_rows", f"{name}_words"
    kind = np.dtype(dtype)
    if not COMPILED:
        kind = np.dtype((_Record, kind)) if kind.names else kind
        if dimensions == 2:
            return lambda bundle: _array(int(bundle[name]), (int(bundle[rows]), int(bundle[words])), kind)
        return lambda bundle: _array(int(bundle[name]), (int(bundle[rows]),), kind)
    reader: Callable[[Any], Any] = rows_reader(name, kind, dimensions)
    return reader


def pointed(dtype: np.dtype[Any]) -> Callable[[int], Any]:
    """The kernel function address -> record, for the outermost bundles of a call."""
    if not COMPILED:
        return lambda address: _array(int(address), (1,), dtype)[0]
    make = rows_maker(dtype)

    def at(address: int) -> Any:
        return make(np.uint64(address), 1, 1)[0]

    return compiled_leaf(at)
