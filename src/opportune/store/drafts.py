"""Drafts of playbooks, in `store.db`: each a set of changes, and the trail of its life. Append-only; its state is what the trail says."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from opportune.store.canonical import canonical_json, plain
from opportune.store.database import open_database, reading, writing
from opportune.store.definition_store import FILE_NAME, LIST_MAX, TABLES, decoded

DRAFTS_MAX = 100_000
STEPS_MAX = 10_000
"""Steps of one draft."""
WORDS_CHARACTERS_MAX = 1_000
"""Of a title or a note."""

StepKind = Literal[
    "made", "revised", "reworded", "simulated", "submitted", "approved", "rejected", "reopened", "launched", "withdrawn",
]  # fmt: skip
DraftState = Literal["draft", "simulated", "submitted", "approved", "rejected", "launched", "withdrawn"]
Content = tuple[tuple[str, str, Any], ...]
"""(family, name, definition) of what a draft changes; None for the definition where it is taken out."""

_AFTER: dict[str, DraftState] = {
    "made": "draft", "revised": "draft", "reopened": "draft", "simulated": "simulated", "submitted": "submitted",
    "rejected": "rejected", "launched": "launched", "withdrawn": "withdrawn",
}  # fmt: skip
"""The state after a step; `reworded` and `approved` leave it (whether all approvals are there is for the rules to say)."""

_draft = sa.Table(
    "draft",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
)
_content = sa.Table(
    "draft_content",
    TABLES,
    sa.Column("draft", sa.Integer, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("family", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.Text),
)
_step = sa.Table(
    "draft_step",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("draft", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("base", sa.Integer),
    sa.Column("step", sa.Text),
    sa.Column("binding", sa.Text),
    sa.Column("evidence", sa.Text),
    sa.Column("report", sa.Text),
    sa.Column("report_digest", sa.Text),
    sa.Column("playbook", sa.Integer),
    sa.Index("draft_step_draft", "draft", "number"),
)
_TOLD = [column for column in _step.c if column.name not in ("draft", "evidence")]


class DraftStep(msgspec.Struct, frozen=True):
    """One step of a draft's life: who, when, what, why. `base`: the playbook that a revision was made from; `step`: the approval given;
    `binding`: the hash of all that it holds for; `report`: the simulation's key; `playbook`: what it became."""

    number: int
    kind: StepKind
    at_ms: int
    actor: str
    note: str
    revision: int
    base: int | None = None
    step: str | None = None
    binding: str | None = None
    report: str | None = None
    report_digest: str | None = None
    playbook: int | None = None


class Draft(msgspec.Struct, frozen=True):
    """A draft with its trail, the oldest step first."""

    number: int
    title: str
    created_ms: int
    author: str
    steps: tuple[DraftStep, ...]

    @property
    def state(self) -> DraftState:
        """Where it stands by its trail; `approved` is never said here."""
        return next(_AFTER[step.kind] for step in reversed(self.steps) if step.kind in _AFTER)

    @property
    def revision(self) -> int:
        """The number of its contents now."""
        return self.steps[-1].revision

    @property
    def base(self) -> int:
        """The playbook that its contents were made from; 0 for none."""
        return next(step.base for step in reversed(self.steps) if step.base is not None)

    @property
    def authors(self) -> frozenset[str]:
        """Who had a hand in its contents: none of them may approve it."""
        return frozenset(step.actor for step in self.steps if step.kind in ("made", "revised", "reworded"))

    def last(self, kind: StepKind) -> DraftStep | None:
        """Its latest step of a kind since its contents were last changed in what decides, or None."""
        for step in reversed(self.steps):
            if step.kind == kind:
                return step
            if step.kind in ("made", "revised"):
                return None
        return None

    def approvals(self) -> tuple[DraftStep, ...]:
        """The approvals given since it was last submitted."""
        found: list[DraftStep] = []
        for step in self.steps:
            if step.kind == "approved":
                found.append(step)
            elif step.kind in ("made", "revised", "reopened", "simulated", "submitted", "rejected"):
                found.clear()
        return tuple(found)


class Drafts:
    """The drafts of one data folder. One transaction per call; safe for several processes."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/store.db`. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "definitions")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def make(self, title: str, content: Content, base: int, actor: str, note: str, at_ms: int) -> int:
        """A new draft of changes to the playbook `base`; its number. Raises ValueError past DRAFTS_MAX."""
        with writing(self._engine) as connection:
            number = (connection.scalar(sa.select(sa.func.max(_draft.c.number))) or 0) + 1
            if number > DRAFTS_MAX:
                raise ValueError(f"there are drafts_max = {DRAFTS_MAX:,} drafts already")
            row = {"number": number, "title": _short(title), "created_ms": at_ms, "author": actor}
            connection.execute(sa.insert(_draft), row)
            _write(connection, number, 1, content)
            _append(connection, number, "made", actor, note, at_ms, revision=1, base=base)
        return number

    def revise(
        self, seen: Draft, content: Content, base: int, actor: str, note: str, at_ms: int, *, words: bool
    ) -> None:
        """Put other contents in the place of the draft's; `words` where nothing changes that decides. Raises as `add`."""
        with writing(self._engine) as connection:
            _require_unmoved(connection, seen)
            _write(connection, seen.number, seen.revision + 1, content)
            kind = "reworded" if words else "revised"
            _append(connection, seen.number, kind, actor, note, at_ms, revision=seen.revision + 1, base=base)

    def add(self, seen: Draft, kind: StepKind, actor: str, note: str, at_ms: int, **more: Any) -> None:
        """Append a step to the trail of a draft as it was `seen`. Raises DraftMovedError where another step came between, ValueError past STEPS_MAX."""
        with writing(self._engine) as connection:
            _require_unmoved(connection, seen)
            _append(connection, seen.number, kind, actor, note, at_ms, revision=seen.revision, **more)

    def get(self, number: int) -> Draft:
        """One draft. Raises KeyError."""
        found = self._read(sa.select(_draft).where(_draft.c.number == number))
        if not found:
            raise KeyError(f"there is no draft {number}")
        return found[0]

    def newest(self, before: int | None = None, limit: int = 100) -> list[Draft]:
        """Drafts, the newest first, at most LIST_MAX; for the next page `before` is the last number of this one."""
        query = sa.select(_draft).order_by(_draft.c.number.desc()).limit(min(max(limit, 0), LIST_MAX))
        return self._read(query if before is None else query.where(_draft.c.number < before))

    def content(self, number: int, revision: int) -> Content:
        """What a revision of a draft changes."""
        query = (
            sa.select(_content.c.family, _content.c.name, _content.c.body)
            .where(_content.c.draft == number, _content.c.revision == revision)
            .order_by(_content.c.family, _content.c.name)
        )
        with reading(self._engine) as connection:
            return tuple(
                (row.family, row.name, None if row.body is None else decoded(row.family, row.body))
                for row in connection.execute(query)
            )

    def evidence(self, step: int) -> Content:
        """All that a step was bound to, as it was then."""
        with reading(self._engine) as connection:
            text = connection.scalar(sa.select(_step.c.evidence).where(_step.c.number == step))
        rows = msgspec.json.decode(text or "[]", type=list[tuple[str, str, str]])
        return tuple((family, name, decoded(family, body)) for family, name, body in rows)

    def _read(self, query: Any) -> list[Draft]:
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            wanted = sa.select(_step.c.draft, *_TOLD).where(_step.c.draft.in_([row.number for row in rows]))
            steps: dict[int, list[DraftStep]] = {}
            for draft, *told in connection.execute(wanted.order_by(_step.c.number)):
                named = {column.name: value for column, value in zip(_TOLD, told, strict=True)}
                steps.setdefault(draft, []).append(DraftStep(**named))
        return [Draft(row.number, row.title, row.created_ms, row.author, tuple(steps[row.number])) for row in rows]


class DraftMovedError(Exception):
    """Somebody else was quicker; nothing was changed."""


def evidence_text(content: Iterable[tuple[str, str, Any]]) -> str:
    """Definitions as a step keeps them."""
    rows = [(family, name, canonical_json(plain(body)).decode()) for family, name, body in content]
    return msgspec.json.encode(rows).decode()


def _short(words: str) -> str:
    if len(words) > WORDS_CHARACTERS_MAX:
        raise ValueError(f"these words are longer than {WORDS_CHARACTERS_MAX:,} characters; shorten them")
    return words


def _write(connection: sa.Connection, number: int, revision: int, content: Content) -> None:
    rows = [
        {"draft": number, "revision": revision, "family": family, "name": name,
         "body": None if body is None else canonical_json(plain(body)).decode()}
        for family, name, body in content
    ]  # fmt: skip
    if rows:
        connection.execute(sa.insert(_content), rows)


def _append(connection: sa.Connection, number: int, kind: str, actor: str, note: str, at_ms: int, **more: Any) -> None:
    row = {"draft": number, "kind": kind, "at_ms": at_ms, "actor": actor, "note": _short(note), **more}
    connection.execute(sa.insert(_step), row)


def _require_unmoved(connection: sa.Connection, seen: Draft) -> None:
    numbers: Sequence[int] = connection.scalars(sa.select(_step.c.number).where(_step.c.draft == seen.number)).all()
    if len(numbers) >= STEPS_MAX:
        raise ValueError(f"draft {seen.number} has steps_max = {STEPS_MAX:,} steps; make a new one")
    if max(numbers) != seen.steps[-1].number:
        raise DraftMovedError(f"draft {seen.number} was changed meanwhile; look at it again")
