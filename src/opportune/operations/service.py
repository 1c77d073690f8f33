"""A running deployment: the door that takes in, and whatever acts on what follows. Doors of HTTP and the command line hold one of these."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from opportune.operations.accounting import SourceAccount
from opportune.operations.deployment import Deployment
from opportune.operations.door import Door, Taken

Result = TypeVar("Result")


class Service:
    """An open deployment that serves. Made and used in one event loop; `start` and `stop` bracket its life."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.door = Door(deployment, asyncio.get_running_loop(), self._taken)
        self._counts_lock = threading.Lock()
        self.decisions = 0
        """Decisions since the start of the service."""
        self.withheld: dict[int, int] = {}
        """Candidates withheld since the start of the service, per `Reason`; told by the engine once an hour is over."""

    async def start(self) -> None:
        """Begin to take in."""
        self.door.open()

    async def stop(self) -> None:
        """Take in what is queued, and close the deployment with a snapshot."""
        await asyncio.to_thread(self.door.close)
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

    def _taken(self, taken: Taken) -> None:
        """In the commit thread: a piece is durable."""
        with self._counts_lock:
            self.decisions += len(taken.outputs.decisions)
            for reason, count in zip(
                taken.outputs.withheld["reason"].tolist(), taken.outputs.withheld["count"].tolist(), strict=True
            ):
                self.withheld[reason] = self.withheld.get(reason, 0) + count
