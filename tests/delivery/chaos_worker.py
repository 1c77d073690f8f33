"""A worker of the chaos suite: feeds the outbox from a list of decisions, sends, reports; kills itself where it is told to.
A moment is a boundary of the work, such as `before send`; at its nth passing the process gets SIGKILL, with no chance to tidy up.
It ends by itself when all messages have ended and all reports are taken.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from opportune.delivery import Channel, Dispatcher, Lane, Message, ReceiptHandler, SendAnswer, channel_of
from opportune.store import NewMessage, Outbox, OutboxRow, OutboxState, Report, Settled

SECRET = "whsec_" + "M" * 32
FEED = 5
MOMENTS = (
    "before put", "after put", "before claim", "after claim", "before compose", "after compose", "before send",
    "after send", "before settle", "after settle", "before report", "after report", "before reported", "after reported",
)  # fmt: skip
KINDS = ("ok", "ok", "ok", "flaky", "lost", "refused", "slow", "later")
ENDS = (OutboxState.SENT, OutboxState.FAILED, OutboxState.UNKNOWN, OutboxState.DEAD)


def kind_of(number: int) -> str:
    """How the provider behaves for a message."""
    return KINDS[number % len(KINDS)]


def is_service(number: int) -> bool:
    """Whether a message may be sent again when its end is unknown."""
    return number % 3 == 0


class Fuse:
    """Kills the process at the moment it was told."""

    def __init__(self, moment: str, nth: int) -> None:
        self._moment, self._nth = moment, nth
        self._seen: Counter[str] = Counter()

    def at(self, moment: str) -> None:
        self._seen[moment] += 1
        if moment == self._moment and self._seen[moment] == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


class FusedOutbox(Outbox):
    """The outbox itself, with a fuse at each of its boundaries."""

    def __init__(self, folder: Path, fuse: Fuse) -> None:
        super().__init__(folder)
        self._fuse = fuse

    def put(self, messages: "object", at_ms: int, cursor: tuple[str, int] | None = None) -> int:
        self._fuse.at("before put")
        added = super().put(messages, at_ms, cursor)  # type: ignore[arg-type]  # handed on as it is
        self._fuse.at("after put")
        return added

    def claim(
        self, touchpoint: str, limit: int, now_ms: int, day_ms: int = 0, per_day: int | None = None
    ) -> list[OutboxRow]:
        self._fuse.at("before claim")
        rows = super().claim(touchpoint, limit, now_ms, day_ms, per_day)
        if rows:
            self._fuse.at("after claim")
        return rows

    def settle(self, ends: Sequence[Settled], now_ms: int) -> int:
        self._fuse.at("before settle")
        settled = super().settle(ends, now_ms)
        self._fuse.at("after settle")
        return settled

    def reported(self, numbers: Sequence[int]) -> None:
        self._fuse.at("before reported")
        super().reported(numbers)
        self._fuse.at("after reported")


class FusedChannel:
    """The channel itself, with a fuse before and after it sends."""

    def __init__(self, channel: Channel, fuse: Fuse) -> None:
        self._channel, self._fuse = channel, fuse

    async def open(self, on_receipt: ReceiptHandler) -> None:
        await self._channel.open(on_receipt)

    async def send(self, message: Message) -> SendAnswer:
        self._fuse.at("before send")
        answer = await self._channel.send(message)
        self._fuse.at("after send")
        return answer

    async def close(self) -> None:
        await self._channel.close()


async def work(folder: Path, port: int, messages: int, fuse: Fuse) -> None:
    """Feed and send until all is over."""
    outbox = FusedOutbox(folder, fuse)
    url = f"http://127.0.0.1:{port}/hook"
    channel = FusedChannel(channel_of("webhook", {"url": url, "secrets": [SECRET], "timeout_s": 3.0}), fuse)

    async def compose(row: OutboxRow) -> Message:
        fuse.at("before compose")
        message = Message(row.key, row.touchpoint, row.customer, row.variables["to"], text="x")
        await asyncio.sleep(0)
        fuse.at("after compose")
        return message

    async def report(reports: list[Report]) -> None:
        fuse.at("before report")
        with (folder / "reports.txt").open("a") as file:
            file.writelines(f"{told.key} {told.message_id} {told.stage}\n" for told in reports)
            file.flush()
            os.fsync(file.fileno())
        fuse.at("after report")

    lane = Lane("hook", in_flight_max=4, tries=4, backoff_ms=20, look_every_ms=20)
    dispatcher = Dispatcher(outbox, [lane], {"hook": channel}, compose, report, chance=random.Random(port))
    running = asyncio.create_task(dispatcher.run())
    while (there := outbox.cursor("decisions")) < messages:
        upto = min(there + FEED, messages)
        batch = [
            NewMessage(str(n), "hook", n, variables={"to": kind_of(n)}, at_least_once=is_service(n))
            for n in range(there + 1, upto + 1)
        ]
        await asyncio.to_thread(outbox.put, batch, 1, ("decisions", upto))
        dispatcher.wake()
    while outbox.next_due("hook") is not None or outbox.messages(OutboxState.SENDING) or outbox.unreported(1):
        await asyncio.sleep(0.05)
    await dispatcher.drain()
    await running
    outbox.close()


def run(folder: Path, port: int, messages: int, moment: str = "", nth: int = 0) -> None:
    """What the process of a worker runs."""
    asyncio.run(work(folder, port, messages, Fuse(moment, nth)))
