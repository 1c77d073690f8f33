"""Bit sets over segments: what they say of all candidates at once is what asking each of them says."""

import random

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from opportune.engine import Engine, Playbook
from opportune.engine.matching import fitting
from opportune.engine.segments import Asked, Interval, Segments, segments
from opportune.engine.tables import BLOCK_CANDIDATES_MAX, PLAN, ROOM, SET_BITS, plan_at, room_at
from opportune.facts import NULL, VALUE_MAX, compiled_leaf, point
from tests.engine.test_oracle import assert_agree, told
from tests.engine.worlds import CUSTOMERS_MAX, World, batch_of

EDGES = [NULL, NULL + 1, -(2**31) - 1, -(2**31), -5, -1, 0, 1, 2, 7, 2**31 - 1, 2**31, VALUE_MAX - 1, VALUE_MAX]
REGISTERS = 6
CASES = [(1, 2), (2, 6), (9, 3), (20, 1), (63, 1), (64, 3), (126, 2), (300, 2)]


@compiled_leaf
def fitting_at(plan_address: int, room_address: int, index: int, blocked: int) -> tuple[int, int]:
    """`fitting`, told of bundles by their addresses."""
    return fitting(plan_at(plan_address), room_at(room_address), index, blocked)


def intervals(r: random.Random, pieces: int) -> list[Interval]:
    """Disjoint ascending intervals, ends at the edges now and then."""
    if pieces == 1 and r.random() < 0.5:
        return [(NULL, r.randint(-300, 300))]
    ends = sorted({r.choice(EDGES) if r.random() < 0.1 else r.randint(-300, 300) for _ in range(2 * pieces)})
    return [(ends[i], ends[i + 1]) for i in range(0, len(ends) - 1, 2)]


def candidates(r: random.Random, many: int, clauses: int) -> list[Asked]:
    """Candidates with some clauses each, more than one over the same register too."""
    return [
        Asked(r.randint(0, 7), [(r.randrange(REGISTERS), intervals(r, r.randint(1, 3))) for _ in range(clauses)])
        for _ in range(many)
    ]


def fits(one: Asked, regs: NDArray[np.int64], blocked: int) -> bool:
    """Whether a candidate fits, asked clause by clause."""
    held = all(any(low <= regs[ref] <= high for low, high in found) for ref, found in one.clauses)
    return held and one.classes & ~blocked != 0


@pytest.mark.parametrize(("many", "clauses"), CASES)
def test_the_sets_say_what_the_clauses_say(many: int, clauses: int) -> None:
    r = random.Random(many)
    asked = candidates(r, many, clauses)
    collected = Segments()
    collected.add(0, candidates(r, 5, 2))  # another trigger stands before
    first_block, blocks_end = collected.add(5, asked)
    tables = collected.build()
    regs = np.zeros(REGISTERS, np.int64)
    plan, room = np.zeros(1, PLAN).view(np.recarray), np.zeros(1, ROOM).view(np.recarray)
    point(plan[0], tables._asdict())
    point(room[0], {"regs": regs})
    assert blocks_end - first_block == -(-many // BLOCK_CANDIDATES_MAX)
    met = 0
    for _ in range(300):
        regs[:] = [r.choice(EDGES) if r.random() < 0.3 else r.randint(-310, 310) for _ in range(REGISTERS)]
        blocked = r.randrange(4)
        found = []
        for index in range(first_block, blocks_end):
            words = fitting_at(plan.ctypes.data, room.ctypes.data, index, blocked)
            start = int(tables.blocks[index].first) - 5
            found += [
                start + SET_BITS * w + b for w, word in enumerate(words) for b in range(SET_BITS) if word >> b & 1
            ]
        assert found == [i for i, one in enumerate(asked) if fits(one, regs, blocked)]
        met += len(found)
    assert met or many < 9


def test_searches_of_every_kind_are_met() -> None:
    collected = Segments()
    for many, clauses in CASES:
        collected.add(0, candidates(random.Random(many), many, clauses))
    steps = set(collected.build().columns.steps.tolist())
    assert {2, 3, 4} <= steps, "the kernel's three loops are not all met by the test above"
    assert max(steps) > 4


def test_a_segment_begins_at_a_bound_and_null_lies_in_the_first() -> None:
    clauses: list[tuple[int, list[Interval]]] = [(1, [(NULL, NULL)]), (2, [(3, VALUE_MAX)]), (4, [(0, 2), (5, 9)])]
    assert segments(clauses, 15) == ([NULL + 1, 0, 3, 5, 10], [8 | 1, 8, 8 | 4, 8 | 2, 8 | 2 | 4, 8 | 2])
    assert segments([(1, [])], 3) == ([VALUE_MAX], [2, 2]), "what has no interval never fits"


@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_campaigns_on_a_trigger_do_what_the_oracle_says(seed: int) -> None:
    world = World(seed)
    d = world.definitions
    names = [chr(0x4E00 + i) for i in range(600)]
    campaigns = {name: world.campaign(name, d.tags, d.offers) for name in names}
    world.definitions = msgspec.structs.replace(d, campaigns=campaigns)
    world.playbook = Playbook(world.definitions, dictionary=world.dictionary)
    events = world.playbook.plan.events
    assert max(events.block_end - events.block_first) > 1
    facts = world.stream(60)
    oracle = told(world, facts)
    engine, traced = Engine(customers_max=CUSTOMERS_MAX), Engine(customers_max=CUSTOMERS_MAX)
    assert_agree(oracle, engine, engine.process(batch_of(facts)))
    assert_agree(oracle, traced, *traced.trace(batch_of(facts)))
    assert oracle.decisions
