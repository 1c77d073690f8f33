"""Tables in kernel code: an extension of Numba by a type of three words, without reference counting, and three machine instructions.

Everything that knows Numba's insides is in this file; `bundles` says what it is for.
"""

import operator
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
from numpy.typing import NDArray

from opportune.facts.compiled import COMPILED


class Rows(types.Type):
    """A table in kernel code: an address, its rows and words per row. Indexing reads and writes in place; nothing is counted."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Rows({dtype})")


@register_model(Rows)
class _RowsModel(models.StructModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("start", types.voidptr), ("rows", types.intp), ("words", types.intp)])


make_attribute_wrapper(Rows, "rows", "rows")
make_attribute_wrapper(Rows, "words", "words")


@lower_builtin(len, Rows)
def _lower_len(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=arguments[0]).rows


@infer_global(len)
class _Len(AbstractTemplate):
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
class _GetItem(AbstractTemplate):
    def generic(self, arguments: Any, _named: Any) -> Any:
        table, index = arguments
        if isinstance(table, Rows) and _element(index, table):
            return signature(table.dtype, table, index)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
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
        pair: Any = kinds[1]
        row, word = cgutils.unpack_tuple(builder, index)
        row = context.cast(builder, row, pair[0], types.intp)
        word = context.cast(builder, word, pair[1], types.intp)
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


def rows_maker(kind: np.dtype[Any]) -> Any:
    """The intrinsic (address, rows, words) -> Rows of a data type."""
    numba_kind = numba.from_dtype(kind)

    @intrinsic
    def make(_context: Any, address: Any, rows: Any, words: Any) -> Any:
        result = Rows(numba_kind)

        def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            table = cgutils.create_struct_proxy(result)(context, builder)
            table.start = builder.inttoptr(arguments[0], cgutils.voidptr_t)
            table.rows, table.words = arguments[1], arguments[2]
            return table._getvalue()

        return result(types.uint64, types.intp, types.intp), generate

    return make


def rows_reader(name: str, kind: np.dtype[Any], dimensions: int) -> Any:
    """The intrinsic bundle -> Rows of its table `name`: three loads where it stands, instead of a function to compile and call."""
    result = Rows(numba.from_dtype(kind))

    @intrinsic
    def read(_context: Any, bundle: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
            def word(field: str) -> Any:
                place = cgutils.get_record_member(builder, arguments[0], bundle.offset(field), ir.IntType(64))
                return builder.load(place, align=1)

            table = cgutils.create_struct_proxy(result)(context, builder)
            table.start = builder.inttoptr(word(name), cgutils.voidptr_t)
            table.rows = word(f"{name}_rows")
            table.words = word(f"{name}_words") if dimensions == 2 else ir.IntType(64)(1)
            return table._getvalue()

        return (result(bundle), generate) if isinstance(bundle, types.Record) else None

    return read


def _prefetch_type(_context: Any, rows: Any, _index: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        place = builder.bitcast(_place(context, builder, sig.args, arguments), cgutils.voidptr_t)
        kinds = [cgutils.voidptr_t, *[cgutils.int32_t] * 3]
        name = "llvm.prefetch.p0" if getattr(cgutils.voidptr_t, "is_opaque", False) else "llvm.prefetch.p0i8"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
        builder.call(function, [place, *(cgutils.int32_t(n) for n in (1, 2, 1))])
        return context.get_dummy_value()

    return types.none(rows, types.intp), generate


def _prefetch_plain(_rows: Any, _index: int) -> None:
    """Nothing to do uncompiled."""


prefetch: Any = intrinsic(_prefetch_type) if COMPILED else _prefetch_plain
"""prefetch(table, i): ask for the cache line of element `i` ahead of its use; changes nothing."""


def _lowest_bit_type(_context: Any, word: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return (types.int64(types.int64), generate) if word == types.int64 else None


def _lowest_bit_plain(word: int) -> int:
    return (int(word) & -int(word)).bit_length() - 1


lowest_bit: Any = intrinsic(_lowest_bit_type) if COMPILED else _lowest_bit_plain
"""lowest_bit(word): the number of the lowest bit set in an i8 that is not 0."""


def _load_type(context: Any, data: Any, at: Any) -> Any:
    """Typing and code of `load8` for Numba: one unaligned load."""

    def codegen(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if isinstance(signature.args[0], Rows):
            start = cgutils.create_struct_proxy(signature.args[0])(target, builder, value=arguments[0]).start
        else:
            start = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        byte = builder.gep(builder.bitcast(start, cgutils.voidptr_t), [arguments[1]])
        word = builder.load(builder.bitcast(byte, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    if isinstance(data, (types.Array, Rows)) and data.dtype == types.uint8 and isinstance(at, types.Integer):
        return types.uint64(data, types.int64), codegen
    return None


def _load_plain(data: NDArray[np.uint8], at: int) -> np.uint64:
    return np.uint64(int.from_bytes(data[at : at + 8].tobytes(), "little"))


load8: Any = intrinsic(_load_type) if COMPILED else _load_plain
"""load8(data, at): the 8 bytes of a u1 array or table from `at` on as a little-endian word. Not checked: 8 bytes must be readable."""


def _first_byte_type(_context: Any, word: Any) -> Any:
    def codegen(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        zeros = builder.cttz(arguments[0], ir.IntType(1)(1))
        return builder.lshr(zeros, ir.IntType(64)(3))

    return types.int64(types.uint64), codegen


def _first_byte_plain(word: Any) -> int:
    return ((int(word) & -int(word)).bit_length() - 1) // 8


first_byte: Any = intrinsic(_first_byte_type) if COMPILED else _first_byte_plain
"""first_byte(word): the index (0..7) of the lowest byte of a u8 that is not zero; the word must not be 0."""
