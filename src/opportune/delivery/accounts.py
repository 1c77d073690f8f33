"""Channels made from a touchpoint's `delivery.by` and the settings of its account; a channel's library is loaded only when it is used."""

import importlib
from pathlib import Path
from typing import Any

import msgspec

from opportune.delivery.channel import Channel, ChannelMissingError
from opportune.delivery.channels.inbox import InboxChannel
from opportune.delivery.channels.work_items import WorkItemsChannel
from opportune.delivery.pace import Clock
from opportune.store import Inbox, WorkItems

_BY_ACCOUNT = {
    "smtp": ("smtp", "SmtpAccount", "SmtpChannel"),
    "smpp": ("smpp", "SmppAccount", "SmppChannel"),
    "webhook": ("webhook", "WebhookAccount", "WebhookChannel"),
    "apprise": ("apprise", "AppriseAccount", "AppriseChannel"),
    "file": ("file", "FileAccount", "FileChannel"),
}
_CLOCKED = ("smtp", "webhook", "file")


def channel_of(
    by: str, settings: dict[str, Any], inbox: Inbox | None = None, items: WorkItems | None = None,
    clock: Clock | None = None,
) -> Channel:  # fmt: skip
    """The channel of an account. `settings` are the account's fields as text, numbers and lists (`secret` of smtp in base64).

    Raises ValueError with field and cause where they are wrong, ChannelMissingError where a library is missing.
    """
    if by == "inbox" and inbox is not None:
        return InboxChannel(inbox, clock)
    if by == "work_items" and items is not None:
        return WorkItemsChannel(items, clock)
    if by not in _BY_ACCOUNT:
        raise ValueError(
            f"no channel `{by}` can be made here; there are {', '.join(_BY_ACCOUNT)}, inbox and work_items"
        )
    file, account_name, channel_name = _BY_ACCOUNT[by]
    try:
        module = importlib.import_module(f"opportune.delivery.channels.{file}")
    except ModuleNotFoundError as error:
        raise ChannelMissingError(error.name or by) from error
    try:
        account = msgspec.convert(settings, getattr(module, account_name), strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"the account of a {by} touchpoint: {error}") from error
    channel: Channel = getattr(module, channel_name)(account, **({"clock": clock} if by in _CLOCKED else {}))
    return channel


def account_folder(settings: dict[str, Any], data_folder: Path) -> dict[str, Any]:
    """The settings of a file account with its folder taken as inside the data folder where it is relative."""
    folder = settings.get("folder")
    return settings if folder is None else settings | {"folder": str(data_folder / folder)}
