"""Rule tags written out: a tree in which the tags that follow from others are replaced by the rules they follow from."""

from collections.abc import Mapping

import msgspec

from opportune.rules.limits import RULE_NODES_MAX
from opportune.rules.tree import (
    And,
    Arithmetic,
    Call,
    Case,
    Column,
    Compare,
    Constant,
    Or,
    Rule,
    Text,
    Tree,
    refs_of,
    walk,
)


def written_out(rule: Rule, rules: Mapping[str, Rule]) -> Rule:
    """The rule with every tag of `rules` replaced by its own rule; the rule as it is where that would grow beyond RULE_NODES_MAX."""
    tree, left = rule.tree, RULE_NODES_MAX
    while any(isinstance(node, Column) and _follows(node, rules) for node in walk(tree)):
        tree = _replaced(tree, rules)
        left -= sum(1 for _ in walk(tree))
        if left < 0:
            return rule
    return Rule(rule.text, tree, tree.type, refs_of(tree))


def _follows(node: Column, rules: Mapping[str, Rule]) -> bool:
    return node.ref.source == "tag" and node.ref.name in rules


def _replaced(tree: Tree, rules: Mapping[str, Rule]) -> Tree:
    match tree:
        case Column():
            return rules[tree.ref.name].tree if _follows(tree, rules) else tree
        case Constant() | Text():
            return tree
        case And() | Or():
            return msgspec.structs.replace(tree, parts=tuple(_replaced(part, rules) for part in tree.parts))
        case Compare() | Arithmetic():
            return msgspec.structs.replace(tree, left=_replaced(tree.left, rules), right=_replaced(tree.right, rules))
        case Call():
            return msgspec.structs.replace(tree, arguments=tuple(_replaced(one, rules) for one in tree.arguments))
        case Case():
            branches = tuple((_replaced(asked, rules), _replaced(given, rules)) for asked, given in tree.branches)
            return msgspec.structs.replace(tree, branches=branches, otherwise=_replaced(tree.otherwise, rules))
        case _:
            return msgspec.structs.replace(tree, operand=_replaced(tree.operand, rules))
