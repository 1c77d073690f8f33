"""What a marketer got wrong in a definition: a code, the place, the cause and the fix."""

import difflib
from collections.abc import Collection
from enum import StrEnum

import msgspec

ALTERNATIVES_SHOWN_MAX = 12


class ProblemCode(StrEnum):
    """Why a definition is refused, or (the last four) only warned about; programs may rely on these words."""

    UNREADABLE = "unreadable"
    YAML = "yaml"
    TOO_LARGE = "too_large"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_FAMILY = "unknown_family"
    BAD_NAME = "bad_name"
    DUPLICATE_NAME = "duplicate_name"
    UNKNOWN_KEY = "unknown_key"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    BAD_VALUE = "bad_value"
    UNKNOWN_NAME = "unknown_name"
    CONTRADICTION = "contradiction"
    OUT_OF_RANGE = "out_of_range"
    NOT_COMPILABLE = "not_compilable"
    NEVER_TRUE = "never_true"
    ALWAYS_TRUE = "always_true"
    NEVER_HAPPENS = "never_happens"
    NO_EFFECT = "no_effect"


class DefinitionProblem(msgspec.Struct, frozen=True):
    """One problem; `line` and `column` count from 1 and are 0 where the definition came from no file."""

    file: str
    line: int
    column: int
    family: str
    name: str
    path: str
    code: ProblemCode
    message: str
    hint: str = ""

    def text(self) -> str:
        """One line for a terminal: `campaigns.yaml:4:3: message; hint`."""
        subject = f"{self.family} {self.name}".strip()
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else f"{subject}: " if subject else ""
        return place + self.message + (f"; {self.hint}" if self.hint else "")


def did_you_mean(word: str, known: Collection[str], kind: str = "") -> str:
    """A hint for a word that is none of `known`: the nearest one, else what there is to choose from."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if not known:
        return f"no {kind} is defined" if kind else ""
    if len(known) > ALTERNATIVES_SHOWN_MAX:
        return ""
    return "known: " + ", ".join(f"`{name}`" for name in sorted(known))
