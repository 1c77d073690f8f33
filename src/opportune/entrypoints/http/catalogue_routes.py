"""Routes of the catalogues: which tags and events there are, all about one, what it comes from and who uses it."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import (
    DeploymentError,
    EventFilter,
    Lineage,
    Service,
    TagFilter,
    category_tree,
    event_page,
    list_events,
    list_tags,
    tag_page,
)  # fmt: skip

WORDS_MAX = 200
Lang = Annotated[Literal["en", "zh"], Query(description="The language of titles of values.")]
Word = Annotated[str, Query(max_length=WORDS_MAX)]
Name = Annotated[str, Path(max_length=100)]
Value = str | int | bool | list[str] | None


class TagLine(BaseModel):
    """A tag of the catalogue; `used_by` definitions use it directly, `hot`: the engine keeps it at hand."""

    tag: str
    title_en: str
    title_zh: str
    category: str
    origin: str
    type: str
    unit: str
    owner: str
    source: str
    freshness: str
    sensitivity: str
    used_by: int
    hot: bool


class CategoryLine(BaseModel):
    """A category by its whole path: how many are in it, and how many with those below it."""

    category: str
    in_it: int
    with_below: int


class TagList(BaseModel):
    """The tags that fit, and the tree of their categories."""

    tags: list[TagLine]
    categories: list[CategoryLine]


class RelatedLine(BaseModel):
    """A definition up or down the chain: the key that says so, and the names between."""

    family: str
    name: str
    title_en: str
    title_zh: str
    path: str
    through: list[str]


class LineageOf(BaseModel):
    """What a definition comes from, and who uses it; the nearest first."""

    comes_from: list[RelatedLine]
    used_by: list[RelatedLine]


class ChangeLine(BaseModel):
    """What a playbook did to a definition."""

    playbook: int
    at_ms: int
    author: str
    kind: str
    words_only: bool
    fields: list[dict[str, Any]]


class ValueShare(BaseModel):
    """How many customers have a value."""

    value: Value
    customers: int


class TagValues(BaseModel):
    """A tag over all customers: `known` have a value; the most frequent values, and for numbers and times quantiles."""

    tag: str
    title: str
    customers: int
    known: int
    different: int
    values: list[ValueShare]
    smallest: Value
    largest: Value
    quantiles: dict[str, Value]


class TagAbout(LineageOf):
    """All about a tag. `values` are null for a tag that is not at hand: nothing that decides reads it."""

    entry: TagLine
    definition: dict[str, Any]
    changes: list[ChangeLine]
    values: TagValues | None


class EventLine(BaseModel):
    """An event of the catalogue; `origin` is sent or detector."""

    event: str
    title_en: str
    title_zh: str
    category: str
    origin: str
    owner: str
    at: str
    properties: int
    used_by: int


class SeenLine(BaseModel):
    """How often an event came from a source, and when last; local time of the deployment."""

    event: str
    source: str
    count: int
    last: str
    received: str


class EventList(BaseModel):
    """The events that fit, the tree of their categories, and what was seen of them up to the fact `end_seq` (excluded)."""

    events: list[EventLine]
    categories: list[CategoryLine]
    seen: list[SeenLine]
    end_seq: int


class UnknownPropertyLine(BaseModel):
    """A property that came undeclared or mistyped: how often, and a guess of its type ("": none fits)."""

    property: str
    count: int
    type: str
    scale: int
    members: list[str]
    mistyped: bool


class UnknownEventLine(BaseModel):
    """What a source said of an event and nobody declared; of a `declared` event only its properties are. Local time of the deployment."""

    event: str
    source: str
    declared: bool
    count: int
    last: str
    received: str
    properties: list[UnknownPropertyLine]


class UnknownEventList(BaseModel):
    """Unknown events up to the fact `end_seq` (excluded)."""

    events: list[UnknownEventLine]
    end_seq: int


class PropertyLine(BaseModel):
    """A property of an event with its type."""

    property: str
    title_en: str
    title_zh: str
    type: str
    unit: str
    low: str
    high: str
    members: list[str]
    personal: bool


class EventAbout(LineageOf):
    """All about an event, and what was seen of it up to the fact `end_seq` (excluded)."""

    entry: EventLine
    properties: list[PropertyLine]
    definition: dict[str, Any]
    changes: list[ChangeLine]
    seen: list[SeenLine]
    end_seq: int


def catalogue_router(service: Service, authority: Authority) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["catalogue"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/tags", response_model=TagList)
    async def tags(
        search: Word = "", category: Word = "", owner: Word = "", sensitivity: Word = "", origin: Word = ""
    ) -> Response:
        """The tag catalogue; each word of `search` is looked for in names, titles in both languages, categories and notes."""
        wanted = TagFilter(search, category, owner, sensitivity, origin)
        found = await asyncio.to_thread(list_tags, await _catalogue(service), wanted)
        return _json({"tags": found, "categories": category_tree(one.category for one in found)})

    @router.get("/tags/{tag}", response_model=TagAbout)
    async def tag(tag: Name, lang: Lang = "en") -> Response:
        """All about a tag, its values and coverage now too."""
        page = await _tag(service, tag)
        values = None
        if page["entry"].hot:
            values = await service.tag(tag, lang)
        return _json({**page, "values": values})

    @router.get("/tags/{tag}/lineage", response_model=LineageOf)
    async def lineage(tag: Name) -> Response:
        """What a tag comes from, down to events, models and sources, and who uses it, directly or through others."""
        page = await _tag(service, tag)
        return _json({key: page[key] for key in ("comes_from", "used_by")})

    @router.get("/events", response_model=EventList)
    async def events(search: Word = "", category: Word = "", owner: Word = "", origin: Word = "") -> Response:
        """The event catalogue, with how often each event happened and when last, by source."""
        found = list_events(await _catalogue(service), EventFilter(search, category, owner, origin))
        seen, end_seq = await service.events_seen()
        names = {one.event for one in found}
        told = [one for one in seen if one.event in names]
        tree = category_tree(one.category for one in found)
        return _json({"events": found, "categories": tree, "seen": told, "end_seq": end_seq})

    @router.get("/sightings", response_model=UnknownEventList)
    async def sightings() -> Response:
        """Events and properties that sources sent and nobody has declared, with a first guess of their types; no value is shown."""
        found, end_seq = await service.sightings()
        return _json({"events": found, "end_seq": end_seq})

    @router.get("/events/{event}", response_model=EventAbout)
    async def event(event: Name) -> Response:
        """All about an event: typed properties, origin, use, changes, and what was seen of it."""
        try:
            page = event_page(await _catalogue(service), service.deployment.store, event)
        except DeploymentError as error:
            raise ProblemError(404, "no_event", str(error)) from error
        seen, end_seq = await service.events_seen()
        told = [one for one in seen if one.event == event]
        return _json({**msgspec.structs.asdict(page), "seen": told, "end_seq": end_seq})

    return router


async def _catalogue(service: Service) -> Lineage:
    try:
        return await service.catalogue()
    except DeploymentError as error:
        raise ProblemError(409, "no_definitions", str(error)) from error


async def _tag(service: Service, tag: str) -> dict[str, Any]:
    try:
        return msgspec.structs.asdict(tag_page(await _catalogue(service), service.deployment.store, tag))
    except DeploymentError as error:
        raise ProblemError(404, "no_tag", str(error)) from error


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
