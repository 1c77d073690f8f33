"""What is to be told of messages: kept with the change it tells of, in the same transaction, until somebody has taken it."""

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from opportune.facts import Outcome
from opportune.store.outbox_tables import (
    LIST_MAX,
    MESSAGE,
    OUTCOME_OF_STAGE,
    PROVIDER_MESSAGE,
    REPORT,
    OutboxState,
    Report,
    Stage,
    cut,
)  # fmt: skip

EARLY_RECEIPTS_MAX = 10_000

_ADD = insert(REPORT).on_conflict_do_nothing()
_NEW_LINK = insert(PROVIDER_MESSAGE)
_LINK = _NEW_LINK.on_conflict_do_update(
    index_elements=["account", "provider_id"],
    set_={"key": _NEW_LINK.excluded.key, "changed_ms": _NEW_LINK.excluded.changed_ms},
).returning(PROVIDER_MESSAGE.c.stage)


def add_report(
    connection: sa.Connection, key: str, attempts: int, stage: Stage, at_ms: int, reason: str = "",
    outcome: Outcome | None = None,
) -> bool:  # fmt: skip
    """Keep a report of a message once per (key, attempt, stage), whoever says it twice; whether it is new."""
    outcome = outcome or OUTCOME_OF_STAGE[stage]
    row = {
        "message_id": f"{key}:{attempts}:{stage}", "key": key, "stage": stage.value, "outcome": outcome or 0,
        "reason": cut(reason), "at_ms": at_ms, "reported": False,
    }  # fmt: skip
    return connection.execute(_ADD, row).rowcount > 0


def waiting_reports(connection: sa.Connection, limit: int) -> list[Report]:
    """The oldest reports nobody has taken yet, at most `limit`."""
    query = (
        sa.select(
            REPORT, MESSAGE.c.touchpoint, MESSAGE.c.customer, MESSAGE.c.campaign, MESSAGE.c.offer, MESSAGE.c.decided_seq
        )
        .join(MESSAGE, MESSAGE.c.key == REPORT.c.key)
        .where(~REPORT.c.reported)
        .order_by(REPORT.c.number)
        .limit(min(max(limit, 0), LIST_MAX))
    )
    return [
        Report(
            row.number, row.message_id, row.key, row.touchpoint, row.customer, row.campaign, row.offer,
            row.decided_seq, Stage(row.stage), Outcome(row.outcome) if row.outcome else None, row.reason, row.at_ms,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def link_provider_ids(
    connection: sa.Connection, key: str, account: str, provider_ids: tuple[str, ...], at_ms: int
) -> None:
    """Remember which message the provider's ids mean; receipts that came before are settled now."""
    early = False
    for provider_id in provider_ids:
        row = {
            "account": account, "provider_id": provider_id, "key": key, "stage": "", "reason": "",
            "changed_ms": at_ms,
        }  # fmt: skip
        early |= bool(connection.execute(_LINK, row).scalar_one())
    if early:
        settle_parts(connection, key, at_ms)


def note_provider_receipt(
    connection: sa.Connection, account: str, provider_id: str, stage: Stage, reason: str, at_ms: int
) -> bool:
    """Keep what the provider says of one of its ids; one that is not known yet waits for its message. Whether it is news."""
    place = sa.and_(PROVIDER_MESSAGE.c.account == account, PROVIDER_MESSAGE.c.provider_id == provider_id)
    known = connection.execute(sa.select(PROVIDER_MESSAGE).where(place)).first()
    if known is None:
        early = connection.scalar(
            sa.select(sa.func.count()).select_from(PROVIDER_MESSAGE).where(PROVIDER_MESSAGE.c.key == "")
        )
        if (early or 0) >= EARLY_RECEIPTS_MAX:
            return False
        row = {
            "account": account, "provider_id": provider_id, "key": "", "stage": stage.value,
            "reason": cut(reason), "changed_ms": at_ms,
        }  # fmt: skip
        connection.execute(sa.insert(PROVIDER_MESSAGE), row)
        return True
    if known.stage:
        return False
    change = {"stage": stage.value, "reason": cut(reason), "changed_ms": at_ms}
    connection.execute(sa.update(PROVIDER_MESSAGE).where(place).values(change))
    if known.key:
        settle_parts(connection, known.key, at_ms)
    return True


def settle_parts(connection: sa.Connection, key: str, at_ms: int) -> None:
    """A message of several parts has bounced when one has, and is delivered when all are."""
    parts = connection.execute(sa.select(PROVIDER_MESSAGE).where(PROVIDER_MESSAGE.c.key == key)).all()
    bounced = [part for part in parts if part.stage == Stage.BOUNCED]
    if bounced:
        note_stage(connection, key, Stage.BOUNCED, bounced[0].reason, at_ms)
    elif all(part.stage == Stage.DELIVERED for part in parts):
        note_stage(connection, key, Stage.DELIVERED, "", at_ms)


def note_stage(connection: sa.Connection, key: str, stage: Stage, reason: str, at_ms: int) -> bool:
    """Keep what became of a message later; whether it is news. A test is noted on its row only."""
    row = connection.execute(sa.select(MESSAGE).where(MESSAGE.c.key == key)).first()
    if row is None:
        return False
    change: dict[str, object] = {}
    outcome = None
    if stage is Stage.BOUNCED:
        change = {"state": OutboxState.FAILED.value, "reason": cut(reason)}
    elif stage is Stage.DELIVERED and row.state == OutboxState.UNKNOWN:
        change, outcome = {"state": OutboxState.SENT.value}, Outcome.PRESENTED
    if change:
        connection.execute(sa.update(MESSAGE).where(MESSAGE.c.key == key).values(changed_ms=at_ms, **change))
    if row.is_test:
        return True
    return add_report(connection, key, row.attempts, stage, at_ms, reason, outcome)
