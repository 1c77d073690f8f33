"""A message as a channel gets it, and what a channel can answer."""

import msgspec

from opportune.store import Stage


class Message(msgspec.Struct, frozen=True):
    """One message to one customer, ready to go.

    `key` is the decision's number or a test-send's id and the same on every attempt, so a provider that knows it can drop a
    repeat. `address` is what the channel calls an address: a mailbox, a number, a URL. `unsubscribe` is the one-click link (https),
    `unsubscribe_mail` a mailbox that does the same. `variables` are the content's, for channels that send data instead of words.
    """

    key: str
    touchpoint: str
    customer: int
    address: str
    language: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    script: str = ""
    unsubscribe: str = ""
    unsubscribe_mail: str = ""
    variables: dict[str, str | int | bool | None] = {}
    campaign: str = ""
    offer: str = ""
    test: bool = False
    at_least_once: bool = False
    until_ms: int = 0


class Sent(msgspec.Struct, frozen=True):
    """The provider took it; its receipts name the message by one of `provider_ids`.

    `presented` is False where the message only lies ready to be fetched: being shown is said later.
    """

    provider_ids: tuple[str, ...] = ()
    presented: bool = True


class Rejected(msgspec.Struct, frozen=True):
    """It will never be taken: a bad address, refused content. `disables`: nothing else for this touchpoint will be either."""

    reason: str
    disables: bool = False


class TryLater(msgspec.Struct, frozen=True):
    """It was certainly not taken, and may be later: after `after_ms` where the provider says so.

    `all`: the touchpoint as a whole should rest that long (the provider is too busy, or away).
    """

    reason: str
    after_ms: int | None = None
    all: bool = False


class Unanswered(msgspec.Struct, frozen=True):
    """It was handed over and nobody can tell whether it was taken: the line broke, or time ran out."""

    reason: str


SendAnswer = Sent | Rejected | TryLater | Unanswered


class ProviderReceipt(msgspec.Struct, frozen=True):
    """What comes later of a message: named by the provider's id, or by our own key where it came back with it."""

    stage: Stage
    provider_id: str = ""
    key: str = ""
    reason: str = ""


class Withheld(msgspec.Struct, frozen=True):
    """Not to be sent after all (no address, no content, withdrawn meanwhile): the reason as a code."""

    reason: str


class Deferred(msgspec.Struct, frozen=True):
    """Not to be sent before `until_ms`; it uses up no try."""

    until_ms: int
    reason: str
