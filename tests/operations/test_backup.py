"""Backup beside a writer, and restore: the copy opens, and decides the same again."""

import threading
from pathlib import Path

import pytest

from opportune.journal import JournalReader
from opportune.operations import (
    MANIFEST,
    DeploymentError,
    backup,
    create_deployment,
    ingest,
    open_deployment,
    publish,
    read_definitions,
    replay,
    restore,
)

DEFINITIONS = """
deployment: backup
---
event: visited
properties: {page: {type: text}}
---
touchpoint: sms
direction: out
---
policy: default
consent: assumed
---
campaign: hello
trigger: {event: visited}
touchpoints: [{at: sms, push: now}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    create_deployment(tmp_path / "data", seed="backup")
    with open_deployment(tmp_path / "data", customers_max=100_000) as deployment:
        publish(deployment, read_definitions(tmp_path / "definitions"), "test")
    return tmp_path / "data"


def piece(number: int) -> bytes:
    line = b'{"type":"track","event":"visited","userId":"person-%d","properties":{"page":"p%d"}}'
    return b"\n".join(line % (number * 50 + i, i) for i in range(50))


def test_a_backup_beside_a_writer_opens_and_knows_everybody_it_knows_of(folder: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with open_deployment(folder, customers_max=100_000) as deployment:
        decoder = deployment.decoder("web", "live")

        def write() -> None:
            number = 0
            while not stop.is_set():
                ingest(deployment, decoder, piece(number), 1_700_000_000_000 + number).commit.wait()
                number += 1
                if number == 10:
                    started.set()

        started = threading.Event()
        writer = threading.Thread(target=write)
        writer.start()
        assert started.wait(60)
        try:
            manifest = backup(folder, tmp_path / "copy")
        finally:
            stop.set()
            writer.join()
    assert (tmp_path / "copy" / MANIFEST).exists()
    restore(tmp_path / "copy", tmp_path / "restored")
    assert replay(tmp_path / "restored").equal
    with open_deployment(tmp_path / "restored", customers_max=100_000) as restored:
        many = restored.engine.customers
        assert many >= 500
        assert [restored.people.identifiers_of(customer) for customer in range(many)] == [
            [("user", f"person-{customer}")] for customer in range(many)
        ]
        assert restored.accounting.sources["web"].balanced
    assert "people.db" in manifest.files
    assert all(
        (tmp_path / "restored" / name).stat().st_mode & 0o077 == 0 for name in manifest.files if name.endswith(".db")
    )


def test_a_damaged_or_unfinished_backup_is_refused(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "copy")
    with pytest.raises(DeploymentError, match="there already"):
        backup(folder, tmp_path / "copy")
    with pytest.raises(DeploymentError, match="there already"):
        restore(tmp_path / "copy", folder)
    journal = next((tmp_path / "copy" / "journal").iterdir())
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 1
    journal.write_bytes(content)
    with pytest.raises(DeploymentError, match="damaged"):
        restore(tmp_path / "copy", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    journal.unlink()
    with pytest.raises(DeploymentError, match="missing"):
        restore(tmp_path / "copy", tmp_path / "restored")
    (tmp_path / "copy" / MANIFEST).unlink()
    with pytest.raises(DeploymentError, match="no whole backup"):
        restore(tmp_path / "copy", tmp_path / "restored")


def test_a_backup_is_a_data_folder(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "copy")
    assert list(JournalReader.open(tmp_path / "copy" / "journal").read(0))
    with open_deployment(tmp_path / "copy", customers_max=100_000) as deployment:
        assert deployment.playbook.version == 1
