"""Bundles: many arrays behind one record of addresses, so that kernel functions pass pointers instead of hundreds of words.

A kernel function that takes arrays gets seven words for each, at every call, and Numba counts references on the way: with the sixty
tables of a playbook a call costs microseconds and compiling takes a minute. A bundle is a record of addresses and lengths; `table`
makes the function that gives one of its arrays. Whoever fills a bundle keeps the arrays alive.
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import DTypeLike, NDArray

from opportune.facts.compiled import compiled

COMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


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


if COMPILED:
    carray = numba.carray

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's extension point
    def _pointer(_context: Any, address: Any) -> Any:
        def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], cgutils.voidptr_t)

        return types.voidptr(types.uint64), generate

else:

    def _pointer(address: int) -> int:
        return int(address)

    def carray(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = int(np.prod(shape)) * dtype.itemsize
        if size == 0:
            return np.empty(shape, dtype).view(np.recarray if dtype.names else np.ndarray)
        flat = np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
        array = flat.reshape([int(n) for n in shape])
        return array.view(np.recarray) if dtype.names else array


def table(name: str, dtype: DTypeLike, dimensions: int = 1) -> Callable[[Any], Any]:
    """The kernel function bundle -> array for one of its tables."""
    rows, words = f"{name}_rows", f"{name}_words"
    kind = np.dtype(dtype)

    def one(bundle: Any) -> Any:
        return carray(_pointer(bundle[name]), (bundle[rows],), kind)

    def two(bundle: Any) -> Any:
        return carray(_pointer(bundle[name]), (bundle[rows], bundle[words]), kind)

    return compiled(two if dimensions == 2 else one)


def pointed(dtype: np.dtype[Any]) -> Callable[[int], Any]:
    """The kernel function address -> record, for the outermost bundles of a call."""

    def at(address: int) -> Any:
        return carray(_pointer(np.uint64(address)), (1,), dtype)[0]

    return compiled(at)
