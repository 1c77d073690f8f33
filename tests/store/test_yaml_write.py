"""YAML, the store and JSON are the same thing: what is written is read again as the same definitions."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.store import (
    Definitions,
    DefinitionStore,
    difference,
    document_of,
    load_files,
    load_folder,
    write_folder,
    yaml_of,
)

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted({path.parent for path in (ROOT / "examples").rglob("*.yaml")})


def all_of(definitions: Definitions) -> list[object]:
    assert definitions.problems == ()
    return list(definitions.all())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_folder_store_folder_and_json(example: Path, tmp_path: Path) -> None:
    definitions = load_folder(example)
    store = DefinitionStore(tmp_path / "data")
    kept = store.load(store.save(definitions, "ann", 1).number)
    store.close()
    files = write_folder(kept, tmp_path / "out")
    assert files
    assert difference(load_folder(tmp_path / "out"), definitions) == []
    body = json.dumps([document_of(*one) for one in kept.all()], ensure_ascii=False).encode()
    assert difference(load_files([("body", body)]), definitions) == []
    with pytest.raises(FileExistsError, match="name an empty folder"):
        write_folder(kept, tmp_path / "out")


@given(
    st.text(
        st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="\ufeff\u0085\ufffe\uffff"),
        max_size=60,
    )
)
def test_any_text_comes_back(text: str) -> None:
    first = load_files([("f.yaml", f"offer: o\nnote: {json.dumps(text, ensure_ascii=False)}".encode())])
    assert all_of(first)
    assert all_of(load_files([("g.yaml", yaml_of(first.all()).encode())])) == all_of(first)


@pytest.mark.parametrize("text", ["null", "~", "true", "no", "007", "1e3", "12.00", "-5", "21:30", "2026-12-01", "a: b", "# c", "two\nlines\n", " x ", "", "!t", "*a"])  # fmt: skip
def test_texts_that_yaml_would_take_for_something_else(text: str) -> None:
    body = json.dumps([{"offer": "o", "note": text, "title": {"en": text}}]).encode()
    first = load_files([("body", body)])
    assert first.offers["o"].note == text
    assert all_of(load_files([("g.yaml", yaml_of(first.all()).encode())])) == all_of(first)


def test_numbers_stand_as_they_were_written() -> None:
    first = load_files([("f.yaml", b"offer: o\nvalue: 12.00\nstock: 7")])
    assert yaml_of(first.all()) == "offer: o\nvalue: 12.00\nstock: 7\n"


def test_problems_of_a_json_list_have_their_place() -> None:
    found = load_files([("body", b'[{"offer": "a"},\n {"offer": "b", "valeu": 3}]')])
    (problem,) = found.problems
    assert (problem.line, problem.column, problem.name) == (2, 17, "b")
    assert "value" in problem.hint
