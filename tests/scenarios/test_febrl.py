"""Febrl's made-up persons, with all their slips, as customers: found twice without labels, against the pairs that are known to be true."""

from pathlib import Path

import pytest

from benchmarks import febrl
from opportune.operations import find_duplicates, list_duplicates, matching_of, show_duplicate
from tests.operations.little_mobile import START, deployed, identify

DATA = febrl.data_folder()
F1_MIN = 0.98

pytestmark = pytest.mark.skipif(DATA is None, reason="febrl's files are not here; name their folder in OPPORTUNE_DATA")


@pytest.mark.parametrize(
    "dataset",
    [
        1,
        pytest.param(2, marks=pytest.mark.deep),
        pytest.param(3, marks=pytest.mark.deep),
        pytest.param(4, marks=pytest.mark.deep),
    ],
)
def test_pairs_that_are_the_same_are_the_true_ones(dataset: int) -> None:
    assert DATA is not None
    found = febrl.evaluate(DATA, dataset, febrl.definition())
    assert found.f1 >= F1_MIN
    assert found.merged_f1 >= F1_MIN


def test_the_same_as_customers_of_a_data_folder(tmp_path: Path) -> None:
    assert DATA is not None
    rows = febrl.read_set(DATA, 1)
    fields = list(febrl.definition().fields)
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "matching.yaml").write_bytes(febrl.DEFINITION.read_bytes())
    (definitions / "tags.yaml").write_text(
        "---\n".join(f"tag: {field}\ntype: text\nsensitivity: personal\n" for field in fields)
    )
    messages = [
        identify(f"p{place}", START + place, **{field: row[field] for field in fields if row[field]})
        for place, row in enumerate(rows)
    ]
    folder = deployed(tmp_path / "data", definitions, messages)
    done = find_duplicates(folder, matching_of(folder))
    assert done.customers == len(rows)
    truth = febrl.true_pairs(DATA, 1, rows)
    pairs = list_duplicates(folder, limit=1_000)
    same = {(one.low, one.high) for one in pairs if one.score >= matching_of(folder).same}
    assert 2 * len(same & truth) / (len(same) + len(truth)) >= F1_MIN
    page = show_duplicate(folder, pairs[0].number, reveal=True)
    row = rows[page.line.low]
    assert {one.field: one.low for one in page.fields} == {field: row[field] for field in fields}
