"""Routes about sources: what was fetched and what became of it, how good it is, and which wanted field has which source."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, listed
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import (
    QualityFigure,
    Service,
    SourceLoad,
    WantedField,
    definitions_of,
    load_of,
    open_loads,
    source_inventory,
    source_quality,
)  # fmt: skip

LOADS_MAX = 200
Source = Annotated[str, Path(max_length=120, description="The source, by the name of its definition.")]


def source_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    folder = service.deployment.folder
    router = APIRouter(prefix="/v1", tags=["sources"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/sources/{source}/loads", response_model=listed(SourceLoad))
    def loads_of(source: Source, limit: Annotated[int, Query(ge=1, le=LOADS_MAX)] = 20) -> Response:
        """The newest loads of a source."""
        _known(source)
        with open_loads(folder) as loads:
            return answered([load_of(row) for row in loads.of(source, limit)])

    @router.get("/sources/{source}/quality", response_model=listed(QualityFigure))
    def quality_of(source: Source, history: Annotated[int, Query(ge=1, le=LOADS_MAX)] = 1) -> Response:
        """The figures of a source's newest loads."""
        _known(source)
        return answered(_figures([source], history))

    @router.get("/quality", response_model=listed(QualityFigure))
    def quality(
        alerts: Annotated[bool, Query(description="Only figures beyond their threshold.")] = False,
    ) -> Response:
        """The figures of every source's newest load."""
        return answered([one for one in _figures([], 1) if one.alert or not alerts])

    @router.get("/inventory", response_model=listed(WantedField))
    def inventory(
        missing: Annotated[bool, Query(description="Only fields that no source has.")] = False,
    ) -> Response:
        """For each declared tag and each event property: which source has it, and how complete."""
        with open_loads(folder) as loads:
            found = source_inventory(loads, definitions_of(folder))
        return answered([one for one in found if not (missing and one.sources)])

    def _known(source: str) -> None:
        if source not in definitions_of(folder).sources:
            raise ProblemError(404, "no_source", f"no source `{source}` is defined", hint="list the loads of another")

    def _figures(names: list[str], history: int) -> list[QualityFigure]:
        with open_loads(folder) as loads:
            return source_quality(loads, definitions_of(folder), time.time_ns() // 1_000_000, names, history=history)

    return router
