"""Ask: forget a person, in a folder that no service has open, or through the one that has. Decision 0002 says the steps and their order.

Asking again is safe: it finishes what was left, and tells that nobody is known by that identifier any more.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from opportune.operations.deployment import Deployment, DeploymentError, OnProgress
from opportune.operations.door import Door
from opportune.operations.erasure import Erased
from opportune.operations.who import customer_meant, customer_named, text_of

AUDITED_AS = "forget"


class Forgotten(msgspec.Struct, frozen=True):
    """What became of an ask to forget. `customer` is None where nobody was known by the identifier; `erased` is what was found all the same."""

    customer: int | None
    erased: Erased


def forget_person(
    deployment: Deployment, who: str, *, by: str, why: str = "", on_step: OnProgress | None = None
) -> Forgotten:
    """Forget the person meant by `#7`, `phone:138…` or a plain identifier; durable when it returns.

    `by` and `why` go into the audit. Raises DeploymentError, JournalError, StoreFailedError, TimeoutError, WarehouseError, OSError.
    """
    customer, texts = _meant(deployment, who)
    erased = deployment.erase(None, texts) if customer is None else deployment.forget(customer, texts, on_step)
    deployment.people.note_access(_now_ms(), by, AUDITED_AS, _numbers(deployment, customer), why)
    return Forgotten(customer, erased)


class LiveForgetting:
    """Forgetting in a running service: one person at a time; who asks may go away, it is finished all the same."""

    def __init__(self, deployment: Deployment, door: Door) -> None:
        self._deployment, self._door = deployment, door
        self._one = asyncio.Lock()
        self._running: set[asyncio.Task[Forgotten]] = set()
        self._stopping = False

    async def forget(self, who: str, *, by: str, why: str = "") -> Forgotten:
        """Like `forget_person`. Raises what that raises, OverloadedError."""
        task = asyncio.create_task(self._forget(who, by, why))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Break off what may take long; the next start finishes it."""
        self._stopping = True
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _forget(self, who: str, by: str, why: str) -> Forgotten:
        deployment = self._deployment
        async with self._one:
            self._go_on()
            customer, texts = await asyncio.to_thread(_meant, deployment, who)
            if customer is not None and not await self._door.work(lambda d: bool(len(d.engine.forgotten(customer, 1)))):
                await self._door.state(lambda d: d.begin_forgetting(customer))
            waits = customer is not None and customer in deployment.forgetting
            if waits:
                seq = await self._door.snapshot()
                await asyncio.to_thread(deployment.snapshots.drop_before, seq)
            erased = await asyncio.to_thread(deployment.erase, customer if waits else None, texts, self._step)
            if customer is not None and waits:
                await self._door.state(lambda d: d.end_forgetting(customer, erased.facts))
            numbers = _numbers(deployment, customer)
            await asyncio.to_thread(deployment.people.note_access, _now_ms(), by, AUDITED_AS, numbers, why)
            return Forgotten(customer, erased)

    def _step(self, _what: str, _done: int, _total: int) -> None:
        self._go_on()

    def _go_on(self) -> None:
        if self._stopping:
            raise DeploymentError("the service is stopping; what was begun is finished by its next start")


def _meant(deployment: Deployment, who: str) -> tuple[int | None, tuple[str, ...]]:
    """The customer, None where nobody is known, and the text to look for besides."""
    if who.startswith("#"):
        return customer_meant(None, who), ()
    return customer_named(deployment.people, who), (text_of(who),)


def _numbers(deployment: Deployment, customer: int | None) -> Sequence[int | None]:
    """All numbers of a customer, for the audit: an older backup may not know yet that they are one person."""
    return [None] if customer is None else deployment.identity.members(customer)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
