"""E-mail through a real SMTP server with STARTTLS and a login: what is sent, what is answered, what is kept open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opportune.delivery import Channel, Message, Rejected, Sent, TryLater
from opportune.delivery.channels.smtp import MESSAGES_PER_CONNECTION_MAX, SmtpAccount, SmtpChannel
from opportune.delivery.mail_reports import key_of
from tests.delivery.mail_server import PASSWORD, USER, Mailbox, mail_server
from tests.delivery.suite import ProviderSuite, World, message

SECRET = b"0123456789abcdef"


def account(mailbox: Mailbox, **more: Any) -> SmtpAccount:
    settings: dict[str, Any] = {"user": USER, "password": PASSWORD, "ca_file": mailbox.ca_file, "timeout_s": 5.0} | more
    return SmtpAccount(
        host="localhost", port=mailbox.port, sender="Shop <shop@example.com>", domain="example.com", secret=SECRET, **settings
    )  # fmt: skip


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[tuple[World, Mailbox]]:
    async with mail_server(folder) as mailbox:
        channel = SmtpChannel(account(mailbox, **more))
        world = World(channel, mailbox.texts)
        await channel.open(world.keep)
        try:
            yield world, mailbox
        finally:
            await channel.close()


class TestSmtp(ProviderSuite):
    refused, later, lost = "refused@example.com", "later@example.com", "lost@example.com"

    @staticmethod
    def good(number: int) -> str:
        return f"c{number}@example.com"

    @asynccontextmanager
    async def world(self, folder: Path) -> AsyncIterator[World]:
        async with opened(folder) as (world, _):
            yield world

    @asynccontextmanager
    async def away(self, folder: Path) -> AsyncIterator[Channel]:
        yield SmtpChannel(account(Mailbox(port=1)))


def play(folder: Path, scenario: Any, **more: Any) -> None:
    async def scene() -> None:
        async with asyncio.timeout(60), opened(folder, **more) as (world, mailbox):
            await scenario(world, mailbox)

    asyncio.run(scene())


FULL = Message(
    key="d42", touchpoint="mail", customer=7, address="ann@example.com", subject="优惠 – an offer", text="Hällo\n.\n你好",
    html="<p>Hällo <b>你好</b></p>", unsubscribe="https://shop.example.com/u/" + "t" * 120,
    unsubscribe_mail="stop@shop.example.com", language="zh",
)  # fmt: skip


def test_a_mail_has_text_and_html_and_one_click_unsubscription(tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        answer = await world.channel.send(FULL)
        assert isinstance(answer, Sent)
        assert "Q1" in answer.provider_ids[0]
        sender, recipient, raw, encrypted = mailbox.envelopes[0]
        assert (sender, recipient, encrypted) == ("shop@example.com", "ann@example.com", True)
        mail = mailbox.mails()[0]
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert plain is not None
        assert html is not None
        assert plain.get_content().split("\r\n") == ["Hällo", ".", "你好", ""]
        assert html.get_content().strip() == FULL.html
        assert mail["Subject"] == FULL.subject
        assert mail["From"] == "Shop <shop@example.com>"
        # As bytes: neither folded nor encoded, or mailboxes do not find the link.
        assert f"List-Unsubscribe: <{FULL.unsubscribe}>, <mailto:stop@shop.example.com>\r\n".encode() in raw
        assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
        assert mail["X-Test-Message"] is None
        assert key_of(mail["Message-ID"], SECRET) == "d42"
        assert key_of(mail["Message-ID"], b"another secret..") is None

    play(tmp_path, scenario)


def test_the_message_id_is_the_same_on_every_attempt(tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        for _ in range(2):
            assert isinstance(await world.channel.send(FULL), Sent)
        first, second = mailbox.mails()
        assert first["Message-ID"] == second["Message-ID"]

    play(tmp_path, scenario)


def test_connections_are_kept_and_renewed(tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        for number in range(MESSAGES_PER_CONNECTION_MAX + 3):
            assert isinstance(await world.channel.send(message(f"d{number}", "ann@example.com")), Sent)
        assert isinstance(await world.channel.send(message("d500", "refused@example.com")), Rejected)
        assert isinstance(await world.channel.send(message("d501", "ann@example.com")), Sent)
        assert mailbox.connections == 2

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("who", "kind", "rest"),
    [("spam", Rejected, None), ("full", TryLater, False), ("busy", TryLater, True), ("early", TryLater, False)],
)  # fmt: skip
def test_every_answer_of_the_server_is_told_apart(who: str, kind: type, rest: bool | None, tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        answer = await world.channel.send(message(address=f"{who}@example.com"))
        assert isinstance(answer, kind), answer
        assert not isinstance(answer, TryLater) or answer.all is rest
        assert not mailbox.envelopes
        assert isinstance(await world.channel.send(message("d2", "ann@example.com")), Sent)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "bad",
    [
        {"address": "no address"},
        {"address": "a@example.com, b@example.com"},
        {"address": ""},
        {"subject": "a\r\nBcc: all@example.com"},
        {"unsubscribe": "https://x.example\r\nBcc: all@example.com"},
        {"key": "a b"},
        {"subject": "x" * 1_000},
    ],
)
def test_what_would_break_a_header_is_rejected(bad: dict[str, str], tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        fields = {"key": "d1", "touchpoint": "t", "customer": 1, "address": "a@example.com", "text": "x"} | bad
        assert isinstance(await world.channel.send(Message(**fields)), Rejected)  # type: ignore[arg-type]  # the faults under test
        assert not mailbox.envelopes

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("wrong", "why"), [({"password": "guess"}, "535"), ({"ca_file": None}, "CERTIFICATE_VERIFY_FAILED")]
)
def test_a_wrong_password_or_certificate_sends_nothing(wrong: dict[str, Any], why: str, tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        answer = await world.channel.send(message(address="ann@example.com"))
        assert isinstance(answer, TryLater)
        assert answer.all
        assert why in answer.reason
        assert not mailbox.envelopes

    play(tmp_path, scenario, **wrong)


def test_a_test_send_is_marked(tmp_path: Path) -> None:
    async def scenario(world: World, mailbox: Mailbox) -> None:
        await world.channel.send(message("test-1", "ann@example.com", test=True))
        assert mailbox.mails()[0]["X-Test-Message"] == "yes"

    play(tmp_path, scenario)
