"""Routes that count customers from the engine's columns: audiences, saved segments."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, listed
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import RefusedError, SegmentSize, Service
from opportune.rules import RULE_CHARS_MAX

Lang = Annotated[Literal["en", "zh"], Query(description="The language of titles.")]


class Audience(BaseModel):
    """For how many of all customers a condition is true."""

    customers: int
    in_all: int


def analysis_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["analysis"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/audience")
    async def audience(
        where: Annotated[str, Query(min_length=1, max_length=RULE_CHARS_MAX, description="A condition over tags.")],
    ) -> Audience:
        """The size of an audience now."""
        try:
            customers, in_all = await service.audience_size(where)
        except RefusedError as error:
            raise ProblemError(422, error.code, str(error)) from error
        return Audience(customers=customers, in_all=in_all)

    @router.get("/segments", response_model=listed(SegmentSize))
    async def segments(lang: Lang = "en") -> Response:
        """The saved segments with their sizes now."""
        try:
            return answered(await service.segments(lang))
        except RefusedError as error:
            raise ProblemError(422, error.code, str(error)) from error

    return router
