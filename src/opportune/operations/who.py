"""Which customer is meant, and what she is called: the one place where the read side opens `people.db`. Masked unless asked."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from opportune.operations.deployment import DeploymentError, journal_of
from opportune.operations.folder_key import read_key
from opportune.operations.names import mask
from opportune.store import People, seal_clear_rows

PEOPLE_FILE = "people.db"
KINDS = ("user", "anonymous", "phone", "email", "card", "account", "device", "external")
"""Kinds of identifiers; a plain one is looked for in this order."""


@contextmanager
def open_people(folder: Path) -> Iterator[People | None]:
    """The people of a data folder, None where it has none yet. Raises DeploymentError where it is no data folder."""
    journal_of(folder)
    if not (folder / PEOPLE_FILE).exists():
        yield None
        return
    people = People(folder, read_key(folder).secrets())
    seal_clear_rows(people)
    try:
        yield people
    finally:
        people.close()


def find_customer(folder: Path, who: str) -> int:
    """The customer meant by `#7`, `phone:13800000000` or a plain identifier of any kind. Raises DeploymentError."""
    with open_people(folder) as people:
        if people is None:
            if who.startswith("#"):
                return customer_meant(None, who)
            raise DeploymentError(f"{folder} knows no customers yet; import something first")
        return customer_meant(people, who)


def customer_meant(people: People | None, who: str) -> int:
    """Like `find_customer`, among people that are open already. Raises DeploymentError."""
    if who.startswith("#"):
        if not (who[1:].isascii() and who[1:].isdecimal()):
            raise DeploymentError(f"`{who}` is no customer number; write for example #7")
        told = int(who[1:])
        return told if people is None else people.members_of(told)[0]
    assert people is not None
    found = customer_named(people, who)
    if found is None:
        kind, colon, text = who.partition(":")
        said = f"the {kind} identifier `{text}`" if colon and kind in KINDS else f"the identifier `{who}`"
        raise DeploymentError(f"no customer has {said}; check it, or give a number as #7")
    return found


def customer_named(people: People, who: str) -> int | None:
    """The customer with an identifier (`phone:138…`, or a plain one of any kind), or None. Raises DeploymentError where there are several."""
    kind, colon, text = who.partition(":")
    if colon:
        meant = people.customer_of(kind, text)
        if meant is not None or kind in KINDS:
            return meant
    known = {kind: number for kind in KINDS if (number := people.customer_of(kind, who)) is not None}
    if len(set(known.values())) > 1:
        choices = ", ".join(f"{kind}:{who}" for kind in known)
        raise DeploymentError(f"`{who}` means several customers; say which: {choices}")
    return next(iter(known.values()), None)


def text_of(who: str) -> str:
    """The identifier's own text: without its kind; empty for a customer number."""
    kind, colon, text = who.partition(":")
    return "" if who.startswith("#") else text if colon and kind in KINDS else who


def note_access(folder: Path, by: str, what: str, customers: Iterable[int | None], why: str = "") -> None:
    """Write down that somebody is shown what is personal of customers (None: of nobody known); to be called before it is shown."""
    with open_people(folder) as people:
        if people is not None:
            people.note_access(time.time_ns() // 1_000_000, by, what, customers, why)


def identifiers(folder: Path, customers: Iterable[int], *, reveal: bool = False) -> dict[int, str]:
    """One identifier (`kind:text`) per customer, masked unless `reveal`; customers without one are left out."""
    found: dict[int, str] = {}
    with open_people(folder) as people:
        for customer in customers if people is not None else ():
            known = people.identifiers_of(customer) if people is not None else []
            if known:
                kind, text = next((one for one in known if one[0] == "user"), known[0])
                found[customer] = f"{kind}:{text if reveal else mask(text)}"
    return found
