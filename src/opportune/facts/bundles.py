"""Bundles: many arrays behind one record of addresses, so that kernel functions pass pointers instead of hundreds of words.

A kernel function that takes arrays gets seven words for each, at every call, and Numba counts references on the way: with the sixty
tables of a playbook a call costs microseconds and compiling takes a minute. A bundle is a record of addresses and lengths; `table`
makes the function that gives one of its arrays. Whoever fills a bundle keeps the arrays alive.
"""

import ctypes
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import (
    intrinsic,
    lower_builtin,
    make_attribute_wrapper,
    models,
    overload_attribute,
    register_model,
)
from numpy.typing import DTypeLike, NDArray

from opportune.facts.compiled import COMPILED, compiled_leaf


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


class Rows(types.Type):  # type: ignore[misc]  # Numba's types are untyped
    """A table in kernel code: an address, its rows and words per row. Indexing reads and writes in place; nothing is counted."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Rows({dtype})")


@register_model(Rows)
class _RowsModel(models.StructModel):  # type: ignore[misc]  # as above
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("start", types.voidptr), ("rows", types.intp), ("words", types.intp)])


make_attribute_wrapper(Rows, "rows", "rows")
make_attribute_wrapper(Rows, "words", "words")


@lower_builtin(len, Rows)
def _lower_len(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=arguments[0]).rows


@infer_global(len)
class _Len(AbstractTemplate):  # type: ignore[misc]  # as above
    def generic(self, arguments: Any, _named: Any) -> Any:
        return signature(types.intp, *arguments) if isinstance(arguments[0], Rows) else None


@overload_attribute(Rows, "shape")
def _rows_shape(table):  # type: ignore[no-untyped-def]  # Numba compares the two signatures, annotations included
    return lambda table: (table.rows, table.words)


def _element(index: Any, table: Rows) -> bool:
    return isinstance(index, types.Integer) or (
        isinstance(index, types.BaseTuple) and len(index) == 2 and not isinstance(table.dtype, types.Record)
    )


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):  # type: ignore[misc]  # as above
    def generic(self, arguments: Any, _named: Any) -> Any:
        table, index = arguments
        if isinstance(table, Rows) and _element(index, table):
            return signature(table.dtype, table, index)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):  # type: ignore[misc]  # as above
    def generic(self, arguments: Any, _named: Any) -> Any:
        table, index, _value = arguments
        if isinstance(table, Rows) and _element(index, table) and not isinstance(table.dtype, types.Record):
            return signature(types.none, table, index, table.dtype)
        return None


def _place(context: Any, builder: Any, kinds: Any, arguments: Any) -> Any:
    """The address of an element, as a pointer to its data."""
    table = cgutils.create_struct_proxy(kinds[0])(context, builder, value=arguments[0])
    index = arguments[1]
    if isinstance(kinds[1], types.BaseTuple):
        row, word = cgutils.unpack_tuple(builder, index)
        row = context.cast(builder, row, kinds[1][0], types.intp)
        word = context.cast(builder, word, kinds[1][1], types.intp)
        index = builder.add(builder.mul(row, table.words), word)
    else:
        index = context.cast(builder, index, kinds[1], types.intp)
    kind = kinds[0].dtype
    size = kind.size if isinstance(kind, types.Record) else kind.bitwidth // 8
    byte = builder.gep(table.start, [builder.mul(index, index.type(size))])
    return builder.bitcast(byte, context.get_data_type(kind).as_pointer())


@lower_builtin(operator.getitem, Rows, types.Any)
def _lower_get(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    place = _place(context, builder, sig.args, arguments)
    if isinstance(sig.return_type, types.Record):
        return place
    return builder.load(place)


@lower_builtin(operator.setitem, Rows, types.Any, types.Any)
def _lower_set(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    builder.store(arguments[2], _place(context, builder, sig.args, arguments))
    return context.get_dummy_value()


def _array(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The same table as an array, for the uncompiled run."""
    size = int(np.prod(shape)) * dtype.itemsize
    if size == 0:
        return np.empty(shape, dtype).view(np.recarray if dtype.names else np.ndarray)
    flat = np.frombuffer((ctypes.c_char * size).from_address(int(address)), dtype)
    array = flat.reshape([int(n) for n in shape])
    return array.view(np.recarray) if dtype.names else array


def _rows(kind: np.dtype[Any]) -> Any:
    """The intrinsic (address, rows, words) -> Rows of a data type."""
    numba_kind = numba.from_dtype(kind)

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's extension point
    def make(_context: Any, address: Any, rows: Any, words: Any) -> Any:
        result = Rows(numba_kind)

        def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            table = cgutils.create_struct_proxy(result)(context, builder)
            table.start = builder.inttoptr(arguments[0], cgutils.voidptr_t)
            table.rows, table.words = arguments[1], arguments[2]
            return table._getvalue()

        return result(types.uint64, types.intp, types.intp), generate

    return make


if COMPILED:

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's extension point
    def prefetch(_context: Any, rows: Any, index: Any) -> Any:
        """Ask for the cache line of table element `index` ahead of its use; changes nothing."""

        def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            place = builder.bitcast(_place(context, builder, sig.args, arguments), cgutils.voidptr_t)
            kinds = [cgutils.voidptr_t, *[cgutils.int32_t] * 3]
            name = "llvm.prefetch.p0" if getattr(cgutils.voidptr_t, "is_opaque", False) else "llvm.prefetch.p0i8"
            function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
            builder.call(function, [place, *(cgutils.int32_t(n) for n in (1, 2, 1))])
            return context.get_dummy_value()

        return types.none(rows, types.intp), generate

else:

    def prefetch(_rows: Any, _index: int) -> None:
        """Nothing to do uncompiled."""


def table(name: str, dtype: DTypeLike, dimensions: int = 1) -> Callable[[Any], Any]:
    """The kernel function bundle -> table, for one of a bundle's tables."""
    rows, words = f"{name}_rows", f"{name}_words"
    kind = np.dtype(dtype)
    if not COMPILED:
        if dimensions == 2:
            return lambda bundle: _array(bundle[name], (bundle[rows], bundle[words]), kind)
        return lambda bundle: _array(bundle[name], (bundle[rows],), kind)
    make = _rows(kind)

    def one(bundle: Any) -> Any:
        return make(bundle[name], bundle[rows], 1)

    def two(bundle: Any) -> Any:
        return make(bundle[name], bundle[rows], bundle[words])

    return compiled_leaf(two if dimensions == 2 else one)


def pointed(dtype: np.dtype[Any]) -> Callable[[int], Any]:
    """The kernel function address -> record, for the outermost bundles of a call."""
    if not COMPILED:
        return lambda address: _array(address, (1,), dtype)[0]
    make = _rows(dtype)

    def at(address: int) -> Any:
        return make(np.uint64(address), 1, 1)[0]

    return compiled_leaf(at)
