"""How large a rule may be. Everything later (stack, tables, SQL) is bounded through these."""

RULE_CHARS_MAX = 4_000
RULE_TOKENS_MAX = 1_000
RULE_DEPTH_MAX = 24
TREE_DEPTH_MAX = 48
RULE_NODES_MAX = 1_500
SCALE_MAX = 9
LITERAL_DIGITS_MAX = 40
