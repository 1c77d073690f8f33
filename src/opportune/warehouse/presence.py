"""Which customers have rows in a part, as bits: so that looking for one customer opens only the files that speak of her."""

import os
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from opportune.facts import NOBODY, Arm, FactKind, MoveKind
from opportune.warehouse.groups import Columns
from opportune.warehouse.manifest import ASIDE, FILE_MODE, FOLDER_MODE, sync_folder

Presence = NDArray[np.uint8]
"""u1[7, bytes]: row = a `Kind`, bit c % 8 of byte c // 8 = customer c."""

CONTACT_KINDS = (FactKind.CONTACT, FactKind.RESPONSE, FactKind.RECEIPT)
CONTACT_MOVES = (MoveKind.PRESENTED, MoveKind.UNKNOWN)


class Kind(IntEnum):
    """What is looked for: rows of a table, or among them those of contacts and answers."""

    FACTS = 0
    TAGS = 1
    DECISIONS = 2
    MOVES = 3
    GOALS = 4
    CONTACT_FACTS = 5
    CONTACT_OUTPUTS = 6
    DERIVED = 7


_TABLES = {
    Kind.FACTS: "facts",
    Kind.TAGS: "tags",
    Kind.DECISIONS: "decisions",
    Kind.MOVES: "moves",
    Kind.GOALS: "goals",
    Kind.DERIVED: "derived",
}
_CONTACT_ROWS = (
    (Kind.CONTACT_FACTS, "facts", "kind", CONTACT_KINDS),
    (Kind.CONTACT_OUTPUTS, "decisions", "arm", (Arm.TREATED,)),
    (Kind.CONTACT_OUTPUTS, "moves", "kind", CONTACT_MOVES),
)


def presence_of(tables: dict[str, Columns]) -> Presence:
    """The bits of a part, from its columns."""
    found = [(kind, tables[table]["customer"]) for kind, table in _TABLES.items() if table in tables]
    for kind, table, column, wanted in _CONTACT_ROWS:
        if table in tables:
            found.append((kind, tables[table]["customer"][np.isin(tables[table][column], wanted)]))
    hers = [(kind, customers[customers != NOBODY]) for kind, customers in found]
    many = max((int(customers.max()) + 1 for _, customers in hers if len(customers)), default=0)
    flags = np.zeros((len(Kind), many), np.bool_)
    for kind, customers in hers:
        flags[kind, customers] = True
    return np.packbits(flags, axis=1, bitorder="little")


def merged_presence(parts: list[Presence]) -> Presence:
    """The bits of several parts together."""
    found = np.zeros((len(Kind), max(part.shape[1] for part in parts)), np.uint8)
    for part in parts:
        found[:, : part.shape[1]] |= part
    return found


def write_presence(path: Path, presence: Presence) -> None:
    """Write bits, durable when this returns. Raises OSError."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    aside = path.with_name(path.name + ASIDE)
    with aside.open("wb") as file:
        np.save(file, presence)
        file.flush()
        os.fchmod(file.fileno(), FILE_MODE)
        os.fsync(file.fileno())
    aside.replace(path)
    for folder in (path.parent, *path.parents[1:4]):
        sync_folder(folder)


def read_presence(path: Path) -> Presence:
    """The bits in a file, as a view of it. Raises OSError, ValueError."""
    found: Presence = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def is_present(presence: Presence, kind: Kind, customer: int) -> bool:
    """Whether a customer has rows of that kind."""
    byte, bit = divmod(customer, 8)
    return byte < presence.shape[1] and bool(int(presence[kind, byte]) >> bit & 1)
