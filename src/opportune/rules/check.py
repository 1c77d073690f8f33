"""The checker: sqlglot's tree in, a typed rule out, or problems with their places. What is not listed here is refused."""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp

from opportune.facts import Kind, ValueType
from opportune.rules.comparisons import between, compare, in_list
from opportune.rules.functions import FUNCTIONS, Function
from opportune.rules.limits import LITERAL_DIGITS_MAX, RULE_NODES_MAX, TREE_DEPTH_MAX
from opportune.rules.literals import Literal, Nothing, Number, Words, parse_date, parse_moment
from opportune.rules.numbers import NUMERIC
from opportune.rules.operands import Operands, describe
from opportune.rules.problems import RuleError, RuleErrors, did_you_mean
from opportune.rules.scope import Scope
from opportune.rules.syntax import Source, parse
from opportune.rules.tree import (
    BOOL,
    DATE,
    EVENT_AT,
    NOW,
    TIMESTAMP,
    And,
    Case,
    Column,
    Constant,
    Contains,
    IsNull,
    Match,
    Not,
    Or,
    Ref,
    Rule,
    Tree,
    Truth,
    children,
    refs_of,
)

_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_REFUSED: dict[type, tuple[str, str]] = {
    exp.Cast: ("a cast is not allowed in a rule", "types follow from the catalogue"),
    exp.ILike: ("ILIKE is not supported", "LIKE tells upper from lower case; name the texts with IN"),
    exp.Alias: ("a rule is one expression, and this goes on after its end", ""),
    exp.Escape: ("ESCAPE is not supported", "in LIKE, % stands for any characters and _ for one; use = for the text itself"),
    exp.Star: ("`*` is not allowed here", "name the tag"),
    exp.Subquery: ("a sub-select is not allowed in a rule", ""),
}  # fmt: skip


def check(text: str, scope: Scope, *, where: str = "") -> Rule:
    """The rule that `text` says, typed against `scope`; `where` names the definition for messages.

    Raises RuleError (RuleErrors where several are found), with the place in the text.
    """
    source = Source(text, where)
    checker = _Checker(source, scope)
    tree = checker.settled(parse(source))
    if checker.problems:
        raise checker.problems[0] if len(checker.problems) == 1 else RuleErrors(checker.problems)
    _check_size(tree, source)
    return Rule(text, tree, tree.type, refs_of(tree))


def check_condition(text: str, scope: Scope, *, where: str = "") -> Rule:
    """Like `check`, for places that want a condition. Raises RuleError also where the rule is no yes-or-no expression."""
    rule = check(text, scope, where=where)
    if rule.type.kind is not Kind.BOOL:
        source = Source(text, where)
        message = f"a condition is wanted here, but this is {describe(rule.type)}"
        source.fail("type", message, (0, len(text)), "compare it, such as `... > 0`")
    return rule


def _check_size(tree: Tree, source: Source) -> None:
    waiting, nodes = [(tree, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if nodes > RULE_NODES_MAX or depth > TREE_DEPTH_MAX:
            message = f"the rule is too large (at most {RULE_NODES_MAX:,} parts, {TREE_DEPTH_MAX} deep)"
            source.fail("too_deep", message, (0, len(source.text)), "keep a part of it as a tag with its own rule")
        waiting.extend((child, depth + 1) for child in children(node))


class _Checker(Operands):
    """Types one rule. A method takes a node of the parser and gives a typed tree, or a literal not yet of a type."""

    def __init__(self, source: Source, scope: Scope) -> None:
        super().__init__(source, scope)
        self.problems: list[RuleError] = []
        self._depth = 0

    def settled(self, node: exp.Expr) -> Tree:
        """The typed tree of a node; literals take the type they have by themselves."""
        return self.settle(self.value(node), node)

    def value(self, node: exp.Expr) -> Tree | Literal:
        """The typed tree of a node, or its literal."""
        self._depth += 1
        if self._depth > TREE_DEPTH_MAX:
            self.source.fail("too_deep", f"the rule is nested more than {TREE_DEPTH_MAX} deep", node)
        try:
            return self._convert(node)
        finally:
            self._depth -= 1

    def condition(self, node: exp.Expr) -> Tree:
        """The typed tree of a node that must be a condition."""
        tree = self.settled(node)
        if tree.type.kind is not Kind.BOOL:
            hint = "compare it, such as `... > 0`" if tree.type.kind in NUMERIC else "compare it with a value"
            self.source.fail("type", f"a condition is wanted here, but this is {describe(tree.type)}", node, hint)
        return tree

    def _convert(self, node: exp.Expr) -> Tree | Literal:
        kind = type(node)
        if kind in _COMPARISONS:
            return compare(self, _COMPARISONS[kind], self.value(node.this), self.value(node.expression), node)
        if kind in _ARITHMETIC:
            return self.arithmetic(_ARITHMETIC[kind], self.value(node.this), self.value(node.expression), node)
        special: Callable[[_Checker, Any], Tree | Literal] | None = self._special.get(kind)
        if special is not None:
            return special(self, node)
        if isinstance(node, exp.Func) and kind not in _REFUSED:
            return self._function(node)
        message, hint = _REFUSED.get(kind, (f"{kind.__name__} is not allowed in a rule", ""))
        raise self.source.problem("not_allowed", message, node, hint)

    # -- names and literals ------------------------------------------------------------------

    def _column(self, node: exp.Column) -> Tree:
        if not isinstance(node.this, exp.Identifier) or node.args.get("db") or node.args.get("catalog"):
            self.source.fail("not_allowed", "a name is a tag, `event.property` or `now`", node)
        name, source = node.this.name, node.table
        if not source:
            if name == "now" and not node.this.quoted:
                return Column(NOW, TIMESTAMP)
            return Column(Ref("tag", name), self._known(name, self.scope.tags, "tag", node))
        if source != "event":
            hint = "tags are named alone, properties as event.name"
            self.source.fail("unknown_name", f"no `{source}.{name}` here", node, hint)
        if self.scope.event is None:
            self.source.fail("unknown_name", f"`event.{name}` is used, but no event triggers this rule", node)
        if name == "at":
            return Column(EVENT_AT, TIMESTAMP)
        return Column(Ref("event", name), self._known(name, self.scope.event, "property", node))

    def _known(self, name: str, names: Any, what: str, node: exp.Expr) -> ValueType:
        found: ValueType | None = names.get(name)
        if found is None:
            hint = did_you_mean(name, names)
            if not hint and what == "tag" and self.scope.event and name in self.scope.event:
                hint = f"did you mean `event.{name}`?"
            if not hint and name == "at" and self.scope.event is not None:
                hint = "did you mean `event.at`?"
            self.source.fail("unknown_name", f"no {what} `{name}`", node, hint)
        return found

    def _literal(self, node: exp.Literal) -> Tree | Literal:
        if node.is_string:
            return Words(node.this)
        if len(node.this) > LITERAL_DIGITS_MAX:
            self.source.fail("literal", f"a number has at most {LITERAL_DIGITS_MAX} digits", node)
        return Number(node.this)

    def _boolean(self, node: exp.Boolean) -> Tree:
        return Constant(int(bool(node.this)), BOOL, "TRUE" if node.this else "FALSE")

    def _null(self, node: exp.Null) -> Literal:
        return Nothing()

    def _typed_literal(self, node: exp.Cast) -> Tree:
        """DATE '...' and TIMESTAMP '...', which the parser makes casts; every other cast is refused."""
        start, _ = self.source.span(node.this)
        word = self.source.text[:start].rstrip().rpartition(" ")[2].lower().split("(")[-1]
        if not (isinstance(node.this, exp.Literal) and node.this.is_string and word in ("date", "timestamp")):
            message, hint = _REFUSED[exp.Cast]
            self.source.fail("not_allowed", message, node, hint)
        try:
            if word == "date":
                return Constant(parse_date(node.this.name), DATE, node.this.name)
            return Constant(parse_moment(node.this.name, self.scope.zone), TIMESTAMP, node.this.name)
        except ValueError as error:
            self.source.fail("literal", str(error), node)

    # -- conditions ------------------------------------------------------------------------

    def _connector(self, node: exp.Connector) -> Tree:
        kind = type(node)
        parts: list[exp.Expr] = []
        waiting: list[exp.Expr] = [node]
        while waiting:
            part = waiting.pop()
            while isinstance(part, exp.Paren):
                part = part.this
            if type(part) is kind:
                waiting += [part.expression, part.this]
            else:
                parts.append(part)
        trees = []
        for part in parts:
            try:
                trees.append(self.condition(part))
            except RuleError as problem:
                self.problems.extend(problem.problems)
        return And(tuple(trees)) if kind is exp.And else Or(tuple(trees))

    def _not(self, node: exp.Not) -> Tree:
        inner = self.condition(node.this)
        match inner:
            case IsNull():
                return IsNull(inner.operand, not inner.negated)
            case Truth():
                return Truth(inner.operand, inner.want, not inner.negated)
            case _:
                return Not(inner)

    def _between(self, node: exp.Between) -> Tree:
        if node.args.get("symmetric"):
            self.source.fail("not_allowed", "BETWEEN SYMMETRIC is not supported", node)
        return between(self, self.value(node.this), self.value(node.args["low"]), self.value(node.args["high"]), node)

    def _in(self, node: exp.In) -> Tree:
        if node.args.get("query") is not None or {k for k, v in node.args.items() if v} - {"this", "expressions"}:
            self.source.fail("not_allowed", "IN wants a list of values", node)
        return in_list(self, self.value(node.this), [self.value(item) for item in node.expressions], node)

    def _like(self, node: exp.Like) -> Tree:
        operand = self.settled(node.this)
        pattern = self.value(node.expression) if isinstance(node.expression, exp.Literal) else None
        if not isinstance(pattern, Words):
            self.source.fail("type", "LIKE wants a text pattern such as '138%'", node)
        if operand.type.kind is not Kind.TEXT:
            self.source.fail("type", f"LIKE is for text, but this is {describe(operand.type)}", node)
        return Match(operand, "like", pattern.text, bool(node.args.get("negate")))

    def _is(self, node: exp.Is) -> Tree:
        operand = self.value(node.this)
        if isinstance(node.expression, exp.Null):
            return IsNull(self.settle(operand, node.this), False)
        if isinstance(node.expression, exp.Boolean):
            return Truth(self.condition(node.this), int(bool(node.expression.this)), False)
        raise self.source.problem("syntax", "after IS comes NULL, NOT NULL, TRUE or FALSE", node)

    def _paren(self, node: exp.Paren) -> Tree | Literal:
        return self.value(node.this)

    def _negative(self, node: exp.Neg) -> Tree | Literal:
        return self.negative(self.value(node.this), node)

    # -- CASE and functions ----------------------------------------------------------------

    def _case(self, node: exp.Case) -> Tree:
        conditions, results = [], []
        for branch in node.args["ifs"]:
            if node.this is None:
                conditions.append(self.condition(branch.this))
            else:
                conditions.append(compare(self, "=", self.value(node.this), self.value(branch.this), branch))
            results.append((self.value(branch.args["true"]), branch.args["true"]))
        default = node.args.get("default")
        results.append((self.value(default), default) if default is not None else (Nothing(), node))
        trees = self.unified(results, node)
        return Case(tuple(zip(conditions, trees, strict=False)), trees[-1], self.widest(trees))

    def _function(self, node: exp.Func) -> Tree:
        start, end = node.meta.get("start"), node.meta.get("end")
        if start is None or end is None:
            self.source.fail("not_allowed", f"{type(node).__name__} is not allowed in a rule", node)
        written = self.source.text[start : end + 1]
        name = written.lower()
        function = FUNCTIONS.get(name)
        if function is None:
            hint = did_you_mean(name, FUNCTIONS) or f"the functions are {', '.join(sorted(FUNCTIONS))}"
            self.source.fail("not_allowed", f"no function `{written}`", (start, end + 1), hint)
        arguments = _arguments(node)
        if not function.least <= len(arguments) <= function.most:
            message = f"{function.signature} cannot take {len(arguments)} argument{'s' * (len(arguments) != 1)}"
            self.source.fail("arguments", message, node, f"write {function.signature}")
        return self._call(function, arguments, node)

    def _call(self, function: Function, nodes: list[exp.Expr], node: exp.Expr) -> Tree:
        values = [self.value(argument) for argument in nodes]
        if function.name == "contains":
            return self._contains(values, nodes)
        return self.call(function.name, list(zip(values, nodes, strict=True)), node)

    def _contains(self, values: list[Tree | Literal], nodes: list[exp.Expr]) -> Tree:
        held, member = values
        if isinstance(held, Literal) or held.type.kind is not Kind.SET:
            self.source.fail("type", "contains() wants a tag of type set first", nodes[0])
        if not isinstance(member, Words):
            self.source.fail("type", "contains() wants a member such as 'video' second", nodes[1])
        if member.text not in held.type.members:
            hint = did_you_mean(member.text, held.type.members) or f"members are {', '.join(held.type.members)}"
            self.source.fail("literal", f"the set has no member '{member.text}'", nodes[1], hint)
        return Contains(held, held.type.members.index(member.text), member.text)

    _special: ClassVar[dict[type, Any]] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.Boolean: _boolean,
        exp.Null: _null,
        exp.Cast: _typed_literal,
        exp.And: _connector,
        exp.Or: _connector,
        exp.Not: _not,
        exp.Between: _between,
        exp.In: _in,
        exp.Like: _like,
        exp.Is: _is,
        exp.Paren: _paren,
        exp.Neg: _negative,
        exp.Case: _case,
    }  # fmt: skip


def _arguments(node: exp.Func) -> list[exp.Expr]:
    """The arguments of a call as written, whatever slots the parser put them into."""
    found: list[exp.Expr] = []
    for value in node.args.values():
        found += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, exp.Expr)]
    return found
