"""Tracked links and unsubscription links: short signed tokens, and how a person's click is told from a machine's."""

import re

import msgspec

from opportune.delivery.signatures import open_signed, sign

FAST_MS = 1_000
"""Nobody has read a message sooner; mail scanners follow links the moment a mail comes in."""

_LINK, _UNSUBSCRIBE = "link", "unsubscribe"
_NUMBER = re.compile(r"0|[1-9]\d{0,17}")
_BOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|scan|fetch|monitor|headless|proofpoint|mimecast|barracuda|safelinks|"
    r"facebookexternalhit|whatsapp|telegram|wechat.*prefetch|googleimageproxy|yahoomailproxy|okhttp|"
    r"curl|wget|python-|java/|go-http-client|libwww|httpclient|node-fetch|axios",
    re.IGNORECASE,
)


class Click(msgspec.Struct, frozen=True):
    """What a link's token says: the message's key and the number of the address it leads to."""

    key: str
    number: int


class Unsubscription(msgspec.Struct, frozen=True, array_like=True):
    """What an unsubscription's token says; `channel` is empty for every channel, `key` is the message that carried it."""

    customer: int
    purpose: str
    channel: str = ""
    key: str = ""


def sign_link(secret: bytes, key: str, number: int) -> str:
    """A token of about 20 characters for a decision's number. Raises ValueError for a short secret or a negative number."""
    if number < 0:
        raise ValueError(f"an address has a number from 0, not {number}")
    # A key that is a number is written as one: the token goes into SMS.
    plain = _NUMBER.fullmatch(key) is not None
    body = _varint(number << 1 | plain) + (_varint(int(key)) if plain else key.encode())
    return sign(secret, _LINK, body)


def open_link(secret: bytes, token: str) -> Click | None:
    """What a token says that `sign_link` made with this secret; None for any other."""
    body = open_signed(secret, _LINK, token)
    if body is None:
        return None
    head, rest = _read_varint(body)
    key = str(_read_varint(rest)[0]) if head & 1 else rest.decode()
    return Click(key, head >> 1)


def sign_unsubscribe(secret: bytes, said: Unsubscription) -> str:
    """A token by which this customer, and nobody else, withdraws this consent. It has no end: laws want the link to work."""
    return sign(secret, _UNSUBSCRIBE, msgspec.msgpack.encode(said))


def open_unsubscribe(secret: bytes, token: str) -> Unsubscription | None:
    """What a token says that `sign_unsubscribe` made with this secret; None for any other."""
    body = open_signed(secret, _UNSUBSCRIBE, token)
    return None if body is None else msgspec.msgpack.decode(body, type=Unsubscription)


def is_bot(user_agent: str, method: str, ms_since_sent: int | None) -> str | None:
    """Why a click is taken for a machine's (`method`, `no_user_agent`, `user_agent`, `too_fast`), None where it is a person's.

    `ms_since_sent` is None where that is not known.
    """
    if method.upper() not in ("GET", "POST"):
        return "method"
    if not user_agent.strip():
        return "no_user_agent"
    if _BOTS.search(user_agent):
        return "user_agent"
    if ms_since_sent is not None and ms_since_sent < FAST_MS:
        return "too_fast"
    return None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(body: bytes) -> tuple[int, bytes]:
    number = 0
    for place, byte in enumerate(body):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, body[place + 1 :]
    return number, b""
