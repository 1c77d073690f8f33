"""Ask: what would a draft have done? The whole portfolio with the draft in it, over the real facts of a past period; nothing is changed.

Production, explain and this call the same kernel entry. Without a draft the period is run as it was, and proved: what comes out is
compared with what was journaled, byte for byte.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from opportune.engine import GROUP_ROOT, Engine, Playbook, members_of, numbers_of
from opportune.facts import (
    DECISION,
    MS_PER_HOUR,
    Arm,
    Arrays,
    FactBatch,
    GoalKind,
    Kind,
    Outputs,
    Persons,
)
from opportune.journal import SnapshotStore
from opportune.operations.clicks import EVENT as CLICK_EVENT
from opportune.operations.deployment import OnProgress
from opportune.operations.publish import compile_with
from opportune.operations.replay import same_outputs
from opportune.operations.simulation.contacts_then import JOINING, Answers, LeftOut
from opportune.operations.simulation.displaced import Displaced
from opportune.operations.simulation.period import Period, cut, engine_at, engine_from, parts, state_arrays
from opportune.operations.simulation.tally import Sizes, Tally
from opportune.store import Definitions

CHECKPOINT_FACTS = 20_000_000
"""A simulation that is cut short goes on from the last multiple of so many facts."""


class Progress(msgspec.Struct):
    """What a checkpoint says beside the arrays."""

    end_seq: int
    equal: bool
    differs_at: int | None
    left_out: LeftOut
    last: list[tuple[int, int]]
    displaced: bytes
    seconds: float
    first_decision: int


class Comparison:
    """A simulation under way: both sides' sums, and all that it needs to go on."""

    def __init__(self, folder: Path, period: Period, draft: Definitions | None, customers_max: int) -> None:
        self.folder, self.period, self.customers_max = folder, period, customers_max
        self.draft = draft
        self.engine: Engine
        self.answers: Answers
        self._done: list[tuple[FactBatch, Outputs]] = []
        """What the draft met and made, kept until the last parting: both sides of it are derived from that again."""
        self.equal = True
        self.differs_at: int | None = None
        self.seconds = 0.0

    def begin(self, on_progress: OnProgress | None) -> None:
        """At the period's first fact, the draft in force."""
        self.engine = engine_at(self.folder, self.period, self.customers_max, on_progress)
        first_decision = self.engine.counts["decisions"]
        if self.draft is not None:
            playbook = self._compiled(self.engine)
            self.engine.prepare(playbook)
            self.engine.publish(playbook.body().encode())
            if self._keeps():
                self._derive_from_the_draft()
        self._set_up(first_decision)

    def _keeps(self) -> bool:
        """Whether a parting is still to come, for which a draft needs its own history."""
        return self.draft is not None and self.engine.next_seq <= self.period.parted_seq

    def _derive_from_the_draft(self) -> None:
        """A parting reads what the draft met and made. Which caps its contacts count for is said by the playbook before it: no fact published the draft."""
        folder, first_seq, done = self.folder, self.period.first_seq, self._done

        def history(_before: int) -> Iterator[tuple[FactBatch, Outputs]]:
            yield from parts(folder, 0, first_seq)
            yield from done

        self.engine.history = history

    def _compiled(self, engine: Engine) -> Playbook:
        assert self.draft is not None
        body = self.period.body
        return compile_with(self.draft, numbers_of(body), engine.dictionary, body.version + 1)

    def _set_up(self, first_decision: int) -> None:
        period, known = self.period, self.period.body.numbers
        names = self.engine.playbook.numbering.names
        count = {family: max(len(known[family]), len(names[family])) for family in ("campaign", "touchpoint")}
        first_hour = period.first_ms // MS_PER_HOUR
        hours = min(period.last_ms // MS_PER_HOUR - first_hour + 1, 24 * 400)
        sizes = Sizes(count["campaign"], count["touchpoint"], period.customers, first_hour, hours)
        self.then, self.now = Tally(sizes), Tally(sizes)
        self.answers = Answers(first_decision, self._clicks(), self._persons())
        self.displaced = Displaced()
        self.goals_kept = np.zeros(sizes.campaigns, np.int64)
        self.goals_lost = np.zeros(sizes.campaigns, np.int64)

    def _persons(self) -> Persons:
        """Whose numbers are one person when the period begins, or where a simulation goes on."""
        persons, merged = Persons(), self.engine.memory.arrays["merged"][: self.engine.customers]
        for root in np.unique(merged[:, GROUP_ROOT]).tolist():
            if root:
                persons.put(members_of(merged, root - 1))
        return persons

    def _clicks(self) -> tuple[int, int, dict[int, int]] | None:
        body = self.period.body
        event = body.definitions.events.get(CLICK_EVENT)
        if event is None or CLICK_EVENT not in body.numbers["event"] or "campaign" not in event.properties:
            return None
        if event.properties["campaign"].type is not Kind.TEXT:
            return None
        codes = {self.engine.dictionary.code(name): at for at, name in enumerate(body.numbers["campaign"])}
        place = list(event.properties).index("campaign")
        return body.numbers["event"].index(CLICK_EVENT), place, codes

    def run(self, checkpoints: SnapshotStore | None, on_progress: OnProgress | None) -> None:
        """Go through the period to its end, from where it is."""
        begun, period = time.monotonic(), self.period
        mark = self.engine.next_seq + CHECKPOINT_FACTS
        for batch, then in parts(self.folder, self.engine.next_seq, period.end_seq):
            if self.draft is None:
                self._as_it_was(batch, then)
            else:
                self._with_draft(batch, then)
            if on_progress is not None:
                on_progress("simulating", self.engine.next_seq - period.first_seq, period.facts)
            if not self._keeps():
                self._done.clear()
            if checkpoints is not None and self.engine.next_seq >= mark and not self._keeps():
                self.seconds += time.monotonic() - begun
                begun = time.monotonic()
                self._save(checkpoints)
                mark = self.engine.next_seq + CHECKPOINT_FACTS
        for tally in (self.then, self.now):
            tally.join(self.answers.persons)
        self.seconds += time.monotonic() - begun

    def _as_it_was(self, batch: FactBatch, then: Outputs) -> None:
        first = self.engine.next_seq
        now = self.engine.process(batch)
        if self.equal and not same_outputs(now, then):
            self.equal, self.differs_at = False, first
        for at in np.flatnonzero(np.isin(batch.kind, JOINING)).tolist():
            self.answers.note_persons(cut(batch, at, at + 1))
        self.answers.match(then.decisions, now.decisions)
        self._count(then, now)

    def _with_draft(self, batch: FactBatch, then: Outputs) -> None:
        engine, answers, made = self.engine, self.answers, []
        seqs = then.decisions["seq"]
        bounds = [0, *answers.turns(batch, then.decisions), len(batch)]
        for start, end in itertools.pairwise(bounds):
            if start < end:
                part = batch if end - start == len(batch) else cut(batch, start, end)
                first = engine.next_seq
                answers.note_persons(part)
                meant = answers.rewritten(part)
                outputs = engine.process(meant)
                if self._keeps():
                    self._done.append((meant, outputs))
                answers.note_contacts(part)
                within = (seqs >= first) & (seqs < engine.next_seq)
                answers.match(then.decisions[within], outputs.decisions)
                made.append(outputs)
        now = made[0] if len(made) == 1 else Outputs.concatenate(made)
        supposed = answers.supposed(then, now, engine.now_ms)
        while len(supposed):
            shown = engine.suppose(supposed)
            answers.match(np.empty(0, DECISION), shown.decisions)
            supposed = answers.supposed(_NOTHING, shown, engine.now_ms)
            now = Outputs.concatenate([now, shown])
        self._count(then, now)

    def _count(self, then: Outputs, now: Outputs) -> None:
        a = self.answers
        self.then.add(then, a.then.propensities)
        self.now.add(now, a.now.propensities)
        many_then, many_now = len(then.decisions), len(now.decisions)
        if many_then or many_now:
            kept = a.then.same[a.then.many - many_then :]
            known = a.now.same[a.now.many - many_now :]
            self.displaced.add(then.decisions, kept, now.decisions, known)
        goals = then.goals[(then.goals["kind"] == GoalKind.REACHED) & (then.goals["arm"] == Arm.TREATED)]
        if len(goals):
            same = a.then.made_too(goals, a.persons)
            np.add.at(self.goals_kept, goals["campaign"][same], 1)
            np.add.at(self.goals_lost, goals["campaign"][~same], 1)

    def _save(self, store: SnapshotStore) -> None:
        a = self.answers
        arrays: Arrays = state_arrays(self.engine)
        for side, tally in (("then", self.then), ("now", self.now)):
            arrays |= {f"{side}/{name}": array for name, array in tally.to_arrays().items()}
        for side, decided in (("then", a.then), ("now", a.now)):
            arrays[f"{side}_decided"], arrays[f"{side}_other"] = decided.all, decided.other[: decided.many]
        arrays["goals_kept"], arrays["goals_lost"] = self.goals_kept, self.goals_lost
        told = Progress(
            self.engine.next_seq, self.equal, self.differs_at, a.left_out, list(a.last.items()), self.displaced.encode(),
            self.seconds, a.then.first,
        )  # fmt: skip
        store.write(self.engine.next_seq, arrays, msgspec.msgpack.encode(told))

    def go_on(self, store: SnapshotStore) -> bool:
        """Take up the last checkpoint; False where there is none."""
        snapshot = store.latest()
        if snapshot is None:
            return False
        told = msgspec.msgpack.decode(snapshot.meta, type=Progress)
        arrays = snapshot.arrays
        texts = msgspec.msgpack.decode(arrays["texts"].tobytes(), type=list[str])
        self.engine = engine_from(self.folder, arrays, texts, self.customers_max)
        self._set_up(told.first_decision)
        self.equal, self.differs_at, self.seconds = told.equal, told.differs_at, told.seconds
        for side, tally in (("then", self.then), ("now", self.now)):
            tally.load_arrays({n.removeprefix(f"{side}/"): x for n, x in arrays.items() if n.startswith(f"{side}/")})
        a = self.answers
        for side, decided in (("then", a.then), ("now", a.now)):
            decided.add(arrays[f"{side}_decided"])
            decided.other[: decided.many] = arrays[f"{side}_other"]
        a.left_out, a.last = told.left_out, dict(told.last)
        self.displaced = Displaced.decode(told.displaced)
        self.goals_kept[:], self.goals_lost[:] = arrays["goals_kept"], arrays["goals_lost"]
        return True


_NOTHING = Outputs.from_arrays({})
