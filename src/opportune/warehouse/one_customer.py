"""One customer's rows out of the warehouse, the newest first: only the files that speak of her are opened."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.facts import DECISION, DERIVED, GOAL, MOVE, NULL, Arm, FactKind
from opportune.warehouse.errors import WarehouseError
from opportune.warehouse.files import quoted
from opportune.warehouse.groups import output_columns, slot_name
from opportune.warehouse.manifest import MANIFEST_FILE, Manifest, Part, read_manifest, warehouse_folder
from opportune.warehouse.presence import CONTACT_KINDS, Kind, Presence, is_present, read_presence

MEMORY_MAX = "512MB"
_OUTPUTS = {
    Kind.DECISIONS: ("decisions", DECISION),
    Kind.MOVES: ("moves", MOVE),
    Kind.GOALS: ("goals", GOAL),
    Kind.DERIVED: ("derived", DERIVED),
}


class StoredFact(msgspec.Struct, frozen=True):
    """One fact of hers: its number, kind, code, when it happened, engine time, and its values (see FactKind)."""

    seq: int
    kind: int
    code: int
    at_ms: int
    now_ms: int
    values: tuple[int, ...]


class CustomerRows(msgspec.Struct, frozen=True):
    """Facts about one customer, and outputs (arrays DECISION, MOVE, GOAL, DERIVED), each in the order of their numbers."""

    facts: list[StoredFact]
    decisions: NDArray[Any]
    moves: NDArray[Any]
    goals: NDArray[Any]
    derived: NDArray[Any]

    def __len__(self) -> int:
        return len(self.facts) + len(self.decisions) + len(self.moves) + len(self.goals) + len(self.derived)


class CustomerReader:
    """Looks customers up in a data folder's warehouse as it grows, by all the numbers of each. One request at a time; `refresh` hears of new parts."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._place = folder, warehouse_folder(folder)
        self._connection = duckdb.connect(
            ":memory:", config={"threads": 1, "memory_limit": MEMORY_MAX, "temp_directory": ""}
        )
        self._connection.execute("SET parquet_metadata_cache=true")
        self._presence: dict[str, Presence] = {}
        self._stamp = 0
        self.manifest = Manifest()
        self.refresh()

    def refresh(self) -> Manifest:
        """Read the manifest again where it has changed."""
        path = self._place / MANIFEST_FILE
        stamp = path.stat().st_mtime_ns if path.exists() else 0
        if stamp != self._stamp:
            self.manifest, self._stamp = read_manifest(self._folder), stamp
            known = {part.presence for part in self.manifest.parts}
            self._presence = {name: bits for name, bits in self._presence.items() if name in known}
        return self.manifest

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def newest(self, customers: Sequence[int], before_seq: int) -> Iterator[CustomerRows]:
        """Her rows of facts before a number, part by part, the newest part first."""
        for part in self._parts(customers, (Kind.FACTS, *_OUTPUTS), before_seq):
            where = f"seq < {before_seq}"
            facts = self._facts(part, customers, where) if _any_present(self._bits(part), Kind.FACTS, customers) else []
            outputs = [
                self._outputs(part, kind, customers, where)
                if _any_present(self._bits(part), kind, customers)
                else np.empty(0, dtype)
                for kind, (_, dtype) in _OUTPUTS.items()
            ]
            yield CustomerRows(facts, *outputs)

    def contacts(self, customers: Sequence[int]) -> Iterator[CustomerRows]:
        """Those of her rows that say that she was contacted or answered, the newest part first."""
        kinds = ", ".join(str(int(kind)) for kind in CONTACT_KINDS)
        for part in self._parts(customers, (Kind.CONTACT_FACTS, Kind.CONTACT_OUTPUTS), self.manifest.end_seq):
            bits = self._bits(part)
            facts: list[StoredFact] = []
            decisions, moves = np.empty(0, DECISION), np.empty(0, MOVE)
            if _any_present(bits, Kind.CONTACT_FACTS, customers):
                facts = self._facts(part, customers, f"kind IN ({kinds})")
            if _any_present(bits, Kind.CONTACT_OUTPUTS, customers):
                # Also the moves of other kinds: those with a decision itself say that it was no contact yet.
                decisions = self._outputs(part, Kind.DECISIONS, customers, f"arm = {int(Arm.TREATED)}")
                if _any_present(bits, Kind.MOVES, customers):
                    moves = self._outputs(part, Kind.MOVES, customers, "true")
            yield CustomerRows(facts, decisions, moves, np.empty(0, GOAL), np.empty(0, DERIVED))

    def tags(self, customers: Sequence[int]) -> Iterator[dict[int, tuple[int, int]]]:
        """What was said of her tags last (number -> encoded value, ms when), part by part, the newest part first."""
        for part in self._parts(customers, (Kind.TAGS,), self.manifest.end_seq):
            rows = self._rows(part, "tags", customers, "true", "seq, position", "tag, value, at_ms")
            yield {tag: (NULL if value is None else value, at_ms) for tag, value, at_ms in rows}

    def _parts(self, customers: Sequence[int], kinds: tuple[Kind, ...], before_seq: int) -> Iterator[Part]:
        for part in reversed(self.manifest.parts):
            if part.first_seq < before_seq and any(_any_present(self._bits(part), kind, customers) for kind in kinds):
                yield part

    def _bits(self, part: Part) -> Presence:
        found = self._presence.get(part.presence)
        if found is None:
            found = self._presence[part.presence] = read_presence(self._place / part.presence)
        return found

    def _facts(self, part: Part, customers: Sequence[int], where: str) -> list[StoredFact]:
        slots = "".join(f", {slot_name(slot)}" for slot in range(part.slots))
        chosen = f"seq, kind, code, at_ms, engine_ms, size{slots}"
        rows = self._rows(part, "facts", customers, where, "seq", chosen)
        said: dict[int, list[int]] = {}
        if any(row[1] == FactKind.TAGS_SET for row in rows):
            for seq, tag, value in self._rows(
                part,
                "tags",
                customers,
                where if where.startswith("seq") else "true",
                "seq, position",
                "seq, tag, value",
            ):
                said.setdefault(seq, []).extend((tag, NULL if value is None else value))
        return [
            StoredFact(
                seq, kind, code, at_ms, now_ms,
                tuple(said.get(seq, ())) if kind == FactKind.TAGS_SET else tuple(NULL if v is None else v for v in values[:size]),
            )
            for seq, kind, code, at_ms, now_ms, size, *values in rows
        ]  # fmt: skip

    def _outputs(self, part: Part, kind: Kind, customers: Sequence[int], where: str) -> NDArray[Any]:
        table, dtype = _OUTPUTS[kind]
        columns = output_columns(dtype)
        chosen = ", ".join(name for name, _, _ in columns)
        found = self._rows(part, table, customers, where, "seq, position", chosen) if table in part.tables else []
        rows = np.zeros(len(found), dtype)
        for at, row in enumerate(found):
            for (_, field, slot), value in zip(columns, row, strict=True):
                rows[field][at if slot is None else (at, slot)] = NULL if value is None else value
        return rows

    def _rows(
        self, part: Part, table: str, customers: Sequence[int], where: str, order: str, chosen: str
    ) -> list[tuple[Any, ...]]:
        if table not in part.tables:
            return []
        path, numbers = quoted(str(self._place / part.place(table))), ", ".join(map(str, customers))
        try:
            return self._connection.execute(
                f"SELECT {chosen} FROM read_parquet({path}, hive_partitioning=false) WHERE customer IN ({numbers}) AND {where} ORDER BY {order}"
            ).fetchall()
        except duckdb.Error as error:
            raise WarehouseError(f"{path} cannot be read: {error}; restore it from a backup") from error


def _any_present(bits: Presence, kind: Kind, customers: Sequence[int]) -> bool:
    return any(is_present(bits, kind, customer) for customer in customers)
