"""The filter of repeats against a plain model of its generations."""

import random

import numpy as np
import pytest

from opportune.facts import MS_PER_HOUR, BatchBuilder, FactKind
from opportune.intake import HORIZON_MS, RepeatFilter
from opportune.intake.repeats import CLASH, DUPLICATE, GENERATION_MS, GENERATIONS, NEW


class Model:
    """Generations as dicts, the newest first."""

    def __init__(self, repeats_max: int) -> None:
        self.quota = repeats_max // GENERATIONS
        self.generations: list[tuple[int, dict[tuple[int, int], int]]] = []
        self.now = 0

    def check(self, message: tuple[int, int], content: int) -> int:
        for _, ids in self.generations:
            if message in ids:
                return DUPLICATE if ids[message] == content else CLASH
        return NEW

    def add(self, message: tuple[int, int], content: int, now: int) -> None:
        self.now = max(self.now, now)
        newest = self.generations[:1]
        if not newest or self.now - newest[0][0] >= GENERATION_MS or len(newest[0][1]) >= self.quota:
            self.generations = [(self.now, {}), *self.generations[: GENERATIONS - 1]]
        self.generations[0][1][message] = content


@pytest.mark.parametrize("seed", range(6))
def test_the_filter_agrees_with_the_model(seed: int) -> None:
    rng = random.Random(seed)
    repeats_max = rng.choice([4, 40, 3_000])
    repeats, model = RepeatFilter(repeats_max), Model(repeats_max)
    now, outcomes = 10**12, {NEW: 0, DUPLICATE: 0, CLASH: 0}
    for _ in range(6_000):
        now += rng.choice([0, 1, 1_000, MS_PER_HOUR // 10, rng.choice([0, 0, 0, 9 * MS_PER_HOUR])])
        number = rng.randrange(1 + repeats_max * 2)
        message, content = (number * 0x9E3779B97F4A7C15 % 2**64, 1 + number // 7), rng.choice([256, 256, 512])
        outcome = repeats.check(message, content)
        assert outcome == model.check(message, content)
        outcomes[outcome] += 1
        if outcome == NEW:
            repeats.add(message, content, now)
            model.add(message, content, now)
        assert len(repeats) == sum(len(ids) for _, ids in model.generations)
    assert all(outcomes.values())


def test_an_id_is_known_for_a_day_and_then_forgotten() -> None:
    repeats = RepeatFilter(1_000)
    repeats.add((1, 1), 0, 0)
    for hour in range(1, 24):
        repeats.add((1, 1 + hour), 0, hour * MS_PER_HOUR)
    assert repeats.check((1, 1), 0) == DUPLICATE
    assert repeats.horizon_ms == HORIZON_MS
    for hour in range(24, 33):
        repeats.add((1, 1 + hour), 0, hour * MS_PER_HOUR)
    assert repeats.check((1, 1), 0) == NEW


def test_beyond_capacity_the_horizon_shortens_and_shows_it() -> None:
    repeats = RepeatFilter(400)
    for i in range(1_000):
        repeats.add((i + 1, 7), 0, i * 1_000)
    assert len(repeats) <= 400
    assert 300_000 <= repeats.horizon_ms < 400_000
    newest_forgotten = max(i for i in range(1_000) if repeats.check((i + 1, 7), 0) == NEW)
    assert (999 - newest_forgotten) * 1_000 >= repeats.horizon_ms


def test_two_hundred_and_fifty_six_generations_later_nothing_rises_again() -> None:
    repeats = RepeatFilter(1_000_000, expected=10_000)
    repeats.add((2**63, 5), 0, 0)
    for i in range(1, 600):
        repeats.add((2**63 + i, 5), 0, i * GENERATION_MS)
        assert repeats.check((2**63, 5), 0) == (DUPLICATE if i < GENERATIONS else NEW)


def test_snapshot_and_replay_rebuild_the_filter() -> None:
    live, builder = RepeatFilter(400), BatchBuilder()
    for i in range(1_000):
        message = (i + 1) << 30, i
        live.add(message, i << 8, i * 1_000)
        builder.add(FactKind.EVENT, 0, 0, 0, i * 1_000, (), message, i << 8)
    builder.add(FactKind.TICK, 0, 0, 0, 10**6)
    replayed = RepeatFilter(400)
    replayed.learn(builder.build())
    restored = RepeatFilter.from_arrays(live.to_arrays(), 400)
    for other in (replayed, restored):
        assert other.horizon_ms == live.horizon_ms
        for name, array in live.to_arrays().items():
            assert np.array_equal(array, other.to_arrays()[name]), name
    for i in range(1_000, 1_300):
        message = (i + 1) << 30, i
        live.add(message, i << 8, i * 1_000)
        restored.add(message, i << 8, i * 1_000)
    assert np.array_equal(live.to_arrays()["repeats"], restored.to_arrays()["repeats"])


def test_a_capacity_below_the_generations_is_refused() -> None:
    with pytest.raises(ValueError, match="repeats_max"):
        RepeatFilter(3)
