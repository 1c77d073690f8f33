"""The tables of `outbox.db` and what their rows are to the rest of the house."""

from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from opportune.facts import Outcome

FILE_NAME = "outbox.db"
LIST_MAX = 1_000
VARIABLES_BYTES_MAX = 16_000
KEY_CHARACTERS_MAX = 200
REASON_CHARACTERS_MAX = 300
EVERYWHERE = ""
"""The touchpoint of a halt that stops all sending."""

TABLES = sa.MetaData()


def _text(name: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **more)


def _number(name: str, **more: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **more)


MESSAGE = sa.Table(
    "message", TABLES,
    sa.Column("key", sa.Text, primary_key=True),
    _text("touchpoint"), _number("customer"), _text("campaign"), _text("offer"), _number("decided_seq"),
    _text("variables"), sa.Column("is_test", sa.Boolean, nullable=False),
    sa.Column("at_least_once", sa.Boolean, nullable=False), _number("until_ms"), _text("state"),
    _number("attempts"), _number("tries_from"), _number("next_at_ms"), _text("owner"), _text("provider_id"),
    _text("reason"), _number("queued_ms"), _number("changed_ms"),
)  # fmt: skip
PROVIDER_MESSAGE = sa.Table(
    "provider_message", TABLES,
    sa.Column("account", sa.Text, primary_key=True), sa.Column("provider_id", sa.Text, primary_key=True),
    _text("key"), _text("stage"), _text("reason"), _number("changed_ms"),
)  # fmt: skip
REPORT = sa.Table(
    "report", TABLES,
    sa.Column("number", sa.Integer, primary_key=True), _text("message_id"), _text("key"), _text("stage"),
    _number("outcome"), _text("reason"), _number("at_ms"), sa.Column("reported", sa.Boolean, nullable=False),
)  # fmt: skip
CURSOR = sa.Table("cursor", TABLES, sa.Column("name", sa.Text, primary_key=True), _number("seq"))
HALT = sa.Table(
    "halt", TABLES, sa.Column("touchpoint", sa.Text, primary_key=True), _text("reason"), _number("since_ms")
)
VOLUME = sa.Table(
    "volume", TABLES, sa.Column("touchpoint", sa.Text, primary_key=True),
    sa.Column("day_ms", sa.BigInteger, primary_key=True, autoincrement=False), _number("count"),
)  # fmt: skip
INBOX_ITEM = sa.Table(
    "inbox_item", TABLES, sa.Column("number", sa.Integer, primary_key=True), _text("key"), _text("touchpoint"),
    _number("customer"), _text("body"), _text("state"), _number("placed_ms"), _number("until_ms"),
    _number("changed_ms"),
)  # fmt: skip
WORK_ITEM = sa.Table(
    "work_item", TABLES, sa.Column("number", sa.Integer, primary_key=True), _text("key"), _text("touchpoint"),
    _number("customer"), _text("body"), _text("state"), _text("assignee"), _number("claimed_until_ms"),
    _number("placed_ms"), _number("due_ms"), _number("outcome"), _text("note"), _number("changed_ms"),
)  # fmt: skip
LINK = sa.Table("link", TABLES, sa.Column("number", sa.Integer, primary_key=True), _text("url", unique=True))
COUPON = sa.Table(
    "coupon", TABLES, sa.Column("number", sa.Integer, primary_key=True), _text("pool"), _text("code"),
    sa.Column("decision", sa.Text), sa.Column("taken_ms", sa.BigInteger),
)  # fmt: skip


class OutboxState(StrEnum):
    """Where a message is.

    QUEUED     to be sent at `next_at_ms`
    SENDING    a worker has it; after a crash nobody can tell whether it went out
    SENT       the provider took it
    FAILED     refused for good, or not to be sent after all
    UNKNOWN    handed over without an answer; it may have arrived
    WITHDRAWN  taken back before it was sent
    DEAD       its tries or its time are used up
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"
    DEAD = "dead"


class Stage(StrEnum):
    """What a report says. SENT to COMPLAINED come from channels, the rest from people and apps that fetched the message."""

    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    PRESENTED = "presented"
    ACCEPTED = "accepted"
    CONSIDERING = "considering"
    REFUSED = "refused"


OUTCOME_OF_STAGE: dict[Stage, Outcome | None] = {
    Stage.SENT: Outcome.PRESENTED,
    Stage.FAILED: Outcome.FAILED,
    Stage.UNKNOWN: Outcome.UNKNOWN,
    Stage.DELIVERED: None,
    Stage.BOUNCED: Outcome.FAILED,
    Stage.COMPLAINED: None,
    Stage.PRESENTED: Outcome.PRESENTED,
    Stage.ACCEPTED: Outcome.ACCEPTED,
    Stage.CONSIDERING: Outcome.CONSIDERING,
    Stage.REFUSED: Outcome.REFUSED,
}
"""What the engine is told; None where it has nothing to settle (the fact is kept all the same)."""


class NewMessage(msgspec.Struct, frozen=True):
    """A message to be sent. `key` is the decision's number or a test-send's id; it is sent once per key.

    `variables` are what its content needs (no addresses: those are looked up when it is sent). Not before `next_at_ms`; not
    after `until_ms` (0: no end). Tests are counted and reported nowhere.
    """

    key: str
    touchpoint: str
    customer: int
    campaign: str = ""
    offer: str = ""
    decided_seq: int = 0
    variables: dict[str, Any] = {}
    is_test: bool = False
    at_least_once: bool = False
    next_at_ms: int = 0
    until_ms: int = 0


class OutboxRow(msgspec.Struct, frozen=True):
    """A message in the outbox. `attempts` counts all sends begun; `tries` those since it was queued or re-driven by hand."""

    key: str
    touchpoint: str
    customer: int
    campaign: str
    offer: str
    decided_seq: int
    variables: dict[str, Any]
    is_test: bool
    at_least_once: bool
    until_ms: int
    state: OutboxState
    attempts: int
    tries: int
    next_at_ms: int
    provider_id: str
    reason: str
    queued_ms: int
    changed_ms: int


class Settled(msgspec.Struct, frozen=True):
    """How one send ended: the new state, and where that is QUEUED, when to try again.

    `presented` is False where the message only lies ready to be fetched: then nothing is reported yet. `is_try` is False where
    it was not tried, so that it keeps its tries. `account` is whose `provider_ids` they are (the touchpoint's own where empty).
    """

    key: str
    state: OutboxState
    reason: str = ""
    provider_ids: tuple[str, ...] = ()
    next_at_ms: int = 0
    presented: bool = True
    is_try: bool = True
    account: str = ""


class Report(msgspec.Struct, frozen=True):
    """What is to be told of a message, until `reported`. `message_id` repeats when it has to be told again.

    `outcome` is what the engine settles by, None where there is nothing to settle.
    """

    number: int
    message_id: str
    key: str
    touchpoint: str
    customer: int
    campaign: str
    offer: str
    decided_seq: int
    stage: Stage
    outcome: Outcome | None
    reason: str
    at_ms: int


def row_of(row: Any) -> OutboxRow:
    """The struct of a row of MESSAGE."""
    return OutboxRow(
        row.key, row.touchpoint, row.customer, row.campaign, row.offer, row.decided_seq,
        msgspec.json.decode(row.variables), row.is_test, row.at_least_once, row.until_ms, OutboxState(row.state),
        row.attempts, row.attempts - row.tries_from, row.next_at_ms, row.provider_id, row.reason, row.queued_ms,
        row.changed_ms,
    )  # fmt: skip


def cut(reason: str) -> str:
    """A reason as it is kept: one line of at most REASON_CHARACTERS_MAX characters."""
    return " ".join(reason.split())[:REASON_CHARACTERS_MAX]
