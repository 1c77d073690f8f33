"""Bundles: many arrays behind one record of addresses, so that kernel functions pass pointers instead of hundreds of words.

A kernel function that takes arrays gets seven words for each, at every call, and Numba counts references on the way: with the sixty
tables of a playbook a call costs microseconds and compiling takes a minute. A bundle is a record of addresses and lengths; `table`
makes the function that gives one of its arrays. Whoever fills a bundle keeps the arrays alive.
"""

import ctypes
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from opportune.facts.compiled import COMPILED, compiled_leaf
from opportune.facts.rows import rows_maker, rows_reader


def record(fields: Iterable[tuple[str, DTypeLike]]) -> np.dtype[Any]:
    """A structured type whose fields are read as attributes, compiled or not."""
    return np.dtype((np.record, [(name, kind) for name, kind in fields]))


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


def _array(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The same table as an array, for the uncompiled run."""
    size = int(np.prod(shape)) * dtype.itemsize
    if size == 0:
        return np.empty(shape, dtype).view(np.recarray if dtype.names else np.ndarray)
    flat = np.frombuffer(memoryview((ctypes.c_char * size).from_address(int(address))), dtype)
    array = flat.reshape([int(n) for n in shape])
    return array.view(np.recarray) if dtype.names else array


def table(name: str, dtype: DTypeLike, dimensions: int = 1) -> Callable[[Any], Any]:
    """The kernel function bundle -> table, for one of a bundle's tables."""
    rows, words = f"{name}_rows", f"{name}_words"
    kind = np.dtype(dtype)
    if not COMPILED:
        if dimensions == 2:
            return lambda bundle: _array(bundle[name], (bundle[rows], bundle[words]), kind)
        return lambda bundle: _array(bundle[name], (bundle[rows],), kind)
    reader: Callable[[Any], Any] = rows_reader(name, kind, dimensions)
    return reader


def pointed(dtype: np.dtype[Any]) -> Callable[[int], Any]:
    """The kernel function address -> record, for the outermost bundles of a call."""
    if not COMPILED:
        return lambda address: _array(address, (1,), dtype)[0]
    make = rows_maker(dtype)

    def at(address: int) -> Any:
        return make(np.uint64(address), 1, 1)[0]

    return compiled_leaf(at)
