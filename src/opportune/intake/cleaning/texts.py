"""Steps on plain texts: blanks, letters' case, other texts for texts, parts of texts, types."""

import re
from collections.abc import Callable

from opportune.intake.cleaning.definitions import CaseStep, MapStep, TakeStep, TypeStep, fields_of
from opportune.intake.cleaning.step import Cells, Rewrite, Step, Verdict, number_of, plain
from opportune.intake.tables import ABSENT, json_text, text_of

_YES = {"true", "yes", "y", "1", "t", "是"}
_NO = {"false", "no", "n", "0", "f", "否"}
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


def trim(fields: tuple[str, ...]) -> Step:
    """Blanks of any script, the ideographic space too; a text of blanks alone is absent."""
    return Rewrite(fields, lambda text: " ".join(text.split()) or None)


def case(definition: CaseStep) -> Step:
    """Letters' case."""
    return Rewrite(fields_of(definition.fields), getattr(str, definition.to))


def replace(definition: MapStep) -> Step:
    """Texts by a table; an empty text in it makes the value absent."""
    values = definition.values

    def rewrite(text: str) -> str | None:
        if text not in values:
            raise ValueError("not in the table")
        return values[text] or None

    return Rewrite(fields_of(definition.fields), rewrite, definition.otherwise)


def retype(definition: TypeStep) -> Step:
    """Values of a type, as the decoder of messages takes them."""
    return Rewrite(fields_of(definition.fields), _TYPES[definition.to], definition.otherwise)


def _decimal(text: str) -> str:
    bare = text.strip()
    return plain(number_of(bare.replace(",", "") if _THOUSANDS.fullmatch(bare) else bare))


def _whole(text: str) -> str:
    number = _decimal(text)
    if "." in number:
        raise ValueError("not a whole number")
    return number


def _flag(text: str) -> str:
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise ValueError("neither yes nor no")
    return "true" if word in _YES else "false"


_TYPES: dict[str, Callable[[str], str]] = {"int": _whole, "decimal": _decimal, "bool": _flag, "text": lambda text: text}


class Take(Step):
    """A part of a text, in a field of its own."""

    def __init__(self, definition: TakeStep) -> None:
        """Raises ValueError for a pattern that is none."""
        try:
            self.pattern = re.compile(definition.pattern)
        except re.error as error:
            raise ValueError(f"take: `{definition.pattern}` is no regular expression ({error})") from error
        self.field, self.into = definition.field, definition.into

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Find it."""
        token = cells.get(self.field, ABSENT)
        found = None if token == ABSENT else self.pattern.search(text_of(token))
        part = found[found.re.groups and 1] if found is not None else None
        cells[self.into] = json_text(part) if part else ABSENT
        return Verdict.CHANGED if part else Verdict.SAME
