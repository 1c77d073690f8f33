"""Names, addresses, numbers to call: the only place with personal data, in `people.db`. Everything else knows customer numbers.

What is hers is sealed under a key of the customer's own, what nobody is known for yet (the quarantine) under the deployment's. An exact
identifier is found by its keyed hash. Each call is one transaction that is on the disk when the call returns, so that clear text is safe
before an event is acknowledged.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opportune.store.database import open_database, overwrite_log, writing
from opportune.store.people_tables import AUDIT, IDENTIFIER, MERGED, PERSONAL, QUARANTINE, UNSETTLED
from opportune.store.person_groups import ASKED_AT_ONCE_MAX, PersonGroups
from opportune.store.person_keys import PersonKeys
from opportune.store.sealing import NONCE_BYTES, Seal, SealBrokenError, Secrets
from opportune.store.traces import Traces

FILE_NAME = "people.db"
LIST_MAX = 1_000
BODY_BYTES_MAX = 1_000_000
HASH_BYTES = 16
WHY_CHARACTERS_MAX = 500
SEALED_AT_ONCE = 5_000

_REMEMBER = (
    "INSERT INTO sealed_identifier (customer, hash, kind, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (hash) "
    "DO UPDATE SET customer = excluded.customer, sealed = excluded.sealed WHERE customer <> excluded.customer"
)
_PERSONAL = (
    "INSERT INTO sealed_personal (customer, field, sealed) VALUES (?, ?, ?) "
    "ON CONFLICT (customer, field) DO UPDATE SET sealed = excluded.sealed"
)
_UNSETTLED = "INSERT OR IGNORE INTO sealed_unsettled (hash, kind, sealed) VALUES (?, ?, ?)"
_QUARANTINE = (
    "INSERT INTO sealed_quarantine (id, source, received_ms, reason, position, redriven_ms, detail, body, mended) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
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


class AuditLine(msgspec.Struct, frozen=True):
    """Somebody was shown, handed out or forgot what is personal: who, when, of whom (None: of nobody known), and why. Never the value."""

    at_ms: int
    who: str
    what: str
    customer: int | None
    why: str


class People:
    """The people of one data folder."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        """Open `<folder>/people.db`, making it (mode 0600) if missing. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "people")
        self._seal = Seal(secrets, "people")
        self._hashing = hashlib.blake2b(digest_size=HASH_BYTES, key=secrets.drawn(0, "identifier look-up"))
        self.keys = PersonKeys(self._seal)
        self._grouped = PersonGroups()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @property
    def database(self) -> sa.Engine:
        """The open database, for those who bring it to another form."""
        return self._engine

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
            self._grouped.put(connection, joined)
            self.remember_in(connection, seen, fields, noted)

    def remember_in(
        self,
        connection: sa.Connection,
        seen: list[tuple[int, str, str]],
        fields: list[tuple[int, str, str]],
        noted: list[tuple[str, str]],
    ) -> None:
        """Like `remember`, in the caller's transaction."""
        keys = self.keys.made(connection, [row[0] for row in seen] + [row[0] for row in fields])
        ciphers = {customer: AESGCM(key) for customer, key in keys.items()}
        random = os.urandom(NONCE_BYTES * (len(seen) + len(fields)))
        nonces = [random[at : at + NONCE_BYTES] for at in range(0, len(random), NONCE_BYTES)]
        rows = [
            (customer, self._hash(kind, text), kind, nonce + ciphers[customer].encrypt(nonce, text.encode(), b"identifier/%d/%b" % (customer, kind.encode())))
            for (customer, kind, text), nonce in zip(seen, nonces, strict=False)
        ]  # fmt: skip
        personal = [
            (customer, field, nonce + ciphers[customer].encrypt(nonce, text.encode(), b"personal/%d/%b" % (customer, field.encode())))
            for (customer, field, text), nonce in zip(fields, nonces[len(seen) :], strict=True)
        ]  # fmt: skip
        links = [
            (self._hash(kind, text), kind, self._seal.close(text.encode(), f"unsettled/{kind}")) for kind, text in noted
        ]
        rows.sort(key=itemgetter(1))  # neighbours in the index of hashes are written together
        for statement, found in ((_REMEMBER, rows), (_PERSONAL, personal), (_UNSETTLED, links)):
            if found:
                connection.exec_driver_sql(statement, found)

    def groups(self) -> dict[int, list[int]]:
        """The persons of several numbers: survivor -> all numbers, ascending."""
        with self._engine.connect() as connection:
            return self._grouped.all(connection)

    def regroup(self, groups: Iterable[Sequence[int]], *, afresh: bool = False) -> None:
        """Keep which numbers are one person, the survivor's first (a number parted from others is a group of its own).

        `afresh`: and that no others are, nor ever were. To be called at start with what the journal says.
        """
        with writing(self._engine) as connection:
            if afresh:
                self._grouped.drop_all(connection)
            self._grouped.put(connection, groups)

    def related_to(self, customer: int) -> list[int]:
        """All numbers that merges ever joined with this one, parted since or not, ascending."""
        with self._engine.connect() as connection:
            return self._grouped.kin(connection, customer)

    def members_of(self, customer: int) -> list[int]:
        """All numbers of the person with this number, the survivor's first."""
        with self._engine.connect() as connection:
            return self._grouped.members(connection, customer)

    def any_parted(self) -> bool:
        """Whether anybody was ever parted from another."""
        with self._engine.connect() as connection:
            return self._grouped.any_parted(connection)

    def unsettled(self) -> list[tuple[str, str]]:
        """The (kind, text) of the `links` remembered since the last `settle`: a crash may have kept them from the journal."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(UNSETTLED)).all()
        return sorted((row.kind, self._seal.open(row.sealed, f"unsettled/{row.kind}").decode()) for row in rows)

    def settle(self, unknown: Iterable[tuple[str, str]] = ()) -> None:
        """Forget those identifiers that the journal does not know after all, and call all others settled."""
        gone = [{"gone": self._hash(kind, text)} for kind, text in unknown]
        with writing(self._engine) as connection:
            if gone:
                connection.execute(sa.delete(IDENTIFIER).where(IDENTIFIER.c.hash == sa.bindparam("gone")), gone)
            connection.execute(sa.delete(UNSETTLED))

    def customer_of(self, kind: str, text: str) -> int | None:
        """The customer with this identifier (the survivor, where numbers were merged), or None."""
        with self._engine.connect() as connection:
            found = self._number_of(connection, kind, text)
            return None if found is None else self._grouped.members(connection, found)[0]

    def number_of(self, kind: str, text: str) -> int | None:
        """The number that this identifier means, merged or not, or None."""
        with self._engine.connect() as connection:
            return self._number_of(connection, kind, text)

    def own_identifiers(self, number: int) -> list[tuple[str, str]]:
        """The (kind, text) of the identifiers that mean this very number, in the order of the alphabet. Raises SealBrokenError."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(IDENTIFIER).where(IDENTIFIER.c.customer == number)).all()
            return sorted((kind, text) for _, kind, text in self._opened(connection, rows))

    def identifiers_of(self, customer: int) -> list[tuple[str, str]]:
        """The (kind, text) of all identifiers of a customer, by any of her numbers, in the order of the alphabet. Raises SealBrokenError."""
        return self.identifiers_of_all([customer]).get(customer, [])

    def identifiers_of_all(self, customers: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
        """Like `identifiers_of`, of many at once; customers without one are left out."""
        wanted = sorted(set(customers))
        found: dict[int, list[tuple[str, str]]] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), ASKED_AT_ONCE_MAX):
                some = wanted[start : start + ASKED_AT_ONCE_MAX]
                askers = self._grouped.askers(connection, some)
                rows = connection.execute(sa.select(IDENTIFIER).where(IDENTIFIER.c.customer.in_(list(askers)))).all()
                for number, kind, text in self._opened(connection, rows):
                    for customer in askers[number]:
                        found.setdefault(customer, []).append((kind, text))
        return {customer: sorted(known) for customer, known in found.items()}

    def all_of(self, kind: str) -> Iterator[tuple[int, str]]:
        """(customer, text) of all identifiers of one kind."""
        with self._engine.connect() as connection:
            survivors = {number: low for low, numbers in self._grouped.all(connection).items() for number in numbers}
        for number, text in self.numbers_of(kind):
            yield survivors.get(number, number), text

    def numbers_of(self, kind: str) -> Iterator[tuple[int, str]]:
        """(number, text) of all identifiers of one kind: the number that each means, merged or not."""
        query = sa.select(IDENTIFIER).where(IDENTIFIER.c.kind == kind).order_by(IDENTIFIER.c.customer)
        with self._engine.connect() as connection:
            for rows in connection.execution_options(yield_per=10_000).execute(query).partitions():
                for number, _, text in self._opened(connection, rows):
                    yield number, text

    def all_personal(self, field: str) -> Iterator[tuple[int, str]]:
        """(customer, text) of one personal field of everybody who has it."""
        query = sa.select(PERSONAL).where(PERSONAL.c.field == field).order_by(PERSONAL.c.customer)
        with self._engine.connect() as connection:
            for rows in connection.execution_options(yield_per=10_000).execute(query).partitions():
                keys = self.keys.of(connection, [row.customer for row in rows])
                for row in rows:
                    place = f"personal/{row.customer}/{field}"
                    yield row.customer, _open(keys.get(row.customer), row.sealed, place).decode()

    def personal_of(self, customer: int) -> dict[str, str]:
        """The personal fields of a customer; of a field under several of her numbers the one of the number known longest. Raises SealBrokenError."""
        with self._engine.connect() as connection:
            rows = self._personal_rows(connection, self._grouped.members(connection, customer))
        return {field: text for _, field, text in reversed(rows)}

    def seal_for(self, customer: int, data: bytes, place: str) -> bytes:
        """Bytes of a customer, kept elsewhere: sealed under her key, for that place only."""
        with self._engine.connect() as connection:
            key = self.keys.of(connection, [customer]).get(customer)
        if key is None:
            with writing(self._engine) as connection:
                key = self.keys.made(connection, [customer])[customer]
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, data, f"{place}/{customer}".encode())

    def open_for(self, customer: int, sealed: bytes, place: str) -> bytes:
        """What `seal_for` was given. Raises SealBrokenError, also where she was forgotten."""
        with self._engine.connect() as connection:
            key = self.keys.of(connection, [customer]).get(customer)
        return _open(key, sealed, f"{place}/{customer}")

    def traces_of(self, customer: int) -> list[str]:
        """All texts that lead to a customer by any of her numbers: what `forget` looks for in what nobody is known for."""
        with self._engine.connect() as connection:
            fields = self._personal_rows(connection, self._grouped.members(connection, customer))
        return [text for _, text in self.identifiers_of(customer)] + [text for _, _, text in fields]

    def forget(self, customer: int | None, texts: Iterable[str] = ()) -> int:
        """Delete all of a customer (None: of nobody known), by all of her numbers, their keys first of all, and every quarantined message in
        which one of her texts or of `texts` stands; how many rows went. That these numbers are one person stays known.

        The bytes are overwritten on the disk; raises TimeoutError where a reader kept us from that for long.
        """
        known = [] if customer is None else self.traces_of(customer)
        traces = Traces([*known, *texts])
        gone = 0
        with writing(self._engine) as connection:
            held = [{"gone": found.id} for found in self._holding(connection, traces)] if traces else []
            if held:
                gone += connection.execute(
                    sa.delete(QUARANTINE).where(QUARANTINE.c.id == sa.bindparam("gone")), held
                ).rowcount
            for number in [] if customer is None else self._grouped.members(connection, customer):
                hashes = sa.select(IDENTIFIER.c.hash).where(IDENTIFIER.c.customer == number)
                connection.execute(sa.delete(UNSETTLED).where(UNSETTLED.c.hash.in_(hashes)))
                for table in (IDENTIFIER, PERSONAL):
                    gone += connection.execute(sa.delete(table).where(table.c.customer == number)).rowcount
                self.keys.forget(connection, number)
        overwrite_log(self._engine)
        return gone

    def forget_from(self, customer: int) -> int:
        """Delete all customers with this number or a higher one; how many rows went.

        To be called at start with the first number the journal has not given: what a crash left between our commit and the
        journal's must not become another customer's name when the number is given again.
        """
        gone = 0
        with writing(self._engine) as connection:
            for table in (IDENTIFIER, PERSONAL, MERGED):
                gone += connection.execute(sa.delete(table).where(table.c.customer >= customer)).rowcount
            if gone:
                self.keys.forget_from(connection, customer)
        if gone:
            overwrite_log(self._engine)
        return gone

    def seal_again(self) -> Iterator[int]:
        """Seal by the newest secret whatever an older one sealed; tells how many rows were looked at, step by step, each durable."""
        after: int | None = -1
        while after is not None:
            with writing(self._engine) as connection:
                after = self.keys.seal_again(connection, after, SEALED_AT_ONCE)
            yield SEALED_AT_ONCE
        with writing(self._engine) as connection:
            for row in connection.execute(sa.select(UNSETTLED)).all():
                sealed = self._seal.again(row.sealed, f"unsettled/{row.kind}")
                connection.execute(sa.update(UNSETTLED).where(UNSETTLED.c.hash == row.hash).values(sealed=sealed))
        last = 0
        while True:
            with writing(self._engine) as connection:
                query = sa.select(QUARANTINE).where(QUARANTINE.c.id > last).order_by(QUARANTINE.c.id).limit(LIST_MAX)
                rows = connection.execute(query).all()
                for row in rows:
                    parts = {name: getattr(row, name) for name in ("detail", "body", "mended")}
                    again = {
                        name: self._seal.again(sealed, _message_place(row.source, row.position, name))
                        for name, sealed in parts.items()
                        if sealed is not None and self._seal.is_old(sealed)
                    }
                    if again:
                        connection.execute(sa.update(QUARANTINE).where(QUARANTINE.c.id == row.id).values(**again))
            if not rows:
                return
            last = rows[-1].id
            yield len(rows)

    # The quarantine

    def quarantine(self, messages: Iterable[Quarantined]) -> None:
        """Keep messages that could not become facts, durably, in one transaction."""
        found = list(messages)
        if found:
            with writing(self._engine) as connection:
                self.quarantine_in(connection, found)

    def quarantine_in(self, connection: sa.Connection, messages: Iterable[Quarantined]) -> None:
        """Like `quarantine`, in the caller's transaction; messages that have an id keep it."""
        connection.exec_driver_sql(_QUARANTINE, [self._quarantine_row(message) for message in messages])

    def quarantine_back_to(self, received: Mapping[str, int]) -> int:
        """Delete the newest messages as long as their position lies beyond what was `received` of their source; how many went.

        To be called at start with the journal's accounts: what a crash left between our commit and the journal's will be sent
        again, and would then be kept twice. Messages are kept in the order of the journal, so only the newest are looked at.
        """
        query = sa.select(QUARANTINE.c.id, QUARANTINE.c.source, QUARANTINE.c.position).order_by(QUARANTINE.c.id.desc())
        gone = []
        with writing(self._engine) as connection:
            for row in connection.execution_options(yield_per=LIST_MAX).execute(query):
                if row.position <= received.get(row.source, 0):
                    break
                gone.append({"gone": row.id})
            if gone:
                connection.execute(sa.delete(QUARANTINE).where(QUARANTINE.c.id == sa.bindparam("gone")), gone)
        return len(gone)

    def quarantined(
        self, reason: str | None = None, before: int | None = None, limit: int = 100, source: str | None = None
    ) -> list[Quarantined]:
        """Quarantined messages, the newest first, at most LIST_MAX; for the next page `before` is the last id of this one."""
        query = sa.select(QUARANTINE).order_by(QUARANTINE.c.id.desc()).limit(min(max(limit, 0), LIST_MAX))
        if reason is not None:
            query = query.where(QUARANTINE.c.reason == reason)
        if source is not None:
            query = query.where(QUARANTINE.c.source == source)
        if before is not None:
            query = query.where(QUARANTINE.c.id < before)
        with self._engine.connect() as connection:
            return [self._quarantined(row) for row in connection.execute(query)]

    def quarantined_with(self, traces: Traces) -> list[Quarantined]:
        """All quarantined messages in which a trace stands, the oldest first."""
        with self._engine.connect() as connection:
            return list(self._holding(connection, traces)) if traces else []

    def quarantined_one(self, number: int) -> Quarantined | None:
        """The quarantined message with this id, or None."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(QUARANTINE).where(QUARANTINE.c.id == number)).one_or_none()
        return None if row is None else self._quarantined(row)

    def mend(self, number: int, body: bytes) -> bool:
        """Keep a body to be taken in instead of a quarantined message's own; the own one stays. False where it is gone or went already.

        Raises ValueError for a body of more than BODY_BYTES_MAX bytes.
        """
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"the body has {len(body):,} bytes; body_bytes_max is {BODY_BYTES_MAX:,}")
        found = self.quarantined_one(number)
        if found is None:
            return False
        sealed = self._seal.close(body, _message_place(found.source, found.position, "mended"))
        return self._change(number, {"mended": sealed})

    def note_redriven(self, number: int, now_ms: int) -> bool:
        """Mark a quarantined message as taken in again; False where it is gone or was marked before."""
        return self._change(number, {"redriven_ms": now_ms})

    def quarantine_counts(self) -> dict[str, int]:
        """How many messages are quarantined, per reason."""
        query = sa.select(QUARANTINE.c.reason, sa.func.count()).group_by(QUARANTINE.c.reason)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def release(self, ids: Iterable[int]) -> int:
        """Delete quarantined messages that have become facts after all (or never will); how many went."""
        rows = [{"gone": number} for number in ids]
        if not rows:
            return 0
        with writing(self._engine) as connection:
            statement = sa.delete(QUARANTINE).where(QUARANTINE.c.id == sa.bindparam("gone"))
            return connection.execute(statement, rows).rowcount

    # The audit

    def note_access(self, at_ms: int, who: str, what: str, customers: Iterable[int | None], why: str = "") -> None:
        """Write down that somebody was shown, handed out or forgot what is personal of each of these customers."""
        rows = [
            {"at_ms": at_ms, "who": who[:WHY_CHARACTERS_MAX], "what": what, "customer": one, "why": why[:WHY_CHARACTERS_MAX]}
            for one in customers
        ]  # fmt: skip
        if rows:
            with writing(self._engine) as connection:
                connection.execute(sa.insert(AUDIT), rows)

    def audit(self, customer: int | None = None, limit: int = 100) -> list[AuditLine]:
        """The newest lines of the audit, of one customer or of all, at most LIST_MAX."""
        query = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(min(max(limit, 0), LIST_MAX))
        if customer is not None:
            query = query.where(AUDIT.c.customer == customer)
        with self._engine.connect() as connection:
            return [AuditLine(row.at_ms, row.who, row.what, row.customer, row.why) for row in connection.execute(query)]

    def _hash(self, kind: str, text: str) -> bytes:
        hashing = self._hashing.copy()  # its key taken in already
        hashing.update(b"%b\0%b" % (kind.encode(), text.encode()))
        return hashing.digest()

    def _number_of(self, connection: sa.Connection, kind: str, text: str) -> int | None:
        return connection.scalar(sa.select(IDENTIFIER.c.customer).where(IDENTIFIER.c.hash == self._hash(kind, text)))

    def _personal_rows(self, connection: sa.Connection, numbers: list[int]) -> list[tuple[int, str, str]]:
        """(number, field, text) of these numbers, ascending."""
        rows = connection.execute(
            sa.select(PERSONAL).where(PERSONAL.c.customer.in_(numbers)).order_by(PERSONAL.c.customer)
        ).all()
        keys = self.keys.of(connection, numbers) if rows else {}
        return [
            (row.customer, row.field, _open(keys.get(row.customer), row.sealed, f"personal/{row.customer}/{row.field}").decode())
            for row in rows
        ]  # fmt: skip

    def _opened(self, connection: sa.Connection, rows: Iterable[Any]) -> list[tuple[int, str, str]]:
        """(customer, kind, text) of rows of IDENTIFIER."""
        found = list(rows)
        keys = self.keys.of(connection, [row.customer for row in found])
        return [
            (row.customer, row.kind, _open(keys.get(row.customer), row.sealed, f"identifier/{row.customer}/{row.kind}").decode())
            for row in found
        ]  # fmt: skip

    def _holding(self, connection: sa.Connection, traces: Traces) -> Iterator[Quarantined]:
        """The quarantined messages in which a trace stands."""
        query = sa.select(QUARANTINE).order_by(QUARANTINE.c.id)
        for row in connection.execution_options(yield_per=LIST_MAX).execute(query):
            found = self._quarantined(row)
            if any(traces.among(part) for part in (found.body, found.detail.encode(), found.mended or b"")):
                yield found

    def _change(self, number: int, values: Mapping[str, bytes | int]) -> bool:
        waiting = sa.and_(QUARANTINE.c.id == number, QUARANTINE.c.redriven_ms.is_(None))
        with writing(self._engine) as connection:
            return connection.execute(sa.update(QUARANTINE).where(waiting).values(**values)).rowcount == 1

    def _quarantine_row(self, message: Quarantined) -> tuple[object, ...]:
        detail, body = _cut(message.detail, message.body)
        parts = (("detail", detail.encode("utf-8", "replace")), ("body", body), ("mended", message.mended))
        sealed = [
            None if part is None else self._seal.close(part, _message_place(message.source, message.position, name))
            for name, part in parts
        ]
        return (
            message.id or None, message.source, message.received_ms, message.reason, message.position, message.redriven_ms,
            *sealed,
        )  # fmt: skip

    def _quarantined(self, row: Any) -> Quarantined:
        parts = {
            name: None if (sealed := getattr(row, name)) is None
            else self._seal.open(sealed, _message_place(row.source, row.position, name))
            for name in ("detail", "body", "mended")
        }  # fmt: skip
        return Quarantined(
            row.source, row.received_ms, row.reason, (parts["detail"] or b"").decode(), parts["body"] or b"", row.position,
            row.id, parts["mended"], row.redriven_ms,
        )  # fmt: skip


def _message_place(source: str, position: int, part: str) -> str:
    return f"quarantine/{source}/{position}/{part}"


def _open(key: bytes | None, sealed: bytes, place: str) -> bytes:
    try:
        if key is None:
            raise InvalidTag
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):
        raise SealBrokenError(
            f"{place} cannot be opened: it is damaged, she was forgotten, or the data folder's key is another one"
        ) from None


def _cut(detail: str, body: bytes) -> tuple[str, bytes]:
    if len(body) <= BODY_BYTES_MAX:
        return detail, body
    return f"{detail} (cut: {len(body):,} bytes)".lstrip(), body[:BODY_BYTES_MAX]
