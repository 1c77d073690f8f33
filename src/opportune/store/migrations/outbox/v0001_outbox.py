"""Messages on their way out, what is to be reported of them, and the places that hold them for somebody to fetch."""

import sqlalchemy as sa
from alembic import op

revision = "outbox_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _messages()
    _fetched()


def _messages() -> None:
    op.create_table(
        "message",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("touchpoint", sa.Text, nullable=False),
        sa.Column("customer", sa.BigInteger, nullable=False),
        sa.Column("campaign", sa.Text, nullable=False),
        sa.Column("offer", sa.Text, nullable=False),
        sa.Column("decided_seq", sa.BigInteger, nullable=False),
        sa.Column("variables", sa.Text, nullable=False),
        sa.Column("is_test", sa.Boolean, nullable=False),
        sa.Column("at_least_once", sa.Boolean, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tries_from", sa.Integer, nullable=False),
        sa.Column("next_at_ms", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("provider_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("queued_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("message_due", "message", ["touchpoint", "state", "next_at_ms"])
    op.create_index("message_state", "message", ["state", "changed_ms"])
    op.create_index("message_customer", "message", ["customer"])
    op.create_table(
        "provider_message",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("provider_id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("provider_message_key", "provider_message", ["key"])
    op.create_table(
        "report",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("reported", sa.Boolean, nullable=False),
    )
    op.create_index("report_waiting", "report", ["number"], sqlite_where=sa.text("NOT reported"))
    op.create_index("report_key", "report", ["key"])
    op.create_table(
        "cursor", sa.Column("name", sa.Text, primary_key=True), sa.Column("seq", sa.BigInteger, nullable=False)
    )
    op.create_table(
        "halt",
        sa.Column("touchpoint", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "volume",
        sa.Column("touchpoint", sa.Text, primary_key=True),
        sa.Column("day_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


def _fetched() -> None:
    op.create_table(
        "inbox_item",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("touchpoint", sa.Text, nullable=False),
        sa.Column("customer", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("placed_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("inbox_item_customer", "inbox_item", ["customer", "touchpoint", "state"])
    op.create_table(
        "work_item",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("touchpoint", sa.Text, nullable=False),
        sa.Column("customer", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("assignee", sa.Text, nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger, nullable=False),
        sa.Column("placed_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("work_item_desk", "work_item", ["touchpoint", "state", "due_ms"])
    op.create_index("work_item_customer", "work_item", ["customer"])
    op.create_table(
        "link",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("url", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "coupon",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("taken_ms", sa.BigInteger),
        sa.UniqueConstraint("pool", "code"),
        sa.UniqueConstraint("pool", "decision"),
    )
    op.create_index("coupon_free", "coupon", ["pool", "number"], sqlite_where=sa.text("decision IS NULL"))


def downgrade() -> None:
    """Not offered: what was sent would be forgotten and sent again."""
    raise NotImplementedError("messages are never dropped by a migration; restore a backup instead")
