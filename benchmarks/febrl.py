"""Duplicates found in febrl's sets of made-up persons, against the pairs that are known to be true: precision, recall, F1.

One definition of a matching for all sets (examples/febrl/matching.yaml), learnt from each set without labels; rec_id, which gives the truth away, is used
for counting alone. Pairs are those that the matching calls the same; merged are all pairs of whoever hangs together by them.
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from opportune.intake import MatchingDefinition, clusters_of, find_pairs, read_matching
from opportune.store import load_files

ROOT = Path(__file__).parents[1]
DEFINITION = ROOT / "examples/febrl/matching.yaml"
SETS = (1, 2, 3, 4)
FILES = {1: ("dataset1",), 2: ("dataset2",), 3: ("dataset3",), 4: ("dataset4a", "dataset4b")}
Pairs = set[tuple[int, int]]


class Found(msgspec.Struct, frozen=True):
    """What was found in one set: shares of 1, to be held against the true pairs; `review` pairs would be shown to a person."""

    dataset: int
    rows: int
    true_pairs: int
    compared: int
    same: int
    precision: float
    recall: float
    f1: float
    merged_precision: float
    merged_recall: float
    merged_f1: float
    review: int
    review_true: int
    missed_by_blocking_or_review: int
    seconds: float


def data_folder() -> Path | None:
    """Where the sets are: OPPORTUNE_DATA, or `shared/data` beside the repository; None where they are not."""
    for place in (os.environ.get("OPPORTUNE_DATA"), ROOT.parent / "shared/data"):
        if place is not None and (Path(place) / "febrl_dataset1.csv.gz").exists():
            return Path(place)
    return None


def definition(path: Path = DEFINITION) -> MatchingDefinition:
    """The matching of a file, as it is read out of a folder of definitions."""
    name, document = next(iter(load_files([(path.name, path.read_bytes())]).matchings.items()))
    return read_matching(name, document)


def without(matching: MatchingDefinition, field: str) -> MatchingDefinition:
    """The same matching as if a field were not there, to see what it is worth. Raises KeyError."""
    del (fields := dict(matching.fields))[field]
    rules = tuple(rule for rule in matching.rules() if field not in rule)
    return msgspec.structs.replace(matching, fields=fields, block=rules)


def read_set(folder: Path, dataset: int) -> list[dict[str, str]]:
    """The rows of a set, of both files where it has two."""
    return [row for name in FILES[dataset] for row in _rows(folder / f"febrl_{name}.csv.gz")]


def true_pairs(folder: Path, dataset: int, rows: Iterable[dict[str, str]]) -> Pairs:
    """The true pairs by the rows' places."""
    places = {row["rec_id"]: place for place, row in enumerate(rows)}
    found = set()
    for link in _rows(folder / "febrl_true_links.csv.gz"):
        if link["dataset"] == str(dataset):
            low, high = sorted((places[link["rec_id_1"]], places[link["rec_id_2"]]))
            found.add((low, high))
    return found


def evaluate(folder: Path, dataset: int, matching: MatchingDefinition) -> Found:
    """Search one set, and hold what is found against the truth."""
    begun = time.perf_counter()
    rows = read_set(folder, dataset)
    columns = {field: [row[field] or None for row in rows] for field in matching.fields}
    found = find_pairs(matching, range(len(rows)), columns)
    seconds = time.perf_counter() - begun
    truth = true_pairs(folder, dataset, rows)
    same = {(pair.low, pair.high) for pair in found.pairs if pair.score >= matching.same}
    review = {(pair.low, pair.high) for pair in found.pairs} - same
    merged = {pair for one in clusters_of(same) for pair in itertools.combinations(one.customers, 2)}
    return Found(
        dataset, len(rows), len(truth), found.compared, len(same), *_figures(same, truth), *_figures(merged, truth), len(review), len(review & truth),
        len(truth - same - review), round(seconds, 1),
    )  # fmt: skip


def _figures(found: Pairs, truth: Pairs) -> tuple[float, float, float]:
    right = len(found & truth)
    precision, recall = right / max(len(found), 1), right / max(len(truth), 1)
    return round(precision, 5), round(recall, 5), round(2 * precision * recall / max(precision + recall, 1e-9), 5)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def main() -> None:
    """Print a table, or with --json one JSON document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--quick", action="store_true", help="the first set only")
    parser.add_argument(
        "--runs", type=int, default=1, help="taken for the likeness with other benchmarks; one run says all"
    )
    parser.add_argument("--definition", type=Path, default=DEFINITION, help="a file with another matching")
    parser.add_argument(
        "--without", action="append", default=[], metavar="FIELD", help="leave a field out; repeat for several"
    )
    asked = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("febrl: no data; name its folder in OPPORTUNE_DATA", file=sys.stderr)
        return
    matching = definition(asked.definition)
    for field in asked.without:
        matching = without(matching, field)
    found = [evaluate(folder, dataset, matching) for dataset in (SETS[:1] if asked.quick else SETS)]
    told = [msgspec.to_builtins(one) for one in found]
    if asked.json:
        print(json.dumps(told))
        return
    names = list(told[0])
    cells = [names, *([str(one[name]) for name in names] for one in told)]
    for column in zip(*cells, strict=True):
        print(column[0].ljust(30) + "".join(cell.rjust(12) for cell in column[1:]))


if __name__ == "__main__":
    main()
