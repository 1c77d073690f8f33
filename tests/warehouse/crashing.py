"""A process that exports or compacts until it is killed, by SIGKILL, the n-th time it comes by a fault point."""

import os
import signal
from pathlib import Path

from opportune.warehouse import WarehouseFault, compact, export
from opportune.warehouse.faults import OnWarehouseFault

PART_FACTS_MAX = 150


def killer(point: WarehouseFault | None, times: int) -> OnWarehouseFault:
    """Kills this process the `times`-th time that `point` (None: any point) is reached."""
    left = times

    def on_fault(reached: WarehouseFault) -> None:
        nonlocal left
        left -= point is None or reached is point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_fault


def live(folder: Path, what: str, point: WarehouseFault | None, times: int) -> None:
    """Export, or compact with everything replaced deleted at once."""
    if what == "export":
        export(folder, part_facts_max=PART_FACTS_MAX, on_fault=killer(point, times))
    else:
        compact(folder, kept_ms=0, on_fault=killer(point, times))
