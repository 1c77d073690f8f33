"""The read door of decisions: page after page of what was decided since a number."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from opportune.entrypoints.http.authority import Authority
from opportune.entrypoints.http.described import answered, described
from opportune.entrypoints.http.operating_routes import note_reveal, require
from opportune.operations import DECISIONS_PAGE_MAX, DecisionLine, Service

NUMBER_MAX = 2**63 - 1
After = Annotated[int, Query(ge=-1, le=NUMBER_MAX, description="The last decision that is known already; -1 for none.")]
Limit = Annotated[int, Query(ge=1, le=DECISIONS_PAGE_MAX)]
Reveal = Annotated[
    bool,
    Query(description="Identifiers in clear text, which is written down; the key needs the scope `reveal` for that."),
]
Why = Annotated[str, Query(max_length=500, description="Why they are asked for, for the audit.")]


class DecisionPage(msgspec.Struct, frozen=True):
    """Decisions in the order of their numbers; give `next` as `after` for the page behind this one. An empty page: no news yet."""

    decisions: list[DecisionLine]
    next: int


def decision_router(service: Service, authority: Authority) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1", tags=["decisions"])

    @router.get(
        "/decisions", dependencies=[Depends(require(authority, "read"))], response_model=described(DecisionPage)
    )
    def decisions(
        request: Request, after: After = -1, limit: Limit = 100, reveal: Reveal = False, why: Why = ""
    ) -> Response:
        """The decisions after a number. What was acknowledged before this was asked is looked at."""
        key = require(authority, "reveal")(request) if reveal else None
        found = service.feed.after(after, limit, reveal=reveal)
        if key is not None:
            note_reveal(service, key, "decisions", sorted({one.customer for one in found}), why)
        return answered(DecisionPage(found, found[-1].number if found else after))

    return router
