"""Pairs of customers who may be one person, what was decided of them, and the runs that found them."""

import sqlalchemy as sa
from alembic import op

revision = "duplicates_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pair",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("low", sa.BigInteger, nullable=False),
        sa.Column("high", sa.BigInteger, nullable=False),
        sa.Column("matching", sa.Text, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("found_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_ms", sa.BigInteger, nullable=True),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("pair_customers", "pair", ["low", "high"], unique=True)
    op.create_index("pair_high", "pair", ["high"])
    op.create_index("pair_state", "pair", ["state", "score", "number"])
    op.create_table(
        "run",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("matching", sa.Text, nullable=False),
        sa.Column("begun_ms", sa.BigInteger, nullable=False),
        sa.Column("customers", sa.BigInteger, nullable=False),
        sa.Column("compared", sa.BigInteger, nullable=False),
        sa.Column("same", sa.BigInteger, nullable=False),
        sa.Column("review", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Not offered: what people decided would be lost."""
    raise NotImplementedError("decisions about pairs are never dropped by a migration; restore a backup instead")
