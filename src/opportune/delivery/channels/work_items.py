"""Messages that people deliver: each becomes a work item of a call list or shop desk, with its script and its time."""

import asyncio

from opportune.delivery.channel import ReceiptHandler, said
from opportune.delivery.message import Message, Rejected, SendAnswer, Sent, TryLater
from opportune.delivery.pace import Clock, SystemClock
from opportune.store import StoreFailedError, WorkItems


class WorkItemsChannel:
    """The channel onto the lists of a data folder."""

    def __init__(self, items: WorkItems, clock: Clock | None = None) -> None:
        """The work items are the caller's to close."""
        self._items = items
        self._clock = clock or SystemClock()

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def send(self, message: Message) -> SendAnswer:
        """Put an item on the touchpoint's list, once per key. Addresses stay out: the desk looks them up when it calls."""
        body = {
            name: value
            for name in ("language", "subject", "script", "text", "campaign", "offer")
            if (value := getattr(message, name))
        }
        if not message.script and not message.text:
            return Rejected("bad_message: no script")
        if message.test:
            body["test"] = True
        place = (message.key, message.touchpoint, message.customer, body, self._clock.now_ms(), message.until_ms)
        try:
            number = await asyncio.to_thread(self._items.place, *place)
        except StoreFailedError as error:
            return TryLater(f"not_stored: {said(error)}", all=True)
        except ValueError as error:
            return Rejected(f"bad_message: {said(error)}")
        return Sent((str(number),), presented=False)
