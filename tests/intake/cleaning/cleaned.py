"""Steps at work on little loads, as YAML and rows of plain values."""

import json
from typing import Any, NamedTuple

import msgspec
import yaml

from opportune.facts import decode_scalar
from opportune.intake.cleaning import Cells, Recipe, StepDefinition


class Done(NamedTuple):
    """What became of the rows: the cells of those kept (absent ones left out), each row's verdict, and the counts per step."""

    rows: list[dict[str, Any]]
    verdicts: list[str]
    counts: list[tuple[int, int, int]]
    recipe: Recipe


def steps(text: str) -> list[StepDefinition]:
    """Steps as they stand in YAML, their scalars kept as text."""
    return msgspec.convert(yaml.load(text, yaml.BaseLoader), list[StepDefinition], strict=False, dec_hook=decode_scalar)


def cells(row: dict[str, Any]) -> Cells:
    """A row as intake holds it."""
    return {name: json.dumps(value).encode() for name, value in row.items()}


def clean(text: str, rows: list[dict[str, Any]], statistics: list[Any] | None = None) -> Done:
    """Learn from a load unless what was learnt is given, and clean it."""
    recipe = Recipe(steps(text), statistics)
    if statistics is None:
        recipe.learn(lambda: ((number, cells(row)) for number, row in enumerate(rows)))
    recipe.start()
    kept, verdicts = [], []
    for number, row in enumerate(rows):
        held = cells(row)
        verdict = recipe.clean(number, held).verdict.name
        verdicts.append(verdict)
        if verdict in ("SAME", "CHANGED"):
            values = {name: json.loads(token) for name, token in held.items()}
            kept.append({name: value for name, value in values.items() if value is not None})
    return Done(kept, verdicts, [(one.changed, one.left_out, one.refused) for one in recipe.counts], recipe)


def column(text: str, values: list[Any]) -> list[Any]:
    """The field `x` of rows that have only that, cleaned; None for absent, and for rows that were not kept."""
    done = clean(text, [{"x": value} for value in values])
    kept = iter(done.rows)
    return [next(kept).get("x") if verdict in ("SAME", "CHANGED") else None for verdict in done.verdicts]
