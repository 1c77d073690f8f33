"""Files of a source: each once, by its content; grown ones from their end on; XLSX, patterns, and what goes wrong."""

import datetime
import gzip
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from opportune.intake import FetchFailedError, Reach, State, cells_of, stored_row
from opportune.intake.connectors.files import fetch_files
from opportune.intake.origins import FileDefinition, FileFormat


def taken(
    folder: Path, state: State, path: str = "*.csv", form: FileFormat = "csv", **more: Any
) -> tuple[dict[str, list[Any]], State]:
    """File -> the first cells of the rows fetched now, and the state after."""
    found: dict[str, list[Any]] = {}
    for one in fetch_files(FileDefinition(form, path, **more), state, Reach(folder)):
        rows = [cells_of(stored_row(row)) for row in one.rows]
        found[one.label] = [next(iter(cells.values())).decode() if cells is not None else None for cells in rows]
        state = one.state
    return found, state


def test_a_file_is_fetched_once_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("x\n2\n3\n")
    (tmp_path / "a.csv").write_text("x\n1\n")
    found, state = taken(tmp_path, {})
    assert found == {"a.csv": ['"1"'], "b.csv": ['"2"', '"3"']}
    assert taken(tmp_path, state) == ({}, state)
    (tmp_path / "a.csv").rename(tmp_path / "z.csv")
    assert taken(tmp_path, state)[0] == {}
    (tmp_path / "c.csv").write_text("x\n9\n")
    assert taken(tmp_path, state)[0] == {"c.csv": ['"9"']}


def test_a_file_that_grew_is_fetched_from_there_on_and_a_changed_one_anew(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("x\n1\n2\n")
    _, state = taken(tmp_path, {})
    with file.open("a") as out:
        out.write("3\n4\n")
    found, state = taken(tmp_path, state)
    assert found == {"log.csv": ['"3"', '"4"']}
    with file.open("a") as out:
        out.write("5\n")
    found, state = taken(tmp_path, state)
    assert found == {"log.csv": ['"5"']}
    file.write_text("x\n7\n2\n3\n4\n5\n6\n")
    assert taken(tmp_path, state)[0] == {"log.csv": ['"7"', '"2"', '"3"', '"4"', '"5"', '"6"']}


def test_compressed_files_are_fetched_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    found, state = taken(tmp_path, {}, "*.csv.gz")
    assert found == {"a.csv.gz": ['"1"']}
    assert taken(tmp_path, state, "*.csv.gz")[0] == {}


def test_sheets_are_read_by_name_with_their_types(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "first"
    sheet.append(["name", None, "amount", "day"])
    sheet.append(["张三", "no heading", 12.5, datetime.datetime(2026, 1, 2, 3, 4)])
    sheet.append([None, None, None, None])
    sheet.append(["b", "", 7, None])
    book.create_sheet("second").append(["other"])
    book.save(tmp_path / "a.xlsx")
    (one,) = fetch_files(FileDefinition("xlsx", "a.xlsx"), {}, Reach(tmp_path))
    assert [cells_of(stored_row(row)) for row in one.rows] == [
        {"name": '"张三"'.encode(), "amount": b"12.5", "day": b'"2026-01-02T03:04:00.000"'},
        {"name": b'"b"', "amount": b"7", "day": b"null"},
    ]
    with pytest.raises(ValueError, match="no sheet `third`; there are: first, second"):
        taken(tmp_path, {}, "a.xlsx", "xlsx", sheet="third")
    (tmp_path / "broken.xlsx").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="not a readable XLSX file"):
        taken(tmp_path, {}, "broken.xlsx", "xlsx")


@pytest.mark.parametrize(
    ("path", "cause"), [("../a.csv", "leads out"), ("/etc/passwd", "leads out"), ("none.csv", "no file none.csv")]
)
def test_a_path_that_leads_out_or_nowhere_is_refused(tmp_path: Path, path: str, cause: str) -> None:
    with pytest.raises(FetchFailedError, match=cause):
        taken(tmp_path, {}, path)


def test_no_file_yet_is_fine_for_a_pattern(tmp_path: Path) -> None:
    assert taken(tmp_path, {}) == ({}, {})
