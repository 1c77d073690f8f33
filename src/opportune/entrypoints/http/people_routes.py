"""Routes about one person's data: forget her, hand out all that is known, and who looked. Identifiers come in bodies, never in addresses."""

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import caller, require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import DeploymentError, Service, customer_meant, export_person, person_page
from opportune.store import ApiKey

Why = Annotated[str, Field(max_length=500, description="For the audit: a request's number, say.")]


class PersonAsk(BaseModel):
    """Who is meant: `phone:138…`, a plain identifier, or a customer number as `#7`; and why."""

    identifier: str = Field(min_length=1, max_length=300)
    why: Why = ""


class ExportAsk(PersonAsk):
    """The same, with the form and the language of the answer."""

    form: Literal["json", "html"] = "json"
    lang: Literal["en", "zh"] = "en"


class Erased(BaseModel):
    """How much was erased, where."""

    people: int
    raw_rows: int
    messages: int
    file_lines: int
    facts: int
    warehouse_rows: int


class Forgotten(BaseModel):
    """Who was forgotten; `customer` is null where nobody is known by the identifier (any more)."""

    customer: int | None
    erased: Erased


class AuditEntry(BaseModel):
    """Somebody was shown, handed out or forgot personal data."""

    at_ms: int
    who: str
    what: str
    customer: int | None
    why: str


def people_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["customers"])
    people = service.deployment.people

    @router.post("/customers/forget", response_model=Forgotten)
    async def forget(said: PersonAsk, key: Annotated[ApiKey, Depends(require(authority, "forget"))]) -> Response:
        """Forget a person for good. Asking again is safe; what takes longer than an answer may is finished all the same."""
        try:
            done = await service.forgetting.forget(said.identifier, by=caller(key), why=said.why)
        except DeploymentError as error:
            raise ProblemError(422, "not_forgotten", str(error)) from error
        return _json(done)

    @router.post("/customers/export")
    async def export(said: ExportAsk, key: Annotated[ApiKey, Depends(require(authority, "reveal"))]) -> Response:
        """All that is known of one person, in the clear, as JSON or as a page to read. It is written down who asked."""
        folder = service.deployment.folder
        try:
            customer = await asyncio.to_thread(customer_meant, people, said.identifier)
            done = await asyncio.to_thread(
                export_person, folder, customer, by=caller(key), why=said.why, language=said.lang
            )
        except DeploymentError as error:
            raise ProblemError(404, "no_customer", str(error)) from error
        if said.form == "html":
            return Response(person_page(done, said.lang), media_type="text/html; charset=utf-8")
        return _json(done)

    @router.get("/audit", dependencies=[Depends(require(authority, "reveal"))])
    def audit(
        customer: Annotated[int | None, Query(ge=0)] = None, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
    ) -> list[AuditEntry]:
        """Who was shown, handed out or forgot personal data, the newest first."""
        return [AuditEntry(**msgspec.structs.asdict(one)) for one in people.audit(customer, limit)]

    return router


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
