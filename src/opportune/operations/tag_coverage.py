"""Ask: for how many customers is each tag of the catalogue known, and does it tell them apart? Out of the warehouse, as of any moment."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from opportune.facts import Kind
from opportune.operations.deployment import DeploymentError
from opportune.store import did_you_mean
from opportune.warehouse import Warehouse

OnTag = Callable[[int, int, str], None]
"""(tags done, tags in all, name of the tag)."""


class TagCoverage(msgspec.Struct, frozen=True):
    """A tag over all `customers`: `known` have a value, `told` one that says something (not 0, not false, not an empty set); `different`
    values there are. None of a personal tag, whose values never reach the journal."""

    tag: str
    customers: int
    known: int | None
    told: int | None
    different: int | None

    @property
    def varies(self) -> bool:
        """Whether it tells customers apart: two different values, or a value that some have and some have not."""
        return bool(self.known) and ((self.different or 0) > 1 or self.known != self.customers)


def coverage(
    folder: Path, tags: Iterable[str] | None = None, as_of_ms: int | None = None, on_tag: OnTag | None = None
) -> list[TagCoverage]:
    """Of these tags (all, without any named), at the warehouse's end or as of a moment. Raises DeploymentError for an unknown tag, WarehouseError."""
    with Warehouse(folder, as_of_ms=as_of_ms) as warehouse:
        known = warehouse.lexicon.definitions.tags
        asked = list(known if tags is None else tags)
        for tag in asked:
            if tag not in known:
                raise DeploymentError(f"no tag `{tag}`; {did_you_mean(tag, known, 'tag') or 'see the catalogue'}")
        warehouse.hold()
        found = []
        for done, tag in enumerate(asked, 1):
            found.append(_covered(warehouse, tag, known[tag].sensitivity == "personal"))
            if on_tag is not None:
                on_tag(done, len(asked), tag)
        return found


def _covered(warehouse: Warehouse, tag: str, personal: bool) -> TagCoverage:
    if personal:
        row = warehouse.connection.execute("SELECT count(*), NULL, NULL, NULL FROM customers").fetchone()
    else:
        nothing = "''" if warehouse.lexicon.vocabulary.tags[tag].kind is Kind.TEXT else "0"
        values = warehouse.latest.relation([tag], "t0.value AS value")
        row = warehouse.connection.execute(
            f"SELECT count(*), count(value), count(*) FILTER (value <> {nothing}), count(DISTINCT value) FROM ({values})"
        ).fetchone()
    assert row is not None, "a count without groups has one row"
    return TagCoverage(tag, *row)
