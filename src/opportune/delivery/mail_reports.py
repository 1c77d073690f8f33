"""Bounces and complaints that come back by mail: delivery status notifications (RFC 3464) and feedback reports (RFC 5965)."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from opportune.delivery.channel import said
from opportune.delivery.message import ProviderReceipt
from opportune.store import Stage

REPORT_BYTES_MAX = 1_000_000
_COMPLAINTS = {"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other"}
_SAFE_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_OURS = re.compile(r"<?([A-Za-z0-9_-]{1,100})\.([0-9a-f]{16})@")


def message_id(key: str, domain: str, secret: bytes) -> str:
    """The Message-ID of a key, the same on every attempt, signed so that nobody can make up a bounce. Raises ValueError."""
    if not _SAFE_KEY.fullmatch(key):
        raise ValueError(f"`{key[:50]}` cannot be part of a Message-ID; use letters, digits, - and _")
    return f"<{key}.{_tag(key, secret)}@{domain}>"


def key_of(text: str, secret: bytes) -> str | None:
    """The key in a Message-ID of ours, None for others'."""
    match = _OURS.search(text)
    if match is None or not hmac.compare_digest(match[2], _tag(match[1], secret)):
        return None
    return match[1]


def parse_report(raw: bytes, secret: bytes) -> ProviderReceipt | None:
    """What a mail that came back says of one of ours: BOUNCED, DELIVERED or COMPLAINED; None where it says nothing of the kind.

    Raises ValueError beyond REPORT_BYTES_MAX.
    """
    if len(raw) > REPORT_BYTES_MAX:
        raise ValueError(f"a report of {len(raw):,} bytes, more than {REPORT_BYTES_MAX:,}; it is not read")
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    parts = list(mail.walk())
    key = _key(mail, parts, secret)
    if key is None:
        return None
    for part in parts:
        match part.get_content_type():
            case "message/feedback-report":
                return _complaint(key, part)
            case "message/delivery-status":
                return _status(key, part)
    return None


def _key(mail: EmailMessage, parts: Sequence[Message], secret: bytes) -> str | None:
    """From the returned original's Message-ID, whole or headers only; else from what the report refers to."""
    for part in parts:
        kind = part.get_content_type()
        if kind == "text/rfc822-headers":
            text = part.get_payload(decode=True)
            headers = message_from_bytes(text if isinstance(text, bytes) else b"", policy=policy.default)
            if found := key_of(str(headers.get("Message-ID", "")), secret):
                return found
        elif part is not mail and (found := key_of(_header(part, "Message-ID"), secret)):
            return found
    return key_of(_header(mail, "In-Reply-To") + _header(mail, "References"), secret)


def _header(part: Message, name: str) -> str:
    try:
        return str(part.get(name, ""))
    except (ValueError, IndexError, AttributeError):  # broken headers break Python's parser in many ways
        return ""


def _blocks(part: Message) -> list[Message]:
    """The blocks of `Name: value` lines of a machine-readable part."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [block for block in payload if isinstance(block, Message)]
    return [message_from_bytes(str(payload).encode("utf-8", "replace"))]


def _complaint(key: str, part: Message) -> ProviderReceipt | None:
    for block in _blocks(part):
        kind = _header(block, "Feedback-Type").strip().lower()
        if kind in _COMPLAINTS:
            return ProviderReceipt(Stage.COMPLAINED, key=key, reason=kind)
    return None


def _status(key: str, part: Message) -> ProviderReceipt | None:
    for block in _blocks(part):
        action = _header(block, "Action").strip().lower()
        if action == "failed":
            why = f"{_header(block, 'Status')} {_header(block, 'Diagnostic-Code')}"
            return ProviderReceipt(Stage.BOUNCED, key=key, reason=said(why))
        if action == "delivered":
            return ProviderReceipt(Stage.DELIVERED, key=key)
    return None


def _tag(key: str, secret: bytes) -> str:
    return hmac.new(secret, b"message-id\0" + key.encode(), hashlib.sha256).hexdigest()[:16]
