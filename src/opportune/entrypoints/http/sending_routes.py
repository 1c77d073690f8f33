"""Routes about what is sent: the stop, the outbox, inboxes that apps fetch, work items that agents claim, mails that come back."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from opportune.delivery import parse_report
from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.body import read_body, read_head
from opportune.entrypoints.http.described import answered
from opportune.entrypoints.http.limits import Limits
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.facts import Outcome
from opportune.operations import Service
from opportune.store import InboxState, OutboxState

PAGE_MAX = 200
MAIL_BYTES_MAX = 1_000_000
SECONDS_MAX = 8 * 3_600

Result = TypeVar("Result")
Name = Annotated[str, Path(max_length=100)]
Key = Annotated[str, Path(max_length=100, description="The message's key: the decision's number.")]
Who = Annotated[str, Query(alias="userId", max_length=200, description="The customer's userId.")]


class Stop(BaseModel):
    """Why all sending stops."""

    reason: str = Field(max_length=200, min_length=1)


class Redrive(BaseModel):
    """The messages to be sent again with all their tries."""

    keys: list[str] = Field(max_length=PAGE_MAX)
    even_unknown: bool = False


class Claim(BaseModel):
    """Who claims the next item, and for how long it is hers alone."""

    agent: str = Field(max_length=100, min_length=1)
    seconds: int = Field(default=900, ge=1, le=SECONDS_MAX)


class Finish(BaseModel):
    """What came of an item: presented, failed, accepted, considering or refused."""

    agent: str = Field(max_length=100, min_length=1)
    outcome: str = Field(max_length=20)
    note: str = Field(default="", max_length=2_000)


def sending_router(service: Service, authority: Authority, limits: Limits) -> APIRouter:
    """The stop, the outbox, mails that come back."""
    router = APIRouter(prefix="/v1", tags=["sending"])
    reading, operating = ([Depends(require(authority, scope))] for scope in ("read", "operate"))
    sending = service.sending

    @router.post("/sending/stop", dependencies=operating, status_code=204)
    async def stop(said: Stop) -> Response:
        """Let nothing leave any more, on any channel, within one batch. It is a fact and holds over restarts."""
        await service.stop_sending(said.reason)
        return Response(status_code=204)

    @router.post("/sending/go-on", dependencies=operating, status_code=204)
    async def go_on() -> Response:
        """Let messages leave again."""
        await service.stop_sending("", stop=False)
        return Response(status_code=204)

    @router.get("/outbox", dependencies=reading)
    async def outbox() -> Response:
        """How many messages of each touchpoint are in which state, how the lanes do, and what keeps one from sending."""
        depths = await _asked(sending.outbox.depths)
        lanes = sending.dispatcher.health() if sending.dispatcher is not None else []
        halts = await _asked(sending.outbox.halts)
        return answered({"depths": depths, "lanes": lanes, "halts": halts, "trouble": sending.trouble})

    @router.get("/outbox/{state}", dependencies=reading)
    async def messages(
        state: OutboxState, touchpoint: Annotated[str | None, Query(max_length=100)] = None,
        cursor: Annotated[str, Query(max_length=100)] = "", limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    ) -> Response:  # fmt: skip
        """Messages in a state, by key; give the last key as `cursor` for the page after."""
        found = await _asked(lambda: sending.outbox.messages(state, touchpoint, cursor, limit))
        return answered({"messages": found, "next": found[-1].key if len(found) == limit else None})

    @router.post("/outbox/redrive", dependencies=operating)
    async def redrive(said: Redrive) -> Response:
        """Send dead and failed messages again; unknown ones only where asked, for they may have arrived."""
        done = await _asked(lambda: sending.outbox.redrive(said.keys, _now_ms(), said.even_unknown))
        if sending.dispatcher is not None:
            sending.dispatcher.wake()
        return answered({"queued": done})

    @router.post("/touchpoints/{touchpoint}/mail-reports", dependencies=operating, openapi_extra={"requestBody": MAIL})
    async def mail_report(touchpoint: Name, request: Request) -> Response:
        """A mail that came back, as it is: a bounce (RFC 3464) or a complaint (RFC 5965) of one of ours."""
        head = read_head(request.scope)
        raw = await read_body(request.receive, head.length, limits)
        if len(raw) > MAIL_BYTES_MAX:
            raise ProblemError(413, "too_large", f"more than {MAIL_BYTES_MAX:,} bytes")
        receipt = await _asked(lambda: parse_report(bytes(raw), service.deployment.key))
        if receipt is None:
            raise ProblemError(422, "no_report", "it says nothing of a message of ours")
        news = sending.dispatcher is not None and await sending.dispatcher.receive(touchpoint, receipt)
        return answered({"key": receipt.key, "stage": receipt.stage, "news": news})

    return router


def fetching_router(service: Service, authority: Authority) -> APIRouter:
    """Inboxes that apps fetch, work items that agents claim."""
    router = APIRouter(prefix="/v1", tags=["sending"])
    sending = service.sending

    def customer_of(user: str) -> int:
        found = service.deployment.people.customer_of("user", user)
        if found is None:
            raise ProblemError(404, "unknown_customer", "no customer has this userId")
        return found

    @router.get("/touchpoints/{touchpoint}/inbox")
    async def inbox(touchpoint: Name, user: Who, request: Request) -> Response:
        """What the customer's app may show now. Fetching shows nothing: say presented when it was."""
        require(authority, f"touch:{touchpoint}")(request)
        customer = await _asked(lambda: customer_of(user))
        found = await _asked(lambda: sending.inbox.pull(customer, touchpoint, _now_ms()))
        shown = [{"key": one.key, "state": one.state, "placed_ms": one.placed_ms, **one.body} for one in found]
        return answered({"messages": shown})

    @router.post("/touchpoints/{touchpoint}/inbox/{key}/{state}", status_code=204)
    async def said_of_inbox(touchpoint: Name, key: Key, state: InboxState, user: Who, request: Request) -> Response:
        """What became of a message in the inbox: presented, accepted, considering or refused."""
        require(authority, f"touch:{touchpoint}")(request)
        if state in (InboxState.WAITING, InboxState.WITHDRAWN):
            raise ProblemError(404, "unknown_answer", "there are: presented, accepted, considering, refused")
        customer = await _asked(lambda: customer_of(user))
        await _asked(lambda: sending.inbox.say(key, customer, state, _now_ms()))
        return Response(status_code=204)

    @router.post("/touchpoints/{touchpoint}/work-items/claim")
    async def claim(touchpoint: Name, said: Claim, request: Request) -> Response:
        """The next customer to speak to, this agent's alone for a while; null where there is none."""
        require(authority, f"touch:{touchpoint}")(request)
        item = await _asked(lambda: sending.items.claim(touchpoint, said.agent, _now_ms(), said.seconds * 1000))
        return answered(item)

    @router.post("/touchpoints/{touchpoint}/work-items/{key}/finish", status_code=204)
    async def finish(touchpoint: Name, key: Key, said: Finish, request: Request) -> Response:
        """What came of an item that the agent has claimed."""
        require(authority, f"touch:{touchpoint}")(request)
        known = {one.name.lower(): one for one in Outcome if one is not Outcome.UNKNOWN}
        if said.outcome not in known:
            raise ProblemError(422, "unknown_outcome", f"there are: {', '.join(known)}")
        await _asked(lambda: sending.items.finish(key, said.agent, known[said.outcome], _now_ms(), said.note))
        return Response(status_code=204)

    return router


async def _asked(work: Callable[[], Result]) -> Result:
    try:
        return await asyncio.to_thread(work)
    except KeyError as error:
        raise ProblemError(409, "not_yours", str(error.args[0])) from error


MAIL: dict[str, Any] = {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
