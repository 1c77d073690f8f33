"""Ask: what was decided since? Decisions in the order of their numbers, out of the journal, beside the writer that goes on writing."""

import bisect
from collections.abc import Callable
from typing import Any

from opportune.operations.decisions import DecisionLine, decision_line
from opportune.operations.deployment import Deployment
from opportune.operations.kept_facts import KeptFacts
from opportune.operations.names import Names, mask

PAGE_MAX = 10_000
MARK_EVERY_DECISIONS = 1_000
MARKS_MAX = 20_000


class DecisionFeed:
    """Pages of decisions. It remembers where it has read, so that a page costs what lies behind the one before, not the whole journal."""

    def __init__(self, deployment: Deployment, names: Callable[[], Names]) -> None:
        self._deployment, self._names = deployment, names
        self._reader = KeptFacts(deployment.folder)
        self._marks: list[tuple[int, int]] = []
        """(n, seq): all decisions up to number n were caused by facts before `seq`."""
        self._every = MARK_EVERY_DECISIONS

    def after(self, number: int, limit: int, *, reveal: bool = False) -> list[DecisionLine]:
        """Up to `limit` (at most PAGE_MAX) decisions with greater numbers, in order; those of all that was acknowledged are there.

        Identifiers are masked unless `reveal`. Raises JournalError. May be called from several threads.
        """
        wanted = min(limit, PAGE_MAX)
        names, rows = self._names(), list[Any]()
        marks = self._marks
        at = bisect.bisect_right(marks, (number, 2**63)) - 1
        start = marks[at][1] if at >= 0 else 0
        for group in self._reader.read(start):
            found = group.arrays.get("decisions")
            if found is None or not len(found):
                continue
            last = int(found["number"][-1])
            if last > number:
                rows += list(found[found["number"] > number][: wanted - len(rows)])
            if len(rows) >= wanted:
                break
            self._mark(last, group.end_seq)
        known = self._identifiers([int(row["customer"]) for row in rows], reveal)
        return [decision_line(row, names, known.get(int(row["customer"]), "")) for row in rows]

    def _mark(self, number: int, end_seq: int) -> None:
        marks = self._marks  # never changed in place: other threads may be looking
        if marks and number < marks[-1][0] + self._every:
            return
        if len(marks) >= MARKS_MAX:
            marks, self._every = marks[::2], 2 * self._every
        self._marks = [*marks, (number, end_seq)]

    def _identifiers(self, customers: list[int], reveal: bool) -> dict[int, str]:
        """One identifier (`kind:text`) per customer, her `user` where she has one."""
        found: dict[int, str] = {}
        for customer, known in self._deployment.people.identifiers_of_all(customers).items():
            kind, text = next((one for one in known if one[0] == "user"), known[0])
            found[customer] = f"{kind}:{text if reveal else mask(text)}"
        return found
