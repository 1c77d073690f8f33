"""A new counter is published by a running service: how long its history takes, and for how long nothing is taken in meanwhile.

Events lie in the journal; others keep coming, in pieces of 100, one after the other. The new counters are a figure for life and one over
30 days with a condition; the playbook is small, so that compiling it is the smaller part of the pause.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import Report, options
from opportune.facts import FactBatch, FactKind
from opportune.operations import (
    Deployment,
    Publication,
    Service,
    create_deployment,
    ingest,
    open_deployment,
    publish,
    read_definitions,
)

DEFINITIONS = """
deployment: publishing
---
event: visited
properties: {seconds: {type: int, range: [0, 1000]}}
---
touchpoint: sms
direction: out
---
policy: default
consent: assumed
"""
MORE = """
---
tag: visits
counter: {of: visited, measure: count}
---
tag: stayed_30d
counter: {of: visited, measure: sum, value: seconds, where: event.seconds >= 10, over: 30d}
---
campaign: regulars
audience: visits >= 3 AND stayed_30d > 100
trigger: {event: visited}
touchpoints: [{at: sms, push: now}]
"""
BATCH, PIECE = 4_000, 100
NOW_MS = 1_790_000_000_000


def fill(deployment: Deployment, customers: int, events: int) -> None:
    """Customers, and events of theirs."""
    decoder, chance = deployment.decoder("fill", "import"), np.random.default_rng(1)
    line = b'{"type":"identify","userId":"c%d","timestamp":%d}'
    for first in range(0, customers, BATCH):
        lines = b"\n".join(line % (number, NOW_MS) for number in range(first, min(first + BATCH, customers)))
        ingest(deployment, decoder, lines, NOW_MS).folding.result()
    code = deployment.playbook.numbering.number("event", "visited")
    for start in range(0, events, BATCH):
        at = np.full(BATCH, NOW_MS + start, np.int64)
        batch = FactBatch(
            np.full(BATCH, FactKind.EVENT, np.uint8), np.full(BATCH, code, np.uint16), chance.integers(0, customers, BATCH).astype(np.uint32),
            at, at.copy(), np.arange(BATCH + 1, dtype=np.uint32), chance.integers(0, 900, BATCH), np.zeros((BATCH, 2), np.uint64),
            np.zeros(BATCH, np.uint64),
        )  # fmt: skip
        deployment.submit(batch, NOW_MS + start)
    deployment.flush()


async def published(deployment: Deployment, definitions: Path) -> tuple[Publication, list[float]]:
    """Publish while pieces come in; and the seconds that each of those took."""
    service = Service(deployment)
    await service.start()
    spent, done = list[float](), asyncio.Event()

    async def feed() -> None:
        number = 0
        line = b'{"type":"track","event":"visited","userId":"c%d","messageId":"m%d","properties":{"seconds":60}}'
        while not done.is_set():
            lines = b"\n".join(line % (i, number + i) for i in range(PIECE))
            begun = time.perf_counter()
            await service.post("web", lines, PIECE)
            spent.append(time.perf_counter() - begun)
            number += PIECE

    feeding = asyncio.create_task(feed())
    await asyncio.sleep(0.5)
    del spent[:]
    told = await service.publish(read_definitions(definitions), "benchmark")
    seen = list(spent)
    done.set()
    await feeding
    await service.stop()
    return told, seen


def main() -> None:
    """Fill a folder, and publish."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, help="where the data folder is made (a fast disk); else a temporary one")
    parser.add_argument("--events", type=int, default=5_000_000)
    arguments = parser.parse_args()
    customers, events = (2_000, 40_000) if arguments.quick else (100_000, arguments.events)
    report = Report("publishing")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as root:
        definitions = Path(root) / "definitions"
        definitions.mkdir()
        (definitions / "all.yaml").write_text(DEFINITIONS)
        create_deployment(Path(root) / "data", seed="publishing")
        deployment = open_deployment(Path(root) / "data", customers_max=2 * customers)
        publish(deployment, read_definitions(definitions), "benchmark")
        fill(deployment, customers, events)
        (definitions / "all.yaml").write_text(DEFINITIONS + MORE)
        told, spent = asyncio.run(published(deployment, definitions))
        report.figure("publish_took", told.took_ms, "ms", facts=told.seq)
        report.figure("publish_nothing_taken_in", told.paused_ms, "ms")
        report.figure("publish_pieces_meanwhile", len(spent), "pieces")
        report.figure("publish_slowest_piece", 1_000 * max(spent, default=0.0), "ms")
    report.close()


if __name__ == "__main__":
    main()
