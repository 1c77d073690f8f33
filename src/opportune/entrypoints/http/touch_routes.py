"""Routes for touchpoints: who is here, what to show, what came of it; and OpenFeature's remote evaluation as a door for apps."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from opportune.entrypoints.http.answers import Handler
from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.body import ClientGoneError, read_body, read_head
from opportune.entrypoints.http.limits import Limits
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import OURS, ProblemError, problem_of
from opportune.intake import inflated
from opportune.operations import ANSWERS, Customer, Offered, RefusedError, Service, TokenError, TouchAsk, Touched

BODY_BYTES_MAX = 32_768
NAME_CHARACTERS_MAX = 100
TOKEN_CHARACTERS_MAX = 200
FLAGS_MAX = 50
PREFIX = "/v1/touchpoints/"
JSON = "application/json"

Result = TypeVar("Result")
Touchpoint = Annotated[str, Path(max_length=NAME_CHARACTERS_MAX, description="The touchpoint's name.")]
Token = Annotated[str, Path(max_length=TOKEN_CHARACTERS_MAX, description="The decision, as the touch gave it.")]
TOUCH_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {
                "type": "object", "required": ["customer"],
                "properties": {
                    "customer": {
                        "type": "object", "description": "Who is there: one of these at least.",
                        "properties": {"userId": {"type": "string"}, "anonymousId": {"type": "string"}, "identifier": {"type": "object"}},
                    },
                    "context": {"type": "object", "description": "Properties of the touchpoint's event."},
                    "slots": {"type": "integer", "minimum": 1, "description": "How many offers there is room for."},
                    "language": {"type": "string"},
                    "request_id": {"type": ["string", "null"], "description": "Makes a repeated request harmless."},
                },
            }
        }
    },
}  # fmt: skip
ANSWER_BODY: dict[str, Any] = {
    "required": False,
    "content": {JSON: {"schema": {"type": "object", "properties": {"reason": {"type": "string"}}}}},
}


class _Said(msgspec.Struct, frozen=True):
    reason: str = ""


class _Evaluation(msgspec.Struct, frozen=True):
    context: dict[str, Any]


class TouchRoutes:
    """Touches and answers: people wait for them, so a plain path is answered without the layers of the rest (`find`)."""

    def __init__(self, service: Service, authority: Authority, limits: Limits) -> None:
        self._service, self._authority, self._limits = service, authority, limits

    def router(self) -> APIRouter:
        """The same as routes of the rest: they are described there, and what is not plain is answered there."""
        router = APIRouter()
        reading = [Depends(require(self._authority, "read"))]

        @router.get("/v1/touchpoints", tags=["touchpoints"], dependencies=reading)
        async def touchpoints() -> Response:
            """The touchpoints of the playbook in force, with their direction, capacity, hours and strategy."""
            found = self._service.deployment.playbook.definitions.touchpoints
            return _json([msgspec.to_builtins(one, enc_hook=str) for one in found.values()])

        @router.post(f"{PREFIX}{{touchpoint}}/touch", tags=["touchpoints"], openapi_extra={"requestBody": TOUCH_BODY})
        async def touch(touchpoint: Touchpoint, request: Request) -> Response:
            """A customer is here: the offers to show, best first, each leased to this touchpoint until it says what came of it."""
            return await self._touch(request, touchpoint)

        @router.post(
            f"{PREFIX}{{touchpoint}}/decisions/{{decision}}/{{answer}}", tags=["touchpoints"], openapi_extra={"requestBody": ANSWER_BODY}
        )  # fmt: skip
        async def answer(touchpoint: Touchpoint, decision: Token, answer: str, request: Request) -> Response:
            """What came of a decision: presented, accepted, considering, refused (with a reason's code) or failed."""
            return await self._answer(request, touchpoint, decision, answer)

        return router

    def find(self, path: str) -> Handler | None:
        """The handler of a POST to a plain path of a touch or an answer."""
        if not path.startswith(PREFIX):
            return None
        parts = path.removeprefix(PREFIX).split("/")
        if not 0 < len(parts[0]) <= NAME_CHARACTERS_MAX:
            return None
        if len(parts) == 2 and parts[1] == "touch":
            return partial(self._quick, partial(self._touch, touchpoint=parts[0]))
        if len(parts) == 4 and parts[1] == "decisions" and 0 < len(parts[2]) <= TOKEN_CHARACTERS_MAX and parts[3]:
            return partial(self._quick, partial(self._answer, touchpoint=parts[0], decision=parts[2], answer=parts[3]))
        return None

    async def _quick(
        self, answering: Callable[[Request], Awaitable[Response]], scope: Scope, receive: Receive, send: Send
    ) -> int:
        try:
            async with asyncio.timeout(self._limits.answer_seconds_max):
                response = await answering(Request(scope, receive))
        except ClientGoneError:
            return 499
        except (ProblemError, *OURS) as error:
            response = problem_of(error)
        await response(scope, receive, send)
        return response.status_code

    async def _touch(self, request: Request, touchpoint: str) -> Response:
        require(self._authority, f"touch:{touchpoint}")(request)
        ask = await _body(request, self._limits, TouchAsk)
        return _json(await _asked(self._service.touches.touch(touchpoint, ask)))

    async def _answer(self, request: Request, touchpoint: str, decision: str, answer: str) -> Response:
        require(self._authority, f"touch:{touchpoint}")(request)
        if answer not in ANSWERS:
            raise ProblemError(404, "unknown_answer", f"there are: {', '.join(ANSWERS)}")
        said = await _body(request, self._limits, _Said, empty=_Said())
        return _json(await _asked(self._service.touches.answer(touchpoint, decision, answer, said.reason)))


def ofrep_router(service: Service, authority: Authority, limits: Limits) -> APIRouter:
    """OpenFeature's remote evaluation: a touchpoint is a flag, its best offer the value."""
    router = APIRouter(tags=["ofrep"])

    async def evaluate(flag: str, context: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """One flag's evaluation (a touch of the touchpoint of that name) and its status."""
        who = context.get("targetingKey")
        if not isinstance(who, str) or not who:
            return {"key": flag, "errorCode": "TARGETING_KEY_MISSING"}, 400
        properties = {name: value for name, value in context.items() if name not in ("targetingKey", "language")}
        language = context.get("language")
        ask = TouchAsk(Customer(who), properties, 1, language if isinstance(language, str) else "")
        try:
            touched = await service.touches.touch(flag, ask)
        except RefusedError as error:
            known = error.code in ("unknown_touchpoint", "not_inbound")
            return {
                "key": flag, "errorCode": "FLAG_NOT_FOUND" if known else "INVALID_CONTEXT", "errorDetails": str(error),
            }, 404 if known else 400  # fmt: skip
        return _flag(flag, touched), 200

    @router.post("/ofrep/v1/evaluate/flags/{flag}", tags=["ofrep"], openapi_extra={"requestBody": _ofrep_body()})
    async def ofrep(flag: Annotated[str, Path(max_length=NAME_CHARACTERS_MAX)], request: Request) -> Response:
        """One touchpoint's offer as a feature flag. It takes a lease, as every touch does; say presented when it was shown."""
        require(authority, "ofrep")(request)
        told, status = await evaluate(flag, (await _body(request, limits, _Evaluation)).context)
        return _json(told, status)

    @router.post("/ofrep/v1/evaluate/flags", tags=["ofrep"], openapi_extra={"requestBody": _ofrep_body()})
    async def ofrep_all(
        request: Request, only: Annotated[str | None, Query(max_length=2_000, description="Touchpoints, with commas.")] = None
    ) -> Response:  # fmt: skip
        """The offers of all touchpoints that customers come to, or of those named; 304 where nothing changed."""
        require(authority, "ofrep")(request)
        context = (await _body(request, limits, _Evaluation)).context
        known = service.deployment.playbook.definitions.touchpoints
        names = only.split(",") if only else [name for name, one in known.items() if one.direction != "out"]
        flags = [(await evaluate(name, context))[0] for name in names[:FLAGS_MAX]]
        if any(flag.get("errorCode") == "TARGETING_KEY_MISSING" for flag in flags):
            return _json({"errorCode": "TARGETING_KEY_MISSING"}, 400)
        shown = [{name: flag.get(name) for name in ("key", "value", "errorCode")} for flag in flags]
        tag = f'"{hashlib.blake2b(msgspec.json.encode(shown), digest_size=12).hexdigest()}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        return _json({"flags": flags}, headers={"etag": tag})

    return router


async def _body(request: Request, limits: Limits, kind: type[Result], *, empty: Result | None = None) -> Result:
    head = read_head(request.scope)
    raw = inflated(await read_body(request.receive, head.length, limits), head.encoding, BODY_BYTES_MAX)
    if not raw.strip() and empty is not None:
        return empty
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ProblemError(422, "invalid_request", str(error)) from error


def _flag(flag: str, touched: Touched) -> dict[str, Any]:
    """A touch in the words of OpenFeature: the value is the content, the variant the offer."""
    if not touched.offers:
        return {"key": flag, "reason": "DEFAULT", "value": {}, "metadata": {}}
    best: Offered = touched.offers[0]
    return {
        "key": flag, "reason": "TARGETING_MATCH", "variant": best.offer,
        "value": {"offer": best.offer, **best.content},
        "metadata": {"decision": best.decision, "campaign": best.campaign, "why": best.why, "lease_until_ms": best.lease_until_ms},
    }  # fmt: skip


def _ofrep_body() -> dict[str, Any]:
    context = {"type": "object", "required": ["targetingKey"], "properties": {"targetingKey": {"type": "string"}}}
    schema = {"type": "object", "required": ["context"], "properties": {"context": context}}
    return {"required": True, "content": {JSON: {"schema": schema}}}


async def _asked(asking: Awaitable[Result]) -> Result:
    try:
        return await asking
    except RefusedError as error:
        status = 404 if error.code == "unknown_touchpoint" else 409 if error.code == "another_touchpoint" else 422
        raise ProblemError(status, error.code, str(error)) from error
    except TokenError as error:
        raise ProblemError(404, "unknown_decision", str(error)) from error


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, JSON)
