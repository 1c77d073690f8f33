"""What campaigns remember of two customers becomes one's: pairs, goal instances, open decisions. Kernel functions."""

from typing import Any

from opportune.campaigns.goals import INSTANCES_PER_CUSTOMER_MAX, NO_INSTANCE, unlink
from opportune.campaigns.memory import (
    AGAIN_FROM,
    HEAD_INSTANCES,
    HEAD_PAIRS,
    MASK_PAIRS,
    MASK_WANTED,
    NEXT,
    OPEN_UNTIL,
    PAIR_CAMPAIGN,
    PAIR_HEADER_WORDS,
    PAIR_REFUSED_UNTIL,
    STALE_FROM,
    heads_of,
    instances_of,
    note_held,
    pairs_of,
)
from opportune.campaigns.open_decisions import NO_RECORD, open_heads_of, open_of
from opportune.campaigns.pairs import NO_PAIR, find_pair, open_pair
from opportune.facts import compiled_leaf


@compiled_leaf
def combine_pairs(memory: Any, row: int, other: int) -> None:
    """The later end of every rest, and the latest contacts of both. What both have had stays at `other`, empty."""
    pool, heads = pairs_of(memory), heads_of(memory)
    before, pair = NO_PAIR, int(heads[other, HEAD_PAIRS])
    while pair != NO_PAIR:
        after, campaign = int(pool[pair, NEXT]), int(pool[pair, PAIR_CAMPAIGN])
        ours = find_pair(memory, row, campaign)
        if ours == NO_PAIR:
            if before == NO_PAIR:
                heads[other, HEAD_PAIRS] = after
            else:
                pool[before, NEXT] = after
            pool[pair, NEXT] = heads[row, HEAD_PAIRS]
            heads[row, HEAD_PAIRS] = pair
            note_held(memory, row, MASK_PAIRS, campaign)
        else:
            _combine_pair(memory, ours, pair)
            clear_pair(memory, pair)
            before = pair
        pair = after


@compiled_leaf
def _combine_pair(memory: Any, ours: int, theirs: int) -> None:
    pool = pairs_of(memory)
    for word in (AGAIN_FROM, OPEN_UNTIL, PAIR_REFUSED_UNTIL, STALE_FROM):
        pool[ours, word] = max(pool[ours, word], pool[theirs, word])
    for contact in range(PAIR_HEADER_WORDS, memory.pairs_words):
        at_ms = pool[theirs, contact]
        for word in range(PAIR_HEADER_WORDS, memory.pairs_words):
            if at_ms > pool[ours, word]:
                at_ms, pool[ours, word] = pool[ours, word], at_ms


@compiled_leaf
def clear_pair(memory: Any, pair: int) -> None:
    """A pair as if its campaign had never met the customer; its place is used again."""
    for word in range(AGAIN_FROM, memory.pairs_words):
        pairs_of(memory)[pair, word] = 0


@compiled_leaf
def clear_pairs(memory: Any, row: int) -> None:
    """`clear_pair` for all of a customer's."""
    pair = int(heads_of(memory)[row, HEAD_PAIRS])
    while pair != NO_PAIR:
        clear_pair(memory, pair)
        pair = int(pairs_of(memory)[pair, NEXT])


@compiled_leaf
def close_pair(memory: Any, pair: int) -> None:
    """The last decision of the pair is open no more."""
    pairs_of(memory)[pair, OPEN_UNTIL] = 0


@compiled_leaf
def adopt_pairs(memory: Any, row: int, other: Any, other_row: int) -> None:
    """Take over the pairs of a customer of another memory, laid out alike; the customer here has none."""
    pair = int(heads_of(other)[other_row, HEAD_PAIRS])
    while pair != NO_PAIR:
        ours = open_pair(memory, row, int(pairs_of(other)[pair, PAIR_CAMPAIGN]), 0)
        for word in range(AGAIN_FROM, memory.pairs_words):
            pairs_of(memory)[ours, word] = pairs_of(other)[pair, word]
        pair = int(pairs_of(other)[pair, NEXT])


@compiled_leaf
def combine_instances(memory: Any, row: int, other: int) -> None:
    """Goal instances go on as hers, the oldest of too many are given up and counted."""
    pool, heads = instances_of(memory), heads_of(memory)
    many, index = 0, int(heads[row, HEAD_INSTANCES])
    while index != NO_INSTANCE:
        many += 1
        index = int(pool[index].next)
    last, index = NO_INSTANCE, int(heads[other, HEAD_INSTANCES])
    while index != NO_INSTANCE:
        after = int(pool[index].next)
        many += 1
        if many > INSTANCES_PER_CUSTOMER_MAX:
            memory.refused += 1
            unlink(memory, other, index)
        else:
            pool[index].customer = row
            last = index
        index = after
    if last != NO_INSTANCE:
        pool[last].next = heads[row, HEAD_INSTANCES]
        heads[row, HEAD_INSTANCES] = heads[other, HEAD_INSTANCES]
    heads[row, MASK_WANTED] |= heads[other, MASK_WANTED]
    heads[other, HEAD_INSTANCES] = NO_INSTANCE
    heads[other, MASK_WANTED] = 0


@compiled_leaf
def take_over_open(memory: Any, row: int, other: int) -> int:
    """Open decisions of `other` are hers; gives how many she has now."""
    pool, heads = open_of(memory), open_heads_of(memory)
    many, last, index = 0, NO_RECORD, int(heads[other])
    while index != NO_RECORD:
        many += 1
        pool[index].customer = row
        last = index
        index = int(pool[index].next)
    index = int(heads[row])
    if last != NO_RECORD:
        pool[last].next = heads[row]
        heads[row] = heads[other]
        heads[other] = NO_RECORD
    while index != NO_RECORD:
        many += 1
        index = int(pool[index].next)
    return many
