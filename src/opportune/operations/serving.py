"""A running deployment: the door that takes in, and whatever acts on what follows. Doors of HTTP and the command line hold one of these."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from opportune.intake import Clock
from opportune.operations.accounting import SourceAccount
from opportune.operations.audience import holding_live
from opportune.operations.decision_feed import DecisionFeed
from opportune.operations.decisions import moment_in
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.door import Door, Taken
from opportune.operations.drafting import AudienceMove, Drafting, LifeChange, Verb, audience_moves, change_life
from opportune.operations.event_counts import EventCounts, EventSeen
from opportune.operations.forget import LiveForgetting
from opportune.operations.lineage import Lineage
from opportune.operations.live_customer import LiveCustomers
from opportune.operations.merging import Merging
from opportune.operations.names import Language
from opportune.operations.one_off import OneOffAsk, OneOffResult
from opportune.operations.one_off_sends import OneOffSends
from opportune.operations.publish import (
    Prepared,
    Publication,
    fold_ahead,
    prepare,
    put_in_force,
    refuse_unapproved,
)  # fmt: skip
from opportune.operations.saying import Saying
from opportune.operations.segments import SegmentSize
from opportune.operations.sending import Sending
from opportune.operations.simulation_runs import SimulationRuns
from opportune.operations.stop_sending import sending_fact
from opportune.operations.tag_distribution import (
    TagDistribution,
    TagValue,
    distribution_as_of,
    distribution_live,
    is_at_hand,
    tags_of_customer,
)
from opportune.operations.touch import Touches
from opportune.operations.trial_sends import TrialSend, TrialSent
from opportune.operations.unknown_events import Sightings, UnknownEvent
from opportune.operations.upkeep import Upkeep
from opportune.operations.who import customer_meant
from opportune.store import Change, Definitions

Result = TypeVar("Result")
COUNTING_SECONDS_MAX = 5.0


class Service:
    """An open deployment that serves. Made and used in one event loop; `start` and `stop` bracket its life.

    `clocks`: see `Door`; only a demonstration has a source whose messages bring their own time.
    """

    def __init__(self, deployment: Deployment, clocks: Mapping[str, Clock] | None = None) -> None:
        self.deployment = deployment
        self.door = Door(deployment, asyncio.get_running_loop(), self._folded, self._moved, clocks)
        self.saying = Saying(deployment)
        self.touches = Touches(deployment, self.door, self.saying)
        self.sending = Sending(deployment, self.door, self.saying)
        self.feed = DecisionFeed(deployment, lambda: self.saying.names("en"))
        self.one_offs = OneOffSends(self.door)
        self.forgetting = LiveForgetting(deployment, self.door)
        self.merging = Merging(deployment, self.door)
        self.drafting = Drafting(deployment.folder)
        self.simulating = SimulationRuns(deployment.folder)
        self.customers = LiveCustomers(deployment, self.door, self.saying.names)
        self.upkeep = Upkeep(deployment, self.door)
        self._keeping: asyncio.Task[None] | None = None
        self._publishing = asyncio.Lock()
        self._catalogue: tuple[int, Lineage] | None = None
        self._event_counts = EventCounts(deployment.folder)
        self._sightings = Sightings(deployment.folder)
        self._counting = asyncio.Lock()
        self._asking = (
            asyncio.Lock()
        )  # one question to the warehouse at a time: each opens it anew, with memory of its own
        self._counts_lock = threading.Lock()
        self.decisions = 0
        """Decisions since the start of the service."""
        self.withheld: dict[int, int] = {}
        """Candidates withheld since the start of the service, per `Reason`; told by the engine once an hour is over."""
        self.moves: dict[int, int] = {}
        """What became of decisions since the start of the service, per `MoveKind`."""

    async def start(self) -> None:
        """Begin to take in, to send, and to look after the warehouse."""
        self.door.open()
        await self.sending.start()
        self._keeping = asyncio.create_task(self.upkeep.run())

    async def stop(self) -> None:
        """Finish what is being sent, take in what is queued, and close the deployment with a snapshot."""
        self.upkeep.stop()
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await self.sending.drain()
        await self.forgetting.stop()
        await self.simulating.stop()
        await asyncio.to_thread(self.door.close)
        self.sending.close()
        await asyncio.to_thread(self.customers.close)
        self.drafting.close()
        await asyncio.to_thread(self.deployment.close)

    @property
    def ready(self) -> bool:
        """Whether it takes in facts."""
        return self.door.failure is None and self.deployment.is_sound

    async def post(self, source: str, lines: bytes, count: int) -> None:
        """Take in `count` canonical messages (NDJSON) of a source; returns once they are durable.

        Raises OverloadedError, DeploymentError, JournalFailed.
        """
        await self.door.post(source, lines, count)

    async def work(self, work: Callable[[Deployment], Result]) -> Result:
        """Do something with the deployment while its engine is at rest, between two pieces: publish, look up, count."""
        return await self.door.work(work)

    def accounting(self, source: str) -> SourceAccount | None:
        """What became of a source's messages so far; None for a source that never sent any."""
        return self.deployment.accounting.sources.get(source)

    async def publish(self, definitions: Definitions, author: str) -> Publication:
        """Put definitions in force at the next fact. What they need of history is folded ahead, while facts are taken in.

        Raises ApprovalNeededError, DefinitionsRefusedError, DeploymentError, StoreFailedError.
        """
        refuse_unapproved(self.deployment)
        async with self._publishing:
            prepared = await self._prepared(definitions)
            if isinstance(prepared, Publication):
                return prepared
            published = await self.work(lambda deployment: put_in_force(deployment, prepared, author))
        await self.sending.follow_playbook()
        return published

    async def _prepared(self, definitions: Definitions) -> Prepared | Publication:
        """Compiled, and with what it needs of history folded up to now while facts are taken in."""
        prepared = await self.work(lambda deployment: prepare(deployment, definitions))
        if isinstance(prepared, Prepared) and prepared.rebuilding is not None:
            await asyncio.to_thread(fold_ahead, self.deployment, prepared.rebuilding)
        return prepared

    async def launch(self, draft: int, actor: str) -> Publication:
        """Put an approved draft in force at the next fact. Raises DraftRefusedError and what publishing raises."""
        ready = await asyncio.to_thread(self.drafting.ready, draft)
        async with self._publishing:
            prepared = await self._prepared(ready.definitions)
            published = await self.work(lambda d: self.drafting.launch_ready(d, ready, actor, prepared))
        await self.sending.follow_playbook()
        return published

    async def change_life(self, campaign: str, verb: Verb, actor: str, note: str, *, dry_run: bool) -> LifeChange:
        """Pause, resume or end a campaign from the next fact on. Raises DraftRefusedError and what publishing raises."""
        done = await self.work(
            lambda deployment: change_life(deployment, self.drafting, campaign, verb, actor, note, dry_run=dry_run)
        )
        if done.publication is not None:
            await self.sending.follow_playbook()
        return done

    async def audience_moves(self, after: Definitions, changes: tuple[Change, ...]) -> list[AudienceMove]:
        """Whom changed audiences, segments and rule tags move in and out, of today's customers."""
        before = await asyncio.to_thread(self.drafting.store.in_force)
        return await self.work(lambda deployment: audience_moves(deployment.engine, before, after, changes))

    async def stop_sending(self, reason: str, *, stop: bool = True) -> None:
        """Let nothing leave any more, or let it leave again. It is a fact, and holds over restarts."""
        if stop:
            await self.sending.stop_sending(reason)
        await self.door.state(lambda deployment: sending_fact(stop=stop))
        if not stop:
            await self.sending.go_on()

    async def test_send(self, ask: TrialSend) -> list[TrialSent]:
        """Send an offer's content to ourselves: marked, counted nowhere, in no fact. Raises RefusedError, DeploymentError."""
        return await self.sending.send_trial(ask)

    async def send_once(self, ask: OneOffAsk) -> OneOffResult:
        """Address a list or a part of a segment, each customer once under this name; the engine decides as always.

        Raises RefusedError, OverloadedError, DeploymentError.
        """
        return await self.one_offs.send(ask)

    async def segments(self, language: Language) -> list[SegmentSize]:
        """Sizes of the saved segments, from the engine's columns. Raises RefusedError where one asks for a tag without a column."""
        number = self.deployment.playbook.version
        saved = (await asyncio.to_thread(self.deployment.store.load, number)).segments if number else {}
        found = []
        for name, segment in saved.items():
            holds = await holding_live(self.door, segment.where)
            title = segment.title.zh if language == "zh" else segment.title.en
            size = int(holds.sum())
            found.append(
                SegmentSize(name, title or name, segment.where, size, len(holds), self.deployment.engine.next_seq)
            )
        return found

    async def audience_size(self, where: str) -> tuple[int, int]:
        """(customers for whom a condition over tags is true, customers), from the engine's columns. Raises RefusedError."""
        holds = await holding_live(self.door, where)
        return int(holds.sum()), len(holds)

    async def catalogue(self) -> Lineage:
        """The definitions in force with their relations, read once per playbook. Raises DeploymentError where there are none yet."""
        version = self.deployment.playbook.version
        if not version:
            raise DeploymentError("there are no definitions yet; put some in force first: opportune apply")
        if self._catalogue is None or self._catalogue[0] != version:
            definitions = await asyncio.to_thread(self.deployment.store.load, version)
            self._catalogue = version, await asyncio.to_thread(Lineage, definitions)
        return self._catalogue[1]

    async def events_seen(self) -> tuple[list[EventSeen], int]:
        """(how often events happened and when last, the fact counted up to). What takes longer than COUNTING_SECONDS_MAX is counted by the next asks."""
        async with self._counting:
            await asyncio.to_thread(self._event_counts.advance, COUNTING_SECONDS_MAX)
            return self._event_counts.seen(), self._event_counts.end_seq

    async def sightings(self) -> tuple[list[UnknownEvent], int]:
        """(what sources said that nobody has declared, the fact counted up to), in bounded time like `events_seen`."""
        async with self._counting:
            await asyncio.to_thread(self._sightings.advance, COUNTING_SECONDS_MAX)
            return self._sightings.seen(), self._sightings.end_seq

    async def tag(self, tag: str, language: Language) -> TagDistribution:
        """A tag's values and coverage: now, from the engine's columns, where it is at hand; else as far as the warehouse reaches.

        Raises DeploymentError for an unknown tag, WarehouseError where it needs a warehouse and there is none.
        """
        if is_at_hand(self.deployment.playbook, tag):
            return await distribution_live(self.deployment, self.door, tag, self.saying.names(language))
        async with self._asking:
            return await asyncio.to_thread(distribution_as_of, self.deployment.folder, tag, None, language)

    async def tag_of_customer(self, who: str, tag: str, as_of: str | None, language: Language) -> TagValue:
        """Any tag's value for one customer, as far as the warehouse reaches, or as of a moment (ISO 8601; local time without an offset).

        Raises DeploymentError, WarehouseError.
        """
        folder = self.deployment.folder

        def ask() -> TagValue:
            customer = customer_meant(self.deployment.people, who)
            moment = None if as_of is None else moment_in(folder, as_of)
            return tags_of_customer(folder, [tag], customer, moment, language)[0]

        async with self._asking:
            return await asyncio.to_thread(ask)

    def _moved(self, taken: Taken) -> None:
        """Moves of open decisions are durable; in a thread of its own, in order."""
        self.sending.take(taken)

    def _folded(self, taken: Taken) -> None:
        """A piece was decided; in the thread that folds."""
        outputs, withheld = taken.outputs, taken.outputs.withheld
        if len(outputs.moves):
            self.saying.remember(taken.first_seq, taken.batch, outputs)
        with self._counts_lock:
            self.decisions += len(outputs.decisions)
            for reason, count in zip(withheld["reason"].tolist(), withheld["count"].tolist(), strict=True):
                self.withheld[reason] = self.withheld.get(reason, 0) + count
            for kind in outputs.moves["kind"].tolist():
                self.moves[kind] = self.moves.get(kind, 0) + 1
