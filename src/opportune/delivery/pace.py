"""How fast a touchpoint may send and how long a failed message rests: whole numbers, the clock handed in."""

import asyncio
import random
import time
from typing import Protocol

NS_PER_SECOND = 1_000_000_000
BURST_PARTS = 20
"""A lane may catch up at most the twentieth part of a second's messages at once."""


class Clock(Protocol):
    """Wall time for what is written down, monotone time for pacing."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class TokenBucket:
    """At most `burst + per_second * T` messages in any T seconds, exactly: it counts in parts of a nanosecond, never in floats."""

    def __init__(self, per_second: int, clock: Clock, burst: int | None = None) -> None:
        """Full at first. Raises ValueError where a figure is below 1."""
        self._burst = max(1, per_second // BURST_PARTS) if burst is None else burst
        if per_second < 1 or self._burst < 1:
            raise ValueError(
                f"a lane sends at least 1 message per second in bursts of at least 1, not {per_second}, {burst}"
            )
        self._per_second = per_second
        self._clock = clock
        self._seen_ns = clock.monotonic_ns()
        self._level = self._burst * NS_PER_SECOND

    def available(self) -> int:
        """How many messages may go now."""
        now_ns = self._clock.monotonic_ns()
        filled = self._level + (now_ns - self._seen_ns) * self._per_second
        self._level = min(filled, self._burst * NS_PER_SECOND)
        self._seen_ns = now_ns
        return self._level // NS_PER_SECOND

    def take(self, count: int) -> None:
        """Use what `available` allowed. Raises ValueError beyond it."""
        if count * NS_PER_SECOND > self._level:
            raise ValueError(f"{count} messages taken where {self._level // NS_PER_SECOND} may go")
        self._level -= count * NS_PER_SECOND

    def wait_seconds(self) -> float:
        """How long until one more may go; 0 where one may go now."""
        missing = NS_PER_SECOND - self._level
        return max(0, -(-missing // self._per_second)) / NS_PER_SECOND


def backoff_ms(tries: int, first_ms: int, most_ms: int, chance: random.Random) -> int:
    """How long to rest after that many tries: anything up to the doubled time of the try before (full jitter), at most `most_ms`."""
    ceiling = min(most_ms, first_ms << min(max(tries, 1) - 1, 40))
    return chance.randint(0, ceiling)
