"""Value types, names' numbers and the text dictionary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.facts import NULL, SET_MEMBERS_MAX, VALUE_MAX, Kind, Numbering, TextDictionary, value_type


@given(st.integers(NULL + 1, VALUE_MAX), st.integers(NULL + 1, VALUE_MAX))
def test_a_column_is_wide_enough_and_no_wider(one: int, other: int) -> None:
    kind = value_type(Kind.INT, 0, min(one, other), max(one, other))
    bound = 2 ** (8 * kind.width - 1)
    assert -bound < kind.low <= kind.high < bound, "the smallest integer of the width is NULL"
    narrower = 2 ** (4 * kind.width - 1)
    assert kind.width == 1 or not -narrower < kind.low <= kind.high < narrower


def test_bounds_that_a_kind_implies() -> None:
    assert (value_type(Kind.BOOL).width, value_type(Kind.TEXT).width, value_type(Kind.DATE).width) == (1, 4, 4)
    members = tuple(f"m{i}" for i in range(SET_MEMBERS_MAX))
    assert value_type(Kind.SET, members=members).high == 2**63 - 1
    with pytest.raises(ValueError, match="at most 63 members"):
        value_type(Kind.SET, members=(*members, "one more"))


@given(st.lists(st.text(max_size=5)))
def test_a_text_keeps_its_code(texts: list[str]) -> None:
    dictionary = TextDictionary()
    codes = [dictionary.intern(text) for text in texts]
    assert codes == [dictionary.intern(text) for text in texts]
    assert [dictionary.text(code) for code in codes] == texts
    assert sorted(set(codes)) == list(range(1, len(dictionary) + 1))
    assert TextDictionary(dictionary.since(0)).since(0) == dictionary.since(0)
    assert all(dictionary.code(text) == code for text, code in zip(texts, codes, strict=True))


def test_codes_never_given() -> None:
    dictionary = TextDictionary(["one"])
    assert dictionary.code("two") == 0
    for code in (-1, 0, 2):
        with pytest.raises(IndexError, match="no text has the code"):
            dictionary.text(code)


def test_a_name_keeps_its_number_and_families_are_apart() -> None:
    numbering = Numbering({"event": ["a", "b"]})
    copy = numbering.copy()
    assert [numbering.number("event", name) for name in ("b", "c", "a", "c")] == [1, 2, 0, 2]
    assert numbering.number("tag", "c") == 0
    assert copy.known("event", "c") is None
    assert copy.names["event"] == ["a", "b"]
