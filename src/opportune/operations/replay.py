"""Ask: replay a data folder from its first fact, and compare what comes out with what was journaled, byte for byte.

Facts that the journal has let go of are read out of the warehouse. Where retention has dropped some of those too, the proof begins at the
oldest snapshot after which everything is still there.
"""

import time
from itertools import takewhile
from pathlib import Path

import msgspec

from opportune.engine import CUSTOMERS_MAX, Engine, StateLayoutError
from opportune.facts import TextDictionary
from opportune.journal import SnapshotStore
from opportune.operations.deployment import DeploymentError, OnProgress, journal_of, read_group


class Replayed(msgspec.Struct, frozen=True):
    """What a replay found. `differs_at` is the first fact of the first group whose outputs differ, None where none does.

    `from_seq` is the first fact that was decided again; 0 unless retention has dropped facts before it.
    """

    facts: int
    groups: int
    decisions: int
    goals: int
    seconds: float
    equal: bool
    differs_at: int | None
    from_seq: int = 0


def replay(folder: Path, *, customers_max: int = CUSTOMERS_MAX, on_progress: OnProgress | None = None) -> Replayed:
    """Run all facts of a data folder through a fresh engine. Reads beside a writer; writes nothing.

    Raises DeploymentError where retention has dropped facts, and there is no snapshot after them.
    """
    reader = journal_of(folder)
    begun = time.monotonic()
    whole_seq = reader.whole_seq
    engine = _restored(folder, whole_seq, customers_max) if whole_seq else Engine(customers_max=customers_max)
    engine.history = lambda seq: map(
        read_group, takewhile(lambda group: group.first_seq < seq, journal_of(folder).read())
    )
    engine.history_is_whole = not whole_seq
    from_seq = engine.next_seq
    groups = decisions = goals = 0
    differs_at: int | None = None
    total = reader.bytes
    done = 0
    for group in reader.read(from_seq):
        batch, journaled = read_group(group)
        outputs = engine.process(batch)
        groups += 1
        decisions += len(outputs.decisions)
        goals += len(outputs.goals)
        done += sum(array.nbytes for array in group.arrays.values())
        if differs_at is None and not same_outputs(outputs, journaled):
            differs_at = group.first_seq
        if on_progress is not None:
            on_progress("replaying the journal", min(done, total), total)
    seconds = time.monotonic() - begun
    facts = engine.next_seq - from_seq
    return Replayed(facts, groups, decisions, goals, seconds, differs_at is None, differs_at, from_seq)


def _restored(folder: Path, whole_seq: int, customers_max: int) -> Engine:
    """An engine as the oldest snapshot from `whole_seq` on has it. Raises DeploymentError where there is none."""
    store = SnapshotStore(folder / "snapshots")
    for seq in store.seqs:
        snapshot = store.latest(seq) if seq >= whole_seq else None
        if snapshot is None or snapshot.seq != seq:
            continue
        texts = msgspec.msgpack.decode(snapshot.arrays["texts"].tobytes(), type=list[str])
        engine = Engine(TextDictionary(texts), customers_max=customers_max)
        state = {
            name.removeprefix("engine/"): array for name, array in snapshot.arrays.items() if name.startswith("engine/")
        }
        try:
            engine.load_arrays(snapshot.arrays["playbook"].tobytes(), state)
        except StateLayoutError:
            continue
        return engine
    raise DeploymentError(
        f"{folder}: retention has dropped facts before {whole_seq:,}, and no snapshot was written since that could be replayed from; "
        "open and close the folder once, and replay what comes after"
    )


def same_outputs(one: object, other: object) -> bool:
    """Whether two Outputs are the same bytes."""
    names = ("decisions", "goals", "withheld", "limits", "moves", "derived")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)
