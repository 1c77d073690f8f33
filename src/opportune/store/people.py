"""Names, addresses, numbers to call: the only place with personal data, in `people.db`. Everything else knows customer numbers.

Each call is one transaction that is on the disk when the call returns, so that clear text is safe before an event is acknowledged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from opportune.store.database import open_database, writing

FILE_NAME = "people.db"
LIST_MAX = 1_000
ASKED_AT_ONCE_MAX = 500
BODY_BYTES_MAX = 1_000_000
FORGOTTEN_TEXT_CHARACTERS_MIN = 6

_REMEMBER = (
    "INSERT INTO identifier (customer, kind, text) VALUES (?, ?, ?) "
    "ON CONFLICT (kind, text) DO UPDATE SET customer = excluded.customer WHERE customer <> excluded.customer"
)
_PERSONAL = (
    "INSERT INTO personal (customer, field, text) VALUES (?, ?, ?) "
    "ON CONFLICT (customer, field) DO UPDATE SET text = excluded.text WHERE text <> excluded.text"
)
_MERGED = (
    "INSERT INTO merged (customer, survivor, kin) VALUES (?, ?, ?) "
    "ON CONFLICT (customer) DO UPDATE SET survivor = excluded.survivor, kin = excluded.kin"
)
_UNSETTLED = "INSERT OR IGNORE INTO unsettled (kind, text) VALUES (?, ?)"
_QUARANTINE = "INSERT INTO quarantine (source, received_ms, reason, detail, body, position) VALUES (?, ?, ?, ?, ?, ?)"

TABLES = sa.MetaData()
_identifier = sa.Table(
    "identifier",
    TABLES,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, primary_key=True),
    sa.Column("customer", sa.BigInteger, nullable=False),
    sa.Index("identifier_customer", "customer"),
)
_unsettled = sa.Table(
    "unsettled",
    TABLES,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, primary_key=True),
)
_merged = sa.Table(
    "merged",
    TABLES,
    sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("survivor", sa.BigInteger, nullable=False),
    sa.Column("kin", sa.BigInteger, nullable=False),
    sa.Index("merged_survivor", "survivor"),
    sa.Index("merged_kin", "kin"),
)
"""Numbers that were ever merged: the survivor's now (their own, where they were parted), and the lowest that was ever joined with them."""
_personal = sa.Table(
    "personal",
    TABLES,
    sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
_quarantine = sa.Table(
    "quarantine",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("mended", sa.LargeBinary, nullable=True),
    sa.Column("redriven_ms", sa.BigInteger, nullable=True),
    sa.Index("quarantine_reason", "reason", "id"),
    sa.Index("quarantine_source", "source", "id"),
)


class Quarantined(msgspec.Struct, frozen=True):
    """A message that could not become a fact: why, and the message itself.

    `position` is its number among the messages received from the source, from 1; `id` is given by the store (0 before). A body beyond
    BODY_BYTES_MAX is cut when it is kept, and `detail` then says so. `mended` is the body that somebody put in its place, `redriven_ms`
    when it went through intake again; both None as long as nobody did.
    """

    source: str
    received_ms: int
    reason: str
    detail: str
    body: bytes
    position: int = 0
    id: int = 0
    mended: bytes | None = None
    redriven_ms: int | None = None


class People:
    """The people of one data folder."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/people.db`, making it (mode 0600) if missing. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "people")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def remember(
        self,
        identifiers: Iterable[tuple[int, str, str]],
        personal: Iterable[tuple[int, str, str]] = (),
        links: Iterable[tuple[str, str]] = (),
        groups: Iterable[Sequence[int]] = (),
    ) -> None:
        """Keep (customer, kind, text) identifiers and (customer, field, text) personal fields, durably, in one transaction.

        Repeating it changes nothing. The last one rules: an identifier belongs to the customer named last, because the
        journal's word is newer than what a crash may have left here. `links` are those of the identifiers, as (kind, text), whose
        customer the journal knows already; they stay `unsettled` until `settle`. `groups` are the numbers, the survivor's first, that
        are one person each.
        """
        seen, fields, noted, joined = list(identifiers), list(personal), list(links), list(groups)
        if not seen and not fields and not joined:
            return
        with writing(self._engine) as connection:
            _regroup(connection, joined)
            for statement, rows in ((_REMEMBER, seen), (_PERSONAL, fields), (_UNSETTLED, noted)):
                if rows:
                    connection.exec_driver_sql(statement, rows)

    def groups(self) -> dict[int, list[int]]:
        """The persons of several numbers: survivor -> all numbers, ascending."""
        found: dict[int, list[int]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(sa.select(_merged).order_by(_merged.c.customer)):
                found.setdefault(row.survivor, []).append(row.customer)
        return {survivor: numbers for survivor, numbers in found.items() if len(numbers) > 1}

    def regroup(self, groups: Iterable[Sequence[int]], *, afresh: bool = False) -> None:
        """Keep which numbers are one person, the survivor's first (a number parted from others is a group of its own).

        `afresh`: and that no others are, nor ever were. To be called at start with what the journal says.
        """
        with writing(self._engine) as connection:
            if afresh:
                connection.execute(sa.delete(_merged))
            _regroup(connection, list(groups))

    def related_to(self, customer: int) -> list[int]:
        """All numbers that merges ever joined with this one, parted since or not, ascending."""
        with self._engine.connect() as connection:
            kin = connection.scalar(sa.select(_merged.c.kin).where(_merged.c.customer == customer))
            if kin is None:
                return [customer]
            return list(
                connection.scalars(
                    sa.select(_merged.c.customer).where(_merged.c.kin == kin).order_by(_merged.c.customer)
                )
            )

    def members_of(self, customer: int) -> list[int]:
        """All numbers of the person with this number, the survivor's first."""
        with self._engine.connect() as connection:
            return _members(connection, customer)

    def unsettled(self) -> list[tuple[str, str]]:
        """The (kind, text) of the `links` remembered since the last `settle`: a crash may have kept them from the journal."""
        with self._engine.connect() as connection:
            return [(row.kind, row.text) for row in connection.execute(sa.select(_unsettled))]

    def settle(self, unknown: Iterable[tuple[str, str]] = ()) -> None:
        """Forget those identifiers that the journal does not know after all, and call all others settled."""
        gone = [{"gone_kind": kind, "gone_text": text} for kind, text in unknown]
        with writing(self._engine) as connection:
            if gone:
                place = sa.and_(
                    _identifier.c.kind == sa.bindparam("gone_kind"), _identifier.c.text == sa.bindparam("gone_text")
                )
                connection.execute(sa.delete(_identifier).where(place), gone)
            connection.execute(sa.delete(_unsettled))

    def customer_of(self, kind: str, text: str) -> int | None:
        """The customer with this identifier (the survivor, where numbers were merged), or None."""
        query = sa.select(_identifier.c.customer).where(_identifier.c.kind == kind, _identifier.c.text == text)
        with self._engine.connect() as connection:
            found = connection.scalar(query)
            return None if found is None else _members(connection, found)[0]

    def number_of(self, kind: str, text: str) -> int | None:
        """The number that this identifier means, merged or not, or None."""
        query = sa.select(_identifier.c.customer).where(_identifier.c.kind == kind, _identifier.c.text == text)
        with self._engine.connect() as connection:
            return connection.scalar(query)

    def own_identifiers(self, number: int) -> list[tuple[str, str]]:
        """The (kind, text) of the identifiers that mean this very number, in the order of the alphabet."""
        query = sa.select(_identifier.c.kind, _identifier.c.text).where(_identifier.c.customer == number)
        with self._engine.connect() as connection:
            return sorted((row.kind, row.text) for row in connection.execute(query))

    def identifiers_of(self, customer: int) -> list[tuple[str, str]]:
        """The (kind, text) of all identifiers of a customer, in the order of the alphabet."""
        query = sa.select(_identifier.c.kind, _identifier.c.text)
        with self._engine.connect() as connection:
            hers = _identifier.c.customer.in_(_members(connection, customer))
            return sorted((row.kind, row.text) for row in connection.execute(query.where(hers)))

    def identifiers_of_all(self, customers: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
        """Like `identifiers_of`, of many at once; customers without one are left out."""
        wanted = sorted(set(customers))
        found: dict[int, list[tuple[str, str]]] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), ASKED_AT_ONCE_MAX):
                some = wanted[start : start + ASKED_AT_ONCE_MAX]
                askers = _askers(connection, some)
                query = sa.select(_identifier.c.customer, _identifier.c.kind, _identifier.c.text)
                for number, kind, text in connection.execute(query.where(_identifier.c.customer.in_(list(askers)))):
                    for customer in askers[number]:
                        found.setdefault(customer, []).append((kind, text))
        return {customer: sorted(known) for customer, known in found.items()}

    def all_of(self, kind: str) -> Iterator[tuple[int, str]]:
        """(customer, text) of all identifiers of one kind."""
        survivor = sa.func.coalesce(_merged.c.survivor, _identifier.c.customer)
        named = _identifier.outerjoin(_merged, _merged.c.customer == _identifier.c.customer)
        query = sa.select(survivor, _identifier.c.text).select_from(named).where(_identifier.c.kind == kind)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=10_000).execute(query):
                yield row[0], row[1]

    def personal_of(self, customer: int) -> dict[str, str]:
        """The personal fields of a customer; of a field under several of her numbers the one of the number known longest."""
        query = sa.select(_personal.c.field, _personal.c.text).order_by(_personal.c.customer.desc())
        with self._engine.connect() as connection:
            hers = _personal.c.customer.in_(_members(connection, customer))
            return {row.field: row.text for row in connection.execute(query.where(hers))}

    def forget(self, customer: int) -> int:
        """Delete all of a customer and every quarantined message that holds one of her identifiers; how many rows went.

        The bytes are overwritten on the disk; raises TimeoutError where a reader kept us from that for long. Identifiers of fewer than FORGOTTEN_TEXT_CHARACTERS_MIN characters are not
        looked for in messages: they would hit those of others.
        """
        texts = [text for _, text in self.identifiers_of(customer)] + list(self.personal_of(customer).values())
        gone = 0
        with writing(self._engine) as connection:
            for table in (_identifier, _personal):
                gone += connection.execute(sa.delete(table).where(table.c.customer == customer)).rowcount
            connection.execute(sa.delete(_unsettled).where(_unsettled.c.text.in_(texts)))
            for text in texts:
                if len(text) >= FORGOTTEN_TEXT_CHARACTERS_MIN:
                    held = sa.or_(
                        sa.func.instr(_quarantine.c.body, text.encode()) > 0,
                        sa.func.instr(_quarantine.c.detail, text) > 0,
                        sa.func.instr(sa.func.coalesce(_quarantine.c.mended, b""), text.encode()) > 0,
                    )
                    gone += connection.execute(sa.delete(_quarantine).where(held)).rowcount
        self._overwrite_log()
        return gone

    def forget_from(self, customer: int) -> int:
        """Delete all customers with this number or a higher one; how many rows went.

        To be called at start with the first number the journal has not given: what a crash left between our commit and the
        journal's must not become another customer's name when the number is given again.
        """
        gone = 0
        with writing(self._engine) as connection:
            for table in (_identifier, _personal, _merged):
                gone += connection.execute(sa.delete(table).where(table.c.customer >= customer)).rowcount
        if gone:
            self._overwrite_log()
        return gone

    def quarantine(self, messages: Iterable[Quarantined]) -> None:
        """Keep messages that could not become facts, durably, in one transaction."""
        rows = [
            (message.source, message.received_ms, message.reason, *_cut(message.detail, message.body), message.position)
            for message in messages
        ]
        if rows:
            with writing(self._engine) as connection:
                connection.exec_driver_sql(_QUARANTINE, rows)

    def quarantine_back_to(self, received: Mapping[str, int]) -> int:
        """Delete the newest messages as long as their position lies beyond what was `received` of their source; how many went.

        To be called at start with the journal's accounts: what a crash left between our commit and the journal's will be sent
        again, and would then be kept twice. Messages are kept in the order of the journal, so only the newest are looked at.
        """
        query = sa.select(_quarantine.c.id, _quarantine.c.source, _quarantine.c.position).order_by(
            _quarantine.c.id.desc()
        )
        gone = []
        with writing(self._engine) as connection:
            for row in connection.execution_options(yield_per=LIST_MAX).execute(query):
                if row.position <= received.get(row.source, 0):
                    break
                gone.append({"gone": row.id})
            if gone:
                connection.execute(sa.delete(_quarantine).where(_quarantine.c.id == sa.bindparam("gone")), gone)
        return len(gone)

    def quarantined(
        self, reason: str | None = None, before: int | None = None, limit: int = 100, source: str | None = None
    ) -> list[Quarantined]:
        """Quarantined messages, the newest first, at most LIST_MAX; for the next page `before` is the last id of this one."""
        query = sa.select(_quarantine).order_by(_quarantine.c.id.desc()).limit(min(max(limit, 0), LIST_MAX))
        if reason is not None:
            query = query.where(_quarantine.c.reason == reason)
        if source is not None:
            query = query.where(_quarantine.c.source == source)
        if before is not None:
            query = query.where(_quarantine.c.id < before)
        with self._engine.connect() as connection:
            return [_quarantined(row) for row in connection.execute(query)]

    def quarantined_one(self, number: int) -> Quarantined | None:
        """The quarantined message with this id, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_quarantine).where(_quarantine.c.id == number)).one_or_none()
        return None if row is None else _quarantined(row)

    def mend(self, number: int, body: bytes) -> bool:
        """Keep a body to be taken in instead of a quarantined message's own; the own one stays. False where it is gone or went already.

        Raises ValueError for a body of more than BODY_BYTES_MAX bytes.
        """
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"the body has {len(body):,} bytes; body_bytes_max is {BODY_BYTES_MAX:,}")
        return self._change(number, {"mended": body})

    def note_redriven(self, number: int, now_ms: int) -> bool:
        """Mark a quarantined message as taken in again; False where it is gone or was marked before."""
        return self._change(number, {"redriven_ms": now_ms})

    def _change(self, number: int, values: Mapping[str, bytes | int]) -> bool:
        waiting = sa.and_(_quarantine.c.id == number, _quarantine.c.redriven_ms.is_(None))
        with writing(self._engine) as connection:
            return connection.execute(sa.update(_quarantine).where(waiting).values(**values)).rowcount == 1

    def quarantine_counts(self) -> dict[str, int]:
        """How many messages are quarantined, per reason."""
        query = sa.select(_quarantine.c.reason, sa.func.count()).group_by(_quarantine.c.reason)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def release(self, ids: Iterable[int]) -> int:
        """Delete quarantined messages that have become facts after all (or never will); how many went."""
        rows = [{"gone": number} for number in ids]
        if not rows:
            return 0
        with writing(self._engine) as connection:
            statement = sa.delete(_quarantine).where(_quarantine.c.id == sa.bindparam("gone"))
            return connection.execute(statement, rows).rowcount

    def _overwrite_log(self) -> None:
        with self._engine.connect() as connection:
            # Outside a transaction, or SQLite does not checkpoint: the write-ahead log still holds the deleted bytes.
            driver = connection.connection.driver_connection
            assert driver is not None
            busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise TimeoutError(
                f"deleted, but {FILE_NAME}'s log still holds the bytes: another process reads; forget again"
            )


def _regroup(connection: sa.Connection, groups: list[Sequence[int]]) -> None:
    numbers = [number for group in groups for number in group]
    known: dict[int, int] = {}
    for start in range(0, len(numbers), ASKED_AT_ONCE_MAX):
        some = _merged.c.customer.in_(numbers[start : start + ASKED_AT_ONCE_MAX])
        known |= {row.customer: row.kin for row in connection.execute(sa.select(_merged).where(some))}
    rows = []
    for group in groups:
        kins = {known[number] for number in group if number in known}
        kin = min(kins | {group[0]})
        if len(kins) > 1 or (kins and kin not in kins):
            connection.execute(sa.update(_merged).where(_merged.c.kin.in_(kins)).values(kin=kin))
            known |= {number: kin for number, before in known.items() if before in kins}
        known |= dict.fromkeys(group, kin)
        rows += [(number, group[0], kin) for number in group]
    if rows:
        connection.exec_driver_sql(_MERGED, rows)


def _members(connection: sa.Connection, customer: int) -> list[int]:
    survivor = connection.scalar(sa.select(_merged.c.survivor).where(_merged.c.customer == customer))
    if survivor is None:
        return [customer]
    hers = sa.select(_merged.c.customer).where(_merged.c.survivor == survivor).order_by(_merged.c.customer)
    return list(connection.scalars(hers))


def _askers(connection: sa.Connection, customers: list[int]) -> dict[int, list[int]]:
    """Number -> those of `customers` whose number it is too, for all numbers of theirs."""
    survivors = {number: number for number in customers}
    of_these = _merged.c.customer.in_(customers)
    survivors |= {row.customer: row.survivor for row in connection.execute(sa.select(_merged).where(of_these))}
    roots = sorted(set(survivors.values()))
    groups: dict[int, set[int]] = {root: {root} for root in roots}
    for row in connection.execute(sa.select(_merged).where(_merged.c.survivor.in_(roots))):
        groups[row.survivor].add(row.customer)
    askers: dict[int, list[int]] = {}
    for customer in customers:
        for number in sorted(groups[survivors[customer]]):
            askers.setdefault(number, []).append(customer)
    return askers


def _quarantined(row: Any) -> Quarantined:
    return Quarantined(
        row.source, row.received_ms, row.reason, row.detail, row.body, row.position, row.id, row.mended, row.redriven_ms
    )


def _cut(detail: str, body: bytes) -> tuple[str, bytes]:
    if len(body) <= BODY_BYTES_MAX:
        return detail, body
    return f"{detail} (cut: {len(body):,} bytes)".lstrip(), body[:BODY_BYTES_MAX]
