"""Routes about simulations: start one, see how far they are, read a report, cancel."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, described
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import DeploymentError, RefusedError, Service, SimulationAsk, SimulationRun
from opportune.operations.simulation import SimulationReport, SimulationState, simulation_report, simulations, uncertain
from opportune.store import ApiKey

NUMBER_MAX = 2**31 - 1
MOMENT_CHARACTERS_MAX = 40
Key = Annotated[str, Path(max_length=40, pattern="^[0-9a-f]+$", description="The simulation's key.")]
Lang = Annotated[str, Query(pattern="^(en|zh)$", description="The language of what stays uncertain.")]


class Wanted(BaseModel):
    """A draft by its number (null: the period as it was), from a moment up to another (excluded); empty: all there is. Local time."""

    draft: int | None = Field(None, ge=1, le=NUMBER_MAX)
    since: str = Field("", max_length=MOMENT_CHARACTERS_MAX)
    until: str = Field("", max_length=MOMENT_CHARACTERS_MAX)


class SimulationList(msgspec.Struct, frozen=True):
    """The simulations of the data folder with their progress, and the asks that this service was given since its start."""

    simulations: list[SimulationState]
    asks: list[SimulationRun]


class Simulated(SimulationReport, frozen=True):
    """A report, and in words what its figures cannot know."""

    uncertain: list[str]


def simulation_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/simulations", tags=["simulations"])
    reading = [Depends(require(authority, "read"))]
    define = require(authority, "define")
    folder = service.deployment.folder

    @router.get("", dependencies=reading, response_model=described(SimulationList))
    def all_of_folder() -> Response:
        """All simulations, the newest first."""
        return answered(SimulationList(simulations(folder), service.simulating.runs))

    @router.post("", status_code=202, response_model=described(SimulationRun))
    async def start(wanted: Wanted, key: Annotated[ApiKey, Depends(define)]) -> Response:
        """Simulate, aside and at a low priority; the answer comes at once, the report when it is there."""
        try:
            run = service.simulating.start(SimulationAsk(wanted.draft, wanted.since, wanted.until), key.who)
        except RefusedError as error:
            raise ProblemError(429, error.code, str(error), hint="see GET /v1/simulations") from error
        return answered(run, status=202)

    @router.get("/{key}", dependencies=reading, response_model=described(Simulated))
    def report(key: Key, lang: Lang = "en") -> Response:
        """The report of a finished simulation."""
        try:
            found = simulation_report(folder, key)
        except DeploymentError as error:
            raise ProblemError(404, "no_simulation", str(error)) from error
        words = list(uncertain(found, "zh" if lang == "zh" else "en"))
        return answered(Simulated(**msgspec.structs.asdict(found), uncertain=words))

    @router.delete("/asks/{number}", dependencies=[Depends(define)], response_model=described(SimulationRun))
    async def cancel(number: Annotated[int, Path(ge=1, le=NUMBER_MAX)]) -> Response:
        """Cancel an ask that is under way; the same ask goes on later where it was."""
        try:
            return answered(service.simulating.cancel(number))
        except RefusedError as error:
            raise ProblemError(404, error.code, str(error)) from error

    return router
