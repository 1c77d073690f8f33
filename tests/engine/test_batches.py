"""However facts are batched, saved and loaded, and however full the room for outputs is: the outputs are the same, bit for bit."""

from collections.abc import Iterable

import numpy as np
import pytest

from opportune.campaigns import INSTANCE, INSTANCES_PER_CUSTOMER_MAX, CampaignDefinition, TouchpointDefinition
from opportune.engine import CapacityError, DefinitionSet, Engine, Playbook
from opportune.engine.engine import ROOM_ROWS
from opportune.engine.state import POOL_START
from opportune.engine.turns import GOALS_PER_TURN_MAX
from opportune.facts import NULL, EventDefinition, FactBatch, FactKind, GoalKind, Outputs
from tests.engine.fixed_stream import hash_of
from tests.engine.records import DAY, MINUTE, Fact
from tests.engine.worlds import CUSTOMERS_MAX, START, World, batch_of, define, pieces


def run(batches: list[FactBatch], customers_max: int = CUSTOMERS_MAX) -> Outputs:
    """All outputs of a fresh engine."""
    engine = Engine(customers_max=customers_max)
    return Outputs.concatenate([engine.process(batch) for batch in batches])


def in_sizes(batch: FactBatch, size: int) -> list[FactBatch]:
    """The batch in pieces of one size."""
    return pieces(batch, list(range(size, len(batch), size)))


def check_cut_anywhere(batch: FactBatch, sizes: tuple[int, ...], seeds: Iterable[int]) -> None:
    """In pieces of these sizes, and cut at random, the outputs are those of the whole."""
    whole = hash_of(run([batch]))
    for size in sizes:
        assert hash_of(run(in_sizes(batch, size))) == whole
    for seed in seeds:
        cuts = np.random.default_rng(seed).integers(1, len(batch), 20).tolist()
        assert hash_of(run(pieces(batch, cuts))) == whole


def check_saved_and_loaded(batch: FactBatch, playbook: Playbook, seed: int) -> None:
    """Saved and loaded at random places, the outputs and the state at the end are those of a run that was not."""
    body = playbook.body().encode()
    engine = Engine(customers_max=CUSTOMERS_MAX)
    whole = engine.process(batch)
    for cut in np.random.default_rng(seed).integers(1, len(batch), 8).tolist():
        before, after = pieces(batch, [cut])
        first = Engine(customers_max=CUSTOMERS_MAX)
        told = first.process(before)
        saved = {name: array.copy() for name, array in first.to_arrays().items()}
        second = Engine(first.dictionary, customers_max=CUSTOMERS_MAX)
        second.load_arrays(body, saved)
        assert hash_of(Outputs.concatenate([told, second.process(after)])) == hash_of(whole)
        for one, other in zip(second.to_arrays().values(), engine.to_arrays().values(), strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("seed", range(12))
def test_batches_of_any_size_give_the_same_outputs(seed: int) -> None:
    check_cut_anywhere(batch_of(World(seed).stream(300)), (1, 7, 64, 64_000), range(3))


@pytest.mark.parametrize("seed", range(12))
def test_saved_and_loaded_anywhere_goes_on_as_if_nothing_happened(seed: int) -> None:
    world = World(seed)
    check_saved_and_loaded(batch_of(world.stream(200)), world.playbook, seed)


def crowd_playbook() -> Playbook:
    """Every recharge leads to a decision; goals lapse after ten minutes, those of `slow` only after a day."""
    fields = {"trigger": {"event": "recharge"}, "touchpoints": [{"at": "sms", "push": "now"}], "again_after": "0s"}
    budget = {"budget": {"contacts": 1, "per": "day"}}
    campaigns = {
        "quick": define(CampaignDefinition, campaign="quick", goal={"event": "buy", "within": "10m"}, **fields),
        "slow": define(CampaignDefinition, campaign="slow", goal={"event": "buy", "within": "30d"}),
    }
    for i in range(5):
        trigger = {"event": f"daily{i}"}
        campaigns[f"d{i}"] = define(
            CampaignDefinition, campaign=f"d{i}", **{**fields, "trigger": trigger}, policy=budget
        )
    names = ["recharge", "buy", *(f"daily{i}" for i in range(5))]
    definitions = DefinitionSet(
        events={name: define(EventDefinition, event=name) for name in names},
        touchpoints={"sms": define(TouchpointDefinition, touchpoint="sms", direction="out")},
        campaigns=campaigns,
    )
    return Playbook(definitions)


def crowd(customers: int) -> tuple[Playbook, list[Fact]]:
    """A playbook and that many customers."""
    playbook = crowd_playbook()
    facts = [Fact(FactKind.PLAYBOOK, 0, None, START, START, (), playbook)]
    facts += [Fact(FactKind.CUSTOMER, 0, c, START, START, (c,)) for c in range(customers)]
    return playbook, facts


def test_more_decisions_and_lapses_than_the_room_holds() -> None:
    customers = ROOM_ROWS + GOALS_PER_TURN_MAX  # as many lapses as the room for goals has rows
    playbook, facts = crowd(customers)
    event = playbook.catalogue.events
    facts += [Fact(FactKind.EVENT, event["recharge"].number, c, START, START) for c in range(customers)]
    slow = playbook.catalogue.campaigns["slow"]
    facts += [Fact(FactKind.CONTACT, slow, 3, START, START, (0, NULL)) for _ in range(INSTANCES_PER_CUSTOMER_MAX - 1)]
    later = START + 20 * MINUTE
    facts += [Fact(FactKind.EVENT, event["buy"].number, 3, later, later)] * 2
    batch = batch_of(facts)
    whole = run([batch], customers)
    assert len(whole.decisions) == customers
    kinds = np.bincount(whole.goals["kind"])
    assert kinds[GoalKind.LAPSED] == customers
    assert kinds[GoalKind.REACHED] == INSTANCES_PER_CUSTOMER_MAX - 1
    assert hash_of(run(in_sizes(batch, 5_000), customers)) == hash_of(whole)


def test_more_limit_facts_than_the_room_holds() -> None:
    playbook, facts = crowd(1)
    event = playbook.catalogue.events
    days = ROOM_ROWS // 10 + 100
    for day in range(days):
        now = START + day * DAY
        facts += [Fact(FactKind.EVENT, event[f"daily{i}"].number, 0, now, now) for i in range(5)]
    batch = batch_of(facts)
    whole = run([batch])
    assert len(whole.limits) == 10 * days - 5  # each closes daily and opens the next day
    assert hash_of(run(in_sizes(batch, 100))) == hash_of(whole)


def test_pools_grow_without_a_trace() -> None:
    playbook, facts = crowd(40)
    slow = playbook.catalogue.campaigns["slow"]
    for i in range(POOL_START * 2):
        now = START + i
        facts.append(Fact(FactKind.CONTACT, slow, i % 40, now, now, (0, NULL)))
    batch = batch_of(facts)
    engine = Engine(customers_max=CUSTOMERS_MAX)
    for part in in_sizes(batch, 1_000):
        engine.process(part)
    arrays = engine.to_arrays()
    used = arrays["instances"]
    assert len(used) == 2 * POOL_START + 1  # place 0 is never used
    assert used.dtype == INSTANCE


def test_a_customer_beyond_the_reserved_room_is_refused_before_anything_changes() -> None:
    _, facts = crowd(3)
    engine = Engine(customers_max=2)
    engine.process(batch_of(facts[:1]))
    with pytest.raises(CapacityError, match="customers_max"):
        engine.process(batch_of(facts[1:]))
    assert (engine.next_seq, engine.customers) == (1, 0)
