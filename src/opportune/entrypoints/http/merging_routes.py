"""Routes that say who is one person: merge two customers, or part one in two."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import DeploymentError, Service

Who = Annotated[str, Field(max_length=300, min_length=1)]
Why = Annotated[str, Field(max_length=500)]


class Merge(BaseModel):
    """Two customers who are one person (`phone:138…`, a plain identifier, `#7`), and why."""

    survivor: Who
    absorbed: Who
    why: Why = ""


class MergeDone(BaseModel):
    """Who goes on, whose number is absorbed, and all numbers that are one person now."""

    survivor: int
    absorbed: int
    numbers: list[int]


class Unmerge(BaseModel):
    """A customer, the identifiers that are another person's (`phone:138…`), and why."""

    customer: Who
    leaving: list[Who] = Field(min_length=1, max_length=100)
    why: Why = ""


class UnmergeDone(BaseModel):
    """The numbers of who stays and of who leaves; the first of each stands for her."""

    stays: list[int]
    leaves: list[int]


def merging_router(service: Service, authority: Authority) -> APIRouter:
    """The routes; they need the scope `merge`."""
    allowed = require(authority, "merge")
    router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[Depends(allowed)])

    @router.post("/merge")
    async def merge(request: Request, said: Merge) -> MergeDone:
        """Two customers are one from here on; the one known longest goes on."""
        try:
            done = await service.merging.merge(said.survivor, said.absorbed, allowed(request).name, said.why)
        except DeploymentError as error:
            raise ProblemError(409, "not_merged", str(error)) from error
        return MergeDone(survivor=done.survivor, absorbed=done.absorbed, numbers=list(done.numbers))

    @router.post("/unmerge")
    async def unmerge(request: Request, said: Unmerge) -> UnmergeDone:
        """A customer is two; both are derived from the journal again, and no message merges them any more."""
        try:
            done = await service.merging.unmerge(said.customer, said.leaving, allowed(request).name, said.why)
        except DeploymentError as error:
            raise ProblemError(409, "not_parted", str(error)) from error
        return UnmergeDone(stays=list(done.stays), leaves=list(done.leaves))

    return router
