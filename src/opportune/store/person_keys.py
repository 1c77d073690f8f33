"""A key per customer, kept in blocks of neighbours: a block is sealed as one, so that a thousand new customers cost a few seals.

Forgetting a customer writes her block again with zeros in her place: nothing that her key sealed can be opened any more, wherever a
copy of it may be.
"""

import os
from collections.abc import Iterable

import sqlalchemy as sa

from opportune.store.people_tables import KEY_BLOCK
from opportune.store.sealing import KEY_BYTES, Seal

KEYS_PER_BLOCK = 64
ASKED_AT_ONCE_MAX = 500

_NO_KEY = bytes(KEY_BYTES)
_WRITE = (
    "INSERT INTO key_block (block, sealed) VALUES (?, ?) ON CONFLICT (block) DO UPDATE SET sealed = excluded.sealed"
)


class PersonKeys:
    """The keys in `people.db`; each call is part of its caller's transaction."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def of(self, connection: sa.Connection, customers: Iterable[int]) -> dict[int, bytes]:
        """The keys of those customers who have one. Raises SealBrokenError."""
        wanted = sorted(set(customers))
        blocks = self._read(connection, {customer // KEYS_PER_BLOCK for customer in wanted})
        keys = {customer: _key(blocks, customer) for customer in wanted}
        return {customer: key for customer, key in keys.items() if key != _NO_KEY}

    def made(self, connection: sa.Connection, customers: Iterable[int]) -> dict[int, bytes]:
        """The keys of customers, made for those who have none. Raises SealBrokenError."""
        wanted = sorted(set(customers))
        blocks = self._read(connection, {customer // KEYS_PER_BLOCK for customer in wanted})
        random = os.urandom(KEY_BYTES * len(wanted))
        fresh = iter([random[at : at + KEY_BYTES] for at in range(0, len(random), KEY_BYTES)])
        keys: dict[int, bytes] = {}
        changed: set[int] = set()
        for customer in wanted:
            block, place = divmod(customer, KEYS_PER_BLOCK)
            held = blocks.get(block)
            if held is None:
                held = blocks[block] = bytearray(KEYS_PER_BLOCK * KEY_BYTES)
            at = place * KEY_BYTES
            key = bytes(held[at : at + KEY_BYTES])
            if key == _NO_KEY:
                key = held[at : at + KEY_BYTES] = next(fresh)
                changed.add(block)
            keys[customer] = key
        self._write(connection, blocks, changed)
        return keys

    def forget(self, connection: sa.Connection, customer: int) -> None:
        """Forget a customer's key."""
        block = customer // KEYS_PER_BLOCK
        blocks = self._read(connection, {block})
        if block in blocks:
            at = customer % KEYS_PER_BLOCK * KEY_BYTES
            blocks[block][at : at + KEY_BYTES] = _NO_KEY
            self._write(connection, blocks, {block})

    def forget_from(self, connection: sa.Connection, customer: int) -> None:
        """Forget the keys of all customers with this number or a higher one."""
        block, place = divmod(customer, KEYS_PER_BLOCK)
        connection.execute(sa.delete(KEY_BLOCK).where(KEY_BLOCK.c.block > block))
        blocks = self._read(connection, {block})
        if block in blocks:
            kept = blocks[block][: place * KEY_BYTES]
            blocks[block] = kept + bytes(KEYS_PER_BLOCK * KEY_BYTES - len(kept))
            self._write(connection, blocks, {block})

    def seal_again(self, connection: sa.Connection, after: int, limit: int) -> int | None:
        """Seal up to `limit` blocks behind `after` by the newest secret; the last one looked at, None at the end."""
        query = sa.select(KEY_BLOCK).where(KEY_BLOCK.c.block > after).order_by(KEY_BLOCK.c.block).limit(limit)
        rows = connection.execute(query).all()
        old = [row for row in rows if self._seal.is_old(row.sealed)]
        if old:
            again = [(row.block, self._seal.again(row.sealed, _place(row.block))) for row in old]
            connection.exec_driver_sql(_WRITE, again)
        return rows[-1].block if rows else None

    def _read(self, connection: sa.Connection, blocks: set[int]) -> dict[int, bytearray]:
        found: dict[int, bytearray] = {}
        wanted = sorted(blocks)
        for start in range(0, len(wanted), ASKED_AT_ONCE_MAX):
            some = wanted[start : start + ASKED_AT_ONCE_MAX]
            for block, sealed in connection.execute(sa.select(KEY_BLOCK).where(KEY_BLOCK.c.block.in_(some))):
                found[block] = bytearray(self._seal.open(sealed, _place(block)))
        return found

    def _write(self, connection: sa.Connection, blocks: dict[int, bytearray], changed: set[int]) -> None:
        if changed:
            rows = [(block, self._seal.close(bytes(blocks[block]), _place(block))) for block in sorted(changed)]
            connection.exec_driver_sql(_WRITE, rows)


def _key(blocks: dict[int, bytearray], customer: int) -> bytes:
    block, place = divmod(customer, KEYS_PER_BLOCK)
    return bytes(blocks[block][place * KEY_BYTES : (place + 1) * KEY_BYTES]) if block in blocks else _NO_KEY


def _place(block: int) -> str:
    return f"keys of customers {block * KEYS_PER_BLOCK} to {(block + 1) * KEYS_PER_BLOCK - 1}"
