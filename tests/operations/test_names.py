"""Words for numbers, exactly; identifiers masked."""

import pytest

from opportune.facts import NULL, Kind, TextDictionary, ValueType, value_type
from opportune.operations.names import Names, mask, mask_words, scaled, span


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(1250, 2, "12.50"), (-5, 2, "-0.05"), (0, 2, "0.00"), (7, 0, "7"), (2**62, 4, "461168601842738.7904"), (-7, 0, "-7")],
)  # fmt: skip
def test_scaled(value: int, scale: int, text: str) -> None:
    assert scaled(value, scale) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (999, "0s"), (61_000, "1m 1s"), (90_000_000, "1d 1h"), (8 * 86_400_000, "8d")]
)
def test_span(ms: int, text: str) -> None:
    assert span(ms) == text


@pytest.mark.parametrize(
    ("text", "masked"), [("13800001234", "13*******34"), ("c1", "**"), ("abcde", "*****"), ("abcdef", "ab**ef"), ("", "")]
)  # fmt: skip
def test_mask(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (value_type(Kind.BOOL), 1, True),
        (value_type(Kind.INT), -3, -3),
        (value_type(Kind.DECIMAL, 3), 1, "0.001"),
        (value_type(Kind.MONEY, 2), 1999, "19.99"),
        (value_type(Kind.DATE), 20_000, "2024-10-04"),
        (value_type(Kind.TIMESTAMP), 1_700_000_000_000, "2023-11-14 22:13:20"),
        (value_type(Kind.TEXT), 1, "gold"),
        (value_type(Kind.TEXT), 9, "text 9"),
        (value_type(Kind.KEY), 255, "00000000000000ff"),
        (value_type(Kind.SET, members=("a", "b", "c")), 5, ["a", "c"]),
        (value_type(Kind.INT), NULL, None),
    ],
)
def test_values_are_decoded_by_their_type(kind: ValueType, value: int, shown: object) -> None:
    assert Names(None).value(value, kind, TextDictionary(["gold"])) == shown


def test_names_that_no_playbook_knows_are_numbers() -> None:
    names = Names(None)
    assert names.name("campaign", 7) == "campaign 7"
    assert names.title("campaign", "x") == "x"
    assert names.number("campaign", "x") is None
    assert "campaign" not in names
    assert names.moment(2**62) == "9999-12-28 12:26:40"


def test_what_a_text_quotes_is_masked_where_it_looks_personal() -> None:
    said = "row 3: `13912345678` is no date; `ann@example.org` is no number; `12.5` is no date"
    assert mask_words(said) == "row 3: `13*******78` is no date; `an***********rg` is no number; `12.5` is no date"
