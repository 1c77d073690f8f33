"""Drafts of playbooks: what each revision changes, and every step of its life. What is written here stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "definitions_0002"
down_revision = "definitions_0001"
branch_labels = None
depends_on = None

_IMMUTABLE = ("draft", "draft_content", "draft_step")


def upgrade() -> None:
    """Make the tables, and the triggers that keep their rows from being changed."""
    op.create_table(
        "draft",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
    )
    op.create_table(
        "draft_content",
        sa.Column("draft", sa.Integer, sa.ForeignKey("draft.number"), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("family", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.Text),
    )
    op.create_table(
        "draft_step",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("draft", sa.Integer, sa.ForeignKey("draft.number"), nullable=False),
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
    )
    op.create_index("draft_step_draft", "draft_step", ["draft", "number"])
    for table in _IMMUTABLE:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} rows are never changed; write a new one'); END"
            )


def downgrade() -> None:
    """Not offered: it would drop the record of who approved what."""
    raise NotImplementedError("drafts are never dropped; restore a backup instead")
