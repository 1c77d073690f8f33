"""Loads of sources: what was fetched when, the raw rows (sealed), and when each source was asked last."""

import sqlalchemy as sa
from alembic import op

revision = "loads_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "load",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("staged_ms", sa.BigInteger, nullable=True),
        sa.Column("ended_ms", sa.BigInteger, nullable=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "raw_rows",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "source_check",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("checked_ms", sa.BigInteger, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("source_check", "raw_rows", "load"):
        op.drop_table(table)
