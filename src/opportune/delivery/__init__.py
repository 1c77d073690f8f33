"""A decision becomes a message: outbox by decision key, lanes that pace and retry, channels, content; receipts come back as reports."""

from opportune.delivery.channel import Channel, ChannelMissingError, ReceiptHandler
from opportune.delivery.dispatcher import Dispatcher, LaneHealth, utc_day_ms
from opportune.delivery.lane import Compose, Lane
from opportune.delivery.message import (
    Deferred, Message, ProviderReceipt, Rejected, SendAnswer, Sent, TryLater, Unanswered, Withheld,
)  # fmt: skip
from opportune.delivery.pace import Clock, SystemClock, TokenBucket, backoff_ms

__all__ = [
    "Channel", "ChannelMissingError", "Clock", "Compose", "Deferred", "Dispatcher", "Lane", "LaneHealth", "Message",
    "ProviderReceipt", "ReceiptHandler", "Rejected", "SendAnswer", "Sent", "SystemClock", "TokenBucket", "TryLater",
    "Unanswered", "Withheld", "backoff_ms", "utc_day_ms",
]  # fmt: skip
