"""Definitions over HTTP: the same documents as in a folder, as JSON or YAML, with the same problems; playbooks, and the way back to one."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.body import read_body, read_head
from opportune.entrypoints.http.described import answered, described, listed
from opportune.entrypoints.http.limits import Limits
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.intake import inflated
from opportune.operations import DefinitionsRefusedError, Publication, Service
from opportune.operations.drafting import AudienceMove, DraftView
from opportune.store import (
    ApiKey,
    Change,
    Definitions,
    PlaybookRow,
    document_of,
    load_files,
    yaml_of,
)

NUMBER_MAX = 2**31 - 1
WORDS_MAX = 1_000
YAML_TYPE = "application/yaml"
DOCUMENTS: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
        YAML_TYPE: {"schema": {"type": "string", "description": "Documents parted by ---, as in a folder's files."}},
    },
}
PlaybookNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX, description="The playbook's number.")]
DryRun = Annotated[bool, Query(description="Only tell what would change.")]
AsDraft = Annotated[bool, Query(description="Make a draft; so it always is while approval is on.")]
Title = Annotated[str, Query(max_length=WORDS_MAX, description="What to call the draft.")]
Note = Annotated[str, Query(max_length=WORDS_MAX, description="Why, for the record.")]


class DefinitionsTaken(msgspec.Struct, frozen=True):
    """What became of definitions: the changes, whom changed audiences move in and out, and the publication or the draft that they led to
    (neither in a dry run)."""

    changes: tuple[Change, ...]
    audiences: list[AudienceMove]
    publication: Publication | None = None
    draft: DraftView | None = None


async def read_documents(request: Request, limits: Limits, onto: Definitions | None = None) -> Definitions:
    """The definitions of a request, checked; with `onto` together with that set. Raises DefinitionsRefusedError, BodyRefusedError."""
    head = read_head(request.scope)
    body = inflated(await read_body(request.receive, head.length, limits), head.encoding, limits.body_bytes_max)
    found = await asyncio.to_thread(load_files, [("body", body)], onto)
    if found.problems:
        raise DefinitionsRefusedError(list(found.problems))
    return found


def definition_router(service: Service, authority: Authority, limits: Limits) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["definitions"])
    reading, defining = [Depends(require(authority, "read"))], require(authority, "define")
    drafting = service.drafting

    @router.get("/definitions", dependencies=reading, response_model=list[dict[str, Any]])
    def definitions(
        playbook: Annotated[int | None, Query(ge=1, le=NUMBER_MAX, description="An earlier playbook's.")] = None,
        form: Annotated[Literal["json", "yaml"], Query(alias="format")] = "json",
    ) -> Response:
        """The definitions in force, as documents."""
        found = drafting.store.in_force() if playbook is None else _playbook(playbook)
        if form == "yaml":
            return Response(yaml_of(found.all()), media_type=YAML_TYPE)
        return answered([document_of(*one) for one in found.all()])

    @router.put("/definitions", openapi_extra={"requestBody": DOCUMENTS}, response_model=described(DefinitionsTaken))
    async def put(
        request: Request, key: Annotated[ApiKey, Depends(defining)], dry_run: DryRun = False, draft: AsDraft = False,
        title: Title = "", note: Note = "",
    ) -> Response:  # fmt: skip
        """The whole set: what is not in it is taken out."""
        wanted = await read_documents(request, limits)
        return await _take(wanted, key, dry_run=dry_run, draft=draft, title=title, note=note)

    @router.post("/definitions", openapi_extra={"requestBody": DOCUMENTS}, response_model=described(DefinitionsTaken))
    async def post(
        request: Request, key: Annotated[ApiKey, Depends(defining)], dry_run: DryRun = False, draft: AsDraft = False,
        title: Title = "", note: Note = "",
    ) -> Response:  # fmt: skip
        """Some definitions, new or in the place of those of the same name; the others stay."""
        wanted = await read_documents(request, limits, drafting.store.in_force())
        return await _take(wanted, key, dry_run=dry_run, draft=draft, title=title, note=note)

    @router.get("/playbooks", dependencies=reading, response_model=listed(PlaybookRow))
    def playbooks(
        before: Annotated[int | None, Query(ge=1, le=NUMBER_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
    ) -> Response:
        """Playbooks, the newest first."""
        return answered(drafting.store.playbooks(before, limit))

    @router.post("/playbooks/{number}/rollback", response_model=described(DefinitionsTaken))
    async def rollback(
        number: PlaybookNumber, key: Annotated[ApiKey, Depends(defining)], dry_run: DryRun = False,
        draft: AsDraft = False, note: Note = "",
    ) -> Response:  # fmt: skip
        """Go back to an earlier playbook: a new one that says the same."""
        title = f"back to playbook {number}"
        return await _take(_playbook(number), key, dry_run=dry_run, draft=draft, title=title, note=note)

    def _playbook(number: int) -> Definitions:
        try:
            return drafting.store.load(number)
        except KeyError as error:
            raise ProblemError(404, "no_playbook", str(error.args[0]), hint="list the playbooks") from error

    async def _take(wanted: Definitions, key: ApiKey, *, dry_run: bool, draft: bool, title: str, note: str) -> Response:
        changes = tuple(await asyncio.to_thread(drafting.difference, wanted))
        audiences = await service.audience_moves(wanted, changes) if changes else []
        if dry_run:
            return answered(DefinitionsTaken(changes, audiences))
        if draft or drafting.approval_on():
            made = await asyncio.to_thread(drafting.make, wanted, key.who, title, note)
            return answered(DefinitionsTaken(changes, audiences, draft=made))
        return answered(DefinitionsTaken(changes, audiences, await service.publish(wanted, key.who)))

    return router
