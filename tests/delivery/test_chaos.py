"""Workers killed at every boundary and at seeded moments, two at once, against a provider of every temper: nothing lost, nothing
sent twice without a reason on record.
"""

import multiprocessing
import random
import signal
import time
from collections import Counter, defaultdict
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from opportune.store import Outbox, OutboxState
from tests.delivery.chaos_worker import ENDS, MOMENTS, is_service, kind_of, run
from tests.delivery.web_server import Hook, web_server

# A server process imports the worker once and forks: starting one then costs what a worker costs, not what Python does.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.delivery.chaos_worker"])


def start(folder: Path, hook: Hook, messages: int, moment: str = "", nth: int = 0) -> ForkServerProcess:
    worker = FORKS.Process(target=run, args=(folder, hook.port, messages, moment, nth))
    worker.start()
    return worker


def ended(worker: ForkServerProcess, seconds: float) -> int | None:
    """How the worker ended: 0, or minus a signal."""
    worker.join(seconds)
    return worker.exitcode


def kill(worker: ForkServerProcess) -> None:
    worker.kill()
    worker.join(30)


def audit(folder: Path, hook: Hook, messages: int) -> Counter[str]:
    """Every message has one end, and what the provider has fits it. Returns how many ended how, and the explained duplicates."""
    taken = Counter(headers["webhook-id"] for headers, _ in hook.taken)
    told: defaultdict[str, set[str]] = defaultdict(set)
    for line in (folder / "reports.txt").read_text().splitlines():
        key, message_id, stage = line.split()
        told[key].add(f"{message_id} {stage}")
    outbox = Outbox(folder)
    counts: Counter[str] = Counter()
    for number in range(1, messages + 1):
        key = str(number)
        row = outbox.get(key)
        assert row is not None, f"decision {key} is lost"
        assert row.state in ENDS, f"{key} is still {row.state}"
        counts[row.state] += 1
        # One end told, under one message id, however often a crash had it told again.
        stage = {OutboxState.DEAD: "failed"}.get(row.state, row.state.value)
        assert told[key] == {f"{key}:{row.attempts}:{stage} {stage}"}, told[key]
        assert row.attempts >= taken[key], f"{key} was taken {taken[key]} times in {row.attempts} attempts"
        if row.state is OutboxState.SENT:
            assert taken[key] >= 1, f"{key} counts as sent, and the provider does not have it"
        if row.state in (OutboxState.FAILED, OutboxState.DEAD):
            assert taken[key] == 0 or is_service(number), f"{key} counts as not sent, and the provider has it"
        if not is_service(number):
            assert taken[key] <= 1, f"{key} is marketing, and was sent {taken[key]} times"
        counts["explained"] += max(taken[key] - 1, 0)
    assert not set(taken) - {str(number) for number in range(1, messages + 1)}
    assert outbox.unreported() == []
    outbox.close()
    return counts


def finish(folder: Path, hook: Hook, messages: int) -> None:
    assert ended(start(folder, hook, messages), 120) == 0


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_every_boundary(moment: str, tmp_path: Path) -> None:
    with web_server() as hook:
        assert ended(start(tmp_path, hook, 16, moment, 2), 60) == -signal.SIGKILL
        finish(tmp_path, hook, 16)
        counts = audit(tmp_path, hook, 16)
    # What was written down before the kill is no doubt: only what was claimed can be.
    lost_lines = sum(kind_of(number) == "lost" for number in range(1, 17))
    assert counts[OutboxState.UNKNOWN] <= lost_lines + 4 + 4


def rounds(folder: Path, seed: int, messages: int, kills: int) -> Counter[str]:
    """Two workers at once, each killed at seeded moments and started again, until a last one finishes."""
    chance = random.Random(seed)
    with web_server() as hook:
        workers = [start(folder, hook, messages) for _ in range(2)]
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, 1.8))
            victim = chance.randrange(2)
            kill(workers[victim])
            moment = chance.choice(MOMENTS) if chance.random() < 0.5 else ""
            workers[victim] = start(folder, hook, messages, moment, chance.randint(1, 6))
        for worker in workers:
            kill(worker)
        finish(folder, hook, messages)
        return audit(folder, hook, messages)


def test_two_workers_killed_at_seeded_moments(tmp_path: Path) -> None:
    counts = rounds(tmp_path, seed=1, messages=120, kills=6)
    assert counts[OutboxState.SENT] >= 60


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 42))
def test_two_workers_killed_at_many_seeded_moments(seed: int, tmp_path: Path) -> None:
    rounds(tmp_path, seed, messages=300, kills=25)


@pytest.mark.deep
@pytest.mark.parametrize("nth", [1, 3, 5, 8])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_every_boundary_at_many_passings(moment: str, nth: int, tmp_path: Path) -> None:
    with web_server() as hook:
        ended(start(tmp_path, hook, 40, moment, nth), 60)
        finish(tmp_path, hook, 40)
        audit(tmp_path, hook, 40)
