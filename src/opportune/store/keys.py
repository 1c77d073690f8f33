"""API keys, in `keys.db`. Only a digest of each is kept: a key is shown once, when it is made.

A key is 32 random bytes, so that a fast hash is enough to keep it: there is nothing to guess.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from opportune.store.database import open_database, writing

FILE_NAME = "keys.db"
KEYS_MAX = 10_000
KEY_CHARACTERS_MAX = 200
ID_BYTES, SECRET_BYTES = 5, 32
SCOPES_MAX = 50

SCOPE = re.compile(
    r"(?:intake:[A-Za-z0-9][\w.+-]{0,99})|(?:touch:(?:\*|[A-Za-z0-9][\w.-]{0,99}))"
    r"|read|operate|define|approve|reveal|forget|merge|ofrep|metrics",
    re.ASCII,
)
SCOPE_WORDS = (
    "intake:SOURCE, touch:TOUCHPOINT, touch:*, read, operate, define, approve, reveal, forget, merge, ofrep, metrics"
)

_TABLES = sa.MetaData()
_key = sa.Table(
    "api_key",
    _TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("revoked_ms", sa.BigInteger, nullable=True),
)
_NOBODY = bytes(hashlib.sha256().digest_size)


class ApiKey(msgspec.Struct, frozen=True):
    """A key's row, without the key: `revoked_ms` is None while it is good."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None = None

    def allows(self, scope: str) -> bool:
        """Whether it may do what `scope` names; `touch:*` is every touchpoint."""
        return scope in self.scopes or (scope.startswith("touch:") and "touch:*" in self.scopes)

    @property
    def who(self) -> str:
        """The name that stands in records for what is done with the key."""
        return self.name or self.id

    @property
    def source(self) -> str | None:
        """The source that a write key writes to, or None."""
        return next((scope.removeprefix("intake:") for scope in self.scopes if scope.startswith("intake:")), None)


class Keys:
    """The keys of one data folder, held in memory; `refresh` hears what another process changed."""

    def __init__(self, folder: Path) -> None:
        """Open `<folder>/keys.db`, making it (mode 0600) if missing. Raises OSError where the folder cannot be written."""
        self._engine = open_database(folder / FILE_NAME, "keys")
        self._watch = self._engine.connect()
        self._version = -1
        self._known: dict[str, tuple[bytes, ApiKey]] = {}
        self.refresh()

    def close(self) -> None:
        """Close all connections."""
        self._watch.close()
        self._engine.dispose()

    def refresh(self) -> bool:
        """Read the keys again where another connection has changed them since; whether it had."""
        driver = self._watch.connection.driver_connection
        assert driver is not None
        version = driver.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return False
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_key).order_by(_key.c.created_ms, _key.c.id)).all()
        self._known = {row.id: (row.digest, _read(row)) for row in rows}
        self._version = version
        return True

    def create(self, scopes: Sequence[str], name: str, now_ms: int) -> tuple[ApiKey, str]:
        """Make a key; returns its row and the key itself, which is kept nowhere. Raises ValueError for a scope that is none."""
        _require_scopes(scopes)
        key_id = secrets.token_hex(ID_BYTES)
        text = f"{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        made = ApiKey(key_id, name, tuple(dict.fromkeys(scopes)), now_ms)
        with writing(self._engine) as connection:
            if (connection.scalar(sa.select(sa.func.count()).select_from(_key)) or 0) >= KEYS_MAX:
                raise ValueError(f"there are keys_max = {KEYS_MAX:,} keys already; a data folder holds no more")
            row = {**msgspec.structs.asdict(made), "scopes": " ".join(made.scopes), "digest": _digest(text)}
            connection.execute(sa.insert(_key), row)
        self.refresh()
        return made, text

    def revoke(self, key_id: str, now_ms: int) -> bool:
        """Take a key out of use; False where there is none of this id. Doing it again changes nothing."""
        with writing(self._engine) as connection:
            found = connection.scalar(sa.select(sa.func.count()).select_from(_key).where(_key.c.id == key_id))
            good = sa.and_(_key.c.id == key_id, _key.c.revoked_ms.is_(None))
            connection.execute(sa.update(_key).where(good).values(revoked_ms=now_ms))
        self.refresh()
        return bool(found)

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first, revoked ones too."""
        return [key for _, key in self._known.values()]

    def find(self, text: str) -> ApiKey | None:
        """The good key with this text, or None. Takes the same time whatever part of the secret is right."""
        digest, key = self._known.get(text.partition("_")[0], (_NOBODY, None))
        same = len(text) <= KEY_CHARACTERS_MAX and hmac.compare_digest(_digest(text), digest)
        return key if same and key is not None and key.revoked_ms is None else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _read(row: Any) -> ApiKey:
    return ApiKey(row.id, row.name, tuple(row.scopes.split(" ")), row.created_ms, row.revoked_ms)


def _require_scopes(scopes: Sequence[str]) -> None:
    if not 0 < len(scopes) <= SCOPES_MAX:
        raise ValueError(f"a key has 1 to {SCOPES_MAX} scopes: {SCOPE_WORDS}")
    for scope in scopes:
        if not SCOPE.fullmatch(scope):
            raise ValueError(f"no scope `{scope}`; there are: {SCOPE_WORDS}")
    if sum(scope.startswith("intake:") for scope in scopes) > 1:
        raise ValueError("a write key has one source; make a key for each")
