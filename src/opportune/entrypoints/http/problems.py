"""Errors of the operating routes as problem+json (RFC 9457): a stable code, the place, what to do."""

import http
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from opportune.entrypoints.http.answers import STATUS_OF, retry_headers
from opportune.entrypoints.http.limits import RETRY_AFTER_FAILURE_SECONDS
from opportune.intake import BodyRefusedError
from opportune.journal import JournalError
from opportune.operations import (
    ApprovalNeededError,
    DefinitionsRefusedError,
    DeploymentError,
    GoneError,
    OverloadedError,
)
from opportune.operations.drafting import DraftRefusedError
from opportune.store import StoreFailedError

MEDIA_TYPE = "application/problem+json"
PLACES_MAX = 10


class ProblemError(HTTPException):
    """What is answered instead of what was asked."""

    def __init__(
        self, status: int, code: str, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code = code
        self.hint = hint


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    places: Sequence[Mapping[str, str]] = (),
    found: Sequence[msgspec.Struct] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer; `found`: the problems of definitions, or what stands in the way of a draft."""
    told: dict[str, Any] = {
        "type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail,
    }  # fmt: skip
    if hint:
        told["hint"] = hint
    if places:
        told["places"] = list(places)
    if found:
        told["problems"] = list(found)
    return Response(msgspec.json.encode(told), status, headers, MEDIA_TYPE)


OURS = (
    GoneError, BodyRefusedError, DefinitionsRefusedError, DraftRefusedError, ApprovalNeededError, OverloadedError, DeploymentError, JournalError, StoreFailedError, TimeoutError,
)  # fmt: skip


def tell_problems(app: FastAPI) -> None:
    """Let the app answer its errors as problems."""
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in (StarletteHTTPException, *OURS):
        app.add_exception_handler(kind, _told)


def problem_of(error: Exception) -> Response:
    """The answer to a request that ended in a ProblemError or one of OURS."""
    return _http(error) if isinstance(error, StarletteHTTPException) else _ours(error)


async def _told(_request: Request, error: Exception) -> Response:
    return problem_of(error)


def _http(error: StarletteHTTPException) -> Response:
    status = error.status_code
    code = getattr(error, "code", http.HTTPStatus(status).phrase.lower().replace(" ", "_"))
    return problem(status, code, str(error.detail), hint=getattr(error, "hint", ""), headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [
        {"place": ".".join(str(part) for part in one["loc"])[:200], "detail": str(one["msg"])[:200]}
        for one in error.errors()[:PLACES_MAX]
    ]
    return problem(422, "invalid_request", "the request is not what this route takes", places=places)


def _ours(error: Exception) -> Response:
    if isinstance(error, GoneError):
        return problem(409, "gone", str(error), hint="list the quarantine again")
    if isinstance(error, DefinitionsRefusedError):
        many = len(error.problems)
        return problem(422, "definitions_refused", f"{many} problems; nothing was changed", found=error.problems)
    if isinstance(error, DraftRefusedError):
        return problem(
            404 if error.code in ("no_draft", "no_campaign") else 409, error.code, error.message, found=error.obstacles
        )
    if isinstance(error, ApprovalNeededError):
        return problem(409, "approval_needed", str(error))
    if isinstance(error, BodyRefusedError):
        return problem(STATUS_OF[error.code], error.code, error.message)
    if isinstance(error, TimeoutError):
        return problem(503, "timeout", "the answer took too long", hint="ask for less, or again later")
    seconds = error.retry_after_s if isinstance(error, OverloadedError) else RETRY_AFTER_FAILURE_SECONDS
    code = "overloaded" if isinstance(error, OverloadedError) else "unavailable"
    headers = {name.decode(): value.decode() for name, value in retry_headers(seconds)}
    return problem(429 if code == "overloaded" else 503, code, str(error), headers=headers)
