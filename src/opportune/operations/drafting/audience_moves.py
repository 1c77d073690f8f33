"""Ask: whom does a change of definitions move in and out, of today's customers? From the engine's columns, with the engine at rest."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import Engine
from opportune.operations.audience import holding
from opportune.operations.touch import RefusedError
from opportune.store import Change, Definitions

_CONDITIONS = {"campaign": "audience", "segment": "where", "tag": "rule"}
"""The key of each family whose condition says who is meant."""


class AudienceMove(msgspec.Struct, frozen=True):
    """Customers that a changed condition moves in and out, and how many it holds for then; None, and `unknown` says why, where it cannot be told."""

    family: str
    name: str
    path: str
    moved_in: int | None
    moved_out: int | None
    customers: int | None
    unknown: str = ""


def audience_moves(
    engine: Engine, before: Definitions, after: Definitions, changes: tuple[Change, ...] | list[Change]
) -> list[AudienceMove]:
    """For each audience, segment and rule tag among the changes; a campaign without an audience is for everybody. None where nobody is known."""
    return list(_moves(engine, before, after, changes)) if engine.customers else []


def _moves(
    engine: Engine, before: Definitions, after: Definitions, changes: tuple[Change, ...] | list[Change]
) -> Iterator[AudienceMove]:
    for change in changes:
        path = _CONDITIONS.get(change.family)
        old, new = (side.of(change.family).get(change.name) for side in (before, after))
        if path is None or (old is not None and new is not None and getattr(old, path) == getattr(new, path)):
            continue
        if change.family == "tag" and (old is None or new is None or old.rule is None or new.rule is None):
            continue
        try:
            was, now = (_held(engine, definition, path) for definition in (old, new))
        except RefusedError as error:
            yield AudienceMove(change.family, change.name, path, None, None, None, str(error))
            continue
        moved_in, moved_out = int((now & ~was).sum()), int((was & ~now).sum())
        yield AudienceMove(change.family, change.name, path, moved_in, moved_out, int(now.sum()))


def _held(engine: Engine, definition: Any, path: str) -> NDArray[np.bool_]:
    if definition is None or getattr(definition, "paused", False):
        return np.zeros(engine.customers, np.bool_)
    text = getattr(definition, path)
    return np.ones(engine.customers, np.bool_) if text is None else holding(engine, text).astype(np.bool_)
