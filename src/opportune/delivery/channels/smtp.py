"""E-mail by SMTP: one message per transaction over a few kept connections."""

import asyncio
import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Literal

import aiosmtplib
import msgspec

from opportune.delivery.channel import ReceiptHandler, said
from opportune.delivery.mail_reports import message_id
from opportune.delivery.message import Message, Rejected, SendAnswer, Sent, TryLater, Unanswered
from opportune.delivery.pace import Clock, SystemClock
from opportune.delivery.signatures import check_secret

CONNECTIONS_MAX = 32
MESSAGES_PER_CONNECTION_MAX = 100
HEADER_CHARACTERS_MAX = 900
_MAILBOX = re.compile(r"[^\s<>\x00-\x1f]+@[^\s<>@]+")


class SmtpAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail server and who we are to it. `secret` signs Message-IDs; `bounce_to` gets bounces (else the sender does).

    `tls`: `starttls` (asked for, and required), `tls` from the first byte, or `none`, which is for a server on the same machine.
    """

    host: str
    sender: str
    domain: str
    secret: bytes
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: str | None = None
    user: str | None = None
    password: str | None = None
    bounce_to: str | None = None
    reply_to: str | None = None
    timeout_s: float = 30.0


class SmtpChannel:
    """The channel of one account."""

    def __init__(self, account: SmtpAccount, clock: Clock | None = None) -> None:
        """Connects to nothing yet. Raises ValueError where the secret is too short to sign Message-IDs with."""
        check_secret(account.secret)
        self._account = account
        self._clock = clock or SystemClock()
        self._idle: list[tuple[aiosmtplib.SMTP, int]] = []
        self._seats = asyncio.Semaphore(CONNECTIONS_MAX)

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Nothing: connections are made when they are needed; bounces come by mail (`parse_report`)."""

    async def close(self) -> None:
        """End all idle connections."""
        while self._idle:
            await _quit(self._idle.pop()[0])

    async def send(self, message: Message) -> SendAnswer:
        """Send one mail. Once its data began to flow, only the server's answer tells; without one it is unknown."""
        try:
            mail = compose_mail(self._account, message, self._clock.now_ms())
        except (ValueError, MessageError, UnicodeError) as error:
            return Rejected(f"bad_message: {said(error)}")
        address = mail["To"].addresses[0].addr_spec
        # Unfolded headers: a folded link is one that mailboxes cannot click.
        body = mail.as_bytes(policy=SMTP_POLICY.clone(max_line_length=998))
        async with self._seats:
            while self._idle:
                answer = await self._transaction(*self._idle.pop(), address, body)
                if not isinstance(answer, TryLater) or not answer.reason.startswith(("connection_lost", "421")):
                    return answer  # else the server had ended a connection that rested: another will do
            client = await self._connect()
            return client if isinstance(client, TryLater) else await self._transaction(client, 0, address, body)

    async def _connect(self) -> aiosmtplib.SMTP | TryLater:
        account = self._account
        client = aiosmtplib.SMTP(
            hostname=account.host, port=account.port, timeout=account.timeout_s, use_tls=account.tls == "tls",
            start_tls=account.tls == "starttls", cert_bundle=account.ca_file, username=account.user,
            password=account.password,
        )  # fmt: skip
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            return TryLater(f"no_connection: {said(error)}", all=True)
        except asyncio.CancelledError:
            client.close()
            raise
        return client

    async def _transaction(self, client: aiosmtplib.SMTP, used: int, address: str, body: bytes) -> SendAnswer:
        """MAIL, RCPT, DATA; the connection is kept only when it is known to be in good order."""
        keep = handed_over = False
        try:
            options = [] if address.isascii() else ["SMTPUTF8"]
            await client.mail(self._account.bounce_to or _bare(self._account.sender), options=options)
            await client.rcpt(address, encoding="utf-8")
            handed_over = True
            response = await client.data(body)
            keep = True
        except aiosmtplib.SMTPResponseException as error:
            keep = error.code != 421 and await _reset(client)
            reason = f"{error.code} {said(error.message)}"
            return TryLater(reason, all=error.code == 421) if 400 <= error.code < 500 else Rejected(reason)
        except (aiosmtplib.SMTPException, OSError) as error:
            if handed_over:
                return Unanswered(f"connection_lost: {said(error)}")
            return TryLater(f"connection_lost: {said(error)}")
        finally:
            if keep and used + 1 < MESSAGES_PER_CONNECTION_MAX:
                self._idle.append((client, used + 1))
            else:
                client.close()
        return Sent((said(response.message),) if response.message else ())


def compose_mail(account: SmtpAccount, message: Message, now_ms: int) -> EmailMessage:
    """The mail: text, HTML as its alternative, one-click unsubscription (RFC 8058). Raises ValueError."""
    mail = EmailMessage(policy=SMTP_POLICY)
    headers = {
        "From": account.sender, "To": message.address, "Subject": message.subject,
        "Date": format_datetime(datetime.fromtimestamp(now_ms / 1_000, UTC)),
        "Message-ID": message_id(message.key, account.domain, account.secret),
        "Reply-To": account.reply_to, "Content-Language": message.language or None,
        "X-Test-Message": "yes" if message.test else None,
    }  # fmt: skip
    for name, value in (headers | _unsubscription(message)).items():
        if value is not None:
            if len(value) > HEADER_CHARACTERS_MAX:
                raise ValueError(f"{name} has {len(value)} characters, more than {HEADER_CHARACTERS_MAX}; shorten it")
            mail[name] = value
    mailboxes = mail["To"].addresses
    if len(mailboxes) != 1 or not mailboxes[0].domain or not _MAILBOX.fullmatch(mailboxes[0].addr_spec):
        raise ValueError("the address is not one mailbox")
    if not message.text and not message.html:
        raise ValueError("there is neither text nor HTML")
    if message.text:
        mail.set_content(message.text, cte="quoted-printable")
    if message.html and message.text:
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    elif message.html:
        mail.set_content(message.html, subtype="html", cte="quoted-printable")
    return mail


def _unsubscription(message: Message) -> dict[str, str | None]:
    links = [f"<{message.unsubscribe}>"] if message.unsubscribe else []
    if message.unsubscribe_mail:
        links.append(f"<mailto:{message.unsubscribe_mail}>")
    one_click = "List-Unsubscribe=One-Click" if message.unsubscribe.startswith("https://") else None
    return {"List-Unsubscribe": ", ".join(links) or None, "List-Unsubscribe-Post": one_click}


def _bare(sender: str) -> str:
    """`a@b` of `Name <a@b>`."""
    return sender.rpartition("<")[2].rstrip("> ")


async def _reset(client: aiosmtplib.SMTP) -> bool:
    """Clear the transaction that was refused; whether the connection is still good."""
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True


async def _quit(client: aiosmtplib.SMTP) -> None:
    try:
        await client.quit()
    except (aiosmtplib.SMTPException, OSError):
        client.close()
