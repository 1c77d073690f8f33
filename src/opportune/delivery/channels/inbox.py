"""Messages that lie ready for apps and web pages. Placing shows nothing; what the app says later is reported by the inbox itself."""

import asyncio

from opportune.delivery.channel import ReceiptHandler, said
from opportune.delivery.message import Message, Rejected, SendAnswer, Sent, TryLater
from opportune.delivery.pace import Clock, SystemClock
from opportune.store import Inbox, StoreFailedError


class InboxChannel:
    """The channel into the inboxes of a data folder."""

    def __init__(self, inbox: Inbox, clock: Clock | None = None) -> None:
        """The inbox is the caller's to close."""
        self._inbox = inbox
        self._clock = clock or SystemClock()

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def send(self, message: Message) -> SendAnswer:
        """Place a message, once per key however often it is sent."""
        body = {
            name: value
            for name in ("language", "subject", "text", "html", "unsubscribe", "campaign", "offer")
            if (value := getattr(message, name))
        }
        if not message.text and not message.html:
            return Rejected("bad_message: no content")
        if message.test:
            body["test"] = True
        place = (message.key, message.touchpoint, message.customer, body, self._clock.now_ms(), message.until_ms)
        try:
            number = await asyncio.to_thread(self._inbox.place, *place)
        except StoreFailedError as error:
            return TryLater(f"not_stored: {said(error)}", all=True)
        except ValueError as error:
            return Rejected(f"bad_message: {said(error)}")
        return Sent((str(number),), presented=False)
