"""Channels that lead to places of our own: inbox, work items, files; and Apprise, which leads anywhere."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opportune.delivery import Channel, ChannelMissingError, Message, Rejected, Sent, TryLater, channel_of
from opportune.delivery.channels.apprise import AppriseAccount, AppriseChannel
from opportune.delivery.channels.file import FileAccount, FileChannel
from opportune.delivery.channels.inbox import InboxChannel
from opportune.delivery.channels.work_items import WorkItemsChannel
from opportune.store import Inbox, People, Secrets, WorkItems
from tests.delivery.suite import ChannelSuite, ProviderSuite, World, message
from tests.delivery.web_server import web_server

SECRETS = Secrets(bytes(range(16)))


class TestInbox(ChannelSuite):
    @staticmethod
    def good(number: int) -> str:
        return ""

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        inbox = Inbox(folder, People(folder, SECRETS))
        world = World(InboxChannel(inbox), lambda: [(i.key, i.body["text"]) for i in inbox.pull(7, "t1", 1, 100)])
        await world.channel.open(world.keep)
        yield world
        await world.channel.close()
        inbox.close()

    def test_the_same_key_again_is_the_same_item(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            first, second = [await world.channel.send(message()) for _ in range(2)]
            assert first == second
            assert isinstance(first, Sent)
            assert not first.presented
            assert len(world.arrived()) == 1

        self.run(tmp_path, scenario)

    def test_a_body_too_large_is_rejected(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            assert isinstance(await world.channel.send(message(text="x" * 70_000)), Rejected)

        self.run(tmp_path, scenario)


class TestWorkItems(ChannelSuite):
    @staticmethod
    def good(number: int) -> str:
        return ""

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        items = WorkItems(folder, People(folder, SECRETS))
        world = World(WorkItemsChannel(items), lambda: [(i.key, i.body["script"]) for i in items.items("t1")])
        await world.channel.open(world.keep)
        yield world
        await world.channel.close()
        items.close()

    def test_the_address_stays_out(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            assert isinstance(await world.channel.send(message(address="+8613912345678")), Sent)

        self.run(tmp_path, scenario)
        found = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"13912345678" not in found
        assert "你好".encode() not in found  # sealed under her key


class _FileSuite(ChannelSuite):
    form = "ndjson"

    @staticmethod
    def good(number: int) -> str:
        return f"+861390000{number:04}"

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        channel = channel_of("file", {"folder": str(folder / "out"), "form": self.form})
        world = World(channel, lambda: self.lines(folder / "out"))
        await channel.open(world.keep)
        yield world
        await channel.close()

    def lines(self, folder: Path) -> list[tuple[str, str]]:
        raise NotImplementedError

    def test_a_message_without_words_is_rejected_and_goes_nowhere(self, tmp_path: Path) -> None:
        """Here the words may be the other system's; what cannot be a file's name is rejected."""

        async def scenario(world: World) -> None:
            for name in ("", "../up", "a/b", "x" * 64):
                bad = Message(key="d1", touchpoint=name, customer=7, address="1")
                assert isinstance(await world.channel.send(bad), Rejected)
            assert not list(tmp_path.rglob("*.ndjson")) + list(tmp_path.rglob("*.csv"))

        self.run(tmp_path, scenario)


class TestNdjson(_FileSuite):
    def lines(self, folder: Path) -> list[tuple[str, str]]:
        rows = [json.loads(line) for path in folder.glob("t1-*.ndjson") for line in path.read_text().splitlines()]
        return [(row["key"], row["text"]) for row in rows]

    def test_a_line_cut_short_by_a_crash_stays_alone(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            await world.channel.send(message("d1"))
            path = next(tmp_path.rglob("*.ndjson"))
            path.write_bytes(path.read_bytes() + b'{"key": "half')
            await world.channel.send(message("d2"))
            lines = path.read_bytes().splitlines()
            assert [json.loads(lines[0])["key"], lines[1], json.loads(lines[2])["key"]] == [
                "d1",
                b'{"key": "half',
                "d2",
            ]

        self.run(tmp_path, scenario)

    def test_a_folder_that_is_gone_is_try_later(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            channel = FileChannel(FileAccount(str(tmp_path / "nowhere")))
            answer = await channel.send(message())
            assert isinstance(answer, TryLater)
            assert answer.all

        asyncio.run(scenario())


class TestCsv(_FileSuite):
    form = "csv"

    def lines(self, folder: Path) -> list[tuple[str, str]]:
        found = []
        for path in folder.glob("t1-*.csv"):
            with path.open(newline="") as file:
                found += [(row["key"], row["text"]) for row in csv.DictReader(file)]
        return found

    def test_formulas_are_made_harmless_and_numbers_stay(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            await world.channel.send(message("d1", "+8613900000001", text='=cmd()\n"x"'))
            with next(tmp_path.rglob("*.csv")).open(newline="") as file:
                row = next(csv.DictReader(file))
            assert row["text"] == '\'=cmd()\n"x"'
            assert row["address"] == "+8613900000001"

        self.run(tmp_path, scenario)


class TestApprise(ProviderSuite):
    refused, later, lost = "refused", "later", "lost"
    knows_why = False

    @staticmethod
    def good(number: int) -> str:
        return f"room-{number}"

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        with web_server() as hook:
            channel = AppriseChannel(AppriseAccount(f"json://127.0.0.1:{hook.port}/{{address}}"))
            world = World(channel, lambda: [(body["title"], body["message"]) for body in hook.bodies()])
            await channel.open(world.keep)
            yield world
            await channel.close()

    @asynccontextmanager
    async def away(self, folder: Path) -> AsyncIterator[Channel]:
        yield AppriseChannel(AppriseAccount("json://127.0.0.1:1/{address}"))


@pytest.mark.parametrize("url", ["", "nothing://x", "http", "json://"])
def test_a_url_of_no_service_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="Apprise"):
        AppriseChannel(AppriseAccount(url))


@pytest.mark.parametrize(
    ("by", "settings", "told"),
    [("smtp", {"host": "h", "sender": "a@b.example", "domain": "b.example", "secret": "c2hvcnQ="}, "at least 16 bytes"),
     ("pigeon", {}, "pigeon"), ("inbox", {}, "inbox"), ("smtp", {"host": "h"}, "sender"), ("file", {"folder": 3}, "folder"),
     ("webhook", {"url": "x", "secrets": []}, "http"), ("smpp", {"hots": "x"}, "hots")],
)  # fmt: skip
def test_wrong_settings_are_told_with_the_field(by: str, settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        channel_of(by, settings)


def test_a_missing_library_names_the_extra() -> None:
    assert "opportune[channels]" in str(ChannelMissingError("apprise"))
