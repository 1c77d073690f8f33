"""Pairs of customers who may be one person, in `duplicates.db`: numbers, scores and evidence, no name; and what somebody decided of each."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from opportune.store.database import open_database, reading, writing

FILE_NAME = "duplicates.db"
LIST_MAX = 1_000
WHY_CHARACTERS_MAX = 2_000

_TABLES = sa.MetaData()
_pair = sa.Table(
    "pair",
    _TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("low", sa.BigInteger, nullable=False),
    sa.Column("high", sa.BigInteger, nullable=False),
    sa.Column("matching", sa.Text, nullable=False),
    sa.Column("score", sa.Integer, nullable=False),
    sa.Column("evidence", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("found_ms", sa.BigInteger, nullable=False),
    sa.Column("decided_ms", sa.BigInteger, nullable=True),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)
_run = sa.Table(
    "run",
    _TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("matching", sa.Text, nullable=False),
    sa.Column("begun_ms", sa.BigInteger, nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
    sa.Column("compared", sa.BigInteger, nullable=False),
    sa.Column("same", sa.BigInteger, nullable=False),
    sa.Column("review", sa.BigInteger, nullable=False),
)


class PairState(StrEnum):
    """OPEN until somebody decides; MERGED: they are one; APART: they are two, for good."""

    OPEN = "open"
    MERGED = "merged"
    APART = "apart"


class FoundPair(msgspec.Struct, frozen=True):
    """A pair as a run finds it: the lower customer first, `score` in millionths, `evidence` as its finder writes it."""

    low: int
    high: int
    score: int
    evidence: bytes


class PairRow(msgspec.Struct, frozen=True):
    """A pair of the queue: what was found, and what was decided by whom, when and why (`decided_ms` None while it is open)."""

    number: int
    low: int
    high: int
    matching: str
    score: int
    evidence: bytes
    state: PairState
    found_ms: int
    decided_ms: int | None
    decided_by: str
    why: str


class DuplicateRun(msgspec.Struct, frozen=True):
    """One search: customers looked at, pairs compared, and how many pairs were the same and to be reviewed."""

    matching: str
    begun_ms: int
    customers: int
    compared: int
    same: int
    review: int
    number: int = 0


class Duplicates:
    """The queue of one data folder."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/duplicates.db`, making it (mode 0600) if missing. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "duplicates")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def replace_open(self, run: DuplicateRun, pairs: Sequence[FoundPair]) -> int:
        """Keep what a run found in place of the open pairs of its matching; what was decided stays as it is. How many are open now.

        A pair that was open before keeps its number and when it was found first. All in one transaction.
        """
        with writing(self._engine) as connection:
            told = msgspec.structs.asdict(run)
            del told["number"]
            connection.execute(sa.insert(_run), told)
            known = {(row.low, row.high): row for row in connection.execute(sa.select(_pair))}
            found = {(pair.low, pair.high) for pair in pairs}
            gone = [
                {"gone": row.number} for place, row in known.items()
                if row.state == PairState.OPEN and row.matching == run.matching and place not in found
            ]  # fmt: skip
            if gone:
                connection.execute(sa.delete(_pair).where(_pair.c.number == sa.bindparam("gone")), gone)
            new, again = [], []
            for pair in pairs:
                row = known.get((pair.low, pair.high))
                if row is None:
                    new.append(_new(run, pair))
                elif row.state == PairState.OPEN:
                    again.append(
                        {"at": row.number, "matching": run.matching, "score": pair.score, "evidence": pair.evidence}
                    )
            if new:
                connection.execute(sa.insert(_pair), new)
            if again:
                statement = sa.update(_pair).where(_pair.c.number == sa.bindparam("at"))
                connection.execute(statement.values(matching=sa.bindparam("matching"), score=sa.bindparam("score"), evidence=sa.bindparam("evidence")), again)  # fmt: skip
        return len(new) + len(again)

    def pairs(
        self, state: PairState | None = None, limit: int = 100, after: tuple[int, int] | None = None, score_min: int = 0
    ) -> list[PairRow]:
        """Pairs, the highest score first, at most LIST_MAX; for the next page `after` is (score, number) of the last of this one."""
        query = sa.select(_pair).order_by(_pair.c.score.desc(), _pair.c.number)
        query = query.where(_pair.c.score >= score_min).limit(min(max(limit, 0), LIST_MAX))
        if state is not None:
            query = query.where(_pair.c.state == state)
        if after is not None:
            score, number = after
            query = query.where(sa.or_(_pair.c.score < score, sa.and_(_pair.c.score == score, _pair.c.number > number)))
        with reading(self._engine) as connection:
            return [_row(row) for row in connection.execute(query)]

    def one(self, number: int) -> PairRow | None:
        """The pair with this number, or None."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(_pair).where(_pair.c.number == number)).one_or_none()
        return None if row is None else _row(row)

    def linked(self, state: PairState = PairState.OPEN) -> list[tuple[int, int]]:
        """(low, high) of every pair in a state, in the order of the customers."""
        query = sa.select(_pair.c.low, _pair.c.high).where(_pair.c.state == state).order_by(_pair.c.low, _pair.c.high)
        with reading(self._engine) as connection:
            return [(row.low, row.high) for row in connection.execute(query)]

    def counts(self) -> dict[str, int]:
        """How many pairs are in each state."""
        query = sa.select(_pair.c.state, sa.func.count()).group_by(_pair.c.state)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def decide(self, number: int, state: PairState, who: str, why: str, at_ms: int) -> bool:
        """Decide an open pair; False where it is gone or decided already. Raises ValueError where nobody decides, or for too long a reason."""
        if not who:
            raise ValueError("a pair is decided by somebody: say who")
        if len(why) > WHY_CHARACTERS_MAX:
            raise ValueError(f"the reason has {len(why):,} characters; why_characters_max is {WHY_CHARACTERS_MAX:,}")
        change = {"state": state.value, "decided_ms": at_ms, "decided_by": who, "why": why}
        waiting = sa.and_(_pair.c.number == number, _pair.c.state == PairState.OPEN)
        with writing(self._engine) as connection:
            return connection.execute(sa.update(_pair).where(waiting).values(change)).rowcount == 1

    def absorb(self, survivor: int, absorbed: int) -> None:
        """A customer was merged into another: her other pairs are the survivor's from now on. Of two pairs that become one, what was decided rules."""
        hers = sa.or_(_pair.c.low == absorbed, _pair.c.high == absorbed)
        with writing(self._engine) as connection:
            for row in connection.execute(sa.select(_pair).where(hers)).all():
                other = row.high if row.low == absorbed else row.low
                if other == survivor:
                    continue
                low, high = sorted((survivor, other))
                there = connection.execute(
                    sa.select(_pair).where(_pair.c.low == low, _pair.c.high == high)
                ).one_or_none()
                if there is not None and _weight(row) <= _weight(there):
                    connection.execute(sa.delete(_pair).where(_pair.c.number == row.number))
                    continue
                if there is not None:
                    connection.execute(sa.delete(_pair).where(_pair.c.number == there.number))
                connection.execute(sa.update(_pair).where(_pair.c.number == row.number).values(low=low, high=high))

    def forget(self, customer: int) -> int:
        """Delete all pairs of a customer; how many."""
        with writing(self._engine) as connection:
            hers = sa.or_(_pair.c.low == customer, _pair.c.high == customer)
            return connection.execute(sa.delete(_pair).where(hers)).rowcount

    def last_run(self, matching: str) -> DuplicateRun | None:
        """The newest search by a matching, or None."""
        query = sa.select(_run).where(_run.c.matching == matching).order_by(_run.c.number.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else DuplicateRun(**row._mapping)


def _new(run: DuplicateRun, pair: FoundPair) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(pair), "matching": run.matching, "state": PairState.OPEN.value, "found_ms": run.begun_ms,
        "decided_ms": None, "decided_by": "", "why": "",
    }  # fmt: skip


def _weight(row: Any) -> int:
    """Which of two pairs that become one stays: apart before merged before open."""
    return [PairState.OPEN, PairState.MERGED, PairState.APART].index(PairState(row.state))


def _row(row: Any) -> PairRow:
    return PairRow(**{**row._mapping, "state": PairState(row.state)})
