"""A person was two after all: both are derived from history anew, and what is open goes to whom it came from (decision 0009)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import (
    HEAD_INSTANCES,
    MASK_WANTED,
    adopt_pairs,
    clear_pairs,
    close_pair,
    open_pair,
    pair_decided,
)
from opportune.engine.merge import forget_row
from opportune.engine.migrate import contacts_of
from opportune.engine.playbook import Playbook
from opportune.engine.state import Memory
from opportune.engine.tables import GROUP_NEXT, GROUP_ROOT, ledger_of, moments_of, plan_at, state_at
from opportune.facts import NOBODY, Arm, FactBatch, FactKind, GoalKind, Outputs, Persons, compiled_leaf
from opportune.profiles import NO_PENDING, adopt_hers, close_pending, copy_record, first_pending, looks_of

Past = Iterable[tuple[FactBatch, int, Outputs]]
"""Batches, how many facts of each count, and what the engine made of them; oldest first."""
Steps = Iterator[FactBatch | bytes]
"""Facts to fold, and bodies of the playbooks that came into force between them."""
Fold = Callable[[int, NDArray[np.int32], Steps], Memory]
"""(how many customers, their groups, what to fold) -> the state that it folds to."""


def numbers_parted(body: bytes) -> list[int]:
    """The numbers that leave, of an UNMERGED fact's body."""
    return msgspec.json.decode(body, type=list[int])


class Causes:
    """To which number of a merged customer a decision belongs: to that of the fact that led to it.

    Outputs name the survivor. Where time led to it, by another customer's fact, it stays hers.
    """

    def __init__(self) -> None:
        self._persons = Persons()
        self.of_decision: dict[int, int] = {}
        """Number of a decision -> number of the customer, where it is not the survivor's."""

    def attribute(self, batch: FactBatch, outputs: Outputs, first_seq: int) -> Outputs:
        """The outputs of a batch, by the number that their cause names. To be told of every batch, in order."""
        joins = np.flatnonzero(np.isin(batch.kind, (FactKind.MERGED, FactKind.UNMERGED)))
        if not len(joins) and not self._persons.groups and not self.of_decision:
            return outputs
        made, start = outputs.decisions.copy(), 0
        for at in [*joins.tolist(), len(batch)]:
            low, high = np.searchsorted(made["seq"], (first_seq + start, first_seq + at))
            self._attribute(batch, made[low:high], first_seq)
            if at < len(batch):
                self._learn(batch, at)
            start = at
        moves = outputs.moves.copy()
        for place in np.flatnonzero(np.isin(moves["decision"], list(self.of_decision))).tolist():
            moves["customer"][place] = self.of_decision[int(moves["decision"][place])]
        return Outputs(made, outputs.goals, outputs.withheld, outputs.limits, moves, outputs.derived)

    def _attribute(self, batch: FactBatch, made: NDArray[Any], first_seq: int) -> None:
        cause = batch.customer[made["seq"] - first_seq]
        for place in np.flatnonzero((cause != made["customer"]) & (cause != NOBODY)).tolist():
            number = int(cause[place])
            if self._persons.root(number) == made["customer"][place]:
                made["customer"][place] = number
                self.of_decision[int(made["number"][place])] = number

    def _learn(self, batch: FactBatch, at: int) -> None:
        customer = int(batch.customer[at])
        if batch.kind[at] == FactKind.MERGED:
            self._persons.merge(customer, int(batch.values[batch.first[at]]))
        else:
            self._persons.part(customer, numbers_parted(batch.bodies[int(batch.code[at])]))


def members_of(merged: NDArray[np.int32], customer: int) -> list[int]:
    """All numbers of a customer's group, ascending, out of the state's table of groups."""
    members, at = [customer], int(merged[customer, GROUP_NEXT]) - 1
    while at not in (-1, customer):
        members.append(at)
        at = int(merged[at, GROUP_NEXT]) - 1
    return sorted(members)


def put_group(merged: NDArray[np.int32], members: list[int]) -> None:
    """Let these numbers, ascending, be one group; one number alone is a customer of her own."""
    for number, after in zip(members, [*members[1:], members[0]], strict=True):
        merged[number, GROUP_ROOT] = 0 if number == members[0] else members[0] + 1
        merged[number, GROUP_NEXT] = 0 if len(members) == 1 else after + 1


def part(playbook: Playbook, memory: Memory, customer: int, leaving: list[int], past: Past, fold: Fold) -> None:
    """Part a group in two: the numbers `leaving`, and the rest; nothing happens where either would be nobody."""
    merged = memory.arrays["merged"]
    members = members_of(merged, customer)
    goes, stays = [one for one in members if one in leaving], [one for one in members if one not in leaving]
    if not goes or not stays:
        return
    local = {number: at for at, number in enumerate(members)}
    groups = np.zeros((len(members), 2), np.int32)
    for some in (goes, stays):
        put_group(merged, some)
        put_group(groups, [local[one] for one in some])
    hers = _Hers(local)
    aside = fold(len(members), groups, hers.read(past))
    survivors = {number: some[0] for some in (goes, stays) for number in some}
    memory.ensure_pools(int(aside.detections.used) + int(aside.campaigns.pairs_used) + len(hers.decided))
    for number in members:
        forget_customer_at(playbook.address, memory.address, number)
    for survivor in (goes[0], stays[0]):
        adopt_customer_at(playbook.address, memory.address, survivor, aside.address, local[survivor])
    for seq, number, campaign, now_ms in hers.decided:
        reached = (seq, campaign) in hers.reached
        decide_again_at(playbook.address, memory.address, survivors[number], campaign, now_ms, reached)
    _relink(memory, members[0], survivors, hers)


class _Hers:
    """A group's own facts out of history, its numbers told as 0, 1, 2 …; and what they led to."""

    def __init__(self, local: Mapping[int, int]) -> None:
        self._local = local
        self._numbers = np.array(sorted(local), np.uint32)
        self.origins: dict[int, int] = {}
        """seq of a fact -> the number it names."""
        self.decided: list[tuple[int, int, int, int]] = []
        """(seq, number, campaign, engine time) of each decision."""
        self._deciders: dict[tuple[int, int], int] = {}
        self.reached: set[tuple[int, int]] = set()
        """(seq, campaign) of the decisions whose goal was reached."""

    def read(self, past: Past) -> Steps:
        """What to fold, in order."""
        causes, seq = Causes(), 0
        for batch, end, told in past:
            outputs = causes.attribute(batch, told, seq)
            self._note(outputs)
            start = 0
            for at in [*np.flatnonzero(batch.kind[:end] == FactKind.PLAYBOOK).tolist(), end]:
                yield self._woven(batch, start, at, outputs, seq)
                if at < end:
                    yield batch.bodies[int(batch.code[at])]
                start = at
            seq += len(batch)

    def number_of(self, seq: int, campaign: int, known: int) -> int:
        """The number that what began with a fact belongs to; `known` where nobody can tell."""
        return self._deciders.get((seq, campaign), self.origins.get(seq, known))

    def _note(self, outputs: Outputs) -> None:
        mine = outputs.decisions[np.isin(outputs.decisions["customer"], self._numbers)]
        columns = (mine[name].tolist() for name in ("seq", "customer", "campaign", "now_ms"))
        made = list(zip(*columns, strict=True))
        self.decided += made
        self._deciders |= {(seq, campaign): number for seq, number, campaign, _ in made}
        goals = outputs.goals[np.isin(outputs.goals["customer"], self._numbers)]
        done = goals[(goals["kind"] == GoalKind.REACHED) & (goals["arm"] != Arm.IMPORTED)]
        self.reached |= set(zip(done["origin_seq"].tolist(), done["campaign"].tolist(), strict=True))

    def _woven(self, batch: FactBatch, start: int, end: int, outputs: Outputs, seq: int) -> FactBatch:
        """Her facts and the contacts that they led to, each behind its cause, so that it does not matter how they were batched."""
        kind, customer = batch.kind[start:end], batch.customer[start:end]
        hers = np.isin(customer, self._numbers) & ~np.isin(kind, (FactKind.MERGED, FactKind.UNMERGED))
        rows = np.flatnonzero(hers) + start
        self.origins |= dict(zip((seq + rows).tolist(), batch.customer[rows].tolist(), strict=True))
        causes, contacts = contacts_of(outputs, seq + start, seq + end)
        made = np.flatnonzero(np.isin(contacts.customer, self._numbers))
        woven = _joined(batch.take(rows), contacts.take(made))
        order = np.argsort(np.concatenate([seq + rows, causes[made]]), kind="stable")
        woven = woven.take(order)
        woven.customer = np.searchsorted(self._numbers, woven.customer).astype(np.uint32)
        return woven


def _joined(one: FactBatch, other: FactBatch) -> FactBatch:
    """Two batches, one behind the other; what the kernel does not read is the first one's."""

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one, name), getattr(other, name)])

    first = np.concatenate([one.first, other.first[1:] + one.first[-1]])
    values, n = np.concatenate([one.values, other.values]), len(one) + len(other)
    return FactBatch(
        column("kind"), column("code"), column("customer"), column("at_ms"), column("now_ms"), first, values,
        np.zeros((n, 2), np.uint64), np.zeros(n, np.uint64),
    )  # fmt: skip


def _relink(memory: Memory, root: int, survivors: Mapping[int, int], hers: _Hers) -> None:
    """Goals and open decisions of the group go to the survivors of the numbers they came from."""
    for heads, pool, seq in (
        (memory.arrays["heads"][:, HEAD_INSTANCES], memory.arrays["instances"], "origin_seq"),
        (memory.arrays["open_heads"], memory.arrays["open_pool"], "decided_seq"),
    ):
        index, hers_all = int(heads[root]), []
        while index:
            hers_all.append(index)
            index = int(pool["next"][index])
        heads[root] = 0
        for index in reversed(hers_all):
            number = hers.number_of(int(pool[seq][index]), int(pool["campaign"][index]), root)
            survivor = survivors.get(number, root)
            pool["customer"][index] = survivor
            pool["next"][index] = heads[survivor]
            heads[survivor] = index
    masks = memory.arrays["heads"][:, MASK_WANTED]
    for survivor in set(survivors.values()):
        masks[survivor] = masks[root]  # a bit too many only costs a look


@compiled_leaf
def forget_customer_at(plan_address: int, state_address: int, row: int) -> None:
    """Empty a customer's row, what campaigns remember of her and what detectors wait for; what is open and her goals stay."""
    plan, state = plan_at(plan_address), state_at(state_address)
    forget_row(plan, state, row)
    clear_pairs(state.campaigns, row)
    while first_pending(state.detections, row) != NO_PENDING:
        close_pending(state.detections, first_pending(state.detections, row))


@compiled_leaf
def adopt_customer_at(plan_address: int, state_address: int, row: int, aside_address: int, other: int) -> None:
    """Take over customer `other` of another state, laid out by the same plan, into an empty row."""
    plan, state, aside = plan_at(plan_address), state_at(state_address), state_at(aside_address)
    copy_record(plan.profiles, state.records, state.wide, row, aside.records, aside.wide, other)
    for word in range(state.ledger_words):
        ledger_of(state)[row, word] = ledger_of(aside)[other, word]
    if len(moments_of(state)):
        for word in range(state.moments_words):
            moments_of(state)[row, word] = moments_of(aside)[other, word]
    for word in range(state.detections.looks_words):
        looks_of(state.detections)[row, word] = looks_of(aside.detections)[other, word]
    adopt_pairs(state.campaigns, row, aside.campaigns, other)
    adopt_hers(state.detections, row, aside.detections, other)


@compiled_leaf
def decide_again_at(plan_address: int, state_address: int, row: int, campaign: int, now_ms: int, reached: bool) -> None:
    """Remember a decision of then: how long it is open, and when the campaign may come back."""
    plan, state = plan_at(plan_address), state_at(state_address)
    pair = open_pair(state.campaigns, row, campaign, 0)
    pair_decided(plan.campaigns, state.campaigns, pair, campaign, now_ms)
    if reached:
        close_pair(state.campaigns, pair)
