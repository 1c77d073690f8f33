"""Sources of a deployment that serves: those that are due are run beside it, their messages through its door."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from opportune.journal import JournalError
from opportune.operations.accounts import read_accounts
from opportune.operations.deployment import DeploymentError
from opportune.operations.serving import Service
from opportune.operations.source_loads import begin_load, end_load, run_sources

LOOK_SECONDS = 5.0
"""How often it is looked whether a source is due."""


class SourceRuns:
    """Runs the sources of a service, one after the other, in a thread of its own."""

    def __init__(self, service: Service, folder: Path) -> None:
        """`folder` is where the sources' files are."""
        self.deployment = service.deployment
        self._door, self._folder = service.door, folder
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self.trouble = ""
        """Why sources could not be run at all, at the last look."""

    async def run(self) -> None:
        """Run what is due, look again, and so on until it is stopped."""
        while not self._stopping:
            if self.deployment.playbook.version:
                try:
                    await asyncio.to_thread(self._run_due)
                    self.trouble = ""
                except (
                    DeploymentError,
                    JournalError,
                    OSError,
                ) as error:  # it is told, and tried again at the next look
                    self.trouble = str(error)
            await asyncio.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Let the run end at its next step; what it has not taken in goes on at the next start."""
        self._stopping = True

    def begin(self, source: str, load: int) -> None:
        """See `Taking`."""
        self._done(self._door.work(lambda deployment: begin_load(deployment, source, load)))

    def take(self, source: str, lines: bytes, count: int, position: int) -> None:
        """See `Taking`."""
        self._done(self._door.load(source, lines, count, position))

    def end(self, source: str) -> None:
        """See `Taking`."""
        self._done(self._door.work(lambda deployment: end_load(deployment, source)))

    def _run_due(self) -> None:
        run_sources(self, self._folder, accounts=read_accounts(self.deployment.folder), on_step=self._on_step)

    def _on_step(self, what: str, done: int, total: int) -> None:
        if self._stopping:
            raise DeploymentError(f"{what}: the service is stopping; it goes on at the next start")

    def _done(self, asked: Coroutine[Any, Any, Any]) -> None:
        """Let the event loop do it, and wait."""
        if self._stopping:
            asked.close()
            raise DeploymentError("the service is stopping")
        asyncio.run_coroutine_threadsafe(asked, self._loop).result()
