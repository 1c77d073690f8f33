"""What holds for every channel: one suite, run against real servers on loopback."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opportune.delivery import Channel, Message, ProviderReceipt, Rejected, SendAnswer, Sent, TryLater, Unanswered


@dataclass
class World:
    """A channel, the place it leads to, and what came back."""

    channel: Channel
    arrived: Callable[[], list[tuple[str, str]]]  # (key or address, text) of what the other side has
    receipts: list[ProviderReceipt] = field(default_factory=list)

    async def keep(self, receipt: ProviderReceipt) -> None:
        self.receipts.append(receipt)


def message(key: str = "d1", address: str = "", text: str = "Hello 你好", **more: Any) -> Message:
    return Message(key=key, touchpoint="t1", customer=7, address=address, text=text, subject="S", script=text, **more)


async def until(there: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process does."""
    for _ in range(int(seconds * 50)):
        if there():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in time")


class ChannelSuite:
    """Every channel passes this."""

    good: Any = None  # a function number -> address that takes messages

    def world(self, folder: Path) -> Any:
        """An asynchronous context manager that gives a World, its channel opened."""
        raise NotImplementedError

    def run(self, folder: Path, scenario: Callable[[World], Awaitable[None]]) -> None:
        async def scene() -> None:
            async with asyncio.timeout(60), self.world(folder) as world:
                await scenario(world)

        asyncio.run(scene())

    def test_a_message_arrives_with_its_words(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            answer = await world.channel.send(message(address=self.good(1)))
            assert isinstance(answer, Sent)
            await until(lambda: len(world.arrived()) == 1)
            assert "Hello 你好" in world.arrived()[0][1]

        self.run(tmp_path, scenario)

    def test_many_at_once_arrive_once_each(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            keys = [f"d{number}" for number in range(1, 41)]
            sends = [world.channel.send(message(key, self.good(n), f"words of {key}")) for n, key in enumerate(keys, 1)]
            assert all(isinstance(answer, Sent) for answer in await asyncio.gather(*sends))
            await until(lambda: len(world.arrived()) >= len(keys))
            texts = [text for _, text in world.arrived()]
            assert all(sum(bool(re.search(rf"words of {key}\b", text)) for text in texts) == 1 for key in keys)
            assert len(texts) == len(keys)

        self.run(tmp_path, scenario)

    def test_a_message_without_words_is_rejected_and_goes_nowhere(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            empty = Message(key="d1", touchpoint="t1", customer=7, address=self.good(1))
            assert isinstance(await world.channel.send(empty), Rejected)
            assert isinstance(await world.channel.send(message("d2", self.good(2))), Sent)
            await until(lambda: len(world.arrived()) == 1)

        self.run(tmp_path, scenario)

    def test_closing_twice_is_closing(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            await world.channel.close()
            await world.channel.close()

        self.run(tmp_path, scenario)


class ProviderSuite(ChannelSuite):
    """Channels whose provider answers over the net."""

    refused = later = lost = (
        ""  # addresses for which the provider says no, says not now, and takes it but never answers
    )
    knows_why = True

    @asynccontextmanager
    async def away(self, folder: Path) -> AsyncIterator[Channel]:
        """A channel whose provider is not there."""
        raise NotImplementedError
        yield

    async def one(self, world: World, address: str) -> SendAnswer:
        return await world.channel.send(message(address=address))

    def test_a_refusal_is_rejected(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            answer = await self.one(world, self.refused)
            assert isinstance(answer, Rejected if self.knows_why else Unanswered), answer
            assert answer.reason

        self.run(tmp_path, scenario)

    def test_not_now_is_try_later(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            answer = await self.one(world, self.later)
            assert isinstance(answer, TryLater if self.knows_why else Unanswered), answer

        self.run(tmp_path, scenario)

    def test_a_line_that_breaks_after_handing_over_is_unknown(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            assert isinstance(await self.one(world, self.lost), Unanswered)
            await until(lambda: len(world.arrived()) == 1)  # it did arrive: sending again would be twice

            async def again() -> bool:
                return isinstance(await world.channel.send(message("d2", self.good(2))), Sent)

            for _ in range(100):  # the channel mends itself
                if await again():
                    break
                await asyncio.sleep(0.05)
            else:
                raise AssertionError("the channel did not come back")
            assert len(world.arrived()) == 2

        self.run(tmp_path, scenario)

    def test_a_provider_that_is_away_is_try_later(self, tmp_path: Path) -> None:
        async def scene() -> None:
            async with self.away(tmp_path) as channel:
                answer = await channel.send(message(address=self.good(1)))
                assert isinstance(answer, TryLater), answer
                assert answer.all

        asyncio.run(scene())
