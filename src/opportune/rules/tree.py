"""The tree of a checked rule: every node typed, every number already an encoded integer, nothing of the parser left.

A condition is a node of kind bool whose value is 1, 0 or NULL (SQL's three-valued logic).
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from opportune.facts import Kind, ValueType, value_type

BOOL = value_type(Kind.BOOL)
TEXT = value_type(Kind.TEXT)
DATE = value_type(Kind.DATE)
TIMESTAMP = value_type(Kind.TIMESTAMP)
INT = value_type(Kind.INT)


class Ref(msgspec.Struct, frozen=True, order=True):
    """What a rule reads: source `tag` or `event` with a name, or `clock` with `now` (ms UTC) or `zone` (number in the ZoneTable)."""

    source: str
    name: str


NOW = Ref("clock", "now")
ZONE = Ref("clock", "zone")
EVENT_AT = Ref("event", "at")


class Column(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """The value of a tag, of a property of the event, or of the clock."""

    ref: Ref
    type: ValueType


class Constant(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """An encoded value other than text; NULL is facts.NULL. `shown` is how the rule's author wrote it."""

    value: int
    type: ValueType
    shown: str = ""


class Text(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """A text literal."""

    value: str
    type: ValueType = TEXT


class Range(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """low <= operand <= high (nothing when low > high); a comparison with literals, made exact at check time.

    `op` (= <> < <= > >= between) and `shown` keep the author's words; `negated` is for <> and NOT BETWEEN.
    """

    operand: "Tree"
    low: int
    high: int
    negated: bool
    op: str
    shown: tuple[str, ...]
    type: ValueType = BOOL


class Members(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """operand IN (numbers, dates or moments), sorted."""

    operand: "Tree"
    values: tuple[int, ...]
    negated: bool
    shown: tuple[str, ...]
    type: ValueType = BOOL


class OneOf(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """text = literal, text <> literal, text [NOT] IN (literals)."""

    operand: "Tree"
    texts: tuple[str, ...]
    negated: bool
    type: ValueType = BOOL


class Match(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """text LIKE pattern, or text < <= > >= literal by code point; `op` is like, <, <=, > or >=."""

    operand: "Tree"
    op: str
    pattern: str
    negated: bool
    type: ValueType = BOOL


class Compare(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """left op right, both encoded alike; texts and bools only by = and <>."""

    op: str
    left: "Tree"
    right: "Tree"
    type: ValueType = BOOL


class Contains(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """The set `operand` holds the member of this bit."""

    operand: "Tree"
    bit: int
    member: str
    type: ValueType = BOOL


class IsNull(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """operand IS [NOT] NULL; never NULL itself."""

    operand: "Tree"
    negated: bool
    type: ValueType = BOOL


class Truth(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """operand IS [NOT] TRUE (want 1) or FALSE (want 0); never NULL itself."""

    operand: "Tree"
    want: int
    negated: bool
    type: ValueType = BOOL


class And(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """All of the parts."""

    parts: tuple["Tree", ...]
    type: ValueType = BOOL


class Or(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """Any of the parts."""

    parts: tuple["Tree", ...]
    type: ValueType = BOOL


class Not(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """1 for 0, 0 for 1, NULL for NULL."""

    operand: "Tree"
    type: ValueType = BOOL


class Arithmetic(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """left op right over encoded integers; op is + - * or / (truncating). x / 0 and overflow are NULL."""

    op: str
    left: "Tree"
    right: "Tree"
    type: ValueType


class Scale(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """operand x 10**digits: the same number with more decimals. Overflow is NULL."""

    operand: "Tree"
    digits: int
    type: ValueType


class Negate(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """The number with the other sign."""

    operand: "Tree"
    type: ValueType


class Call(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """A function of the function table. days_since and hours_since carry the clock as second argument."""

    function: str
    arguments: tuple["Tree", ...]
    type: ValueType


class Case(msgspec.Struct, frozen=True, tag=True, tag_field="node"):
    """The value of the first branch whose condition is true, else `otherwise`."""

    branches: tuple[tuple["Tree", "Tree"], ...]
    otherwise: "Tree"
    type: ValueType


Tree: TypeAlias = (
    Column | Constant | Text | Range | Members | OneOf | Match | Compare | Contains | IsNull | Truth | And | Or | Not
    | Arithmetic | Scale | Negate | Call | Case
)  # fmt: skip


class Rule(msgspec.Struct, frozen=True):
    """A checked rule. `refs` are what it reads, sorted, the clock included."""

    text: str
    tree: Tree
    type: ValueType
    refs: tuple[Ref, ...]


def children(tree: Tree) -> tuple[Tree, ...]:
    """The nodes directly below, in the order they are written."""
    match tree:
        case Column() | Constant() | Text():
            return ()
        case And() | Or():
            return tree.parts
        case Compare() | Arithmetic():
            return tree.left, tree.right
        case Call():
            return tree.arguments
        case Case():
            return (*(node for branch in tree.branches for node in branch), tree.otherwise)
        case _:
            return (tree.operand,)


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node, the root first."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


CALENDAR_FUNCTIONS = frozenset(("local_hour", "weekday", "day_of_month", "month", "year", "local_date"))


def needs_zone(call: Call) -> bool:
    """Whether the call turns a moment into the customer's local time."""
    if call.function == "days_since":
        return True
    wanted = Kind.DATE if call.function == "hours_since" else Kind.TIMESTAMP
    calendar = call.function == "hours_since" or call.function in CALENDAR_FUNCTIONS
    return calendar and call.arguments[0].type.kind is wanted


def refs_of(tree: Tree) -> tuple[Ref, ...]:
    """What the tree reads, sorted; the customer's zone where local time is needed."""
    found = {node.ref for node in walk(tree) if isinstance(node, Column)}
    if any(isinstance(node, Call) and needs_zone(node) for node in walk(tree)):
        found.add(ZONE)
    return tuple(sorted(found))


def conjuncts(rule: Rule) -> tuple[Rule, ...]:
    """The parts of a rule that must all hold, each a rule of its own; the rule itself where it is no AND."""
    if not isinstance(rule.tree, And):
        return (rule,)
    return tuple(Rule("", part, part.type, refs_of(part)) for part in rule.tree.parts)


def disjuncts(rule: Rule) -> tuple[Rule, ...]:
    """The parts of a rule of which one must hold, each a rule of its own; the rule itself where it is no OR."""
    if not isinstance(rule.tree, Or):
        return (rule,)
    return tuple(Rule("", part, part.type, refs_of(part)) for part in rule.tree.parts)


def all_of(rules: Sequence[Rule]) -> Rule | None:
    """The rule that holds where all of these conditions do; None where there is none."""
    if len(rules) < 2:
        return rules[0] if rules else None
    tree = And(tuple(rule.tree for rule in rules))
    return Rule(" AND ".join(f"({rule.text})" for rule in rules), tree, BOOL, refs_of(tree))
