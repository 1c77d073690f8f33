"""Drafts over HTTP: who makes them has the scope `define`, who approves them `approve`; the key's name stands in the trail."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.definition_routes import DOCUMENTS, NUMBER_MAX, WORDS_MAX, Note, read_documents
from opportune.entrypoints.http.described import answered, described, listed
from opportune.entrypoints.http.limits import Limits
from opportune.entrypoints.http.operating_routes import require
from opportune.operations import Publication, Service
from opportune.operations.drafting import DraftView
from opportune.store import ApiKey

Number = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="The draft's number.")]


class Approval(BaseModel):
    """An approval of exactly what has this hash, as the draft told it; of one step, or of all that the key may give."""

    binding: str = Field(min_length=1, max_length=100)
    step: str | None = Field(None, max_length=100)
    note: str = Field("", max_length=WORDS_MAX)


class Rejection(BaseModel):
    """A no, and why."""

    note: str = Field(min_length=1, max_length=WORDS_MAX)


def draft_router(service: Service, authority: Authority, limits: Limits) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/drafts", tags=["drafts"])
    reading = [Depends(require(authority, "read"))]
    define, approving = require(authority, "define"), require(authority, "approve")
    view, drafting = described(DraftView), service.drafting

    @router.get("", dependencies=reading, response_model=listed(DraftView))
    def drafts(
        before: Annotated[int | None, Query(ge=1, le=NUMBER_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Response:
        """Drafts, the newest first; for the next page `before` is the last one's number."""
        return answered(drafting.newest(before, limit))

    @router.get("/{number}", dependencies=reading, response_model=view)
    def draft(number: Number) -> Response:
        """A draft: its changes, the approvals it needs, what stands in its way, its trail."""
        return answered(drafting.view(number))

    @router.put("/{number}/definitions", openapi_extra={"requestBody": DOCUMENTS}, response_model=view)
    async def revise(
        number: Number, request: Request, key: Annotated[ApiKey, Depends(define)], note: Note = ""
    ) -> Response:
        """Another whole set of definitions in the place of the draft's."""
        wanted = await read_documents(request, limits)
        return answered(await asyncio.to_thread(drafting.revise, number, wanted, key.who, note))

    @router.post("/{number}/submit", response_model=view)
    def submit(number: Number, key: Annotated[ApiKey, Depends(define)], note: Note = "") -> Response:
        """Ask for approval of the draft as it is now."""
        return answered(drafting.submit(number, key.who, note))

    @router.post("/{number}/approve", response_model=view)
    def approve(number: Number, asked: Approval, key: Annotated[ApiKey, Depends(approving)]) -> Response:
        """Approve a draft that somebody else made."""
        return answered(drafting.approve(number, key.who, asked.step, asked.note, asked.binding))

    @router.post("/{number}/reject", response_model=view)
    def reject(number: Number, asked: Rejection, key: Annotated[ApiKey, Depends(approving)]) -> Response:
        """Say no, and why."""
        return answered(drafting.reject(number, key.who, asked.note))

    @router.post("/{number}/withdraw", response_model=view)
    def withdraw(number: Number, key: Annotated[ApiKey, Depends(define)], note: Note = "") -> Response:
        """End a draft for good."""
        return answered(drafting.withdraw(number, key.who, note))

    @router.post("/{number}/launch", response_model=described(Publication))
    async def launch(number: Number, key: Annotated[ApiKey, Depends(define)]) -> Response:
        """Put an approved draft in force at the next event."""
        return answered(await service.launch(number, key.who))

    return router
