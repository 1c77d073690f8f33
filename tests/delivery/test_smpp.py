"""SMS through a real SMSC: coding, parts, receipts, throttling, silence, broken lines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opportune.delivery import Channel, Rejected, Sent, TryLater, Unanswered
from opportune.delivery.channels.smpp import SmppAccount, SmppChannel
from opportune.store import Stage
from tests.delivery.smsc_server import Smsc, needs_npm, smsc
from tests.delivery.suite import ProviderSuite, World, message, until

pytestmark = needs_npm


def account(port: int, **more: Any) -> SmppAccount:
    settings: dict[str, Any] = {"password": "secret", "answer_s": 5.0, "reconnect_s": 0.1} | more
    return SmppAccount(host="127.0.0.1", port=port, system_id="opp", source="Opportune", **settings)


@asynccontextmanager
async def bound(*arguments: str, **more: Any) -> AsyncIterator[tuple[World, Smsc]]:
    async with smsc(*arguments) as server:
        channel = SmppChannel(account(server.port, **more))
        world = World(channel, server.texts)
        await channel.open(world.keep)
        try:
            await until(lambda: bool(server.of("bind")))
            await asyncio.sleep(0.05)
            yield world, server
        finally:
            await channel.close()


class TestSmpp(ProviderSuite):
    refused, later, lost = "+8613900000001", "+8613900000009", "+8613900000003"

    @staticmethod
    def good(number: int) -> str:
        return f"+86139{number:04}1000"

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        async with bound() as (world, _):
            yield world

    @asynccontextmanager
    async def away(self, folder: Path) -> AsyncIterator[Channel]:
        channel = SmppChannel(account(1))
        await channel.open(World(channel, list).keep)
        yield channel
        await channel.close()


def scene(*arguments: str, **more: Any) -> Any:
    """Run an asynchronous scenario(world, server) with a bound session."""

    def run(scenario: Any) -> None:
        async def play() -> None:
            async with asyncio.timeout(60), bound(*arguments, **more) as (world, server):
                await scenario(world, server)

        asyncio.run(play())

    return run


@pytest.mark.parametrize(
    ("text", "coding", "parts"),
    [("plain €[]", 0, 1), ("x" * 160, 0, 1), ("x" * 161, 0, 2), ("字" * 70, 8, 1), ("字" * 71, 8, 2), ("y" * 459, 0, 3),
     ("x" * 152 + "€" * 10, 0, 2), ("字" * 66 + "😀" * 5, 8, 2)],
)  # fmt: skip
def test_texts_arrive_whole_in_their_coding_and_parts(text: str, coding: int, parts: int) -> None:
    async def scenario(world: World, server: Smsc) -> None:
        answer = await world.channel.send(message(address="+8613912345678", text=text))
        assert isinstance(answer, Sent)
        submits = server.of("submit")
        assert [told["coding"] for told in submits] == [coding] * parts
        assert all(told["esm"] == (0x40 if parts > 1 else 0) and told["registered"] == 1 for told in submits)
        assert len(answer.provider_ids) == parts
        assert world.arrived() == [("8613912345678", text)]
        await until(lambda: len(world.receipts) == parts)
        assert {receipt.provider_id for receipt in world.receipts} == set(answer.provider_ids)

    scene()(scenario)


@pytest.mark.parametrize(
    ("number", "stages"),
    [("0004", [Stage.BOUNCED]), ("0006", [Stage.DELIVERED] * 2), ("0008", [Stage.DELIVERED]), ("0010", [Stage.DELIVERED])],
)  # fmt: skip
def test_receipts_name_the_message_by_the_providers_id(number: str, stages: list[Stage]) -> None:
    async def scenario(world: World, server: Smsc) -> None:
        answer = await world.channel.send(message(address=f"+861390000{number}"))
        assert isinstance(answer, Sent)
        await until(lambda: len(world.receipts) == len(stages))
        assert [receipt.stage for receipt in world.receipts] == stages
        assert {receipt.provider_id for receipt in world.receipts} == set(answer.provider_ids)
        assert all(("UNDELIV" in receipt.reason) == (receipt.stage is Stage.BOUNCED) for receipt in world.receipts)
        await until(lambda: len(server.of("receipt_taken")) == len(stages))
        assert len(server.of("bind")) == 1  # nothing of that broke the session

    scene()(scenario)


def test_silence_is_unknown_and_does_not_hold_up_others() -> None:
    async def scenario(world: World, server: Smsc) -> None:
        silent = asyncio.create_task(world.channel.send(message(address="+8613900000005")))
        others = await asyncio.gather(*(world.channel.send(message(f"d{n}", f"+86139{n:04}1000")) for n in range(20)))
        assert all(isinstance(answer, Sent) for answer in others)
        assert not silent.done()
        assert isinstance(await silent, Unanswered)

    scene(answer_s=1.0)(scenario)


def test_not_more_than_the_window_go_unanswered_at_once() -> None:
    async def scenario(world: World, server: Smsc) -> None:
        sends = [asyncio.create_task(world.channel.send(message(f"d{n}", f"+86139{n:04}0007"))) for n in range(6)]
        await asyncio.sleep(0.25)
        assert len(server.of("submit")) == 2
        assert all(isinstance(answer, Sent) for answer in await asyncio.gather(*sends))

    scene("--late", "500", window=2)(scenario)


def test_throttled_says_to_rest_and_works_later() -> None:
    async def scenario(world: World, server: Smsc) -> None:
        throttled = await world.channel.send(message(address="+8613900000002"))
        assert isinstance(throttled, TryLater)
        assert (throttled.all, throttled.after_ms) == (True, 1_000)
        assert isinstance(await world.channel.send(message(address="+8613900000002")), Sent)

    scene()(scenario)


def test_the_session_is_bound_again_after_a_cut_and_nothing_is_sent_twice() -> None:
    async def scenario(world: World, server: Smsc) -> None:
        assert isinstance(await world.channel.send(message("d1", "+8613900011000")), Sent)
        late = asyncio.create_task(world.channel.send(message("d2", "+8613900000007")))
        await until(lambda: len(server.of("submit")) == 2)
        await server.cut()
        assert isinstance(await late, Unanswered)
        await until(lambda: len(server.of("bind")) == 2)
        await asyncio.sleep(0.05)
        assert isinstance(await world.channel.send(message("d3", "+8613900031000")), Sent)
        assert len(server.of("submit")) == 3

    scene("--late", "5000")(scenario)


def test_an_idle_line_is_asked_after() -> None:
    async def scenario(world: World, server: Smsc) -> None:
        await until(lambda: len(server.of("enquire_link")) >= 2)
        assert isinstance(await world.channel.send(message(address="+8613900011000")), Sent)

    scene(enquire_link_s=0.2)(scenario)


def test_a_wrong_password_is_try_later_and_nothing_is_submitted() -> None:
    async def scenario(world: World, server: Smsc) -> None:
        answer = await world.channel.send(message(address="+8613900011000"))
        assert isinstance(answer, TryLater)
        assert answer.reason == "not_bound"
        assert not server.of("submit")

    scene("--password", "other")(scenario)


@pytest.mark.parametrize("address", ["", "+", "12a", "1" * 21, "１２３"])
def test_what_is_no_number_is_rejected(address: str) -> None:
    async def scenario() -> None:
        channel = SmppChannel(account(1))
        assert await channel.send(message(address=address)) == Rejected("bad_address")

    asyncio.run(scenario())
