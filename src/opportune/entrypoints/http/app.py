"""The whole door of HTTP: raw routes for what must be quick, FastAPI for the rest, in front of both the bounds that hold for all."""

import asyncio
import time
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opportune.entrypoints.http.analysis_routes import analysis_router
from opportune.entrypoints.http.answers import ANY_ORIGIN, CLOSE, JSON, answer, refusal, retry_headers
from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.campaign_routes import campaign_router
from opportune.entrypoints.http.catalogue_routes import catalogue_router
from opportune.entrypoints.http.customer_pages import customer_router
from opportune.entrypoints.http.customer_routes import profile_router
from opportune.entrypoints.http.decision_routes import decision_router
from opportune.entrypoints.http.definition_routes import definition_router
from opportune.entrypoints.http.draft_routes import draft_router
from opportune.entrypoints.http.duplicate_routes import duplicate_router
from opportune.entrypoints.http.explain_routes import explain_router
from opportune.entrypoints.http.intake_routes import IntakeRoutes
from opportune.entrypoints.http.limits import RETRY_AFTER_SECONDS, Limits
from opportune.entrypoints.http.merging_routes import merging_router
from opportune.entrypoints.http.metrics import registry_of
from opportune.entrypoints.http.one_off_routes import one_off_router
from opportune.entrypoints.http.openapi import describe
from opportune.entrypoints.http.operating_routes import operating_router
from opportune.entrypoints.http.people_routes import people_router
from opportune.entrypoints.http.problems import tell_problems
from opportune.entrypoints.http.sending_routes import fetching_router, sending_router
from opportune.entrypoints.http.simulation_routes import simulation_router
from opportune.entrypoints.http.source_routes import source_router
from opportune.entrypoints.http.state_routes import state_router
from opportune.entrypoints.http.touch_routes import TouchRoutes, ofrep_router
from opportune.entrypoints.http.traffic import Traffic
from opportune.operations import Service
from opportune.store import Keys


class Application:
    """The ASGI application. `rest` is the FastAPI app: other doors add their routers to it."""

    def __init__(
        self, intake: IntakeRoutes, touches: TouchRoutes, rest: FastAPI, traffic: Traffic, limits: Limits
    ) -> None:
        self.intake, self.touches, self.rest, self.traffic, self.limits = intake, touches, rest, traffic, limits
        self._paths = intake.paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.rest(scope, receive, send)
            return
        traffic = self.traffic
        if traffic.in_flight >= self.limits.requests_in_flight_max:
            traffic.refused_in_flight += 1
            headers = (JSON, CLOSE, *ANY_ORIGIN, *retry_headers(RETRY_AFTER_SECONDS))
            await answer(send, 429, refusal("overloaded", "too many requests are being answered"), headers)
            return
        traffic.in_flight += 1
        begun = time.perf_counter()
        group, status = "intake", 500
        try:
            handler = self._paths.get(scope["path"])
            if handler is None and scope["method"] == "POST":
                handler, group = self.touches.find(scope["path"]), "touch"
            if handler is not None:
                status = await handler(scope, receive, send)
            else:
                group = "other"
                status = await _watched(self.rest, scope, receive, send, self.limits.answer_seconds_max)
        finally:
            traffic.in_flight -= 1
            traffic.note(group, status, time.perf_counter() - begun)


async def _watched(app: ASGIApp, scope: Scope, receive: Receive, send: Send, seconds_max: float) -> int:
    """Answer by another app, in bounded time; returns the status."""
    status = 0

    async def told(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        async with asyncio.timeout(seconds_max):
            await app(scope, receive, told)
    except TimeoutError:
        if status:  # an answer that nobody reads: the connection is cut
            raise
        status = 503
        await answer(send, status, refusal("timeout", "the answer took too long; ask for less, or later"))
    return status


def make_app(
    service: Service, keys: Keys, limits: Limits | None = None, event_names: Mapping[str, str] | None = None
) -> Application:
    """The application over a running service. `event_names` maps CloudEvents types to events."""
    bounds, traffic, authority = limits or Limits(), Traffic(), Authority(keys)
    # The pages that show the OpenAPI are left out: they load code from a CDN.
    rest = FastAPI(title="Opportune", docs_url=None, redoc_url=None, redirect_slashes=False, strict_content_type=False)
    tell_problems(rest)
    rest.include_router(state_router(service, authority, registry_of(service, traffic)))
    rest.include_router(operating_router(service, authority, bounds))
    rest.include_router(source_router(service, authority))
    rest.include_router(decision_router(service, authority))
    rest.include_router(duplicate_router(service, authority))
    rest.include_router(definition_router(service, authority, bounds))
    rest.include_router(draft_router(service, authority, bounds))
    rest.include_router(explain_router(service, authority))
    rest.include_router(simulation_router(service, authority))
    rest.include_router(campaign_router(service, authority))
    touches = TouchRoutes(service, authority, bounds)
    rest.include_router(touches.router())
    rest.include_router(people_router(service, authority))
    rest.include_router(profile_router(service, authority))
    rest.include_router(merging_router(service, authority))
    rest.include_router(analysis_router(service, authority))
    rest.include_router(catalogue_router(service, authority))
    rest.include_router(ofrep_router(service, authority, bounds))
    rest.include_router(sending_router(service, authority, bounds))
    rest.include_router(fetching_router(service, authority))
    rest.include_router(one_off_router(service, authority))
    rest.include_router(customer_router(service))
    intake = IntakeRoutes(service, authority, bounds, traffic, event_names)
    describe(rest)
    return Application(intake, touches, rest, traffic, bounds)
