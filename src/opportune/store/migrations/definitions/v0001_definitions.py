"""Versions of definitions, playbooks as steps from one to the next, settings. What is written here stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "definitions_0001"
down_revision = None
branch_labels = None
depends_on = None

_IMMUTABLE = ("definition", "playbook", "playbook_change", "publication")


def upgrade() -> None:
    """Make the tables, and the triggers that keep their rows from being changed."""
    op.create_table(
        "definition",
        sa.Column("family", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("decides", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
    )
    op.create_table(
        "playbook",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("decides", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
    )
    op.create_table(
        "playbook_change",
        sa.Column("family", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("playbook", sa.Integer, sa.ForeignKey("playbook.number"), primary_key=True),
        sa.Column("version", sa.Integer),
        sa.ForeignKeyConstraint(
            ["family", "name", "version"], ["definition.family", "definition.name", "definition.version"]
        ),
    )
    op.create_table(
        "publication",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("playbook", sa.Integer, sa.ForeignKey("playbook.number"), nullable=False),
        sa.Column("published_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    for table in _IMMUTABLE:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} rows are never changed; write a new one'); END"
            )


def downgrade() -> None:
    """Not offered: it would drop the record of what was decided by."""
    raise NotImplementedError("definitions are never dropped; restore a backup instead")
