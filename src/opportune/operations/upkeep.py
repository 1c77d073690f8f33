"""The warehouse of a running service: exported, compacted and thinned out by a process of its own, of the lowest priority.

It reads the journal's files beside the writer and holds no lock that intake knows. What the process cannot do, letting go of segments, the
service does itself: between two pieces, once the process has read them back out of the warehouse.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from opportune.facts import RetentionDefinition
from opportune.journal import JournalError
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.door import Door
from opportune.operations.retention import Hold, segments_going, thin_warehouse
from opportune.warehouse import WarehouseError, compact, export, prove, read_manifest

LOOK_SECONDS = 5.0
EXPORT_EVERY_SECONDS = 600.0
EXPORT_EVERY_FACTS = 5_000_000
PART_FACTS_MAX = 250_000
"""Facts of a part as the service exports it: so that its process holds little; compaction puts the parts of a day together."""
PARTS_OF_TODAY_MAX = 12
"""Parts of a day that is not over which are left as they are: looking for one customer opens each that speaks of her."""
NICENESS = 19
TROUBLE_CHARACTERS_MAX = 500
_PROGRAM = "import sys; from opportune.operations.upkeep import main; main(sys.argv[1], sys.argv[2])"


class Looked(msgspec.Struct, frozen=True):
    """What one run of the process did and found.

    exported_seq     the warehouse has every fact below it
    parts            how many parts it consists of
    thinned          parts out of which retention dropped rows
    drop_before      segments of facts below it may go: they were read back and found the same; 0: none
    snapshot_wanted  older segments wait for a newer snapshot
    """

    exported_seq: int
    parts: int
    thinned: int
    drop_before: int
    snapshot_wanted: bool


def look_after(folder: Path, retention: RetentionDefinition, now_ms: int) -> Looked:
    """Export, put the parts of days that are over together, thin out, and prove what may leave the journal.

    Raises WarehouseLocked where somebody else is at it, WarehouseError, JournalError, OSError.
    """
    export(folder, part_facts_max=PART_FACTS_MAX)
    manifest = read_manifest(folder)
    today = datetime.fromtimestamp(manifest.now_ms / 1000, UTC).date().isoformat()
    many = sum(part.day == today for part in manifest.parts) > PARTS_OF_TODAY_MAX
    compact(folder, before_day=None if many else today)
    thinned = thin_warehouse(folder, retention)
    segments = segments_going(folder, retention, now_ms)
    if segments.segments:
        prove(folder, segments.seq)
    manifest = read_manifest(folder)
    return Looked(
        manifest.end_seq, len(manifest.parts), thinned, segments.seq if segments.segments else 0, segments.hold is Hold.NO_SNAPSHOT
    )  # fmt: skip


def main(folder: str, retention: str) -> None:
    """The process: looks after a folder once, and says on stdout what it did."""
    os.nice(NICENESS)
    settings = msgspec.json.decode(retention, type=dict[str, int | None])
    try:
        looked = look_after(Path(folder), RetentionDefinition(**settings), time.time_ns() // 1_000_000)  # type: ignore[arg-type]  # milliseconds
    except (WarehouseError, JournalError, DeploymentError, OSError) as error:
        raise SystemExit(str(error)) from None
    sys.stdout.buffer.write(msgspec.json.encode(looked))


class Upkeep:
    """Looks after the warehouse of a service every so often, or after so many facts. Its figures are read by metrics and readiness."""

    def __init__(
        self,
        deployment: Deployment,
        door: Door,
        *,
        every_seconds: float = EXPORT_EVERY_SECONDS,
        every_facts: int = EXPORT_EVERY_FACTS,
        on_looked: Callable[[Looked], object] | None = None,
    ) -> None:
        self.deployment, self._door = deployment, door
        self._every_seconds, self._every_facts = every_seconds, every_facts
        self._on_looked = on_looked
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._next = time.monotonic() + every_seconds
        self.exported_seq = _exported(deployment.folder)
        """The warehouse has every fact below it."""
        self.failures = 0
        """How many runs failed since the start."""
        self.trouble = ""
        """Why the last run failed; empty where it did not."""
        self.dropped_bytes = 0
        """Bytes of journal segments let go of since the start."""

    @property
    def lag(self) -> int:
        """Facts on disk that are not exported yet."""
        return max(0, self.deployment.journal.durable_seq - self.exported_seq)

    async def run(self) -> None:
        """Look, and look again, until it is stopped."""
        while not self._stopping:
            if time.monotonic() >= self._next or self.lag >= self._every_facts:
                await self.look()
                self._next = time.monotonic() + self._every_seconds
            await asyncio.sleep(min(LOOK_SECONDS, self._every_seconds))

    async def look(self) -> None:
        """Have the process run once, and do what is the service's own part. What fails is told, and tried again the next time."""
        try:
            looked = await asyncio.to_thread(self._looked)
            self.exported_seq, self.trouble = looked.exported_seq, ""
            if looked.drop_before:
                await self._door.work(lambda deployment: deployment.settle_links())
                self.dropped_bytes += await asyncio.to_thread(self.deployment.journal.drop_before, looked.drop_before)
            if looked.snapshot_wanted:
                self._door.want_snapshot()
            if self._on_looked is not None:
                self._on_looked(looked)
        except Exception as error:  # whatever it is: intake goes on, and this is tried again
            if not self._stopping:
                self.failures += 1
                self.trouble = str(error)[-TROUBLE_CHARACTERS_MAX:]

    def stop(self) -> None:
        """End the process where it is: an export goes on there the next time."""
        self._stopping = True
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()

    def _looked(self) -> Looked:
        retention = self.deployment.playbook.definitions.deployment.retention
        times = {name: getattr(retention, name) for name in retention.__struct_fields__}
        settings = msgspec.json.encode({name: None if time is None else int(time) for name, time in times.items()})
        command = [sys.executable, "-c", _PROGRAM, str(self.deployment.folder), settings.decode()]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            self._process = process
            if self._stopping:
                process.kill()
            try:
                told, complaint = process.communicate()
            finally:
                self._process = None
        if process.returncode:
            said = complaint.decode(errors="replace").strip().splitlines()
            raise DeploymentError(said[-1] if said else f"the process that exports ended with {process.returncode}")
        return msgspec.json.decode(told, type=Looked)


def _exported(folder: Path) -> int:
    """How far the export has come; 0 where its manifest cannot be read, which the first run then tells."""
    try:
        return read_manifest(folder).end_seq
    except WarehouseError:
        return 0
