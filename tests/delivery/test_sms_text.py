"""SMS lengths at every edge, and parts that put together are the text again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.delivery.sms_text import PARTS_MAX, SmsLength, sms_length, sms_parts


@pytest.mark.parametrize(
    ("text", "length"),
    [("", SmsLength("gsm7", 0, 1, 160, "")), ("x" * 160, SmsLength("gsm7", 160, 1, 0, "")),
     ("x" * 161, SmsLength("gsm7", 161, 2, 145, "")), ("x" * 306, SmsLength("gsm7", 306, 2, 0, "")),
     ("x" * 307, SmsLength("gsm7", 307, 3, 152, "")), ("€" * 80, SmsLength("gsm7", 160, 1, 0, "")),
     ("€" * 81, SmsLength("gsm7", 162, 2, 143, "")), ("字" * 70, SmsLength("ucs2", 70, 1, 0, "字")),
     ("字" * 71, SmsLength("ucs2", 71, 2, 63, "字")), ("字" * 134, SmsLength("ucs2", 134, 2, 0, "字")),
     ("字" * 135, SmsLength("ucs2", 135, 3, 66, "字")), ("😀" * 35, SmsLength("ucs2", 70, 1, 0, "😀")),
     ("it’s “so”", SmsLength("ucs2", 9, 1, 61, "’“”"))],
)  # fmt: skip
def test_lengths_at_the_edges(text: str, length: SmsLength) -> None:
    assert sms_length(text) == length


GSM = "@£$ABCxyz0189 \n\r!?{}[]~|^€\\ñÜäöà"


@given(st.one_of(st.text(alphabet=GSM, max_size=900), st.text(max_size=400)), st.integers(0, 255))
def test_parts_fit_and_join_to_the_text(text: str, reference: int) -> None:
    coding, parts = sms_parts(text, reference)
    assert len(parts) == sms_length(text).parts
    assert all(
        len(part) - 6 * (len(parts) > 1)
        <= {"gsm7": 160 if len(parts) == 1 else 153, "ucs2": 140 if len(parts) == 1 else 134}[coding]
        for part in parts
    )
    if len(parts) > 1:
        assert [part[:6] for part in parts] == [
            bytes([5, 0, 3, reference, len(parts), n + 1]) for n in range(len(parts))
        ]
        parts = [part[6:] for part in parts]
    if coding == "ucs2":
        words = "".join(part.decode("utf-16-be") for part in parts)  # a parted surrogate pair would not decode
        assert words == text.encode("utf-16-be", "replace").decode("utf-16-be")
    else:
        assert all(part[-1:] != b"\x1b" for part in parts)


def test_more_parts_than_can_be_numbered_are_refused() -> None:
    with pytest.raises(ValueError, match="shorten"):
        sms_parts("x" * (153 * PARTS_MAX + 1), 0)
    assert len(sms_parts("x" * (153 * PARTS_MAX), 0)[1]) == PARTS_MAX
