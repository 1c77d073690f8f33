"""Routes about sources: what was fetched and what became of it, how good it is, and which wanted field has which source."""

import time
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import Service, definitions_of, load_of, open_loads, source_inventory, source_quality

LOADS_MAX = 200
Source = Annotated[str, Path(max_length=120, description="The source, by the name of its definition.")]


class LoadAccount(BaseModel):
    """One load: rows = left out + refused + those that became messages; messages = applied + duplicates + quarantined."""

    source: str
    load: int
    label: str
    fetched_ms: int
    rows: int
    left_out: dict[str, int]
    changed: dict[str, int]
    refused: int
    actions: dict[str, int]
    messages: int
    applied: int
    duplicates: int
    quarantined: int


class Figure(BaseModel):
    """One figure of a load (of the source itself where `load` is 0). In millionths; `fresh` in milliseconds."""

    source: str
    load: int
    figure: Literal["complete", "valid", "unique", "fresh", "drift", "reachable"]
    field: str
    value: int | None
    threshold: int | None
    alert: bool
    detail: str


class Having(BaseModel):
    """A source that has a field, under which name, and in what share of its newest load's rows (millionths)."""

    source: str
    column: str
    complete: int | None


class Wanted(BaseModel):
    """A field that the catalogue wants, with its names and the sources that bring it; none: it is missing."""

    kind: Literal["tag", "property"]
    name: str
    en: str
    zh: str
    sources: list[Having]


def source_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    folder = service.deployment.folder
    router = APIRouter(prefix="/v1", tags=["sources"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/sources/{source}/loads")
    def loads_of(source: Source, limit: Annotated[int, Query(ge=1, le=LOADS_MAX)] = 20) -> list[LoadAccount]:
        """The newest loads of a source."""
        _known(source)
        with open_loads(folder) as loads:
            return [LoadAccount(**msgspec.to_builtins(load_of(row))) for row in loads.of(source, limit)]

    @router.get("/sources/{source}/quality")
    def quality_of(source: Source, history: Annotated[int, Query(ge=1, le=LOADS_MAX)] = 1) -> list[Figure]:
        """The figures of a source's newest loads."""
        _known(source)
        return _figures([source], history)

    @router.get("/quality")
    def quality(
        alerts: Annotated[bool, Query(description="Only figures beyond their threshold.")] = False,
    ) -> list[Figure]:
        """The figures of every source's newest load."""
        return [one for one in _figures([], 1) if one.alert or not alerts]

    @router.get("/inventory")
    def inventory(
        missing: Annotated[bool, Query(description="Only fields that no source has.")] = False,
    ) -> list[Wanted]:
        """For each declared tag and each event property: which source has it, and how complete."""
        with open_loads(folder) as loads:
            found = source_inventory(loads, definitions_of(folder))
        return [Wanted(**msgspec.to_builtins(one)) for one in found if not (missing and one.sources)]

    def _known(source: str) -> None:
        if source not in definitions_of(folder).sources:
            raise ProblemError(404, "no_source", f"no source `{source}` is defined", hint="list the loads of another")

    def _figures(names: list[str], history: int) -> list[Figure]:
        with open_loads(folder) as loads:
            found = source_quality(loads, definitions_of(folder), time.time_ns() // 1_000_000, names, history=history)
        return [Figure(**msgspec.to_builtins(one)) for one in found]

    return router
