"""A snapshot written by a forked process while facts go on: whole, of one moment, and nothing waits for it but the fork."""

import os
from pathlib import Path

import pytest

from opportune.journal import SnapshotStore
from opportune.operations import create_deployment, ingest, open_deployment, publish, read_definitions

DEFINITIONS = """
deployment: aside
---
event: visited
properties: {page: {type: text}}
---
tag: visits_7d
counter: {of: visited, measure: count, over: 7d, bucket: day}
---
touchpoint: sms
direction: out
---
policy: default
consent: assumed
caps: [{per: customer, max: 3, in: 7d}]
---
campaign: hello
trigger: {event: visited}
touchpoints: [{at: sms, push: now}]
goal: {event: visited, within: 1d}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    create_deployment(tmp_path / "data", seed="aside")
    with open_deployment(tmp_path / "data", customers_max=100_000) as deployment:
        publish(deployment, read_definitions(tmp_path / "definitions"), "test")
        deployment.snapshot()
    return tmp_path / "data"


def piece(number: int) -> bytes:
    line = b'{"type":"track","event":"visited","userId":"p%d","messageId":"m%d-%d","properties":{"page":"p%d"}}'
    return b"\n".join(line % ((number * 37 + i) % 900, number, i, i) for i in range(200))


def test_it_is_the_state_of_one_moment(folder: Path) -> None:
    deployment = open_deployment(folder, customers_max=100_000)
    decoder = deployment.decoder("web", "live")
    for number in range(10):
        ingest(deployment, decoder, piece(number), 1_700_000_000_000 + number)
    child = deployment.snapshot_aside()
    seq = deployment.engine.next_seq
    for number in range(10, 30):
        ingest(deployment, decoder, piece(number), 1_700_000_000_000 + number)
    assert os.waitpid(child, 0)[1] == 0
    snapshots = SnapshotStore(folder / "snapshots")
    assert snapshots.seqs[-1] == seq
    deployment.flush()
    wanted = {name: array.copy() for name, array in deployment.engine.to_arrays().items()}
    deployment.close(snapshot=False)
    with open_deployment(folder, customers_max=100_000) as again:  # from that snapshot, and the rest of the journal
        assert again.replayed == again.engine.next_seq - seq
        found = again.engine.to_arrays()
        assert all((found[name] == wanted[name]).all() for name in wanted)
        ingest(again, again.decoder("web", "live"), piece(29), 1_700_000_000_100).commit.wait()
        assert again.accounting.sources["web"].duplicates == 200  # the repeats of before the snapshot and after it


def test_one_that_cannot_be_written_is_only_told(folder: Path) -> None:
    with open_deployment(folder, customers_max=100_000) as deployment:
        ingest(deployment, deployment.decoder("web", "live"), piece(1), 1_700_000_000_000)
        before = SnapshotStore(folder / "snapshots").seqs
        deployment.settle()
        aside = folder / "snapshots" / f"{deployment.engine.next_seq:020d}.snapshot.part"
        aside.mkdir()
        assert os.waitpid(deployment.snapshot_aside(), 0)[1] != 0
        assert SnapshotStore(folder / "snapshots").seqs == before
        aside.rmdir()
        ingest(deployment, deployment.decoder("web", "live"), piece(2), 1_700_000_000_001).commit.wait()
