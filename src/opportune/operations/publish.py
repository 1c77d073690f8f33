"""Ask: put a folder of definitions in force. Shows the difference first; a playbook that is refused changes nothing."""

import time
from pathlib import Path

import msgspec

from opportune.engine import DefinitionSet, Playbook, PlaybookError, Rebuilding
from opportune.facts import BatchBuilder, DeploymentDefinition, FactKind, TextDictionary
from opportune.operations.content_check import check_contents
from opportune.operations.deployment import Deployment, DeploymentError, OnProgress, read_group
from opportune.operations.duplicates import check_matchings
from opportune.operations.kept_facts import KeptFacts
from opportune.operations.segments import check_segments
from opportune.operations.source_definitions import check_sources
from opportune.operations.warnings import warn
from opportune.store import Change, DefinitionProblem, Definitions, ProblemCode, difference, load_folder

FOLDED_AHEAD_ROUNDS_MAX = 8
FOLDED_AT_REST_MAX = 20_000
"""Facts that may be left to be folded while nothing is taken in: some milliseconds."""


class DefinitionsRefusedError(Exception):
    """The definitions have problems; each with its place, cause and hint."""

    def __init__(self, problems: list[DefinitionProblem]) -> None:
        super().__init__("\n".join(problem.text() for problem in problems))
        self.problems = problems


class Publication(msgspec.Struct, frozen=True):
    """What `publish` did: the playbook's number and where in the journal it came into force (None: nothing had changed).

    `took_ms` is the time from the ask to the answer; `paused_ms` how much of it nothing else could be taken in. `warnings`: what is in
    force now, and yet can hardly be meant.
    """

    playbook: int
    fingerprint: str
    seq: int | None
    changes: tuple[Change, ...]
    took_ms: int
    paused_ms: int = 0
    warnings: tuple[DefinitionProblem, ...] = ()


class Prepared(msgspec.Struct):
    """A playbook that is compiled and not in force yet, and what it needs of history, to be folded ahead."""

    definitions: Definitions
    playbook: Playbook
    after: int
    """The number of the playbook that was in force when this one was compiled."""
    rebuilding: Rebuilding | None
    begun: float
    paused_ms: int
    warnings: tuple[DefinitionProblem, ...] = ()


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
    if deployment is None:
        return compile_with(definitions, None, None, version)
    return compile_with(definitions, deployment.playbook.numbering.names, deployment.dictionary, version)


def compile_with(
    definitions: Definitions, numbers: dict[str, list[str]] | None, dictionary: TextDictionary | None, version: int
) -> Playbook:
    """Like `compile_playbook`, continuing these numbers and texts."""
    try:
        playbook = Playbook(definition_set(definitions), numbers=numbers, dictionary=dictionary, version=version)
        playbook.check_cold()
    except PlaybookError as error:
        raise DefinitionsRefusedError([
            definitions.problem(p.family, p.name, p.path, ProblemCode.NOT_COMPILABLE, p.message, p.hint, p.start) for p in error.problems
        ]) from error  # fmt: skip
    wrong = [
        *check_contents(definitions, playbook),
        *check_segments(definitions, playbook),
        *check_sources(definitions),
        *check_matchings(definitions),
    ]
    if wrong:
        raise DefinitionsRefusedError(wrong)
    return playbook


def preview_changes(deployment: Deployment, definitions: Definitions) -> list[Change]:
    """What publishing would change against the playbook saved last."""
    latest = deployment.store.latest()
    return difference(deployment.store.load(latest) if latest else Definitions(), definitions)


class ApprovalNeededError(Exception):
    """Approval is on: what is to be published is made a draft, and launched when it is approved."""


def publish(deployment: Deployment, definitions: Definitions, author: str) -> Publication:
    """Save the definitions as the next playbook and put it in force at the next fact.

    Raises ApprovalNeededError where the playbook in force has approval rules, DefinitionsRefusedError, StoreFailedError,
    DeploymentError and JournalError.
    """
    refuse_unapproved(deployment)
    return put_definitions_in_force(deployment, definitions, author)


def refuse_unapproved(deployment: Deployment) -> None:
    """Raises ApprovalNeededError where the playbook in force has approval rules."""
    rules = deployment.store.in_force().approval
    if rules is not None and rules.steps:
        raise ApprovalNeededError(
            "approval is on in this deployment, so nothing is published directly; make a draft: opportune apply FOLDER"
        )


def put_definitions_in_force(deployment: Deployment, definitions: Definitions, author: str) -> Publication:
    """Like `publish`, for what needs no approval or has it.

    Compiling and building new columns happen before the playbook is journaled; it is in force once it is, also where a crash then
    keeps the store from hearing of it.
    """
    prepared = prepare(deployment, definitions, ahead=False)
    return prepared if isinstance(prepared, Publication) else put_in_force(deployment, prepared, author)


def prepare(deployment: Deployment, definitions: Definitions, *, ahead: bool = True) -> Prepared | Publication:
    """Compile a playbook, with the engine at rest; a Publication where nothing has changed. With `ahead`, `fold_ahead` may then begin.

    Raises DefinitionsRefusedError, DeploymentError.
    """
    begun = time.monotonic()
    deployment.settle()
    in_force, fingerprint = deployment.playbook.version, deployment.playbook.fingerprint
    if in_force and deployment.store.latest() == in_force and not preview_changes(deployment, definitions):
        return Publication(in_force, fingerprint, None, (), 0, 0, tuple(warn(definitions, deployment.playbook)))
    playbook = compile_playbook(deployment, definitions)
    rebuilding = deployment.engine.rebuilding(playbook) if ahead else None
    warnings = tuple(warn(definitions, playbook))
    return Prepared(definitions, playbook, in_force, rebuilding, begun, _since(begun), warnings)


def fold_ahead(deployment: Deployment, rebuilding: Rebuilding, on_progress: OnProgress | None = None) -> None:
    """Fold history up to near the journal's end, beside the engine that goes on. In a thread of its own; no other may touch `rebuilding`.

    Raises JournalError, WarehouseError.
    """
    facts = KeptFacts(deployment.folder)
    for _ in range(FOLDED_AHEAD_ROUNDS_MAX):  # each round is what came while the last one was folded
        for group in facts.read(rebuilding.end_seq):
            rebuilding.take(*read_group(group))
            if on_progress is not None:
                on_progress("building from history", rebuilding.end_seq, deployment.journal.durable_seq)
        if deployment.journal.durable_seq - rebuilding.end_seq < FOLDED_AT_REST_MAX:
            return


def put_in_force(deployment: Deployment, prepared: Prepared, author: str) -> Publication:
    """Save a prepared playbook and put it in force at the next fact, with the engine at rest: what it still lacks of history is folded first.

    Raises StoreFailedError, DeploymentError where another one came into force meanwhile, JournalError.
    """
    begun, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    playbook, rebuilding = prepared.playbook, prepared.rebuilding
    deployment.flush()
    if deployment.playbook.version != prepared.after:
        raise DeploymentError(
            f"playbook {deployment.playbook.version} came into force while this one was built; look at it, and publish again"
        )
    if rebuilding is not None:
        for group in KeptFacts(deployment.folder, deployment.journal.read).read(rebuilding.end_seq):
            rebuilding.take(*read_group(group))
    draft = deployment.store.save(prepared.definitions, author, now_ms)  # what is refused has left nothing behind
    playbook.version = draft.number
    deployment.note_history()
    deployment.engine.prepare(playbook, rebuilding)
    builder = BatchBuilder()
    builder.add_body(FactKind.PLAYBOOK, playbook.body().encode(), now_ms, deployment.engine.now_ms)
    seq = deployment.engine.next_seq
    deployment.commit(builder.build(), now_ms)
    deployment.flush()
    deployment.store.publish(draft.number, seq, now_ms)
    paused_ms = prepared.paused_ms + _since(begun)
    return Publication(
        draft.number, playbook.fingerprint, seq, draft.changes, _since(prepared.begun), paused_ms, prepared.warnings
    )


def _since(begun: float) -> int:
    """Milliseconds since then."""
    return int((time.monotonic() - begun) * 1000)
