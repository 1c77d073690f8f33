"""The kinds of rows that retention may drop. Playbooks, customers, identifiers, consents and lists stay: what is left makes no sense without them."""

from datetime import date
from typing import NamedTuple

from opportune.facts import MS_PER_DAY, FactKind


class KindOfRows(NamedTuple):
    """Rows that go together: facts of these kinds, and all rows of these tables."""

    facts: tuple[FactKind, ...]
    tables: tuple[str, ...]


EVENTS, TAGS, DECISIONS = "events", "tags", "decisions"
KINDS_OF_ROWS = {
    EVENTS: KindOfRows((FactKind.EVENT, FactKind.TOUCH, FactKind.TICK, FactKind.PROGRESS), ("derived",)),
    TAGS: KindOfRows((FactKind.TAGS_SET,), ("tags",)),
    DECISIONS: KindOfRows(
        (FactKind.CONTACT, FactKind.RESPONSE, FactKind.RECEIPT), ("decisions", "moves", "goals", "withheld", "limits")
    ),
}


def end_of_day(day: str) -> int:
    """ms since 1970 at which a day (UTC) ends."""
    return ((date.fromisoformat(day) - date(1970, 1, 1)).days + 1) * MS_PER_DAY
