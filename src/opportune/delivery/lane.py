"""One touchpoint's way out: claim what is due, as much as pace and seats allow, send it, write down what became of it."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import msgspec

from opportune.delivery.channel import Channel, said
from opportune.delivery.message import Deferred, Message, Rejected, SendAnswer, Sent, TryLater, Unanswered, Withheld
from opportune.delivery.pace import Clock, TokenBucket, backoff_ms
from opportune.delivery.settling import Settling
from opportune.facts import MS_PER_HOUR, MS_PER_MINUTE
from opportune.store import Outbox, OutboxRow, OutboxState, Settled, StoreFailedError

IN_FLIGHT_MAX = 1_000
AGAIN_S = 1.0

Compose = Callable[[OutboxRow], Awaitable[Message | Withheld | Deferred]]


class Lane(msgspec.Struct, frozen=True):
    """How a touchpoint sends: messages per second and per day (per worker and in all), at most so many on their way at once.

    `tries` counts the first; between them a message rests up to `backoff_ms`, doubled each time up to `backoff_ms_max`. A send
    without an answer after `answer_ms_max` is unknown. `account` names whose the provider's ids are; touchpoints that share a
    channel must share it.
    """

    touchpoint: str
    per_second: int | None = None
    per_day: int | None = None
    in_flight_max: int = 16
    tries: int = 5
    backoff_ms: int = 2_000
    backoff_ms_max: int = MS_PER_HOUR
    answer_ms_max: int = MS_PER_MINUTE
    look_every_ms: int = 500
    account: str = ""


class LaneRun:
    """A lane at work."""

    def __init__(
        self, lane: Lane, channel: Channel, outbox: Outbox, compose: Compose, settling: Settling, clock: Clock,
        chance: random.Random, day_ms: Callable[[int], int],
    ) -> None:  # fmt: skip
        """Raises ValueError where `in_flight_max` is not 1 to IN_FLIGHT_MAX."""
        if not 1 <= lane.in_flight_max <= IN_FLIGHT_MAX:
            raise ValueError(f"{lane.touchpoint}: in_flight_max is 1 to {IN_FLIGHT_MAX}, not {lane.in_flight_max}")
        self.halted = False
        self.resting = ""
        self.trouble = ""
        self._lane, self._channel, self._outbox, self._compose = lane, channel, outbox, compose
        self._settling, self._clock, self._chance, self._day_ms = settling, clock, chance, day_ms
        self._bucket = TokenBucket(lane.per_second, clock) if lane.per_second else None
        self._sends: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._leaving = False
        self._deadline_s = 0.0
        self._rest_until_ns = 0

    @property
    def in_flight(self) -> int:
        """How many messages are on their way."""
        return len(self._sends)

    def wake(self) -> None:
        """Look into the outbox now."""
        self._woken.set()

    def halt(self, reason: str) -> None:
        """Hand nothing over any more; the outbox, which must know of the halt too, says when it is over."""
        self.halted = True
        self.resting = reason

    def leave(self, deadline_s: float) -> None:
        """Claim nothing more; `run` ends when all that is on its way is back, or at the deadline."""
        self._leaving = True
        self._deadline_s = deadline_s
        self._woken.set()

    async def run(self) -> None:
        """Send until `leave`."""
        try:
            while not self._leaving:
                pause_s = await self._step()
                if pause_s and not self._leaving:
                    await self._pause(pause_s)
            if self._sends:
                await asyncio.wait(self._sends, timeout=self._deadline_s)
        finally:
            left = list(self._sends)
            for send in left:
                send.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _step(self) -> float:
        """Claim once; how many seconds to pause then."""
        free = self._lane.in_flight_max - len(self._sends)
        if free <= 0:
            return self._look_s()
        if rest := self._rest_s():
            return rest
        if self._bucket is not None:
            free = min(free, self._bucket.available())
            if free <= 0:
                return self._bucket.wait_seconds()
        try:
            rows = await asyncio.to_thread(self._claim, free)
        except StoreFailedError as error:
            self.trouble = said(error)
            return AGAIN_S
        self.trouble = ""
        if self._bucket is not None:
            self._bucket.take(len(rows))
        for row in rows:
            send = asyncio.create_task(self._send(row))
            self._sends.add(send)
            send.add_done_callback(self._back)
        return 0.0 if rows else self._look_s()

    def _claim(self, limit: int) -> list[OutboxRow]:
        name, now_ms = self._lane.touchpoint, self._clock.now_ms()
        self.halted = self._outbox.halted(name)
        if self.halted:
            return []
        self.resting = ""
        return self._outbox.claim(name, limit, now_ms, self._day_ms(now_ms), self._lane.per_day)

    def _back(self, send: asyncio.Task[None]) -> None:
        self._sends.discard(send)
        self._woken.set()

    def _look_s(self) -> float:
        return self._lane.look_every_ms / 1_000

    def _rest_s(self) -> float:
        return max(0, self._rest_until_ns - self._clock.monotonic_ns()) / 1e9

    async def _pause(self, seconds: float) -> None:
        self._woken.clear()
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait({sleep, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            woken.cancel()

    async def _send(self, row: OutboxRow) -> None:
        """One attempt, from composing to the outcome on the disk."""
        handed_over = False
        try:
            end = self._exhausted(row)
            if end is None:
                composed = await self._composed(row)
                if self.halted or self._leaving:
                    end = await self._put_back(row)
                elif isinstance(composed, Message):
                    handed_over = True
                    end = await self._end(row, await self._answer(composed))
                elif isinstance(composed, Deferred):
                    end = Settled(
                        row.key, OutboxState.QUEUED, composed.reason, next_at_ms=composed.until_ms, is_try=False
                    )
                else:
                    end = self._composed_end(row, composed)
        except asyncio.CancelledError:
            end = Settled(row.key, OutboxState.QUEUED, "shut_down", is_try=False)
            if handed_over:
                end = self._unknown(row, "shut_down")
        await self._settling.settle(end)

    async def _put_back(self, row: OutboxRow) -> Settled:
        """Return what was claimed, for the day's volume and its tries too; what is returned has nothing left to settle."""
        with contextlib.suppress(StoreFailedError):  # then `Settling`, which waits for the disk, returns it
            await asyncio.to_thread(self._outbox.put_back, [row.key], self._day_ms(self._clock.now_ms()))
        return Settled(row.key, OutboxState.QUEUED, "halted", is_try=False)

    def _exhausted(self, row: OutboxRow) -> Settled | None:
        """A message that took its workers down with it as often as it may be tried is dead."""
        if row.tries > self._lane.tries:
            return Settled(row.key, OutboxState.DEAD, "tries_used_up")
        return None

    async def _composed(self, row: OutboxRow) -> Message | Withheld | Deferred | TryLater:
        try:
            return await self._compose(row)
        except Exception as error:  # whatever it is, it is this message's trouble: the others go on
            return TryLater(f"compose_failed: {type(error).__name__}: {said(error)}")

    def _composed_end(self, row: OutboxRow, composed: Withheld | TryLater) -> Settled:
        if isinstance(composed, TryLater):
            return self._later(row, composed)
        return Settled(row.key, OutboxState.FAILED, composed.reason)

    async def _answer(self, message: Message) -> SendAnswer:
        try:
            return await asyncio.wait_for(self._channel.send(message), self._lane.answer_ms_max / 1_000)
        except TimeoutError:
            return Unanswered("no_answer")
        except Exception as error:  # a channel that raises has handed over we know not what
            return Unanswered(f"channel_failed: {type(error).__name__}: {said(error)}")

    async def _end(self, row: OutboxRow, answer: SendAnswer) -> Settled:
        match answer:
            case Sent():
                return Settled(
                    row.key, OutboxState.SENT, provider_ids=answer.provider_ids, presented=answer.presented,
                    account=self._lane.account,
                )  # fmt: skip
            case Rejected():
                if answer.disables:
                    self.halt(answer.reason)
                    now_ms = self._clock.now_ms()
                    with contextlib.suppress(StoreFailedError):  # the next message is told the same
                        await asyncio.to_thread(self._outbox.halt, answer.reason, now_ms, self._lane.touchpoint)
                return Settled(row.key, OutboxState.FAILED, answer.reason)
            case TryLater():
                if answer.all:
                    self._rest(answer)
                return self._later(row, answer)
            case Unanswered():
                return self._unknown(row, answer.reason)

    def _rest(self, answer: TryLater) -> None:
        rest_ms = self._lane.backoff_ms if answer.after_ms is None else answer.after_ms
        rest_ms = min(rest_ms, self._lane.backoff_ms_max)
        self._rest_until_ns = max(self._rest_until_ns, self._clock.monotonic_ns() + rest_ms * 1_000_000)
        self.resting = answer.reason

    def _later(self, row: OutboxRow, answer: TryLater) -> Settled:
        if row.tries >= self._lane.tries:
            return Settled(row.key, OutboxState.DEAD, answer.reason)
        rest_ms = backoff_ms(row.tries, self._lane.backoff_ms, self._lane.backoff_ms_max, self._chance)
        if answer.after_ms is not None:
            rest_ms += min(answer.after_ms, self._lane.backoff_ms_max)
        return Settled(row.key, OutboxState.QUEUED, answer.reason, next_at_ms=self._clock.now_ms() + rest_ms)

    def _unknown(self, row: OutboxRow, reason: str) -> Settled:
        """Marketing is sent at most once: what may have arrived is never sent again by itself."""
        if row.at_least_once and row.tries < self._lane.tries:
            return self._later(row, TryLater(reason))
        return Settled(row.key, OutboxState.UNKNOWN, reason)
