"""A disk that refuses: the error says so, nothing acknowledged is lost, nothing is taken for a repeat that was never kept."""

import dataclasses
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from opportune.journal import FaultPoint, JournalFailed
from opportune.operations import (
    DefinitionsRefusedError,
    Deployment,
    DeploymentError,
    compile_playbook,
    create_deployment,
    ingest,
    open_deployment,
    publish,
    replay,
)
from opportune.store import StoreFailedError
from tests.simulation.auditor import audit_opened, essence, state_of
from tests.simulation.playbooks import definitions_of
from tests.simulation.worker import CUSTOMERS_MAX, Sender, open_folder
from tests.simulation.workload import Fate, stream

PIECES = 120
CHANGED_AT = 50
SLOW_SECONDS = 0.01


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: a write that would is refused, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_deployment(tmp_path / "data", seed="simulation")
    return tmp_path / "data"


def go_on(folder: Path, first: int, seed: int = 1) -> int:
    """Send the rest of the stream, and audit; how many pieces there are."""
    pieces = stream(seed, PIECES, CHANGED_AT)
    with open_folder(folder) as deployment:
        sender = Sender(deployment, folder.parent, CHANGED_AT)
        for number in range(first, len(pieces)):
            sender.send(number, pieces[number])
        sender.settle(0)
    audit_opened(folder, pieces, len(pieces))
    return len(pieces)


def send_until_refused(deployment: Deployment, said: list[int], seed: int = 1) -> Exception:
    """Send the stream until the disk refuses a piece; the error that the sender was given."""
    sender = Sender(deployment, deployment.folder.parent, CHANGED_AT, said.append)
    for number, piece in enumerate(stream(seed, PIECES, CHANGED_AT)):
        try:
            sender.send(number, piece)
            sender.settle(1)
        except (DeploymentError, JournalFailed, StoreFailedError) as error:
            return error
    raise AssertionError("the disk took everything")


@pytest.mark.parametrize("room_bytes", [70_000, 110_000, 180_000])
def test_a_full_disk_loses_nothing_acknowledged(folder: Path, room_bytes: int) -> None:
    said: list[int] = []
    deployment = open_deployment(folder, customers_max=CUSTOMERS_MAX)
    with files_of_at_most(room_bytes):
        error = send_until_refused(deployment, said)
        assert str(folder) in str(error) or "not committed" in str(error)
        if not isinstance(error, StoreFailedError):  # a definition that is not saved has changed nothing
            with pytest.raises((DeploymentError, JournalFailed), match="opened again"):
                ingest(deployment, deployment.decoder("app", "live"), b'{"type":"track"}\n', 1)
            with pytest.raises((DeploymentError, JournalFailed)):
                deployment.snapshot()
        with suppress(JournalFailed, OSError):
            deployment.close()
    done = max(said, default=-1) + 1
    audit_opened(folder, stream(1, PIECES, CHANGED_AT), done)
    go_on(folder, done)


@pytest.mark.parametrize("point", [FaultPoint.BEFORE_WRITE, FaultPoint.MID_WRITE, FaultPoint.BEFORE_SYNC])
def test_a_failing_commit_is_told_and_not_acknowledged(folder: Path, point: FaultPoint) -> None:
    left = 30

    def on_fault(reached: FaultPoint) -> None:
        nonlocal left
        left -= reached is point
        if left < 0:
            raise OSError(28, "No space left on device")

    said: list[int] = []
    deployment = open_folder(folder, on_fault)
    error = send_until_refused(deployment, said)
    assert "No space left on device" in str(error)
    with pytest.raises(JournalFailed):
        deployment.close()
    go_on(folder, max(said) + 1)


def test_people_that_cannot_be_written_stop_intake(folder: Path) -> None:
    """The messages of the failed piece are known in memory: sent again to the same process, they must not pass for repeats."""
    pieces = stream(1, PIECES, CHANGED_AT)
    deployment = open_folder(folder)
    sender = Sender(deployment, folder.parent, CHANGED_AT)
    for number in range(20):
        sender.send(number, pieces[number])
    sender.settle(0)
    bringing = next(
        number for number in range(20, 40) if Fate.QUARANTINED in {sent.fate for sent in pieces[number].messages}
    )
    for number in range(20, bringing):
        sender.send(number, pieces[number])
    sender.settle(0)
    with files_of_at_most(1), pytest.raises(DeploymentError, match="open the folder again"):
        sender.send(bringing, pieces[bringing])
    with pytest.raises(DeploymentError, match="until it is opened again"):
        sender.send(bringing, pieces[bringing])
    deployment.close()
    go_on(folder, bringing)


def test_texts_of_an_unpublished_playbook_do_not_unsettle_the_dictionary(folder: Path) -> None:
    pieces = stream(1, PIECES, CHANGED_AT)
    with open_folder(folder) as deployment:
        sender = Sender(deployment, folder.parent, CHANGED_AT)
        for number in range(10):
            sender.send(number, pieces[number])
        sender.settle(0)
        definitions = definitions_of(1, folder.parent)
        campaigns = dict(definitions.campaigns)
        campaigns["upsell"] = msgspec.structs.replace(campaigns["upsell"], audience="city = 'nowhere'")
        campaigns["loyal"] = msgspec.structs.replace(campaigns["loyal"], audience="no_such_tag = 1")
        with pytest.raises(DefinitionsRefusedError):
            publish(deployment, dataclasses.replace(definitions, campaigns=campaigns), "somebody")
        assert deployment.store.latest() == 1
        known = len(deployment.dictionary)
        campaigns["loyal"] = definitions.campaigns["loyal"]
        compile_playbook(
            deployment, dataclasses.replace(definitions, campaigns=campaigns)
        )  # looked at, never published
        assert len(deployment.dictionary) > known
    go_on(folder, 10)
    assert replay(folder, customers_max=CUSTOMERS_MAX).equal
    with open_folder(folder) as deployment:
        held = state_of(deployment)
    (folder / "snapshots").rename(folder / "aside")
    with open_folder(folder) as deployment:
        assert state_of(deployment) == held


def test_publishing_sees_what_is_still_on_its_way(folder: Path) -> None:
    """New counters are built from history; pieces not yet on the disk are history too."""
    pieces = stream(8, PIECES, CHANGED_AT)
    with open_folder(folder, lambda point: time.sleep(SLOW_SECONDS)) as deployment:
        sender = Sender(deployment, folder.parent, CHANGED_AT)
        for number, piece in enumerate(pieces):
            sender.send(number, piece)  # nothing is waited for
        sender.settle(0)
    audit_opened(folder, pieces, len(pieces))
    assert essence(folder)["decisions"]


def test_a_start_that_fails_lets_go_of_the_folder(folder: Path) -> None:
    go_on(folder, 0)
    (folder / "snapshots").rename(folder / "aside")
    with pytest.raises(OverflowError, match="customers_max"):
        open_deployment(folder, customers_max=3)
    with open_folder(folder) as deployment:
        assert deployment.engine.customers > 3
