"""Every version of every definition and the playbooks made of them, append-only, in `store.db`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from opportune.store.canonical import canonical_json, plain
from opportune.store.database import open_database, writing
from opportune.store.definitions import FAMILIES, Definitions
from opportune.store.diagnosis import decode
from opportune.store.difference import Change, difference
from opportune.store.fingerprint import Fingerprint, combine, fingerprint_of

FILE_NAME = "store.db"
LIST_MAX = 1_000

TABLES = sa.MetaData()
_definition = sa.Table(
    "definition",
    TABLES,
    sa.Column("family", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("decides", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
)
_playbook = sa.Table(
    "playbook",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("decides", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
)
_change = sa.Table(
    "playbook_change",
    TABLES,
    sa.Column("family", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("playbook", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer),
)
_publication = sa.Table(
    "publication",
    TABLES,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("playbook", sa.Integer, nullable=False),
    sa.Column("published_ms", sa.BigInteger, nullable=False),
)
_setting = sa.Table(
    "setting", TABLES, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)

Versions = dict[tuple[str, str], tuple[int, Fingerprint]]


class PlaybookDraft(msgspec.Struct, frozen=True):
    """A saved set of definitions. `changes` lead to it from the playbook before; `new` is False where nothing had changed."""

    number: int
    fingerprint: Fingerprint
    changes: tuple[Change, ...]
    new: bool


class PlaybookRow(msgspec.Struct, frozen=True):
    """A playbook in the list; `seq` is its latest place in the journal, None if it was never published."""

    number: int
    fingerprint: Fingerprint
    created_ms: int
    author: str
    seq: int | None
    published_ms: int | None


class DefinitionVersion(msgspec.Struct, frozen=True):
    """One version of one definition; `definition` is its struct."""

    version: int
    definition: Any
    fingerprint: Fingerprint
    created_ms: int
    author: str


class DefinitionStep(msgspec.Struct, frozen=True):
    """What one playbook made of a definition: its struct, or None where the playbook removed it."""

    playbook: int
    definition: Any
    created_ms: int
    author: str


class DefinitionStore:
    """The definitions of one data folder. One transaction per call; safe for several processes."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/store.db`, making it if missing. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "definitions")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def save(self, definitions: Definitions, author: str, at_ms: int) -> PlaybookDraft:
        """Save a set of definitions as the next playbook; only changed definitions get a new version.

        A set equal to the latest playbook makes no new one. Raises ValueError where `definitions` has problems.
        """
        if definitions.problems:
            raise ValueError(
                f"{definitions.problems[0].text()}; {len(definitions.problems)} problems, so nothing was saved"
            )
        marks = {(f, n): (fingerprint_of(f, body), body) for f, n, body in definitions.all()}
        whole = combine((family, name, mark) for (family, name), (mark, _) in marks.items())
        with writing(self._engine) as connection:
            number = _latest_number(connection)
            members = _members(connection, number)
            current = _marks(members)
            if number and whole == combine((f, n, mark) for (f, n), (_, mark) in current.items()):
                return PlaybookDraft(number, whole, (), new=False)
            versions = _newest(connection)
            added, steps = [], []
            for (family, name), (mark, body) in marks.items():
                version, newest = versions.get((family, name), (0, None))
                if mark != newest:
                    version += 1
                    added.append(_definition_row(family, name, version, body, mark, author, at_ms))
                if current.get((family, name), (0, None))[0] != version:
                    steps.append({"family": family, "name": name, "playbook": number + 1, "version": version})
            steps += [
                {"family": family, "name": name, "playbook": number + 1, "version": None}
                for family, name in current if (family, name) not in marks
            ]  # fmt: skip
            row = {"number": number + 1, "created_ms": at_ms, "author": author, **msgspec.structs.asdict(whole)}
            for table, rows in ((_definition, added), (_playbook, [row]), (_change, steps)):
                if rows:
                    connection.execute(sa.insert(table), rows)
        return PlaybookDraft(number + 1, whole, tuple(difference(_load(members), definitions)), new=True)

    def load(self, number: int, family: str | None = None) -> Definitions:
        """The definitions of a playbook, or those of one family. Raises KeyError for an unknown number."""
        with self._engine.connect() as connection:
            if connection.scalar(sa.select(_playbook.c.number).where(_playbook.c.number == number)) is None:
                raise KeyError(f"there is no playbook {number}; the latest is {_latest_number(connection)}")
            return _load(_members(connection, number, family))

    def latest(self) -> int:
        """The number of the playbook saved last; 0 if there is none."""
        with self._engine.connect() as connection:
            return _latest_number(connection)

    def publish(self, number: int, seq: int, at_ms: int) -> None:
        """Note that the playbook came into force at the journal's `seq`; the same again does nothing.

        Raises ValueError where another playbook stands at that `seq`, KeyError for an unknown number.
        """
        with writing(self._engine) as connection:
            if connection.scalar(sa.select(_playbook.c.number).where(_playbook.c.number == number)) is None:
                raise KeyError(f"there is no playbook {number}; the latest is {_latest_number(connection)}")
            there = connection.scalar(sa.select(_publication.c.playbook).where(_publication.c.seq == seq))
            if there is None:
                row = {"seq": seq, "playbook": number, "published_ms": at_ms}
                connection.execute(sa.insert(_publication), row)
            elif there != number:
                raise ValueError(
                    f"playbook {there} stands at sequence number {seq}, not {number}; read the journal again"
                )

    def published(self) -> tuple[int, int] | None:
        """(playbook number, seq) of the one in force last, or None."""
        query = sa.select(_publication.c.playbook, _publication.c.seq).order_by(_publication.c.seq.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return (row.playbook, row.seq) if row else None

    def in_force(self) -> Definitions:
        """The definitions of the playbook in force; none where none ever was."""
        published = self.published()
        return self.load(published[0]) if published else Definitions()

    def playbooks(self, before: int | None = None, limit: int = 100) -> list[PlaybookRow]:
        """Playbooks, the newest first, at most LIST_MAX; for the next page `before` is the last number of this one."""
        last = (
            sa.select(_publication.c.playbook, sa.func.max(_publication.c.seq).label("seq"))
            .group_by(_publication.c.playbook).subquery()
        )  # fmt: skip
        query = (
            sa.select(_playbook, last.c.seq, _publication.c.published_ms)
            .outerjoin(last, last.c.playbook == _playbook.c.number)
            .outerjoin(_publication, _publication.c.seq == last.c.seq)
            .order_by(_playbook.c.number.desc())
            .limit(min(max(limit, 0), LIST_MAX))
        )
        if before is not None:
            query = query.where(_playbook.c.number < before)
        with self._engine.connect() as connection:
            return [
                PlaybookRow(
                    row.number,
                    Fingerprint(row.decides, row.words),
                    row.created_ms,
                    row.author,
                    row.seq,
                    row.published_ms,
                )
                for row in connection.execute(query)
            ]

    def versions(self, family: str, name: str, limit: int = 100) -> list[DefinitionVersion]:
        """The versions of one definition, the newest first, at most LIST_MAX. Raises KeyError for an unknown family."""
        FAMILIES[family]  # KeyError where there is none
        query = (
            sa.select(_definition)
            .where(_definition.c.family == family, _definition.c.name == name)
            .order_by(_definition.c.version.desc())
            .limit(min(max(limit, 0), LIST_MAX))
        )
        with self._engine.connect() as connection:
            return [
                DefinitionVersion(
                    row.version,
                    decoded(family, row.body),
                    Fingerprint(row.decides, row.words),
                    row.created_ms,
                    row.author,
                )
                for row in connection.execute(query)
            ]

    def steps(self, family: str, name: str, limit: int = 100) -> list[DefinitionStep]:
        """The playbooks that added, changed or removed a definition, the newest first, at most LIST_MAX. Raises KeyError for an unknown family."""
        FAMILIES[family]  # KeyError where there is none
        body = sa.and_(
            _definition.c.family == _change.c.family,
            _definition.c.name == _change.c.name,
            _definition.c.version == _change.c.version,
        )
        query = (
            sa.select(_change.c.playbook, _definition.c.body, _playbook.c.created_ms, _playbook.c.author)
            .select_from(_change)
            .join(_playbook, _playbook.c.number == _change.c.playbook)
            .outerjoin(_definition, body)
            .where(_change.c.family == family, _change.c.name == name)
            .order_by(_change.c.playbook.desc())
            .limit(min(max(limit, 0), LIST_MAX))
        )
        with self._engine.connect() as connection:
            return [
                DefinitionStep(
                    row.playbook, None if row.body is None else decoded(family, row.body), row.created_ms, row.author
                )
                for row in connection.execute(query)
            ]

    def setting(self, name: str) -> str | None:
        """The value of a setting of this data folder, or None."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(_setting.c.value).where(_setting.c.name == name))

    def set_setting(self, name: str, value: str) -> None:
        """Write a setting of this data folder, in place of an earlier value."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(_setting).where(_setting.c.name == name))
            connection.execute(sa.insert(_setting), {"name": name, "value": value})


def _definition_row(
    family: str, name: str, version: int, body: Any, mark: Fingerprint, author: str, at_ms: int
) -> dict[str, Any]:
    text = canonical_json(plain(body)).decode()
    words = msgspec.structs.asdict(mark)
    return {
        "family": family,
        "name": name,
        "version": version,
        "body": text,
        "created_ms": at_ms,
        "author": author,
        **words,
    }


def _latest_number(connection: sa.Connection) -> int:
    return connection.scalar(sa.select(sa.func.coalesce(sa.func.max(_playbook.c.number), 0))) or 0


def _members(connection: sa.Connection, number: int, family: str | None = None) -> list[Any]:
    """The rows of the definitions of a playbook: each one's latest step up to `number`, unless that removed it."""
    last = (
        sa.select(_change.c.family, _change.c.name, sa.func.max(_change.c.playbook).label("playbook"))
        .where(_change.c.playbook <= number, sa.true() if family is None else _change.c.family == family)
        .group_by(_change.c.family, _change.c.name)
        .subquery()
    )
    step = sa.and_(
        _change.c.family == last.c.family, _change.c.name == last.c.name, _change.c.playbook == last.c.playbook
    )
    body = sa.and_(
        _definition.c.family == _change.c.family,
        _definition.c.name == _change.c.name,
        _definition.c.version == _change.c.version,
    )
    return list(
        connection.execute(sa.select(_definition).select_from(last).join(_change, step).join(_definition, body))
    )


def _newest(connection: sa.Connection) -> Versions:
    """The newest (version, fingerprint) of each definition there ever was."""
    columns = (
        _definition.c.family,
        _definition.c.name,
        _definition.c.version,
        _definition.c.decides,
        _definition.c.words,
    )
    return _marks(connection.execute(sa.select(*columns).order_by(_definition.c.version)))


def _marks(rows: Iterable[Any]) -> Versions:
    return {(row.family, row.name): (row.version, Fingerprint(row.decides, row.words)) for row in rows}


def _load(members: Iterable[Any]) -> Definitions:
    loaded = Definitions()
    for row in members:
        loaded.of(row.family)[row.name] = decoded(row.family, row.body)
    return loaded


def decoded(family: str, body: str) -> Any:
    """A definition out of its stored JSON."""
    kind, raw = FAMILIES[family], msgspec.json.decode(body)
    return raw if kind is dict else decode(raw, kind)
