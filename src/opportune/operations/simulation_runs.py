"""Simulations of a running service: each in a process of its own, at a low priority, a few at a time; it reads beside the service and may be cancelled.

A process that is cancelled or killed leaves its checkpoint; the same ask goes on there.
"""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from opportune.engine import CUSTOMERS_MAX
from opportune.journal import JournalError
from opportune.operations.decisions import moment_in
from opportune.operations.deployment import DeploymentError
from opportune.operations.drafting import DraftRefusedError, open_drafting
from opportune.operations.publish import DefinitionsRefusedError
from opportune.operations.simulation import simulate
from opportune.operations.touch import RefusedError
from opportune.warehouse import WarehouseError

RUNNING_MAX = 2
ENDED_KEPT_MAX = 100
NICENESS = 15
FIRST_MS, LAST_MS = -(2**62), 2**62
WORDS_BYTES_MAX = 10_000
_PROGRAM = "import sys; from opportune.operations.simulation_runs import main; main(sys.argv[1], sys.argv[2])"


class SimulationAsk(msgspec.Struct, frozen=True):
    """What is to be simulated: a draft by its number (None: the period as it was), from a moment up to another (local time; empty: all there is)."""

    draft: int | None = None
    since: str = ""
    until: str = ""


class SimulationRun(msgspec.Struct, frozen=True):
    """One ask: `state` is running, finished, failed or cancelled; `trouble` says why it failed. Its progress is in the list of simulations."""

    number: int
    ask: SimulationAsk
    by: str
    begun_ms: int
    state: str
    trouble: str = ""


def main(folder: str, ask: str) -> None:
    """The process."""
    os.nice(NICENESS)
    wanted, by = msgspec.json.decode(ask, type=tuple[SimulationAsk, str])
    place = Path(folder)
    try:
        since = moment_in(place, wanted.since) if wanted.since else FIRST_MS
        until = moment_in(place, wanted.until) if wanted.until else LAST_MS
        if wanted.draft is None:
            simulate(place, None, since, until, customers_max=CUSTOMERS_MAX)
        else:
            with open_drafting(place) as drafting:
                drafting.simulate(wanted.draft, since, until, by)
    except (
        DeploymentError, DraftRefusedError, DefinitionsRefusedError, JournalError, WarehouseError, OSError,
    ) as error:  # fmt: skip
        raise SystemExit(str(error)) from None


class SimulationRuns:
    """Starts them, and knows what became of them since the start of the service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[int, SimulationRun] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._number = 0

    @property
    def runs(self) -> list[SimulationRun]:
        """The newest first."""
        return list(self._runs.values())[::-1]

    def start(self, ask: SimulationAsk, by: str) -> SimulationRun:
        """Begin one, and say its number. Raises RefusedError where RUNNING_MAX are under way."""
        if len(self._processes) >= RUNNING_MAX:
            raise RefusedError("too_many_simulations", f"{RUNNING_MAX} simulations are under way; wait, or cancel one")
        self._number += 1
        told = msgspec.json.encode((ask, by)).decode()
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(self._folder), told],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        run = SimulationRun(self._number, ask, by, time.time_ns() // 1_000_000, "running")
        self._processes[run.number] = process
        self._note(run)
        self._watching = asyncio.create_task(self._watch(run.number, process))
        return run

    def cancel(self, number: int) -> SimulationRun:
        """Stop one that is under way. Raises RefusedError where there is none of that number."""
        process = self._processes.get(number)
        if process is None:
            raise RefusedError("no_simulation", f"no simulation {number} is under way")
        self._note(msgspec.structs.replace(self._runs[number], state="cancelled"))
        process.terminate()
        return self._runs[number]

    async def stop(self) -> None:
        """End those that are under way; the same asks go on later."""
        for number in list(self._processes):
            self.cancel(number)
        while self._processes:
            await asyncio.sleep(0.02)

    async def _watch(self, number: int, process: subprocess.Popen[bytes]) -> None:
        _, words = await asyncio.to_thread(process.communicate)
        del self._processes[number]
        run = self._runs[number]
        if run.state == "running":
            state = "failed" if process.returncode else "finished"
            trouble = words.decode(errors="replace")[-WORDS_BYTES_MAX:].strip() if process.returncode else ""
            self._note(msgspec.structs.replace(run, state=state, trouble=trouble))

    def _note(self, run: SimulationRun) -> None:
        self._runs[run.number] = run
        while len(self._runs) > ENDED_KEPT_MAX:
            oldest = next(number for number in self._runs if number not in self._processes)
            del self._runs[oldest]
