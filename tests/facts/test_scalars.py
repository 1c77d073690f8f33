"""Scalars: text in, exact integers out, and back again."""

from decimal import ROUND_HALF_UP, localcontext
from decimal import Decimal as Exact

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.facts import (
    PPM,
    Decimal,
    DeploymentDefinition,
    Duration,
    LocalTime,
    Rate,
    decode_scalar,
    encode_scalar,
    parse_duration,
    parse_rate,
    parse_scaled,
    schema_of_scalar,
)  # fmt: skip


class Every(msgspec.Struct):
    """One field of each scalar type."""

    window: Duration
    share: Rate
    start: LocalTime
    price: Decimal


@given(
    st.integers(0, 10**12 - 1),
    st.integers(0, PPM),
    st.integers(0, 1439),
    st.decimals(allow_nan=False, allow_infinity=False, places=4),
)
def test_what_is_encoded_is_decoded(window: int, share: int, start: int, price: Exact) -> None:
    every = Every(Duration(window), Rate(share), LocalTime(start), Decimal(format(price, "f")))
    text = msgspec.json.encode(every, enc_hook=encode_scalar)
    assert msgspec.json.decode(text, type=Every, dec_hook=decode_scalar) == every


@given(
    st.one_of(
        [
            st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=places)
            for places in (0, 2, 9, 25)
        ]
    ),
    st.integers(0, 9),
)
def test_money_is_read_digit_by_digit(amount: Exact, scale: int) -> None:
    with localcontext(prec=80):
        expected = int((amount * 10**scale).to_integral_value(ROUND_HALF_UP))
    assert parse_scaled(str(amount), scale) == expected


def test_money_is_never_a_float() -> None:
    assert parse_scaled("9007199254740993.01", 2) == 900719925474099301
    assert parse_scaled("0.285", 2) == 29  # a float would say 28
    assert [parse_scaled(text, 2) for text in ("1e2", "-.5", "+3.", "12.345E-1")] == [10_000, -50, 300, 123]


@pytest.mark.parametrize(
    ("text", "ms"), [("15m", 900_000), ("1d12h", 129_600_000), ("2w", 1_209_600_000), ("0ms", 0), ("7s", 7_000)]
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "15", "m", "1.5h", "-1d", " 1d", "1d ", "1y"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_rates() -> None:
    assert [parse_rate(text) for text in ("0%", "2.5%", "0.0001%", "100%")] == [0, 25_000, 1, PPM]
    for text in ("101%", "100.0001%", "10", "0.1", "-1%", "1.00001%"):
        with pytest.raises(ValueError, match=r"is (not a percentage|more than)"):
            parse_rate(text)


def test_what_is_no_number() -> None:
    for text in ("", ".", "1,000", "NaN", "0x10", "1e", "--1", "１２"[:0] + "a"):
        with pytest.raises(ValueError, match="is not a number"):
            parse_scaled(text, 2)


def test_every_scalar_has_a_schema_that_its_text_fits() -> None:
    for kind, value in (
        (Duration, Duration(90_000)),
        (Rate, Rate(25_000)),
        (LocalTime, LocalTime(1_260)),
        (Decimal, Decimal("-1.50")),
    ):
        assert msgspec.convert(encode_scalar(value), kind, dec_hook=decode_scalar) == value
        assert "description" in schema_of_scalar(kind)
    with pytest.raises(NotImplementedError):
        schema_of_scalar(DeploymentDefinition)
