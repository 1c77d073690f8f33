"""What was decided then and what the draft decides, decision by decision: which are the same, and what that means for the facts that follow.

A fact that answers to a decision counts only where the draft made that decision too: for the same customer, at the same fact, by the
same campaign, with the same offer and touchpoint. Others are left out and counted. Where the draft lets a touchpoint have a decision that it
did not have then, nobody ever said that it was shown: it is supposed to be, once the facts that came in together are through.

Where customers were merged, an answer by any number of a person answers to the person: both sides name her survivor, as the journal does.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import numbers_parted
from opportune.facts import (
    DECISION,
    NOBODY,
    NULL,
    Arm,
    BatchBuilder,
    FactBatch,
    FactKind,
    MoveKind,
    Outcome,
    Outputs,
    Persons,
)  # fmt: skip
from opportune.operations.simulation.period import cut

JOINING = (FactKind.MERGED, FactKind.UNMERGED)
HELD = (MoveKind.LEASED, MoveKind.PUSHED)
PAIR = 1 << 16


class LeftOut(msgspec.Struct):
    """Facts that answer to a contact which the draft does not make, by kind; and how often a showing was supposed."""

    receipts: int = 0
    responses: int = 0
    clicks: int = 0
    supposed: int = 0


class Decided:
    """Decisions of one side by number, from the period's first on: columns that grow. `other`: the same decision's number there, or -1."""

    def __init__(self, first: int) -> None:
        self.first, self.many = first, 0
        self.rows = np.zeros(1024, DECISION)
        self.other = np.full(1024, -1, np.int64)

    def add(self, decisions: NDArray[Any]) -> None:
        """Those of the next facts."""
        needed = self.many + len(decisions)
        if needed > len(self.rows):
            size = max(needed, 2 * len(self.rows))
            self.rows, self.other = np.resize(self.rows, size), np.resize(self.other, size)
            self.other[self.many :] = -1
        self.rows[self.many : needed] = decisions
        self.many = needed

    def place(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where decisions stand, -1 for those before the period."""
        found: NDArray[np.int64] = np.where(numbers >= self.first, numbers - self.first, -1)
        return found

    def propensities(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of decisions by number, millionths; 0 for those before the period."""
        place = self.place(numbers)
        found: NDArray[np.int64] = np.where(place >= 0, self.rows["propensity_ppm"][place], 0)
        return found

    def made_too(self, goals: NDArray[Any], persons: Persons) -> NDArray[np.bool_]:
        """Whether the decision behind each of these goal facts was made by the other side too; one before the period was."""
        seqs = self.rows["seq"][: self.many]
        first, end = np.searchsorted(seqs, goals["origin_seq"]), np.searchsorted(seqs, goals["origin_seq"], "right")
        found = np.ones(len(goals), np.bool_)
        for at, (low, high) in enumerate(zip(first.tolist(), end.tolist(), strict=True)):
            rows = self.rows[low:high]
            hers = np.isin(rows["customer"], persons.members(int(goals["customer"][at])))
            mine = hers & (rows["campaign"] == goals["campaign"][at])
            if mine.any():
                found[at] = self.other[low + int(np.argmax(mine))] >= 0
        return found

    @property
    def all(self) -> NDArray[Any]:
        """All rows so far."""
        return self.rows[: self.many]

    @property
    def same(self) -> NDArray[np.bool_]:
        """Which of them the other side made too."""
        found: NDArray[np.bool_] = self.other[: self.many] >= 0
        return found


class Answers:
    """Rewrites the facts of the past into what they mean for the draft."""

    def __init__(
        self, first_decision: int, clicks: tuple[int, int, dict[int, int]] | None, persons: Persons | None = None
    ) -> None:
        """`clicks`: number of the event of followed links, place of its campaign, and campaign numbers by the code of their names.

        `persons`: whose numbers are one person, when the period begins.
        """
        self.then, self.now = Decided(first_decision), Decided(first_decision)
        self.left_out = LeftOut()
        self.last: dict[int, int] = {}
        self.persons = Persons() if persons is None else persons
        self._clicks = clicks

    def turns(self, batch: FactBatch, then: NDArray[Any]) -> list[int]:
        """The facts before which all decisions must be matched: they answer to what was decided, or made, in this very batch, or merge or part customers."""
        rows = np.flatnonzero(np.isin(batch.kind, (FactKind.RECEIPT, FactKind.RESPONSE)))
        receipts, responses = (rows[batch.kind[rows] == kind] for kind in (FactKind.RECEIPT, FactKind.RESPONSE))
        found = [receipts[np.isin(batch.values[batch.first[receipts]], then["number"])]] if len(receipts) else []
        joining = np.flatnonzero(np.isin(batch.kind, JOINING))
        found.append(joining)
        pairs = [batch.customer[responses].astype(np.int64) * PAIR + batch.code[responses]]
        places = [responses]
        if self._clicks is not None:
            clicks = np.flatnonzero((batch.kind == FactKind.EVENT) & (batch.code == self._clicks[0]))
            codes = batch.values[batch.first[clicks] + self._clicks[1]].tolist()
            campaigns = np.array([self._clicks[2].get(code, 0) for code in codes], np.int64)
            places.append(clicks)
            pairs.append(batch.customer[clicks].astype(np.int64) * PAIR + campaigns)
        asking = np.concatenate(pairs)
        if len(asking) and (
            len(joining) or self.persons.groups
        ):  # they may name another number of hers than the decision does
            found.append(np.concatenate(places))
        elif len(asking):
            made = np.flatnonzero(batch.kind == FactKind.CONTACT)
            ours = then["customer"].astype(np.int64) * PAIR + then["campaign"]
            elsewhere = batch.customer[made].astype(np.int64) * PAIR + batch.code[made]
            found.append(np.concatenate(places)[np.isin(asking, np.concatenate([ours, elsewhere]))])
        return np.unique(np.concatenate(found)).tolist()

    def note_persons(self, batch: FactBatch) -> None:
        """Who is one person from here on; of a batch that `turns` has cut, so that only its first fact says so. Her last decisions are the survivor's."""
        if not len(batch) or batch.kind[0] not in JOINING:
            return
        customer = int(batch.customer[0])
        if batch.kind[0] == FactKind.MERGED:
            low, high = self.persons.merge(customer, int(batch.values[batch.first[0]]))
            for (who, campaign), number in [(divmod(key, PAIR), number) for key, number in self.last.items()]:
                if who == high:
                    del self.last[high * PAIR + campaign]
                    key = low * PAIR + campaign
                    self.last[key] = max(number, self.last.get(key, number))
            return
        root = self.persons.root(customer)
        parted = self.persons.part(customer, numbers_parted(batch.bodies[int(batch.code[0])]))
        for survivor in {some[0] for some in parted or ()} - {
            root
        }:  # whose they were is not told: an answer of either counts
            hers = [(divmod(key, PAIR), number) for key, number in self.last.items()]
            self.last.update({survivor * PAIR + campaign: number for (who, campaign), number in hers if who == root})

    def rewritten(self, batch: FactBatch) -> FactBatch:
        """The batch as the draft meets it: playbooks of then change nothing, answers speak of its own decisions or are left out."""
        special = np.isin(batch.kind, (FactKind.RECEIPT, FactKind.RESPONSE, FactKind.PLAYBOOK))
        if self._clicks is not None:
            special |= (batch.kind == FactKind.EVENT) & (batch.code == self._clicks[0])
        rows = np.flatnonzero(special)
        if not len(rows):
            return batch
        kind, customer, values = batch.kind.copy(), batch.customer.copy(), batch.values.copy()
        for row in rows.tolist():
            if not self._counts(batch, row, values):
                kind[row], customer[row] = FactKind.PROGRESS, NOBODY
        changed = cut(batch, 0, len(batch))
        changed.kind, changed.customer, changed.values = kind, customer, values
        return changed

    def _counts(self, batch: FactBatch, row: int, values: NDArray[np.int64]) -> bool:
        """Whether a fact counts for the draft; a receipt's decision number becomes the draft's."""
        kind, first = FactKind(int(batch.kind[row])), int(batch.first[row])
        if kind is FactKind.PLAYBOOK:
            return False
        if kind is FactKind.RECEIPT:
            place = int(values[first]) - self.then.first
            if place < 0:
                return True
            other = int(self.then.other[place]) if place < self.then.many else -1
            values[first] = other
            self.left_out.receipts += int(other < 0)
            return other >= 0
        if kind is FactKind.RESPONSE:
            counts = self._is_made(int(batch.customer[row]), int(batch.code[row]))
            self.left_out.responses += int(not counts)
            return counts
        assert self._clicks is not None
        _, slot, campaigns = self._clicks
        campaign = campaigns.get(int(values[first + slot]))
        counts = campaign is None or self._is_made(int(batch.customer[row]), campaign)
        self.left_out.clicks += int(not counts)
        return counts

    def _is_made(self, customer: int, campaign: int) -> bool:
        """Whether the customer's last decision of a campaign then is the draft's too; what was decided before the period, or elsewhere, is."""
        number = self.last.get(self.persons.root(customer) * PAIR + campaign, -1)
        return number < 0 or int(self.then.other[number - self.then.first]) >= 0

    def note_contacts(self, batch: FactBatch) -> None:
        """Contacts that another system made are the last of their campaigns."""
        rows = np.flatnonzero(batch.kind == FactKind.CONTACT)
        who = [self.persons.root(number) for number in batch.customer[rows].tolist()]
        self.last.update(dict.fromkeys((np.array(who, np.int64) * PAIR + batch.code[rows]).tolist(), -1))

    def match(self, then: NDArray[Any], now: NDArray[Any]) -> None:
        """Take in what was decided then and what the draft decides of the same facts."""
        first_then, first_now = self.then.many, self.now.many
        self.then.add(then)
        self.now.add(now)
        if len(then):
            treated = then[then["arm"] == Arm.TREATED]
            pairs = treated["customer"].astype(np.int64) * PAIR + treated["campaign"]
            self.last.update(zip(pairs.tolist(), treated["number"].tolist(), strict=True))
        if not len(then) or not len(now):
            return
        a, b = _same(then, now)
        self.then.other[first_then + a] = now["number"][b]
        self.now.other[first_now + b] = then["number"][a]

    def supposed(self, then: Outputs, now: Outputs, now_ms: int) -> FactBatch:
        """Receipts of decisions that a touchpoint has in the draft and did not have then: supposed to be shown."""
        builder = BatchBuilder()
        moves = now.moves[np.isin(now.moves["kind"], HELD)]
        if not len(moves):
            return builder.build()
        there = then.moves[np.isin(then.moves["kind"], HELD)]
        held = set(zip(there["seq"].tolist(), there["decision"].tolist(), strict=True))
        for move in moves:
            number = int(move["decision"])
            place = number - self.now.first
            other = number if place < 0 else int(self.now.other[place])
            if (int(move["seq"]), other) not in held:
                said = (number, int(Outcome.PRESENTED), int(move["campaign"]), NULL)
                builder.add(FactKind.RECEIPT, int(move["touchpoint"]), int(move["customer"]), now_ms, now_ms, said)
                self.left_out.supposed += 1
        return builder.build()


def _same(then: NDArray[Any], now: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places in both of decisions that are the same; at one fact a campaign decides once for a customer."""
    seqs, customers, campaigns = (
        np.concatenate([then[name], now[name]]).astype(np.int64) for name in ("seq", "customer", "campaign")
    )
    _, moment = np.unique((seqs - seqs.min()) << 32 | customers, return_inverse=True)
    key = moment * PAIR + campaigns
    _, a, b = np.intersect1d(key[: len(then)], key[len(then) :], assume_unique=True, return_indices=True)
    same = np.ones(len(a), np.bool_)
    for name in ("offer", "touchpoint", "arm"):
        same &= then[name][a] == now[name][b]
    return a[same], b[same]
