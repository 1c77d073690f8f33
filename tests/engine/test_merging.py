"""Merging: whatever arrives first, the person is the same as if she had had one identifier from the start; parted, as if she had been two."""

import msgspec
import numpy as np
import pytest

from opportune.engine import Playbook
from opportune.facts import BatchBuilder, FactKind
from opportune.profiles import TagDefinition
from tests.engine.merging_world import Message, Shop, named, named_once, people_of, playbook, story
from tests.engine.records import DAY
from tests.engine.worlds import START, define

END = START + 13 * DAY


def world(seed: int, many: int = 6, each: int = 40) -> tuple[np.random.Generator, list, list]:  # type: ignore[type-arg]  # the generator's own
    r = np.random.default_rng(seed)
    people = people_of(r, many)
    return r, people, story(r, people, each)


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    r, people, told = world(seed)
    messages = named(r, people, told)
    once = Shop(playbook())
    once.take(named_once(people, told))
    expected = once.known([once.number("user", f"u-{i}") for i in range(len(people))], END)
    orders: list[list[Message]] = [messages, messages[::-1]]
    orders += [[messages[at] for at in r.permutation(len(messages))] for _ in range(2)]
    merged = 0
    for order in orders:
        shop = Shop(playbook())
        shop.take(order)
        assert shop.conflicts == []
        merged += len(shop.identity.groups)
        assert shop.known(shop.rows(people), END) == expected
    assert merged > 0


def test_batches_of_every_size_and_the_compiled_decoder_make_the_same_bytes() -> None:
    r, people, told = world(11, many=8)
    messages = named(r, people, told)
    order = [messages[at] for at in r.permutation(len(messages))]
    straight = Shop(playbook())
    straight.take(order)
    bytes_of = {name: array.tobytes() for name, array in straight.engine.to_arrays().items()}
    for size, compiled in ((1, False), (64, False), (64, True), (64_000, True)):
        shop = Shop(playbook(), compiled=compiled)
        shop.take(order, size)
        assert {name: array.tobytes() for name, array in shop.engine.to_arrays().items()} == bytes_of, (size, compiled)
        assert {k: a.tobytes() for k, a in shop.identity.to_arrays().items()} == {
            k: a.tobytes() for k, a in straight.identity.to_arrays().items()
        }


def part(shop: Shop, customer: int, leaving: list[int]) -> None:
    builder = BatchBuilder()
    builder.add_body(FactKind.UNMERGED, msgspec.json.encode(leaving), END, customer=customer)
    shop.state(builder)


@pytest.mark.parametrize("at", [0.0, 0.3, 1.0])
def test_history_folded_ahead_counts_only_where_nobody_was_merged_since(at: float) -> None:
    """A publication finds the same bits whether history was folded ahead of it or not, and merges came meanwhile or not."""
    r, people, told = world(3)
    messages = named(r, people, told)
    counter = define(TagDefinition, tag="paid_ever", counter={"of": "paid", "measure": "count"})
    states = []
    for ahead in (False, True):
        shop = Shop(playbook())
        shop.take(messages[: int(at * len(messages))], 16)
        tags = {**shop.playbook.definitions.tags, "paid_ever": counter}
        definitions = msgspec.structs.replace(shop.playbook.definitions, tags=tags)
        new = Playbook(
            definitions,
            numbers=shop.playbook.numbering.names,
            dictionary=shop.dictionary,
            version=2,
            also_hot=tuple(tags),
        )
        rebuilding = shop.engine.rebuilding(new) if ahead else None
        if rebuilding is not None:
            for batch, outputs in shop.taken:
                rebuilding.take(batch, outputs)
        known = len(shop.taken)
        shop.take(messages[int(at * len(messages)) :], 16)
        if rebuilding is not None:
            for batch, outputs in shop.taken[known:]:
                rebuilding.take(batch, outputs)
            assert rebuilding.folds(shop.engine._groups()) == (at == 1.0)
        shop.engine.prepare(new, rebuilding)
        fact = BatchBuilder()
        fact.add_body(FactKind.PLAYBOOK, new.body().encode(), shop.engine.now_ms)
        shop.process(fact.build())
        states.append({name: array.tobytes() for name, array in shop.engine.to_arrays().items()})
    assert shop.identity.groups
    assert states[0] == states[1]


def test_who_was_forgotten_is_merged_and_parted_no_more() -> None:
    r, people, told = world(5)
    shop = Shop(playbook())
    shop.take(named(r, people, told))
    root, members = max(shop.identity.groups.items(), key=lambda one: len(one[1]))
    other = next(number for number in shop.rows(people) if number != root)
    forgotten = BatchBuilder()
    for number in members:
        forgotten.add(FactKind.FORGOTTEN, 0, number, END, END)
    shop.state(forgotten)
    assert shop.engine.forgotten(0, shop.engine.customers).tolist() == members
    assert shop.engine.counts["forgotten"] == len(members)
    before = {name: array.tobytes() for name, array in shop.engine.to_arrays().items() if name != "figures"}
    late = BatchBuilder()
    for one, another in ((root, other), (other, members[-1])):
        late.add(FactKind.MERGED, 0, one, END, END, (another,))
    late.add_body(FactKind.UNMERGED, msgspec.json.encode(members[1:]), END, customer=root)
    shop.process(late.build())
    after = {name: array.tobytes() for name, array in shop.engine.to_arrays().items() if name != "figures"}
    assert after == before


@pytest.mark.parametrize("seed", range(4))
def test_merged_and_parted_is_never_merged(seed: int) -> None:
    """Two people, wrongly taken for one for a while: parted, each is as if nobody had ever thought so."""
    _, _, told = world(seed, many=4)
    messages = [{**message, "userId": f"u-{person}"} for person, message in told]
    never = Shop(playbook())
    never.take(messages)
    expected = never.known([never.number("user", f"u-{i}") for i in range(4)], END)
    shop = Shop(playbook())
    half = len(messages) // 2
    shop.take(messages[:half])
    for low, high in ((0, 1), (2, 3)):
        one, other = shop.number("user", f"u-{low}"), shop.number("user", f"u-{high}")
        builder = BatchBuilder()
        builder.add(FactKind.MERGED, 0, min(one, other), END - 12 * DAY, shop.engine.now_ms, (max(one, other),))
        shop.state(builder)
    shop.take(messages[half:])
    assert shop.identity.root(shop.number("user", "u-0")) == shop.identity.root(shop.number("user", "u-1"))
    part(shop, shop.number("user", "u-0"), [shop.number("user", "u-0")])
    part(shop, shop.number("user", "u-2"), [shop.number("user", "u-3")])
    assert shop.known([shop.number("user", f"u-{i}") for i in range(4)], END) == expected
