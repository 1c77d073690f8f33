"""How figures are taken and shown: repeated runs, medians and percentiles, one table, one JSON line per figure. No benchmark itself."""

import argparse
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

RUNS = 5
Seconds = list[float]


def options(description: str | None) -> argparse.ArgumentParser:
    """The arguments that every benchmark has; add more before parsing."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run that only shows that all works")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each figure; the median counts")
    return parser


def timed(call: Callable[[], object]) -> float:
    """Seconds of one call, without the garbage collector."""
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    call()
    spent = time.perf_counter() - begun
    gc.enable()
    return spent


def repeated(runs: int, call: Callable[[], object]) -> Seconds:
    """Seconds of `runs` calls."""
    return [timed(call) for _ in range(runs)]


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the values do not exceed."""
    return float(np.quantile(np.asarray(values), share, method="inverted_cdf"))


def resident_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine() -> str:
    """The machine and the versions that a figure depends on, in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"Numba {version('numba')}, load {load:.1f}"
    )


class Report:
    """Collects figures; prints the machine at the beginning, the table and the JSON lines at the end."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.machine = machine()
        self.rows: list[dict[str, object]] = []
        print(f"{title}\nmachine: {self.machine}", flush=True)

    def figure(
        self,
        figure: str,
        value: float,
        unit: str,
        *,
        goal: str = "",
        of_limit: float | None = None,
        **more: object,
    ) -> None:
        """Note one figure: `of_limit` is its ratio to the limit, `goal` the goal in words, `more` goes into the JSON line."""
        row: dict[str, object] = {"figure": figure, "value": _short(value), "unit": unit}
        if of_limit is not None:
            row["of_limit"] = round(of_limit, 3)
        self.rows.append({**row, **({"goal": goal} if goal else {}), **more})
        print(f"  {figure}: {_readable(value)} {unit}", flush=True)

    def close(self) -> None:
        """Print the table and the JSON lines."""
        columns = ("figure", "value", "unit", "of_limit", "goal")
        table: list[tuple[str, ...]] = [(*columns, "more")]
        for row in self.rows:
            more = ", ".join(f"{name} {_cell(value)}" for name, value in row.items() if name not in columns)
            table.append((*(_cell(row.get(name, "")) for name in columns), more))
        widths = [max(len(cells[i]) for cells in table) for i in range(len(columns) + 1)]
        print(f"\n{self.title}")
        for cells in table:
            print(" | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
        print()
        for row in self.rows:
            print(json.dumps({**row, "machine": self.machine}), flush=True)


def _short(value: float) -> float:
    """Four digits are all that a noisy machine can tell."""
    return float(f"{value:.4g}") if abs(value) < 1_000 else round(value)


def _readable(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _cell(value: object) -> str:
    return _readable(value) if isinstance(value, int | float) else str(value)
