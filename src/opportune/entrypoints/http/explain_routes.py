"""Why, or why not, and what would change it: one event of one customer, decided again beside the running engine."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, described
from opportune.entrypoints.http.operating_routes import require
from opportune.entrypoints.http.problems import ProblemError
from opportune.operations import DeploymentError, Explanation, Service, explain, find_customer, moment_in

SEQ_MAX = 2**63 - 1
Who = Annotated[
    str,
    Query(min_length=1, max_length=300, description="`phone:138…`, a plain identifier, or a number as `#7` (`%237`)."),
]
Event = Annotated[int | None, Query(ge=0, le=SEQ_MAX, description="The number of the event's fact.")]
At = Annotated[
    str | None, Query(max_length=40, description="Her last event up to this moment: 2026-12-01T08:00, local time.")
]
Lang = Annotated[Literal["en", "zh"], Query(description="The language of reasons and changes.")]


def explain_router(service: Service, authority: Authority) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1", tags=["decisions"], dependencies=[Depends(require(authority, "read"))])

    @router.get("/explain", response_model=described(Explanation))
    def explained(customer: Who, event: Event = None, at: At = None, lang: Lang = "en") -> Response:
        """The fate of every candidate at one event, and the smallest change that would turn it round. Writes nothing.

        Without `event` and `at`: her last event that campaigns wait for.
        """
        if event is not None and at is not None:
            raise ProblemError(422, "one_of", "give `event` or `at`, not both")
        folder = service.deployment.folder
        try:
            at_ms = None if at is None else moment_in(folder, at)
            found = explain(folder, find_customer(folder, customer), event, at_ms=at_ms, language=lang)
        except DeploymentError as error:
            raise ProblemError(404, "not_explained", str(error)) from error
        return answered(found)

    return router
