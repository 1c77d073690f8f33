"""End to end: NDJSON bytes in, durable facts and decisions out, through the deployment that operators run.

Decode, identify, drop repeats, fold, decide, journal inputs and outputs as one group; a group counts once its commit is on disk.
The limit is measured in the same run, on the same bytes. Then recovery: snapshot and replay.
"""

import functools
import tempfile
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.limit import FLIGHT_MAX, GROUP, Groups, combined, measured, show, the_limit
from benchmarks.measure import Report, median, options, percentile
from benchmarks.workload import START_MS, World, definitions, user_of, write_definitions
from opportune.facts import FactBatch, FactKind
from opportune.intake import Decoder, hash_identifier, key_words
from opportune.journal import Commit
from opportune.operations import (
    FOLDING_MAX,
    Deployment,
    Folded,
    Ingested,
    create_deployment,
    ingest,
    open_deployment,
    publish,
    read_definitions,
)

SEED = "benchmark"


class Pass(NamedTuple):
    """One run: events/s, milliseconds from a group's first byte to its commit, and decisions made."""

    rate: float
    group_ms: list[float]
    decisions: int


def fill(deployment: Deployment, customers: int, campaigns: int, *, waiting_every: int = 0) -> World:
    """Publish the playbook from YAML, and journal all customers with their identifiers, as an import leaves them."""
    with tempfile.TemporaryDirectory() as folder:
        write_definitions(definitions(campaigns, waiting_every=waiting_every), Path(folder))
        publish(deployment, read_definitions(Path(folder)), "benchmark")
    world = World(customers, deployment.playbook)
    words = key_words(deployment.key)
    kind = deployment.catalogue.identifiers["user"]
    for batch in world.population():
        numbers = batch.customer[batch.kind == FactKind.CUSTOMER]
        deployment.identity.learn(batch)
        deployment.commit(batch, START_MS)
        identifiers = _identifiers(numbers, kind, words)
        deployment.identity.learn(identifiers)
        deployment.commit(identifiers, START_MS)
    deployment.flush()
    return world


def _identifiers(numbers: NDArray[np.uint32], kind: int, words: NDArray[np.uint64]) -> FactBatch:
    n = len(numbers)
    prints = [hash_identifier(words, "user", user_of(number)) for number in numbers.tolist()]
    return FactBatch(
        np.full(n, FactKind.IDENTIFIER, np.uint8), np.full(n, kind, np.uint16), numbers,
        np.full(n, START_MS), np.full(n, START_MS), np.arange(0, 2 * n + 1, 2, dtype=np.uint32),
        np.array(prints, np.uint64).reshape(-1).view(np.int64), np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
    )  # fmt: skip


def run(deployment: Deployment, decoder: Decoder, groups: Groups, count: int) -> Pass:
    """Take in all groups; at most FLIGHT_MAX are on their way to disk while the next is decoded."""
    group_ms: list[float] = []
    folding: deque[Ingested] = deque()
    flight: deque[Commit] = deque()
    decisions = 0

    def take() -> None:
        nonlocal decisions
        taken = folding.popleft()
        decisions += len(taken.outputs.decisions)
        flight.append(taken.commit)
        if len(flight) > FLIGHT_MAX:
            flight.popleft().wait()

    begun = time.perf_counter()
    for data, received_ms in groups:
        started = time.perf_counter()
        taken = ingest(deployment, decoder, data, received_ms)
        if taken.intake.quarantined:
            raise RuntimeError(f"a message of the workload was refused: {taken.intake.quarantined[0]}")
        taken.folding.add_done_callback(functools.partial(_note_when_durable, group_ms, started))
        folding.append(taken)
        if len(folding) > FOLDING_MAX:
            take()
    while folding:
        take()
    for commit in flight:
        commit.wait()
    return Pass(count / (time.perf_counter() - begun), group_ms, decisions)


def _note_when_durable(group_ms: list[float], started: float, folding: Future[Folded]) -> None:
    folding.result()[1].then(functools.partial(_note, group_ms, started))


def _note(group_ms: list[float], started: float, _: Commit) -> None:
    group_ms.append((time.perf_counter() - started) * 1e3)


def stages(report: Report, deployment: Deployment, decoder: Decoder, groups: Groups, count: int) -> None:
    """Where the time goes: the stages one after the other, each waited for."""
    spent = dict.fromkeys(("decode", "fold_decide_and_append", "wait_for_disk"), 0.0)
    for data, received_ms in groups:
        begun = time.perf_counter()
        intake = decoder.decode(data, received_ms)
        decoded = time.perf_counter()
        _, commit = deployment.commit(intake.batch, received_ms)
        appended = time.perf_counter()
        commit.wait()
        spent["decode"] += decoded - begun
        spent["fold_decide_and_append"] += appended - decoded
        spent["wait_for_disk"] += time.perf_counter() - appended
    for stage, seconds in spent.items():
        report.figure(f"stage_{stage}", seconds / count * 1e9, "ns per event")


def recovery(report: Report, folder: Path, customers: int) -> None:
    """Open after a stop without a snapshot (the last one, then replay), then after one with a snapshot."""
    first: list[float] = []

    def note(_what: str, done: int, _total: int) -> None:
        if not first:
            first.extend((time.perf_counter(), done))

    begun = time.perf_counter()
    with open_deployment(folder, customers_max=customers, on_progress=note) as deployment:
        ready = time.perf_counter()
        report.figure("recovery_restore", first[0] - begun, "s to load the snapshot", customers=customers)
        rate = (deployment.replayed - first[1]) / (ready - first[0])
        report.figure("recovery_replay", rate, "facts/s", goal=">= 1,000,000", facts=deployment.replayed)
        begun = time.perf_counter()
        deployment.snapshot()
        report.figure("snapshot_write", time.perf_counter() - begun, "s")
    begun = time.perf_counter()
    with open_deployment(folder, customers_max=customers):
        report.figure("recovery_ready", time.perf_counter() - begun, "s", goal="<= 30 with 10 million customers")


class Sizes(NamedTuple):
    """How much is run."""

    customers: int
    campaigns: int
    warm_up: int
    events: int


def measure(report: Report, folder: Path, sizes: Sizes, runs: int) -> None:
    """All figures, in one data folder."""
    create_deployment(folder, seed=SEED)
    deployment = open_deployment(folder, customers_max=sizes.customers)
    try:
        begun = time.perf_counter()
        world = fill(deployment, sizes.customers, sizes.campaigns)
        report.figure("fill", time.perf_counter() - begun, "s", customers=sizes.customers)
        decoder = deployment.decoder("benchmark", "live")
        events = world.events(sizes.warm_up + (runs + 1) * sizes.events)
        groups = world.ndjson(events, GROUP)
        warm, each = sizes.warm_up // GROUP, sizes.events // GROUP
        run(deployment, decoder, groups[:warm], sizes.warm_up)
        deployment.snapshot()
        measured_parts = groups[warm : warm + runs * each]
        beside_the_limit(report, "end_to_end", deployment, decoder, measured_parts, sizes.events, runs)
        stages(report, deployment, decoder, groups[warm + runs * each :], sizes.events)
        later = world.events(runs * sizes.events, seed=5, tag_share=0.0, after=events)
        only = world.ndjson(later, GROUP, number=len(events.customer))
        beside_the_limit(report, "end_to_end_events_only", deployment, decoder, only, sizes.events, runs)
    finally:
        deployment.close(snapshot=False)
    recovery(report, folder, sizes.customers)


def beside_the_limit(
    report: Report, figure: str, deployment: Deployment, decoder: Decoder, groups: Groups, events: int, runs: int
) -> None:
    """The limit and the deployment in turn, on the same bytes; reports both."""
    each = len(groups) // runs
    passes, limits = [], []
    for i in range(runs):
        part = groups[i * each : (i + 1) * each]
        limits.append(measured(part, events, 1, deployment.folder.parent))
        passes.append(run(deployment, decoder, part, events))
    found = combined(limits)
    limit = show(report, found) if figure == "end_to_end" else the_limit(found)
    rate = median(one.rate for one in passes)
    group_ms = [ms for one in passes for ms in one.group_ms]
    report.figure(
        figure, rate, "events/s", of_limit=rate / limit, goal="of_limit >= 0.6; p99 <= 10 ms", limit=round(limit),
        decision_share=round(median(one.decisions for one in passes) / events, 4),
    )  # fmt: skip
    report.figure(f"{figure}_p50", percentile(group_ms, 0.5), "ms per group")
    report.figure(f"{figure}_p99", percentile(group_ms, 0.99), "ms per group", goal="<= 10")


def main() -> None:
    """Run everything."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on the disk that is meant")
    parser.add_argument("--customers", type=int, default=1_000_000)
    asked = parser.parse_args()
    sizes = Sizes(asked.customers, 1_000, 200_000, 400_000)
    if asked.quick:
        sizes = Sizes(2_000, 20, 4_000, 8_000)
    report = Report(f"end to end: {sizes.customers:,} customers, {sizes.campaigns:,} campaigns, groups of {GROUP:,}")
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="end-to-end-") as folder:
        measure(report, Path(folder) / "data", sizes, 2 if asked.quick else asked.runs)
    report.close()


if __name__ == "__main__":
    main()
