"""The port that every channel fits: one suite of tests (tests/delivery/suite.py) holds for all of them."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from opportune.delivery.message import Message, ProviderReceipt, SendAnswer

ReceiptHandler = Callable[[ProviderReceipt], Awaitable[None]]
"""Called with what comes later; the channel answers its provider only after it returned."""

REASON_CHARACTERS_MAX = 200


class ChannelMissingError(RuntimeError):
    """A channel's library is not installed; the text names the extra that brings it."""

    def __init__(self, library: str) -> None:
        """The one line that helps."""
        super().__init__(f"{library} is not installed; run: pip install 'opportune[channels]'")


class Channel(Protocol):
    """A way out of the house.

    `send` never raises for what the provider says or fails to say: it answers. It may be called up to the lane's
    `in_flight_max` times at once, and may be cancelled: what was begun is then unknown.
    """

    async def open(self, on_receipt: ReceiptHandler) -> None:
        """Make ready. A provider that is away is no error: sends then answer TryLater until it is there."""

    async def send(self, message: Message) -> SendAnswer:
        """Hand one message to the provider and say what became of it."""

    async def close(self) -> None:
        """Let go of everything; may be called twice, and without `open`."""


def said(text: object) -> str:
    """What a provider said, as the tail of a reason: one line, not too long."""
    return " ".join(str(text).split())[:REASON_CHARACTERS_MAX]
