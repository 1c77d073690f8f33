"""Ask: what values does a tag have, and for how many customers is it known? Live from columns; beside a writer, for tags without a column, and
as of any moment out of the warehouse. And what is it for one customer?"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Playbook
from opportune.facts import NULL, Kind, TextDictionary, ValueType
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.door import Door
from opportune.operations.names import Language, Names
from opportune.operations.segment import ROWS_PER_LOOK, read_tags, readable_tags
from opportune.store import did_you_mean
from opportune.warehouse import Warehouse

VALUES_TOLD = 20
QUANTILES_PERCENT = (5, 25, 50, 75, 95)
_MEASURED = (Kind.INT, Kind.DECIMAL, Kind.MONEY, Kind.DATE, Kind.TIMESTAMP)

Value = str | int | bool | list[str] | None


class ValueCount(msgspec.Struct, frozen=True):
    """How many customers have a value."""

    value: Value
    customers: int


class TagDistribution(msgspec.Struct, frozen=True):
    """A tag over all customers: `known` have a value. `values` are the most frequent ones (of a set: whole sets).

    For numbers and times also the smallest, the largest, and quantiles by per cent: a value at or below which so many have theirs.
    `at` is when this was so, local time: now where the engine keeps the tag at hand, else where the warehouse ends.
    """

    tag: str
    title: str
    customers: int
    known: int
    different: int
    values: tuple[ValueCount, ...]
    smallest: Value = None
    largest: Value = None
    quantiles: dict[str, Value] = {}
    at: str = ""


class TagValue(msgspec.Struct, frozen=True):
    """A tag's value for one customer (None where unknown) at a moment, local time."""

    tag: str
    title: str
    customer: int
    value: Value
    unit: str
    at: str


def distribution(
    tag: str, column: NDArray[np.int64], kind: ValueType, names: Names, dictionary: TextDictionary, now_ms: int
) -> TagDistribution:
    """The distribution of encoded values at a moment, NULL where unknown; a tie of frequencies goes by the encoded value."""
    known = column[column != NULL]
    values, counts = np.unique(known, return_counts=True)
    most = np.lexsort((values, -counts))[:VALUES_TOLD]

    def shown(value: Any) -> Value:
        return names.value(int(value), kind, dictionary)

    told = tuple(ValueCount(shown(values[at]), int(counts[at])) for at in most)
    found = TagDistribution(
        tag, names.title("tag", tag), len(column), len(known), len(values), told, at=names.moment(now_ms)
    )
    if kind.kind not in _MEASURED or not len(known):
        return found
    ranked = np.sort(known)
    quantiles = {f"p{share}": shown(ranked[-(-share * len(ranked) // 100) - 1]) for share in QUANTILES_PERCENT}
    return msgspec.structs.replace(found, smallest=shown(ranked[0]), largest=shown(ranked[-1]), quantiles=quantiles)


def is_at_hand(playbook: Playbook, tag: str) -> bool:
    """Whether the engine knows everybody's value: it keeps a column, or one for all that the tag's rule reads."""
    return tag in readable_tags(playbook)


async def distribution_live(deployment: Deployment, door: Door, tag: str, names: Names) -> TagDistribution:
    """Of a tag that is at hand in a running service, from the engine's columns, some customers between two pieces."""
    kind = deployment.engine.playbook.vocabulary.tags[tag]
    parts: list[NDArray[np.int64]] = []
    first = 0
    while first < deployment.engine.customers:
        parts.append(await door.work(lambda d: read_tags(d.engine, [tag], first, ROWS_PER_LOOK)[tag]))  # noqa: B023 - awaited at once
        first += len(parts[-1])
    column = np.concatenate([np.empty(0, np.int64), *parts])
    return distribution(tag, column, kind, names, deployment.dictionary, deployment.engine.now_ms)


def distribution_as_of(
    folder: Path, tag: str, as_of_ms: int | None = None, language: Language = "en"
) -> TagDistribution:
    """Out of the warehouse, at its end or as of a moment. Raises DeploymentError for an unknown tag, WarehouseError."""
    with Warehouse(folder, as_of_ms=as_of_ms) as warehouse:
        kind = _known(tag, warehouse.lexicon.vocabulary.tags)
        texts = dictionary_of(warehouse)
        column = np.array(_values(warehouse, tag, kind, texts), np.int64)
        names = Names(warehouse.lexicon.playbooks[-1].body, language)
        return distribution(tag, column, kind, names, texts, warehouse.latest.now_ms)


def tags_of_customer(
    folder: Path, tags: Iterable[str], customer: int, as_of_ms: int | None = None, language: Language = "en"
) -> list[TagValue]:
    """The values of any tags for one customer, where the warehouse ends or as of a moment.

    Raises DeploymentError for an unknown tag or customer, WarehouseError.
    """
    with Warehouse(folder, as_of_ms=as_of_ms) as warehouse:
        warehouse.hold(customer)
        texts, lexicon = dictionary_of(warehouse), warehouse.lexicon
        names = Names(lexicon.playbooks[-1].body, language)
        at = names.moment(warehouse.latest.now_ms)
        told = []
        for tag in tags:
            kind = _known(tag, lexicon.vocabulary.tags)
            found = _values(warehouse, tag, kind, texts)
            if not found:
                raise DeploymentError(
                    f"at {at} the warehouse knows no customer #{customer}; take a later moment, or export"
                )
            shown, unit = names.value(found[0], kind, texts), lexicon.definitions.tags[tag].unit
            told.append(TagValue(tag, names.title("tag", tag), customer, shown, unit, at))
        return told


def _known(tag: str, tags: Mapping[str, ValueType]) -> ValueType:
    if tag not in tags:
        hint = did_you_mean(tag, tags, "tag")
        raise DeploymentError(f"no tag `{tag}`; {hint or 'look for it: opportune tags --search WORD'}")
    return tags[tag]


def _values(warehouse: Warehouse, tag: str, kind: ValueType, texts: TextDictionary) -> list[int]:
    """The encoded values of everybody whom the warehouse tells of, NULL where unknown."""
    rows = warehouse.connection.execute(warehouse.latest.relation([tag], "t0.value")).fetchall()
    return [NULL if v is None else texts.intern(v) if kind.kind is Kind.TEXT else int(v) for (v,) in rows]


def dictionary_of(warehouse: Warehouse) -> TextDictionary:
    """The text dictionary as it was exported; texts that only a rule gives are added by whoever meets them."""
    return TextDictionary(
        text for (text,) in warehouse.connection.execute("SELECT text FROM raw.texts ORDER BY code").fetchall()
    )
