"""Routes of the catalogues: which tags and events there are, all about one, what it comes from and who uses it."""

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, described
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import (
    CategoryNode,
    DeploymentError,
    EventEntry,
    EventFilter,
    EventPage,
    EventSeen,
    Lineage,
    Related,
    Service,
    TagDistribution,
    TagEntry,
    TagFilter,
    TagPage,
    UnknownEvent,
    category_tree,
    event_page,
    list_events,
    list_tags,
    tag_page,
)  # fmt: skip
from opportune.warehouse import WarehouseError

WORDS_MAX = 200
Lang = Annotated[Literal["en", "zh"], Query(description="The language of titles of values.")]
Word = Annotated[str, Query(max_length=WORDS_MAX)]
Name = Annotated[str, Path(max_length=100)]


class TagList(msgspec.Struct, frozen=True):
    """The tags that fit, and the tree of their categories."""

    tags: list[TagEntry]
    categories: list[CategoryNode]


class LineageOf(msgspec.Struct, frozen=True):
    """What a definition comes from, and who uses it; the nearest first."""

    comes_from: tuple[Related, ...]
    used_by: tuple[Related, ...]


class TagAbout(TagPage, frozen=True):
    """All about a tag. `values` are of now for a tag at hand, else as far as the warehouse reaches; null where nothing was exported, or the
    tag is personal."""

    values: TagDistribution | None


class EventList(msgspec.Struct, frozen=True):
    """The events that fit, the tree of their categories, and what was seen of them up to the fact `end_seq` (excluded)."""

    events: list[EventEntry]
    categories: list[CategoryNode]
    seen: list[EventSeen]
    end_seq: int


class UnknownEventList(msgspec.Struct, frozen=True):
    """Unknown events up to the fact `end_seq` (excluded)."""

    events: list[UnknownEvent]
    end_seq: int


class EventAbout(EventPage, frozen=True):
    """All about an event, and what was seen of it up to the fact `end_seq` (excluded)."""

    seen: list[EventSeen]
    end_seq: int


def catalogue_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/tags", response_model=described(TagList))
    async def tags(
        search: Word = "", category: Word = "", owner: Word = "", sensitivity: Word = "", origin: Word = ""
    ) -> Response:
        """The tag catalogue; each word of `search` is looked for in names, titles in both languages, categories and notes."""
        wanted = TagFilter(search, category, owner, sensitivity, origin)
        lineage = await _catalogue(service)
        found = await asyncio.to_thread(list_tags, lineage, wanted)
        return answered(TagList(found, category_tree(lineage, (one.category for one in found))))

    @router.get("/tags/{tag}", response_model=described(TagAbout))
    async def tag(tag: Name, lang: Lang = "en") -> Response:
        """All about a tag, its values and coverage too."""
        page = await _tag(service, tag)
        try:
            values = await service.tag(tag, lang)
        except WarehouseError:
            values = None
        return answered(TagAbout(**msgspec.structs.asdict(page), values=values))

    @router.get("/tags/{tag}/lineage", response_model=described(LineageOf))
    async def lineage(tag: Name) -> Response:
        """What a tag comes from, down to events, models and sources, and who uses it, directly or through others."""
        page = await _tag(service, tag)
        return answered(LineageOf(page.comes_from, page.used_by))

    @router.get("/events", response_model=described(EventList))
    async def events(search: Word = "", category: Word = "", owner: Word = "", origin: Word = "") -> Response:
        """The event catalogue, with how often each event happened and when last, by source."""
        lineage = await _catalogue(service)
        found = list_events(lineage, EventFilter(search, category, owner, origin))
        seen, end_seq = await service.events_seen()
        names = {one.event for one in found}
        told = [one for one in seen if one.event in names]
        tree = category_tree(lineage, (one.category for one in found))
        return answered(EventList(found, tree, told, end_seq))

    @router.get("/sightings", response_model=described(UnknownEventList))
    async def sightings() -> Response:
        """Events and properties that sources sent and nobody has declared, with a first guess of their types; no value is shown."""
        return answered(UnknownEventList(*await service.sightings()))

    @router.get("/events/{event}", response_model=described(EventAbout))
    async def event(event: Name) -> Response:
        """All about an event: typed properties, origin, use, changes, and what was seen of it."""
        try:
            page = event_page(await _catalogue(service), service.deployment.store, event)
        except DeploymentError as error:
            raise ProblemError(404, "no_event", str(error)) from error
        seen, end_seq = await service.events_seen()
        told = [one for one in seen if one.event == event]
        return answered(EventAbout(**msgspec.structs.asdict(page), seen=told, end_seq=end_seq))

    return router


async def _catalogue(service: Service) -> Lineage:
    try:
        return await service.catalogue()
    except DeploymentError as error:
        raise ProblemError(409, "no_definitions", str(error)) from error


async def _tag(service: Service, tag: str) -> TagPage:
    try:
        return tag_page(await _catalogue(service), service.deployment.store, tag)
    except DeploymentError as error:
        raise ProblemError(404, "no_tag", str(error)) from error
