"""Sealed bytes say which generation of the folder's secrets sealed them; so far there was one, 0."""

from alembic import op

revision = "loads_0002"
down_revision = "loads_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the number in front. A load that is not staged has no body yet."""
    op.execute("UPDATE raw_rows SET body = CAST(x'00' || body AS BLOB)")
    op.execute("UPDATE load SET body = CAST(x'00' || body AS BLOB) WHERE length(body) > 0")


def downgrade() -> None:
    """Take it away again."""
    op.execute("UPDATE raw_rows SET body = substr(body, 2)")
    op.execute("UPDATE load SET body = substr(body, 2) WHERE length(body) > 0")
