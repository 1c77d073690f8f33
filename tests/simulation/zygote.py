"""A process with all kernels loaded that forks one simulated life after the other, and kills it when its time has come.

A life so costs some hundredths of a second instead of the seconds of a fresh start. `python -m tests.simulation.zygote`
reads jobs from its input, one JSON line each, and answers with how each ended.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import msgspec

from opportune.operations import create_deployment
from tests.simulation.worker import Job, live
from tests.simulation.workload import stream

LIFE_SECONDS_MAX = 120.0
POLL_SECONDS = 0.002
ROOT = Path(__file__).parents[2]


class Zygote:
    """The other process, seen from the test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.zygote"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def live(self, job: Job) -> bool:
        """Let one life run; True where it came to its own end, False where it was killed. Raises AssertionError for any other end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(job, enc_hook=str) + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in (b"0", str(-signal.SIGKILL).encode()), f"the life ended by itself: {answer!r}; {job}"
        return answer == b"0"

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def acknowledged(job: Job) -> int:
    """How many pieces have been acknowledged: all before this number."""
    lines = job.said.read_bytes().split() if job.said.exists() else []
    return max((int(line) for line in lines), default=-1) + 1


def main() -> None:
    """Warm up, then serve jobs until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "warm"
        create_deployment(place, seed="warm")
        live(Job(place, 1, 60, 30, 0, 0))
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job, dec_hook=lambda kind, text: kind(text))
        stream(job.seed, job.pieces, job.changed_at)  # made once, and inherited by the lives
        print(_run(job), flush=True)


def _run(job: Job) -> int:
    """Fork a life and wait for its end; its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            live(job)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + (job.kill.after_s if job.kill.by == "clock" else LIFE_SECONDS_MAX)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            os.kill(pid, signal.SIGKILL)  # only we wait for it, so the number is still its own
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            return code if job.kill.by == "clock" else -signal.SIGALRM
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
