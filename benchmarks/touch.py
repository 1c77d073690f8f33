"""Touches over HTTP: a customer is at a touchpoint and it is decided what to show, while intake runs at half of its full load.

The full load is measured first, in the same run and in the same batches. Touches come by the clock, and their latency counts from
the moment they were due. Every fourth campaign waits for a touch; those who touch are customers whose events came just before.
"""

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.end_to_end import SEED, fill
from benchmarks.http import BATCH, FSYNC_BYTES, Bench, Client, Run, Shape, fsync_ms, lines_of, request_of, requests_of
from benchmarks.measure import Report, median, options, percentile
from benchmarks.workload import World
from opportune.operations import create_deployment, open_deployment
from opportune.store import Keys

WAITING_EVERY = 4
TOUCHPOINT = "app_home"
CONNECTIONS, TOUCH_CONNECTIONS = 16, 16


class Sizes(NamedTuple):
    """How much is run: requests of a run at full load, seconds of a run with touches, touches per second."""

    customers: int
    campaigns: int
    full_requests: int
    seconds: float
    touches_per_second: int


class Messages:
    """Messages that were never sent before."""

    def __init__(self, world: World) -> None:
        self._world, self._number = world, 0

    def take(self, count: int) -> list[bytes]:
        """The next messages."""
        found = lines_of(self._world, count, self._number)
        self._number += count
        return found


def prepared(folder: Path, sizes: Sizes) -> tuple[str, Messages]:
    """A data folder with its customers; a key that may write and touch, and the messages to send."""
    create_deployment(folder, seed=SEED)
    with open_deployment(folder, customers_max=sizes.customers) as deployment:
        messages = Messages(fill(deployment, sizes.customers, sizes.campaigns, waiting_every=WAITING_EVERY))
    keys = Keys(folder)
    _, key = keys.create(["intake:benchmark", f"touch:{TOUCHPOINT}"], "benchmark", 0)
    keys.close()
    return key, messages


def touches_of(lines: list[bytes], count: int, key: str) -> list[bytes]:
    """Touches of customers of these messages, spread over them."""
    step = max(1, len(lines) // count)
    users = [json.loads(line)["userId"] for line in lines[::step][:count]]
    path = f"/v1/touchpoints/{TOUCHPOINT}/touch"
    return [request_of(path, key, json.dumps({"customer": {"userId": user}}).encode()) for user in users]


def show(report: Report, figure: str, runs: list[Run], goal: str = "") -> None:
    """The latency of touches, and how many showed something."""
    spent = [ms for run in runs for ms in run.request_ms]
    report.figure(f"{figure}_p50", percentile(spent, 0.5), "ms per request")
    shown = round(sum(run.decided for run in runs) / len(spent), 3)
    report.figure(
        f"{figure}_p99", percentile(spent, 0.99), "ms per request", goal=goal, touches=len(spent), shown=shown
    )


def measure(report: Report, bench: Bench, messages: Messages, sizes: Sizes, runs: int) -> None:
    """Full load; touches alone; touches while intake runs at half of full load."""
    batches = Shape("batches", BATCH, CONNECTIONS, sizes.full_requests)
    each = sizes.full_requests * BATCH
    bench.send(requests_of(messages.take(each), batches, bench.key), CONNECTIONS)
    full = [bench.send(requests_of(messages.take(each), batches, bench.key), CONNECTIONS) for _ in range(runs)]
    rate = median(sizes.full_requests / run.seconds for run in full)
    report.figure("touch_intake_full", rate * BATCH, "events/s", batch=BATCH)
    count = int(sizes.seconds * sizes.touches_per_second)
    touching = Client(bench.port)
    alone, beside, intake = [], [], []
    try:
        for _ in range(runs):
            lines = messages.take(max(1, int(rate / 2 * sizes.seconds)) * BATCH)
            touches = touches_of(lines, count, bench.key)
            bench.client.begin(requests_of(lines, batches, bench.key), CONNECTIONS, rate / 2)
            touching.begin(touches, TOUCH_CONNECTIONS, sizes.touches_per_second)
            beside.append(touching.finish())
            intake.append(bench.client.finish())
            touching.begin(touches, TOUCH_CONNECTIONS, sizes.touches_per_second)
            alone.append(touching.finish())
    finally:
        touching.close()
    sent = median(len(run.request_ms) / run.seconds for run in intake) * BATCH
    report.figure("touch_intake_meanwhile", sent, "events/s", of_full=round(sent / (rate * BATCH), 2))
    spent = [ms for run in intake for ms in run.request_ms]
    report.figure("touch_intake_meanwhile_p99", percentile(spent, 0.99), "ms per batch")
    show(report, "touch_alone", alone)
    show(report, "touch", beside, "<= 10")


def main() -> None:
    """Run everything."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on the disk that is meant")
    parser.add_argument("--customers", type=int, default=100_000)
    asked = parser.parse_args()
    sizes = Sizes(asked.customers, 1_000, 500, 6.0, 200)
    if asked.quick:
        sizes = Sizes(2_000, 20, 40, 1.0, 50)
    report = Report(
        f"touches over HTTP: {sizes.customers:,} customers, {sizes.campaigns:,} campaigns, every {WAITING_EVERY}th waits for a "
        f"touch; {sizes.touches_per_second} touches/s"
    )
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="touch-") as place:
        root = Path(place)
        key, messages = prepared(root / "data", sizes)
        spent = fsync_ms(root)
        report.figure("touch_fsync_p50", percentile(spent, 0.5), "ms")
        report.figure("touch_fsync_p99", percentile(spent, 0.99), "ms", bytes=FSYNC_BYTES)
        bench = Bench(root / "data", key)
        try:
            measure(report, bench, messages, sizes, 1 if asked.quick else asked.runs)
        finally:
            bench.close()
    report.close()


if __name__ == "__main__":
    main()
