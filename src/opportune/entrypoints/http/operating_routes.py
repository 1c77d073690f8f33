"""Routes for people who operate intake: what became of each source's messages, and the quarantine, item by item."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.body import read_body, read_head
from opportune.entrypoints.http.limits import Limits
from opportune.entrypoints.http.problems import ProblemError
from opportune.intake import LINE_BYTES_MAX, QuarantineReason, inflated, require_object
from opportune.operations import Service, SourceAccount, mask_words, redrive
from opportune.store import ApiKey, Quarantined

PAGE_MAX = 200
BODY_BYTES_MAX = LINE_BYTES_MAX
MESSAGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object", "description": "A canonical message."}}},
}
ID_MAX = 2**63 - 1
Source = Annotated[str, Path(max_length=120, description="The source, as in the write key's scope.")]
Number = Annotated[int, Path(ge=1, le=ID_MAX, description="The item's number in the quarantine.")]


class Account(BaseModel):
    """What became of a source's messages: received = applied + duplicates + quarantined, always; `set_aside` of those applied hold
    something that the catalogue does not know, from a lenient source."""

    source: str
    received: int
    applied: int
    duplicates: int
    quarantined: int
    clashes: int
    rounded: int
    conflicts: int
    conflicts_by: dict[str, int]
    merged: int
    set_aside: int
    balanced: bool


class WarehouseState(BaseModel):
    """How far the warehouse has come, and what it lacks, in facts; why the last export failed; what the journal still has."""

    exported_seq: int
    lag: int
    failures: int
    trouble: str
    journal_first_seq: int
    journal_bytes: int
    journal_dropped_bytes: int


class QuarantinedItem(BaseModel):
    """A message that could not become a fact; `body` and `mended` only where one item is asked for."""

    id: int
    source: str
    position: int
    received_ms: int
    reason: str
    detail: str
    bytes: int
    state: str
    redriven_ms: int | None = None
    body: str | None = None
    mended: str | None = None


class QuarantinePage(BaseModel):
    """Items, the newest first; give `next` as `cursor` for the page after this one."""

    items: list[QuarantinedItem]
    next: int | None = None


class RedriveOutcome(BaseModel):
    """What became of a message that was taken in again."""

    id: int
    outcome: str
    reason: str | None = None
    detail: str | None = None


def require(authority: Authority, scope: str) -> Callable[[Request], ApiKey]:
    """A dependency that lets only keys of that scope pass."""

    def check(request: Request) -> ApiKey:
        key = authority.key_of(read_head(request.scope))
        if key is None:
            raise ProblemError(
                401, "invalid_key", "no good API key was given", hint="send it as `Authorization: Bearer KEY`",
                headers={"www-authenticate": 'Bearer realm="opportune"'},
            )  # fmt: skip
        if not key.allows(scope):
            raise ProblemError(
                403, "scope_missing", f"this key has no scope `{scope}`", hint="make another: opportune keys create"
            )
        return key

    return check


def caller(key: ApiKey) -> str:
    """Who asks over HTTP, for the audit: the key's id and name, never its secret."""
    return f"key {key.id} ({key.name})" if key.name else f"key {key.id}"


def note_reveal(service: Service, key: ApiKey, what: str, customers: Iterable[int | None], why: str = "") -> None:
    """Write down that a key is shown what is personal of customers (None: of nobody known), before it is."""
    service.deployment.people.note_access(time.time_ns() // 1_000_000, caller(key), what, customers, why)


def operating_router(service: Service, authority: Authority, limits: Limits) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1")
    reading = [Depends(require(authority, "read"))]
    operating = [Depends(require(authority, "operate"))]
    people = service.deployment.people

    @router.get("/sources", tags=["sources"], dependencies=reading)
    def sources() -> list[Account]:
        """What became of every source's messages."""
        found = dict(service.deployment.accounting.sources)
        return [_account(name, found[name]) for name in sorted(found)]

    @router.get("/warehouse", tags=["state"], dependencies=operating)
    def warehouse() -> WarehouseState:
        """What the service's export has done, and what retention has let go of since the start."""
        return _warehouse(service)

    @router.get("/sources/{source}/accounting", tags=["sources"], dependencies=reading)
    def accounting(source: Source) -> Account:
        """What became of one source's messages; zeros for one that never sent any."""
        return _account(source, service.accounting(source) or SourceAccount())

    @router.get("/quarantine", tags=["quarantine"], dependencies=reading)
    def quarantine(
        source: Annotated[str | None, Query(max_length=120)] = None,
        reason: QuarantineReason | None = None,
        cursor: Annotated[int | None, Query(ge=1, le=ID_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> QuarantinePage:
        """What could not become a fact, without the messages' bodies."""
        told = reason.value if reason is not None else None
        found = people.quarantined(told, before=cursor, limit=limit, source=source)
        return QuarantinePage(items=[_item(one) for one in found], next=found[-1].id if len(found) == limit else None)

    @router.get("/quarantine/{number}", tags=["quarantine"])
    def quarantined_item(
        number: Number, key: Annotated[ApiKey, Depends(require(authority, "operate"))]
    ) -> QuarantinedItem:
        """One item whole. Its body may hold personal data: the key needs the scope `operate`, and it is written down who looked."""
        found = people.quarantined_one(number)
        if found is None:
            raise _no_item(number)
        note_reveal(service, key, f"quarantine {number}", [None])
        bodies = {"body": found.body, "mended": found.mended}
        texts = {name: None if body is None else body.decode("utf-8", "replace") for name, body in bodies.items()}
        return _item(found).model_copy(update=texts)

    @router.put(
        "/quarantine/{number}/body", tags=["quarantine"], status_code=204, dependencies=operating,
        response_class=Response, openapi_extra={"requestBody": MESSAGE_BODY},
    )  # fmt: skip
    async def mend(number: Number, request: Request) -> Response:
        """Put a mended message in an item's place; the original stays beside it. Send it again with redrive."""
        head = read_head(request.scope)
        body = inflated(await read_body(request.receive, head.length, limits), head.encoding, BODY_BYTES_MAX)
        require_object(body)
        if not await asyncio.to_thread(people.mend, number, body):
            raise _no_item(number)
        return Response(status_code=204)

    @router.post("/quarantine/{number}/redrive", tags=["quarantine"], dependencies=operating)
    async def redrive_item(number: Number) -> RedriveOutcome:
        """Take an item in again, mended or as it is (a new playbook may know its event now)."""
        async with asyncio.timeout(limits.answer_seconds_max):
            done = await redrive(service, number)
        return RedriveOutcome(**msgspec.structs.asdict(done))

    return router


def _warehouse(service: Service) -> WarehouseState:
    upkeep, journal = service.upkeep, service.deployment.journal
    return WarehouseState(
        exported_seq=upkeep.exported_seq, lag=upkeep.lag, failures=upkeep.failures, trouble=upkeep.trouble,
        journal_first_seq=journal.first_seq, journal_bytes=journal.bytes, journal_dropped_bytes=upkeep.dropped_bytes,
    )  # fmt: skip


def _no_item(number: int) -> ProblemError:
    return ProblemError(404, "no_item", f"the quarantine has no message {number}", hint="list the quarantine")


def _account(source: str, account: SourceAccount) -> Account:
    counted = {name: getattr(account, name) for name in Account.model_fields if name != "source"}
    return Account(source=source, **counted)


def _item(found: Quarantined) -> QuarantinedItem:
    state = "waiting" if found.mended is None else "mended"
    return QuarantinedItem(
        id=found.id, source=found.source, position=found.position, received_ms=found.received_ms, reason=found.reason,
        detail=mask_words(found.detail), bytes=len(found.body), state="redriven" if found.redriven_ms is not None else state,
        redriven_ms=found.redriven_ms,
    )  # fmt: skip
