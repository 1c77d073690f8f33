"""Ask of a running service: who is this customer? What the engine holds of her is copied between two pieces; the rest is looked up aside.

Nothing is replayed: tags, caps, goals and open decisions are the engine's own, the timeline comes out of the warehouse and, for facts that
are not exported yet, out of the journal.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Playbook
from opportune.operations.customer import LAST_SHOWN, CustomerView, Held, held_of, people_of, tell, telling_of
from opportune.operations.deployment import Deployment, DeploymentError
from opportune.operations.door import Door
from opportune.operations.names import Language, Names
from opportune.operations.segment import ColumnPlan, copy_record, held_by, readable_tags, roll_copies
from opportune.operations.timeline import END, PAGE_MAX, Entry, History, contacts_in, page
from opportune.operations.who import customer_meant
from opportune.rules import Ref


class Copied(msgspec.Struct, frozen=True):
    """What was copied of one customer while the engine was at rest."""

    playbook: Playbook
    now_ms: int
    record: NDArray[np.uint8]
    wide: NDArray[np.uint8]
    ledger: NDArray[np.uint16]
    goals: list[Any]
    open: list[Any]


class TimelinePage(msgspec.Struct, frozen=True):
    """A page of a customer's timeline, the newest first; give `next` as `before` for the one behind it (None: that was all)."""

    customer: int
    entries: tuple[Entry, ...]
    next: int | None


class LiveCustomers:
    """Customers of a running service. One look-up at a time goes through the files, in a thread of its own."""

    def __init__(self, deployment: Deployment, door: Door, names: Callable[[Language], Names]) -> None:
        self._deployment, self._door, self._names = deployment, door, names
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="customers")
        self._history: History | None = None
        self._plan: tuple[ColumnPlan, list[str]] | None = None

    async def view(
        self, who: str, *, reveal: bool = False, limit: int = LAST_SHOWN, language: Language = "en"
    ) -> CustomerView:
        """One customer (`#7`, `phone:138…`, or a plain identifier), with the newest `limit` entries of the timeline.

        Raises DeploymentError where there is no such customer.
        """
        customer = await self._meant(who)
        copied = await self._door.work(lambda deployment: _copied(deployment, customer))
        return await self._aside(lambda: self._view(customer, copied, reveal, min(limit, PAGE_MAX), language))

    async def timeline(
        self, who: str, *, before: int | None = None, limit: int = 100, language: Language = "en"
    ) -> TimelinePage:
        """A page of a customer's timeline: what facts below `before` say. Raises DeploymentError where there is no such customer."""
        customer = await self._meant(who)
        if not 0 <= customer < self._deployment.engine.customers:
            raise _nobody(customer, self._deployment)

        def look() -> TimelinePage:
            rows = self._refreshed().newest(self._numbers(customer), END if before is None else before)
            entries, following = page(
                rows, telling_of(self._deployment.engine, self._names(language)), min(limit, PAGE_MAX)
            )
            return TimelinePage(customer, tuple(entries), following)

        return await self._aside(look)

    def close(self) -> None:
        """Let go of the files."""
        self._thread.shutdown()
        if self._history is not None:
            self._history.close()

    async def _meant(self, who: str) -> int:
        return await asyncio.to_thread(customer_meant, self._deployment.people, who)

    async def _aside(self, look: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, look)

    def _refreshed(self) -> History:
        if self._history is None:
            self._history = History(self._deployment.folder)
        self._history.refresh()
        return self._history

    def _view(self, customer: int, copied: Copied, reveal: bool, limit: int, language: Language) -> CustomerView:
        history, names = self._refreshed(), self._names(language)
        telling = telling_of(self._deployment.engine, names)
        numbering = copied.playbook.numbering
        settable = {numbering.number("tag", name) for name in _settable(copied.playbook)}
        values = self._values(copied)
        held = Held(copied.playbook, copied.now_ms, values, copied.ledger, copied.goals, copied.open)
        numbers = self._numbers(customer)
        view = tell(customer, held, history.tags(numbers, settable), telling)
        entries, following = page(history.newest(numbers), telling, limit)
        contacts: list[Entry] = []
        for rows in history.contacts(numbers):
            contacts += contacts_in(rows, telling)
            if len(contacts) >= LAST_SHOWN:
                break
        known, personal = people_of(self._deployment.people, customer, reveal)
        return msgspec.structs.replace(
            view, identifiers=known, personal=personal, contacts=tuple(contacts[:LAST_SHOWN]), timeline=tuple(entries), next=following
        )  # fmt: skip

    def _numbers(self, customer: int) -> list[int]:
        return self._deployment.people.members_of(customer)

    def _values(self, copied: Copied) -> dict[str, int]:
        """Her tags' values, by the columns and by the rules over them."""
        playbook, engine = copied.playbook, self._deployment.engine
        if self._plan is None or self._plan[0].playbook is not playbook:
            tags = in_order(playbook)
            self._plan = ColumnPlan(engine, tags), tags
        plan, tags = self._plan
        roll_copies(playbook, copied.record, copied.wide, 1, 0, 1, copied.now_ms)
        found = plan.look(copied.record, 1, 0, engine, copied.now_ms)
        held_by(found)
        return {name: int(found.registers[0, plan.numbers[Ref("tag", name)]]) for name in tags}


def _copied(deployment: Deployment, customer: int) -> Copied:
    engine = deployment.engine
    if not 0 <= customer < engine.customers:
        raise _nobody(customer, deployment)
    record, wide = copy_record(engine, customer)
    ledger = engine.memory.arrays["ledger"][customer].copy()
    return Copied(engine.playbook, engine.now_ms, record, wide, ledger, *held_of(engine, customer))


def _nobody(customer: int, deployment: Deployment) -> DeploymentError:
    return DeploymentError(f"there is no customer #{customer}; there are {deployment.engine.customers:,}, from #0 on")


def in_order(playbook: Playbook) -> list[str]:
    """The tags with a value at hand, plain ones before the rule tags, those in the order of their dependence."""
    readable = set(readable_tags(playbook))
    rules = [name for name in playbook.vocabulary.rules if name in readable]
    return [*(name for name in playbook.definitions.tags if name in readable and name not in rules), *rules]


def _settable(playbook: Playbook) -> list[str]:
    """The tags that are said from outside."""
    return [name for name, tag in playbook.catalogue.tags.items() if tag.settable and not tag.personal]
