"""What a text is as SMS: GSM-7 or UCS-2, how many parts, and the bytes of each part."""

import msgspec

GSM7_ONE, GSM7_PART = 160, 153
UCS2_ONE, UCS2_PART = 70, 67
PARTS_MAX = 255

# 3GPP TS 23.038: the default alphabet in the order of its codes; code 27 leads to the extension table.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENDED = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_CODES = {char: bytes([code]) for code, char in enumerate(_BASIC) if code != _ESCAPE} | {
    char: bytes([_ESCAPE, code]) for char, code in _EXTENDED.items()
}


class SmsLength(msgspec.Struct, frozen=True):
    """How a text goes out: `units` are septets (GSM-7) or UTF-16 units (UCS-2), `left` those free in the last part.

    `odd` are the characters that keep it from GSM-7, each once.
    """

    coding: str
    units: int
    parts: int
    left: int
    odd: str


def sms_length(text: str) -> SmsLength:
    """The coding, length and number of parts of a text. Parts are what the provider charges for."""
    odd = "".join(dict.fromkeys(char for char in text if char not in _CODES))
    coding, symbols = _symbols(text)
    size = sum(map(len, symbols)) // (2 if odd else 1)
    one, part = (UCS2_ONE, UCS2_PART) if odd else (GSM7_ONE, GSM7_PART)
    if size <= one:
        return SmsLength(coding, size, 1, one - size, odd)
    parts = _packed(symbols, part * (2 if odd else 1))
    return SmsLength(coding, size, len(parts), part - len(parts[-1]) // (2 if odd else 1), odd)


def sms_parts(text: str, reference: int) -> tuple[str, list[bytes]]:
    """(coding, bytes of each part), each with its concatenation header where there are several. `reference` is 0 to 255.

    No part ends inside an escaped character or a surrogate pair. Raises ValueError beyond PARTS_MAX parts.
    """
    coding, symbols = _symbols(text)
    one, part = (GSM7_ONE, GSM7_PART) if coding == "gsm7" else (2 * UCS2_ONE, 2 * UCS2_PART)
    if sum(map(len, symbols)) <= one:
        return coding, [b"".join(symbols)]
    parts = _packed(symbols, part)
    if len(parts) > PARTS_MAX:
        raise ValueError(f"the text needs {len(parts)} SMS, more than {PARTS_MAX}; shorten it")
    headers = [bytes([5, 0, 3, reference, len(parts), number]) for number in range(1, len(parts) + 1)]
    return coding, [header + body for header, body in zip(headers, parts, strict=True)]


def _symbols(text: str) -> tuple[str, list[bytes]]:
    """The bytes of each character, which are never parted."""
    if all(char in _CODES for char in text):
        return "gsm7", [_CODES[char] for char in text]
    return "ucs2", [char.encode("utf-16-be", "replace") for char in text]


def _packed(symbols: list[bytes], most: int) -> list[bytes]:
    parts = [bytearray()]
    for symbol in symbols:
        if len(parts[-1]) + len(symbol) > most:
            parts.append(bytearray())
        parts[-1] += symbol
    return [bytes(part) for part in parts]
