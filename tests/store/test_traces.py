"""Traces: a person's texts are found as others write them, and nobody else's."""

import json

import pytest

from opportune.store import Traces


@pytest.mark.parametrize(
    "written",
    [
        "13812345678",
        "+8613812345678",
        "138-1234-5678",
        "(138) 1234 5678",
        "+86 138 1234 5678",
        '{"phone":"008613812345678"}',
    ],
)
def test_a_telephone_number_however_it_is_grouped(written: str) -> None:
    for known in ("13812345678", "+86 138-1234-5678", "+8613812345678"):
        assert Traces([known]).among(f"x{written}y".encode()), (known, written)


def test_texts_as_they_are_and_as_json_writes_them() -> None:
    text = 'Wáng "Fāng"\\北京'
    traces = Traces([text, "Ann@Example.org"])
    for written in (text, json.dumps({"a": text}), json.dumps({"a": text}, ensure_ascii=False), "ann@example.ORG"):
        assert traces.among(written.encode()), written
    assert not traces.among(b"wang fang")


def test_others_are_left_alone() -> None:
    traces = Traces(["13812345678", "c-1001"])
    for other in ("13812345679", "1381234567", "c-100", "138123\n\n\n\n45678"):
        assert not traces.among(other.encode()), other
    assert not Traces(["42", "王芳", ""])
    assert not Traces([]).among(b"anything")
