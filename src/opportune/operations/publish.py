"""Ask: put a folder of definitions in force. Shows the difference first; a playbook that is refused changes nothing."""

import time
from pathlib import Path

import msgspec

from opportune.engine import DefinitionSet, Playbook, PlaybookError
from opportune.facts import BatchBuilder, DeploymentDefinition, FactKind
from opportune.operations.content_check import check_contents
from opportune.operations.deployment import Deployment
from opportune.operations.segments import check_segments
from opportune.operations.source_definitions import check_sources
from opportune.store import Change, DefinitionProblem, Definitions, ProblemCode, difference, load_folder


class DefinitionsRefusedError(Exception):
    """The definitions have problems; each with its place, cause and hint."""

    def __init__(self, problems: list[DefinitionProblem]) -> None:
        super().__init__("\n".join(problem.text() for problem in problems))
        self.problems = problems


class Publication(msgspec.Struct, frozen=True):
    """What `publish` did: the playbook's number and where in the journal it came into force (None: nothing had changed)."""

    playbook: int
    fingerprint: str
    seq: int | None
    changes: tuple[Change, ...]
    took_ms: int


def read_definitions(folder: Path) -> Definitions:
    """Read and check a folder of YAML. Raises DefinitionsRefusedError with every problem, FileNotFoundError without the folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}; name a folder with definitions in YAML files")
    definitions = load_folder(folder)
    if definitions.problems:
        raise DefinitionsRefusedError(list(definitions.problems))
    return definitions


def definition_set(definitions: Definitions) -> DefinitionSet:
    """The definitions as the engine takes them."""
    return DefinitionSet(
        definitions.deployment or DeploymentDefinition("opportune"), definitions.policy, dict(definitions.events),
        dict(definitions.tags), dict(definitions.touchpoints), dict(definitions.offers), dict(definitions.campaigns),
        dict(definitions.detectors),
        dict(definitions.identifiers),
    )  # fmt: skip


def compile_playbook(deployment: Deployment | None, definitions: Definitions, version: int = 1) -> Playbook:
    """Compile definitions, continuing the deployment's numbers; offers' content and segments are checked too.

    Raises DefinitionsRefusedError with the place of each problem.
    """
    try:
        playbook = Playbook(
            definition_set(definitions),
            numbers=deployment.playbook.numbering.names if deployment else None,
            dictionary=deployment.dictionary if deployment else None,
            version=version,
        )
    except PlaybookError as error:
        raise DefinitionsRefusedError([
            definitions.problem(p.family, p.name, p.path, ProblemCode.NOT_COMPILABLE, p.message, p.hint, p.start) for p in error.problems
        ]) from error  # fmt: skip
    wrong = [
        *check_contents(definitions, playbook),
        *check_segments(definitions, playbook),
        *check_sources(definitions),
    ]
    if wrong:
        raise DefinitionsRefusedError(wrong)
    return playbook


def preview_changes(deployment: Deployment, definitions: Definitions) -> list[Change]:
    """What publishing would change against the playbook saved last."""
    latest = deployment.store.latest()
    return difference(deployment.store.load(latest) if latest else Definitions(), definitions)


def publish(deployment: Deployment, definitions: Definitions, author: str) -> Publication:
    """Save the definitions as the next playbook and put it in force at the next fact.

    Compiling and building new columns happen before the playbook is journaled; it is in force once it is, also where a crash then
    keeps the store from hearing of it. Raises DefinitionsRefusedError, StoreFailedError, DeploymentError and JournalError.
    """
    started = time.monotonic()
    now_ms = time.time_ns() // 1_000_000
    deployment.settle()
    in_force, fingerprint = deployment.playbook.version, deployment.playbook.fingerprint
    if in_force and deployment.store.latest() == in_force and not preview_changes(deployment, definitions):
        return Publication(in_force, fingerprint, None, (), 0)
    playbook = compile_playbook(
        deployment, definitions
    )  # before it is saved: what is refused must leave nothing behind
    draft = deployment.store.save(definitions, author, now_ms)
    playbook.version = draft.number
    deployment.engine.prepare(playbook)
    builder = BatchBuilder()
    builder.add_body(FactKind.PLAYBOOK, playbook.body().encode(), now_ms, deployment.engine.now_ms)
    seq = deployment.engine.next_seq
    deployment.commit(builder.build(), now_ms)
    deployment.flush()
    deployment.store.publish(draft.number, seq, now_ms)
    took_ms = int((time.monotonic() - started) * 1000)
    return Publication(draft.number, playbook.fingerprint, seq, draft.changes, took_ms)
