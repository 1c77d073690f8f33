"""Sending a campaign once: of a running service, whose door takes the events in, or on a folder that no service runs on."""

import asyncio
import time
from collections.abc import Generator
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from opportune.facts import FactBatch
from opportune.operations.deployment import Deployment
from opportune.operations.door import Door
from opportune.operations.one_off import (
    CUSTOMERS_PER_SEND_MAX,
    OneOffAsk,
    OneOffResult,
    find_customers,
    one_off_facts,
    plan_one_off,
    tell_one_off,
    withheld_counts,
)
from opportune.operations.segment import Look, held_by, look
from opportune.operations.touch import RefusedError


class SegmentPart(NamedTuple):
    """Customers of a segment; `next` is the number to go on from, None at the end; `in_all`: customers of the deployment."""

    customers: list[int]
    next: int | None
    in_all: int


class OneOffSends:
    """One-off sends of a running service."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def send(self, ask: OneOffAsk) -> OneOffResult:
        """Address a list or a part of a segment. Raises RefusedError, OverloadedError, DeploymentError."""
        _require_one(ask)
        plan = await self._door.work(lambda deployment: plan_one_off(deployment.playbook, ask.campaign, ask.name))
        part = await self._part(ask) if ask.where else None
        unknown, many = 0, 0
        before = np.zeros(0, np.int64)

        def make(deployment: Deployment) -> FactBatch:
            nonlocal before, unknown, many, plan
            deployment.settle()
            plan = plan_one_off(deployment.playbook, ask.campaign, plan.name)  # another playbook may be in force by now
            before = withheld_counts(deployment, plan)
            customers, unknown = (part.customers, 0) if part else find_customers(deployment, ask.identifiers)
            many = len(customers)
            return one_off_facts(deployment, plan, customers)

        # Both stand in the door's line with nothing between them, so the counts differ by this piece alone.
        taken, after = await asyncio.gather(
            self._door.state(make), self._door.work(lambda deployment: withheld_counts(deployment, plan))
        )
        told = tell_one_off(plan, many, unknown, taken.batch, taken.outputs, taken.first_seq, (before, after))
        return _of_part(told, part)

    async def _part(self, ask: OneOffAsk) -> SegmentPart:
        looking = _looking(ask.after)
        first = next(looking)
        while True:
            seen = await self._door.work(partial(_look, text=ask.where, first=first))
            held = await asyncio.to_thread(held_by, seen)  # the first time it is compiled, and intake must not wait
            try:
                first = looking.send((seen, held.tolist()))
            except StopIteration as end:
                part: SegmentPart = end.value
                return part


def send_once(deployment: Deployment, ask: OneOffAsk) -> OneOffResult:
    """Address a list or a part of a segment of a folder that no service runs on; what is pushed leaves when one does.

    Raises RefusedError, DeploymentError, JournalError.
    """
    _require_one(ask)
    deployment.settle()
    plan = plan_one_off(deployment.playbook, ask.campaign, ask.name)
    part = _part_of(deployment, ask) if ask.where else None
    customers, unknown = (part.customers, 0) if part else find_customers(deployment, ask.identifiers)
    before = withheld_counts(deployment, plan)
    batch = one_off_facts(deployment, plan, customers)
    if not len(batch):
        return _of_part(OneOffResult(plan.campaign, plan.name, duplicates=len(customers), unknown=unknown), part)
    first_seq = deployment.engine.next_seq
    outputs, _ = deployment.commit(batch, time.time_ns() // 1_000_000)
    deployment.flush()
    counts = before, withheld_counts(deployment, plan)
    return _of_part(tell_one_off(plan, len(customers), unknown, batch, outputs, first_seq, counts), part)


def _require_one(ask: OneOffAsk) -> None:
    if bool(ask.identifiers) == bool(ask.where):
        raise RefusedError("list_or_rule", "name either identifiers or a rule")
    if len(ask.identifiers) > CUSTOMERS_PER_SEND_MAX:
        raise RefusedError("too_many", f"an ask has at most {CUSTOMERS_PER_SEND_MAX:,} identifiers; make several")


def _part_of(deployment: Deployment, ask: OneOffAsk) -> SegmentPart:
    looking = _looking(ask.after)
    first = next(looking)
    while True:
        seen = look(deployment.engine, ask.where, first)
        try:
            first = looking.send((seen, held_by(seen).tolist()))
        except StopIteration as end:
            part: SegmentPart = end.value
            return part


def _look(deployment: Deployment, text: str, first: int) -> Look:
    return look(deployment.engine, text, first)


def _looking(first: int) -> Generator[int, tuple[Look, list[int]], SegmentPart]:
    """Asks for looks, each from the customer yielded on, until there are CUSTOMERS_PER_SEND_MAX customers or no more."""
    customers: list[int] = []
    while True:
        seen, held = yield first
        room = CUSTOMERS_PER_SEND_MAX - len(customers)
        customers += held[:room]
        first = held[room] if len(held) > room else first + len(seen.registers)
        if len(held) > room or first >= seen.customers:
            return SegmentPart(customers, first if first < seen.customers else None, seen.customers)


def _of_part(told: OneOffResult, part: SegmentPart | None) -> OneOffResult:
    return told if part is None else msgspec.structs.replace(told, next=part.next, customers=part.in_all)
