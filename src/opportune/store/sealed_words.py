"""Words said to or about a customer, sealed under her key, in columns that held them in the clear before."""

import base64

from opportune.store.people import People

_SEALED = "~sealed~"
"""Begins a sealed text; JSON never does, and notes of before were not sealed."""


class SealedWords:
    """Seals texts of one place by the keys of `people`."""

    def __init__(self, people: People, place: str) -> None:
        self._people, self._place = people, place

    def close(self, customer: int, text: str) -> str:
        """The text sealed; an empty one stays."""
        if not text:
            return text
        return _SEALED + base64.b64encode(self._people.seal_for(customer, text.encode(), self._place)).decode()

    def open(self, customer: int, text: str) -> str:
        """What `close` was given, or a text of before. Raises SealBrokenError, also where she was forgotten."""
        if not text.startswith(_SEALED):
            return text
        return self._people.open_for(customer, base64.b64decode(text[len(_SEALED) :]), self._place).decode()
