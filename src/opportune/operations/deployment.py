"""A deployment: one data folder, opened. Start and recovery are one path: the latest snapshot, then the journal's rest.

<folder>/key         secrets for keyed hashes and seals (and the seed of a demonstration), mode 0600; see `folder_key`
<folder>/journal/    the truth: facts and what the engine made of them
<folder>/snapshots/  shortcuts to a start
<folder>/store.db    definitions; <folder>/people.db  people and the quarantine
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine import CUSTOMERS_MAX, Engine, Playbook, StateLayoutError
from opportune.facts import (
    FORGOTTEN_EVERYWHERE,
    FORGOTTEN_FROM_HERE,
    NOBODY,
    Arrays,
    BatchBuilder,
    Catalogue,
    FactBatch,
    FactKind,
    Outputs,
    TextDictionary,
)  # fmt: skip
from opportune.intake import (
    Clock,
    ColumnDecoder,
    Decoder,
    IdentityIndex,
    RepeatFilter,
    hash_identifier,
    is_lenient,
    key_words,
)
from opportune.journal import (
    SEGMENT_BYTES_MAX,
    Commit,
    Group,
    Journal,
    JournalError,
    OnFault,
    SnapshotStore,
)
from opportune.operations.accounting import Accounting
from opportune.operations.erasure import Erased, erase_facts, erase_texts
from opportune.operations.folder_key import KEY_FILE, create_key, read_key
from opportune.operations.folder_key import DeploymentError as DeploymentError
from opportune.operations.kept_facts import KeptFacts
from opportune.store import DefinitionStore, People, seal_clear_rows

OnProgress = Callable[[str, int, int], None]
"""(what is being done, done, in all), for a progress bar."""

LINKS_UNSETTLED_MAX = 10_000
LEARNT_AT_ONCE = 100_000
DESCRIPTORS_KEPT, DESCRIPTORS_MAX = 3, 65_536
ASIDE_NICENESS = 10
FOLDING_MAX = 2
"""Batches that may wait for the engine while the next one is decoded."""
FOLDED_AT_ONCE_MAX = 1_000
"""A batch of so few facts is folded sooner than another thread wakes up."""

Folded = tuple[Outputs, Commit]
"""What the engine made of a batch, and the promise that both are durable."""
Folding = Future[Folded]
"""The engine is at it."""


def create_deployment(folder: Path, *, seed: str | None = None) -> None:
    """Make a data folder. With `seed` the key follows from it, so that the same events give the same decisions again.

    Raises DeploymentError where the folder is in use already.
    """
    path = folder / KEY_FILE
    if path.exists():
        raise DeploymentError(f"{folder} is a data folder already; choose another, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    create_key(folder, seed)


def read_group(group: Group) -> tuple[FactBatch, Outputs]:
    """The facts of a journal group and what the engine made of them."""
    return FactBatch.from_arrays(group.arrays), Outputs.from_arrays(group.arrays)


def journal_of(folder: Path) -> KeptFacts:
    """A reader of a data folder's facts, beside a writer if there is one. Raises DeploymentError where there is none."""
    if not (folder / KEY_FILE).exists():
        raise DeploymentError(f"{folder} is no data folder; make one with `opportune init {folder}`")
    (folder / "journal").mkdir(exist_ok=True)
    return KeptFacts(folder)


class Deployment:
    """An open data folder: the one writer of its journal, with the engine brought up to date."""

    def __init__(
        self,
        folder: Path,
        customers_max: int,
        on_progress: OnProgress | None,
        on_fault: OnFault | None,
        segment_bytes_max: int,
    ) -> None:
        """Use `open_deployment`."""
        self.folder = folder
        keys = read_key(folder)
        self.secrets = keys.secrets()
        self.key = self.secrets.hashing
        self.seed = keys.seed.encode() if keys.seed is not None else None
        self.forgetting: set[int] = set()
        """Customers who are forgotten, but of whom something may still lie in the folder."""
        self.accounting = Accounting()
        self.dictionary = TextDictionary()
        self.identity = IdentityIndex(customers_max)
        self.repeats = RepeatFilter()
        self.engine = Engine(self.dictionary, customers_max=customers_max, history=self.history)
        self._customers_max = customers_max
        self._last: Commit | None = None
        self._journaled_texts = 0
        self._playbook_at: tuple[int, int] | None = None
        self._lenient: tuple[int, frozenset[str]] = (0, frozenset())
        self._parted: BaseException | None = None
        self._links_unsettled = 0
        self._identifiers_dropped = False
        self._folding: deque[Folding] = deque()
        self._fold_lock = threading.Lock()
        self.replayed = 0
        """Facts replayed after the snapshot when it was opened."""
        with ExitStack() as opened:  # what fails to start lets go of the folder again
            self.journal = Journal.open(folder / "journal", on_fault=on_fault, segment_bytes_max=segment_bytes_max)
            opened.callback(self.journal.close)
            self.snapshots = SnapshotStore(folder / "snapshots", bytes_per_second_max=None, on_fault=on_fault)
            self.store = DefinitionStore(folder)
            opened.callback(self.store.close)
            self.people = People(folder, self.secrets)
            opened.callback(self.people.close)
            seal_clear_rows(self.people, on_progress)
            self._start(on_progress)
            self._known_customers = self.engine.customers
            self._fold_thread = ThreadPoolExecutor(1, thread_name_prefix="fold")
            opened.pop_all()

    @property
    def playbook(self) -> Playbook:
        """The playbook in force."""
        return self.engine.playbook

    @property
    def is_sound(self) -> bool:
        """Whether it takes in facts; once memory and journal have parted it does not, until it is opened again."""
        return self._parted is None

    @property
    def catalogue(self) -> Catalogue:
        """What messages may say under the playbook in force."""
        return self.engine.playbook.catalogue

    def decoder(self, source: str, clock: Clock, *, lenient: bool | None = None) -> Decoder:
        """A decoder of one source's messages into facts of this deployment; `lenient` as its definition in force says, unless it is given."""
        return ColumnDecoder(
            self.catalogue, self.dictionary, self.identity, self.repeats,
            key=self.key, source=source, clock=clock, seed=self.seed,
            lenient=self.is_lenient(source) if lenient is None else lenient,
        )  # fmt: skip

    def is_lenient(self, source: str) -> bool:
        """Whether the definitions in force let a source say what the catalogue does not know."""
        version = self.playbook.version
        if self._lenient[0] != version:
            known = self.store.load(version, "source").sources if 0 < version <= self.store.latest() else {}
            self._lenient = version, frozenset(name for name, document in known.items() if is_lenient(document))
        return source in self._lenient[1]

    def history(self, before_seq: int) -> Iterator[tuple[FactBatch, Outputs]]:
        """All facts before a number, with their outputs, oldest first."""
        self._wait()  # what is still on its way to the disk is history too
        for group in KeptFacts(self.folder).read():
            if group.first_seq >= before_seq:
                return
            yield read_group(group)

    def note_history(self) -> None:
        """Tell the engine whether all history is still there; before a playbook comes into force. Raises WarehouseError."""
        self.engine.history_is_whole = KeptFacts(self.folder).whole_seq == 0

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around whatever changes memory on the way to the journal. If it does not get there, memory and journal have parted.

        Message ids would then be known that are nowhere kept, and their repetition would be dropped. So from the first failure on
        nothing is taken in and no snapshot written until the folder is opened again. Raises DeploymentError, JournalError.
        """
        if self._parted is not None:
            raise DeploymentError(
                f"{self.folder} takes in nothing more until it is opened again, because this failed: {self._parted}"
            ) from self._parted
        try:
            yield
        except (DeploymentError, JournalError) as error:
            self._parted = error
            raise
        except Exception as error:
            self._parted = error
            raise DeploymentError(
                f"{self.folder}: {error}; what was not acknowledged is not taken in: mend this, open the folder again and send it again"
            ) from error
        except BaseException as error:
            self._parted = error
            raise

    def commit(self, batch: FactBatch, received_ms: int) -> Folded:
        """Fold a batch, and append it to the journal with its outputs in one group. Acknowledge only when the commit is done.

        Raises DeploymentError and JournalError, after which the folder must be opened again.
        """
        return self.submit(batch, received_ms).result()

    def submit(self, batch: FactBatch, received_ms: int) -> Folding:
        """Like `commit`, in a thread of its own, in the order of the calls: the next batch can be decoded meanwhile.

        A small batch that nothing is ahead of is folded here and now. What the group says of texts and of the accounting is taken down now. Whoever reads the engine calls `settle` first.
        """
        if not len(batch):  # what was refused or repeated is news too
            batch = self._progress()
        with self.changing():
            while len(self._folding) > FOLDING_MAX:
                self._folding.popleft().result()
            batch.texts = self.dictionary.since(self._journaled_texts)
            self._journaled_texts += len(batch.texts)
            self._known_customers = self.identity.customers
            accounting = np.frombuffer(self.accounting.encode(), np.uint8)
            folding = Folding()
            at_once = len(batch) <= FOLDED_AT_ONCE_MAX and all(ahead.done() for ahead in self._folding)
            if at_once and self._fold_lock.acquire(
                blocking=False
            ):  # else what follows from the last one is still being told
                self._fold_lock.release()
                self._fold_into(folding, batch, received_ms, accounting)
            else:
                self._fold_thread.submit(self._fold_into, folding, batch, received_ms, accounting)
            self._folding.append(folding)
            return folding

    def _fold_into(self, folding: Folding, batch: FactBatch, received_ms: int, accounting: NDArray[np.uint8]) -> None:
        """Fold, and call whoever waits for it, before anything else is folded."""
        with self._fold_lock:
            try:
                folded = self._fold(batch, received_ms, accounting)
            except BaseException as error:
                folding.set_exception(error)
            else:
                folding.set_result(folded)

    def _fold(self, batch: FactBatch, received_ms: int, accounting: NDArray[np.uint8]) -> Folded:
        with self.changing():
            first_seq = self.engine.next_seq
            outputs = self.engine.process(batch)
            arrays = batch.to_arrays() | outputs.to_arrays()
            arrays["accounting"] = accounting
            self._last = self.journal.append(Group(first_seq, len(batch), received_ms, arrays))
            return outputs, self._last

    def settle(self) -> None:
        """Return once the engine has folded all that was submitted. Raises what the folding raised."""
        while self._folding:
            self._folding.popleft().result()

    def commit_progress(self) -> Folded:
        """Journal the accounting alone, with a fact of its own."""
        return self.commit(self._progress(), self.engine.now_ms)

    def _progress(self) -> FactBatch:
        self.settle()
        builder = BatchBuilder()
        builder.add(FactKind.PROGRESS, 0, NOBODY, self.engine.now_ms, self.engine.now_ms)
        return builder.build()

    def flush(self) -> None:
        """Return once everything submitted so far is on disk. Raises JournalFailed where the disk refused it."""
        self.settle()
        self._wait()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.wait()

    def remember(
        self,
        identifiers: list[tuple[int, str, str]],
        personal: list[tuple[int, str, str]],
        merged: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Keep clear text, and who was merged, before the journal knows of it, in a way that a start can take back what the journal never got."""
        # New customers can be taken back by their numbers; what links to an old one is noted.
        links = [(kind, text) for customer, kind, text in identifiers if customer < self._known_customers]
        if links and self._links_unsettled >= LINKS_UNSETTLED_MAX:
            self.flush()
            self._settle_links()
        groups = {self.identity.root(survivor): self.identity.members(survivor) for survivor, _ in merged}
        self.people.remember(identifiers, personal, links, groups.values())
        self._links_unsettled += len(links)

    # Forgetting: decision 0002. Whoever serves takes the same steps, with the door's thread between them.

    def begin_forgetting(self, customer: int) -> FactBatch:
        """The facts that a customer is forgotten from here on, one for each of her numbers, to be committed before anything else; her identifiers
        mean nobody now.

        Empty where she was forgotten before. For the thread that takes in. Raises DeploymentError for a number that nobody has.
        """
        self.settle()
        builder = BatchBuilder()
        if not 0 <= customer < self.engine.customers:
            raise DeploymentError(f"there is no customer #{customer}; there are {self.engine.customers:,}, from #0 on")
        if not len(self.engine.forgotten(customer, 1)):
            self.identity.forget(customer)
            for number in self.identity.members(customer):
                self.forgetting.add(number)
                builder.add(FactKind.FORGOTTEN, FORGOTTEN_FROM_HERE, number, self.engine.now_ms, self.engine.now_ms)
        return builder.build()

    def erase(self, customer: int | None, texts: Iterable[str] = (), on_step: OnProgress | None = None) -> Erased:
        """Erase what lies outside of the engine of a customer who is forgotten (None: of nobody known), found by her texts and by `texts`.

        Repeating it changes nothing. Raises StoreFailedError, TimeoutError, JournalError, WarehouseError, OSError.
        """
        numbers = [] if customer is None else self.identity.members(customer)
        erased = erase_texts(self.folder, self.secrets, self.people, numbers, texts)
        if not numbers:
            return erased
        moved = not set(self.identity.parted).isdisjoint(numbers)
        facts, rows = erase_facts(self.folder, self.journal, numbers, moved=moved, on_step=on_step)
        return msgspec.structs.replace(erased, facts=facts, warehouse_rows=rows)

    def end_forgetting(self, customer: int, facts: int) -> FactBatch:
        """The facts that nothing leads to a customer any more, by any of her numbers; empty where that was said before. For the thread that takes in."""
        self.settle()
        builder, now_ms = BatchBuilder(), self.engine.now_ms
        for number in self.identity.members(customer):
            if number in self.forgetting:
                self.forgetting.discard(number)
                builder.add(FactKind.FORGOTTEN, FORGOTTEN_EVERYWHERE, number, now_ms, now_ms, (facts,))
        return builder.build()

    def forget(self, customer: int, texts: Iterable[str] = (), on_step: OnProgress | None = None) -> Erased:
        """Forget a customer, from the engine to the last file; durable when it returns. Repeating it finishes what was left.

        Raises DeploymentError, JournalError, StoreFailedError, TimeoutError, WarehouseError, OSError.
        """
        begun = self.begin_forgetting(customer)
        if len(begun):
            self.commit(begun, time.time_ns() // 1_000_000)
        self.flush()
        if customer not in self.forgetting:
            return self.erase(None, texts)
        if not self.snapshots.seqs or self.snapshots.seqs[-1] < self.engine.next_seq:
            self.snapshot()
        self.snapshots.drop_before(self.engine.next_seq)
        erased = self.erase(customer, texts, on_step)
        self.commit(self.end_forgetting(customer, erased.facts), time.time_ns() // 1_000_000)
        self.flush()
        return erased

    def settle_quietly(self) -> None:
        """Like `settle`, where the askers were told of what failed already."""
        while self._folding:
            self._folding.popleft().exception()
        self._fold_thread.submit(int).result()  # what was to be called after each of them has been called too

    def snapshot(self) -> None:
        """Write a snapshot of the state as it is, once all of it is durable. Raises JournalFailed, DeploymentError, OSError."""
        with self.changing():
            self.flush()
        self._write_snapshot(self.snapshots)

    def snapshot_aside(self) -> int:
        """Write a snapshot in a process of its own, which is forked with the memory as it is now; its number, to be waited for.

        The pause is that of the fork: the pages are shared until one side changes them (as much again in memory, at worst).
        Raises JournalFailed, DeploymentError, OSError where no process can be made.
        """
        with self.changing():
            self.flush()
        child = os.fork()
        if child:
            return child
        status = 1
        try:  # other threads are gone here, and whatever they held: only new things may be used
            os.closerange(DESCRIPTORS_KEPT, DESCRIPTORS_MAX)
            os.nice(ASIDE_NICENESS)
            self._write_snapshot(SnapshotStore(self.folder / "snapshots"))
            status = 0
        finally:
            os._exit(status)

    def _write_snapshot(self, snapshots: SnapshotStore) -> None:
        arrays: Arrays = {}
        for room, found in (
            ("engine", self.engine.to_arrays()),
            ("identity", self.identity.to_arrays()),
            ("repeats", self.repeats.to_arrays()),
        ):
            arrays |= {f"{room}/{name}": array for name, array in found.items()}
        # A playbook that was refused leaves texts behind that the journal does not have yet: the next group will.
        texts = msgspec.msgpack.encode(self.dictionary.since(0)[: self._journaled_texts])
        arrays["texts"] = np.frombuffer(texts, np.uint8)
        arrays["playbook"] = np.frombuffer(self.playbook.body().encode(), np.uint8)
        arrays["forgetting"] = np.array(sorted(self.forgetting), np.uint32)
        snapshots.write(self.engine.next_seq, arrays, self.accounting.encode())

    def close(self, *, snapshot: bool = True) -> None:
        """Commit what is queued, write a snapshot if facts came since the last, and let go of the folder."""
        try:
            if self._parted is None:
                self.settle()
            self._wait()
            whole = [seq for seq in self.snapshots.seqs if seq not in self.snapshots.skipped]
            if snapshot and self._parted is None and self.engine.next_seq > max(whole, default=0):
                self.snapshot()
        finally:
            self._fold_thread.shutdown()
            self.journal.close()
            self.store.close()
            self.people.close()

    def __enter__(self) -> "Deployment":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(snapshot=kind is None)

    def _start(self, on_progress: OnProgress | None) -> None:
        self.snapshots.drop_after(self.journal.next_seq)
        start = self._restore_latest()
        self.note_history()
        if start < (whole := KeptFacts(self.folder).whole_seq):
            raise DeploymentError(
                f"{self.folder}: retention has dropped facts before {whole:,}, and no snapshot taken since can be read "
                f"({'; '.join(self.snapshots.skipped.values()) or 'there is none'}); open it with the release that wrote them, or restore a backup"
            )
        total, dropped = self.journal.next_seq - start, self.journal.first_seq
        for group in KeptFacts(self.folder, self.journal.read).read(start):
            self._replay(group, start, dropped)
            if on_progress is not None:
                on_progress("replaying the journal", group.end_seq - start, total)
        self.replayed = total
        self._journaled_texts = len(self.dictionary)
        self.people.forget_from(self.engine.customers)
        if start < dropped:
            self._learn_of_people()
        self._settle_links()
        self._settle_moved()
        if self.people.groups() != self.identity.groups:  # a crash kept a merge from the journal
            self.people.regroup(self.identity.kin(), afresh=True)
            self.people.regroup(self.identity.persons())
        self.people.quarantine_back_to({name: account.received for name, account in self.accounting.sources.items()})
        self._note_playbook()

    def _restore_latest(self) -> int:
        """Load the newest snapshot that this program can read, and say after how many facts it was taken; 0 where there is none."""
        before = self.journal.next_seq
        while (snapshot := self.snapshots.latest(before)) is not None:
            try:
                self._restore(snapshot.arrays, snapshot.meta)
            except StateLayoutError as error:
                self.snapshots.skip(snapshot.seq, str(error))
                before = snapshot.seq - 1
            else:
                return snapshot.seq
        return 0

    def _learn_of_people(self) -> None:
        """Know the identifiers again whose hashes went with the journal's head: the warehouse has none, the people's clear text gives them.

        Raises DeploymentError where nobody is there any more.
        """
        words, unsettled = key_words(self.key), set(self.people.unsettled())
        known = 0
        for number, kind in enumerate(self.playbook.numbering.names["identifier"]):
            named = (
                (customer, text) for customer, text in self.people.numbers_of(kind) if (kind, text) not in unsettled
            )
            while some := list(islice(named, LEARNT_AT_ONCE)):
                builder = BatchBuilder()
                for customer, text in some:
                    hashed = hash_identifier(words, kind, text)
                    if self.identity.find(hashed) < 0:  # what the journal still says is known already, and stands
                        values = np.array(hashed, np.uint64).view(np.int64).tolist()
                        builder.add(FactKind.IDENTIFIER, number, customer, 0, 0, values)
                self.identity.learn(builder.build())
                known += len(some)
        if not known and self._identifiers_dropped:
            raise DeploymentError(
                f"{self.folder / 'people.db'} knows nobody, and the journal has let go of who is who; restore it from a backup"
            )

    def settle_links(self) -> None:
        """Make sure that no link to an old customer is in doubt any more: facts of it may then leave the journal. With the engine at rest."""
        self.flush()
        self._settle_links()

    def _settle_links(self) -> None:
        """Forget identifiers that a crash kept from the journal; to be called when memory is what the journal says."""
        links = self.people.unsettled()
        if links:
            words = key_words(self.key)
            self.people.settle(link for link in links if self.identity.find(hash_identifier(words, *link)) < 0)
        self._links_unsettled = 0

    def _settle_moved(self) -> None:
        """Tell people of identifiers that were given another number by a parting that a crash cut short behind the journal."""
        words, moved = key_words(self.key), []
        for number in self.identity.parted:
            for kind, text in self.people.own_identifiers(number):
                meant = self.identity.find(hash_identifier(words, kind, text))
                if meant not in (-1, number):
                    moved.append((meant, kind, text))
        self.people.remember(moved)

    def _note_playbook(self) -> None:
        """Tell the store of a playbook whose publication a crash cut short: it is in force once it is journaled."""
        published, number = self.store.published(), self.playbook.version
        if self._playbook_at is None or not 0 < number <= self.store.latest():
            return
        seq, received_ms = self._playbook_at
        if published is None or published[1] < seq:
            self.store.publish(number, seq, received_ms)

    def _restore(self, arrays: Arrays, meta: bytes) -> None:
        dictionary = TextDictionary(msgspec.msgpack.decode(arrays["texts"].tobytes(), type=list[str]))

        def room(name: str) -> Arrays:
            return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}

        engine = Engine(dictionary, customers_max=self._customers_max, history=self.history)
        engine.load_arrays(arrays["playbook"].tobytes(), room("engine"))
        self.identity = IdentityIndex.from_arrays(room("identity"), self._customers_max)
        self.repeats = RepeatFilter.from_arrays(room("repeats"))
        self.accounting = Accounting.decode(meta)
        self.forgetting = set(arrays["forgetting"].tolist()) if "forgetting" in arrays else set()
        self.dictionary, self.engine = dictionary, engine

    def _replay(self, group: Group, start: int, dropped: int) -> None:
        batch, _ = read_group(group)
        if group.first_seq < start:
            raise DeploymentError(
                f"the snapshot at {start:,} lies inside a group; remove {self.folder / 'snapshots'} and start again"
            )
        told = batch
        if group.first_seq < dropped:  # out of the warehouse, where the hashes of identifiers are zeros
            named = batch.kind == FactKind.IDENTIFIER
            self._identifiers_dropped |= bool(named.any())
            told = batch.take(np.flatnonzero(~named))
        self.identity.learn(told)
        self.repeats.learn(batch)
        self.engine.process(batch)
        for at in np.flatnonzero(batch.kind == FactKind.FORGOTTEN).tolist():
            change = self.forgetting.add if batch.code[at] == FORGOTTEN_FROM_HERE else self.forgetting.discard
            change(int(batch.customer[at]))
        publishings = np.flatnonzero(batch.kind == FactKind.PLAYBOOK).tolist() if batch.bodies else []
        if publishings:
            self._playbook_at = group.first_seq + publishings[-1], group.received_ms
        if "accounting" in group.arrays:
            self.accounting = Accounting.decode(group.arrays["accounting"].tobytes())


def open_deployment(
    folder: Path,
    *,
    customers_max: int = CUSTOMERS_MAX,
    on_progress: OnProgress | None = None,
    on_fault: OnFault | None = None,
    segment_bytes_max: int = SEGMENT_BYTES_MAX,
) -> Deployment:
    """Open a data folder for writing. Raises DeploymentError where it is none, JournalLocked where another has it open."""
    if not (folder / KEY_FILE).exists():
        raise DeploymentError(f"{folder} is no data folder; make one with `opportune init {folder}`")
    deployment = Deployment(folder, customers_max, on_progress, on_fault, segment_bytes_max)
    try:
        while deployment.forgetting:  # a crash cut it short
            deployment.forget(min(deployment.forgetting), (), on_progress)
    except BaseException:
        deployment.close(snapshot=False)
        raise
    return deployment
