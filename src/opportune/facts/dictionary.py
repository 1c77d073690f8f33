"""The text dictionary: every text value that customers or events carry has one number, for good."""

from collections.abc import Iterable

TEXTS_MAX = 4_000_000


class TextDictionary:
    """Append-only text <-> code; codes start at 1 and never change. Growth is journaled with the group that met the text."""

    __slots__ = ("_codes", "_texts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: list[str] = ["", *texts]
        self._codes: dict[str, int] = {text: code for code, text in enumerate(self._texts) if code}

    def __len__(self) -> int:
        """How many texts are known; the highest code."""
        return len(self._texts) - 1

    def code(self, text: str) -> int:
        """The code of a known text, or 0."""
        return self._codes.get(text, 0)

    def intern(self, text: str) -> int:
        """The code of `text`, given now if it is new. Raises OverflowError beyond TEXTS_MAX."""
        code = self._codes.get(text)
        if code is None:
            code = len(self._texts)
            if code > TEXTS_MAX:
                raise OverflowError(f"the text dictionary is full ({TEXTS_MAX:,} texts)")
            self._texts.append(text)
            self._codes[text] = code
        return code

    def text(self, code: int) -> str:
        """The text of a code. Raises IndexError for a code never given."""
        if not 1 <= code < len(self._texts):
            raise IndexError(f"no text has the code {code}")
        return self._texts[code]

    def since(self, size: int) -> list[str]:
        """The texts added after the dictionary had `size` texts."""
        return self._texts[size + 1 :]
