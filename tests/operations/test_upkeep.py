"""A service that exports, lets segments go and publishes, while facts come in all the time."""

import asyncio
import fcntl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opportune.engine import Engine
from opportune.operations import (
    Deployment,
    Service,
    create_deployment,
    journal_of,
    open_deployment,
    publish,
    read_definitions,
    read_group,
    replay,
)
from opportune.operations.publish import fold_ahead
from opportune.warehouse import Warehouse, read_manifest

CUSTOMERS_MAX = 10_000
DEFINITIONS = """
deployment: upkeep
retention: {journal: 1s}
---
event: visited
properties: {page: {type: text}, seconds: {type: int, range: [0, 1000]}}
---
touchpoint: sms
direction: out
---
policy: default
consent: assumed
"""
MORE = """
---
tag: visits
counter: {of: visited, measure: count}
---
tag: stayed_30d
counter: {of: visited, measure: sum, value: seconds, where: "event.page LIKE 'p1%'", over: 30d}
---
campaign: regulars
audience: visits >= 3 OR stayed_30d > 100
trigger: {event: visited}
touchpoints: [{at: sms, push: now}]
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    create_deployment(tmp_path / "data", seed="upkeep")
    opened = open_deployment(tmp_path / "data", customers_max=CUSTOMERS_MAX, segment_bytes_max=60_000)
    publish(opened, read_definitions(tmp_path / "definitions"), "test")
    return opened


def visits(piece: int, many: int = 100) -> bytes:
    line = b'{"type":"track","event":"visited","userId":"u%d","messageId":"m%d-%d","properties":{"page":"p%d","seconds":%d}}'
    return b"\n".join(line % ((piece * 31 + i) % 300, piece, i, i % 20, i) for i in range(many))


def test_facts_come_in_while_the_service_exports(deployment: Deployment) -> None:
    async def main() -> int:
        service = Service(deployment)
        await service.start()
        await service.post("web", visits(0), 100)
        looking = asyncio.create_task(service.upkeep.look())
        piece = 1
        while not looking.done():
            await service.post("web", visits(piece), 100)
            piece += 1
        assert (service.upkeep.trouble, service.upkeep.failures) == ("", 0)
        exported = service.upkeep.exported_seq
        assert 100 < exported <= deployment.journal.durable_seq
        assert service.upkeep.lag == deployment.journal.durable_seq - exported
        with Warehouse(deployment.folder) as warehouse:
            assert warehouse.query("SELECT count(*) FROM events").rows[0][0] >= 100
        await service.stop()
        return piece

    assert asyncio.run(main()) > 3  # many pieces were acknowledged meanwhile
    assert replay(deployment.folder, customers_max=CUSTOMERS_MAX).equal


def test_the_service_lets_segments_go_once_a_snapshot_covers_them(deployment: Deployment) -> None:
    folder = deployment.folder

    async def main() -> None:
        service = Service(deployment)
        await service.start()
        for piece in range(60):
            await service.post("web", visits(piece), 100)
        await asyncio.sleep(1.2)
        await service.post("web", visits(60), 100)
        await service.upkeep.look()
        assert service.upkeep.trouble == ""
        assert deployment.journal.first_seq == 0  # no snapshot is there yet; one was asked for
        until = time.monotonic() + 60
        while not list((folder / "snapshots").glob("*.snapshot")) and time.monotonic() < until:
            await asyncio.sleep(0.2)
        await service.upkeep.look()
        assert service.upkeep.trouble == ""
        assert deployment.journal.first_seq > 3_000
        assert service.upkeep.dropped_bytes > 100_000
        await service.post("web", visits(61), 100)
        decided = await service.work(lambda one: one.engine.counts["customers"])
        assert decided == 300
        await service.stop()

    asyncio.run(main())
    found = replay(folder, customers_max=CUSTOMERS_MAX)
    assert (found.equal, found.from_seq) == (True, 0)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as again:
        assert again.accounting.sources["web"].applied == 6_200


def test_trouble_is_told_and_tried_again(deployment: Deployment) -> None:
    async def main() -> None:
        service = Service(deployment)
        await service.start()
        await service.post("web", visits(0), 100)
        (deployment.folder / "warehouse").mkdir()
        with (deployment.folder / "warehouse" / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            await service.upkeep.look()
        assert service.upkeep.failures == 1
        assert "is being written by another process" in service.upkeep.trouble
        await service.upkeep.look()
        assert (service.upkeep.failures, service.upkeep.trouble) == (1, "")
        assert read_manifest(deployment.folder).end_seq == service.upkeep.exported_seq > 0
        await service.stop()

    asyncio.run(main())


def test_it_runs_by_itself_and_ends_with_the_service(deployment: Deployment) -> None:
    async def main() -> None:
        service = Service(deployment)
        service.upkeep._every_seconds, service.upkeep._next = 0.1, 0.0
        await service.start()
        await service.post("web", visits(0), 100)
        until = time.monotonic() + 60
        while not service.upkeep.exported_seq and time.monotonic() < until:
            await asyncio.sleep(0.1)
        assert service.upkeep.exported_seq > 0
        await service.stop()  # the next run may be under way
        assert service.upkeep._process is None or service.upkeep._process.poll() is not None

    asyncio.run(main())


def folded_again(folder: Path) -> Engine:
    """The engine that all facts of a folder fold to, every playbook's columns built from history within its fact."""
    engine = Engine(customers_max=CUSTOMERS_MAX)

    def history(before: int) -> Iterator[Any]:
        return (read_group(group) for group in journal_of(folder).read() if group.first_seq < before)

    engine.history = history
    for group in journal_of(folder).read():
        engine.process(read_group(group)[0])
    return engine


def test_facts_come_in_while_history_is_folded_for_a_new_counter(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, folding = threading.Event(), threading.Event()
    seen = list[int]()

    def watched(one: Deployment, rebuilding: Any) -> None:
        def on_progress(_what: str, done: int, _total: int) -> None:
            folding.set()
            assert taken.wait(60), "a fact is taken in and acknowledged in the middle of the folding"
            seen.append(done)

        fold_ahead(one, rebuilding, on_progress)

    monkeypatch.setattr("opportune.operations.serving.fold_ahead", watched)

    async def main() -> None:
        service = Service(deployment)
        await service.start()
        for piece in range(40):
            await service.post("web", visits(piece), 100)
        (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS + MORE)
        publishing = asyncio.create_task(service.publish(read_definitions(tmp_path / "definitions"), "test"))
        await asyncio.to_thread(folding.wait, 60)
        for piece in range(40, 45):
            await service.post("web", visits(piece), 100)
        taken.set()
        published = await publishing
        assert published.seq is not None
        assert published.seq >= 4_500  # in force after what came in meanwhile
        assert published.paused_ms <= published.took_ms
        assert max(seen) > 4_000
        for piece in range(45, 50):
            await service.post("web", visits(piece), 100)
        assert service.decisions > 0
        await service.stop()

    asyncio.run(main())
    assert replay(deployment.folder, customers_max=CUSTOMERS_MAX).equal
    wanted = folded_again(deployment.folder).to_arrays()
    with open_deployment(deployment.folder, customers_max=CUSTOMERS_MAX) as again:
        found = again.engine.to_arrays()
        assert all(found[name].tobytes() == array.tobytes() for name, array in wanted.items())
