"""What a cleaning step is: something done to the cells of one row, which says what it did."""

import decimal
import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from opportune.intake.cleaning.definitions import Otherwise
from opportune.intake.tables import ABSENT, json_text, text_of

Cells = dict[str, bytes]
"""A row on its way: field -> the JSON of its value; an absent value has none, or null."""
Statistics = dict[str, Any]
"""What a step learnt from a load, as JSON values. It is kept with the load, so that a second run does the same."""

DIGITS_MAX = 60
_NUMBER = re.compile(r"[+-]?(?=\.?\d)\d{0,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
EXACT = decimal.Context(prec=1_000, traps=[decimal.Inexact, decimal.InvalidOperation])
"""Sums and products are exact, or nothing."""


class Verdict(Enum):
    """What a step did with a row."""

    SAME = 0
    CHANGED = 1
    LEFT_OUT = 2
    REFUSED = 3


_VERDICTS: dict[str, Verdict] = {"quarantine": Verdict.REFUSED, "leave_out": Verdict.LEFT_OUT}


class Step:
    """A step that needs to know nothing but the row."""

    learns = False
    """Whether it reads the load once before (`see`, then `learnt`)."""

    def start(self) -> None:
        """A load begins, from its first row."""

    def see(self, number: int, cells: Cells) -> None:
        """Learn from row `number` of a load, as the steps before leave it."""
        raise NotImplementedError

    def learnt(self) -> Statistics:
        """What was learnt from all rows seen; the step uses it from now on."""
        raise NotImplementedError

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Change the cells of row `number` in place, and say what became of it."""
        raise NotImplementedError


class Rewrite(Step):
    """A step that rewrites each of its fields alone. `rewrite` gives the new text, None for absent, or raises ValueError."""

    def __init__(
        self, fields: Sequence[str], rewrite: Callable[[str], str | None], otherwise: Otherwise = "quarantine"
    ) -> None:
        self.fields, self.rewrite, self.otherwise = tuple(fields), rewrite, otherwise

    def apply(self, number: int, cells: Cells) -> Verdict:
        """Rewrite; what cannot be is treated as the step says."""
        verdict = Verdict.SAME
        for name in self.fields:
            token = cells.get(name, ABSENT)
            if token == ABSENT:
                continue
            text = text_of(token)
            try:
                new = self.rewrite(text)
            except ValueError:
                if self.otherwise == "keep":
                    continue
                if self.otherwise != "missing":
                    return _VERDICTS[self.otherwise]
                new = None
            if new != text:
                cells[name] = ABSENT if new is None else json_text(new)
                verdict = Verdict.CHANGED
        return verdict


def verdict_of(otherwise: str) -> Verdict:
    """The verdict of `quarantine` and `leave_out`."""
    return _VERDICTS[otherwise]


def number_of(text: str) -> decimal.Decimal:
    """The exact number that a text writes in ASCII digits. Raises ValueError."""
    if len(text) > DIGITS_MAX or _NUMBER.fullmatch(text) is None:
        raise ValueError("not a number")
    return decimal.Decimal(text)


def number_in(cells: Cells, name: str) -> decimal.Decimal | None:
    """The number in a cell; None where it is absent or none."""
    token = cells.get(name, ABSENT)
    try:
        return None if token == ABSENT else number_of(text_of(token))
    except ValueError:
        return None


def plain(number: decimal.Decimal) -> str:
    """A number's digits, without exponent and without zeros behind the point that say nothing."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
