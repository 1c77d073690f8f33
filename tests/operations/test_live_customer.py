"""The view of a running service equals the one that a replay gives, wherever the warehouse ends; its timeline pages are the whole journal's."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from opportune.operations import DeploymentError, Service, ingest, open_deployment, view_customer
from opportune.operations.customer import CustomerView
from opportune.operations.timeline import Entry
from opportune.warehouse import compact, export
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, START, lines
from tests.warehouse.world import make_world, messages

ALL = 100_000


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A month of a small operator."""
    return make_world(tmp_path / "data")


def serve(folder: Path, scene: Callable[[Service], Awaitable[None]]) -> None:
    async def main() -> None:
        service = Service(open_deployment(folder, customers_max=CUSTOMERS_MAX))
        await service.start()
        try:
            await scene(service)
        finally:
            await service.stop()

    asyncio.run(main())


def plain(view: CustomerView) -> dict[str, object]:
    """What both ways of looking must say alike: values of tags that the engine has at hand, and all the rest."""
    told = {
        name: getattr(view, name)
        for name in ("consents", "do_not_disturb", "refused_until", "complained_until", "caps", "goals", "open")
    }
    told |= {name: getattr(view, name) for name in ("identifiers", "personal", "contacts")}
    return told | {"tags": {tag.tag: tag for tag in view.tags}}


def add(folder: Path) -> None:
    """News after the export."""
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        decoder = deployment.decoder("world", "import")
        told = messages(7, 31, 2)
        for start in range(0, len(told), 9):
            ingest(deployment, decoder, lines(told[start : start + 9]), START + 31 * DAY).folding.result()


@pytest.mark.parametrize("exported", ["nothing", "half", "all, compacted"])
def test_a_live_view_says_what_a_replay_says(world: Path, exported: str) -> None:
    if exported != "nothing":
        export(world, part_facts_max=400)
    if exported == "half":
        add(world)
    if exported == "all, compacted":
        compact(world)
    whole = {customer: view_customer(world, customer, last=ALL) for customer in range(0, 40, 9)}

    async def scene(service: Service) -> None:
        for customer, wanted in whole.items():
            found = await service.customers.view(f"#{customer}", limit=30)
            compared, told = plain(wanted), plain(found)
            tags, known = told.pop("tags"), compared.pop("tags")
            assert isinstance(tags, dict)
            assert isinstance(known, dict)
            for name, tag in tags.items():
                hot = tag.origin in ("declared", "score") or tag.value is not None
                assert tag == known[name] or not hot, name
            assert tags["class"] == known["class"]
            assert tags["recharges_3d"] == known["recharges_3d"]
            last, known_contacts = told.pop("contacts"), compared.pop("contacts")
            assert isinstance(known_contacts, tuple)
            assert known_contacts[:10] == last
            assert told == compared
            assert found.timeline == wanted.timeline[: len(found.timeline)]
            assert await pages(service, customer, 7) == wanted.timeline

    serve(world, scene)


async def pages(service: Service, customer: int, limit: int) -> tuple[Entry, ...]:
    """The timeline, page after page."""
    found: list[Entry] = []
    before: int | None = None
    while True:
        page = await service.customers.timeline(f"#{customer}", before=before, limit=limit)
        found += page.entries
        if page.next is None:
            return tuple(found)
        before = page.next


def test_what_comes_in_is_in_the_next_page(world: Path) -> None:
    export(world)

    async def scene(service: Service) -> None:
        before = await service.customers.view("user:c-001")
        for n in range(3):
            told = {"type": "track", "event": "called", "userId": "c-001", "properties": {"seconds": 70 + n}}
            await service.post("web", lines([told]), 1)
            view = await service.customers.view("c-001")
            assert view.timeline[0].kind in ("event", "decision", "move", "goal")
            assert next(e for e in view.timeline if e.kind == "event").details["seconds"] == 70 + n
        assert view.customer == before.customer
        with pytest.raises(DeploymentError, match="no customer has the identifier `nobody`"):
            await service.customers.view("nobody")
        with pytest.raises(DeploymentError, match="there is no customer #999"):
            await service.customers.timeline("#999")

    serve(world, scene)


def test_the_timeline_holds_every_source_in_order(world: Path) -> None:
    views = [view_customer(world, customer, last=ALL) for customer in range(12)]
    kinds = {entry.kind for view in views for entry in view.timeline}
    assert kinds >= {
        "created", "identifier", "event", "tags", "consent", "contact", "response", "decision", "move", "goal", "touch", "receipt",
    }  # fmt: skip
    for view in views:
        assert [entry.seq for entry in view.timeline] == sorted((entry.seq for entry in view.timeline), reverse=True)
        assert view.next is None
        page = view_customer(world, view.customer, last=5)
        assert page.timeline[:5] == view.timeline[:5]
        later = view_customer(world, view.customer, last=5, before=page.next)
        assert later.timeline[:5] == view.timeline[len(page.timeline) :][:5]
