"""Webhooks to a real server, their signatures checked by the public verifier of Standard Webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from opportune.delivery import Channel, Rejected, Sent, TryLater, Unanswered
from opportune.delivery.channels.webhook import BODY_BYTES_MAX, WebhookAccount, WebhookChannel
from tests.delivery.suite import ProviderSuite, World, message
from tests.delivery.web_server import Hook, web_server

OLD, NEW, OTHER = ("whsec_" + letter * 32 for letter in "OMQ")


@asynccontextmanager
async def opened(**more: Any) -> AsyncIterator[tuple[World, Hook]]:
    with web_server() as hook:
        settings: dict[str, Any] = {"secrets": (NEW,), "timeout_s": 5.0} | more
        channel = WebhookChannel(WebhookAccount(url=f"http://127.0.0.1:{hook.port}/hook", **settings))
        world = World(channel, lambda: [(body["data"]["key"], body["data"]["text"]) for body in hook.bodies()])
        await channel.open(world.keep)
        try:
            yield world, hook
        finally:
            await channel.close()


class TestWebhook(ProviderSuite):
    refused, later, lost = "refused", "later", "lost"

    @staticmethod
    def good(number: int) -> str:
        return f"device-{number}"

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        async with opened() as (world, _):
            yield world

    @asynccontextmanager
    async def away(self, folder: Path) -> AsyncIterator[Channel]:
        channel = WebhookChannel(WebhookAccount("http://127.0.0.1:1/hook", (NEW,)))
        await channel.open(World(channel, list).keep)
        yield channel
        await channel.close()

    def test_a_message_without_words_is_rejected_and_goes_nowhere(self, tmp_path: Path) -> None:
        """Here the words may be the other system's: a message of data alone is whole."""

        async def scenario(world: World) -> None:
            assert isinstance(await world.channel.send(message(text="x" * BODY_BYTES_MAX)), Rejected)
            assert not world.arrived()

        self.run(tmp_path, scenario)


def play(scenario: Any, **more: Any) -> None:
    async def scene() -> None:
        async with asyncio.timeout(60), opened(**more) as (world, hook):
            await scenario(world, hook)

    asyncio.run(scene())


def test_the_public_verifier_accepts_the_old_and_the_new_secret_and_no_other() -> None:
    async def scenario(world: World, hook: Hook) -> None:
        assert isinstance(await world.channel.send(message("d42", "device", variables={"used": 80})), Sent)
        headers, body = hook.taken[0]
        for secret in (OLD, NEW):
            told = Webhook(secret).verify(body, headers)
            assert told["data"]["variables"] == {"used": 80}
        assert headers["webhook-id"] == "d42"
        with pytest.raises(WebhookVerificationError):
            Webhook(OTHER).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(body.replace(b"80", b"81"), headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(NEW).verify(body, headers | {"webhook-id": "d43"})

    play(scenario, secrets=(NEW, OLD))


@pytest.mark.parametrize(
    ("word", "answer"),
    [("gone", Rejected("gone", disables=True)), ("busy", TryLater("http_429", 7_000, all=True)),
     ("bad_gateway", TryLater("http_502", None, all=True)), ("moved", Rejected("http_302"))],
)  # fmt: skip
def test_every_status_is_told_apart(word: str, answer: object) -> None:
    async def scenario(world: World, hook: Hook) -> None:
        assert await world.channel.send(message(address=word)) == answer
        assert hook.asked == 1  # a redirect is not followed

    play(scenario)


def test_silence_is_unknown() -> None:
    async def scenario(world: World, hook: Hook) -> None:
        answer = await world.channel.send(message(address="silent"))
        assert isinstance(answer, Unanswered)
        assert len(hook.taken) == 1

    play(scenario, timeout_s=0.3)


def test_a_test_send_is_marked_and_empty_fields_stay_out() -> None:
    async def scenario(world: World, hook: Hook) -> None:
        await world.channel.send(message("test-1", "device", test=True))
        data = json.loads(hook.taken[0][1])["data"]
        assert data["test"] is True
        assert "html" not in data

    play(scenario)


@pytest.mark.parametrize(
    ("url", "secret"),
    [("ftp://example.com", NEW), ("http://", NEW), ("https://example.com", "whsec_short"),
     ("https://example.com", NEW.removeprefix("whsec_")), ("https://example.com", "whsec_" + "#" * 32)],
)  # fmt: skip
def test_a_wrong_account_is_refused_at_once(url: str, secret: str) -> None:
    with pytest.raises(ValueError, match=r"https?://|whsec_"):
        WebhookChannel(WebhookAccount(url, (secret,)))
