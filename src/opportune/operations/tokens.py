"""Signed tokens: what a touchpoint needs to answer for a decision, and nothing that it could change.

A token says all that a receipt is made of, so no table has to be asked; the signature is keyed by the deployment.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from typing import NamedTuple

_FORM = struct.Struct("<qqIHHHq")
_SIGNATURE_BYTES = 12
_PREFIX = "d_"


class TokenError(ValueError):
    """The token was not given by this deployment, or not whole."""


class DecisionToken(NamedTuple):
    """One decision at one touchpoint: numbers as in DECISION and MOVE; `until_ms` is the end of the lease (0: no lease)."""

    decision: int
    decided_seq: int
    customer: int
    campaign: int
    offer: int
    touchpoint: int
    until_ms: int


def sign_decision(key: bytes, decision: DecisionToken) -> str:
    """The token, as a text that is safe in a URL."""
    body = _FORM.pack(*decision)
    return _PREFIX + base64.urlsafe_b64encode(body + _signature(key, body)).decode().rstrip("=")


def open_decision(key: bytes, token: str) -> DecisionToken:
    """What a token says. Raises TokenError."""
    try:
        raw = base64.b64decode(token.removeprefix(_PREFIX) + "==", altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise TokenError("the decision's token is damaged; send it back as it was given") from None
    body, signature = raw[: _FORM.size], raw[_FORM.size :]
    if (
        not token.startswith(_PREFIX)
        or len(body) != _FORM.size
        or not hmac.compare_digest(signature, _signature(key, body))
    ):
        raise TokenError("the decision's token was not given by this deployment; send it back as it was given")
    return DecisionToken(*_FORM.unpack(body))


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"decision\0" + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
