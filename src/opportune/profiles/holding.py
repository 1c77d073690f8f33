"""Whom a condition over plain columns holds for, asked of the records where they lie. A kernel function."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import compiled, prefetch
from opportune.profiles.cells import load
from opportune.profiles.columns import i8_of

ROWS_AHEAD = 24


@compiled
def hold_records(
    records: Any, first: int, rows: int, record_bytes: int, terms: NDArray[np.int64], holds: NDArray[np.uint8]
) -> int:
    """Set holds[row] of customers first .. first+rows-1 to whether each clause has a term that holds; how many are held."""
    many, found = len(terms), 0
    ahead = ROWS_AHEAD * record_bytes + (terms[0, 1] if many else 0)
    for row in range(first, first + rows):
        base = row * record_bytes
        prefetch(i8_of(records), base + ahead >> 3)  # the records are far apart: reading waits for memory, not for us
        at = 0
        held = 1
        while at < many:
            clause, hit = terms[at, 0], False
            while at < many and terms[at, 0] == clause:
                if not hit:
                    value = load(records, base + terms[at, 1], terms[at, 2])
                    hit = terms[at, 3] <= value <= terms[at, 4]
                at += 1
            if not hit:
                held = 0
                break
        holds[row] = held
        found += held
    return found
