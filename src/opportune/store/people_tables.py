"""The tables of `people.db`. Clear in them are customer numbers, kinds and fields, sources, reasons and times; all else is sealed."""

import sqlalchemy as sa

TABLES = sa.MetaData()

KEY_BLOCK = sa.Table(
    "key_block", TABLES, sa.Column("block", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)  # fmt: skip
IDENTIFIER = sa.Table(
    "sealed_identifier", TABLES,
    sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, primary_key=True),  # keyed, of kind and text: what an exact identifier is found by
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("sealed_identifier_hash", "hash", unique=True),
)  # fmt: skip
UNSETTLED = sa.Table(
    "sealed_unsettled", TABLES, sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False), sa.Column("sealed", sa.LargeBinary, nullable=False),
)  # fmt: skip
PERSONAL = sa.Table(
    "sealed_personal", TABLES,
    sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)  # fmt: skip
MERGED = sa.Table(
    "merged", TABLES,
    sa.Column("customer", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("survivor", sa.BigInteger, nullable=False),
    sa.Column("kin", sa.BigInteger, nullable=False),
    sa.Index("merged_survivor", "survivor"),
    sa.Index("merged_kin", "kin"),
)  # fmt: skip
"""Numbers that were ever merged: the survivor's now (their own, where they were parted), and the lowest that was ever joined with them."""
QUARANTINE = sa.Table(
    "sealed_quarantine", TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("detail", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("mended", sa.LargeBinary, nullable=True),
    sa.Column("redriven_ms", sa.BigInteger, nullable=True),
    sa.Index("sealed_quarantine_reason", "reason", "id"),
    sa.Index("sealed_quarantine_source", "source", "id"),
)  # fmt: skip
AUDIT = sa.Table(
    "audit", TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("customer", sa.BigInteger, nullable=True),
    sa.Column("why", sa.Text, nullable=False),
    sa.Index("audit_customer", "customer", "id"),
)  # fmt: skip
