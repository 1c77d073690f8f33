"""From a decision to its delivery receipt, through the dispatcher, the outbox and a real SMSC of every temper."""

import asyncio
import random
from pathlib import Path

from opportune.delivery import Dispatcher, Lane, Message, channel_of
from opportune.store import NewMessage, Outbox, OutboxRow, OutboxState, Report
from tests.delivery.smsc_server import needs_npm, smsc
from tests.delivery.suite import until

pytestmark = needs_npm

# number -> (text, state, what is told of it in the end)
PLAN = {
    "+8613900001000": ("hello", "sent", {"sent", "delivered"}),
    "+8613900011000": ("字" * 100, "sent", {"sent", "delivered"}),  # two parts, two receipts
    "+8613900000001": ("refused", "failed", {"failed"}),
    "+8613900000002": ("throttled once", "sent", {"sent", "delivered"}),
    "+8613900000004": ("undeliverable", "failed", {"sent", "bounced"}),
    "+8613900000005": ("never answered", "unknown", {"unknown"}),
    "+8613900000006": ("answered twice", "sent", {"sent", "delivered"}),
    "+8613900000008": ("odd receipt", "sent", {"sent", "delivered"}),
    "+8613900000010": ("receipt first", "sent", {"sent", "delivered"}),
}


def test_every_message_has_one_end_and_its_receipts_are_told_once(tmp_path: Path) -> None:
    numbers = dict(enumerate(PLAN, 1))
    told: list[tuple[str, str]] = []

    async def compose(row: OutboxRow) -> Message:
        number = numbers[row.customer]
        return Message(row.key, row.touchpoint, row.customer, number, text=PLAN[number][0])

    async def report(reports: list[Report]) -> None:
        told.extend((report.key, report.stage.value) for report in reports)

    async def scene() -> None:
        outbox = Outbox(tmp_path)
        for touchpoint in ("sms", "sms_service"):  # two touchpoints of one account share a session, and its receipts
            ours = [n for n in numbers if (touchpoint == "sms") == bool(n % 2)]
            outbox.put([NewMessage(str(n), touchpoint, n) for n in ours], 1)
        async with smsc() as server:
            account = {
                "host": "127.0.0.1", "port": server.port, "system_id": "opp", "password": "secret", "source": "Opp",
                "answer_s": 1.5, "reconnect_s": 0.1,
            }  # fmt: skip
            channel = channel_of("smpp", account)
            lanes = [Lane(name, account="smsc", backoff_ms=50, look_every_ms=50) for name in ("sms", "sms_service")]
            channels = dict.fromkeys(("sms", "sms_service"), channel)
            dispatcher = Dispatcher(outbox, lanes, channels, compose, report, chance=random.Random(7))
            running = asyncio.create_task(dispatcher.run())
            expected = sum(len(stages) for _, _, stages in PLAN.values())
            await until(lambda: len(told) >= expected, 30)
            await dispatcher.drain()
            await running
        for number, (phone, (_, state, stages)) in enumerate(PLAN.items(), 1):
            row = outbox.get(str(number))
            assert row is not None
            assert row.state.value == state, phone
            assert sorted(stage for key, stage in told if key == str(number)) == sorted(stages), phone
        assert outbox.messages(OutboxState.SENDING) == []
        outbox.close()

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene()

    asyncio.run(bounded())
