"""Tokens of decisions: whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.operations.tokens import DecisionToken, TokenError, open_decision, sign_decision

KEY = b"0123456789abcdef"
NUMBERS = st.tuples(
    st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**62),
)  # fmt: skip


@given(NUMBERS)
def test_what_is_signed_is_read(numbers: tuple[int, ...]) -> None:
    decision = DecisionToken(*numbers)
    assert open_decision(KEY, sign_decision(KEY, decision)) == decision


@given(NUMBERS, st.integers(0, 70), st.sampled_from("abcXYZ019-_"))
def test_a_changed_letter_is_seen(numbers: tuple[int, ...], place: int, letter: str) -> None:
    token = sign_decision(KEY, DecisionToken(*numbers))
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(TokenError):
            open_decision(KEY, changed)


@pytest.mark.parametrize("token", ["", "AAAA", "x" * 80, "A" * 64, "é"])
def test_nonsense_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        open_decision(KEY, token)


def test_another_deployments_token_is_refused() -> None:
    token = sign_decision(KEY, DecisionToken(1, 2, 3, 4, 5, 6, 7))
    with pytest.raises(TokenError):
        open_decision(b"another deployme", token)
