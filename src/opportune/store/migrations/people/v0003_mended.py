"""What was done about a quarantined message: its mended body, and when it was sent through intake again."""

import sqlalchemy as sa
from alembic import op

revision = "people_0003"
down_revision = "people_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("quarantine", sa.Column("mended", sa.LargeBinary, nullable=True))
    op.add_column("quarantine", sa.Column("redriven_ms", sa.BigInteger, nullable=True))
    op.create_index("quarantine_source", "quarantine", ["source", "id"])


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("quarantine_source", "quarantine")
    op.drop_column("quarantine", "redriven_ms")
    op.drop_column("quarantine", "mended")
