"""Routes about the server itself: alive, ready, version, metrics, and the settings that the browser library asks for."""

import asyncio
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import JSONResponse, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError, problem
from opportune.operations import Service

WORKING_KEY_CHARACTERS_MAX = 200


def state_router(service: Service, authority: Authority, registry: CollectorRegistry) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["state"])

    @router.get("/health")
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/ready")
    async def ready() -> Response:
        """Facts are taken in; 503 where they are not."""
        if not service.ready:
            return problem(
                503, "not_ready", "nothing is taken in", hint="see the server's log, mend the cause, and start it again"
            )
        asks, size = service.door.queued
        upkeep = service.upkeep
        warehouse = {"exported_seq": upkeep.exported_seq, "lag": upkeep.lag, "trouble": bool(upkeep.trouble)}
        return JSONResponse({"status": "ready", "queued": {"asks": asks, "bytes": size}, "warehouse": warehouse})

    @router.get("/version")
    async def told_version() -> dict[str, str]:
        """The version of this server."""
        return {"version": version("opportune")}

    @router.get("/metrics", dependencies=[Depends(require(authority, "metrics"))], response_class=Response)
    async def metrics() -> Response:
        """Metrics in Prometheus' text format; the key needs the scope `metrics`."""
        # Some metrics come out of files: the loop goes on meanwhile.
        told = await asyncio.to_thread(generate_latest, registry)
        return Response(told, headers={"content-type": CONTENT_TYPE_LATEST})

    @router.get("/v1/projects/{write_key}/settings")
    async def settings(
        request: Request, write_key: Annotated[str, Path(max_length=WORKING_KEY_CHARACTERS_MAX)]
    ) -> Response:
        """What the tracking protocol's browser library asks for before it sends: only this server takes events."""
        key = authority.keys.find(write_key)
        if key is None or key.source is None:
            raise ProblemError(
                404, "no_project", "no such write key", hint="opportune keys create --scope intake:SOURCE"
            )
        host = f"{request.url.hostname}:{request.url.port}" if request.url.port else str(request.url.hostname)
        own: dict[str, Any] = {"apiKey": write_key, "apiHost": f"{host}/v1", "protocol": request.url.scheme}
        told = {
            "integrations": {"Segment.io": own},
            "plan": {"track": {}, "identify": {}, "group": {}},
            "enabledMiddleware": {},
        }
        return JSONResponse(told, headers={"access-control-allow-origin": "*"})

    return router
