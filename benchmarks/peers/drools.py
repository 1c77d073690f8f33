"""Drools, from the jar in the PyPI wheel `drools_jpy`: a warm JVM thread that inserts, fires and deletes; no Python in the loop."""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.contexts import Context, field
from benchmarks.workload import Sketch, Term

SOURCE = Path(__file__).with_name("Matching.java")
NULL, HIGHEST, NO_MASK = -(2**63), 2**63 - 1, -1
PASSES_WARM = 2


class Drools:
    """The campaigns as Drools rules; `available` says whether a JDK and the wheel are there."""

    def __init__(self, sketches: Sequence[Sketch]) -> None:
        self.sketches = sketches
        self._fields: dict[str, int] = {}
        self._codes: dict[tuple[str, str], int] = {}

    @staticmethod
    def available() -> bool:
        """Whether it can be run here."""
        return bool(shutil.which("java") and shutil.which("javac") and _jar())

    def run(self, events: Sequence[tuple[int, Context]], runs: int) -> tuple[list[float], list[list[int]]]:
        """(events per second of each run after warming up, matches of each event)."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "rules").write_text("\n".join(self._rule(sketch) for sketch in self.sketches) + "\n")
            (folder / "events").write_text("\n".join(self._event(*event) for event in events) + "\n")
            subprocess.run(["javac", "-cp", str(_jar()), "-d", name, str(SOURCE)], check=True, capture_output=True)
            files = [str(folder / part) for part in ("rules", "events", "matches")]
            done = subprocess.run(
                ["java", "-Xmx2g", "-cp", f"{_jar()}:{name}", "Matching", *files, str(PASSES_WARM + runs)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            matches = [[int(word) for word in line.split()] for line in (folder / "matches").read_text().splitlines()]
        seconds = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("seconds ")]
        return [len(events) / spent for spent in seconds[PASSES_WARM:]], matches

    def _rule(self, sketch: Sketch) -> str:
        clauses = ([(sketch.where,)] if sketch.where else []) + list(sketch.clauses)
        words = [sketch.event, len(clauses)]
        for clause in clauses:
            words.append(len(clause))
            for term in clause:
                words += self._term(term)
        return " ".join(map(str, words))

    def _term(self, term: Term) -> list[int]:
        at = self._fields.setdefault(field(term.name), len(self._fields))
        low, high = {
            ">=": (term.low, HIGHEST),
            "<": (NULL + 1, term.high - 1),
            "not >": (NULL + 1, term.high),
            "between": (term.low, term.high),
            "in": (0, 0),
            "true": (1, 1),
            "false": (0, 0),
        }[term.op]
        if term.op != "in":
            return [at, low, high, NO_MASK]
        return [at, 0, 0, sum(1 << self._code(field(term.name), word) for word in term.words)]

    def _code(self, name: str, word: str) -> int:
        return self._codes.setdefault((name, word), sum(known == name for known, _ in self._codes))

    def _event(self, event: int, context: Context) -> str:
        values = [NULL] * len(self._fields)
        for name, value in context.items():
            if name in self._fields and value is not None:
                values[self._fields[name]] = self._code(name, value) if isinstance(value, str) else int(value)
        return " ".join(map(str, (event, *values)))


def _jar() -> Path | None:
    found = importlib.util.find_spec("drools")
    folders = found.submodule_search_locations if found else None
    return next((jar for folder in folders or () for jar in sorted(Path(folder).glob("jars/*.jar"))), None)
