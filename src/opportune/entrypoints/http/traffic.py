"""Counts of what the door of HTTP did, for the metrics; an increment costs less than a microsecond."""

from bisect import bisect_left
from collections import Counter

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Traffic:
    """Requests by (group of routes, status), how long they took, and how many are being answered. Used in one event loop."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[str, int]] = Counter()
        self.buckets: dict[str, list[int]] = {}
        self.seconds: dict[str, float] = {}
        self.in_flight = 0
        self.refused_in_flight = 0

    def note(self, group: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answered[group, status] += 1
        buckets = self.buckets.get(group)
        if buckets is None:
            buckets = self.buckets[group] = [0] * (len(SECONDS) + 1)
            self.seconds[group] = 0.0
        buckets[bisect_left(SECONDS, seconds)] += 1
        self.seconds[group] += seconds
