"""Asks about drafts: make, revise, simulate, submit, approve, reject, withdraw, launch. All but launching work beside a writer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from opportune.engine import CUSTOMERS_MAX
from opportune.operations.deployment import Deployment, DeploymentError, OnProgress, journal_of
from opportune.operations.drafting.binding import Binding, binding_of, changes_of, moved, with_changes
from opportune.operations.drafting.needed import StepNeeded, size_of, steps_needed
from opportune.operations.publish import (
    DefinitionsRefusedError,
    Prepared,
    Publication,
    compile_playbook,
    put_definitions_in_force,
    put_in_force,
)  # fmt: skip
from opportune.operations.simulation import SimulationReport, report_digest, report_key, simulate, simulation_report
from opportune.store import (
    Change,
    Content,
    DefinitionProblem,
    Definitions,
    DefinitionStore,
    Draft,
    DraftMovedError,
    Drafts,
    DraftStep,
    check_definitions,
    difference,
    evidence_text,
    fingerprint_of,
)

CLOSED = ("launched", "withdrawn")
HOUSE = "opportune"
"""Who reopens a draft: nobody."""
WHATS_MOVED_MAX = 20


class Obstacle(msgspec.Struct, frozen=True):
    """What stands between a draft and its launch: a code, the definition and key where it is, and words."""

    code: str
    family: str
    name: str
    path: str
    text: str


class DraftRefusedError(Exception):
    """A draft cannot take this step: `code` says why, `obstacles` where."""

    def __init__(self, code: str, message: str, obstacles: tuple[Obstacle, ...] = ()) -> None:
        super().__init__("\n".join([message, *(one.text for one in obstacles)]))
        self.code, self.message, self.obstacles = code, message, obstacles


class DraftView(msgspec.Struct, frozen=True):
    """A draft as it stands. `changes` are those to the playbook in force now, `campaigns` those that would do otherwise, `binding` the hash
    that an approval is bound to; `contacts` and `customers` are its campaigns' in the simulation `report`."""

    number: int
    title: str
    author: str
    created_ms: int
    state: str
    revision: int
    base: int
    in_force: int
    binding: str
    report: str | None
    changes: tuple[Change, ...]
    campaigns: tuple[str, ...]
    contacts: int | None
    customers: int | None
    steps_needed: tuple[StepNeeded, ...]
    obstacles: tuple[Obstacle, ...]
    trail: tuple[DraftStep, ...]


class Ready(NamedTuple):
    """A draft that may be launched, upon the playbook that is in force."""

    draft: Draft
    in_force: int
    definitions: Definitions


class _Sight(NamedTuple):
    """All that a step looks at."""

    draft: Draft
    in_force: int
    definitions: Definitions
    binding: Binding
    report: DraftStep | None
    view: DraftView


class Drafting:
    """The drafts of one data folder, and the definitions that they change."""

    def __init__(self, folder: Path) -> None:
        """Use `open_drafting`."""
        self.folder = folder
        self.store = DefinitionStore(folder)
        self.drafts = Drafts(folder)

    def close(self) -> None:
        """Close all connections."""
        self.drafts.close()
        self.store.close()

    def approval_on(self) -> bool:
        """Whether the playbook in force has approval rules with steps."""
        rules = self.store.in_force().approval
        return rules is not None and bool(rules.steps)

    def newest(self, before: int | None = None, limit: int = 100) -> list[DraftView]:
        """Drafts, the newest first."""
        return [self._sight(draft).view for draft in self.drafts.newest(before, limit)]

    def view(self, number: int) -> DraftView:
        """One draft. Raises DraftRefusedError where there is none."""
        return self._sight(self._get(number)).view

    def definitions(self, number: int) -> Definitions:
        """The definitions in force with a draft's changes in them."""
        return self._sight(self._get(number)).definitions

    def difference(self, wanted: Definitions) -> list[Change]:
        """What a whole set of definitions would change. Raises DefinitionsRefusedError."""
        compile_playbook(None, wanted)
        return difference(self.store.in_force(), wanted)

    def make(self, wanted: Definitions, actor: str, title: str = "", note: str = "") -> DraftView | None:
        """A draft of a whole set of definitions; None where nothing would change. Raises DefinitionsRefusedError."""
        base, content = self._content(wanted)
        if not content:
            return None
        return self.view(self.drafts.make(title, content, base, actor, note, _now_ms()))

    def revise(self, number: int, wanted: Definitions, actor: str, note: str = "") -> DraftView:
        """Other contents for a draft, against the playbook in force now; what decides reopens it, words do not. Raises DefinitionsRefusedError, DraftRefusedError."""
        sight = self._sight(self._open(number))
        base, content = self._content(wanted)
        after = with_changes(self.store.in_force(), content)
        words = all(one.words_only for one in difference(sight.definitions, after))
        self._told(lambda: self.drafts.revise(sight.draft, content, base, actor, note, _now_ms(), words=words))
        return self.view(number)

    def simulate(
        self,
        number: int,
        since_ms: int,
        until_ms: int,
        actor: str,
        *,
        customers_max: int = CUSTOMERS_MAX,
        on_progress: OnProgress | None = None,
    ) -> SimulationReport:
        """Try a draft on a past period, and keep the report with it. Raises DeploymentError, DraftRefusedError."""
        sight = self._sight(self._open(number))
        _refuse_if(sight, ("refused", "conflict"), "cannot be simulated")
        found = simulate(
            self.folder, sight.definitions, since_ms, until_ms, name=f"draft {number}", customers_max=customers_max, on_progress=on_progress
        )  # fmt: skip
        digest, before = report_digest(found), sight.report
        binding = sight.binding.digest(digest)
        if before is None or (before.report_digest, before.binding) != (digest, binding):
            self._add(sight, "simulated", actor, report=report_key(found), report_digest=digest, binding=binding)
        return found

    def submit(self, number: int, actor: str, note: str = "") -> DraftView:
        """Ask for approval of a draft as it is now, with its latest simulation. Raises DraftRefusedError."""
        sight = self._sight(self._open(number))
        if sight.view.state in ("submitted", "approved") and not sight.view.obstacles:
            return sight.view
        _refuse_if(sight, ("refused", "conflict", "report_old", "report_gone"), "cannot be submitted")
        self._add(
            sight, "submitted", actor, note, **self._bound(sight), evidence=evidence_text(sight.binding.definitions)
        )
        return self.view(number)

    def approve(
        self, number: int, actor: str, step: str | None = None, note: str = "", binding: str | None = None
    ) -> DraftView:
        """Give one step's approval, or all those still missing that the actor may give. With `binding`: only of what has this hash. Raises DraftRefusedError."""
        sight = self._sight(self._open(number))
        self._reopen_if_moved(sight)
        if sight.view.state != "submitted":
            raise DraftRefusedError(
                "not_submitted", f"draft {number} is `{sight.view.state}`; only what is submitted can be approved"
            )
        _refuse_if(sight, ("refused", "conflict"), "cannot be approved")
        if binding is not None and binding != sight.view.binding:
            raise DraftRefusedError("changed", f"draft {number} is no longer what was looked at; look at it again")
        if actor in sight.draft.authors:
            raise DraftRefusedError("own_draft", f"{actor} had a hand in draft {number}; somebody else approves it")
        missing = [one for one in sight.view.steps_needed if one.given_by is None and step in (None, one.step)]
        mine = [one for one in missing if not one.by or actor in one.by]
        if not mine:
            waiting = "; ".join(f"{one.step} by {' or '.join(one.by)}" for one in missing)
            raise DraftRefusedError(
                "not_yours", f"draft {number} needs no approval of {actor} {f'for `{step}`' if step else ''}".rstrip()
                + (f"; it waits for {waiting}" if waiting else "")
            )  # fmt: skip
        for one in mine:
            sight = self._sight(self._get(number))
            self._add(sight, "approved", actor, note, **self._bound(sight), step=one.step)
        return self.view(number)

    def reject(self, number: int, actor: str, note: str) -> DraftView:
        """Say no, with the reason; the authors may revise it. Raises DraftRefusedError."""
        sight = self._sight(self._open(number))
        if sight.view.state not in ("submitted", "approved"):
            raise DraftRefusedError("not_submitted", f"draft {number} is `{sight.view.state}`; only what is submitted can be rejected")  # fmt: skip
        if not note:
            raise DraftRefusedError("no_reason", "say why it is rejected")
        self._add(sight, "rejected", actor, note)
        return self.view(number)

    def withdraw(self, number: int, actor: str, note: str = "") -> DraftView:
        """End a draft for good. Raises DraftRefusedError."""
        self._add(self._sight(self._open(number)), "withdrawn", actor, note)
        return self.view(number)

    def ready(self, number: int) -> Ready:
        """What launching would put in force. Raises DraftRefusedError with everything that stands in the way, and reopens what has moved."""
        sight = self._sight(self._open(number))
        self._reopen_if_moved(sight)
        if sight.view.state == "rejected":
            raise DraftRefusedError("rejected", f"draft {number} was rejected; revise it, or withdraw it")
        if sight.view.obstacles:
            raise DraftRefusedError(
                sight.view.obstacles[0].code, f"draft {number} cannot be launched", sight.view.obstacles
            )
        return Ready(sight.draft, sight.in_force, sight.definitions)

    def launch(self, deployment: Deployment, number: int, actor: str) -> Publication:
        """Put a draft in force at the next fact. Raises DraftRefusedError and what publishing raises."""
        return self.launch_ready(deployment, self.ready(number), actor)

    def launch_ready(
        self, deployment: Deployment, ready: Ready, actor: str, prepared: Prepared | Publication | None = None
    ) -> Publication:
        """Like `launch`, of what was found ready (and `prepared`, where that was done ahead): refused where anything at all happened since."""
        if self._in_force() != ready.in_force or self.drafts.get(ready.draft.number).steps != ready.draft.steps:
            raise DraftRefusedError("changed", f"draft {ready.draft.number} or what is in force was changed meanwhile; launch it again")  # fmt: skip
        if prepared is None:
            done = put_definitions_in_force(deployment, ready.definitions, actor)
        else:
            done = prepared if isinstance(prepared, Publication) else put_in_force(deployment, prepared, actor)
        self._told(lambda: self.drafts.add(ready.draft, "launched", actor, "", _now_ms(), playbook=done.playbook))
        return done

    def record(self, title: str, content: Content, base: int, actor: str, note: str, playbook: int) -> None:
        """Put on record what was launched without approval, with who and why."""
        number = self.drafts.make(title, content, base, actor, note, _now_ms())
        draft = self.drafts.get(number)
        self._told(lambda: self.drafts.add(draft, "launched", actor, note, _now_ms(), playbook=playbook))

    def _content(self, wanted: Definitions) -> tuple[int, Content]:
        compile_playbook(None, wanted)
        return self._in_force(), changes_of(self.store.in_force(), wanted)

    def _in_force(self) -> int:
        published = self.store.published()
        return published[0] if published is not None else 0

    def _get(self, number: int) -> Draft:
        try:
            return self.drafts.get(number)
        except KeyError:
            raise DraftRefusedError("no_draft", f"there is no draft {number}; see them with: opportune drafts list") from None  # fmt: skip

    def _open(self, number: int) -> Draft:
        draft = self._get(number)
        if draft.state in CLOSED:
            raise DraftRefusedError("closed", f"draft {number} is {draft.state}; nothing more can be done with it")
        return draft

    def _bound(self, sight: _Sight) -> dict[str, Any]:
        report = sight.report
        return {
            "binding": sight.view.binding,
            "report": report.report if report is not None else None,
            "report_digest": report.report_digest if report is not None else None,
        }

    def _add(self, sight: _Sight, kind: Any, actor: str, note: str = "", **more: Any) -> None:
        self._told(lambda: self.drafts.add(sight.draft, kind, actor, note, _now_ms(), **more))

    def _told(self, write: Any) -> None:
        try:
            write()
        except DraftMovedError as error:
            raise DraftRefusedError("changed", str(error)) from error
        except ValueError as error:
            raise DraftRefusedError("too_much", str(error)) from error

    def _reopen_if_moved(self, sight: _Sight) -> None:
        found = tuple(one for one in sight.view.obstacles if one.code in ("moved", "report_changed", "report_gone"))
        if found and sight.draft.state == "submitted":
            self._add(sight, "reopened", HOUSE, "; ".join(one.text for one in found)[:1_000])
            raise DraftRefusedError(found[0].code, f"draft {sight.draft.number} is open again: what was approved is not what is there now; submit it again", found)  # fmt: skip

    def _sight(self, draft: Draft) -> _Sight:
        """All of a draft against what is in force now."""
        number, in_force = self._in_force(), self.store.in_force()
        content = self.drafts.content(draft.number, draft.revision)
        base = self.store.load(draft.base) if draft.base else Definitions()
        definitions = with_changes(in_force, content)
        changes = tuple(difference(in_force, definitions)) if draft.state not in CLOSED else ()
        obstacles = [*_refused(definitions), *_conflicts(draft, content, base, in_force)] if changes else []
        sound = not any(one.code == "refused" for one in obstacles)
        binding = binding_of(definitions, content, base) if sound else Binding((), (), frozenset())
        simulated = draft.last("simulated")
        report, problems = self._report(draft, simulated, binding) if changes and sound else (None, [])
        obstacles += problems
        digest = binding.digest(simulated.report_digest if simulated is not None else None)
        size = size_of(binding, definitions, report)
        scale = in_force.deployment.money_scale if in_force.deployment is not None else 2
        given = {step.step: step.actor for step in draft.approvals()}
        needed = tuple(
            msgspec.structs.replace(one, given_by=given.get(one.step))
            for one in (steps_needed(in_force.approval, binding, size, scale) if changes else ())
        )
        obstacles += self._unapproved(draft, needed, binding, definitions)
        state = "approved" if draft.state == "submitted" and not obstacles else draft.state
        view = DraftView(
            draft.number, draft.title, draft.author, draft.created_ms, state, draft.revision, draft.base, number, digest,
            simulated.report if simulated is not None else None, changes, binding.campaigns,
            size.contacts if report is not None else None, size.customers if report is not None else None,
            needed, tuple(obstacles), draft.steps,
        )  # fmt: skip
        return _Sight(draft, number, definitions, binding, simulated, view)

    def _report(
        self, draft: Draft, simulated: DraftStep | None, binding: Binding
    ) -> tuple[SimulationReport | None, list[Obstacle]]:
        """The simulation's report, and what is wrong with it."""
        if simulated is None or simulated.report is None:
            return None, []
        try:
            report = simulation_report(self.folder, simulated.report)
        except (DeploymentError, OSError, msgspec.MsgspecError) as error:
            return None, [_about("report_gone", f"the simulation {simulated.report} that was seen: {error}")]
        if report_digest(report) != simulated.report_digest:
            return report, [_about("report_changed", f"the report of simulation {simulated.report} is no longer what was seen")]  # fmt: skip
        if draft.state != "submitted" and binding.digest(simulated.report_digest) != simulated.binding:
            return report, [_about("report_old", "what the draft rests on has changed since it was simulated; simulate it again")]  # fmt: skip
        return report, []

    def _unapproved(
        self, draft: Draft, needed: tuple[StepNeeded, ...], binding: Binding, definitions: Definitions
    ) -> Iterator[Obstacle]:
        if draft.state in CLOSED or not needed:
            return
        if draft.state != "submitted":
            yield _about("not_submitted", f"it is `{draft.state}`, not submitted for approval")
            return
        submitted = draft.last("submitted")
        seen = self.drafts.evidence(submitted.number) if submitted is not None else ()
        for change in moved(seen, binding, definitions)[:WHATS_MOVED_MAX]:
            yield from _moved(change)
        for one in needed:
            if one.given_by is None:
                yield _about("approval_missing", f"the approval `{one.step}` is missing")


@contextmanager
def open_drafting(folder: Path) -> Iterator[Drafting]:
    """The drafts of a data folder, in use or not. Raises DeploymentError where it is none."""
    journal_of(folder)
    drafting = Drafting(folder)
    try:
        yield drafting
    finally:
        drafting.close()


def _refused(definitions: Definitions) -> Iterator[Obstacle]:
    """Every problem of the definitions with the draft in them."""
    problems: list[DefinitionProblem] = check_definitions(definitions)
    if not problems:
        try:
            compile_playbook(None, definitions)
        except DefinitionsRefusedError as error:
            problems = error.problems
    for one in problems:
        yield Obstacle("refused", one.family, one.name, one.path, one.text())


def _conflicts(draft: Draft, content: Content, base: Definitions, in_force: Definitions) -> Iterator[Obstacle]:
    """Definitions that somebody else has changed since the draft was made from them."""
    for family, name, wanted in content:
        was, now = base.of(family).get(name), in_force.of(family).get(name)
        if _same(family, was, now) or _same(family, wanted, now):
            continue
        text = f"{family} {name} was changed in force since the draft was made from playbook {draft.base}; revise the draft"
        yield Obstacle("conflict", family, name, "", text)


def _same(family: str, one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return fingerprint_of(family, one) == fingerprint_of(family, other)


def _moved(change: Change) -> Iterator[Obstacle]:
    place = f"{change.family} {change.name}"
    if change.kind != "changed":
        verb = "is referred to now, and was not" if change.kind == "added" else "is there no more, and was"
        yield Obstacle("moved", change.family, change.name, "", f"{place} {verb} when it was submitted")
    for field in change.fields:
        text = f"{place}, {field.path}: `{field.before}` when it was submitted, `{field.after}` now"
        yield Obstacle("moved", change.family, change.name, field.path, text)


def _about(code: str, text: str) -> Obstacle:
    return Obstacle(code, "", "", "", text)


def _refuse_if(sight: _Sight, codes: tuple[str, ...], verb: str) -> None:
    found = tuple(one for one in sight.view.obstacles if one.code in codes)
    if found:
        raise DraftRefusedError(found[0].code, f"draft {sight.draft.number} {verb}", found)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
