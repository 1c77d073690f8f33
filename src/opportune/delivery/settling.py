"""Writes down how sends ended: whatever ended while the disk was busy goes into the next transaction together."""

import asyncio

from opportune.delivery.channel import said
from opportune.delivery.pace import Clock
from opportune.store import Outbox, Settled, StoreFailedError

SETTLE_BATCH_MAX = 500
AGAIN_S = 1.0


class Settling:
    """The one writer of outcomes of a worker."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        """`news` is set whenever there may be something to report."""
        self.news = asyncio.Event()
        self.trouble = ""
        self._outbox = outbox
        self._clock = clock
        self._ended: list[tuple[Settled, asyncio.Future[None]]] = []
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def settle(self, end: Settled) -> None:
        """Return when the outcome is on the disk."""
        written = asyncio.get_running_loop().create_future()
        self._ended.append((end, written))
        self._idle.clear()
        self._some.set()
        await asyncio.shield(written)

    async def flush(self) -> None:
        """Return when all that ended is on the disk."""
        await self._idle.wait()

    async def heard(self, seconds: float) -> None:
        """Wait for news, at most that long."""
        try:
            await asyncio.wait_for(self.news.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self.news.clear()

    async def run(self) -> None:
        """Write until cancelled. A full disk holds up all that ended until there is room again: nothing is forgotten."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._ended:
                batch, self._ended = self._ended[:SETTLE_BATCH_MAX], self._ended[SETTLE_BATCH_MAX:]
                await self._write(batch)
            self._idle.set()

    async def _write(self, batch: list[tuple[Settled, asyncio.Future[None]]]) -> None:
        while True:
            try:
                await asyncio.to_thread(self._outbox.settle, [end for end, _ in batch], self._clock.now_ms())
            except StoreFailedError as error:
                self.trouble = said(error)
                await self._clock.sleep(AGAIN_S)
            else:
                break
        self.trouble = ""
        self.news.set()
        for _, written in batch:
            if not written.done():
                written.set_result(None)
