"""A process that lets segments of the journal go, and is killed, by SIGKILL, after the first one."""

import os
import signal
from pathlib import Path

from opportune.journal import FaultPoint
from opportune.operations import apply_retention, open_deployment
from tests.operations.little_mobile import CUSTOMERS_MAX


def die(reached: FaultPoint) -> None:
    """Kill this process once a segment is gone."""
    if reached is FaultPoint.SEGMENT_DROPPED:
        os.kill(os.getpid(), signal.SIGKILL)


def drop_until_killed(folder: Path, now_ms: int) -> None:
    """Apply the folder's retention."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX, on_fault=die) as deployment:
        apply_retention(deployment, now_ms)
