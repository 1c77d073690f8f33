"""Any snapshot and the rest of the journal give the state, the outputs and the next decisions of a run without interruption, bit for bit."""

import random
import shutil
from pathlib import Path

import pytest

from opportune.operations import Deployment, create_deployment
from tests.simulation.auditor import audit_opened, essence, state_of
from tests.simulation.worker import Sender, open_folder
from tests.simulation.workload import stream

PIECES = 150
CHANGED_AT = 60
SEEDS = 3
SEEDS_DEEP = 100


def take_in(deployment: Deployment, seed: int, first: int, end: int) -> None:
    """Pieces first .. end-1 of the stream."""
    sender = Sender(deployment, deployment.folder.parent, CHANGED_AT)
    for number, piece in list(enumerate(stream(seed, PIECES, CHANGED_AT)))[first:end]:
        sender.send(number, piece)
    sender.settle(0)


def new_folder(tmp_path: Path, name: str = "data") -> Path:
    create_deployment(tmp_path / name, seed="simulation")
    return tmp_path / name


def snapshots_of(folder: Path) -> list[Path]:
    """The snapshot files, oldest first."""
    return sorted((folder / "snapshots").iterdir())


def check_interrupted(tmp_path: Path, seed: int) -> None:
    """A run closed and opened again at random points, against one that was not."""
    chance = random.Random(seed)
    with open_folder(new_folder(tmp_path, "straight")) as straight:
        take_in(straight, seed, 0, PIECES)
        wanted = state_of(straight)
    stops = sorted(chance.sample(range(1, PIECES), 6))
    folder = new_folder(tmp_path)
    for first, end in zip([0, *stops], [*stops, PIECES], strict=True):
        deployment = open_folder(folder)
        take_in(deployment, seed, first, end)
        if chance.random() < 0.5:  # one in the middle of a life, too
            deployment.snapshot()
            before = deployment.engine.next_seq
            deployment.commit_progress()
            assert deployment.engine.next_seq == before + 1
        got = state_of(deployment)
        deployment.close(snapshot=chance.random() < 0.7)
        if chance.random() < 0.3:
            shutil.rmtree(folder / "snapshots")
        with open_folder(folder) as again:
            assert state_of(again) == got
    assert essence(folder) == essence(tmp_path / "straight")
    with open_folder(folder) as deployment:
        got = state_of(deployment)
    for name in wanted.keys() - {"engine/figures", "engine/instances"}:  # these hold numbers that count PROGRESS facts
        assert got[name] == wanted[name], name


@pytest.mark.parametrize("seed", range(SEEDS))
def test_interrupted_equals_straight(tmp_path: Path, seed: int) -> None:
    check_interrupted(tmp_path, seed)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(SEEDS, SEEDS + SEEDS_DEEP))
def test_interrupted_equals_straight_deep(tmp_path: Path, seed: int) -> None:
    check_interrupted(tmp_path, seed)


def test_without_any_extra_fact_every_byte_is_the_same(tmp_path: Path) -> None:
    with open_folder(new_folder(tmp_path, "straight")) as straight:
        take_in(straight, 9, 0, PIECES)
        wanted = state_of(straight)
    folder = new_folder(tmp_path)
    for first in range(0, PIECES, 25):
        with open_folder(folder) as deployment:
            assert deployment.replayed == 0
            take_in(deployment, 9, first, first + 25)
            got = state_of(deployment)
    assert got == wanted
    assert essence(folder) == essence(tmp_path / "straight")


def test_a_damaged_snapshot_falls_back_to_the_one_before(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    for first in (0, 70):
        with open_folder(folder) as deployment:
            take_in(deployment, 3, first, first + 70)
            wanted, seq = state_of(deployment), deployment.engine.next_seq
    older, newest = snapshots_of(folder)
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 3] ^= 0x40
    newest.write_bytes(damaged)
    with open_folder(folder) as deployment:
        assert list(deployment.snapshots.skipped) == [seq]
        assert deployment.replayed == seq - int(older.stem)
        assert state_of(deployment) == wanted
    with open_folder(folder) as deployment:  # closing has written it anew
        assert (deployment.replayed, deployment.snapshots.skipped) == (0, {})
        assert state_of(deployment) == wanted


def test_a_snapshot_newer_than_the_journal_is_dropped(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    with open_folder(folder) as deployment:
        take_in(deployment, 4, 0, 50)
        wanted = state_of(deployment)
    shutil.copytree(folder, tmp_path / "older")
    with open_folder(folder) as deployment:
        take_in(deployment, 4, 50, 80)
    for newer in snapshots_of(folder):
        shutil.copy(newer, tmp_path / "older" / "snapshots")
    folder = tmp_path / "older"
    assert len(snapshots_of(folder)) == 2
    with open_folder(folder) as deployment:
        assert state_of(deployment) == wanted
        assert len(snapshots_of(folder)) == 1
    audit_opened(folder, stream(4, PIECES, CHANGED_AT), 50)


def test_without_snapshots_a_start_only_takes_longer(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    with open_folder(folder) as deployment:
        take_in(deployment, 6, 0, PIECES)
        wanted, facts = state_of(deployment), deployment.engine.next_seq
    shutil.rmtree(folder / "snapshots")
    with open_folder(folder) as deployment:
        assert deployment.replayed == facts
        assert state_of(deployment) == wanted
