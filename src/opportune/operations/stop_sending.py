"""Ask: stop all sending, or go on, on a folder that no service runs on. A running service does the same itself."""

import time
from contextlib import closing

from opportune.facts import NOBODY, BatchBuilder, FactBatch, FactKind
from opportune.operations.deployment import Deployment
from opportune.store import Outbox


def sending_fact(*, stop: bool) -> FactBatch:
    """The fact that all sending stops, or goes on."""
    builder = BatchBuilder()
    now_ms = time.time_ns() // 1_000_000
    builder.add(FactKind.SENDING, 0, NOBODY, now_ms, now_ms, (int(stop),))
    return builder.build()


def stop_sending(deployment: Deployment, reason: str) -> None:
    """Let nothing leave until `go_on`, whoever opens the folder next. Raises DeploymentError and JournalError."""
    now_ms = time.time_ns() // 1_000_000
    with closing(Outbox(deployment.folder)) as outbox:
        outbox.halt(reason, now_ms)
    deployment.commit(sending_fact(stop=True), now_ms)
    deployment.flush()


def go_on(deployment: Deployment) -> bool:
    """Let messages leave again; whether sending was stopped. Raises DeploymentError and JournalError."""
    deployment.commit(sending_fact(stop=False), time.time_ns() // 1_000_000)
    deployment.flush()
    with closing(Outbox(deployment.folder)) as outbox:
        return outbox.resume()
