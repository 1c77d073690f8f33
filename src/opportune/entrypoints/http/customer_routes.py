"""The 360° view of one customer, for agents, analysts and the console."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, described
from opportune.entrypoints.http.operating_routes import note_reveal, require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import (
    TIMELINE_PAGE_MAX,
    CustomerView,
    DeploymentError,
    Service,
    TagValue,
    TimelinePage,
)  # fmt: skip
from opportune.warehouse import WarehouseError

SEQ_MAX = 2**63 - 1
Who = Annotated[
    str,
    Path(
        max_length=300, description="`phone:138…`, a plain identifier, or a customer number as `#7` (in a URL: `%237`)."
    ),
]
Limit = Annotated[int, Query(ge=1, le=TIMELINE_PAGE_MAX, description="So many entries of the timeline, or a few more.")]
Before = Annotated[
    int | None, Query(ge=0, le=SEQ_MAX, description="Go on before this fact: `next` of the page before.")
]
Lang = Annotated[Literal["en", "zh"], Query(description="The language of titles.")]
TagName = Annotated[str, Path(max_length=100, description="The tag's name.")]
AsOf = Annotated[
    str | None, Query(max_length=40, description="A moment such as 2026-12-01T08:00; local time of the deployment without an offset.")
]  # fmt: skip
Reveal = Annotated[
    bool,
    Query(description="Identifiers in clear text, which is written down; the key needs the scope `reveal` for that."),
]
Why = Annotated[str, Query(max_length=500, description="Why they are asked for, for the audit.")]
BY_REPLAY = ("since", "facts", "decisions", "events")
"""What a view has only where the whole journal was read for it; the timeline tells of it here."""


def profile_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/{who}", response_model=described(CustomerView, BY_REPLAY))
    async def customer(
        request: Request, who: Who, limit: Limit = 50, lang: Lang = "en", reveal: Reveal = False, why: Why = ""
    ) -> Response:
        """All that is known of one customer now, the newest facts included."""
        key = require(authority, "reveal")(request) if reveal else None
        try:
            found = await service.customers.view(who, reveal=reveal, limit=limit, language=lang)
        except DeploymentError as error:
            raise ProblemError(404, "no_customer", str(error)) from error
        if key is not None:
            await asyncio.to_thread(note_reveal, service, key, "customer", [found.customer], why)
        return answered(found, BY_REPLAY)

    @router.get("/{who}/timeline", response_model=described(TimelinePage))
    async def timeline(who: Who, before: Before = None, limit: Limit = 100, lang: Lang = "en") -> Response:
        """One customer's timeline over all sources, page after page, the newest first."""
        try:
            return answered(await service.customers.timeline(who, before=before, limit=limit, language=lang))
        except DeploymentError as error:
            raise ProblemError(404, "no_customer", str(error)) from error

    @router.get("/{who}/tags/{tag}", response_model=described(TagValue))
    async def tag(who: Who, tag: TagName, as_of: AsOf = None, lang: Lang = "en") -> Response:
        """Any tag's value for one customer, at hand or not, as far as the warehouse reaches or as of a past moment."""
        try:
            return answered(await service.tag_of_customer(who, tag, as_of, lang))
        except WarehouseError as error:
            raise ProblemError(409, "no_values", str(error)) from error
        except DeploymentError as error:
            raise ProblemError(404, "no_tag_value", str(error)) from error

    return router
