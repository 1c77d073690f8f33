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
"""u1[3, bytes]: row = a `Kind`, bit c % 8 of byte c // 8 = customer c."""

CONTACT_KINDS = (FactKind.CONTACT, FactKind.RESPONSE, FactKind.RECEIPT)
CONTACT_MOVES = (MoveKind.PRESENTED, MoveKind.UNKNOWN)


class Kind(IntEnum):
    """What is looked for."""

    ANYTHING = 0
    TAGS = 1
    CONTACTS = 2


def presence_of(tables: dict[str, Columns]) -> Presence:
    """The bits of a part, from its columns."""
    facts = tables["facts"]
    customers = {kind: [np.empty(0, np.int64)] for kind in Kind}
    customers[Kind.ANYTHING].append(facts["customer"].astype(np.int64))
    customers[Kind.CONTACTS].append(facts["customer"][np.isin(facts["kind"], CONTACT_KINDS)].astype(np.int64))
    for table in ("decisions", "moves", "goals"):
        if table in tables:
            customers[Kind.ANYTHING].append(tables[table]["customer"].astype(np.int64))
    if "tags" in tables:
        customers[Kind.TAGS].append(tables["tags"]["customer"].astype(np.int64))
    if "decisions" in tables:
        decisions = tables["decisions"]
        customers[Kind.CONTACTS].append(decisions["customer"][decisions["arm"] == Arm.TREATED].astype(np.int64))
    if "moves" in tables:
        moves = tables["moves"]
        customers[Kind.CONTACTS].append(moves["customer"][np.isin(moves["kind"], CONTACT_MOVES)].astype(np.int64))
    joined = {kind: np.concatenate(found) for kind, found in customers.items()}
    joined = {kind: found[found != NOBODY] for kind, found in joined.items()}
    many = max((int(found.max()) + 1 for found in joined.values() if len(found)), default=0)
    flags = np.zeros((len(Kind), many), np.bool_)
    for kind, found in joined.items():
        flags[kind, found] = True
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
