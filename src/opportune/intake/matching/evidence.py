"""What speaks for two customers being one: per field how much alike the values are, and how much that weighs. No value is in it."""

import msgspec

LEVEL_TEXTS: dict[str, tuple[str, str]] = {
    "missing": ("missing", "缺失"),
    "equal": ("equal", "相同"),
    "close": ("close", "接近"),
    "similar": ("similar", "相似"),
    "exchanged": ("in another field", "字段错位"),
    "different": ("different", "不同"),
}
"""Per level of likeness: English, Chinese."""


class Evidence(msgspec.Struct, frozen=True):
    """One field of a pair: the level of likeness, and its weight in thousandths of a bit (+1,000: twice as likely to be one person)."""

    field: str
    level: str
    weight: int


class Pair(msgspec.Struct, frozen=True):
    """Two rows by their numbers, the lower one first; `score` is the probability that they are one person, in millionths."""

    low: int
    high: int
    score: int
    evidence: tuple[Evidence, ...]
