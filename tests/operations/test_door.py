"""The door: many askers at once, each told when his part is durable; overload; what fails."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.facts import FactKind
from opportune.journal import JournalReader
from opportune.operations import (
    Deployment,
    OverloadedError,
    Service,
    create_deployment,
    open_deployment,
    publish,
    read_definitions,
    read_group,
)
from opportune.operations import door as door_module

DEFINITIONS = """
deployment: door
---
event: visited
properties: {page: {type: text}}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "all.yaml").write_text(DEFINITIONS)
    create_deployment(tmp_path / "data", seed="door")
    with open_deployment(tmp_path / "data", customers_max=10_000) as deployment:
        publish(deployment, read_definitions(tmp_path / "definitions"), "test")
        yield deployment


def visit(user: int, message: int) -> bytes:
    return b'{"type":"track","event":"visited","userId":"u%d","messageId":"m%d","properties":{"page":"a"}}' % (
        user,
        message,
    )


def visits(folder: Path) -> int:
    """How many visits the journal holds, as any reader of the disk sees it."""
    groups = JournalReader.open(folder / "journal").read(0)
    return sum(int((read_group(group)[0].kind == FactKind.EVENT).sum()) for group in groups)


def test_each_asker_is_told_when_his_message_is_on_the_disk(deployment: Deployment) -> None:
    async def main() -> None:
        service = Service(deployment)
        await service.start()
        told = 0

        async def ask(number: int) -> None:
            nonlocal told
            await service.post("web", visit(number % 7, number), 1)
            told += 1
            assert visits(deployment.folder) >= told  # acknowledged after it is durable, never before

        await asyncio.gather(*(ask(number) for number in range(200)))
        account = service.accounting("web")
        assert account is not None
        assert account.balanced
        assert account.applied == 200
        await asyncio.to_thread(service.door.close)

    asyncio.run(main())
    assert visits(deployment.folder) == 200


def test_repeats_and_bad_messages_are_accounted_for_per_source(deployment: Deployment) -> None:
    async def main() -> None:
        service = Service(deployment)
        await service.start()
        lines = b"\n".join([visit(1, 1), visit(1, 1), b'{"type":"track"}', visit(2, 2)])
        await asyncio.gather(service.post("web", lines, 4), service.post("shop", lines, 4))
        for source in ("web", "shop"):
            account = service.accounting(source)
            assert account is not None
            assert (account.received, account.applied, account.duplicates, account.quarantined) == (4, 2, 1, 1)
        await asyncio.to_thread(service.door.close)

    asyncio.run(main())


def test_too_much_at_once_is_refused_and_nothing_else_is(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "QUEUED_ASKS_MAX", 10)

    async def main() -> tuple[int, int]:
        service = Service(deployment)
        await service.start()
        asked = [asyncio.ensure_future(service.post("web", visit(n, n), 1)) for n in range(500)]
        done = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in done if isinstance(one, OverloadedError)]
        assert all(one is None or isinstance(one, OverloadedError) for one in done)
        assert all(one.retry_after_s >= 1 for one in refused)
        await asyncio.to_thread(service.door.close)
        return len(done) - len(refused), len(refused)

    taken, refused = asyncio.run(main())
    assert refused > 0
    assert visits(deployment.folder) == taken


def test_work_is_done_between_pieces_and_its_error_is_the_askers(deployment: Deployment) -> None:
    async def main() -> None:
        service = Service(deployment)
        await service.start()
        await service.post("web", visit(1, 1), 1)
        assert await service.work(lambda deployment: deployment.engine.customers) == 1
        with pytest.raises(ZeroDivisionError):
            await service.work(lambda deployment: 1 // 0)
        await service.post("web", visit(2, 2), 1)
        assert service.ready
        await asyncio.to_thread(service.door.close)

    asyncio.run(main())
