"""Same facts, same playbook, same decisions, bit for bit: in another process, uncompiled, and from one version to the next."""

import os
import subprocess
import sys
from pathlib import Path

from tests.engine.fixed_stream import hash_of_waiting_worlds, hash_of_worlds

ROOT = Path(__file__).parents[2]
GOLDEN = "ffcddd65eabe9990a69c186294e5ec42"
"""Of 12 worlds with 150 events each. If it changes, decisions have changed: say so in CHANGELOG, under "Decisions"."""


def elsewhere(seeds: int, events: int, **environment: str) -> list[str]:
    """The hashes as another process finds them: of worlds, and of worlds whose decisions wait."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.fixed_stream", str(seeds), str(events)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip
    return done.stdout.split()


def here(seeds: int, events: int) -> list[str]:
    """The same hashes as this process finds them."""
    return [hash_of_worlds(range(seeds), events), hash_of_waiting_worlds(range(seeds), events)]


def test_the_same_stream_twice_gives_the_same_bytes() -> None:
    assert hash_of_worlds(range(3), 100) == hash_of_worlds(range(3), 100)


def test_another_process_gives_the_same_bytes() -> None:
    assert elsewhere(3, 100, PYTHONHASHSEED="77", TZ="Pacific/Chatham") == here(3, 100)


def test_uncompiled_gives_the_same_bytes() -> None:
    assert elsewhere(5, 60, NUMBA_DISABLE_JIT="1") == here(5, 60)


def test_decisions_are_those_of_the_last_version() -> None:
    assert hash_of_worlds(range(12), 150) == GOLDEN
