"""An SMTP server that behaves as the local part of an address asks: refused, later, busy, lost, early; all else is taken."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "opportune", "correct horse"


@dataclass
class Mailbox:
    """What the server took, in order; `ca_file` is what trusts its certificate."""

    port: int = 0
    ca_file: str = ""
    envelopes: list[tuple[str, str, bytes, bool]] = field(default_factory=list)  # (sender, recipient, data, over TLS)
    connections: int = 0

    def mails(self) -> list[EmailMessage]:
        """The mails, parsed."""
        return [message_from_bytes(data, policy=policy.default) for _, _, data, _ in self.envelopes]

    def texts(self) -> list[tuple[str, str]]:
        """(address, text) of each mail."""
        found = []
        for mail in self.mails():
            body = mail.get_body(("plain", "html"))
            assert body is not None
            found.append((str(mail["To"]), body.get_content().strip()))
        return found


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        match address.partition("@")[0]:
            case "refused":
                return "550 5.1.1 no such mailbox"
            case "later":
                return "451 4.2.2 mailbox is busy"
            case "busy":
                return "421 4.3.2 too many mails, come back"
            case "early":
                server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        taken = (envelope.mail_from, envelope.rcpt_tos[0], envelope.content, session.ssl is not None)
        match envelope.rcpt_tos[0].partition("@")[0]:
            case "spam":
                return "554 5.7.1 looks like spam"
            case "full":
                return "452 4.3.1 no room"
            case "lost":
                server.transport.abort()
        self.mailbox.envelopes.append(taken)
        return f"250 2.0.0 queued as Q{len(self.mailbox.envelopes)}"


class _Counting(SMTP):
    mailbox: Mailbox

    def connection_made(self, transport: Any) -> None:
        if self.session is None:
            self.mailbox.connections += 1
        super().connection_made(transport)


@asynccontextmanager
async def mail_server(folder: Path) -> AsyncIterator[Mailbox]:
    """A server on loopback that wants STARTTLS and a login."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    mailbox = Mailbox(ca_file=str(folder / "ca.pem"))

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    def factory() -> SMTP:
        server = _Counting(
            _Handler(mailbox), tls_context=context, require_starttls=True, authenticator=login, auth_required=True
        )
        server.mailbox = mailbox
        return server

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        mailbox.port = server.sockets[0].getsockname()[1]
        yield mailbox
    finally:
        server.close()
