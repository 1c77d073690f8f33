"""Real processes, killed by SIGKILL at seeded moments of their lives: what was acknowledged is applied once, and nothing is decided twice."""

import random
import shutil
from pathlib import Path

import msgspec
import pytest

from opportune.journal import FaultPoint
from opportune.operations import create_deployment
from tests.simulation.auditor import audit_journal, audit_opened, essence, people_of, state_of
from tests.simulation.worker import Job, Kill, open_folder
from tests.simulation.workload import stream
from tests.simulation.zygote import Zygote, acknowledged

PIECES = 200
CHANGED_AT = 90
STREAMS = 4
PIECE_SECONDS = 0.006
PIECE_LINES = 60
OPENING_LINES = 200
"""About what a piece and a start take; so kills fall everywhere, and the stream does not end before the last."""
STREAMS_DEEP = 90
KILLS = 26
"""Kills of one stream: 4 streams make more than 100."""
OPENED_EVERY = 4
ELSEWHERE = (FaultPoint.SEGMENT_DROPPED, FaultPoint.REDACTION_ASIDE, FaultPoint.REDACTION_MID)
"""Reached by retention and by forgetting only, whose own tests kill there."""
COMMIT_POINTS = [FaultPoint.BEFORE_WRITE, FaultPoint.MID_WRITE, FaultPoint.AFTER_WRITE, FaultPoint.AFTER_SYNC]


def moment(chance: random.Random, pieces: float) -> Kill:
    """A seeded kill in a life that is to take in about so many pieces: by the clock, between two lines of ours, or within a commit."""
    by = chance.choice(["clock", "line", "line", "fault"])
    if by == "clock":
        return Kill("clock", after_s=chance.uniform(0, 0.03 + PIECE_SECONDS * pieces))
    if by == "line":
        return Kill("line", times=chance.randint(1, OPENING_LINES + int(PIECE_LINES * pieces)))
    return Kill("fault", point=chance.choice(COMMIT_POINTS), times=chance.randint(1, max(1, int(pieces))))


def run_stream(zygote: Zygote, folder: Path, seed: int, kills_wanted: int) -> None:
    """One stream, killed again and again, then left to end; audited after each kill. Raises AssertionError for fewer kills than wanted."""
    create_deployment(folder / "killed", seed="simulation")
    job = Job(folder / "killed", seed, PIECES, CHANGED_AT, 0, 0)
    pieces = stream(seed, PIECES, CHANGED_AT)
    chance = random.Random(seed)
    for kills in range(1, kills_wanted + 1):
        done = acknowledged(job)
        kill = moment(chance, (len(pieces) - done) / (kills_wanted - kills + 2))
        assert not zygote.live(job.again(done, kill)), f"the stream ended after {kills} kills"
        audit_journal(job.folder, pieces, acknowledged(job))
        if kills % OPENED_EVERY == 0:
            audit_opened(job.folder, pieces, acknowledged(job))
    finish(zygote, job)


def finish(zygote: Zygote, job: Job) -> None:
    """Let the stream end, and look at all that came of it."""
    assert zygote.live(job.again(acknowledged(job), Kill()))
    assert acknowledged(job) == job.pieces
    audit_opened(job.folder, stream(job.seed, job.pieces, job.changed_at), job.pieces)
    check_against_straight_run(zygote, job)


def check_against_straight_run(zygote: Zygote, job: Job) -> None:
    """The same facts, decisions and people as a life that nobody disturbed; and a start without snapshots comes to the same state."""
    folder = job.folder.parent
    create_deployment(folder / "straight", seed="simulation")
    straight = msgspec.structs.replace(job, folder=folder / "straight")
    assert zygote.live(straight)
    got, wanted = essence(job.folder), essence(straight.folder)
    assert wanted["decisions"]
    for name, value in wanted.items():
        assert got[name] == value, name
    assert people_of(job.folder) == people_of(straight.folder)
    shutil.copytree(job.folder, folder / "bare")
    shutil.rmtree(folder / "bare" / "snapshots")
    with open_folder(job.folder) as one, open_folder(folder / "bare") as other:
        assert one.replayed < other.replayed
        assert state_of(one) == state_of(other)


@pytest.mark.parametrize("seed", range(STREAMS))
def test_killed_at_seeded_moments(zygote: Zygote, tmp_path: Path, seed: int) -> None:
    run_stream(zygote, tmp_path, seed, KILLS)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(STREAMS, STREAMS + STREAMS_DEEP))
def test_killed_at_seeded_moments_deep(zygote: Zygote, tmp_path: Path, seed: int) -> None:
    run_stream(zygote, tmp_path, seed, KILLS)


def test_killed_at_every_write_boundary(zygote: Zygote, tmp_path: Path) -> None:
    create_deployment(tmp_path / "killed", seed="simulation")
    job = Job(tmp_path / "killed", 77, 400, CHANGED_AT, 0, 0, snapshot_odds=0.2)
    pieces = stream(job.seed, job.pieces, job.changed_at)
    for times in (1, 2, 1):
        for point in [one for one in FaultPoint if one not in ELSEWHERE]:
            kill = Kill("fault", point=point, times=1 if point is FaultPoint.SEGMENT_CREATED else times)
            assert not zygote.live(job.again(acknowledged(job), kill)), f"{point} was not reached"
            audit_opened(job.folder, pieces, acknowledged(job))
    finish(zygote, job)


def test_killed_at_every_line_of_a_publication(zygote: Zygote, tmp_path: Path) -> None:
    job = Job(tmp_path / "0", 5, 12, 8, 0, 0)
    pieces = stream(job.seed, job.pieces, job.changed_at)
    line, ended = 0, False
    while not ended:
        line += 1
        job = msgspec.structs.replace(job, folder=tmp_path / str(line))
        create_deployment(job.folder, seed="simulation")
        ended = zygote.live(job.again(0, Kill("line", file="publish.py", times=line)))
        audit_opened(job.folder, pieces, acknowledged(job))
        assert zygote.live(job.again(acknowledged(job), Kill()))
        audit_opened(job.folder, pieces, job.pieces)
    assert line > 20
    check_against_straight_run(zygote, job)
