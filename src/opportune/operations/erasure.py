"""What lies outside of the engine of a customer who is forgotten: raw rows, messages, files, people, the warehouse, and the journal's hashes.

Each step may be done again, so a crash anywhere is finished by the next start. The people go after whatever is looked for by their texts.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from opportune.delivery import forget_in_files
from opportune.facts import Arrays, FactKind
from opportune.journal import Group, Journal
from opportune.operations.accounts import read_accounts
from opportune.store import Loads, Outbox, People, Secrets, Traces
from opportune.warehouse import WarehouseLocked, forget_extras, warehouse_folder

WAREHOUSE_SECONDS_MAX = 600.0
WAREHOUSE_LOOK_SECONDS = 0.2

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


def erase_texts(folder: Path, secrets: Secrets, people: People, customer: int | None, texts: Iterable[str]) -> Erased:
    """Erase all that is found by a customer's texts and by `texts`, or that stands under her number, except in journal and warehouse.

    `customer` None: of nobody known. Raises StoreFailedError, TimeoutError, OSError.
    """
    wanted = [*texts, *([] if customer is None else people.traces_of(customer))]
    raw_rows = messages = lines = 0
    if (folder / "loads.db").exists():
        with closing(Loads(folder, secrets)) as loads:
            raw_rows = loads.forget(wanted)
    if (folder / "outbox.db").exists():
        with closing(Outbox(folder)) as outbox:
            messages = outbox.forget(customer, Traces(wanted), time.time_ns() // 1_000_000)
    for account in read_accounts(folder).get("file", {}).values():
        lines += forget_in_files(folder, account, customer, Traces(wanted))
    return Erased(people.forget(customer, wanted), raw_rows, messages, lines)


def erase_facts(folder: Path, journal: Journal, customer: int, on_step: OnStep | None = None) -> tuple[int, int]:
    """(facts of the journal that were redacted, rows of the warehouse) of a customer who is forgotten in all that is durable.

    Raises JournalCorrupt, WarehouseLocked where somebody writes the warehouse for very long, OSError.
    """
    touched = 0

    def change(group: Group) -> Arrays:
        nonlocal touched
        changed, facts = _redacted(group, customer)
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
                rows = forget_extras(folder, customer)
            except WarehouseLocked:
                if time.monotonic() > deadline:
                    raise
                time.sleep(WAREHOUSE_LOOK_SECONDS)
            else:
                break
    return touched, rows


def _redacted(group: Group, customer: int) -> tuple[Arrays, int]:
    """The arrays of a group without the hashes of her identifiers and without what her messages held beyond the catalogue; of how many facts."""
    arrays = group.arrays
    hers = arrays["customer"] == customer
    changed: Arrays = {}
    facts = 0
    rows = np.flatnonzero(hers & (arrays["kind"] == FactKind.IDENTIFIER))
    if len(rows):
        values, first = arrays["values"].copy(), arrays["first"]
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
