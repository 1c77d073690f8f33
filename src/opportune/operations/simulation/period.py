"""The past that a draft is tried on: where a period begins and ends in the journal, its texts, and the state at its beginning."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import msgspec
import numpy as np

from opportune.engine import CUSTOMERS_MAX, Engine, PlaybookBody, StateLayoutError, decode_body
from opportune.facts import Arrays, FactBatch, FactKind, Outputs, TextDictionary
from opportune.journal import Group, SnapshotStore
from opportune.operations.decisions import playbook_in
from opportune.operations.deployment import DeploymentError, OnProgress, journal_of, read_group
from opportune.operations.erasure import BASES, SIMULATIONS

BASES_KEPT = 3
"""States at the beginnings of periods, kept so that the next simulation of the same time begins at once."""


class Period(msgspec.Struct, frozen=True):
    """Facts first_seq .. end_seq-1: those met at an engine time from `since_ms` (included) to `until_ms` (excluded).

    `parted_seq` is the last fact up to the end by which a customer was parted in two, -1 without one. `texts` are all the dictionary knew by its end, `body` the playbook in force then; `customers` are all there were by then. `answers`:
    how many of its facts answer to a decision.
    """

    since_ms: int
    until_ms: int
    first_seq: int
    end_seq: int
    first_ms: int
    last_ms: int
    customers: int
    answers: int
    parted_seq: int
    texts: list[str]
    body: PlaybookBody

    @property
    def facts(self) -> int:
        """How many facts."""
        return self.end_seq - self.first_seq


def find_period(folder: Path, since_ms: int, until_ms: int, on_progress: OnProgress | None = None) -> Period:
    """Look the period up in the journal. Raises DeploymentError where nothing happened in it."""
    reader = journal_of(folder)
    dictionary, body = TextDictionary(), None
    first_seq = first_ms = -1
    end_seq = customers = answers = done = 0
    parted_seq = -1
    now_ms = last_ms = -(2**62)
    for group in reader.read(0):
        now = np.maximum(np.maximum.accumulate(group.arrays.get("now_ms", group.arrays["at_ms"])), now_ms)
        inside = int(np.searchsorted(now, until_ms))  # engine time never goes back
        begun = int(np.searchsorted(now, since_ms))
        if first_seq < 0 and begun < inside:
            first_seq, first_ms = group.first_seq + begun, int(now[begun])
        kinds = group.arrays["kind"][:inside]
        if len(kinds):
            end_seq, last_ms = group.first_seq + inside, int(now[inside - 1])
            for text in _texts_in(group):
                dictionary.intern(text)
            if FactKind.CUSTOMER in kinds:
                made = group.arrays["customer"][:inside][kinds == FactKind.CUSTOMER]
                customers = max(customers, int(made.max()) + 1)
            parted = np.flatnonzero(kinds == FactKind.UNMERGED)
            parted_seq = group.first_seq + int(parted[-1]) if len(parted) else parted_seq
            answers += int(np.isin(kinds[begun:], ANSWERING).sum()) if begun < inside else 0
            body = playbook_in(group) or body
        now_ms = int(now[-1])
        done += sum(array.nbytes for array in group.arrays.values())
        if on_progress is not None:
            on_progress("looking the period up", min(done, reader.bytes), reader.bytes)
        if inside < group.count:
            break
    if first_seq < 0 or body is None:
        raise DeploymentError("nothing happened in that time; see when facts came: opportune report")
    if first_seq < reader.whole_seq:
        raise DeploymentError(
            f"retention has dropped some of that time: everything is there from fact {reader.whole_seq:,} on; begin later"
        )
    return Period(
        since_ms, until_ms, first_seq, end_seq, first_ms, last_ms, customers, answers, parted_seq, dictionary.since(0), decode_body(body),
    )  # fmt: skip


ANSWERING = (FactKind.RECEIPT, FactKind.RESPONSE)
"""Facts that say what became of a decision."""


def _texts_in(group: Group) -> list[str]:
    if "texts" not in group.arrays:
        return []
    return FactBatch.from_arrays(
        {n: array for n, array in group.arrays.items() if not n.startswith(("extras", "bodies"))}
    ).texts


def engine_at(
    folder: Path, period: Period, customers_max: int = CUSTOMERS_MAX, on_progress: OnProgress | None = None
) -> Engine:
    """An engine as it was when the period began, which knows all of its texts already. Raises DeploymentError, JournalError."""
    bases = folder / SIMULATIONS / BASES
    kept = SnapshotStore(bases / str(period.first_seq), snapshots_kept=1)
    engine = _restored(folder, period, [kept, SnapshotStore(folder / "snapshots")], customers_max)
    begun = engine.next_seq
    for batch, _ in parts(folder, begun, period.first_seq):
        engine.process(batch)
        if on_progress is not None:
            on_progress("replaying up to the period", engine.next_seq - begun, period.first_seq - begun)
    if not kept.seqs and engine.next_seq:
        kept.write(engine.next_seq, state_arrays(engine))
        _drop_bases(bases)
    return engine


def state_arrays(engine: Engine) -> Arrays:
    """All that `engine_from` needs."""
    arrays = {f"engine/{name}": array for name, array in engine.to_arrays().items()}
    arrays["texts"] = np.frombuffer(msgspec.msgpack.encode(engine.dictionary.since(0)), np.uint8)
    arrays["playbook"] = np.frombuffer(engine.playbook.body().encode(), np.uint8)
    return arrays


def engine_from(folder: Path, arrays: Arrays, texts: list[str], customers_max: int) -> Engine:
    """The engine of `state_arrays` (or of a snapshot); it knows `texts`, which begin with those it knew then. Raises StateLayoutError."""
    engine = Engine(TextDictionary(texts), customers_max=customers_max, history=lambda seq: parts(folder, 0, seq))
    held = {name.removeprefix("engine/"): array for name, array in arrays.items() if name.startswith("engine/")}
    engine.load_arrays(arrays["playbook"].tobytes(), held)
    return engine


def _restored(folder: Path, period: Period, stores: list[SnapshotStore], customers_max: int) -> Engine:
    for store in stores:
        snapshot = store.latest(period.first_seq)
        if snapshot is not None:
            try:
                return engine_from(folder, snapshot.arrays, period.texts, customers_max)
            except StateLayoutError:
                continue  # of an older version: the journal is folded from its beginning
    whole = journal_of(folder).whole_seq
    if whole:
        raise DeploymentError(
            f"no snapshot is left from before that time, and retention has dropped facts before {whole:,}: begin later"
        )
    return Engine(TextDictionary(period.texts), customers_max=customers_max, history=lambda seq: parts(folder, 0, seq))


def parts(folder: Path, from_seq: int, end_seq: int) -> Iterator[tuple[FactBatch, Outputs]]:
    """Facts from_seq .. end_seq-1 with what the engine made of them, group by group, the first and the last cut where need be."""
    if from_seq >= end_seq:
        return
    for group in takewhile(lambda one: one.first_seq < end_seq, journal_of(folder).read(from_seq)):
        batch, outputs = read_group(group)
        start, end = max(from_seq - group.first_seq, 0), min(end_seq - group.first_seq, group.count)
        if start > 0 or end < group.count:
            batch, outputs = cut(batch, start, end), _within(group, outputs, start, end)
        yield batch, outputs


def cut(batch: FactBatch, start: int, end: int) -> FactBatch:
    """The facts start .. end-1 of a batch, as views; texts and bodies stay whole."""
    return FactBatch(
        batch.kind[start:end], batch.code[start:end], batch.customer[start:end], batch.at_ms[start:end],
        batch.now_ms[start:end], batch.first[start : end + 1], batch.values, batch.message[start:end],
        batch.content[start:end], batch.texts, batch.bodies,
    )  # fmt: skip


def _within(group: Group, outputs: Outputs, start: int, end: int) -> Outputs:
    first, last = group.first_seq + start, group.first_seq + end
    arrays = outputs.to_arrays()
    return Outputs.from_arrays(
        {name: rows[(rows["seq"] >= first) & (rows["seq"] < last)] for name, rows in arrays.items()}
    )


def _drop_bases(bases: Path) -> None:
    ordered = sorted((place for place in bases.iterdir() if place.is_dir()), key=lambda place: place.stat().st_mtime)
    for place in ordered[:-BASES_KEPT]:
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
