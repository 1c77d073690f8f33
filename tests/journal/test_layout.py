"""Named arrays come back from their bytes as they were."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from opportune.facts import DECISION, GOAL, Arrays
from opportune.journal import ARRAYS_MAX, JournalError
from opportune.journal.layout import decode_arrays, dtype_of, dtype_text, encode_arrays

PADDED = np.dtype([("flag", "u1"), ("n", "i8"), ("pair", "i4", (2,)), ("in", [("z", "u2"), ("w", "f8")])], align=True)
DTYPES = [DECISION, GOAL, PADDED, np.dtype(">i4"), np.dtype("S5"), np.dtype("M8[ms]"), np.dtype("?"), np.dtype("f4")]


def round_trip(arrays: Arrays) -> Arrays:
    table_bytes, payload = encode_arrays(arrays)
    assert len(payload) % 8 == 0
    return decode_arrays(memoryview(payload), table_bytes)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_dtype_comes_back_from_its_text(dtype: np.dtype[np.generic]) -> None:
    assert dtype_of(dtype_text(dtype)) == dtype
    assert dtype_of(dtype_text(dtype)).itemsize == dtype.itemsize


@pytest.mark.parametrize("shape", [(), (0,), (7,), (0, 3), (5, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_structured_arrays_come_back(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
    count = int(np.prod(shape))
    raw = (np.arange(count * dtype.itemsize) % 2).astype(np.uint8)
    array = np.ndarray(shape, dtype, raw.tobytes())
    back = round_trip({"before": np.arange(3, dtype=np.uint8), "it": array, "after": np.arange(2)})
    assert back["it"].dtype == dtype
    assert back["it"].shape == shape
    assert back["it"].tobytes() == array.tobytes()
    assert back["after"].tolist() == [0, 1]


ANY_ARRAY = npst.arrays(
    st.sampled_from([np.dtype(t) for t in ("u1", "<u2", ">i4", "i8", "f8", "S3")]),
    npst.array_shapes(max_dims=2, min_side=0),
)


@given(st.dictionaries(st.text(max_size=8), ANY_ARRAY, max_size=6))
def test_any_arrays_come_back(arrays: Arrays) -> None:
    back = round_trip(arrays)
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape, back[name].tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert back[name].ctypes.data % min(array.dtype.alignment, 8) == 0


@pytest.mark.parametrize(
    "array", [np.arange(20)[::3], np.arange(12).reshape(3, 4).T, np.arange(12).reshape(3, 4)[:, 1]]
)
def test_arrays_with_strides_come_back(array: NDArray[np.int64]) -> None:
    np.testing.assert_array_equal(round_trip({"a": array})["a"], array)


def test_record_arrays_come_back_as_their_structure() -> None:
    records = np.zeros(3, GOAL).view(np.recarray)
    records.value = [1, 2, 3]
    back = round_trip({"goals": records})["goals"]
    assert back.dtype == GOAL
    assert back["value"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("arrays", "cause"),
    [
        ({"a": np.zeros((1, 1, 1))}, "3 dimensions; at most 2"),
        ({"a": np.array([None])}, "type object cannot be journaled"),
        ({str(i): np.zeros(1) for i in range(ARRAYS_MAX + 1)}, "at most 256 arrays"),
        ({"n" * 70_000: np.zeros(1)}, "at most 256 arrays and 65,528 bytes"),
    ],
    ids=["dimensions", "objects", "arrays", "table"],
)
def test_what_has_no_plain_bytes_is_refused(arrays: Arrays, cause: str) -> None:
    with pytest.raises(JournalError, match=cause):
        encode_arrays(arrays)
