"""Publishing in the middle of a stream: kept state is kept, missing state is built from history, and replay agrees."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from opportune.engine import Engine, History, Playbook, decode_body
from opportune.facts import FactBatch, FactKind, Outputs
from tests.engine.records import Fact
from tests.engine.test_oracle import assert_agree, told
from tests.engine.worlds import CUSTOMERS_MAX, World, batch_of, pieces


def published_stream(world: World, times: int, events: int) -> list[Fact]:
    """A stream with `times` changes of playbook, each in the middle of things."""
    facts = world.stream(events)
    playbook = world.playbook
    for version in range(2, times + 2):
        playbook = world.republished(version, playbook)
        now = facts[-1].now + world.r.choice([0, 1, 5_000_000])
        facts.append(Fact(facts[0].kind, 0, None, now, now, (), playbook))
        facts += world.stream(events, now, begin=False, playbook=playbook)
    return facts


def journaled(told_so_far: list[tuple[FactBatch, Outputs]]) -> History:
    """A history of whole batches, as the journal gives it."""

    def history(before: int) -> Iterator[tuple[FactBatch, Outputs]]:
        seq = 0
        for batch, outputs in told_so_far:
            assert seq + len(batch) <= before, "history is asked for before its batch was journaled"
            seq += len(batch)
            yield batch, outputs
        assert seq == before

    return history


def run_in_pieces(batches: list[FactBatch]) -> tuple[Engine, Outputs]:
    """Process batches one after the other, with the history of those before."""
    past: list[tuple[FactBatch, Outputs]] = []
    engine = Engine(customers_max=CUSTOMERS_MAX, history=journaled(past))
    for batch in batches:
        past.append((batch, engine.process(batch)))
    return engine, Outputs.concatenate([outputs for _, outputs in past])


def remembered(engine: Engine) -> dict[str, object]:
    """The state, but for the pairs of campaign and customer: how those are linked depends on how history is read, what they say does not."""
    arrays = engine.to_arrays()
    state: dict[str, object] = {
        name: array.tobytes() for name, array in arrays.items() if name not in ("pairs", "heads", "figures")
    }
    return {**state, "instances of": arrays["heads"][:, 1].tobytes(), "counts": engine.counts}


def check_publishing(seed: int, events: int) -> None:
    """One world with changes of playbook, in one batch and in pieces."""
    world = World(seed)
    facts = published_stream(world, 1 + seed % 3, events)
    oracle = told(world, facts)
    batch = batch_of(facts)
    engine, outputs = run_in_pieces([batch])
    assert_agree(oracle, engine, outputs)
    cuts = sorted(np.random.default_rng(seed).integers(1, len(batch), 9).tolist())
    again, split = run_in_pieces(pieces(batch, cuts))
    assert_agree(oracle, again, split)
    assert remembered(engine) == remembered(again)


def test_publishing_in_the_middle_is_what_the_oracle_says() -> None:
    for seed in range(40):
        check_publishing(seed, 80)


def folded_ahead(engine: Engine, batch: FactBatch, past: list[tuple[FactBatch, Outputs]]) -> bool:
    """Prepare the first playbook of a batch as a service does: history is folded before its fact comes. Whether there was need of it."""
    found = np.flatnonzero(batch.kind == FactKind.PLAYBOOK)
    if not len(found):
        return False
    for text in batch.texts:  # a service's playbook is compiled when it knows all texts before its fact, too
        engine.dictionary.intern(text)
    body = decode_body(batch.bodies[int(batch.code[found[0]])])
    playbook = Playbook(body.definitions, numbers=body.numbers, dictionary=engine.dictionary, version=body.version)
    rebuilding = engine.rebuilding(playbook)
    if rebuilding is not None:
        for done, outputs in past:
            rebuilding.take(done, outputs)
    engine.prepare(playbook, rebuilding)
    return rebuilding is not None


def test_history_folded_ahead_gives_the_same_bits() -> None:
    ahead = 0
    for seed in range(30):
        batch = batch_of(published_stream(World(seed), 2, 80))
        cuts = sorted(np.random.default_rng(seed).integers(1, len(batch), 12).tolist())
        plain, outputs = run_in_pieces(pieces(batch, cuts))
        past: list[tuple[FactBatch, Outputs]] = []
        engine = Engine(customers_max=CUSTOMERS_MAX, history=journaled(past))
        for part in pieces(batch, cuts):
            ahead += folded_ahead(engine, part, past)
            past.append((part, engine.process(part)))
        assert remembered(engine) == remembered(plain)
        told = Outputs.concatenate([one for _, one in past])
        for name in ("decisions", "goals", "withheld", "limits", "moves", "derived"):
            assert getattr(told, name).tobytes() == getattr(outputs, name).tobytes(), name
    assert ahead > 5


@pytest.mark.deep
@pytest.mark.parametrize("block", range(20))
def test_publishing_in_the_middle_of_thousands_of_worlds(block: int) -> None:
    for seed in range(5_000 + 50 * block, 5_050 + 50 * block):
        check_publishing(seed, 40 + seed % 150)


def test_pieces_are_the_whole() -> None:
    batch = batch_of(World(1).stream(50))
    parts = pieces(batch, [3, 20, 21])
    assert [len(part) for part in parts] == [3, 17, 1, len(batch) - 21]
    assert list(itertools.chain(*(part.values.tolist() for part in parts))) == batch.values.tolist()
