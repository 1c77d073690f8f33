"""What lies outside of the engine of a customer who is forgotten: raw rows, messages, files, people, the warehouse, and the journal's hashes.

Each step may be done again, so a crash anywhere is finished by the next start. The people go after whatever is looked for by their texts.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from opportune.delivery import forget_in_files
from opportune.facts import Arrays, FactKind
from opportune.intake import MOVED_VALUES
from opportune.journal import Group, Journal
from opportune.operations.accounts import read_accounts
from opportune.store import Duplicates, Loads, Outbox, People, Secrets, Traces
from opportune.warehouse import WarehouseLocked, forget_extras, warehouse_folder

SIMULATIONS, BASES, CHECKPOINTS = "simulations", "bases", "checkpoints"
"""Folders of simulations: all of them, the states at the beginnings of periods, and where one that was cut short goes on."""
DUPLICATES = "duplicates.db"
WAREHOUSE_SECONDS_MAX = 600.0
WAREHOUSE_LOOK_SECONDS = 0.2

Hash = tuple[int, int]
OnStep = Callable[[str, int, int], None]
"""(what is being done, done, in all), for a progress bar."""


class Erased(msgspec.Struct, frozen=True):
    """What was erased of a customer: her rows of the people database and quarantined messages, raw rows of sources, messages waiting or
    sent, lines of files we delivered, facts of the journal (identifiers and undeclared properties) and rows of the warehouse.
    """

    people: int = 0
    raw_rows: int = 0
    messages: int = 0
    file_lines: int = 0
    facts: int = 0
    warehouse_rows: int = 0


def erase_texts(folder: Path, secrets: Secrets, people: People, numbers: Sequence[int], texts: Iterable[str]) -> Erased:
    """Erase all that is found by a customer's texts and by `texts`, or that stands under one of her `numbers`, except in journal and warehouse.

    No numbers: of nobody known. Raises StoreFailedError, TimeoutError, OSError.
    """
    wanted = [*texts, *(people.traces_of(numbers[0]) if numbers else ())]
    raw_rows = messages = lines = 0
    if (folder / "loads.db").exists():
        with closing(Loads(folder, secrets)) as loads:
            raw_rows = loads.forget(wanted)
    if (folder / "outbox.db").exists():
        with closing(Outbox(folder)) as outbox:
            messages = outbox.forget(numbers, Traces(wanted), time.time_ns() // 1_000_000)
    for account in read_accounts(folder).get("file", {}).values():
        lines += forget_in_files(folder, account, numbers, Traces(wanted))
    if numbers and (folder / DUPLICATES).exists():
        with closing(Duplicates(folder)) as duplicates:
            for number in numbers:
                duplicates.forget(number)
    drop_simulated_states(folder)
    return Erased(people.forget(numbers[0] if numbers else None, wanted), raw_rows, messages, lines)


def drop_simulated_states(folder: Path) -> None:
    """Delete the states that simulations keep to begin, or to go on from: they hold rows of whoever is forgotten since. The next one folds them again."""
    for place in (folder / SIMULATIONS).glob("*"):
        for states in (place,) if place.name == BASES else (place / CHECKPOINTS,):
            shutil.rmtree(states, ignore_errors=True)


def erase_facts(
    folder: Path, journal: Journal, numbers: Sequence[int], *, moved: bool = False, on_step: OnStep | None = None
) -> tuple[int, int]:
    """(facts of the journal that were redacted, rows of the warehouse) of a customer who is forgotten in all that is durable, by all of her `numbers`.

    `moved`: identifiers of hers may have meant a number before from which she was parted; their hashes stand under that one, too. Raises JournalCorrupt, WarehouseLocked where somebody writes the warehouse for very long, OSError.
    """
    touched = 0
    hashes = _moved_hashes(journal, numbers) if moved else frozenset[Hash]()

    def change(group: Group) -> Arrays:
        nonlocal touched
        changed, facts = _redacted(group, numbers, hashes)
        touched += facts
        return changed

    def progress(done: int, total: int) -> None:
        if on_step is not None:
            on_step("looking through the journal", done, total)

    journal.redact(journal.durable_seq, change, progress)
    rows = 0
    if warehouse_folder(folder).exists():
        deadline = time.monotonic() + WAREHOUSE_SECONDS_MAX
        while True:
            try:
                rows = forget_extras(folder, numbers)
            except WarehouseLocked:
                if time.monotonic() > deadline:
                    raise
                time.sleep(WAREHOUSE_LOOK_SECONDS)
            else:
                break
    return touched, rows


def _moved_hashes(journal: Journal, numbers: Sequence[int]) -> frozenset[Hash]:
    """The hashes of identifiers that a parting gave to these numbers. The facts that gave them come last, so a redaction cut short still finds them."""
    found: set[Hash] = set()
    for group in journal.read(journal.first_seq):
        arrays = group.arrays
        rows = np.flatnonzero((arrays["kind"] == FactKind.IDENTIFIER) & np.isin(arrays["customer"], numbers))
        first = arrays["first"]
        for row in rows[np.diff(first)[rows] == MOVED_VALUES].tolist():
            low, high = arrays["values"][int(first[row]) : int(first[row]) + 2].tolist()
            found.add((low, high))
    return frozenset(found - {(0, 0)})


def _redacted(group: Group, numbers: Sequence[int], hashes: frozenset[Hash]) -> tuple[Arrays, int]:
    """The arrays of a group without the hashes of her identifiers (`hashes`: those that stand under others' numbers) and without what her messages held beyond the catalogue; of how many facts."""
    arrays = group.arrays
    hers = np.isin(arrays["customer"], numbers)
    changed: Arrays = {}
    facts = 0
    named, first = arrays["kind"] == FactKind.IDENTIFIER, arrays["first"]
    rows = np.flatnonzero(hers & named)
    if hashes:
        said = arrays["values"]
        others = np.flatnonzero(named & ~hers).tolist()
        theirs = [row for row in others if tuple(said[int(first[row]) : int(first[row]) + 2].tolist()) in hashes]
        rows = np.concatenate([rows, np.array(theirs, np.intp)])
    if len(rows):
        values = arrays["values"].copy()
        for row in rows.tolist():
            part = values[int(first[row]) : int(first[row + 1])]
            facts += int(part.any())
            part[:] = 0
        if facts:
            changed["values"] = values
    if "extras_row" in arrays:
        extras, ends = arrays["extras"].copy(), [0, *arrays["extras_ends"].tolist()]
        for at in np.flatnonzero(hers[arrays["extras_row"]]).tolist():
            part = extras[ends[at] : ends[at + 1]]
            empty = np.frombuffer(b"{}".ljust(len(part)), np.uint8)
            if len(part) >= 2 and not np.array_equal(part, empty):
                part[:] = empty
                changed["extras"] = extras
                facts += 1
    return changed, facts
