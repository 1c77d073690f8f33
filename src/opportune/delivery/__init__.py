"""A decision becomes a message: outbox by decision key, lanes that pace and retry, channels, content; receipts come back as reports."""

from opportune.delivery.accounts import account_folder, channel_of
from opportune.delivery.channel import Channel, ChannelMissingError, ReceiptHandler
from opportune.delivery.content import (
    PlacedProblem, Rendered, check_offer_content, choose_language, content_variables, render_content, templates_of,
)  # fmt: skip
from opportune.delivery.delivered_files import forget_in_files
from opportune.delivery.dispatcher import Dispatcher, LaneHealth, utc_day_ms
from opportune.delivery.lane import Compose, Lane
from opportune.delivery.links import (
    Click, Unsubscription, is_bot, open_link, open_unsubscribe, sign_link, sign_unsubscribe,
)  # fmt: skip
from opportune.delivery.mail_reports import parse_report
from opportune.delivery.message import (
    Deferred, Message, ProviderReceipt, Rejected, SendAnswer, Sent, TryLater, Unanswered, Withheld,
)  # fmt: skip
from opportune.delivery.pace import Clock, SystemClock, TokenBucket, backoff_ms
from opportune.delivery.signatures import open_signed, sign
from opportune.delivery.sms_text import SmsLength, sms_length
from opportune.delivery.templates import ContentProblem, TemplateFailedError, check_content, render

__all__ = [
    "Channel", "ChannelMissingError", "Click", "Clock", "Compose", "ContentProblem", "Deferred", "Dispatcher", "Lane",
    "LaneHealth", "Message", "PlacedProblem", "ProviderReceipt", "ReceiptHandler", "Rejected", "Rendered",
    "SendAnswer", "Sent", "SmsLength", "SystemClock", "TemplateFailedError", "TokenBucket", "TryLater", "Unanswered",
    "Unsubscription", "Withheld", "account_folder", "backoff_ms", "channel_of", "check_content",
    "check_offer_content", "choose_language", "content_variables", "forget_in_files", "is_bot", "open_link", "open_signed", "open_unsubscribe",
    "parse_report", "render", "render_content", "sign", "sign_link", "sign_unsubscribe", "sms_length", "templates_of",
    "utc_day_ms",
]  # fmt: skip
