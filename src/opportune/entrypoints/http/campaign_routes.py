"""Campaigns over HTTP: pause, resume, end at once; the calendar."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.definition_routes import NUMBER_MAX, DryRun, Note
from opportune.entrypoints.http.described import answered, described
from opportune.entrypoints.http.operating_routes import require
from opportune.operations import Service
from opportune.operations.drafting import Calendar, LifeChange, Verb, calendar, local_day, now_ms
from opportune.store import ApiKey

Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$", description="A local day, included.")]
Campaign = Annotated[str, Path(max_length=63)]


def campaign_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["campaigns"])
    drafting = service.drafting
    define = require(authority, "define")

    async def change(campaign: str, verb: Verb, key: ApiKey, note: str, dry_run: bool) -> Response:
        return answered(await service.change_life(campaign, verb, key.who, note, dry_run=dry_run))

    @router.post("/campaigns/{campaign}/pause", response_model=described(LifeChange))
    async def pause(
        campaign: Campaign, key: Annotated[ApiKey, Depends(define)], note: Note = "", dry_run: DryRun = False
    ) -> Response:
        """Pause a campaign from the next event on; with `dry_run` only count the decisions that are on their way."""
        return await change(campaign, "pause", key, note, dry_run)

    @router.post("/campaigns/{campaign}/resume", response_model=described(LifeChange))
    async def resume(
        campaign: Campaign, key: Annotated[ApiKey, Depends(define)], note: Note = "", dry_run: DryRun = False
    ) -> Response:
        """Let a paused campaign go on from the next event on."""
        return await change(campaign, "resume", key, note, dry_run)

    @router.post("/campaigns/{campaign}/end", response_model=described(LifeChange))
    async def end(
        campaign: Campaign, key: Annotated[ApiKey, Depends(define)], note: Note = "", dry_run: DryRun = False
    ) -> Response:
        """End a campaign from the next event on; with `dry_run` only count the decisions that are on their way."""
        return await change(campaign, "end", key, note, dry_run)

    @router.get("/calendar", dependencies=[Depends(require(authority, "read"))], response_model=described(Calendar))
    def told_calendar(
        since: Day = None, to: Day = None, draft: Annotated[int | None, Query(ge=1, le=NUMBER_MAX)] = None
    ) -> Response:
        """Campaigns by their days, and which are in each other's way; with `draft` as if it were in force, its conflicts only."""
        definitions = drafting.store.in_force() if draft is None else drafting.definitions(draft)
        about = () if draft is None else drafting.view(draft).campaigns
        return answered(calendar(definitions, local_day(definitions, now_ms()), since, to, about))

    return router
