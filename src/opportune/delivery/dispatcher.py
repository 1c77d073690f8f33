"""Sends what is in the outbox: a lane per touchpoint, so that one slow channel never delays another."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from opportune.delivery.channel import Channel, said
from opportune.delivery.lane import Compose, Lane, LaneRun
from opportune.delivery.message import ProviderReceipt
from opportune.delivery.pace import Clock, SystemClock
from opportune.delivery.settling import Settling
from opportune.facts import MS_PER_DAY
from opportune.store import EVERYWHERE, Depth, Outbox, Report, StoreFailedError

REPORT_BATCH_MAX = 500
RECOVER_EVERY_S = 5.0
AGAIN_S = 1.0
REPORTS_EVERY_S = 1.0
"""How soon a report is told that another process has noted; our own are told at once."""
LAST_REPORTS_S = 10.0

ReportTo = Callable[[list[Report]], Awaitable[None]]


def utc_day_ms(now_ms: int) -> int:
    """The beginning of the UTC day, for daily volumes where no zone is given."""
    return now_ms - now_ms % MS_PER_DAY


class LaneHealth(msgspec.Struct, frozen=True):
    """How a lane does: how many are on their way, whether it rests and why, the last trouble."""

    touchpoint: str
    in_flight: int
    halted: bool
    resting: str
    trouble: str


class Dispatcher:
    """One worker on an outbox. Several may run on the same outbox, in one process or in many.

    `compose` makes a row into a message right before it is sent, or says why not; it is awaited once per attempt. `report` is told
    what became of messages, oldest first; a report is taken when it returns, and told again (same message id) when it
    raises or the process dies before.
    """

    def __init__(
        self, outbox: Outbox, lanes: Sequence[Lane], channels: dict[str, Channel], compose: Compose, report: ReportTo,
        clock: Clock | None = None, chance: random.Random | None = None, day_ms: Callable[[int], int] = utc_day_ms,
    ) -> None:  # fmt: skip
        """`channels` by touchpoint; touchpoints of one account may share one.

        Raises KeyError where a lane has none, ValueError where lanes of different accounts share one.
        """
        self._outbox = outbox
        self._clock = clock or SystemClock()
        self._report = report
        self._settling = Settling(outbox, self._clock)
        self._channels = {lane.touchpoint: channels[lane.touchpoint] for lane in lanes}
        chance = chance or random.Random()
        self._lanes = {
            lane.touchpoint: LaneRun(
                lane, self._channels[lane.touchpoint], outbox, compose, self._settling, self._clock, chance, day_ms
            )
            for lane in lanes
        }
        self._trouble = ""
        self._leaving = False
        self._accounts = {id(self._channels[lane.touchpoint]): lane.account or lane.touchpoint for lane in lanes}
        for lane in lanes:
            if self._accounts[id(self._channels[lane.touchpoint])] != (lane.account or lane.touchpoint):
                raise ValueError(
                    f"{lane.touchpoint} shares a channel with another account: give their lanes one `account`"
                )
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Recover what a crash left, open the channels and send until `drain`. Raises only what is a fault of ours."""
        try:
            await self._recover()
            await self._open()
            async with asyncio.TaskGroup() as group:
                reports = group.create_task(self._reports())
                keepers = [group.create_task(loop()) for loop in (self._settling.run, self._recovering)]
                async with asyncio.TaskGroup() as lanes:
                    for lane in self._lanes.values():
                        lanes.create_task(lane.run())
                await self._settling.flush()
                self._leaving = True
                self._settling.news.set()
                await asyncio.wait({reports}, timeout=LAST_REPORTS_S)
                for keeper in (reports, *keepers):
                    keeper.cancel()
        finally:
            for channel in self._distinct():
                await channel.close()
            self._over.set()

    async def drain(self, deadline_s: float = 30.0) -> None:
        """Begin nothing new, wait for what is on its way, and end `run`; what is not back by the deadline becomes unknown."""
        for lane in self._lanes.values():
            lane.leave(deadline_s)
        await self._over.wait()

    def wake(self) -> None:
        """Say that the outbox has new messages; without it they are seen within a lane's `look_every_ms`."""
        for lane in self._lanes.values():
            lane.wake()

    async def stop(self, reason: str, touchpoint: str = EVERYWHERE) -> None:
        """Send nothing more, on any worker of this outbox, until `go_on`: what is claimed and not yet handed over goes back."""
        self._halt(touchpoint, reason)
        await asyncio.to_thread(self._outbox.halt, reason, self._clock.now_ms(), touchpoint)
        self._halt(touchpoint, reason)  # a lane may have asked the outbox just before it knew

    async def go_on(self, touchpoint: str = EVERYWHERE) -> None:
        """Send again. A halt of a single touchpoint is ended by naming it."""
        await asyncio.to_thread(self._outbox.resume, touchpoint)
        self.wake()

    async def receive(self, account: str, receipt: ProviderReceipt) -> bool:
        """Keep a receipt durably, to be reported; whether it is news. Channels call it, and doors that receipts come in by.

        `account` is the lane's, or its touchpoint where it names none.
        """
        now_ms = self._clock.now_ms()
        if receipt.key:
            noted = await asyncio.to_thread(self._outbox.note, receipt.key, receipt.stage, now_ms, receipt.reason)
        else:
            noted = await asyncio.to_thread(
                self._outbox.note_receipt, account, receipt.provider_id, receipt.stage, now_ms, receipt.reason
            )
        self._settling.news.set()
        return noted

    async def depths(self) -> list[Depth]:
        """Counts and ages per touchpoint and state, for metrics."""
        return await asyncio.to_thread(self._outbox.depths)

    def health(self) -> list[LaneHealth]:
        """How each lane does now."""
        trouble = self._trouble or self._settling.trouble
        return [
            LaneHealth(name, lane.in_flight, lane.halted, lane.resting, lane.trouble or trouble)
            for name, lane in self._lanes.items()
        ]

    def _halt(self, touchpoint: str, reason: str) -> None:
        for name, lane in self._lanes.items():
            if touchpoint in (EVERYWHERE, name):
                lane.halt(reason)

    def _distinct(self) -> list[Channel]:
        return list({id(channel): channel for channel in self._channels.values()}.values())

    async def _open(self) -> None:
        for channel in self._distinct():
            account = self._accounts[id(channel)]

            async def on_receipt(receipt: ProviderReceipt, account: str = account) -> None:
                await self.receive(account, receipt)

            await channel.open(on_receipt)

    async def _recover(self) -> None:
        if await asyncio.to_thread(self._outbox.recover, self._clock.now_ms()):
            self._settling.news.set()

    async def _recovering(self) -> None:
        while True:
            await self._clock.sleep(RECOVER_EVERY_S)
            await self._guarded(self._recover)

    async def _reports(self) -> None:
        """Tell until nothing is left when we leave: cut off in between, the same would be told again."""
        while True:
            last = self._leaving
            await self._guarded(self._report_once)
            if last:
                break
            await self._settling.heard(REPORTS_EVERY_S)

    async def _report_once(self) -> None:
        """Hand on what waits to be told, batch by batch."""
        while batch := await asyncio.to_thread(self._outbox.unreported, REPORT_BATCH_MAX):
            await self._report(batch)
            await asyncio.to_thread(self._outbox.reported, [report.number for report in batch])

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        """A disk that is full or a taker that fails holds things up, visibly; it does not end the worker."""
        try:
            await step()
        except StoreFailedError as error:
            self._trouble = said(error)
        except Exception as error:
            self._trouble = f"{type(error).__name__}: {said(error)}"
        else:
            self._trouble = ""
            return
        self._settling.news.set()  # there is still something to tell
        await self._clock.sleep(AGAIN_S)
