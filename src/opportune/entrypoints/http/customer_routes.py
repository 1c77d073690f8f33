"""The 360° view of one customer, for agents, analysts and the console."""

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import note_reveal, require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import TIMELINE_PAGE_MAX, DeploymentError, Service

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
Reveal = Annotated[
    bool,
    Query(description="Identifiers in clear text, which is written down; the key needs the scope `reveal` for that."),
]
Why = Annotated[str, Query(max_length=500, description="Why they are asked for, for the audit.")]
Value = str | int | bool | list[str] | None


class TimelineEntry(BaseModel):
    """One thing that happened; `kind` says what `name` is."""

    seq: int
    at_ms: int
    at: str
    kind: str
    name: str
    title: str
    details: dict[str, Value]


class Timeline(BaseModel):
    """Entries, the newest first; give `next` as `before` for the page behind this one."""

    customer: int
    entries: list[TimelineEntry]
    next: int | None = None


class Tag(BaseModel):
    """A tag's value now; `set_at` when it was said last, `freshness` how often its owner promises to say it anew."""

    tag: str
    title: str
    category: str
    origin: str
    value: Value
    unit: str
    set_at: str
    freshness: str


class Consent(BaseModel):
    """What was said of a purpose and channel (`*`: every channel)."""

    purpose: str
    channel: str
    given: bool


class CapUse(BaseModel):
    """Contacts used in a cap's window of the most allowed."""

    per: str
    of: str
    used: int
    most: int
    window: str
    until: str


class WatchedGoal(BaseModel):
    """A goal that is still being watched."""

    campaign: str
    arm: str
    opened: str
    deadline: str
    state: str


class OpenDecision(BaseModel):
    """A decision that nobody has shown yet."""

    decision: int
    campaign: str
    offer: str
    state: str
    touchpoint: str
    until: str


class CustomerProfile(BaseModel):
    """One customer: profile, consents, contacts against caps, open decisions and goals, and the newest entries of the one timeline."""

    customer: int
    identifiers: list[str]
    personal: dict[str, str]
    now: str
    tags: list[Tag]
    consents: list[Consent]
    do_not_disturb: bool
    refused_until: str
    complained_until: str
    caps: list[CapUse]
    goals: list[WatchedGoal]
    open: list[OpenDecision]
    contacts: list[TimelineEntry]
    timeline: list[TimelineEntry]
    next: int | None = None


def profile_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/customers", tags=["customers"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/{who}", response_model=CustomerProfile)
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
        told = msgspec.to_builtins(found)
        return _json({name: told[name] for name in CustomerProfile.model_fields})

    @router.get("/{who}/timeline", response_model=Timeline)
    async def timeline(who: Who, before: Before = None, limit: Limit = 100, lang: Lang = "en") -> Response:
        """One customer's timeline over all sources, page after page, the newest first."""
        try:
            return _json(await service.customers.timeline(who, before=before, limit=limit, language=lang))
        except DeploymentError as error:
            raise ProblemError(404, "no_customer", str(error)) from error

    return router


def _json(value: object) -> Response:
    # Written by msgspec: pages are long, and the models only describe them.
    return Response(msgspec.json.encode(value), media_type="application/json")
