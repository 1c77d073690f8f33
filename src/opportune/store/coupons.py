"""Pools of coupon codes: each decision gets one code, the same whenever it asks, and no code is given twice."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from opportune.store.database import open_database, reading, writing
from opportune.store.outbox_tables import COUPON, FILE_NAME

CODE_CHARACTERS_MAX = 100
CODES_PER_WRITE = 10_000


_ADD = insert(COUPON).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


class PoolLeft(msgspec.Struct, frozen=True):
    """How many codes a pool has, and how many nobody took yet."""

    pool: str
    codes: int
    left: int


class Coupons:
    """The coupon codes of one data folder, in `outbox.db`."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/outbox.db`. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "outbox")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add(self, pool: str, codes: Iterable[str]) -> int:
        """Add codes to a pool; how many were new. Raises ValueError for an empty or too long code (what came before it stays)."""
        added = 0
        for part in _parts(codes):
            with writing(self._engine) as connection:
                rows = [{"pool": pool, "code": code} for code in part]
                added += connection.execute(_ADD, rows).rowcount
        return added

    def add_file(self, pool: str, path: Path) -> int:
        """Add the codes of a text file, one per line (the first field of a CSV); how many were new."""
        with path.open(encoding="utf-8-sig") as lines:
            return self.add(pool, (line.split(",")[0].strip().strip('"') for line in lines if line.strip()))

    def take(self, pool: str, decision: str, at_ms: int) -> str | None:
        """The code of a decision: the one it has, or the next that nobody has; None where the pool is empty."""
        has = sa.select(COUPON.c.code).where(COUPON.c.pool == pool, COUPON.c.decision == decision)
        free = sa.select(COUPON.c.number).where(COUPON.c.pool == pool, COUPON.c.decision.is_(None))
        first = free.order_by(COUPON.c.number).limit(1).scalar_subquery()
        with writing(self._engine) as connection:
            code = connection.scalar(has)
            if code is None:
                change = sa.update(COUPON).where(COUPON.c.number == first).values(decision=decision, taken_ms=at_ms)
                code = connection.scalar(change.returning(COUPON.c.code))
        return code

    def left(self) -> list[PoolLeft]:
        """All pools by name, with what is left in them."""
        free = sa.func.sum(sa.case((COUPON.c.decision.is_(None), 1), else_=0))
        query = sa.select(COUPON.c.pool, sa.func.count(), free).group_by(COUPON.c.pool).order_by(COUPON.c.pool)
        with reading(self._engine) as connection:
            return [PoolLeft(row[0], row[1], row[2]) for row in connection.execute(query)]


def _parts(codes: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for code in codes:
        if not 0 < len(code) <= CODE_CHARACTERS_MAX:
            raise ValueError(f"a coupon code has 1 to {CODE_CHARACTERS_MAX} characters, not {len(code)}: `{code[:20]}`")
        part.append(code)
        if len(part) == CODES_PER_WRITE:
            yield part
            part = []
    if part:
        yield part
