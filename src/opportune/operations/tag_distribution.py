"""Ask: what values does a tag have, and for how many customers is it known? Live from columns; beside a writer out of the warehouse, as of any moment."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine
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


def distribution(
    tag: str, column: NDArray[np.int64], kind: ValueType, names: Names, dictionary: TextDictionary
) -> TagDistribution:
    """The distribution of encoded values, NULL where unknown; a tie of frequencies goes by the encoded value."""
    known = column[column != NULL]
    values, counts = np.unique(known, return_counts=True)
    most = np.lexsort((values, -counts))[:VALUES_TOLD]

    def shown(value: Any) -> Value:
        return names.value(int(value), kind, dictionary)

    told = tuple(ValueCount(shown(values[at]), int(counts[at])) for at in most)
    found = TagDistribution(tag, names.title("tag", tag), len(column), len(known), len(values), told)
    if kind.kind not in _MEASURED or not len(known):
        return found
    ranked = np.sort(known)
    quantiles = {f"p{share}": shown(ranked[-(-share * len(ranked) // 100) - 1]) for share in QUANTILES_PERCENT}
    return msgspec.structs.replace(found, smallest=shown(ranked[0]), largest=shown(ranked[-1]), quantiles=quantiles)


def require_tag(engine: Engine, tag: str) -> ValueType:
    """The type of a tag that has a column. Raises DeploymentError."""
    tags = engine.playbook.vocabulary.tags
    if tag not in tags:
        raise DeploymentError(f"no tag `{tag}`; {did_you_mean(tag, tags, 'tag') or 'see the catalogue'}")
    if tag not in readable_tags(engine.playbook):
        raise DeploymentError(
            f"no campaign's rule reads the tag `{tag}`, so it has no column; ask the warehouse for it"
        )
    return tags[tag]


async def distribution_live(deployment: Deployment, door: Door, tag: str, names: Names) -> TagDistribution:
    """Of a running service, from the engine's columns, some customers between two pieces. Raises DeploymentError."""
    kind = require_tag(deployment.engine, tag)
    parts: list[NDArray[np.int64]] = []
    first = 0
    while first < deployment.engine.customers:
        parts.append(await door.work(lambda d: read_tags(d.engine, [tag], first, ROWS_PER_LOOK)[tag]))  # noqa: B023 - awaited at once
        first += len(parts[-1])
    column = np.concatenate([np.empty(0, np.int64), *parts])
    return distribution(tag, column, kind, names, deployment.dictionary)


def distribution_as_of(
    folder: Path, tag: str, as_of_ms: int | None = None, language: Language = "en"
) -> TagDistribution:
    """Out of the warehouse, at its end or as of a moment. Raises DeploymentError for an unknown tag, WarehouseError."""
    with Warehouse(folder, as_of_ms=as_of_ms) as warehouse:
        lexicon = warehouse.lexicon
        if tag not in lexicon.vocabulary.tags:
            hint = did_you_mean(tag, lexicon.vocabulary.tags, "tag")
            raise DeploymentError(f"no tag `{tag}`; {hint or 'see: opportune query --help'}")
        kind = lexicon.vocabulary.tags[tag]
        texts = dictionary_of(warehouse)
        rows = warehouse.connection.execute(warehouse.latest.relation([tag], "t0.value")).fetchall()
        body = lexicon.playbooks[-1].body
    column = np.array(
        [NULL if v is None else texts.intern(v) if kind.kind is Kind.TEXT else int(v) for (v,) in rows], np.int64
    )
    return distribution(tag, column, kind, Names(body, language), texts)


def dictionary_of(warehouse: Warehouse) -> TextDictionary:
    """The text dictionary as it was exported; texts that only a rule gives are added by whoever meets them."""
    return TextDictionary(
        text for (text,) in warehouse.connection.execute("SELECT text FROM raw.texts ORDER BY code").fetchall()
    )
