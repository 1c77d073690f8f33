"""What campaigns remember of customers: a bundle of two pools (pairs, goal instances), their lists' heads, and the minute wheel."""

from typing import Any

import numpy as np

from opportune.facts import bundle, compiled_leaf, prefetch, table

INSTANCE = np.dtype(
    [
        ("opened", "i8"),
        ("deadline", "i8"),  # included; of the goal while open, of the regret once reached
        ("total", "i8"),  # running total so far
        ("reached", "i8"),  # when the goal was reached, while a regret is watched for
        ("origin_seq", "i8"),
        ("next", "i4"),  # of the same customer; of the free list when free
        ("wheel_next", "i4"),
        ("customer", "u4"),
        ("campaign", "u2"),
        ("wanted", "u2"),  # the event it waits for: the goal's while open, the regret's once reached
        ("arm", "u1"),
        ("state", "u1"),
        ("_", "u2"),
        ("__", "u4"),
    ]
)

NEXT, PAIR_CAMPAIGN, AGAIN_FROM, OPEN_UNTIL, PAIR_REFUSED_UNTIL, STALE_FROM, PAIR_HEADER_WORDS = range(7)
HEAD_PAIRS, HEAD_INSTANCES, MASK_PAIRS, MASK_WANTED, HEAD_WORDS = range(5)
MASK_BITS = 31
WANTED_NOTHING = 0xFFFF
WHEEL_SLOTS = 65_536

CAMPAIGN_MEMORY = bundle(
    {"heads": 2, "pairs": 2, "instances": 1, "wheel": 1},
    [("pairs_used", "i8"), ("instances_used", "i8"), ("free_head", "i8"), ("refused", "i8")],
)
"""heads i4[customers, 4]: the first pair, the first goal instance, and two masks that spare a walk along either list: a bit per
campaign (modulo MASK_BITS) that may be among the pairs, a bit per event that may be wanted by an instance. pairs i8[pool, words];
instances INSTANCE[pool]; wheel i4[WHEEL_SLOTS]. Place 0 of a pool is never used.

pairs_used, instances_used: pool places ever used; free_head: list of freed instances; refused: instances refused because a bound was met.
"""
heads_of, pairs_of = table("heads", "i4", 2), table("pairs", "i8", 2)
instances_of, wheel_of = table("instances", INSTANCE), table("wheel", "i4")


@compiled_leaf
def fetch_lists(memory: Any, row: int) -> None:
    """Ask memory for a customer's first pair and first goal instance, some facts after its heads were asked for."""
    prefetch(pairs_of(memory), heads_of(memory)[row, HEAD_PAIRS] * memory.pairs_words)
    prefetch(instances_of(memory), int(heads_of(memory)[row, HEAD_INSTANCES]))


@compiled_leaf
def may_hold(memory: Any, row: int, mask: int, number: int) -> bool:
    """Whether the list that a mask stands for may hold this campaign or event; False is certain."""
    return (heads_of(memory)[row, mask] >> (number % MASK_BITS)) & 1 != 0


@compiled_leaf
def note_held(memory: Any, row: int, mask: int, number: int) -> None:
    """The list now holds this campaign or event."""
    heads_of(memory)[row, mask] |= 1 << (number % MASK_BITS)
