"""From text to sqlglot's tree, through a gate of tokens: what a rule may not hold is refused before it is parsed."""

import re
from typing import NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from opportune.rules.limits import RULE_CHARS_MAX, RULE_DEPTH_MAX, RULE_TOKENS_MAX
from opportune.rules.problems import RuleError

DIALECT = "duckdb"

_SIGNS = frozenset(("(", ")", ",", ".", "+", "-", "*", "/", "=", "==", "<>", "!=", "<", "<=", ">", ">="))
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r'"[^"\x00-\x1f]{1,200}"')
_TEXT = re.compile(r"'(?:[^'\x00-\x1f]|'')*'")
_COMMENT = re.compile(r"--|/\*")
_STATEMENTS = frozenset(
    ("select", "from", "with", "union", "insert", "update", "delete", "drop", "create", "attach", "copy", "pragma",
     "install", "load", "set", "values", "exists", "over")
)  # fmt: skip
_CLOCKS = {"current_date": "local_date(now)", "current_time": "local_hour(now)", "current_timestamp": "now",
           "localtimestamp": "now", "localtime": "local_hour(now)"}  # fmt: skip
_PREFIXES = frozenset(("not", "-", "+"))


class Source:
    """A rule's text and where it stands; makes problems that carry both."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where

    def problem(self, code: str, message: str, place: "exp.Expr | tuple[int, int]", hint: str = "") -> RuleError:
        """A RuleError at a node or at (start, end)."""
        start, end = place if isinstance(place, tuple) else self.span(place)
        return RuleError(code, message, start, end, hint, text=self.text, where=self.where)

    def fail(self, code: str, message: str, place: "exp.Expr | tuple[int, int]", hint: str = "") -> NoReturn:
        """Raise the problem."""
        raise self.problem(code, message, place, hint)

    def span(self, node: exp.Expr) -> tuple[int, int]:
        """Where a node stands: from its first known token to its last; nodes without tokens take their parent's place."""
        known: exp.Expr | None = node
        while known is not None:
            places = [n.meta for n in known.walk() if "start" in n.meta]
            if places:
                return min(place["start"] for place in places), max(place["end"] for place in places) + 1
            known = known.parent
        return 0, len(self.text)


def parse(source: Source) -> exp.Expr:
    """sqlglot's tree of one expression. Raises RuleError for what is too long, too deep, no SQL, or never allowed."""
    text = source.text
    if len(text) > RULE_CHARS_MAX:
        source.fail(
            "too_long", f"the rule has {len(text):,} characters; at most {RULE_CHARS_MAX:,} are allowed", (0, 0)
        )
    if not text.strip():
        source.fail("syntax", "the rule is empty", (0, 0), "write a condition such as `arpu > 80`")
    _gate(source)
    try:
        trees = sqlglot.parse(text, dialect=DIALECT)
    except SqlglotError as error:
        raise _syntax_problem(source, error) from None
    except RecursionError:
        source.fail("too_deep", "the rule is nested too deeply", (0, len(text)))
    if len(trees) != 1 or trees[0] is None:
        source.fail("syntax", "a rule is one expression", (0, len(text)))
    return trees[0]


def _syntax_problem(source: Source, error: SqlglotError) -> RuleError:
    details = getattr(error, "errors", None) or [{}]
    line, column, marked = details[0].get("line"), details[0].get("col"), details[0].get("highlight") or ""
    if line is None or column is None:
        return source.problem("syntax", "this is not a complete SQL condition", (0, len(source.text)))
    begin = sum(len(part) + 1 for part in source.text.split("\n")[: line - 1])
    end = min(begin + column, len(source.text))
    return source.problem("syntax", "this is not a valid SQL condition here", (max(0, end - len(marked)), end))


def _gate(source: Source) -> None:
    try:
        tokens = sqlglot.tokenize(source.text, dialect=DIALECT)
    except SqlglotError:
        quote = source.text.count("'") % 2 == 1
        hint = "a text that is opened with ' must be closed with '" if quote else ""
        source.fail("syntax", "this text cannot be read as SQL", (0, len(source.text)), hint)
    if len(tokens) > RULE_TOKENS_MAX:
        source.fail("too_long", f"the rule has more than {RULE_TOKENS_MAX:,} words", (0, len(source.text)))
    depth, prefixes, end = 0, 0, 0
    for token in tokens:
        _check_gap(source, end, token.start)
        end = token.end + 1
        written = source.text[token.start : end]
        _check_token(source, written, (token.start, end))
        depth = _depth_after(depth, written.lower())
        prefixes = prefixes + 1 if written.lower() in _PREFIXES else 0
        if depth + prefixes > RULE_DEPTH_MAX:
            message = f"the rule is nested more than {RULE_DEPTH_MAX} deep"
            source.fail("too_deep", message, (token.start, end), "keep a part of it as a tag with its own rule")
    _check_gap(source, end, len(source.text))


def _check_gap(source: Source, start: int, end: int) -> None:
    gap = source.text[start:end]
    if _COMMENT.search(gap) or gap.strip():
        place = (start + len(gap) - len(gap.lstrip()), end)
        source.fail("not_allowed", "comments and other hidden text are not allowed in a rule", place, "use `note:`")


def _check_token(source: Source, written: str, place: tuple[int, int]) -> None:
    if written in _SIGNS or (_WORD.fullmatch(written) and not written[0].isdigit()):
        if written.lower() in _STATEMENTS:
            message = f"`{written}` is not allowed: a rule is one condition, without sub-selects or statements"
            source.fail("not_allowed", message, place)
        if written.lower() in _CLOCKS:
            hint = f"write {_CLOCKS[written.lower()]}"
            source.fail("not_allowed", f"`{written}` is not known: a rule has its own clock", place, hint)
        return
    if _NUMBER.fullmatch(written) or _QUOTED.fullmatch(written) or _TEXT.fullmatch(written):
        return
    if written[0].isdigit():
        source.fail(
            "literal", f"`{written}` is not a number a rule may hold", place, "write the digits, such as 1000 or 0.5"
        )
    hints = {";": "a rule is one expression", "::": "types follow from the catalogue", "%": "there is no remainder"}
    source.fail("not_allowed", f"`{written[:40]}` is not allowed in a rule", place, hints.get(written, ""))


def _depth_after(depth: int, word: str) -> int:
    if word in ("(", "case"):
        return depth + 1
    return max(0, depth - 1) if word in (")", "end") else depth
