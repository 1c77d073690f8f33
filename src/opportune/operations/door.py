"""The one way in of a running deployment: a thread takes everything in, in order, and tells each asker when his part is durable.

Messages of many requests go into one piece, so that a thousand small requests cost one group commit, not a thousand. While a
piece is on its way to the disk the next one is decoded.
"""

import asyncio
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from opportune.facts import NOBODY, BatchBuilder, FactBatch, FactKind, Outputs
from opportune.intake import Clock, Decoder, Intake
from opportune.journal import Commit
from opportune.operations.deployment import Deployment, DeploymentError, Folding
from opportune.operations.ingest import ingest

Result = TypeVar("Result")

QUEUED_BYTES_MAX = 32_000_000
QUEUED_ASKS_MAX = 50_000
PIECE_MESSAGES_MAX = 4_000
PIECE_BYTES_MAX = 1_000_000
LINGER_SECONDS = 0.001
"""How long a small piece waits for company: a group commit takes longer than that."""
LINGER_BELOW_MESSAGES = 500
TICK_SECONDS = 5.0
SNAPSHOT_EVERY_FACTS = 5_000_000
SNAPSHOT_LOOK_SECONDS = 0.05
RETRY_AFTER_SECONDS = 1
TOLD_BEHIND_MAX = 1_000
UNTOLD_FACTS_MAX = 1_000_000
"""Without any moves, who hears of them is told so often how far the journal has come."""


class OverloadedError(Exception):
    """More is queued than may be; come back in `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"the journal has fallen behind; send it again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Taken:
    """What one ask became: its facts, what intake said of them (None for facts of the house's own), and what followed."""

    batch: FactBatch
    intake: Intake | None
    outputs: Outputs
    first_seq: int


@dataclass(slots=True, eq=False)
class Ask:
    """Something to be taken in: messages of a source, facts of the house's own (`make`), or `work` to be done between two pieces."""

    future: "asyncio.Future[Any]"
    source: str = ""
    lines: bytes = b""
    count: int = 1
    alone: bool = False
    position: int | None = None
    """Of a source that is run: how many messages of its load have been taken in with these. They count when they happened."""
    make: Callable[[Deployment], FactBatch] | None = None
    work: Callable[[Deployment], Any] | None = None


OnTaken = Callable[[Taken], None]


class Door:
    """Takes in what is asked, from any number of tasks of one event loop.

    `on_folded` hears of every piece as it is decided, and must be quick. `on_moved` hears of pieces with moves of
    open decisions once they are durable, in the order of the journal, in a thread of its own; it may take its time, and the door
    waits when it is TOLD_BEHIND_MAX pieces behind. `clocks` names sources whose messages count when they happened
    ("import"); their time is then the only one, the wall clock states no ticks.
    """

    def __init__(
        self,
        deployment: Deployment,
        loop: asyncio.AbstractEventLoop,
        on_folded: OnTaken | None = None,
        on_moved: OnTaken | None = None,
        clocks: Mapping[str, Clock] | None = None,
    ) -> None:
        self.deployment = deployment
        self._loop = loop
        self._on_folded, self._on_moved = on_folded, on_moved
        self._clocks = dict(clocks or {})
        self._ticks = "import" not in self._clocks.values()
        self._changed = threading.Condition()
        self._asks: deque[Ask] = deque()
        self._first: deque[Ask] = deque()
        self._queued_bytes = 0
        self._decoders: dict[tuple[str, Clock], Decoder] = {}
        self._decoders_playbook = -1
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)
        self._durable: queue.Queue[tuple[Taken, Commit] | None] = queue.Queue(TOLD_BEHIND_MAX)
        self._telling = threading.Thread(target=self._tell, name="told", daemon=True)
        self._told_to = deployment.engine.next_seq
        self._snapshot_at = deployment.engine.next_seq + SNAPSHOT_EVERY_FACTS
        self._snapshot_child = 0
        self.snapshots_failed = 0
        """How many snapshots could not be written: a start then takes longer, nothing else."""
        self.failure: BaseException | None = None
        """Why nothing is taken in any more."""

    def open(self) -> None:
        """Begin."""
        self._thread.start()
        if self._on_moved is not None:
            self._telling.start()

    def close(self) -> None:
        """Take in what is queued, and stop; call it from another thread than the event loop's."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        if self._on_moved is not None:
            self.deployment.settle_quietly()
            self._durable.put(None)
            self._telling.join()
        if self._snapshot_child:
            self._reap(0)

    def want_snapshot(self) -> None:
        """Have a snapshot written soon, whatever the number of facts since the last one."""
        self._snapshot_at = 0

    @property
    def queued(self) -> tuple[int, int]:
        """(asks, bytes) that wait to be taken in."""
        return len(self._asks) + len(self._first), self._queued_bytes

    async def post(self, source: str, lines: bytes, count: int) -> None:
        """Take in canonical NDJSON of a source; returns once it is durable.

        Raises OverloadedError, DeploymentError where the deployment takes in nothing more, JournalFailed.
        """
        await self._ask(Ask(self._loop.create_future(), source, lines, count))

    async def take(self, source: str, lines: bytes, count: int) -> Taken:
        """Like `post`, ahead of what is queued and in a piece of its own; returns what followed."""
        taken: Taken = await self._ask(Ask(self._loop.create_future(), source, lines, count, alone=True), first=True)
        return taken

    async def load(self, source: str, lines: bytes, count: int, position: int) -> None:
        """Take in messages of a source's load, after what is queued and in a piece of their own; returns once they are durable.

        Raises DeploymentError where the deployment takes in nothing more, JournalFailed.
        """
        await self._ask(Ask(self._loop.create_future(), source, lines, count, alone=True, position=position))

    async def state(self, make: Callable[[Deployment], FactBatch]) -> Taken:
        """Take in facts of the house's own, ahead of what is queued. `make` runs in the door's thread."""
        taken: Taken = await self._ask(Ask(self._loop.create_future(), make=make, alone=True), first=True)
        return taken

    async def work(self, work: Callable[[Deployment], Result]) -> Result:
        """Do something between two pieces, with the engine at rest; returns what it returns."""
        result: Result = await self._ask(Ask(self._loop.create_future(), work=work, alone=True), first=True)
        return result

    async def snapshot(self) -> int:
        """Have a snapshot written aside, after one that is being written; the fact it was taken before, once it is on the disk.

        Raises DeploymentError where it could not be written, JournalFailed.
        """

        def begin(deployment: Deployment) -> tuple[int, int] | None:
            if self._snapshot_child:
                return None
            self._snapshot_child = deployment.snapshot_aside()
            return self._snapshot_child, deployment.engine.next_seq

        while (begun := await self.work(begin)) is None:
            await asyncio.sleep(SNAPSHOT_LOOK_SECONDS)
        child, seq = begun
        while await self.work(lambda _: self._snapshot_child) == child:
            await asyncio.sleep(SNAPSHOT_LOOK_SECONDS)
        if seq not in self.deployment.snapshots.seqs:
            raise DeploymentError(f"the snapshot at fact {seq:,} could not be written; make room on the disk")
        return seq

    async def _ask(self, ask: Ask, *, first: bool = False) -> Any:
        # What comes first are answers to people who wait; it is bounded by the requests that the door of HTTP lets in.
        if not first and (self._queued_bytes > QUEUED_BYTES_MAX or len(self._asks) >= QUEUED_ASKS_MAX):
            raise OverloadedError(RETRY_AFTER_SECONDS)
        with self._changed:
            # The thread ends only with empty queues, under this lock: nothing is put in behind its back.
            if self.failure is not None or self._stopping:
                raise DeploymentError(f"nothing is taken in any more: {self.failure or 'the service is stopping'}")
            (self._first if first else self._asks).append(ask)
            self._queued_bytes += len(ask.lines)
            self._changed.notify()
        return await ask.future

    def _run(self) -> None:
        next_tick = time.monotonic() + TICK_SECONDS
        while True:
            with self._changed:
                while not (self._asks or self._first or self._stopping):
                    if not self._changed.wait(max(next_tick - time.monotonic(), 0.0)):
                        break
                if self._stopping and not self._asks and not self._first:
                    break
            if not self._first and len(self._asks) < LINGER_BELOW_MESSAGES and not self._stopping:
                time.sleep(LINGER_SECONDS)
            asks = self._next_asks()
            try:
                if asks:
                    self._take_in(asks)
                if time.monotonic() >= next_tick:
                    if self._ticks:
                        self._submit([], None, _tick(_now_ms()))
                    next_tick = time.monotonic() + TICK_SECONDS
                self._snapshot()
            except BaseException as error:
                self._fail(asks, error)

    def _snapshot(self) -> None:
        """Have a snapshot written from time to time, so that a start after a crash has little to replay."""
        if self._snapshot_child:
            self._reap(os.WNOHANG)
        elif self.deployment.engine.next_seq >= self._snapshot_at:
            self._snapshot_child = self.deployment.snapshot_aside()
            self._snapshot_at = self.deployment.engine.next_seq + SNAPSHOT_EVERY_FACTS

    def _reap(self, flags: int) -> None:
        child, status = os.waitpid(self._snapshot_child, flags)
        if child:
            self._snapshot_child = 0
            self.snapshots_failed += status != 0

    def _next_asks(self) -> list[Ask]:
        """The asks of one piece: one that comes first or stands alone, or many of one source."""
        with self._changed:
            if self._first:
                ask = self._first.popleft()
                self._queued_bytes -= len(ask.lines)
                return [ask]
            asks: list[Ask] = []
            messages = size = 0
            while self._asks and messages < PIECE_MESSAGES_MAX and size < PIECE_BYTES_MAX:
                if asks and (self._asks[0].source != asks[0].source or self._asks[0].alone or asks[0].alone):
                    break
                ask = self._asks.popleft()
                asks.append(ask)
                messages += ask.count
                size += len(ask.lines)
            self._queued_bytes -= size
            return asks

    def _take_in(self, asks: list[Ask]) -> None:
        ask = asks[0]
        if ask.work is not None:
            self.deployment.settle()
            self._answer(asks, ask.work(self.deployment))
            return
        if ask.make is not None:
            self._submit(asks, None, ask.make(self.deployment))
            return
        clock = self._clocks.get(ask.source, "live") if ask.position is None else "import"
        lines = b"\n".join(one.lines for one in asks)
        made = ingest(self.deployment, self._decoder(ask.source, clock), lines, _now_ms(), ask.position)
        self._when_folded(asks, made.intake, made.intake.batch, made.folding)

    def _submit(self, asks: list[Ask], intake: Intake | None, batch: FactBatch) -> None:
        self._when_folded(asks, intake, batch, self.deployment.submit(batch, _now_ms()))

    def _when_folded(self, asks: list[Ask], intake: Intake | None, batch: FactBatch, folding: Folding) -> None:
        folding.add_done_callback(partial(self._folded, asks, intake, batch))

    def _folded(self, asks: list[Ask], intake: Intake | None, batch: FactBatch, folding: Folding) -> None:
        error = folding.exception()
        if error is not None:
            self._fail(asks, error)
            return
        outputs, commit = folding.result()
        taken = Taken(batch, intake, outputs, commit.end_seq - len(batch))
        if self._on_folded is not None:
            self._on_folded(taken)
        if self._on_moved is not None and (len(outputs.moves) or commit.end_seq >= self._told_to + UNTOLD_FACTS_MAX):
            self._told_to = commit.end_seq
            self._durable.put((taken, commit))

        def durable(_: Any) -> None:
            if commit.failed:
                self._fail(asks, DeploymentError(f"facts below {commit.end_seq:,} did not reach the disk"))
                return
            self._answer(asks, taken if asks and asks[0].alone else None)

        commit.then(durable)

    def _tell(self) -> None:
        assert self._on_moved is not None, "only started where somebody listens"
        failed = False
        while (told := self._durable.get()) is not None:
            if failed:
                # Who acts keeps a cursor: nothing may be told over what was not acted on; the next start tells it again.
                continue
            taken, commit = told
            try:
                commit.wait()
                self._on_moved(taken)
            except BaseException as error:
                failed = True
                self.failure = self.failure or error

    def _decoder(self, source: str, clock: Clock) -> Decoder:
        playbook = self.deployment.playbook.version
        if playbook != self._decoders_playbook:
            for decoder in self._decoders.values():
                decoder.use(self.deployment.catalogue, lenient=self.deployment.is_lenient(decoder.source))
            self._decoders_playbook = playbook
        if (source, clock) not in self._decoders:
            self._decoders[source, clock] = self.deployment.decoder(source, clock)
        return self._decoders[source, clock]

    def _answer(self, asks: list[Ask], result: Any) -> None:
        if asks:
            self._loop.call_soon_threadsafe(_resolve, asks, result)

    def _fail(self, asks: Iterable[Ask], error: BaseException) -> None:
        if not self.deployment.is_sound:
            self.failure = error
            with self._changed:
                asks = [*asks, *self._first, *self._asks]
                self._first.clear()
                self._asks.clear()
                self._queued_bytes = 0
        self._loop.call_soon_threadsafe(_reject, list(asks), error)


def _resolve(asks: list[Ask], result: Any) -> None:
    for ask in asks:
        if not ask.future.done():  # the asker may have gone away
            ask.future.set_result(result)


def _reject(asks: list[Ask], error: BaseException) -> None:
    for ask in asks:
        if not ask.future.done():
            ask.future.set_exception(error)


def _tick(now_ms: int) -> FactBatch:
    builder = BatchBuilder()
    builder.add(FactKind.TICK, 0, NOBODY, now_ms, now_ms)
    return builder.build()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
