"""Which campaign loses what to which: decisions of then that the draft does not make, and who has the customer instead."""

from collections import Counter
from typing import Any, NamedTuple

import msgspec
from numpy.typing import NDArray

from opportune.facts import Arm

NOBODY_ELSE = -1


class Loss(NamedTuple):
    """Decisions of `campaign` that the draft does not make: `by` has the customer instead, in the same moment or with an earlier contact."""

    campaign: int
    by: int
    same_moment: bool


class Displaced:
    """Counts losses as facts go by."""

    def __init__(self) -> None:
        self.counts: Counter[Loss] = Counter()
        self.last_new: dict[int, int] = {}

    def add(self, then: NDArray[Any], kept: NDArray[Any], now: NDArray[Any], known: NDArray[Any]) -> None:
        """Decisions of a batch on both sides; `kept` and `known` say which the other side has made too."""
        lost = then[~kept & (then["arm"] == Arm.TREATED)]
        new = now[~known & (now["arm"] == Arm.TREATED)]
        if not len(lost):
            self.last_new.update(zip(new["customer"].tolist(), new["campaign"].tolist(), strict=True))
            return
        moments = {(seq, who): campaign for seq, who, campaign in zip(new["seq"].tolist(), new["customer"].tolist(), new["campaign"].tolist(), strict=True)}  # fmt: skip
        ahead = iter([*new[["seq", "customer", "campaign"]].tolist(), None])
        following = next(ahead)
        for seq, who, campaign in lost[["seq", "customer", "campaign"]].tolist():
            while following is not None and following[0] < seq:
                self.last_new[following[1]] = following[2]
                following = next(ahead)
            winner = moments.get((seq, who))
            by = self.last_new.get(who, NOBODY_ELSE) if winner is None else winner
            self.counts[Loss(campaign, by, winner is not None)] += 1
        while following is not None:
            self.last_new[following[1]] = following[2]
            following = next(ahead)

    def encode(self) -> bytes:
        """For a checkpoint."""
        return msgspec.msgpack.encode((list(self.counts.items()), list(self.last_new.items())))

    @classmethod
    def decode(cls, body: bytes) -> "Displaced":
        """What `encode` wrote."""
        found = cls()
        counts, last = msgspec.msgpack.decode(body, type=tuple[list[tuple[Loss, int]], list[tuple[int, int]]])
        found.counts, found.last_new = Counter(dict(counts)), dict(last)
        return found
