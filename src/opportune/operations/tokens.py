"""Signed tokens: what a touchpoint needs to answer for a decision, and nothing that it could change.

A token says all that a receipt is made of, so no table has to be asked; the signature is keyed by the deployment.
"""

import struct
from typing import NamedTuple

from opportune.delivery import open_signed, sign

_FORM = struct.Struct("<qqIHHHq")
_USE = "decision"


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
    return sign(key, _USE, _FORM.pack(*decision))


def open_decision(key: bytes, token: str) -> DecisionToken:
    """What a token says. Raises TokenError."""
    body = open_signed(key, _USE, token)
    if body is None or len(body) != _FORM.size:
        raise TokenError("the decision's token was not given by this deployment; send it back as it was given")
    return DecisionToken(*_FORM.unpack(body))
