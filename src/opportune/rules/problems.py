"""What is wrong with a rule, told to its author: a code, the place in the text, the cause and what to do.

RuleError            one problem
└── RuleErrors       several, in the order of the text
"""

import difflib
from collections.abc import Iterable


class RuleError(ValueError):
    """A problem of a rule. `start` and `end` are character offsets into `text`, the end excluded.

    Codes: syntax, not_allowed, unknown_name, type, literal, null_compare, arguments, too_long, too_deep.
    """

    def __init__(
        self, code: str, message: str, start: int, end: int, hint: str = "", *, text: str = "", where: str = ""
    ) -> None:
        self.code, self.message, self.hint = code, message, hint
        self.start, self.end = start, max(end, start)
        self.text, self.where = text, where
        super().__init__(message)

    @property
    def problems(self) -> tuple["RuleError", ...]:
        """The single problems, in the order of the text."""
        return (self,)

    def __str__(self) -> str:
        """Place, cause and hint, with a line that points at the place."""
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.text:
            lines += caret(self.text, self.start, self.end)
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class RuleErrors(RuleError):  # noqa: N818 - it is several errors
    """Several problems of one rule; its own code and place are those of the first."""

    def __init__(self, found: Iterable[RuleError]) -> None:
        self._found = tuple(sorted(found, key=lambda problem: problem.start))
        first = self._found[0]
        super().__init__(
            first.code, first.message, first.start, first.end, first.hint, text=first.text, where=first.where
        )

    @property
    def problems(self) -> tuple[RuleError, ...]:
        """The single problems, in the order of the text."""
        return self._found

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self._found)


def caret(text: str, start: int, end: int) -> list[str]:
    """The line of `text` that holds `start`, and a line of ^ under the place; wide characters count as two columns."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line = text[first : last if last >= 0 else len(text)]
    stop = min(max(end, start + 1), first + len(line))
    marks = sum(_columns(c) for c in text[start:stop]) or 1
    return ["  " + line, "  " + " " * sum(_columns(c) for c in text[first:start]) + "^" * marks]


def _columns(character: str) -> int:
    return 2 if character >= "\u1100" and not "\u2010" <= character <= "\u2027" else 1


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean `x`?` for the closest known name, or an empty text."""
    names = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    close = folded.get(name.casefold()) or next(iter(difflib.get_close_matches(name, names, 1, 0.6)), None)
    return f"did you mean `{close}`?" if close else ""
