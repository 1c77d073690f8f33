"""Simulating a past period of the whole portfolio: as it was (byte for byte), and with a draft in it that takes customers from others."""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.end_to_end import SEED, fill, run
from benchmarks.limit import GROUP
from benchmarks.measure import Report, median, options
from benchmarks.workload import HISTORY, START_MS, World, write_definitions
from opportune.engine import DefinitionSet
from opportune.facts import Decimal
from opportune.operations import create_deployment, open_deployment, read_definitions
from opportune.operations.simulation import SimulationReport, simulate
from opportune.store import Definitions

MONTH_FACTS = 100_000_000
AFTER_THE_POPULATION = (START_MS + 1, 2**62)


class Sizes(NamedTuple):
    """How much is run."""

    customers: int
    campaigns: int
    events: int


def drafted(world: World) -> Definitions:
    """The playbook with every tenth campaign worth three times as much: contacts move all over the portfolio."""
    found = world.playbook.definitions
    campaigns = {
        name: msgspec.structs.replace(one, lever=Decimal("3")) if at % 10 == 0 and name != HISTORY else one
        for at, (name, one) in enumerate(found.campaigns.items())
    }
    changed: DefinitionSet = msgspec.structs.replace(found, campaigns=campaigns)
    with tempfile.TemporaryDirectory() as folder:
        write_definitions(changed, Path(folder))
        return read_definitions(Path(folder))


def measure(report: Report, folder: Path, sizes: Sizes, runs: int) -> None:
    """Journal a period, then simulate it over and over."""
    create_deployment(folder, seed=SEED)
    with open_deployment(folder, customers_max=sizes.customers) as deployment:
        world = fill(deployment, sizes.customers, sizes.campaigns)
        decoder = deployment.decoder("benchmark", "live")
        run(deployment, decoder, world.ndjson(world.events(sizes.events), GROUP), sizes.events)
        draft = drafted(world)
    for figure, definitions in (("simulate_as_it_was", None), ("simulate_draft", draft)):
        found, seconds = zip(*(_timed(folder, definitions, sizes) for _ in range(runs)), strict=True)
        last = found[-1]
        if last.equal is False:
            raise RuntimeError(f"run again as it was, the period differs from fact {last.differs_at} on")
        rate = last.facts / median(seconds)
        kept = sum(one.kept for one in last.campaigns) / last.then.decisions
        report.figure(
            figure, rate, "facts/s", goal=">= 333,334", month_of_100_million_s=round(MONTH_FACTS / rate, 1),
            facts=last.facts, decisions=last.draft.decisions, kept=round(kept, 4),
        )  # fmt: skip


def _timed(folder: Path, draft: Definitions | None, sizes: Sizes) -> tuple[SimulationReport, float]:
    begun = time.perf_counter()
    found = simulate(folder, draft, *AFTER_THE_POPULATION, again=True, customers_max=sizes.customers)
    return found, time.perf_counter() - begun


def main() -> None:
    """Run from the command line."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on the disk that is meant")
    asked = parser.parse_args()
    sizes = Sizes(4_000, 40, 16_000) if asked.quick else Sizes(1_000_000, 1_000, 4_000_000)
    runs = 1 if asked.quick else asked.runs
    report = Report(f"simulate: {sizes.customers:,} customers, {sizes.campaigns:,} campaigns, {sizes.events:,} events")
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="simulate-") as folder:
        measure(report, Path(folder) / "data", sizes, runs)
    report.close()


if __name__ == "__main__":
    main()
