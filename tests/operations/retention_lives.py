"""Processes that let history go, and are killed by SIGKILL: after the first segment, or at a fault point of the warehouse."""

import os
import signal
from pathlib import Path

from opportune.facts import RetentionDefinition
from opportune.journal import FaultPoint
from opportune.operations import apply_retention, open_deployment
from opportune.operations.retention import thin_warehouse
from opportune.warehouse import WarehouseFault
from tests.operations.little_mobile import CUSTOMERS_MAX
from tests.warehouse.crashing import killer


def die(reached: FaultPoint) -> None:
    """Kill this process once a segment is gone."""
    if reached is FaultPoint.SEGMENT_DROPPED:
        os.kill(os.getpid(), signal.SIGKILL)


def drop_until_killed(folder: Path, now_ms: int) -> None:
    """Apply the folder's retention."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX, on_fault=die) as deployment:
        apply_retention(deployment, now_ms)


def thin_until_killed(folder: Path, retention: RetentionDefinition, point: WarehouseFault, times: int) -> None:
    """Drop rows of the warehouse; killed the `times`-th time that `point` is reached."""
    thin_warehouse(folder, retention, kept_ms=0, on_fault=killer(point, times))
