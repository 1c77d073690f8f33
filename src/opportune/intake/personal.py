"""Does an undeclared value look like a phone number, an e-mail address or an identity number?"""

import re
from datetime import date

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PHONES = (
    re.compile(
        r"(?<![\w.+])(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?![\w]|\.\d)"
    ),  # a mobile number of mainland China
    re.compile(r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)"),  # an international number with its plus
    re.compile(r"(?<![\w.+])(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\w)"),  # (555) 123-4567, 555-123-4567
)
_IDENTITY = re.compile(r"(?<!\w)(\d{17}[\dXx])(?!\w)")
_SOCIAL = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def _is_identity_number(text: str) -> bool:
    """Whether 18 characters are a resident identity number: a real birthday and the right check digit."""
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False))
    return _CHECKS[total % 11] == text[17].upper()


def looks_personal(text: str) -> str:
    """What `text` seems to hold: "an e-mail address", "a phone number", "an identity number", or "" for neither."""
    if "@" in text and _EMAIL.search(text):
        return "an e-mail address"
    if any(pattern.search(text) for pattern in _PHONES):
        return "a phone number"
    if _SOCIAL.search(text) or any(_is_identity_number(match) for match in _IDENTITY.findall(text)):
        return "an identity number"
    return ""
