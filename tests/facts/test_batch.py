"""Batches of facts as columns: written and read, taken and joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.facts import NOBODY, NULL, BatchBuilder, FactBatch, FactKind

VALUES = st.lists(st.integers(NULL, 2**63 - 1), max_size=4)
FACTS = st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.integers(0, 2**50), VALUES,
                           st.booleans(), st.booleans()), max_size=8)  # fmt: skip
Row = tuple[int, int, int, int, list[int], bool, bool]


def built(facts: list[Row]) -> FactBatch:
    """The facts as a batch, with texts and a body."""
    builder = BatchBuilder()
    for i, (kind, code, customer, at, values, named, extra) in enumerate(facts):
        builder.add(
            kind, code, customer, at, at + i, values,
            message=(2**64 - 1, i) if named else (0, 0), content=i if named else 0, extra=b'{"a":1}' if extra else None,
        )  # fmt: skip
    builder.add_body(FactKind.PLAYBOOK, b"a body", 5)
    builder.texts.extend(["", "é", "two words"])
    return builder.build()


def rows(batch: FactBatch) -> list[tuple[object, ...]]:
    """The batch fact by fact."""
    return [
        (batch.kind[i], batch.code[i], batch.customer[i], batch.at_ms[i], batch.now_ms[i],
         batch.values[batch.first[i] : batch.first[i + 1]].tolist(), batch.message[i].tolist(), batch.content[i], batch.extras.get(i))
        for i in range(len(batch))
    ]  # fmt: skip


@given(FACTS)
def test_what_is_written_is_read(facts: list[Row]) -> None:
    batch = built(facts)
    again = FactBatch.from_arrays(batch.to_arrays())
    assert rows(again) == rows(batch)
    assert (again.texts, again.bodies) == (batch.texts, batch.bodies)
    assert batch.customer[-1] == NOBODY


@given(FACTS, st.lists(st.integers(0, 8), max_size=9))
def test_taking_rows(facts: list[Row], picks: list[int]) -> None:
    batch = built(facts)
    chosen = [pick for pick in picks if pick < len(batch)]
    assert rows(batch.take(np.array(chosen, np.intp))) == [rows(batch)[i] for i in chosen]


def test_a_number_too_large_for_its_column_is_refused() -> None:
    builder = BatchBuilder()
    builder.add(FactKind.EVENT, 65_536, 0, 0, 0)
    with pytest.raises(OverflowError):
        builder.build()
