"""Routes that send on demand: tests to ourselves, and a campaign once to a list or a segment."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import CUSTOMERS_PER_SEND_MAX, OneOffAsk, RefusedError, SeedAddress, Service, TrialSend
from opportune.rules import RULE_CHARS_MAX

CUSTOMER_MAX = 2**32 - 1
NOT_FOUND = ("unknown_campaign", "unknown_offer", "unknown_touchpoint", "unknown_seeds")
Short = Annotated[str, Field(max_length=100)]


class Seed(BaseModel):
    """Where a test goes; without a language in the deployment's first."""

    address: str = Field(max_length=320, min_length=1)
    language: str = Field(default="", max_length=20)


class TestSend(BaseModel):
    """An offer's content for a touchpoint, to addresses, to a seed list of the data folder, or to both."""

    offer: Short
    touchpoint: Short
    addresses: list[Seed] = Field(default=[], max_length=100)
    seeds: Short = ""
    language: str = Field(default="", max_length=20)
    values: dict[Short, Annotated[str, Field(max_length=1_000)] | int | bool] = Field(default={}, max_length=100)


class Send(BaseModel):
    """Whom to send to: identifiers (`phone:138…`, or plain userIds), or those for whom a rule over tags holds from customer `after` on.

    The same `name` (today's date where empty) again addresses nobody twice.
    """

    identifiers: list[Annotated[str, Field(max_length=300)]] = Field(default=[], max_length=CUSTOMERS_PER_SEND_MAX)
    where: str = Field(default="", max_length=RULE_CHARS_MAX)
    after: int = Field(default=0, ge=0, le=CUSTOMER_MAX)
    name: Short = ""


def one_off_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["sending"], dependencies=[Depends(require(authority, "operate"))])

    @router.post("/test-sends")
    async def test_send(said: TestSend) -> Response:
        """Send a test to ourselves: marked, counted nowhere, in no fact. Answers how each message stands after a few seconds."""
        addresses = tuple(SeedAddress(one.address, one.language) for one in said.addresses)
        ask = TrialSend(said.offer, said.touchpoint, addresses, said.seeds, said.language, dict(said.values))
        try:
            return answered({"messages": await service.test_send(ask)})
        except RefusedError as error:
            raise _refused(error) from error

    @router.post("/campaigns/{campaign}/send")
    async def send(campaign: Annotated[str, Path(max_length=100)], said: Send) -> Response:
        """Send a campaign once, through the same engine as always. A segment is done when `next` is null; else go on with it as `after`."""
        ask = OneOffAsk(campaign, tuple(said.identifiers), said.where, said.after, said.name)
        try:
            return answered(await service.send_once(ask))
        except RefusedError as error:
            raise _refused(error) from error

    return router


def _refused(error: RefusedError) -> ProblemError:
    return ProblemError(404 if error.code in NOT_FOUND else 422, error.code, str(error))
