"""Identifiers, personal fields and the quarantine: all the personal data there is."""

import sqlalchemy as sa
from alembic import op

revision = "people_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; identifiers are clustered by what they are looked up by."""
    op.create_table(
        "identifier",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, primary_key=True),
        sa.Column("customer", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("identifier_customer", "identifier", ["customer"])
    op.create_table(
        "personal",
        sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("quarantine_reason", "quarantine", ["reason", "id"])


def downgrade() -> None:
    """Not offered: it would drop people."""
    raise NotImplementedError("people are never dropped by a migration; restore a backup instead")
