"""Ask: who is probably there twice, and what was decided of it? Names are read out of `store/people` only here, and stay in memory.

A search writes pairs of customer numbers with scores and evidence into the queue of `store/duplicates`. Somebody decides each: merged, or apart for good.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from opportune.intake import Cluster, Evidence, MatchingDefinition, Pair, clusters_of, find_pairs, read_matching
from opportune.operations.deployment import Deployment, DeploymentError, journal_of
from opportune.operations.merging import merge
from opportune.operations.names import mask
from opportune.operations.source_definitions import definitions_of
from opportune.operations.who import KINDS, identifiers, open_people
from opportune.store import (
    DefinitionProblem,
    Definitions,
    DuplicateRun,
    Duplicates,
    FoundPair,
    PairRow,
    PairState,
    People,
    ProblemCode,
    did_you_mean,
)  # fmt: skip
from opportune.warehouse import Warehouse

PERSONAL = "personal"
Decision = Literal["same", "apart"]
OnStep = Callable[[str, int, int], None]
"""(what is being done, steps done, steps in all)."""
_EVIDENCE = msgspec.json.Decoder(tuple[Evidence, ...])


class DuplicatesFound(msgspec.Struct, frozen=True):
    """What a search found: pairs that are the `same`, pairs to `review`, and how many of them are open; `clusters` hang together by open pairs."""

    matching: str
    customers: int
    compared: int
    same: int
    review: int
    open: int
    clusters: int
    seconds: float


class DuplicateLine(msgspec.Struct, frozen=True):
    """A pair of the queue: `score` in millionths, `low_name` and `high_name` an identifier of each, masked unless asked otherwise."""

    number: int
    score: int
    state: str
    low: int
    high: int
    low_name: str
    high_name: str
    matching: str
    evidence: tuple[Evidence, ...]
    found_ms: int
    decided_ms: int | None
    decided_by: str
    why: str


class ComparedField(msgspec.Struct, frozen=True):
    """A field of both customers, masked unless asked otherwise, how alike it is and what that weighs (thousandths of a bit)."""

    field: str
    low: str
    high: str
    level: str
    weight: int


class DuplicatePage(msgspec.Struct, frozen=True):
    """All about one pair; `cluster` are the customers who hang together with it by open pairs, `gaps` those pairs of them that are not alike."""

    line: DuplicateLine
    fields: tuple[ComparedField, ...]
    cluster: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]


def check_matchings(definitions: Definitions) -> Iterator[DefinitionProblem]:
    """Every mistake in a matching, at its place."""
    for name, document in definitions.matchings.items():
        try:
            found = read_matching(name, document)
        except ValueError as error:
            path, message = _placed(str(error))
            yield definitions.problem("matching", name, path, ProblemCode.BAD_VALUE, message)
            continue
        for field in found.fields:
            told = _unknown(definitions, *found.place_of(field))
            if told[0]:
                path = f"fields.{field}" + (".from" if found.fields[field].source else "")
                yield definitions.problem("matching", name, path, ProblemCode.UNKNOWN_NAME, *told)


def _placed(told: str) -> tuple[str, str]:
    """(path, words) of `Expected ... - at `$.same`` and `fields.x: ...`."""
    words, sign, path = told.rpartition(" - at `$")
    if sign:
        return path.rstrip("`").lstrip("."), words
    path, sign, words = told.partition(": ")
    return (path, words) if sign and " " not in path else ("", told)


def _unknown(definitions: Definitions, place: str, name: str) -> tuple[str, str]:
    """(what is wrong, hint) where a field is taken from something that is not there; ("", "") where it is."""
    if place == "identifier":
        return ("", "") if name in KINDS else (f"no kind of identifier `{name}`", f"there are: {', '.join(KINDS)}")
    personal = {tag for tag, one in definitions.tags.items() if one.sensitivity == PERSONAL}
    personal |= {
        name for event in definitions.events.values() for name, one in event.properties.items() if one.personal
    }
    if place == PERSONAL:
        if name in personal:
            return "", ""
        return f"no personal tag or property `{name}`", did_you_mean(
            name, personal
        ) or "say sensitivity: personal where it is defined"
    others = definitions.tags.keys() - personal
    return (
        ("", "")
        if name in others
        else (f"no tag `{name}`", did_you_mean(name, others) or "personal ones are personal.NAME")
    )


def matching_of(folder: Path, name: str | None = None) -> MatchingDefinition:
    """A matching of the definitions saved last; without a name the only one there is. Raises DeploymentError."""
    known = definitions_of(folder).matchings
    if name is None and len(known) == 1:
        name = next(iter(known))
    if name not in known:
        there = ", ".join(known) or "none; write one: matching: NAME, with fields and block"
        raise DeploymentError(
            f"no matching `{name}`; there are: {there}" if name else f"say which matching; there are: {there}"
        )
    try:
        return read_matching(name, known[name])
    except ValueError as error:
        raise DeploymentError(f"matching {name}: {error}") from error


@contextmanager
def open_duplicates(folder: Path) -> Iterator[Duplicates]:
    """The queue of a data folder. Raises DeploymentError where it is no data folder."""
    journal_of(folder)
    duplicates = Duplicates(folder)
    try:
        yield duplicates
    finally:
        duplicates.close()


def find_duplicates(folder: Path, definition: MatchingDefinition, on_step: OnStep | None = None) -> DuplicatesFound:
    """Search all customers, and put the pairs found into the queue in place of the open ones; beside a writer, and as often as one likes.

    What was decided stays decided. Raises DeploymentError, WarehouseError, ExtraMissingError.
    """
    begun, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    step = on_step or (lambda _what, _done, _total: None)
    numbers, columns = _rows_of(folder, definition)
    try:
        found = find_pairs(definition, numbers, columns, step)
    except ValueError as error:
        raise DeploymentError(f"matching {definition.matching}: {error}") from error
    same = sum(pair.score >= definition.same for pair in found.pairs)
    run = DuplicateRun(definition.matching, now_ms, found.rows, found.compared, same, len(found.pairs) - same)
    with open_duplicates(folder) as duplicates:
        is_open = duplicates.replace_open(run, [_found(pair) for pair in found.pairs])
        clusters = clusters_of(duplicates.linked())
    return DuplicatesFound(
        definition.matching, run.customers, run.compared, run.same, run.review, is_open, len(clusters), time.monotonic() - begun
    )  # fmt: skip


def merge_same(deployment: Deployment, definition: MatchingDefinition, who: str) -> int:
    """Merge the open pairs of a matching whose score says `same`; how many. Raises DeploymentError.

    A cluster in which two are not alike, or were kept apart, is left to people.
    """
    merged = 0
    with open_duplicates(deployment.folder) as duplicates:
        same = [
            row for row in _all_open(duplicates) if row.score >= definition.same and row.matching == definition.matching
        ]
        sound = {
            customer
            for one in clusters_of((row.low, row.high) for row in same)
            if not one.gaps
            for customer in one.customers
        }
        numbers = [row.number for row in same if row.low in sound]
    for number in numbers:
        with open_duplicates(deployment.folder) as duplicates:
            row = duplicates.one(number)
        if row is not None and row.state is PairState.OPEN:  # merging others may have made one of two
            decide_pair(deployment.folder, number, "same", who, f"matching {definition.matching}: merge", deployment)
            merged += 1
    return merged


def list_duplicates(
    folder: Path, state: PairState | None = None, limit: int = 100, after: tuple[int, int] | None = None, *, reveal: bool = False
) -> list[DuplicateLine]:  # fmt: skip
    """Pairs of the queue, the highest score first; `after` is (score, number) of the last of the page before. Raises DeploymentError."""
    with open_duplicates(folder) as duplicates:
        rows = duplicates.pairs(state, limit, after)
    return _lines(folder, rows, reveal=reveal)


def list_clusters(folder: Path) -> list[Cluster]:
    """Customers who hang together by open pairs, three or more. Raises DeploymentError."""
    with open_duplicates(folder) as duplicates:
        return [one for one in clusters_of(duplicates.linked()) if len(one.customers) > 2]


def show_duplicate(folder: Path, number: int, *, reveal: bool = False) -> DuplicatePage:
    """One pair with both customers' fields side by side. Raises DeploymentError for an unknown one."""
    with open_duplicates(folder) as duplicates:
        row = _known(duplicates, number)
        hanging = [one for one in clusters_of(duplicates.linked()) if row.low in one.customers]
    (line,) = _lines(folder, [row], reveal=reveal)
    definition = matching_of(folder, row.matching)
    told = []
    with open_people(folder) as people:
        for one in line.evidence:
            values = [_text_of(people, customer, definition, one.field) for customer in (row.low, row.high)]
            low, high = values if reveal else map(mask, values)
            told.append(ComparedField(one.field, low, high, one.level, one.weight))
    cluster = hanging[0] if hanging else Cluster((row.low, row.high), (), ())
    return DuplicatePage(line, tuple(told), cluster.customers, cluster.gaps)


def open_pair(folder: Path, number: int) -> tuple[int, int]:
    """The two customers of a pair, the older first. Raises DeploymentError where it is gone, or decided already."""
    with open_duplicates(folder) as duplicates:
        row = _open(duplicates, number)
        return row.low, row.high


def decide_pair(
    folder: Path,
    number: int,
    decision: Decision,
    who: str,
    why: str,
    deployment: Deployment | None = None,
    *,
    merged: bool = False,
) -> DuplicateLine:
    """Decide an open pair: `same` merges the two into the older one, `apart` keeps them two for good.

    They are merged in the open `deployment`, unless they were `merged` already. Raises DeploymentError where it is gone, decided already, or cannot be merged.
    """
    with open_duplicates(folder) as duplicates:
        row = _open(duplicates, number)
        if not who:  # before anything is merged
            raise DeploymentError("a pair is decided by somebody: say who")
        if decision == "same" and not merged:
            assert deployment is not None, "a deployment is needed to merge"
            if deployment.identity.root(row.low) != deployment.identity.root(row.high):
                merge(deployment, row.low, row.high, by=who, why=why)
        try:
            decided = duplicates.decide(
                number,
                PairState.MERGED if decision == "same" else PairState.APART,
                who,
                why,
                time.time_ns() // 1_000_000,
            )
        except ValueError as error:
            raise DeploymentError(str(error)) from error
        if not decided:
            raise DeploymentError(f"pair {number} was decided by somebody else meanwhile")
        if decision == "same":
            duplicates.absorb(row.low, row.high)
        (line,) = _lines(folder, [_known(duplicates, number)], reveal=False)
    return line


def _known(duplicates: Duplicates, number: int) -> PairRow:
    row = duplicates.one(number)
    if row is None:
        raise DeploymentError(f"there is no pair {number}; see: opportune duplicates list")
    return row


def _open(duplicates: Duplicates, number: int) -> PairRow:
    row = _known(duplicates, number)
    if row.state is not PairState.OPEN:
        raise DeploymentError(
            f"pair {number} is {row.state} since {row.decided_by} decided it; only open pairs are decided"
        )
    return row


def _all_open(duplicates: Duplicates) -> Iterator[PairRow]:
    after = None
    while page := duplicates.pairs(PairState.OPEN, 1_000, after):
        yield from page
        after = page[-1].score, page[-1].number


def _found(pair: Pair) -> FoundPair:
    return FoundPair(pair.low, pair.high, pair.score, msgspec.json.encode(pair.evidence))


def _lines(folder: Path, rows: Sequence[PairRow], *, reveal: bool) -> list[DuplicateLine]:
    names = identifiers(folder, {customer for row in rows for customer in (row.low, row.high)}, reveal=reveal)
    return [
        DuplicateLine(
            row.number, row.score, row.state.value, row.low, row.high, names.get(row.low, ""), names.get(row.high, ""), row.matching,
            _EVIDENCE.decode(row.evidence), row.found_ms, row.decided_ms, row.decided_by, row.why,
        ) for row in rows
    ]  # fmt: skip


def _rows_of(folder: Path, definition: MatchingDefinition) -> tuple[list[int], dict[str, list[str | None]]]:
    """The customers of whom anything is known under the personal fields and identifiers, ascending; and per field their values."""
    found: dict[str, dict[int, str]] = {}
    with open_people(folder) as people:
        for field in definition.fields:
            place, name = definition.place_of(field)
            if place != "tag":
                found[field] = {} if people is None else _of_people(people, place, name)
    numbers = sorted(set().union(*(values.keys() for values in found.values())))
    tags = {field: definition.place_of(field)[1] for field in definition.fields if field not in found}
    if tags:
        with Warehouse(folder) as warehouse:
            for field, tag in tags.items():
                rows = warehouse.query(
                    f'SELECT customer, "{tag}" FROM latest.{tag}', rows_max=warehouse.manifest.customers + 1
                ).rows
                found[field] = {int(customer): str(value) for customer, value in rows if value is not None}
    return numbers, {field: [found[field].get(number) for number in numbers] for field in definition.fields}


def _of_people(people: People, place: str, name: str) -> dict[int, str]:
    """Customer -> text; of several identifiers of a kind the first in the order of the alphabet."""
    values: dict[int, str] = {}
    for customer, text in people.all_personal(name) if place == PERSONAL else people.all_of(name):
        if customer not in values or text < values[customer]:
            values[customer] = text
    return values


def _text_of(people: People | None, customer: int, definition: MatchingDefinition, field: str) -> str:
    """What is known of one customer's field; tags of the warehouse are not looked up again."""
    place, name = definition.place_of(field)
    if people is None or place == "tag":
        return ""
    if place == PERSONAL:
        return people.personal_of(customer).get(name, "")
    return next((text for kind, text in people.identifiers_of(customer) if kind == name), "")
