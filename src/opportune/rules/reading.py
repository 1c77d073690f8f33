"""A rule read out in plain words, in English and in Chinese, from its tree."""

from collections.abc import Mapping, Sequence
from typing import Literal

from opportune.facts import NULL, Kind
from opportune.rules.phrases import PHRASES, WEEKDAYS
from opportune.rules.tree import (
    EVENT_AT,
    NOW,
    And,
    Arithmetic,
    Call,
    Case,
    Column,
    Compare,
    Constant,
    Contains,
    IsNull,
    Match,
    Members,
    Negate,
    Not,
    OneOf,
    Or,
    Range,
    Ref,
    Rule,
    Scale,
    Text,
    Tree,
    Truth,
)

Language = Literal["en", "zh"]
Titles = Mapping[str, tuple[str, str]]

_OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷"}


def read(rule: Rule, language: Language, titles: Titles) -> str:
    """The rule in plain words.

    `titles` gives (English, Chinese) display names by tag name, and by `event.name` for properties; what has no title is
    called by its name.
    """
    return _Reader(language, titles).say(rule.tree)


class _Reader:
    def __init__(self, language: Language, titles: Titles) -> None:
        self._side = 0 if language == "en" else 1
        self._titles = titles

    def phrase(self, key: str, **parts: str) -> str:
        return PHRASES[key][self._side].format(**parts)

    def say(self, tree: Tree, negated: bool = False) -> str:
        """The words of a condition, or of its negation, or of a value."""
        match tree:
            case Not():
                return self.say(tree.operand, not negated)
            case And() | Or():
                return self._connector(tree, negated)
            case Range():
                return self._range(tree, negated != tree.negated)
            case Members() | OneOf():
                return self._listed(tree, negated != tree.negated)
            case Match():
                return self._match(tree, negated != tree.negated)
            case Contains():
                key = "not_contains" if negated else "contains"
                return self.phrase(key, x=self.value(tree.operand), y=self._quoted(tree.member))
            case Compare():
                return self._compare(tree, negated)
            case IsNull():
                return self._null(tree, negated != tree.negated)
            case Truth():
                certain = ("is_not_" if negated != tree.negated else "is_") + ("true" if tree.want else "false")
                return self.phrase(certain, x=self._grouped(tree.operand))
        if tree.type.kind is not Kind.BOOL:
            return self.value(tree)
        if isinstance(tree, Constant):
            return self._truth(tree, negated)
        return self.phrase("is_no" if negated else "is_yes", x=self.value(tree))

    def _truth(self, tree: Constant, negated: bool) -> str:
        if tree.value == NULL:
            return self.phrase("null")
        return self.phrase("always" if bool(tree.value) != negated else "never")

    def _grouped(self, tree: Tree) -> str:
        said = self.say(tree)
        return self.phrase("group", x=said) if isinstance(tree, And | Or) else said

    def _connector(self, tree: And | Or, negated: bool) -> str:
        parts = [self._grouped(part) if isinstance(part, And | Or) else self.say(part) for part in tree.parts]
        said = self.phrase("and" if isinstance(tree, And) else "or").join(parts)
        return self.phrase("not", x=self.phrase("group", x=said)) if negated else said

    def _range(self, tree: Range, negated: bool) -> str:
        op = tree.op if tree.op == "between" else "=" if tree.op == "<>" else tree.op
        if negated and op in _OPPOSITE:
            op = _OPPOSITE[op]
        call = tree.operand
        shown = [self._shown(call, words) for words in tree.shown]
        if (
            isinstance(call, Call)
            and call.function in ("days_since", "hours_since")
            and not (negated and op == "between")
        ):
            key = f"since_{call.function[: -len('_since')]}{op}"
            return self.phrase(key, x=self.value(call.arguments[0]), y=shown[0], z=shown[-1])
        x = self.value(call)
        if op == "between":
            return self.phrase("not_between" if negated else "between", x=x, y=shown[0], z=shown[-1])
        return self.phrase(self._family(call) + op, x=x, y=shown[0])

    def _family(self, tree: Tree) -> str:
        if isinstance(tree, Call) and tree.function == "weekday":
            return "time" if len(tree.arguments) == 1 else ""
        if tree.type.kind in (Kind.DATE, Kind.TIMESTAMP):
            return "time"
        return "text" if tree.type.kind is Kind.TEXT else ""

    def _shown(self, tree: Tree, words: str) -> str:
        if isinstance(tree, Call) and tree.function == "weekday" and words in "1234567" and len(words) == 1:
            return WEEKDAYS[self._side][int(words) - 1]
        return words

    def _listed(self, tree: Members | OneOf, negated: bool) -> str:
        shown = tree.shown if isinstance(tree, Members) else tuple(map(self._quoted, tree.texts))
        said = [self._shown(tree.operand, words) for words in shown]
        x = self.value(tree.operand)
        if len(said) == 1:
            return self.phrase(self._family(tree.operand) + ("<>" if negated else "="), x=x, y=said[0])
        if len(said) == 2 and not negated:
            return self.phrase(self._family(tree.operand) + "=", x=x, y=self.phrase("or_list").join(said))
        return self.phrase("not_in" if negated else "in", x=x, y=self.phrase("list").join(said))

    def _match(self, tree: Match, negated: bool) -> str:
        x = self.value(tree.operand)
        if tree.op != "like":
            op = _OPPOSITE[tree.op] if negated else tree.op
            return self.phrase("text" + op, x=x, y=self._quoted(tree.pattern))
        core = tree.pattern.strip("%")
        shapes = {core: "text=", core + "%": "starts", "%" + core: "ends", f"%{core}%": "has"}
        shape = shapes.get(tree.pattern, "like") if core and not set(core) & set("%_") else "like"
        if shape == "text=":
            return self.phrase("text<>" if negated else "text=", x=x, y=self._quoted(core))
        words = tree.pattern if shape == "like" else core
        return self.phrase(("not_" if negated else "") + shape, x=x, y=self._quoted(words))

    def _compare(self, tree: Compare, negated: bool) -> str:
        op = _OPPOSITE[tree.op] if negated else tree.op
        if tree.left.type.kind is Kind.BOOL:
            key = "same" if op == "=" else "differ"
            return self.phrase(key, x=self._grouped(tree.left), y=self._grouped(tree.right))
        return self.phrase(self._family(tree.left) + op, x=self.value(tree.left), y=self.value(tree.right))

    def _null(self, tree: IsNull, known: bool) -> str:
        if tree.operand.type.kind is Kind.BOOL and not isinstance(tree.operand, Column):
            return self.phrase("decided" if known else "undecided", x=self._grouped(tree.operand))
        return self.phrase("known" if known else "unknown", x=self.value(tree.operand))

    # -- values ------------------------------------------------------------------------------

    def value(self, tree: Tree) -> str:
        """The words of a value."""
        match tree:
            case Column():
                return self._name(tree.ref)
            case Constant():
                if tree.value == NULL:
                    return self.phrase("null")
                if tree.type.kind is Kind.BOOL:
                    return self.phrase("yes" if tree.value else "no")
                return tree.shown
            case Text():
                return self._quoted(tree.value)
            case Scale():
                return self.value(tree.operand)
            case Negate():
                return f"−{self._operand(tree.operand)}"
            case Arithmetic():
                return f"{self._operand(tree.left)} {_SIGNS[tree.op]} {self._operand(tree.right)}"
            case Case():
                parts = [self.phrase("when", x=self.say(c), y=self.value(result)) for c, result in tree.branches]
                last = self.phrase("else", x=self.value(tree.otherwise))
                return self.phrase("group", x=self.phrase("branches").join([*parts, last]))
            case Call():
                return self._call(tree)
        return self.phrase("group", x=self.say(tree))

    def _operand(self, tree: Tree) -> str:
        while isinstance(tree, Scale):
            tree = tree.operand
        said = self.value(tree)
        return self.phrase("group", x=said) if isinstance(tree, Arithmetic) else said

    def _call(self, call: Call) -> str:
        if call.function in ("coalesce", "least", "greatest"):
            said = [self.value(argument) for argument in call.arguments]
            if call.function == "coalesce" and len(said) == 2:
                return self.phrase("default", x=said[0], y=said[1])
            return self.phrase(call.function, x=self.phrase("list").join(said))
        subject: Sequence[Tree] = call.arguments
        is_now = isinstance(subject[0], Column) and subject[0].ref == NOW
        key = f"{call.function}_now" if is_now and f"{call.function}_now" in PHRASES else call.function
        return self.phrase(key, x=self.value(subject[0]))

    def _name(self, ref: Ref) -> str:
        if ref in (NOW, EVENT_AT):
            return self.phrase("now" if ref == NOW else "event.at")
        key = ref.name if ref.source == "tag" else f"event.{ref.name}"
        title = self._titles.get(key, ("", ""))[self._side] or ref.name
        return title if ref.source == "tag" else self.phrase("event", x=title)

    def _quoted(self, words: str) -> str:
        return self.phrase("quoted", x=words)
