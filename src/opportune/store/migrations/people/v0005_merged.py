"""Which numbers are one person, and which ever were: what a reader of clear text asks before it asks for a customer."""

import sqlalchemy as sa
from alembic import op

revision = "people_0005"
down_revision = "people_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "merged",
        sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("survivor", sa.BigInteger, nullable=False),
        sa.Column("kin", sa.BigInteger, nullable=False),
        sa.Index("merged_survivor", "survivor"),
        sa.Index("merged_kin", "kin"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("merged")
