"""Chat and push services by Apprise, which speaks to more than a hundred of them by URL."""

import asyncio
from urllib.parse import quote

import apprise
import msgspec

from opportune.delivery.channel import ReceiptHandler
from opportune.delivery.message import Message, Rejected, SendAnswer, Sent, TryLater, Unanswered

PROBE_S = 3.0
_DEFAULT_PORTS = {True: 443, False: 80}


class AppriseAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service as an Apprise URL; `{address}` in it stands for the customer's address."""

    url: str


class AppriseChannel:
    """The channel of one account.

    Apprise says yes or no, and not why: a no after the service was reached is unknown, because it may have been heard.
    """

    def __init__(self, account: AppriseAccount) -> None:
        """Raises ValueError where the URL is of no service that Apprise knows."""
        if _target(account.url, "0") is None:
            raise ValueError("the account's url is of no service that Apprise knows; see its list of services")
        self._url = account.url

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Nothing: each message is a connection of its own."""

    async def close(self) -> None:
        """Nothing is kept."""

    async def send(self, message: Message) -> SendAnswer:
        """Notify one customer."""
        target = _target(self._url, message.address)
        if target is None or ("{address}" in self._url and not message.address):
            return Rejected("bad_address")
        body = message.text or message.html
        if not body:
            return Rejected("bad_message: no text")
        if not await _reachable(target):
            return TryLater("no_connection", all=True)
        format_ = apprise.NotifyFormat.TEXT if message.text else apprise.NotifyFormat.HTML
        taken = await target.async_notify(body=body, title=message.subject, body_format=format_)
        return Sent() if taken else Unanswered("not_taken")


def _target(url: str, address: str) -> "apprise.NotifyBase | None":
    return apprise.Apprise.instantiate(url.replace("{address}", quote(address, safe="")), suppress_exceptions=True)


async def _reachable(target: "apprise.NotifyBase") -> bool:
    """Whether anybody listens, where the URL names the host itself: then nothing was handed over yet."""
    host = getattr(target, "host", None)
    schema_host = getattr(type(target), "notify_url", None)
    if not host or schema_host:
        return True
    port = target.port or _DEFAULT_PORTS[bool(target.secure)]
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), PROBE_S)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
