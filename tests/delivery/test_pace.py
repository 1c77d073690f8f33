"""Pace, to the nanosecond: a bucket never lets more through than it says, and never loses a part of a message."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.delivery import TokenBucket, backoff_ms


class HandClock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ms(self) -> int:
        return self.ns // 1_000_000

    def monotonic_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


@given(st.integers(1, 5_000), st.integers(1, 50), st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_any_stretch_of_time_lets_through_what_is_said(rate: int, burst: int, steps: list[int]) -> None:
    clock = HandClock()
    bucket = TokenBucket(rate, clock, burst)
    sent: list[tuple[int, int]] = []
    for step in steps:
        clock.ns += step
        count = bucket.available()
        bucket.take(count)
        sent.append((clock.ns, count))
    for first in range(len(sent)):
        total = 0
        for last in range(first, len(sent)):
            total += sent[last][1]
            ns = sent[last][0] - sent[first][0]
            assert total * 10**9 <= burst * 10**9 + ns * rate


@pytest.mark.parametrize("rate", [1, 3, 7, 200, 1_999])
def test_waiting_as_told_gives_the_full_rate_without_drift(rate: int) -> None:
    clock = HandClock()
    bucket = TokenBucket(rate, clock, 1)
    count = 0
    while clock.ns < 10 * 10**9:
        if bucket.available():
            bucket.take(1)
            count += 1
        else:
            clock.ns += max(1, round(bucket.wait_seconds() * 1e9))
    assert rate * 10 - 1 <= count <= rate * 10 + 1


def test_more_than_allowed_cannot_be_taken() -> None:
    bucket = TokenBucket(10, HandClock(), 2)
    bucket.take(2)
    with pytest.raises(ValueError, match="may go"):
        bucket.take(1)
    with pytest.raises(ValueError, match="at least 1"):
        TokenBucket(0, HandClock())


def test_backoff_doubles_its_ceiling_and_is_spread_evenly() -> None:
    chance = random.Random(7)
    for tries, ceiling in ((1, 100), (2, 200), (5, 1_600), (9, 10_000), (200, 10_000)):
        rests = [backoff_ms(tries, 100, 10_000, chance) for _ in range(2_000)]
        assert 0 <= min(rests) <= ceiling * 0.01
        assert ceiling * 0.99 <= max(rests) <= ceiling
        assert abs(sum(rests) / 2_000 - ceiling / 2) < ceiling * 0.03
    assert [backoff_ms(3, 100, 10_000, random.Random(1)) for _ in range(3)] == [
        backoff_ms(3, 100, 10_000, random.Random(1))
    ] * 3
