"""Everything personal sealed: tables that stand beside the clear ones until `People` has sealed what those hold; and who looked at whom."""

import sqlalchemy as sa
from alembic import op

revision = "people_0004"
down_revision = "people_0003"
branch_labels = None
depends_on = None


def _clear(name: str, kind: sa.types.TypeEngine[object] | type) -> "sa.Column[object]":
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make the tables; what is in the clear ones is moved by `People`, which has the key."""
    sealed = ("sealed", sa.LargeBinary)
    op.create_table("key_block", sa.Column("block", sa.Integer, primary_key=True, autoincrement=False), _clear(*sealed))
    op.create_table(
        "sealed_identifier",
        sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        _clear("kind", sa.Text), _clear(*sealed), sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("sealed_identifier_hash", "sealed_identifier", ["hash"], unique=True)
    op.create_table(
        "sealed_unsettled", sa.Column("hash", sa.LargeBinary, primary_key=True), _clear("kind", sa.Text), _clear(*sealed),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_table(
        "sealed_personal",
        sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("field", sa.Text, primary_key=True), _clear(*sealed), sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_table(
        "sealed_quarantine",
        sa.Column("id", sa.Integer, primary_key=True), _clear("source", sa.Text), _clear("received_ms", sa.BigInteger),
        _clear("reason", sa.Text), _clear("position", sa.BigInteger), _clear("detail", sa.LargeBinary),
        _clear("body", sa.LargeBinary), sa.Column("mended", sa.LargeBinary, nullable=True),
        sa.Column("redriven_ms", sa.BigInteger, nullable=True), sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("sealed_quarantine_reason", "sealed_quarantine", ["reason", "id"])
    op.create_index("sealed_quarantine_source", "sealed_quarantine", ["source", "id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True), _clear("at_ms", sa.BigInteger), _clear("who", sa.Text),
        _clear("what", sa.Text), sa.Column("customer", sa.BigInteger, nullable=True), _clear("why", sa.Text),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("audit_customer", "audit", ["customer", "id"])


def downgrade() -> None:
    """Not offered: it would drop people."""
    raise NotImplementedError("people are never dropped by a migration; restore a backup instead")
