"""The kernel alone: facts in, decisions out, through `Engine.process`; no decoding and no disk.

Rates by batch size, growth with campaigns and with customers, memory per customer, compile and start, publishing, and the
copy that a snapshot needs. Every run goes on where the last one ended, so no run sees an event twice.
"""

import functools
import os
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.measure import Report, median, options, percentile, repeated, resident_bytes, timed
from benchmarks.workload import HISTORY, World, batches_of, contacts_with_goals, definitions
from opportune.engine import DefinitionSet, Engine, Playbook
from opportune.facts import Decimal, FactBatch

STARTED = "started in "


class Sizes(NamedTuple):
    """How much is run."""

    customers: int
    more_customers: int
    campaigns: tuple[int, int, int]
    warm_up: int
    events: int
    """Facts per run in batches of 4,000; smaller batches take fewer."""


FULL = Sizes(1_000_000, 10_000_000, (100, 1_000, 10_000), 400_000, 400_000)
QUICK = Sizes(2_000, 4_000, (10, 20, 40), 4_000, 8_000)


class Load:
    """An engine at work: hands out facts in order, so that time only goes forward."""

    def __init__(self, customers: int, campaigns: int, facts: int) -> None:
        begun = resident_bytes()
        self.world = World(customers, Playbook(definitions(campaigns)))
        self.engine = self.world.engine()
        self.bytes_per_customer = (resident_bytes() - begun) / customers
        self.batch = self.world.facts(self.world.events(facts))
        self.at = 0
        self.decisions = 0

    def take(self, facts: int, size: int) -> list[FactBatch]:
        """The next facts, in batches of `size`."""
        rows = np.arange(self.at, self.at + facts)
        if len(self.batch) < self.at + facts:
            raise ValueError(f"the load has {len(self.batch):,} facts, {self.at + facts:,} are asked for")
        self.at += facts
        return batches_of(self.batch.take(rows), size)

    def run(self, facts: int, size: int) -> list[float]:
        """Process the next facts; seconds of every batch."""
        spent = []
        for batch in self.take(facts, size):
            begun = time.perf_counter()
            outputs = self.engine.process(batch)
            spent.append(time.perf_counter() - begun)
            self.decisions += len(outputs.decisions)
        return spent

    def rate(self, runs: int, facts: int, size: int) -> tuple[float, list[float]]:
        """(median facts/s over the runs, seconds of every batch)."""
        rates: list[float] = []
        latencies: list[float] = []
        for _ in range(runs):
            spent = self.run(facts, size)
            rates.append(facts / sum(spent))
            latencies += spent
        return median(rates), latencies


def batch_sizes(report: Report, load: Load, runs: int, sizes: Sizes) -> None:
    """Rates and latencies with batches of 4,000, 64 and 1."""
    before, at = load.decisions, load.at
    goals = {4_000: ">= 3,000,000", 64: "", 1: "p50 <= 10 us"}
    for size, facts in ((4_000, sizes.events), (64, sizes.events // 5), (1, sizes.events // 40)):
        rate, latencies = load.rate(runs, facts, size)
        p50, p99 = percentile(latencies, 0.5) * 1e6, percentile(latencies, 0.99) * 1e6
        report.figure(
            f"kernel_batch_{size}", rate, "facts/s", goal=goals[size], p50_us=round(p50, 1), p99_us=round(p99, 1)
        )
        report.figure(f"kernel_batch_{size}_p50", p50, "us per batch")
        report.figure(f"kernel_batch_{size}_p99", p99, "us per batch")
    report.figure("kernel_decisions", (load.decisions - before) / (load.at - at), "per fact")


def growth_with_campaigns(report: Report, runs: int, sizes: Sizes) -> dict[int, float]:
    """Nanoseconds per fact with more and more campaigns."""
    cost = {}
    for campaigns in sizes.campaigns:
        load = Load(sizes.customers, campaigns, sizes.warm_up + runs * sizes.events)
        load.run(sizes.warm_up, 4_000)
        load.decisions = 0
        rate, _ = load.rate(runs, sizes.events, 4_000)
        cost[campaigns] = 1e9 / rate
        share = load.decisions / (runs * sizes.events)
        report.figure(f"kernel_{campaigns}_campaigns", rate, "facts/s", decisions_per_fact=round(share, 4))
    few, _, many = sizes.campaigns
    report.figure("growth_with_campaigns", cost[many] / cost[few], "x", goal="<= 4", of=f"{many:,} against {few:,}")
    return cost


def growth_with_customers(report: Report, runs: int, sizes: Sizes) -> None:
    """Cost and memory of ten times the customers; then goals are opened for all of them."""
    cost = {}
    facts = sizes.warm_up + runs * sizes.events
    for customers in (sizes.customers, sizes.more_customers):
        load = Load(customers, sizes.campaigns[1], facts)
        load.run(sizes.warm_up, 4_000)
        rate, _ = load.rate(runs, sizes.events, 4_000)
        cost[customers] = 1e9 / rate
        report.figure(f"kernel_{customers}_customers", rate, "facts/s")
        report.figure(
            f"memory_{customers}_customers", load.bytes_per_customer, "bytes per customer", goal="<= 400 at 10 million",
            gigabytes=round(load.bytes_per_customer * customers / 1e9, 3),
        )  # fmt: skip
    report.figure("growth_with_customers", cost[sizes.more_customers] / cost[sizes.customers], "x", goal="<= 1.5")
    begun = resident_bytes()
    for batch in contacts_with_goals(load.world):
        load.engine.process(batch)
    grown = load.bytes_per_customer + (resident_bytes() - begun) / sizes.more_customers
    report.figure(
        "memory_with_goals", grown, "bytes per customer", goal="<= 500 at 10 million",
        gigabytes=round(grown * sizes.more_customers / 1e9, 3),
    )  # fmt: skip


def changed(world: World) -> Playbook:
    """The playbook with one campaign changed."""
    found = world.playbook.definitions
    name = next(name for name in found.campaigns if name != HISTORY)
    campaigns = {**found.campaigns, name: msgspec.structs.replace(found.campaigns[name], lever=Decimal("3"))}
    definitions: DefinitionSet = msgspec.structs.replace(found, campaigns=campaigns)
    return Playbook(
        definitions,
        numbers=world.playbook.numbering.names,
        dictionary=world.dictionary,
        version=world.playbook.version + 1,
    )


def publish(report: Report, load: Load, runs: int) -> None:
    """Compile a playbook with one campaign changed (aside), then put it in force (the pause)."""
    compiling, pauses = [], []
    for _ in range(runs):
        begun = time.perf_counter()
        playbook = changed(load.world)
        compiling.append(time.perf_counter() - begun)
        now_ms = load.engine.now_ms
        opening = load.world.opening()
        opening.texts, opening.bodies = [], [playbook.body().encode()]
        opening.at_ms[:] = now_ms
        opening.now_ms[:] = now_ms
        load.engine.prepare(playbook)
        pauses.append(timed(functools.partial(load.engine.process, opening)))
        load.world.playbook = playbook
    report.figure("publish_compile", median(compiling), "s")
    report.figure("publish_pause", median(pauses) * 1e3, "ms", goal="<= 50", worst_ms=round(max(pauses) * 1e3, 2))


def snapshot_copy(report: Report, engine: Engine, runs: int) -> None:
    """The copy of all state, in one go."""
    arrays = engine.memory.to_arrays()
    size = sum(array.nbytes for array in arrays.values())
    spent = repeated(runs, lambda: [array.copy() for array in arrays.values()])
    report.figure("snapshot_copy", median(spent) * 1e3, "ms", goal="<= 5 per chunk", bytes=size)


def starts(report: Report) -> None:
    """A process that makes one decision: with an empty kernel cache, then with a full one."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        environment.pop("NUMBA_CACHE_DIR", None)
        for figure in ("cold_compile", "cached_start"):
            found = subprocess.run(
                [sys.executable, "-m", "benchmarks.kernel", "--start"],
                env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            inside = float(found.stdout.split(STARTED)[1].split()[0])
            report.figure(figure, inside, "s from import to the first decision")


def start() -> None:
    """Import, compile or load the kernel, decide."""
    world = World(100, Playbook(definitions(10)))
    engine = world.engine()
    for batch in batches_of(world.facts(world.events(1_000)), 1_000):
        engine.process(batch)
    print(f"{STARTED}{time.perf_counter() - BEGUN:.2f} s")


def main() -> None:
    """Run everything."""
    parser = options(__doc__)
    parser.add_argument("--start", action="store_true", help="only start and decide once (used by the start figures)")
    parser.add_argument("--only", choices=("batches", "campaigns", "customers", "starts"), help="one part alone")
    asked = parser.parse_args()
    if asked.start:
        start()
        return
    sizes = QUICK if asked.quick else FULL
    runs = min(asked.runs, 2) if asked.quick else asked.runs
    report = Report(f"kernel alone: {sizes.customers:,} customers, {sizes.campaigns[1]:,} campaigns")
    if asked.only in (None, "starts") and not asked.quick:
        starts(report)
    if asked.only in (None, "batches"):
        load = Load(sizes.customers, sizes.campaigns[1], sizes.warm_up + 2 * runs * sizes.events)
        load.run(sizes.warm_up, 4_000)
        batch_sizes(report, load, runs, sizes)
        publish(report, load, runs)
        snapshot_copy(report, load.engine, runs)
        del load
    if asked.only in (None, "campaigns"):
        growth_with_campaigns(report, runs, sizes)
    if asked.only in (None, "customers"):
        growth_with_customers(report, runs, sizes)
    report.close()


BEGUN = time.perf_counter()

if __name__ == "__main__":
    main()
