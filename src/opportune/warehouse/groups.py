"""Journal groups as table columns, and back: every array of a group has its place in a table, or the export is refused.

The tables are flat: facts with their values as columns v0, v1 ...; what TAGS_SET facts say as rows of their own (`tags`); texts, bodies
and accounts beside their group; outputs with their place in it (`position`). Only the hashes of identifiers are not kept
(decision 0002): they read back as zeros, like those of a customer who was forgotten.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opportune.facts import (
    DECISION,
    DERIVED,
    GOAL,
    LIMIT,
    MOVE,
    NOBODY,
    NULL,
    WITHHELD,
    Arrays,
    FactBatch,
    FactKind,
    Outputs,
)
from opportune.journal import Group
from opportune.warehouse.errors import WarehouseError

Columns = dict[str, NDArray[Any]]
"""One table's columns, all of one length."""

OUTPUTS: dict[str, np.dtype[Any]] = {
    "decisions": DECISION, "goals": GOAL, "withheld": WITHHELD, "limits": LIMIT, "moves": MOVE, "derived": DERIVED,
}  # fmt: skip
SORTED_BY: dict[str, tuple[str, ...]] = {
    "facts": ("customer", "seq"), "tags": ("customer", "seq", "position"), "texts": ("code",), "bodies": ("first_seq", "position"),
    "groups": ("first_seq",), "decisions": ("customer", "number"), "goals": ("customer", "seq", "position"),
    "withheld": ("seq", "position"), "limits": ("seq", "position"), "moves": ("customer", "seq", "position"),
    "derived": ("customer", "seq", "position"),
}  # fmt: skip
"""Table -> the order of its rows."""

NULLABLE = {"value"}
"""Columns in which the integer that stands for NULL is NULL; so are v0, v1 ..."""
GROUP_ORDER = "_"
_BLOBS = ("texts_ends", "texts", "bodies_ends", "bodies", "extras_row", "extras_ends", "extras")
_KNOWN = {
    "kind",
    "code",
    "customer",
    "at_ms",
    "now_ms",
    "first",
    "values",
    "message",
    "content",
    "accounting",
    *_BLOBS,
    *OUTPUTS,
}


def slot_name(slot: int) -> str:
    """The column of the value at a place."""
    return f"v{slot}"


def output_columns(dtype: np.dtype[Any]) -> list[tuple[str, str, int | None]]:
    """The columns of a kind of output: name, field, and its place in the field where that holds several values (v0, v1 ...)."""
    found: list[tuple[str, str, int | None]] = []
    for field in dtype.names or ():
        shape = dtype[field].shape
        if shape:
            found += [(slot_name(slot), field, slot) for slot in range(shape[0])]
        elif field != GROUP_ORDER:
            found.append((field, field, None))
    return found


def _field(rows: NDArray[Any], field: str, slot: int | None) -> NDArray[Any]:
    found: NDArray[Any] = rows[field] if slot is None else rows[field][:, slot]
    return found


def crc_of(arrays: Arrays) -> int:
    """One number that tells groups apart; a forgotten identifier changes nothing in it."""
    crc = 0
    for name in sorted(arrays):
        array = without_hashes(arrays) if name == "values" else arrays[name]
        crc = zlib.crc32(np.ascontiguousarray(array).tobytes(), zlib.crc32(name.encode(), crc))
    return crc


def without_hashes(arrays: Arrays) -> NDArray[np.int64]:
    """The values with zeros for the hashes of identifiers."""
    values: NDArray[np.int64] = arrays["values"]
    rows = np.flatnonzero(arrays["kind"] == FactKind.IDENTIFIER)
    if len(rows):
        values = values.copy()
        for row in rows.tolist():
            values[int(arrays["first"][row]) : int(arrays["first"][row + 1])] = 0
    return values


class PartBuilder:
    """Collects consecutive groups of a day until they are written as a part."""

    def __init__(self, day: str, first_seq: int, texts: int) -> None:
        self.day, self.first_seq, self.end_seq = day, first_seq, first_seq
        self.texts = texts
        self.slots = 0
        self._parts: dict[str, list[Columns]] = {}

    @property
    def facts(self) -> int:
        """How many facts it holds."""
        return self.end_seq - self.first_seq

    def add(self, group: Group, now_ms: int) -> int:
        """Take a group in; returns engine time after it. Raises WarehouseError where it holds what no table has a place for."""
        unknown = set(group.arrays) - _KNOWN
        if unknown:
            raise WarehouseError(
                f"the journal's group at fact {group.first_seq:,} holds `{min(unknown)}`, which this version cannot export; "
                "export with the version of Opportune that wrote it"
            )
        batch = FactBatch.from_arrays(group.arrays)
        engine_ms = np.maximum(np.maximum.accumulate(batch.now_ms), now_ms)
        self._add_facts(group, batch, engine_ms)
        self._add_blobs(group, batch)
        outputs = Outputs.from_arrays(group.arrays)
        for name in OUTPUTS:
            self._add_outputs(name, getattr(outputs, name), group)
        self.end_seq = group.end_seq
        return int(engine_ms[-1])

    def build(self) -> dict[str, Columns]:
        """The columns of every table that has rows. A column that some groups lack is filled with what stands for nothing."""
        return {table: _joined(table, parts) for table, parts in self._parts.items()}

    def _add(self, table: str, columns: Columns) -> None:
        if len(next(iter(columns.values()))):
            self._parts.setdefault(table, []).append(columns)

    def _add_facts(self, group: Group, batch: FactBatch, engine_ms: NDArray[np.int64]) -> None:
        n = len(batch)
        seq = np.arange(group.first_seq, group.end_seq)
        first = batch.first.astype(np.int64)
        counts: NDArray[np.int64] = first[1:] - first[:-1]
        is_tags = batch.kind == FactKind.TAGS_SET
        columns: Columns = {
            "seq": seq, "kind": batch.kind, "code": batch.code, "customer": batch.customer, "at_ms": batch.at_ms,
            "now_ms": batch.now_ms, "engine_ms": engine_ms, "size": counts.astype(np.uint32),
        }  # fmt: skip
        if batch.message.any() or batch.content.any():
            columns |= {
                "message_low": batch.message[:, 0],
                "message_high": batch.message[:, 1],
                "content": batch.content,
            }
        plain = np.where(is_tags, 0, counts)
        values = without_hashes(group.arrays)
        slots = int(plain.max()) if n else 0
        for slot in range(slots):
            has = plain > slot
            column = np.full(n, NULL)
            column[has] = values[first[:-1][has] + slot]
            columns[slot_name(slot)] = column
        self.slots = max(self.slots, slots)
        if batch.extras:
            extra = np.full(n, None, object)
            for row, text in batch.extras.items():
                extra[row] = text
            columns["extra"] = extra
        self._add("facts", columns)
        self._add_tags(batch, seq, values, np.flatnonzero(is_tags), counts)

    def _add_tags(
        self, batch: FactBatch, seq: NDArray[np.int64], values: NDArray[np.int64], rows: NDArray[np.intp], counts: NDArray[np.int64]
    ) -> None:  # fmt: skip
        pairs = counts[rows] // 2
        if (counts[rows] % 2).any():
            raise WarehouseError(f"a TAGS_SET fact from {int(seq[0]):,} on has a tag without a value")
        fact = np.repeat(rows, pairs)
        position = np.arange(len(fact)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
        place = batch.first[fact].astype(np.int64) + 2 * position
        self._add(
            "tags",
            {
                "seq": seq[fact], "customer": batch.customer[fact], "at_ms": batch.at_ms[fact], "position": position.astype(np.uint32),
                "tag": values[place].astype(np.uint16), "value": values[place + 1],
            },
        )  # fmt: skip

    def _add_blobs(self, group: Group, batch: FactBatch) -> None:
        if batch.texts:
            code = np.arange(self.texts + 1, self.texts + 1 + len(batch.texts))
            self._add(
                "texts",
                {"code": code, "first_seq": np.full(len(code), group.first_seq), "text": np.array(batch.texts, object)},
            )
            self.texts += len(batch.texts)
        if batch.bodies:
            many = len(batch.bodies)
            bodies = np.full(many, None, object)
            bodies[:] = batch.bodies
            self._add(
                "bodies",
                {"first_seq": np.full(many, group.first_seq), "position": np.arange(many, dtype=np.uint32), "body": bodies},
            )  # fmt: skip
        account = np.full(1, None, object)
        if "accounting" in group.arrays:
            account[0] = group.arrays["accounting"].tobytes()
        one = {"first_seq": group.first_seq, "facts": group.count, "received_ms": group.received_ms}
        self._add("groups", {name: np.array([value]) for name, value in one.items()} | {"accounting": account})

    def _add_outputs(self, name: str, rows: NDArray[Any], group: Group) -> None:
        if len(rows) and not (group.first_seq <= rows["seq"].min() and rows["seq"].max() < group.end_seq):
            raise WarehouseError(f"the {name} of the group at fact {group.first_seq:,} name a cause outside of it")
        columns: Columns = {column: _field(rows, field, slot) for column, field, slot in output_columns(rows.dtype)}
        self._add(name, columns | {"position": np.arange(len(rows), dtype=np.uint32)})


def _joined(table: str, parts: Sequence[Columns]) -> Columns:
    names = list(dict.fromkeys(name for part in parts for name in part))
    return {name: np.concatenate([_column(name, part) for part in parts]) for name in names}


def _column(name: str, part: Columns) -> NDArray[Any]:
    found = part.get(name)
    if found is not None:
        return found
    many = len(part["seq"])
    if name == "extra":
        return np.full(many, None, object)
    if name.startswith("v"):
        return np.full(many, NULL)
    return np.zeros(many, np.uint64)  # message_low, message_high, content


def split_groups(tables: dict[str, Columns], thinned_ms: int | None = None) -> Iterable[Group]:
    """The groups that these tables were made of; facts, tags and outputs must be in the order of their numbers.

    tables      columns as `PartBuilder.build` gives them, a NULL again being the integer that stands for it; missing tables have no rows
    thinned_ms  of a part whose rows were dropped in part: engine time before it. What is missing becomes a TICK fact
    """
    groups = tables["groups"]
    if thinned_ms is not None:
        tables = tables | {
            "facts": _filled(tables.get("facts"), int(groups["first_seq"][0]), int(groups["facts"].sum()), thinned_ms)
        }
    for i, (first_seq, count) in enumerate(zip(groups["first_seq"].tolist(), groups["facts"].tolist(), strict=True)):
        end_seq = first_seq + count
        batch = _batch(tables, first_seq, end_seq)
        outputs = Outputs(**{name: _outputs(tables.get(name), name, first_seq, end_seq) for name in OUTPUTS})
        arrays = batch.to_arrays() | outputs.to_arrays()
        account = groups["accounting"][i]
        if account is not None:
            arrays["accounting"] = np.frombuffer(account, np.uint8)
        yield Group(first_seq, count, int(groups["received_ms"][i]), arrays)


def _within(columns: Columns | None, key: str, first: int, end: int) -> Columns:
    """The rows whose key lies in a range; they are sorted by it."""
    if columns is None:
        return {}
    low, high = np.searchsorted(columns[key], [first, end])
    return {name: column[low:high] for name, column in columns.items()}


def _batch(tables: dict[str, Columns], first_seq: int, end_seq: int) -> FactBatch:
    facts = _within(tables["facts"], "seq", first_seq, end_seq)
    tags = _within(tables.get("tags"), "seq", first_seq, end_seq)
    n = end_seq - first_seq
    if len(facts["seq"]) != n:
        raise WarehouseError(f"of the facts {first_seq:,} to {end_seq - 1:,} only {len(facts['seq']):,} are there")
    sizes = facts["size"].astype(np.int64)
    first = np.zeros(n + 1, np.uint32)
    np.cumsum(sizes, out=first[1:])
    values = np.full(int(first[-1]), NULL)
    is_tags = facts["kind"] == FactKind.TAGS_SET
    plain = np.where(is_tags, 0, sizes)
    starts = first[:-1].astype(np.int64)
    for slot in range(int(plain.max()) if n else 0):
        has = plain > slot
        values[starts[has] + slot] = facts[slot_name(slot)][has]
    if is_tags.any() and "seq" in tags:  # an identify without traits sets none
        place = starts[tags["seq"] - first_seq] + 2 * tags["position"].astype(np.int64)
        values[place], values[place + 1] = tags["tag"], tags["value"]
    message, content = np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64)
    if "content" in facts:
        message[:, 0], message[:, 1], content = facts["message_low"], facts["message_high"], facts["content"]
    extras = facts.get("extra")
    texts, bodies = (_within(tables.get(name), "first_seq", first_seq, end_seq) for name in ("texts", "bodies"))
    return FactBatch(
        facts["kind"].astype(np.uint8), facts["code"].astype(np.uint16), facts["customer"].astype(np.uint32),
        facts["at_ms"], facts["now_ms"], first, values, message, content,
        [str(text) for text in texts.get("text", ())], [bytes(body) for body in bodies.get("body", ())],
        {} if extras is None else {row: bytes(extra) for row, extra in enumerate(extras) if extra is not None},
    )  # fmt: skip


def _filled(kept: Columns | None, first_seq: int, count: int, now_ms: int) -> Columns:
    """The facts first_seq .. first_seq + count - 1: those that are kept, and where one was dropped a TICK of the time that had come."""
    seq = np.arange(first_seq, first_seq + count)
    at = kept["seq"] - first_seq if kept else np.empty(0, np.int64)
    time = np.full(count, now_ms)
    if kept:
        time[at] = kept["engine_ms"]
    time = np.maximum.accumulate(time)
    columns: Columns = {
        "seq": seq, "kind": np.full(count, FactKind.TICK, np.uint8), "code": np.zeros(count, np.uint16),
        "customer": np.full(count, NOBODY, np.uint32), "at_ms": time.copy(), "now_ms": time.copy(), "engine_ms": time,
        "size": np.zeros(count, np.uint32),
    }  # fmt: skip
    for name, column in (kept or {}).items():
        if name not in columns:
            nothing: Any = None if column.dtype == object else 0 if column.dtype.kind == "u" else NULL
            columns[name] = np.full(count, nothing, column.dtype)
        columns[name][at] = column
    return columns


def _outputs(columns: Columns | None, name: str, first_seq: int, end_seq: int) -> NDArray[Any]:
    """The outputs of a group: they carry the numbers of their causes, which lie in the group."""
    dtype = OUTPUTS[name]
    found = _within(columns, "seq", first_seq, end_seq)
    rows = np.zeros(len(found["seq"]) if found else 0, dtype)
    if found:
        order = np.argsort(found["position"], kind="stable")
        for column, field, slot in output_columns(dtype):
            _field(rows, field, slot)[:] = found[column][order]
    return rows
