"""A little operator with people who are there twice, for the tests of duplicates: personal tags, a matching, made-up names."""

import shutil
from pathlib import Path

from tests.intake.matching.test_matching import people
from tests.operations.little_mobile import MINIMAL, START, deployed, identify

MATCHING = """
tag: name
type: text
sensitivity: personal
---
tag: born
type: text
sensitivity: personal
---
tag: post
type: text
sensitivity: personal
---
tag: mail
type: text
sensitivity: personal
---
matching: people
title: {en: There twice, zh: 重复客户}
fields:
  name: {compare: name}
  born: {compare: date}
  post: {compare: postcode}
  mail: {compare: email}
block: [born, [name, post], mail, [name, born]]
"""

Pairs = set[tuple[int, int]]


def definitions_in(root: Path, matching: str = MATCHING) -> Path:
    """The minimal example with the matching."""
    folder = Path(shutil.copytree(MINIMAL, root / "definitions"))
    (folder / "matching.yaml").write_text(matching)
    return folder


def populated(root: Path, many: int = 300, matching: str = MATCHING) -> tuple[Path, Pairs]:
    """A data folder in which a third of the people are there twice, and the true pairs by customer number."""
    numbers, columns, truth = people(many, 4)
    messages = [
        identify(f"u{number:04}", START + number, **{name: values[number] for name, values in columns.items() if values[number]})
        for number in numbers
    ]  # fmt: skip
    return deployed(root / "data", definitions_in(root, matching), messages), truth
