"""The form in which values are compared: what people write in different ways becomes one."""

import re
import unicodedata

TEXT_CHARACTERS_MAX = 200
PHONE_DIGITS = 11
"""So many digits from the end are compared, so that a number with and without its country's prefix is the same."""

_NO_WORD = re.compile(r"[^\w]+")
_NO_DIGIT = re.compile(r"\D+")


def normal_form(comparison: str, text: str) -> str | None:
    """The form of a value that a kind of comparison looks at; None for one that says nothing."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_CHARACTERS_MAX]).casefold()
    if comparison in ("name", "address"):
        return _NO_WORD.sub(" ", _without_accents(plain)).strip() or None
    if comparison in ("number", "postcode"):
        return _NO_WORD.sub("", plain) or None
    if comparison == "date":
        return _NO_DIGIT.sub("", plain[:10]) or None
    if comparison == "phone":
        return _NO_DIGIT.sub("", plain)[-PHONE_DIGITS:] or None
    return plain.strip() or None


def _without_accents(text: str) -> str:
    parted = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(one for one in parted if unicodedata.category(one) != "Mn"))
