"""What would lead to a person in bytes that nobody can tie to her: her identifiers and personal values, as others may have written them."""

import json
import re
from collections.abc import Iterable

TRACE_CHARACTERS_MIN = 6
"""Shorter texts are not looked for: they would hit those of others."""
PHONE_DIGITS_MIN = 7

_PHONE = re.compile(r"\+?[\d\s().\-/]+")
_BETWEEN = rb"[\s().\-/]{0,3}"
_COUNTRY_CODES = (("86", 11), ("1", 10))
"""Country codes that people leave out, with the digits that are then left."""


class Traces:
    """Texts to be looked for in bytes: as they are, as JSON writes them, and telephone numbers however they are grouped."""

    def __init__(self, texts: Iterable[str]) -> None:
        forms: set[bytes] = set()
        for text in texts:
            if len(text) < TRACE_CHARACTERS_MIN:
                continue
            for written in (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]):
                forms.add(re.escape(written.encode("utf-8", "surrogatepass")))
            forms |= _phones(text)
        self._pattern = re.compile(b"|".join(sorted(forms)), re.IGNORECASE) if forms else None

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return self._pattern is not None

    def among(self, data: bytes) -> bool:
        """Whether one of the texts stands in the bytes."""
        return self._pattern is not None and self._pattern.search(data) is not None


def _phones(text: str) -> set[bytes]:
    """The patterns of a telephone number: its digits with whatever people put between them, with and without the country code."""
    digits = re.sub(r"\D", "", text)
    if not _PHONE.fullmatch(text) or len(digits) < PHONE_DIGITS_MIN or not digits.isascii():
        return set()
    numbers = {digits}
    for code, left in _COUNTRY_CODES:
        if digits.removeprefix("00").startswith(code) and len(digits.removeprefix("00")) == len(code) + left:
            numbers.add(digits.removeprefix("00")[len(code) :])
    return {_BETWEEN.join(digit.encode() for digit in number) for number in numbers}
