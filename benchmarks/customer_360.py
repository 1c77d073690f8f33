"""One customer's 360° view out of a running service, and the size of an audience, among a million customers.

Some customers have 10,000 events each, the others a few. Most facts are exported and lie in the warehouse by days; the newest are in the journal
only. Looking means: profile, tags with freshness, consents, caps, open decisions, contacts, and the newest page of the one timeline.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.end_to_end import SEED, fill
from benchmarks.measure import Report, median, options, percentile, repeated
from opportune.facts import FactBatch, FactKind
from opportune.operations import (
    Deployment,
    InPlace,
    RefusedError,
    Service,
    check_segment,
    create_deployment,
    holding,
    open_deployment,
)
from opportune.warehouse import compact, export

MS_PER_DAY = 86_400_000
DAYS = 30
HEAVY_EVERY = 50_000
"""One customer in so many has EVENTS_OF_HEAVY events."""
BATCH = 4_000
UNEXPORTED_BATCHES = 25


class Sizes(NamedTuple):
    """How much is run."""

    customers: int
    campaigns: int
    events_of_heavy: int
    events_of_others: int
    looks: int


def history(deployment: Deployment, sizes: Sizes) -> list[int]:
    """Give customers their events, day after day; the heavy ones are returned."""
    chance = np.random.default_rng(7)
    heavy = list(range(sizes.customers // 3, sizes.customers, min(HEAVY_EVERY, sizes.customers // 2)))
    each = np.repeat(np.array(heavy), sizes.events_of_heavy // DAYS)
    now_ms = deployment.engine.now_ms
    for day in range(DAYS):
        others = chance.integers(0, sizes.customers, sizes.events_of_others // DAYS)
        customers = chance.permutation(np.concatenate([each, others])).astype(np.uint32)
        for start in range(0, len(customers), BATCH):
            some = customers[start : start + BATCH]
            at = now_ms + day * MS_PER_DAY + start * (MS_PER_DAY // (2 * len(customers))) + np.arange(len(some))
            deployment.commit(events_of(deployment, some, at, chance), int(at[-1]))
    deployment.flush()
    return heavy


def events_of(deployment: Deployment, customers: np.ndarray, at: np.ndarray, chance: np.random.Generator) -> FactBatch:
    """An event of each customer, of a type that is common, with plain values."""
    n = len(customers)
    names = deployment.playbook.numbering.names["event"]
    types = deployment.playbook.vocabulary.events
    codes = chance.integers(0, min(20, len(types)), n)
    sizes = np.array([len(types[name]) for name in names if name in types])
    first = np.zeros(n + 1, np.uint32)
    np.cumsum(sizes[codes], out=first[1:])
    values = chance.integers(1, 50, int(first[-1])).astype(np.int64)
    return FactBatch(
        np.full(n, FactKind.EVENT, np.uint8), codes.astype(np.uint16), customers, at.astype(np.int64), at.astype(np.int64), first, values,
        np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
    )  # fmt: skip


async def look(report: Report, deployment: Deployment, heavy: list[int], sizes: Sizes) -> None:
    """Views of heavy customers and of others, each with cold and with warm files, and pages further back."""
    service = Service(deployment)
    await service.start()
    begun = time.perf_counter()
    await service.customers.view(f"#{heavy[0]}", limit=50)
    report.figure(
        "customer_360_first", 1_000 * (time.perf_counter() - begun), "ms", goal="reads the journal's tail once"
    )
    chance = np.random.default_rng(11)
    others = chance.integers(0, sizes.customers, sizes.looks).tolist()
    for figure, customers in (("heavy", [*heavy] * (1 + sizes.looks // len(heavy))), ("others", others)):
        spent, entries = [], 0
        for customer in customers[: sizes.looks]:
            begun = time.perf_counter()
            found = await service.customers.view(f"#{customer}", limit=50)
            spent.append(1_000 * (time.perf_counter() - begun))
            entries += len(found.timeline)
        goal = "<= 100 ms"
        report.figure(
            f"customer_360_{figure}_p50", percentile(spent, 0.5), "ms", goal=goal, entries=entries // len(spent)
        )
        report.figure(f"customer_360_{figure}_p99", percentile(spent, 0.99), "ms", goal=goal)
    spent, before = [], None
    for _ in range(sizes.looks):
        begun = time.perf_counter()
        page = await service.customers.timeline(f"#{heavy[0]}", before=before, limit=100)
        spent.append(1_000 * (time.perf_counter() - begun))
        before = page.next
    report.figure("customer_timeline_page_p50", percentile(spent, 0.5), "ms", goal="<= 100 ms")
    await service.sending.drain()
    await asyncio.to_thread(service.door.close)
    service.sending.close()
    service.customers.close()


def audiences(report: Report, deployment: Deployment, runs: int) -> None:
    """An audience of three terms over plain columns."""
    engine = deployment.engine
    plain = [name for name in deployment.playbook.definitions.tags if _in_place(deployment, f"{name} >= 10")][:3]
    text = " AND ".join(f"{name} >= 10" for name in plain)
    size = int(holding(engine, text).sum())
    rule = check_segment(engine.playbook, text)
    asked = InPlace.of(engine, rule)
    assert asked is not None
    holds = np.zeros(engine.customers, np.uint8)
    spent = repeated(max(runs, 5), lambda: asked.ask(engine, 0, engine.customers, holds))
    assert int(holds.sum()) == size
    report.figure("audience_3_terms", 1_000 * median(spent), "ms", goal="<= 10 ms at 1 million", customers=engine.customers, held=size)  # fmt: skip
    whole = repeated(max(runs, 5), lambda: holding(engine, text))
    report.figure("audience_3_terms_with_checking", 1_000 * median(whole), "ms")


def _in_place(deployment: Deployment, text: str) -> bool:
    try:
        return InPlace.of(deployment.engine, check_segment(deployment.playbook, text)) is not None
    except RefusedError:
        return False


def main() -> None:
    """Fill a folder, export most of it, and look."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, help="where the data folder is made (a fast disk); else a temporary one")
    parser.add_argument("--customers", type=int, default=1_000_000)
    arguments = parser.parse_args()
    sizes = Sizes(arguments.customers, 100, 10_000, 8_000_000, 60)
    if arguments.quick:
        sizes = Sizes(2_000, 10, 300, 6_000, 4)
    report = Report("customer 360")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as root:
        folder = Path(root) / "data"
        create_deployment(folder, seed=SEED)
        with open_deployment(folder, customers_max=sizes.customers) as deployment:
            fill(deployment, sizes.customers, sizes.campaigns)
            heavy = history(deployment, sizes)
            begun = time.perf_counter()
            done = export(folder)
            report.figure("export", done.facts / (time.perf_counter() - begun), "facts/s", parts=done.parts)
            compact(folder, kept_ms=0)
            size = sum(path.stat().st_size for path in (folder / "warehouse").rglob("*.parquet"))
            report.figure("warehouse_bytes_per_fact", size / done.end_seq, "bytes", journal=round(deployment.journal.bytes / done.end_seq, 1))  # fmt: skip
            chance = np.random.default_rng(5)
            for n in range(UNEXPORTED_BATCHES if not arguments.quick else 2):
                some = chance.choice(np.array([*heavy, *range(200)]), BATCH).astype(np.uint32)
                at = deployment.engine.now_ms + 1_000 + np.arange(len(some)) + n
                deployment.commit(events_of(deployment, some, at, chance), int(at[-1]))
            deployment.flush()
            audiences(report, deployment, arguments.runs)
            asyncio.run(look(report, deployment, heavy, sizes))
    report.close()


if __name__ == "__main__":
    main()
