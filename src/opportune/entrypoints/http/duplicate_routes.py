"""Routes of the queue of duplicates: pairs of customers who may be one person, one pair side by side, its decision."""

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import (
    DeploymentError,
    Service,
    decide_pair,
    list_clusters,
    list_duplicates,
    open_pair,
    show_duplicate,
)
from opportune.store import PairState

PAGE_MAX = 200
WHY_MAX = 2_000
NUMBER_MAX = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="The pair's number.")]
Reveal = Annotated[bool, Query(description="Clear text; the key needs the scope `operate` for that.")]


class FieldEvidence(BaseModel):
    """How alike a field is, and what that weighs in thousandths of a bit."""

    field: str
    level: str
    weight: int


class DuplicatePair(BaseModel):
    """A pair: the probability that both are one person in millionths, what speaks for it, and what was decided by whom."""

    number: int
    score: int
    state: PairState
    low: int
    high: int
    low_name: str
    high_name: str
    matching: str
    evidence: list[FieldEvidence]
    found_ms: int
    decided_ms: int | None
    decided_by: str
    why: str


class DuplicateList(BaseModel):
    """Pairs, the most probable first; give `next` as `cursor` for the page after this one."""

    pairs: list[DuplicatePair]
    next: str | None = None


class FieldsCompared(BaseModel):
    """A field of both customers, how alike it is, and what that weighs in thousandths of a bit."""

    field: str
    low: str
    high: str
    level: str
    weight: int


class DuplicateAbout(BaseModel):
    """One pair side by side; `cluster` hangs together with it by open pairs, and the pairs in `gaps` are not alike."""

    line: DuplicatePair
    fields: list[FieldsCompared]
    cluster: list[int]
    gaps: list[tuple[int, int]]


class CustomerCluster(BaseModel):
    """Three or more customers who hang together by the open pairs in `links`; those in `gaps` are not alike."""

    customers: list[int]
    links: list[tuple[int, int]]
    gaps: list[tuple[int, int]]


class PairDecision(BaseModel):
    """What somebody decides of an open pair: `same` merges the two, `apart` keeps them two for good."""

    decision: Literal["same", "apart"]
    why: str = Field("", max_length=WHY_MAX)


def duplicate_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["duplicates"], dependencies=[Depends(require(authority, "read"))])
    folder = service.deployment.folder

    @router.get("/duplicates", response_model=DuplicateList)
    def duplicates(
        request: Request,
        state: PairState | None = PairState.OPEN,
        cursor: Annotated[str | None, Query(pattern=r"^\d{1,7}-\d{1,18}$")] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
        reveal: Reveal = False,
    ) -> Response:
        """Pairs of customers who may be one person."""
        if reveal:
            require(authority, "operate")(request)
        after = None
        if cursor is not None:
            score, _, number = cursor.partition("-")
            after = int(score), int(number)
        found = list_duplicates(folder, state, limit, after, reveal=reveal)
        following = f"{found[-1].score}-{found[-1].number}" if len(found) == limit else None
        return _json({"pairs": found, "next": following})

    @router.get("/duplicates/clusters", response_model=list[CustomerCluster])
    def clusters() -> Response:
        """Customers who hang together by open pairs, three or more."""
        return _json([one._asdict() for one in list_clusters(folder)])

    @router.get("/duplicates/{number}", response_model=DuplicateAbout)
    def duplicate(request: Request, number: Number, reveal: Reveal = False) -> Response:
        """One pair, field by field."""
        if reveal:
            require(authority, "operate")(request)
        try:
            return _json(show_duplicate(folder, number, reveal=reveal))
        except DeploymentError as error:
            raise ProblemError(404, "no_pair", str(error)) from error

    @router.post("/duplicates/{number}", response_model=DuplicatePair)
    async def decide(request: Request, number: Number, asked: PairDecision) -> Response:
        """Decide an open pair; the key needs the scope `operate`, and its name is kept with the decision."""
        who = require(authority, "operate")(request).name
        try:
            if asked.decision == "same":
                low, high = await asyncio.to_thread(open_pair, folder, number)
                await service.merging.merge(f"#{low}", f"#{high}", who, asked.why)
                line = await asyncio.to_thread(decide_pair, folder, number, "same", who, asked.why, merged=True)
            else:
                line = await asyncio.to_thread(decide_pair, folder, number, "apart", who, asked.why)
        except DeploymentError as error:
            raise ProblemError(409, "not_decided", str(error), hint="list the duplicates again") from error
        return _json(line)

    return router


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
