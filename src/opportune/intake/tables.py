"""Rows of NDJSON, CSV, Parquet and XLSX files, every value as the JSON that the file's text gives: no number passes through a float."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from opportune.intake.extras import extra

ABSENT = b"null"
FETCHED_ROWS = 8_192
SHEET_BYTES_MAX = 2_000_000_000
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
json_text = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Progress:
    """Bytes of a file read so far, of how many (of the file as it lies: deflated, if it is)."""

    total: int
    done: int = 0


class Row:
    """One row: its fields as JSON, and its bytes for quarantine. `fields` is None where the row cannot be read."""

    __slots__ = ("fields", "raw")

    def __init__(self, fields: dict[str, msgspec.Raw] | dict[str, bytes] | None, raw: bytes) -> None:
        self.fields = fields
        self.raw = raw

    def cell(self, path: tuple[str, ...]) -> bytes:
        """The JSON of a field, inside nested objects where the path is longer; ABSENT where there is none."""
        found: Any = (self.fields or {}).get(path[0], ABSENT)
        for name in path[1:]:
            try:
                found = _object.decode(found).get(name, ABSENT)
            except msgspec.DecodeError:
                return ABSENT
        return found if type(found) is bytes else bytes(found)


def text_of(token: bytes) -> str:
    """The text of a JSON value: of a string its characters, of anything else the JSON itself."""
    if token[:1] == b'"':
        return token[1:-1].decode() if b"\\" not in token else _text.decode(token)
    return token.decode()


def read_rows(path: Path, form: str, progress: Progress, row_bytes_max: int, sheet: str | None = None) -> Iterator[Row]:
    """The rows of a file; `progress` is kept up. Raises ValueError for a file that is not what `form` says, ExtraMissingError."""
    if form == "parquet":
        return _parquet(path, progress)
    if form == "xlsx":
        return read_sheet(path, progress, sheet)
    return (_ndjson if form == "ndjson" else _csv)(path, progress, row_bytes_max)


def _lines(path: Path, progress: Progress, row_bytes_max: int) -> Iterator[bytes]:
    """Lines without their end; one longer than `row_bytes_max` comes in pieces."""
    with path.open("rb") as file:
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file
        with io.BufferedReader(cast(Any, stream), 1 << 20) if path.suffix == ".gz" else stream as lines:
            try:
                for number, line in enumerate(iter(lambda: lines.readline(row_bytes_max), b"")):
                    if number % 1024 == 0:
                        progress.done = file.tell()
                    yield line.rstrip(b"\r\n")
            except (gzip.BadGzipFile, EOFError) as error:
                raise ValueError(f"{path.name}: the compressed file is damaged or cut off ({error})") from error
        progress.done = progress.total


def _ndjson(path: Path, progress: Progress, row_bytes_max: int) -> Iterator[Row]:
    for line in _lines(path, progress, row_bytes_max):
        if line.strip():
            try:
                yield Row(_object.decode(line), line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                yield Row(None, line)


def _csv(path: Path, progress: Progress, row_bytes_max: int) -> Iterator[Row]:
    texts = (line.decode("utf-8", "surrogateescape") + "\n" for line in _lines(path, progress, row_bytes_max))
    reader = csv.reader(texts, strict=True)
    header = next(reader, None)
    if header is None:
        raise ValueError(f"{path.name}: the file is empty; a CSV file begins with a line of column names")
    header[0] = header[0].removeprefix("\ufeff")
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(None, b"line %d: %b" % (reader.line_num, str(error).encode()))
            continue
        if cells:
            yield _csv_row(header, cells)


def _csv_row(header: list[str], cells: list[str]) -> Row:
    """An empty cell is absent: CSV cannot tell an empty text from none."""
    try:
        if len(cells) != len(header):
            raise ValueError("another number of cells than the header")
        fields = {name: json_text(cell) if cell else ABSENT for name, cell in zip(header, cells, strict=True)}
    except (ValueError, UnicodeEncodeError):
        return Row(None, ",".join(cells).encode("utf-8", "surrogateescape"))
    return Row(fields, b"")


def _parquet(path: Path, progress: Progress) -> Iterator[Row]:
    import duckdb

    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        try:
            rows = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()[0][0]
            found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        except duckdb.Error as error:
            raise ValueError(f"{path.name}: not a readable Parquet file ({error})") from error
        names = [column[0] for column in found.description]
        read = 0
        while chunk := found.fetchmany(FETCHED_ROWS):
            read += len(chunk)
            progress.done = progress.total * read // rows
            for cells in chunk:
                yield Row({name: json_of(cell) for name, cell in zip(names, cells, strict=True)}, b"")


def read_sheet(path: Path, progress: Progress, sheet: str | None) -> Iterator[Row]:
    """Rows of a sheet whose first row names the columns; formulas give their last value. Raises ValueError, ExtraMissingError."""
    openpyxl = extra("openpyxl", "sources")
    try:
        with zipfile.ZipFile(path) as packed:
            inflated = sum(part.file_size for part in packed.infolist())
        if inflated > SHEET_BYTES_MAX:
            raise ValueError(
                f"{path.name}: {inflated:,} bytes inflated are more than sheet_bytes_max = {SHEET_BYTES_MAX:,}"
            )
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ValueError(f"{path.name}: not a readable XLSX file ({error})") from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise ValueError(f"{path.name}: no sheet `{sheet}`; there are: {', '.join(book.sheetnames)}")
        rows = (book[sheet] if sheet is not None else book.worksheets[0]).iter_rows(values_only=True)
        header = ["" if name is None else str(name).strip() for name in next(rows, ())]
        named = [place for place, name in enumerate(header) if name]
        if not named:
            raise ValueError(f"{path.name}: the sheet is empty; its first row names the columns")
        for cells in rows:
            found = {header[place]: json_of(cells[place]) if place < len(cells) else ABSENT for place in named}
            if any(token != ABSENT for token in found.values()):
                yield Row(found, b"")
    finally:
        book.close()
        progress.done = progress.total


def json_of(cell: Any) -> bytes:
    """JSON of a value of a Parquet file, a sheet or a database; a binary float by its shortest decimal digits, NaN as absent."""
    match cell:
        case None:
            return ABSENT
        case float():
            return repr(cell).encode() if cell - cell == 0 else ABSENT
        case Decimal():
            return str(cell).encode()
        case datetime():
            return json_text(cell.isoformat(timespec="milliseconds"))
        case date() | str() | bool():
            return json_text(cell)
        case int():
            return str(cell).encode()
        case _:
            return json_text(cell)
