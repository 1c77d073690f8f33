"""Ask: run the public Starbucks offers data through the engine, and compare the goals with the completions it knows of.

Offers received are imported contacts that open goals; transactions move the goals on. The data set's own `offer completed` rows are
never shown to the engine: they are what its goals are compared with, as multisets of (person, offer, hour).
"""

import gzip
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from opportune.facts import MS_PER_HOUR, GoalKind, Outputs
from opportune.operations.deployment import Deployment, create_deployment, open_deployment
from opportune.operations.examples import examples_folder
from opportune.operations.imports import OnImport, import_sources
from opportune.operations.publish import publish, read_definitions
from opportune.operations.source_definitions import sources_of
from opportune.store import Definitions

TRANSCRIPT = "starbucks_transcript.ndjson.gz"
Completions = Counter[tuple[str, str, int]]


class StarbucksResult(msgspec.Struct, frozen=True):
    """How the goals compare with the completions of the data set: person x offer x hour, counted with repetitions."""

    expected: int
    matched: int
    missing: int
    extra: int
    events: int
    seconds: float
    folder: str
    own_folder: str


class _Row(msgspec.Struct):
    person: str
    event: str
    time: int
    value: dict[str, msgspec.Raw]


def run_starbucks(
    data: Path, folder: Path, *, definitions: Path | None = None, on_import: OnImport | None = None
) -> StarbucksResult:
    """Both runs: the completions compared in `<folder>/given`, our own campaigns deciding in `<folder>/own`.

    `definitions` replaces the example's (to see that a changed threshold breaks the match). Raises FileNotFoundError without the data.
    """
    if not (data / TRANSCRIPT).is_file():
        raise FileNotFoundError(f"no {TRANSCRIPT} in {data}; name the folder of the public data set with --data")
    example = examples_folder("starbucks")
    known = read_definitions(definitions or example / "definitions")
    with _deployment(folder / "given", known) as deployment:
        reached: list[Outputs] = []
        imported = import_sources(deployment, sources_of(known), data, on_import=on_import, on_outputs=reached.append)
        found = _reached_goals(deployment, known, reached)
    expected = expected_completions(data / TRANSCRIPT)
    own = read_definitions(example / "own")
    with _deployment(folder / "own", own) as deployment:
        import_sources(deployment, sources_of(own), data, on_import=on_import)
    return StarbucksResult(
        expected.total(), (expected & found).total(), (expected - found).total(), (found - expected).total(),
        imported.messages, imported.seconds, str(folder / "given"), str(folder / "own"),
    )  # fmt: skip


def expected_completions(transcript: Path) -> Completions:
    """The `offer completed` rows of the data set as (person, offer id, hour), with repetitions."""
    decoder = msgspec.json.Decoder(_Row)
    with gzip.open(transcript) as file:
        rows = (decoder.decode(line) for line in file if b'"offer completed"' in line)
        return Counter((row.person, msgspec.json.decode(row.value["offer_id"], type=str), row.time) for row in rows)


def _deployment(folder: Path, definitions: Definitions) -> Deployment:
    create_deployment(folder, seed="starbucks")
    deployment = open_deployment(folder)
    publish(deployment, definitions, "demo")
    return deployment


def _reached_goals(deployment: Deployment, definitions: Definitions, outputs: list[Outputs]) -> Completions:
    """Goals reached as (person, offer id, hour); the offer id is what the source's map knows the campaign by."""
    goals = np.concatenate([part.goals for part in outputs])
    goals = goals[goals["kind"] == GoalKind.REACHED]
    persons = dict(deployment.people.all_of("user"))
    source = definitions.sources["transcript"]
    ids = {
        campaign: offer_id
        for row in source["rows"]
        if "contact" in row
        for offer_id, campaign in row["contact"]["campaign"]["map"].items()
    }
    names = deployment.playbook.numbering.names["campaign"]
    hours = ((goals["at_ms"] - _origin_ms(source)) // MS_PER_HOUR).tolist()
    return Counter(
        (persons[customer], ids[names[campaign]], hour)
        for customer, campaign, hour in zip(goals["customer"].tolist(), goals["campaign"].tolist(), hours, strict=True)
    )


def _origin_ms(source: dict[str, dict[str, str]]) -> int:
    return int(np.datetime64(source["time"]["since"].removesuffix("Z"), "ms").astype(np.int64))
